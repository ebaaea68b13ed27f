/*
 * pread over a list of extents, in the clothes of an AVIOContext.
 */
#include "processor/media/input/input.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <libavutil/error.h>
#include <libavutil/mem.h>

#define INPUT_BUFFER (64 << 10)

/* Opened for reading, or memory that nobody can change any more. */
static bool
is_read_only(int fd)
{
	int flags = fcntl(fd, F_GETFL), seals;

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return flags >= 0;
	seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && seals & F_SEAL_WRITE;
}

/* The broker's mistake must not become a way to change what is stored. */
int
input_check(struct job *job)
{
	for (size_t i = 0; i < job->req.n_extents; i++)
		if (!is_read_only(job->req.extents[i].fd))
			return job_fail(job, MEDIA_INTERNAL,
					"the input is not read-only");
	return 0;
}

/* The extent that holds the byte at @at, or NULL behind the last. */
static const struct extent *
find_extent(const struct request *req, int64_t at)
{
	size_t lo = 0, hi = req->n_extents;

	if (at >= req->size)
		return NULL;
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (req->extents[mid].start <= at)
			lo = mid;
		else
			hi = mid;
	}
	return &req->extents[lo];
}

/* As much as one extent has at @at; 0 behind the last. */
static ssize_t
pread_extent(const struct request *req, void *p, size_t n, int64_t at)
{
	const struct extent *e = find_extent(req, at);
	ssize_t did;

	if (!e)
		return 0;
	at -= e->start;
	if ((int64_t)n > e->size - at)
		n = (size_t)(e->size - at);
	do
		did = pread(e->fd, p, n, (off_t)(e->offset + at));
	while (did < 0 && errno == EINTR);
	if (did == 0) {
		errno = EIO; /* the file is shorter than its extent */
		return -1;
	}
	return did;
}

ssize_t
input_pread(const struct request *req, void *p, size_t n, int64_t at)
{
	size_t done = 0;

	while (done < n) {
		ssize_t did = pread_extent(req, (char *)p + done, n - done,
					   at + (int64_t)done);

		if (did < 0)
			return -1;
		if (did == 0)
			break;
		done += (size_t)did;
	}
	return (ssize_t)done;
}

static int
read_packet(void *opaque, uint8_t *p, int n)
{
	struct input *in = opaque;
	ssize_t did;

	if (job_late(in->job))
		return AVERROR_EXIT;
	did = input_pread(&in->job->req, p, (size_t)n, in->at);
	if (did < 0) {
		in->job->read_failed = true;
		return AVERROR(errno);
	}
	in->at += did;
	return did ? (int)did : AVERROR_EOF;
}

static int64_t
seek(void *opaque, int64_t offset, int whence)
{
	struct input *in = opaque;
	int64_t from = 0;

	whence &= ~AVSEEK_FORCE;
	if (whence == AVSEEK_SIZE)
		return in->job->req.size;
	if (whence == SEEK_CUR)
		from = in->at;
	else if (whence == SEEK_END)
		from = in->job->req.size;
	else if (whence != SEEK_SET)
		return AVERROR(EINVAL);
	/* The offset may be any number the file names. */
	if (__builtin_add_overflow(offset, from, &offset) || offset < 0)
		return AVERROR(EINVAL);
	in->at = offset;
	return offset;
}

AVIOContext *
input_open(struct input *in, struct job *job)
{
	unsigned char *buffer = av_malloc(INPUT_BUFFER);
	AVIOContext *io;

	*in = (struct input){ .job = job };
	if (!buffer)
		return NULL;
	io = avio_alloc_context(buffer, INPUT_BUFFER, 0, in, read_packet, NULL,
				seek);
	if (!io)
		av_free(buffer);
	return io;
}

void
input_close(AVIOContext **io)
{
	if (*io)
		av_freep(&(*io)->buffer);
	avio_context_free(io);
}
