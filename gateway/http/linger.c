/*
 * One thread polls the lingering sockets. The sockets share O_NONBLOCK with
 * the daemon's descriptor, so nothing is received without poll() before it.
 */
#include "gateway/http/linger.h"
#include "base/timeval.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_MAX 256
#define LINGER_BYTES (64u << 20)
#define LINGER_US (5 * US_PER_S)

struct lingering {
	int fd;
	uint64_t bytes;
	int64_t deadline_us;
};

/* lock guards v, n and stopping. */
struct lingerer {
	pthread_t thread;
	pthread_mutex_t lock;
	int wake;
	bool stopping;
	size_t n;
	struct lingering v[LINGER_MAX];
	struct pollfd poll[LINGER_MAX + 1]; /* the thread's */
	char sink[65536];
};

/* Whether the socket is to be kept. */
static bool
drain(struct lingerer *l, struct lingering *s)
{
	ssize_t got = recv(s->fd, l->sink, sizeof(l->sink), MSG_DONTWAIT);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	s->bytes += (uint64_t)got;
	return got > 0 && s->bytes < LINGER_BYTES;
}

/* Fills the poll set; answers the wait in milliseconds, -1: for ever. */
static int
prepare(struct lingerer *l, size_t *n)
{
	int64_t now = time_mono_us(), first = INT64_MAX;

	pthread_mutex_lock(&l->lock);
	l->poll[0] = (struct pollfd){ .fd = l->wake, .events = POLLIN };
	for (size_t i = 0; i < l->n; i++) {
		l->poll[i + 1] =
		    (struct pollfd){ .fd = l->v[i].fd, .events = POLLIN };
		if (l->v[i].deadline_us < first)
			first = l->v[i].deadline_us;
	}
	*n = l->n;
	pthread_mutex_unlock(&l->lock);
	if (first == INT64_MAX)
		return -1;
	return first <= now ? 0 : (int)((first - now) / 1000) + 1;
}

/* Only this thread removes entries, and others append behind the first n. */
static bool
serve(struct lingerer *l, size_t n)
{
	int64_t now = time_mono_us();
	uint64_t word;
	bool stopping;

	if (l->poll[0].revents &&
	    read(l->wake, &word, sizeof(word)) != sizeof(word))
		return false;
	pthread_mutex_lock(&l->lock);
	for (size_t i = n; i-- > 0;) {
		bool keep = l->v[i].deadline_us > now;

		if (keep && l->poll[i + 1].revents)
			keep = drain(l, &l->v[i]);
		if (!keep) {
			close(l->v[i].fd);
			l->v[i] = l->v[--l->n];
		}
	}
	stopping = l->stopping;
	pthread_mutex_unlock(&l->lock);
	return !stopping;
}

static void *
linger_run(void *arg)
{
	struct lingerer *l = arg;
	size_t n;
	int timeout;

	do {
		timeout = prepare(l, &n);
		if (poll(l->poll, n + 1, timeout) < 0)
			l->poll[0].revents = 0;
	} while (serve(l, n));
	return NULL;
}

struct lingerer *
linger_new(void)
{
	struct lingerer *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->wake = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&l->lock, NULL);
	if (l->wake < 0 ||
	    (errno = pthread_create(&l->thread, NULL, linger_run, l)) != 0) {
		if (l->wake >= 0)
			close(l->wake);
		pthread_mutex_destroy(&l->lock);
		free(l);
		return NULL;
	}
	return l;
}

static void
wake(struct lingerer *l)
{
	const uint64_t one = 1;

	if (write(l->wake, &one, sizeof(one)) != sizeof(one))
		return; /* the counter is full: the thread is awake anyway */
}

void
linger_add(struct lingerer *l, int fd)
{
	bool added = false;

	pthread_mutex_lock(&l->lock);
	if (l->n < LINGER_MAX && !l->stopping) {
		l->v[l->n++] = (struct lingering){
			.fd = fd,
			.deadline_us = time_mono_us() + LINGER_US,
		};
		added = true;
	}
	pthread_mutex_unlock(&l->lock);
	if (added)
		wake(l);
	else
		close(fd);
}

void
linger_free(struct lingerer *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->stopping = true;
	pthread_mutex_unlock(&l->lock);
	wake(l);
	pthread_join(l->thread, NULL);
	for (size_t i = 0; i < l->n; i++)
		close(l->v[i].fd);
	close(l->wake);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
