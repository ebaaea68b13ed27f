/*
 * The beats hold the lease of all jobs, write their progress, and stop those
 * that are late, lost or cancelled. The keeper rescues those of the dead,
 * wakes the lanes for what becomes due, and plans the daily cleanup: each of
 * that may wait for the database as long as the lease holds, so the beats have
 * a thread of their own.
 */
#include "base/log.h"
#include "base/timeval.h"
#include "processor/worker_state.h"

#define LEASE_S 30
#define BEAT_US US_PER_S /* with the lease every fifth, else for progress */
#define BEATS_FULL 5
#define RESCUE_US (10 * US_PER_S)
#define FORESIGHT_US (5 * US_PER_S)
#define PLAN_US (3600 * US_PER_S) /* the database says if it was today */
#define ANNOUNCE_US (3600 * US_PER_S)
#define TICK_US (US_PER_S / 2)

/* ---- beats --------------------------------------------------------------- */

static void
list_all(struct worker *w, bool changed_only, struct buf *b)
{
	for (size_t i = 0; i < w->n_lanes; i++)
		lane_list(w->lanes[i], changed_only, b);
}

/* What a beat asks about: the ids are those of held. NULL: none, no memory. */
static struct queue_beat *
beats_of(const struct buf *held, size_t *n)
{
	/* a buf's memory is malloc's: aligned */
	const struct held *h = (const void *)held->p;
	struct queue_beat *beats;

	*n = buf_ok(held) ? held->n / sizeof(*h) : 0;
	beats = *n ? calloc(*n, sizeof(*beats)) : NULL;
	if (!beats)
		*n = 0;
	for (size_t i = 0; i < *n; i++)
		beats[i] = (struct queue_beat){
			.id = h[i].id,
			.attempt = h[i].attempt,
			.percent = h[i].percent ? h[i].percent : -1,
		};
	return beats;
}

static void
stop_told(struct worker *w, const struct queue_beat *beats, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (beats[i].said == QUEUE_GO_ON)
			continue;
		for (size_t k = 0; k < w->n_lanes; k++)
			lane_stop_job(
			    w->lanes[k], beats[i].id, beats[i].attempt,
			    beats[i].said == QUEUE_STOP_LOST ? JOB_LOST
							     : JOB_CANCELLED);
	}
}

void
worker_beat(struct worker *w, bool changed_only)
{
	const struct queue_worker self = { .name = w->name,
					   .host = w->host,
					   .types = w->types,
					   .lease_s = LEASE_S };
	struct buf held = BUF_INIT;
	struct queue_beat *beats;
	enum queue_error err;
	size_t n;

	pthread_mutex_lock(&w->beating);
	list_all(w, changed_only, &held);
	beats = beats_of(&held, &n);
	if (n || !changed_only) {
		err = queue_worker_beat(w->conf.host->queue, &self, beats, n);
		worker_note_database(w, err);
		if (err == QUEUE_OK)
			stop_told(w, beats, n);
	}
	pthread_mutex_unlock(&w->beating);
	free(beats);
	buf_release(&held);
}

/*
 * A claim whose answer was lost, and what could not be taken in: the database
 * thinks that we run it, and nobody does. It is given back.
 */
static void
give_back_unknown(struct worker *w)
{
	struct buf held = BUF_INIT;
	struct queue_beat *beats;
	enum queue_error err = QUEUE_INTERNAL;
	size_t n, released = 0;

	pthread_rwlock_wrlock(&w->claiming);
	pthread_mutex_lock(&w->lock);
	w->unsure = false;
	pthread_mutex_unlock(&w->lock);
	list_all(w, false, &held);
	beats = beats_of(&held, &n);
	if (n == held.n / sizeof(struct held))
		err = queue_worker_keep(w->conf.host->queue, w->name, beats, n,
					&released);
	pthread_rwlock_unlock(&w->claiming);
	worker_note_database(w, err);
	if (err != QUEUE_OK)
		worker_unsure(w);
	if (released)
		log_warn("given_back", "%zu jobs whose claim was not answered",
			 released);
	free(beats);
	buf_release(&held);
}

