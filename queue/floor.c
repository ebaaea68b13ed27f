/*
 * Where claims begin. A floor is a place in the order (run_at, id) below which
 * everything was taken when it was set; the last second is never below one
 * (job_claim), since transactions may commit late.
 */
#include "queue/floor.h"
#include "base/timeval.h"

/* Expensive: beyond what the jobs themselves cost. */
#define CHEAP_US 5000
#define CHEAP_US_PER_JOB 60
/* From the beginning at most a twentieth of the time. */
#define SHARE 20
#define LATE_US US_PER_S

static const char *const ranks[FLOOR_PRIOS] = { "high", "normal", "low" };

void
floors_init(struct floors *f)
{
	memset(f, 0, sizeof(*f));
	pthread_mutex_init(&f->lock, NULL);
}

void
floors_release(struct floors *f)
{
	pthread_mutex_destroy(&f->lock);
}

/* FNV-1a. Two sets that collide make claims begin at the beginning more often
 * or look late; nothing is lost. */
static uint64_t
hash_of(const char *types)
{
	uint64_t h = 14695981039346656037u;

	for (; *types; types++)
		h = (h ^ (unsigned char)*types) * 1099511628211u;
	return h ? h : 1;
}

static void
forget(struct floor_set *s)
{
	for (size_t p = 0; p < FLOOR_PRIOS; p++)
		s->at[p].us = FLOOR_NONE;
}

static struct floor_set *
set_of(struct floors *f, const char *types)
{
	uint64_t hash = hash_of(types);
	struct floor_set *s;

	for (size_t i = 0; i < ARRAY_LEN(f->sets); i++)
		if (f->sets[i].types == hash)
			return &f->sets[i];
	s = &f->sets[f->next++ % ARRAY_LEN(f->sets)];
	*s = (struct floor_set){ .types = hash };
	forget(s);
	return s;
}

void
floors_get(struct floors *f, const char *types, size_t n,
	   struct floor_at out[FLOOR_PRIOS])
{
	int64_t cheap_us = CHEAP_US + CHEAP_US_PER_JOB * (int64_t)n;
	struct floor_set *s;

	pthread_mutex_lock(&f->lock);
	s = set_of(f, types);
	memcpy(out, s->at, sizeof(s->at));
	if (s->full_cost_us <= cheap_us ||
	    time_mono_us() - s->full_end_us > SHARE * s->full_cost_us) {
		/* one at a time looks at everything */
		s->full_end_us = time_mono_us();
		for (size_t p = 0; p < FLOOR_PRIOS; p++)
			out[p].us = FLOOR_NONE;
	}
	pthread_mutex_unlock(&f->lock);
}

/*
 * A priority from which fewer were taken than wanted is exhausted up to the
 * time of the claim; the one that filled it, up to the last one taken.
 */
static void
advance(struct floor_set *s, const struct queue_job *jobs, size_t claimed,
	size_t n)
{
	int64_t seen_us = jobs[0].started_us - LATE_US;
	size_t at = 0;

	for (size_t p = 0; p < FLOOR_PRIOS && at < n; p++) {
		while (at < claimed && strcmp(jobs[at].priority, ranks[p]) == 0)
			at++;
		if (at < n || jobs[at - 1].run_at_us > seen_us) {
			s->at[p] = (struct floor_at){ .us = seen_us };
			snprintf(s->at[p].id, sizeof(s->at[p].id),
				 "00000000-0000-0000-0000-000000000000");
		} else {
			s->at[p].us = jobs[at - 1].run_at_us;
			snprintf(s->at[p].id, sizeof(s->at[p].id), "%s",
				 jobs[at - 1].id);
		}
	}
}

void
floors_note(struct floors *f, const char *types,
	    const struct floor_at from[FLOOR_PRIOS],
	    const struct queue_job *jobs, size_t claimed, size_t n,
	    int64_t cost_us)
{
	bool full = true;
	struct floor_set *s;

	for (size_t p = 0; p < FLOOR_PRIOS; p++)
		full = full && from[p].us == FLOOR_NONE;
	pthread_mutex_lock(&f->lock);
	s = set_of(f, types);
	if (full) {
		s->full_cost_us = cost_us;
		s->full_end_us = time_mono_us();
	}
	if (claimed)
		advance(s, jobs, claimed, n);
	pthread_mutex_unlock(&f->lock);
}
