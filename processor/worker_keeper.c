/*
 * The threads beside the slots: the listener wakes them, the keeper talks to
 * the database about runs that take long and workers that are gone.
 */
#include "processor/worker_state.h"
#include "base/log.h"
#include "base/timeval.h"

#include <unistd.h>

#define HEARTBEAT_US (5 * US_PER_S)
#define RESCUE_US (10 * US_PER_S)
#define CLEANUP_US (86400 * US_PER_S)
#define CLEANUP_DAYS 7
/* Longer than the store keeps its own: by their ids it is found where a
 * restored store and the database parted. */
#define EVENTS_DAYS 30
#define TICK_US (US_PER_S / 2)
#define LISTEN_MS 250

void
worker_wait(struct worker *w, int64_t us)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	us += until.tv_nsec / 1000;
	until.tv_sec += us / US_PER_S;
	until.tv_nsec = us % US_PER_S * 1000;
	pthread_cond_timedwait(&w->changed, &w->lock, &until);
}

void
worker_note_database(struct worker *w, enum queue_error err)
{
	bool away = err == QUEUE_UNAVAILABLE, was;

	pthread_mutex_lock(&w->lock);
	was = w->database_away;
	w->database_away = away;
	pthread_mutex_unlock(&w->lock);
	if (away && !was)
		log_warn("database_away", "waiting for PostgreSQL");
	if (!away && was)
		log_info("database_back", "PostgreSQL answers again");
}

void
worker_stop_run(struct job_run *run, enum job_stop why)
{
	const uint64_t one = 1;
	int go = JOB_GO;

	if (atomic_compare_exchange_strong(&run->stop, &go, (int)why) &&
	    write(run->stop_fd, &one, sizeof(one)) != sizeof(one))
		abort(); /* an eventfd at 0 always takes a 1 */
}

static bool
is(struct worker *w, const bool *flag)
{
	bool v;

	pthread_mutex_lock(&w->lock);
	v = *flag;
	pthread_mutex_unlock(&w->lock);
	return v;
}

/* One of ours? Then it ends at once. */
static void
cancel_run(struct worker *w, const char *id)
{
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < SLOTS_MAX; i++)
		if (w->runs[i] && strcmp(w->runs[i]->job.id, id) == 0)
			worker_stop_run(w->runs[i], JOB_CANCELLED);
	pthread_mutex_unlock(&w->lock);
}

void *
worker_listener_main(void *arg)
{
	static const char *const channels[] = { "job_queue", "job_cancel",
						NULL };
	struct worker *w = arg;
	struct queue_listener *l = NULL;
	struct queue_note note;

	pthread_setname_np(pthread_self(), "listener");
	while (!is(w, &w->draining)) {
		int rc;

		if (!l)
			l = queue_listen(w->conf.queue, channels);
		rc = l ? queue_listener_wait(l, LISTEN_MS) : -1;
		while (rc > 0 && queue_listener_next(l, &note))
			if (strcmp(note.channel, "job_cancel") == 0)
				cancel_run(w, note.payload);
		pthread_mutex_lock(&w->lock);
		if (rc > 0) {
			w->wakes++;
			pthread_cond_broadcast(&w->changed);
		} else if (rc < 0 && !w->draining) {
			worker_wait(w, US_PER_S);
		}
		pthread_mutex_unlock(&w->lock);
	}
	queue_listener_close(l);
	return NULL;
}

/* The run in a place, as far as a heartbeat needs it: the run itself may end
 * while the database is asked. */
struct beat {
	char id[UUID_TEXT_MAX];
	int attempt;
	int percent;
};

/* Answers how many runs there are, each with its place. */
static size_t
list_beats(struct worker *w, struct beat beats[SLOTS_MAX],
	   size_t places[SLOTS_MAX])
{
	size_t n = 0;

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		const struct job_run *run = w->runs[i];

		if (!run)
			continue;
		snprintf(beats[n].id, sizeof(beats[n].id), "%s", run->job.id);
		beats[n].attempt = run->job.attempts;
		beats[n].percent = run->percent;
		places[n++] = i;
	}
	pthread_mutex_unlock(&w->lock);
	return n;
}

static void
stop_beaten(struct worker *w, size_t place, const struct queue_beat *b)
{
	struct job_run *run;

	pthread_mutex_lock(&w->lock);
	run = w->runs[place];
	if (run && run->job.attempts == b->attempt &&
	    strcmp(run->job.id, b->id) == 0)
		worker_stop_run(
		    run, b->said == QUEUE_STOP_LOST ? JOB_LOST : JOB_CANCELLED);
	pthread_mutex_unlock(&w->lock);
}

void
worker_heartbeat(struct worker *w)
{
	const struct queue_worker self = { .name = w->name,
					   .host = w->host,
					   .types = w->types,
					   .lease_s = LEASE_S };
	struct beat beats[SLOTS_MAX];
	struct queue_beat asked[SLOTS_MAX];
	size_t places[SLOTS_MAX], n = list_beats(w, beats, places);
	enum queue_error err;

	for (size_t i = 0; i < n; i++)
		asked[i] = (struct queue_beat){ .id = beats[i].id,
						.attempt = beats[i].attempt,
						.percent = beats[i].percent };
	err = queue_worker_beat(w->conf.queue, &self, asked, n);
	worker_note_database(w, err);
	for (size_t i = 0; err == QUEUE_OK && i < n; i++)
		if (asked[i].said != QUEUE_GO_ON)
			stop_beaten(w, places[i], &asked[i]);
}

static void
rescue(struct worker *w)
{
	size_t n = 0;
	enum queue_error err = queue_rescue(w->conf.queue, w->types, &n);

	worker_note_database(w, err);
	if (err == QUEUE_OK && n)
		log_warn("rescued", "%zu jobs whose worker fell silent", n);
}

static void
cleanup(struct worker *w)
{
	size_t n = 0;

	if (queue_cleanup(w->conf.queue, CLEANUP_DAYS, &n) == QUEUE_OK && n)
		log_info("cleanup", "%zu old rows removed", n);
	if (queue_events_cleanup(w->conf.queue, EVENTS_DAYS, &n) == QUEUE_OK &&
	    n)
		log_info("cleanup", "%zu old events removed", n);
}

void *
worker_keeper_main(void *arg)
{
	static const struct {
		int64_t every_us;
		void (*run)(struct worker *);
	} duties[] = {
		{ HEARTBEAT_US, worker_heartbeat },
		{ RESCUE_US, rescue },
		{ CLEANUP_US, cleanup },
	};
	int64_t due[ARRAY_LEN(duties)] = { 0 };
	struct worker *w = arg;

	pthread_setname_np(pthread_self(), "keeper");
	while (!is(w, &w->stopping)) {
		for (size_t i = 0; i < ARRAY_LEN(duties); i++) {
			if (time_mono_us() < due[i])
				continue;
			duties[i].run(w);
			due[i] = time_mono_us() + duties[i].every_us;
		}
		pthread_mutex_lock(&w->lock);
		if (!w->stopping)
			worker_wait(w, TICK_US);
		pthread_mutex_unlock(&w->lock);
	}
	return NULL;
}
