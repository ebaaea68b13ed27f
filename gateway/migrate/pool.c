/*
 * Threads that each make one key after the other what it shall be. The walk
 * hands them keys and waits while all places are taken, so memory is bounded
 * by their number.
 *
 * Shared state: the places, under mu. An empty one has no bucket.
 */
#include "gateway/migrate/work.h"

struct place {
	const struct migrate_bucket *bucket; /* NULL: empty */
	bool taken;			     /* by a worker */
	enum migrate_how how;
	size_t key_n;
	char key[STORE_KEY_MAX];
};

struct migrate_pool {
	struct migrate *m;
	pthread_mutex_t mu;
	pthread_cond_t changed;
	bool end;
	size_t n_threads;
	size_t n_used;
	pthread_t threads[MIGRATE_WORKERS_MAX];
	struct place places[2 * MIGRATE_WORKERS_MAX];
};

/* One that waits for a worker; mu is held. */
static struct place *
next_place(struct migrate_pool *p)
{
	for (size_t i = 0; i < ARRAY_LEN(p->places); i++)
		if (p->places[i].bucket && !p->places[i].taken)
			return &p->places[i];
	return NULL;
}

static void *
work(void *arg)
{
	struct migrate_pool *p = arg;
	struct place *place;

	pthread_setname_np(pthread_self(), "migrate");
	pthread_mutex_lock(&p->mu);
	for (;;) {
		place = next_place(p);
		if (!place && p->end)
			break;
		if (!place) {
			pthread_cond_wait(&p->changed, &p->mu);
			continue;
		}
		place->taken = true;
		pthread_mutex_unlock(&p->mu);
		if (!migrate_stopped(p->m))
			migrate_key(p->m, place->bucket,
				    slice_mem(place->key, place->key_n),
				    place->how);
		pthread_mutex_lock(&p->mu);
		place->taken = false;
		place->bucket = NULL;
		p->n_used--;
		pthread_cond_broadcast(&p->changed);
	}
	pthread_mutex_unlock(&p->mu);
	return NULL;
}

struct migrate_pool *
migrate_pool_new(struct migrate *m, unsigned workers)
{
	struct migrate_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->m = m;
	pthread_mutex_init(&p->mu, NULL);
	pthread_cond_init(&p->changed, NULL);
	while (p->n_threads < workers && p->n_threads < MIGRATE_WORKERS_MAX &&
	       pthread_create(&p->threads[p->n_threads], NULL, work, p) == 0)
		p->n_threads++;
	if (p->n_threads)
		return p;
	migrate_pool_free(p);
	return NULL;
}

void
migrate_pool_free(struct migrate_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->mu);
	p->end = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->mu);
	for (size_t i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->mu);
	free(p);
}

void
migrate_pool_push(struct migrate_pool *p, const struct migrate_bucket *b,
		  struct slice key, enum migrate_how how)
{
	struct place *place = p->places;

	pthread_mutex_lock(&p->mu);
	while (p->n_used == 2 * p->n_threads)
		pthread_cond_wait(&p->changed, &p->mu);
	while (place->bucket)
		place++;
	place->bucket = b;
	place->how = how;
	place->key_n = key.n;
	bytes_copy(place->key, key.p, key.n);
	p->n_used++;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->mu);
}

void
migrate_pool_drain(struct migrate_pool *p)
{
	pthread_mutex_lock(&p->mu);
	while (p->n_used)
		pthread_cond_wait(&p->changed, &p->mu);
	pthread_mutex_unlock(&p->mu);
}
