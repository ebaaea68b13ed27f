/*
 * A ring of buffers between two threads: `filled` and `written` count buffers
 * from the beginning of the file. Those between them belong to the writer, the
 * others to the caller, who fills the next. Each side moves its own count
 * under the lock and works on its buffers without it. What does not fill a
 * buffer at the end goes through the page cache: O_DIRECT takes no odd bytes.
 */
#include "store/local/stream.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#define ALIGNMENT 4096u /* of memory, offsets and lengths */

struct blob_stream {
	int fd;
	char *memory;
	size_t fill; /* bytes in the caller's buffer */
	pthread_t writer;
	pthread_mutex_t mu; /* of what follows */
	pthread_cond_t changed;
	uint64_t filled, written;
	bool ended;
	int error; /* errno of the writer, which then writes no more */
};

static atomic_uint n_streams;

static int
set_direct(int fd, bool direct)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -1;
	return fcntl(fd, F_SETFL,
		     direct ? flags | O_DIRECT : flags & ~O_DIRECT);
}

static char *
buffer(struct blob_stream *s, uint64_t no)
{
	return s->memory + no % STREAM_BUFFERS * STREAM_BUFFER_BYTES;
}

/* ---- the writer --------------------------------------------------------- */

/* A disk that wants a larger alignment, or wrote an odd part of it and said
 * nothing, gets the rest through the page cache. */
static int
write_buffer(struct blob_stream *s, uint64_t no)
{
	off_t at = (off_t)(no * STREAM_BUFFER_BYTES);
	int rc = io_pwrite_all(s->fd, buffer(s, no), STREAM_BUFFER_BYTES, at);

	if (rc != 0 && errno == EINVAL && set_direct(s->fd, false) == 0)
		rc = io_pwrite_all(s->fd, buffer(s, no), STREAM_BUFFER_BYTES,
				   at);
	return rc;
}

static void *
writer_main(void *arg)
{
	struct blob_stream *s = arg;

	pthread_mutex_lock(&s->mu);
	while (!s->error && (s->written < s->filled || !s->ended)) {
		int rc;

		if (s->written == s->filled) {
			pthread_cond_wait(&s->changed, &s->mu);
			continue;
		}
		pthread_mutex_unlock(&s->mu);
		rc = write_buffer(s, s->written);
		pthread_mutex_lock(&s->mu);
		if (rc == 0)
			s->written++;
		else
			s->error = errno;
		pthread_cond_signal(&s->changed);
	}
	pthread_mutex_unlock(&s->mu);
	return NULL;
}

/* ---- the caller's side -------------------------------------------------- */

static struct blob_stream *
new_stream(int fd)
{
	struct blob_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->fd = fd;
	s->memory =
	    aligned_alloc(ALIGNMENT, STREAM_BUFFERS * STREAM_BUFFER_BYTES);
	pthread_mutex_init(&s->mu, NULL);
	pthread_cond_init(&s->changed, NULL);
	if (s->memory && pthread_create(&s->writer, NULL, writer_main, s) == 0)
		return s;
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->mu);
	free(s->memory);
	free(s);
	return NULL;
}

struct blob_stream *
blob_stream_open(int fd)
{
	struct blob_stream *s = NULL;

	if (atomic_fetch_add(&n_streams, 1) < STREAMS_MAX &&
	    set_direct(fd, true) == 0) {
		s = new_stream(fd);
		if (!s)
			(void)!set_direct(fd, false);
	}
	if (!s)
		atomic_fetch_sub(&n_streams, 1);
	return s;
}

static int
pass_on(struct blob_stream *s)
{
	int error;

	pthread_mutex_lock(&s->mu);
	s->filled++;
	pthread_cond_signal(&s->changed);
	while (s->filled - s->written == STREAM_BUFFERS && !s->error)
		pthread_cond_wait(&s->changed, &s->mu);
	error = s->error;
	pthread_mutex_unlock(&s->mu);
	s->fill = 0;
	errno = error;
	return error ? -1 : 0;
}

int
blob_stream_add(struct blob_stream *s, const void *p, size_t n)
{
	const char *from = p;

	while (n) {
		size_t room = STREAM_BUFFER_BYTES - s->fill;
		size_t now = n < room ? n : room;

		bytes_copy(buffer(s, s->filled) + s->fill, from, now);
		s->fill += now;
		from += now;
		n -= now;
		if (now == room && pass_on(s) != 0)
			return -1;
	}
	return 0;
}

/* Once; the writer has then written all buffers, or failed. */
static void
stop(struct blob_stream *s)
{
	pthread_mutex_lock(&s->mu);
	s->ended = true;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->mu);
	pthread_join(s->writer, NULL);
}

static void
release(struct blob_stream *s)
{
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->mu);
	free(s->memory);
	free(s);
	atomic_fetch_sub(&n_streams, 1);
}

int
blob_stream_end(struct blob_stream *s)
{
	int error;

	stop(s);
	error = s->error;
	if (!error &&
	    (set_direct(s->fd, false) != 0 ||
	     io_pwrite_all(s->fd, buffer(s, s->filled), s->fill,
			   (off_t)(s->filled * STREAM_BUFFER_BYTES)) != 0))
		error = errno;
	release(s);
	errno = error;
	return error ? -1 : 0;
}

void
blob_stream_drop(struct blob_stream *s)
{
	if (!s)
		return;
	stop(s);
	release(s);
}
