/*
 * A ring between two threads: `put` and `got` count bytes from the beginning
 * of the stream, and the bytes between them belong to the lane, the others to
 * the caller. Each side moves its own count under the lock and works on its
 * bytes without it. The caller, once stopped by a full ring, goes on when half
 * of it is free: that many fewer wake-ups.
 */
#include "base/hash_lane.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define RING_BYTES (512u << 10)
#define STEP_BYTES (64u << 10) /* hashed at a time */

struct hash_lane {
	struct hash *h;
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t more; /* bytes, or the end */
	pthread_cond_t room;
	uint64_t put, got;
	bool ended;
	char ring[RING_BYTES];
};

static atomic_int lanes_open;

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void *
lane_main(void *arg)
{
	struct hash_lane *l = arg;

	pthread_mutex_lock(&l->mu);
	for (;;) {
		size_t at = l->got % RING_BYTES, n;

		while (l->put == l->got && !l->ended)
			pthread_cond_wait(&l->more, &l->mu);
		n = least(l->put - l->got, least(STEP_BYTES, RING_BYTES - at));
		if (n == 0)
			break;
		pthread_mutex_unlock(&l->mu);
		hash_update(l->h, l->ring + at, n);
		pthread_mutex_lock(&l->mu);
		l->got += n;
		if (l->put - l->got <= RING_BYTES / 2)
			pthread_cond_signal(&l->room);
	}
	pthread_mutex_unlock(&l->mu);
	return NULL;
}

static bool
take_lane(void)
{
	if (atomic_fetch_add(&lanes_open, 1) < sysconf(_SC_NPROCESSORS_ONLN))
		return true;
	atomic_fetch_sub(&lanes_open, 1);
	return false;
}

struct hash_lane *
hash_lane_open(struct hash *h)
{
	struct hash_lane *l = take_lane() ? malloc(sizeof(*l)) : NULL;

	if (!l)
		return NULL;
	l->h = h;
	l->put = l->got = 0;
	l->ended = false;
	pthread_mutex_init(&l->mu, NULL);
	pthread_cond_init(&l->more, NULL);
	pthread_cond_init(&l->room, NULL);
	if (pthread_create(&l->thread, NULL, lane_main, l) == 0)
		return l;
	free(l);
	atomic_fetch_sub(&lanes_open, 1);
	return NULL;
}

void
hash_lane_add(struct hash_lane *l, const void *p, size_t n)
{
	while (n) {
		size_t at = l->put % RING_BYTES, now, room;

		pthread_mutex_lock(&l->mu);
		while ((room = RING_BYTES - (l->put - l->got)) <
		       least(n, RING_BYTES / 2))
			pthread_cond_wait(&l->room, &l->mu);
		pthread_mutex_unlock(&l->mu);
		now = least(n, least(room, RING_BYTES - at));
		memcpy(l->ring + at, p, now);
		pthread_mutex_lock(&l->mu);
		l->put += now;
		pthread_cond_signal(&l->more);
		pthread_mutex_unlock(&l->mu);
		p = (const char *)p + now;
		n -= now;
	}
}

void
hash_lane_close(struct hash_lane *l)
{
	int rc;

	if (!l)
		return;
	pthread_mutex_lock(&l->mu);
	l->ended = true;
	pthread_cond_signal(&l->more);
	pthread_mutex_unlock(&l->mu);
	rc = pthread_join(l->thread, NULL);
	assert(rc == 0);
	(void)rc;
	pthread_cond_destroy(&l->room);
	pthread_cond_destroy(&l->more);
	pthread_mutex_destroy(&l->mu);
	free(l);
	atomic_fetch_sub(&lanes_open, 1);
}
