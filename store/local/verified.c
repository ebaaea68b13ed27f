/*
 * The memory of verified blocks: a table of sets, each of a few entries.
 * Invariant: a bit is set only by who has just compared that block, and ends
 * with its entry, whose age is that of its oldest bit.
 */
#include "store/local/verified.h"

#include <stdlib.h>
#include <time.h>

#define SETS 2048u /* a multiple of VERIFIED_LOCKS */
#define WAYS 8u
/* Times of files come from the kernel's tick, 1 to 10 ms. */
#define SETTLED_NS 50000000LL
#define NS_PER_S 1000000000LL

struct entry {
	uint64_t blob_id;
	uint64_t group;
	uint64_t size;
	int64_t changed_ns;
	int64_t since_us;
	uint64_t bits; /* 0: free */
};

struct verified_set {
	struct entry way[WAYS];
};

static int64_t
nanoseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * NS_PER_S + t->tv_nsec;
}

void
verified_describe(struct verified_file *f, uint64_t blob_id,
		  const struct stat *st)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*f = (struct verified_file){ .blob_id = blob_id,
				     .size = (uint64_t)st->st_size,
				     .changed_ns = nanoseconds(&st->st_ctim) };
	f->unsettled = nanoseconds(&now) - f->changed_ns < SETTLED_NS;
}

int
verified_init(struct verified *v)
{
	v->now_us = time_mono_us;
	v->sets = calloc(SETS, sizeof(*v->sets));
	for (size_t i = 0; i < VERIFIED_LOCKS; i++)
		pthread_mutex_init(&v->mu[i], NULL);
	return v->sets ? 0 : -1;
}

void
verified_release(struct verified *v)
{
	for (size_t i = 0; i < VERIFIED_LOCKS; i++)
		pthread_mutex_destroy(&v->mu[i]);
	free(v->sets);
	v->sets = NULL;
}

static size_t
set_of(const struct verified_file *f, uint64_t group)
{
	uint64_t h = (f->blob_id ^ group << 40) * 0x9e3779b97f4a7c15ull;

	return (size_t)(h >> 32) % SETS;
}

static bool
is_of(const struct entry *e, const struct verified_file *f, uint64_t group)
{
	return e->bits && e->blob_id == f->blob_id && e->group == group &&
	       e->size == f->size && e->changed_ns == f->changed_ns;
}

uint64_t
verified_get(struct verified *v, const struct verified_file *f, uint64_t group)
{
	size_t no = set_of(f, group);
	pthread_mutex_t *mu = &v->mu[no % VERIFIED_LOCKS];
	int64_t now = v->now_us();
	uint64_t bits = 0;

	pthread_mutex_lock(mu);
	for (size_t i = 0; i < WAYS; i++) {
		const struct entry *e = &v->sets[no].way[i];

		if (is_of(e, f, group) && now - e->since_us < VERIFIED_US)
			bits = e->bits;
	}
	pthread_mutex_unlock(mu);
	return bits;
}

/* Its own, while that is not too old; else a free one, or the oldest. */
static struct entry *
choose(struct verified_set *set, const struct verified_file *f, uint64_t group)
{
	struct entry *oldest = &set->way[0];

	for (size_t i = 0; i < WAYS; i++) {
		struct entry *e = &set->way[i];

		if (is_of(e, f, group))
			return e;
		if (oldest->bits &&
		    (!e->bits || e->since_us < oldest->since_us))
			oldest = e;
	}
	return oldest;
}

void
verified_add(struct verified *v, const struct verified_file *f, uint64_t group,
	     uint64_t bits, int64_t since_us)
{
	size_t no = set_of(f, group);
	pthread_mutex_t *mu = &v->mu[no % VERIFIED_LOCKS];
	struct entry *e;

	if (!bits || f->unsettled)
		return;
	pthread_mutex_lock(mu);
	e = choose(&v->sets[no], f, group);
	if (!is_of(e, f, group) || since_us - e->since_us >= VERIFIED_US)
		*e = (struct entry){ .blob_id = f->blob_id,
				     .group = group,
				     .size = f->size,
				     .changed_ns = f->changed_ns,
				     .since_us = since_us };
	e->bits |= bits;
	/* Of two threads the one that began earlier may end later. */
	if (since_us < e->since_us)
		e->since_us = since_us;
	pthread_mutex_unlock(mu);
}
