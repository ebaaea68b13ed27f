/*
 * The table of connections and the thread that looks at it once a second.
 */
#include "gateway/http/sweep.h"
#include "base/log.h"
#include "base/timeval.h"

#include <errno.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <pthread.h>
#include <sys/socket.h>

/* lock guards the list and stopping; count changes under it. */
struct sweeper {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stop;
	bool stopping;
	struct sweep_limits limits;
	unsigned max;
	atomic_uint count;
	struct sweep_conn *first;
};

/* Bytes of ours that the peer's kernel has acknowledged, ever. */
static uint64_t
acknowledged(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t n = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
		return 0;
	return info.tcpi_bytes_acked;
}

static void
next_window(struct sweep_conn *c, int64_t now, uint64_t mark)
{
	atomic_store(&c->bytes, mark);
	atomic_store(&c->since_us, now);
}

/* Whether a window is over in which fewer bytes moved than must; else the
 * next window begins at @mark. */
static bool
is_slow(const struct sweep_limits *l, struct sweep_conn *c, int64_t now,
	uint64_t moved, uint64_t mark)
{
	if ((now - atomic_load(&c->since_us)) / 1000 <= l->window_ms)
		return false;
	if (moved < (uint64_t)l->window_ms * l->rate / 1000)
		return true;
	next_window(c, now, mark);
	return false;
}

/* Why the connection is to be ended, or NULL. */
static const char *
verdict(const struct sweep_limits *l, struct sweep_conn *c, int64_t now)
{
	/* First the phase: what it was entered with is there by then. */
	int phase = atomic_load_explicit(&c->phase, memory_order_acquire);
	int64_t ms = (now - atomic_load(&c->since_us)) / 1000;
	uint64_t bytes = atomic_load(&c->bytes), acked;

	switch (phase) {
	case SWEEP_HEADERS:
		return ms > l->headers_ms ? "slow_headers" : NULL;
	case SWEEP_IDLE:
		/* Silence ends at the daemon's own timeout; who is still here
		 * is sending a request line byte by byte. */
		return ms > l->idle_ms + l->headers_ms ? "slow_headers" : NULL;
	case SWEEP_BODY:
		return is_slow(l, c, now, bytes, 0) ? "slow_body" : NULL;
	case SWEEP_SENDING:
		acked = acknowledged(c->fd);
		if (bytes == SWEEP_UNASKED) {
			next_window(c, now, acked);
			return NULL;
		}
		return is_slow(l, c, now, acked - bytes, acked) ? "slow_reader"
								: NULL;
	default:
		return NULL;
	}
}

static void
sweep(struct sweeper *s)
{
	int64_t now = time_mono_us();
	const char *why;

	for (struct sweep_conn *c = s->first; c; c = c->next) {
		why = verdict(&s->limits, c, now);
		if (why) {
			log_info(why, "ending a connection that is too slow");
			shutdown(c->fd, SHUT_RDWR);
		}
	}
}

static void
shut_idle(struct sweeper *s, int min_ms)
{
	int64_t limit = time_mono_us() - min_ms * 1000LL;

	for (struct sweep_conn *c = s->first; c; c = c->next)
		if (atomic_load(&c->phase) == SWEEP_IDLE &&
		    atomic_load(&c->since_us) <= limit)
			shutdown(c->fd, SHUT_RDWR);
}

bool
sweep_filling(struct sweeper *s)
{
	return atomic_load(&s->count) * 4ull > s->max * 3ull;
}

bool
sweep_crowded(struct sweeper *s)
{
	return atomic_load(&s->count) * 10ull > s->max * 9ull;
}

bool
sweep_full(struct sweeper *s)
{
	return atomic_load(&s->count) >= s->max;
}

static void *
sweep_run(void *arg)
{
	struct sweeper *s = arg;

	pthread_mutex_lock(&s->lock);
	while (!s->stopping) {
		time_cond_wait(&s->stop, &s->lock,
			       time_mono_us() + s->limits.tick_ms * 1000LL);
		sweep(s);
		if (sweep_crowded(s))
			shut_idle(s, s->limits.tick_ms);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

struct sweeper *
sweeper_new(unsigned max_connections, const struct sweep_limits *limits)
{
	struct sweeper *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->max = max_connections;
	s->limits = *limits;
	pthread_mutex_init(&s->lock, NULL);
	time_cond_init(&s->stop);
	errno = pthread_create(&s->thread, NULL, sweep_run, s);
	if (errno != 0) {
		pthread_cond_destroy(&s->stop);
		pthread_mutex_destroy(&s->lock);
		free(s);
		return NULL;
	}
	return s;
}

void
sweeper_free(struct sweeper *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_signal(&s->stop);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->stop);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct sweep_conn *
sweep_add(struct sweeper *s, int fd)
{
	struct sweep_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fd = fd;
	sweep_enter(c, SWEEP_HEADERS);
	pthread_mutex_lock(&s->lock);
	c->next = s->first;
	if (c->next)
		c->next->prev = c;
	s->first = c;
	s->count++;
	pthread_mutex_unlock(&s->lock);
	return c;
}

void
sweep_remove(struct sweeper *s, struct sweep_conn *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&s->lock);
	if (c->prev)
		c->prev->next = c->next;
	else
		s->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->count--;
	pthread_mutex_unlock(&s->lock);
	free(c);
}

unsigned
sweep_count(struct sweeper *s)
{
	return atomic_load(&s->count);
}

void
sweep_shut_idle(struct sweeper *s, int min_ms)
{
	pthread_mutex_lock(&s->lock);
	shut_idle(s, min_ms);
	pthread_mutex_unlock(&s->lock);
}

void
sweep_enter(struct sweep_conn *c, enum sweep_phase phase)
{
	if (!c)
		return;
	if (phase != SWEEP_WORKING) { /* which may last */
		atomic_store_explicit(
		    &c->bytes, phase == SWEEP_SENDING ? SWEEP_UNASKED : 0,
		    memory_order_relaxed);
		atomic_store_explicit(&c->since_us, time_mono_us(),
				      memory_order_relaxed);
	}
	atomic_store_explicit(&c->phase, phase, memory_order_release);
}

void
sweep_body_begin(struct sweep_conn *c)
{
	if (!c)
		return;
	c->entered_us = time_mono_us();
	atomic_store(&c->phase, SWEEP_WORKING);
}

void
sweep_body_end(struct sweep_conn *c, size_t n)
{
	if (!c)
		return;
	atomic_fetch_add(&c->bytes, n);
	atomic_fetch_add(&c->since_us, time_mono_us() - c->entered_us);
	atomic_store(&c->phase, SWEEP_BODY);
}
