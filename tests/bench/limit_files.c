/*
 * What the file system can do: the steps of a durable write, without a server.
 */
#include "tests/bench/limit.h"
#include "base/io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct files_work {
	int dir;
	int fd; /* of append */
	const char *data;
	uint64_t size;
	uint64_t keys;
	unsigned number; /* of the thread */
};

static bool
append_step(void *ctx, uint64_t i)
{
	const struct files_work *w = ctx;

	(void)i;
	return io_write_all(w->fd, w->data, w->size) == 0 &&
	       fdatasync(w->fd) == 0;
}

static bool
file_step(void *ctx, uint64_t i)
{
	const struct files_work *w = ctx;
	char temp[32], name[32];
	int fd;
	bool ok;

	snprintf(temp, sizeof(temp), "new%u", w->number);
	snprintf(name, sizeof(name), "%08llu",
		 (unsigned long long)(i % w->keys));
	fd = openat(w->dir, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0644);
	if (fd < 0)
		return false;
	ok = io_write_all(fd, w->data, w->size) == 0 && fdatasync(fd) == 0;
	close(fd);
	return ok && renameat(w->dir, temp, w->dir, name) == 0 &&
	       fsync(w->dir) == 0;
}

static bool
stream_step(void *ctx, uint64_t i)
{
	const struct files_work *w = ctx;
	char name[32];
	int fd;
	bool ok = true;

	snprintf(name, sizeof(name), "%08llu",
		 (unsigned long long)(i % w->keys));
	fd = openat(w->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0644);
	if (fd < 0)
		return false;
	for (uint64_t at = 0; ok && at < w->size; at += 1u << 20)
		ok = io_write_all(fd, w->data,
				  w->size - at < 1u << 20 ? w->size - at
							  : 1u << 20) == 0;
	ok = ok && fdatasync(fd) == 0;
	close(fd);
	return ok;
}

static int
run(const struct limit_conf *conf, limit_step step, size_t threads,
    uint64_t data_bytes, struct bench_result *out)
{
	struct files_work *w = calloc(threads, sizeof(*w));
	void **ctx = calloc(threads, sizeof(*ctx));
	char *data = bench_data(data_bytes);
	int dir = -1, fd = -1, rc = -1;

	if (w && ctx && data &&
	    (mkdir(conf->dir, 0755) == 0 || access(conf->dir, W_OK) == 0))
		dir = open(conf->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		fd = openat(dir, "append",
			    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	for (size_t i = 0; fd >= 0 && i < threads; i++) {
		w[i] = (struct files_work){ .dir = dir,
					    .fd = fd,
					    .data = data,
					    .size = conf->size,
					    .keys = conf->keys,
					    .number = (unsigned)i };
		ctx[i] = &w[i];
	}
	if (fd >= 0)
		rc = limit_repeat(conf, step, ctx, threads, conf->size, out);
	if (rc != 0)
		perror("bench-limit");
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	free(data);
	free(ctx);
	free(w);
	return rc;
}

int
limit_append(const struct limit_conf *conf, struct bench_result *out)
{
	return run(conf, append_step, 1, conf->size, out);
}

int
limit_files(const struct limit_conf *conf, struct bench_result *out)
{
	return run(conf, file_step, conf->threads, conf->size, out);
}

int
limit_stream(const struct limit_conf *conf, struct bench_result *out)
{
	return run(conf, stream_step, conf->threads, 1u << 20, out);
}
