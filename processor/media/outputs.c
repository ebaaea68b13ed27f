/*
 * Creating the output files while paths still exist.
 */
#include "processor/media/outputs.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int
outputs_add(struct job *job, struct outputs *out, const char *fmt, ...)
{
	struct output *list =
	    realloc(out->list, (out->n + 1) * sizeof(*out->list));
	va_list ap;
	int n;

	if (!list)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	out->list = list;
	out->list[out->n] = (struct output){ .fd = -1 };
	va_start(ap, fmt);
	n = vsnprintf(out->list[out->n].name, OUTPUT_NAME_MAX, fmt, ap);
	va_end(ap);
	out->n++;
	if (n < 0 || n >= OUTPUT_NAME_MAX)
		return job_fail(job, MEDIA_INTERNAL, "an output's name");
	return 0;
}

int
outputs_create(struct job *job, struct outputs *out)
{
	for (size_t i = 0; i < out->n; i++) {
		out->list[i].fd = openat(
		    MEDIA_FD_OUTPUT, out->list[i].name,
		    O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (out->list[i].fd < 0)
			return job_fail(job, MEDIA_INTERNAL,
					"cannot create %s: %s",
					out->list[i].name, strerror(errno));
	}
	/* The directory itself is of no use to anyone from here on. */
	close(MEDIA_FD_OUTPUT);
	return 0;
}

void
outputs_close(struct outputs *out)
{
	for (size_t i = 0; i < out->n; i++)
		if (out->list[i].fd >= 0)
			close(out->list[i].fd);
	free(out->list);
}

struct output *
output_named(const struct outputs *out, const char *name)
{
	for (size_t i = 0; i < out->n; i++)
		if (strcmp(out->list[i].name, name) == 0)
			return &out->list[i];
	return NULL;
}

int
output_write(struct job *job, const struct output *out, const void *data,
	     size_t n)
{
	if (ftruncate(out->fd, 0) == 0 &&
	    io_pwrite_all(out->fd, data, n, 0) == 0)
		return 0;
	return job_fail(job, MEDIA_LIMIT, "cannot write %s: %s", out->name,
			strerror(errno));
}

void
output_keep(struct output *out, const char *role)
{
	out->role = role;
}

void
outputs_list(struct buf *json, const struct outputs *out)
{
	json_open_array(json, "files");
	for (size_t i = 0; i < out->n; i++) {
		if (!out->list[i].role)
			continue;
		json_open_object(json, NULL);
		json_put_str(json, "role", out->list[i].role);
		json_put_str(json, "file", out->list[i].name);
		json_close_object(json);
	}
	json_close_array(json);
}
