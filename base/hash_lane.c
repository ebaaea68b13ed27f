/*
 * A ring between two threads: `put` and `got` count bytes from the beginning
 * of the stream, and the bytes between them belong to the worker, the others
 * to the caller. Each side moves its own count under the worker's lock and
 * works on its bytes without it. The worker takes whole steps until a stream
 * has ended, so a step never crosses the ring's end. A worker without work is
 * woken for several steps, and a caller that was stopped by a full ring when
 * half of it is free: that many fewer wake-ups.
 *
 * Streams cost least when they are hashed together, so a worker waits until
 * all have a step, but for one that has ended or half filled its ring: then it
 * takes what there is.
 *
 * OpenSSL's MD5 with the state in view is deprecated, but the only one that
 * can change between its code and ours.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/hash_lane.h"
#include "base/md5_lanes.h"

#include <openssl/md5.h>
#include <pthread.h>
#include <unistd.h>

#define RING_BYTES (1u << 20)
#define STEP_BYTES (16u << 10)
#define WAKE_BYTES (64u << 10)
#define PRESSING_BYTES (RING_BYTES / 2)
#define RELIEVED_BYTES (PRESSING_BYTES - (128u << 10))
#define TOGETHER_MIN 2
#define WORKERS_MAX 16

struct worker {
	pthread_mutex_t mu;
	pthread_cond_t more; /* bytes, an end, or no lane left */
	struct hash_lane *lanes[MD5_LANES];
	size_t n;
	bool running;
};

struct hash_lane {
	struct worker *worker;
	MD5_CTX md5; /* the worker's, until all is hashed */
	pthread_cond_t room;
	uint64_t put, got;
	bool ended;
	char ring[RING_BYTES];
};

/* What the worker hashes next of one lane. */
struct piece {
	struct hash_lane *lane;
	const char *p;
	size_t n;
};

static struct worker workers[WORKERS_MAX];
static size_t n_workers;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void
make_workers(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	n_workers = processors > 2 ? (size_t)processors / 2 : 1;
	n_workers = least(n_workers, WORKERS_MAX);
	for (size_t i = 0; i < n_workers; i++) {
		pthread_mutex_init(&workers[i].mu, NULL);
		pthread_cond_init(&workers[i].more, NULL);
	}
}

/* ---- the worker --------------------------------------------------------- */

static void
hash_together(const struct piece *v, size_t n)
{
	const char *p[MD5_LANES];
	struct md5_lanes s = { 0 };

	for (size_t i = 0; i < MD5_LANES; i++)
		p[i] = v[i < n ? i : 0].p;
	for (size_t i = 0; i < n; i++) {
		s.word[0][i] = v[i].lane->md5.A;
		s.word[1][i] = v[i].lane->md5.B;
		s.word[2][i] = v[i].lane->md5.C;
		s.word[3][i] = v[i].lane->md5.D;
	}
	md5_lanes_update(&s, p, STEP_BYTES / MD5_BLOCK_BYTES);
	for (size_t i = 0; i < n; i++) {
		MD5_CTX *c = &v[i].lane->md5;

		c->A = s.word[0][i];
		c->B = s.word[1][i];
		c->C = s.word[2][i];
		c->D = s.word[3][i];
		/* the stream's length in bits */
		c->Nl += 8 * STEP_BYTES;
		c->Nh += c->Nl < 8 * STEP_BYTES;
	}
}

/* What is ready, whole steps first; @pressing: whether somebody waits for it,
 * or soon will. Called with the lock held. */
