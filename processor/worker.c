/*
 * The life of the engine, and what its threads say to each other. The rest
 * is in the lanes (lane.c, lane_ends.c), worker_listener.c, worker_keeper.c.
 */
#include "base/log.h"
#include "base/random.h"
#include "base/timeval.h"
#include "processor/worker_state.h"

#include <unistd.h>

/* ---- shared -------------------------------------------------------------- */

bool
worker_wait(pthread_cond_t *c, pthread_mutex_t *lock, int64_t us)
{
	return time_cond_wait(c, lock, time_mono_us() + us);
}

bool
worker_is(struct worker *w, const bool *flag)
{
	bool v;

	pthread_mutex_lock(&w->lock);
	v = *flag;
	pthread_mutex_unlock(&w->lock);
	return v;
}

/* Answers what it was before. */
static bool
set(struct worker *w, bool *flag, bool value)
{
	bool was;

	pthread_mutex_lock(&w->lock);
	was = *flag;
	*flag = value;
	pthread_mutex_unlock(&w->lock);
	return was;
}

void
worker_note_database(struct worker *w, enum queue_error err)
{
	bool away = err == QUEUE_UNAVAILABLE;
	bool was = set(w, &w->database_away, away);

	if (away && !was)
		log_warn("database_away", "waiting for PostgreSQL");
	if (!away && was)
		log_info("database_back", "PostgreSQL answers again");
}

/* Jobs wait for the gateway: their attempts are few, its outage may be long. */
bool
worker_note_gateway(struct worker *w)
{
	bool away = !job_gateway_answers(w->conf.host);
	bool was = set(w, &w->gateway_away, away);

	if (away && !was)
		log_warn("gateway_away",
			 "jobs wait for the gateway, or the S3 that holds "
			 "their objects");
	if (!away && was)
		log_info("gateway_back", "it answers again");
	return !away;
}

void
worker_unsure(struct worker *w)
{
	set(w, &w->unsure, true);
}

/* ---- life ---------------------------------------------------------------- */

void
worker_process_one(struct worker *w, struct buf *answer)
{
	lane_run_one(w->lanes[0], answer);
}

/* The media lane is the first one. */
static bool
start_lanes(struct worker *w)
{
	const struct worker_conf *c = &w->conf;
	const struct {
		enum job_lane kind;
		unsigned threads, room;
	} lanes[] = {
		{ JOB_LANE_MEDIA, c->on_demand ? 0 : c->slots, c->slots },
		{ JOB_LANE_LIGHT, c->light_threads, c->light_room },
	};

	unsigned threads[ARRAY_LEN(lanes)];

	for (size_t i = 0; i < ARRAY_LEN(lanes); i++) {
		if (!lanes[i].room || (c->on_demand && i > 0))
			continue;
		threads[w->n_lanes] = lanes[i].threads;
		w->lanes[w->n_lanes] =
		    lane_new(w, lanes[i].kind, lanes[i].threads, lanes[i].room);
		if (!w->lanes[w->n_lanes])
			return false;
		w->n_lanes++;
	}
	for (size_t i = 0; i < w->n_lanes; i++)
		if (!lane_start(w->lanes[i], threads[i]))
			return false;
	return true;
}

static bool
start_threads(struct worker *w)
{
	w->beats_run =
	    pthread_create(&w->beats, NULL, worker_beats_main, w) == 0;
	w->keeper_runs =
	    pthread_create(&w->keeper, NULL, worker_keeper_main, w) == 0;
	w->listener_runs =
	    pthread_create(&w->listener, NULL, worker_listener_main, w) == 0;
	return w->beats_run && w->keeper_runs && w->listener_runs;
}

static void
init_locks(struct worker *w)
{
	pthread_rwlockattr_t attr;

	/* Claims follow each other: the keeper would wait for ever. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
	    &attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&w->claiming, &attr);
	pthread_rwlockattr_destroy(&attr);
	pthread_mutex_init(&w->beating, NULL);
	pthread_mutex_init(&w->lock, NULL);
	time_cond_init(&w->changed);
}

struct worker *
worker_start(const struct worker_conf *conf, char err[512])
{
	struct worker *w = calloc(1, sizeof(*w));
	char id[UUID_TEXT_MAX];

	if (!w) {
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	w->conf = *conf;
	gethostname(w->host, sizeof(w->host) - 1);
	uuid_new(id);
	snprintf(w->name, sizeof(w->name), "%s:%d:%.8s", w->host, (int)getpid(),
		 id);
	for (size_t i = 0; i < conf->n_types; i++)
		w->types[i] = conf->types[i].name;
	init_locks(w);
	if (start_lanes(w) && start_threads(w))
		return w;
	snprintf(err, 512, "cannot start threads");
	worker_free(w);
	return NULL;
}

void
worker_drain(struct worker *w)
{
	set(w, &w->draining, true);
	for (size_t i = 0; i < w->n_lanes; i++)
		lane_drain(w->lanes[i]);
	pthread_cond_broadcast(&w->changed);
}

bool
worker_idle(struct worker *w, int timeout_ms)
{
	int64_t until = time_mono_us() + timeout_ms * 1000LL;
	bool idle = true;

	for (size_t i = 0; i < w->n_lanes; i++)
		idle = lane_idle(w->lanes[i], until - time_mono_us()) && idle;
	return idle;
}

void
worker_stop(struct worker *w)
{
	set(w, &w->draining, true);
	for (size_t i = 0; i < w->n_lanes; i++)
		lane_stop(w->lanes[i]);
}

void
worker_free(struct worker *w)
{
	if (!w)
		return;
	worker_stop(w);
	set(w, &w->stopping, true);
	pthread_cond_broadcast(&w->changed);
	if (w->listener_runs)
		pthread_join(w->listener, NULL);
	if (w->keeper_runs)
		pthread_join(w->keeper, NULL);
	if (w->beats_run)
		pthread_join(w->beats, NULL);
	for (size_t i = 0; i < w->n_lanes; i++)
		lane_free(w->lanes[i]);
	if (queue_worker_leave(w->conf.host->queue, w->name) != QUEUE_OK)
		log_warn("worker_leave", "%s: the lease ends by itself",
			 w->name);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	pthread_mutex_destroy(&w->beating);
	pthread_rwlock_destroy(&w->claiming);
	free(w);
}
