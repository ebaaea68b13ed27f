/*
 * An object of a remote store as a local file without a name: it is gone with
 * its last descriptor, whatever becomes of this process.
 */
#include "processor/input.h"
#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#define STEP (4u << 20)

static enum s3_error
no_room(const char *dir, uint64_t size)
{
	log_error("spool", "cannot write %" PRIu64 " bytes to %s: %s", size,
		  dir, strerror(errno));
	return S3_ERR_INSUFFICIENT_STORAGE;
}

static enum s3_error
copy(struct store_read *read, int fd, const char *dir, uint64_t size,
     const _Atomic int *stop)
{
	char *chunk = malloc(STEP);
	enum s3_error err = chunk ? S3_OK : S3_ERR_INTERNAL_ERROR;

	store_read_want(read, 0, size);
	for (uint64_t at = 0; err == S3_OK && at < size;) {
		size_t n = size - at < STEP ? (size_t)(size - at) : STEP;

		if (*stop)
			err = S3_ERR_SERVICE_UNAVAILABLE;
		else
			err = store_read_at(read, at, chunk, n);
		if (err == S3_ERR_OPERATION_ABORTED) /* replaced: later */
			err = S3_ERR_SERVICE_UNAVAILABLE;
		if (err == S3_OK && io_write_all(fd, chunk, n) != 0)
			err = no_room(dir, size);
		at += n;
	}
	free(chunk);
	return err;
}

/* The worker gets a descriptor that cannot write. */
static int
reopen_read_only(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

enum s3_error
input_spool(struct input *in, struct store *s, const char *dir,
	    const char *bucket, const char *key, uint64_t size_max,
	    const _Atomic int *stop)
{
	struct store_read *read = NULL;
	struct store_object object;
	struct arena a;
	enum s3_error err;
	int fd = -1;

	arena_init(&a, 256u << 10);
	err = store_get(s, &STORE_REF(slice_str(bucket), slice_str(key)), NULL,
			&a, &object, &read);
	if (err == S3_OK && object.size > size_max)
		err = S3_ERR_ENTITY_TOO_LARGE;
	if (err == S3_OK) {
		in->extents = calloc(1, sizeof(*in->extents));
		fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		err = !in->extents ? S3_ERR_INTERNAL_ERROR
		      : fd < 0	   ? no_room(dir, object.size)
				   : copy(read, fd, dir, object.size, stop);
	}
	if (err == S3_OK) {
		in->extents[0].fd = reopen_read_only(fd);
		in->extents[0].offset = 0;
		in->extents[0].size = object.size;
		in->size = object.size;
		in->n = in->extents[0].fd >= 0 ? 1 : 0;
		snprintf(in->etag, sizeof(in->etag), "%s", object.etag);
		err = in->n ? S3_OK : S3_ERR_INTERNAL_ERROR;
	}
	if (fd >= 0)
		close(fd);
	store_read_close(read);
	arena_release(&a);
	return err;
}