static size_t
find_work(const struct worker *w, struct piece v[MD5_LANES], size_t *whole,
	  bool *pressing)
{
	size_t n = 0, much = *pressing ? RELIEVED_BYTES : PRESSING_BYTES;

	*whole = 0;
	*pressing = false;
	for (size_t i = 0; i < w->n; i++) {
		struct hash_lane *l = w->lanes[i];
		size_t bytes = least(l->put - l->got, STEP_BYTES);

		if (bytes == 0 || (bytes < STEP_BYTES && !l->ended))
			continue;
		*pressing |= l->ended || l->put - l->got >= much;
		v[n++] =
		    (struct piece){ l, l->ring + l->got % RING_BYTES, bytes };
		if (bytes == STEP_BYTES) {
			struct piece last = v[n - 1];

			v[n - 1] = v[*whole];
			v[(*whole)++] = last;
		}
	}
	return n;
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	struct piece v[MD5_LANES];
	bool pressing = false;

	pthread_mutex_lock(&w->mu);
	while (w->n) {
		size_t whole, n = find_work(w, v, &whole, &pressing);
		size_t together = whole >= TOGETHER_MIN ? whole : 0;

		if (n == 0 || (n < w->n && !pressing)) {
			pthread_cond_wait(&w->more, &w->mu);
			continue;
		}
		pthread_mutex_unlock(&w->mu);
		if (together)
			hash_together(v, together);
		for (size_t i = together; i < n; i++)
			MD5_Update(&v[i].lane->md5, v[i].p, v[i].n);
		pthread_mutex_lock(&w->mu);
		for (size_t i = 0; i < n; i++) {
			struct hash_lane *l = v[i].lane;

			l->got += v[i].n;
			if (l->ended || l->put - l->got <= PRESSING_BYTES)
				pthread_cond_signal(&l->room);
		}
	}
	w->running = false;
	pthread_mutex_unlock(&w->mu);
	return NULL;
}

/* ---- the callers' side -------------------------------------------------- */

/* Called with the lock held. */
static bool
start(struct worker *w)
{
	pthread_t thread;

	if (w->running)
		return true;
	w->running = pthread_create(&thread, NULL, worker_main, w) == 0;
	if (w->running)
		pthread_detach(thread);
	return w->running;
}

/* A place at the worker that has the fewest. */
static bool
join_worker(struct hash_lane *l)
{
	for (size_t lanes = 0; lanes < MD5_LANES; lanes++)
		for (size_t i = 0; i < n_workers; i++) {
			struct worker *w = &workers[i];
			bool joined;

			pthread_mutex_lock(&w->mu);
			joined = w->n == lanes && start(w);
			if (joined)
				w->lanes[w->n++] = l;
			l->worker = w;
			pthread_mutex_unlock(&w->mu);
			if (joined)
				return true;
		}
	return false;
}

struct hash_lane *
hash_lane_open(void)
{
	struct hash_lane *l = malloc(sizeof(*l));

	pthread_once(&once, make_workers);
	if (!l)
		return NULL;
	MD5_Init(&l->md5);
	pthread_cond_init(&l->room, NULL);
	l->put = l->got = 0;
	l->ended = false;
	if (join_worker(l))
		return l;
	pthread_cond_destroy(&l->room);
	free(l);
	return NULL;
}

/* Whether @n bytes more lift what waits in the ring to @mark. */
static bool
passes(const struct hash_lane *l, size_t n, size_t mark)
{
	uint64_t waiting = l->put - l->got;

	return waiting < mark && waiting + n >= mark;
}

void
hash_lane_add(struct hash_lane *l, const void *p, size_t n)
{
	struct worker *w = l->worker;

	while (n) {
		size_t at = l->put % RING_BYTES, now, room;
		bool wakes;

		pthread_mutex_lock(&w->mu);
		while ((room = RING_BYTES - (l->put - l->got)) <
		       least(n, RING_BYTES - PRESSING_BYTES))
			pthread_cond_wait(&l->room, &w->mu);
		pthread_mutex_unlock(&w->mu);
		now = least(n, least(room, RING_BYTES - at));
		bytes_copy(l->ring + at, p, now);
		pthread_mutex_lock(&w->mu);
		wakes = passes(l, now, WAKE_BYTES) ||
			passes(l, now, PRESSING_BYTES);
		l->put += now;
		pthread_mutex_unlock(&w->mu);
		if (wakes)
			pthread_cond_signal(&w->more);
		p = (const char *)p + now;
		n -= now;
	}
}

static void
leave_worker(struct hash_lane *l)
{
	struct worker *w = l->worker;
	size_t i = 0;

	while (w->lanes[i] != l)
		i++;
	w->lanes[i] = w->lanes[--w->n];
	pthread_cond_signal(&w->more);
}

void
hash_lane_close(struct hash_lane *l, uint8_t md5[MD5_BYTES])
{
	uint8_t unused[MD5_BYTES];

	if (!l)
		return;
	pthread_mutex_lock(&l->worker->mu);
	l->ended = true;
	pthread_cond_signal(&l->worker->more);
	while (l->got != l->put)
		pthread_cond_wait(&l->room, &l->worker->mu);
	leave_worker(l);
	pthread_mutex_unlock(&l->worker->mu);
	MD5_Final(md5 ? md5 : unused, &l->md5);
	pthread_cond_destroy(&l->room);
	free(l);
}