void *
worker_beats_main(void *arg)
{
	struct worker *w = arg;

	pthread_setname_np(pthread_self(), "beats");
	for (unsigned n = 0; !worker_is(w, &w->stopping); n++) {
		worker_beat(w, n % BEATS_FULL != 0);
		for (size_t i = 0; i < w->n_lanes; i++)
			lane_stop_late(w->lanes[i]);
		pthread_mutex_lock(&w->lock);
		if (!w->stopping)
			worker_wait(&w->changed, &w->lock, BEAT_US);
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}

/* ---- duties -------------------------------------------------------------- */

struct keeper {
	struct worker *worker;
	int64_t due_us; /* the next job becomes due; INT64_MAX: none known */
};

static int64_t
rescue(struct keeper *k)
{
	struct worker *w = k->worker;
	size_t n = 0;
	enum queue_error err = queue_rescue(w->conf.host->queue, w->types, &n);

	worker_note_database(w, err);
	if (err == QUEUE_OK && n)
		log_warn("rescued", "%zu jobs whose worker fell silent", n);
	return RESCUE_US;
}

/* Nobody is notified when the time of a job comes. */
static int64_t
foresee(struct keeper *k)
{
	struct worker *w = k->worker;
	int64_t in_us = INT64_MAX;
	enum queue_error err =
	    queue_next_due(w->conf.host->queue, w->types, &in_us);

	worker_note_database(w, err);
	if (err == QUEUE_OK && in_us < 2 * FORESIGHT_US)
		k->due_us = time_mono_us() + in_us;
	return FORESIGHT_US;
}

static int64_t
announce(struct keeper *k)
{
	const struct worker_conf *conf = &k->worker->conf;
	enum queue_error err =
	    conf->announce ? conf->announce(conf->host) : QUEUE_OK;

	return err == QUEUE_OK ? ANNOUNCE_US : RESCUE_US;
}

/* One a day of all processors, by its dedupe key. */
static int64_t
plan(struct keeper *k)
{
	char now[TIME_TEXT_MAX], key[32];
	struct queue_new_job job = { .type = "cleanup",
				     .priority = "low",
				     .dedupe_key = key };

	if (!k->worker->conf.plan_after_s)
		return PLAN_US;
	time_format_iso(time_now_us(), now);
	snprintf(key, sizeof(key), "cleanup:%.10s", now);
	worker_note_database(
	    k->worker, queue_jobs_add(k->worker->conf.host->queue, &job, 1));
	return PLAN_US;
}

static void
wake_lanes(struct keeper *k)
{
	if (time_mono_us() < k->due_us)
		return;
	k->due_us = INT64_MAX;
	for (size_t i = 0; i < k->worker->n_lanes; i++)
		lane_wake(k->worker->lanes[i], NULL);
}

void *
worker_keeper_main(void *arg)
{
	static int64_t (*const duties[])(struct keeper *) = { rescue, foresee,
							      announce, plan };
	struct worker *w = arg;
	struct keeper k = { .worker = w, .due_us = INT64_MAX };
	int64_t due[ARRAY_LEN(duties)] = { 0 }, now = time_mono_us();

	pthread_setname_np(pthread_self(), "keeper");
	due[ARRAY_LEN(duties) - 1] = now + w->conf.plan_after_s * US_PER_S;
	while (!worker_is(w, &w->stopping)) {
		for (size_t i = 0; i < ARRAY_LEN(duties); i++)
			if (time_mono_us() >= due[i])
				due[i] = duties[i](&k) + time_mono_us();
		if (worker_is(w, &w->unsure))
			give_back_unknown(w);
		wake_lanes(&k);
		now = k.due_us - time_mono_us();
		pthread_mutex_lock(&w->lock);
		if (!w->stopping)
			worker_wait(&w->changed, &w->lock,
				    now < 0	    ? 0
				    : now < TICK_US ? now
						    : TICK_US);
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}
