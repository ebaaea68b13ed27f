/*
 * The local queue and the threads that run it, and a lane's life.
 */
#include "processor/lane.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/timeval.h"
#include "processor/worker_state.h"

#include <unistd.h>

#define POLL_US (10 * US_PER_S)

/* ---- tasks --------------------------------------------------------------- */

void
lane_move(struct lane *l, struct task *t, enum task_state to)
{
	if (t->state < TASK_LISTS) {
		TAILQ_REMOVE(&l->lists[t->state], t, link);
		l->n[t->state]--;
	}
	t->state = to;
	if (to < TASK_LISTS) {
		TAILQ_INSERT_TAIL(&l->lists[to], t, link);
		l->n[to]++;
	}
}

void
lane_end_task(struct lane *l, struct task *t, int rc)
{
	t->rc = rc;
	lane_move(l, t, TASK_ENDED);
	if (l->ends_want && (l->n[TASK_ENDED] >= l->ends_want ||
			     (l->n[TASK_WAITS] == 0 && l->n[TASK_RUNS] == 0)))
		pthread_cond_signal(&l->ends);
}

void
lane_free_task(struct lane *l, struct task *t)
{
	struct claimed *c = t->claimed;
	bool last;

	if (t->run.stop_fd >= 0)
		close(t->run.stop_fd);
	arena_release(&t->run.arena);
	pthread_mutex_lock(&l->lock);
	last = --c->left == 0;
	pthread_mutex_unlock(&l->lock);
	if (!last)
		return;
	arena_release(&c->arena);
	free(c->tasks);
	free(c);
}

void
lane_stop_task(struct lane *l, struct task *t, enum job_stop why)
{
	const uint64_t one = 1;
	int go = JOB_GO;

	if (!atomic_compare_exchange_strong(&t->run.stop, &go, (int)why))
		return;
	if (t->run.stop_fd >= 0 &&
	    write(t->run.stop_fd, &one, sizeof(one)) != sizeof(one))
		abort(); /* an eventfd at 0 always takes a 1 */
	if (t->state == TASK_WAITS)
		lane_end_task(l, t, -1);
}

void
lane_wake_thread(struct lane *l)
{
	if (l->n[TASK_WAITS] && l->idle && !l->waking) {
		l->waking = true;
		pthread_cond_signal(&l->work);
	}
}

/* ---- running ------------------------------------------------------------- */

/* The lock is held, but not while it runs. */
static void
run_task(struct lane *l, struct task *t)
{
	enum log_level level =
	    t->run.type->lane == JOB_LANE_MEDIA ? LOG_INFO : LOG_DEBUG;
	int rc;

	t->begun_us = time_mono_us();
	lane_move(l, t, TASK_RUNS);
	lane_wake_thread(l);
	pthread_mutex_unlock(&l->lock);
	log_at(level, "job", "%s %s begins: attempt %d", t->run.job.type,
	       t->run.job.id, t->run.job.attempts);
	rc = job_execute(&t->run);
	pthread_mutex_lock(&l->lock);
	lane_end_task(l, t, rc);
}

static void *
thread_main(void *arg)
{
	struct lane *l = arg;
	struct task *t;

	pthread_setname_np(pthread_self(),
			   l->kind == JOB_LANE_MEDIA ? "media" : "light");
	pthread_mutex_lock(&l->lock);
	for (;;) {
		t = TAILQ_FIRST(&l->lists[TASK_WAITS]);
		if (t) {
			run_task(l, t);
			continue;
		}
		if (l->closing)
			break;
		l->idle++;
		pthread_cond_wait(&l->work, &l->lock);
		l->idle--;
		l->waking = false;
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* ---- one job on demand --------------------------------------------------- */

/* {"hasJob":true,...} */
static void
put_answer(struct buf *b, const struct task *t)
{
	json_open_object(b, NULL);
	json_put_bool(b, "hasJob", true);
	json_put_str(b, "jobId", t->run.job.id);
	json_put_str(b, "jobType", t->run.job.type);
	if (t->settled == QUEUE_LOST)
		json_put_str(b, "error", "lease_lost");
	else if (t->settled != QUEUE_OK)
		json_put_str(b, "error", "not_settled");
	else if (t->rc < 0 || (t->rc == JOB_HANDED_OFF && t->run.error[0]))
		json_put_str(b, "error", t->run.error);
	else
		json_put_raw(b, "result",
			     t->rc == 0 && t->run.outcome.result
				 ? t->run.outcome.result
				 : "{}");
	json_close_object(b);
}

void
lane_run_one(struct lane *l, struct buf *answer)
{
	enum queue_error err = QUEUE_UNAVAILABLE;
	struct task *t = NULL;

	pthread_mutex_lock(&l->lock);
	while (!l->draining && l->out >= l->room)
		worker_wait(&l->settled, &l->lock, POLL_US);
	if (!l->draining)
		err = lane_claim_one(l, &t);
	if (t) {
		t->awaited = true;
		if (t->state == TASK_WAITS)
			run_task(l, t);
		while (t->state != TASK_SETTLED)
			pthread_cond_wait(&l->settled, &l->lock);
	}
	pthread_mutex_unlock(&l->lock);
	if (t) {
		put_answer(answer, t);
		lane_free_task(l, t);
		return;
	}
	json_open_object(answer, NULL);
	if (err == QUEUE_OK)
		json_put_bool(answer, "hasJob", false);
	else
		json_put_str(answer, "error", "unavailable");
	json_close_object(answer);
}

/* ---- what the worker asks of it ------------------------------------------ */

void
lane_wake(struct lane *l, const char *type)
{
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->n_types; i++)
		if (!type || strcmp(l->types[i].type->name, type) == 0)
			l->types[i].group->due = true;
	lane_wake_claimer(l);
	pthread_mutex_unlock(&l->lock);
}

void
lane_stop_job(struct lane *l, const char *id, int attempt, enum job_stop why)
{
	struct task *t;

	pthread_mutex_lock(&l->lock);
	for (int state = TASK_WAITS; state <= TASK_RUNS; state++) {
		TAILQ_FOREACH(t, &l->lists[state], link)
		{
			if ((!attempt || t->run.job.attempts == attempt) &&
			    strcmp(t->run.job.id, id) == 0) {
				lane_stop_task(l, t, why);
				break;
			}
		}
	}
	pthread_mutex_unlock(&l->lock);
}

void
lane_stop_late(struct lane *l)
{
	int64_t now = time_mono_us();
	struct task *t;

	pthread_mutex_lock(&l->lock);
	TAILQ_FOREACH(t, &l->lists[TASK_RUNS], link)
	if (now - t->begun_us >= t->run.type->timeout_s * US_PER_S)
		lane_stop_task(l, t, JOB_TIMEOUT);
	pthread_mutex_unlock(&l->lock);
}

void
lane_list(struct lane *l, bool changed_only, struct buf *b)
{
	struct task *t;

	pthread_mutex_lock(&l->lock);
	for (int state = 0; state < TASK_LISTS; state++) {
		TAILQ_FOREACH(t, &l->lists[state], link)
		{
			struct held h = { .attempt = t->run.job.attempts,
					  .percent = t->run.percent };

			if (changed_only && h.percent == t->told_percent)
				continue;
			t->told_percent = h.percent;
			snprintf(h.id, sizeof(h.id), "%s", t->run.job.id);
			buf_put(b, slice_mem(&h, sizeof(h)));
		}
	}
	pthread_mutex_unlock(&l->lock);
}

static void
stop_all(struct lane *l, enum task_state state)
{
	struct task *t, *next;

	for (t = TAILQ_FIRST(&l->lists[state]); t; t = next) {
		next = TAILQ_NEXT(t, link);
		lane_stop_task(l, t, JOB_SHUTDOWN);
	}
}

void
lane_drain(struct lane *l)
{
	pthread_mutex_lock(&l->lock);
	l->draining = true;
	stop_all(l, TASK_WAITS);
	pthread_cond_signal(&l->claimable);
	pthread_cond_broadcast(&l->settled);
	pthread_mutex_unlock(&l->lock);
}

bool
lane_idle(struct lane *l, int64_t us)
{
	int64_t until = time_mono_us() + us, left;
	bool idle;

	pthread_mutex_lock(&l->lock);
	while (l->out && (left = until - time_mono_us()) > 0)
		worker_wait(&l->settled, &l->lock, left);
	idle = l->out == 0;
	pthread_mutex_unlock(&l->lock);
	return idle;
}

void
lane_stop(struct lane *l)
{
	lane_drain(l);
	pthread_mutex_lock(&l->lock);
	l->stopping = true;
	stop_all(l, TASK_RUNS);
	pthread_cond_signal(&l->ends);
	pthread_mutex_unlock(&l->lock);
}

/* ---- life ---------------------------------------------------------------- */

/* A type without a limit that binds goes into the first group. */
static void
add_type(struct lane *l, const struct job_type *type)
{
	bool limited = type->concurrency && type->concurrency < l->room;
	struct group *g = &l->groups[0];
	size_t n = 0;

	if (limited) {
		g = &l->groups[l->n_groups++];
		g->limit = type->concurrency;
	}
	while (g->types[n])
		n++;
	g->types[n] = type->name;
	l->types[l->n_types].type = type;
	l->types[l->n_types++].group = g;
}

struct lane *
lane_new(struct worker *w, enum job_lane kind, unsigned threads, unsigned room)
{
	struct lane *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->worker = w;
	l->kind = kind;
	l->room = room;
	l->n_groups = 1;
	pthread_mutex_init(&l->lock, NULL);
	time_cond_init(&l->claimable);
	pthread_cond_init(&l->work, NULL);
	time_cond_init(&l->ends);
	time_cond_init(&l->settled);
	for (size_t i = 0; i < TASK_LISTS; i++)
		TAILQ_INIT(&l->lists[i]);
	for (size_t i = 0; i < w->conf.n_types; i++)
		if (!threads || w->conf.types[i].lane == kind)
			add_type(l, &w->conf.types[i]);
	/* types with limits alone leave the first group empty: never due */
	l->threads = calloc(threads + 1u, sizeof(*l->threads));
	l->flush = lane_flush_new();
	if (l->threads && l->flush)
		return l;
	lane_free(l);
	return NULL;
}

bool
lane_start(struct lane *l, unsigned threads)
{
	l->ender_runs =
	    pthread_create(&l->ender, NULL, lane_ender_main, l) == 0;
	if (threads)
		l->claimer_runs = pthread_create(&l->claimer, NULL,
						 lane_claimer_main, l) == 0;
	while (l->n_threads < threads &&
	       pthread_create(&l->threads[l->n_threads], NULL, thread_main,
			      l) == 0)
		l->n_threads++;
	return l->ender_runs && l->n_threads == threads &&
	       (l->claimer_runs || !threads);
}

void
lane_free(struct lane *l)
{
	if (!l)
		return;
	lane_stop(l);
	if (l->claimer_runs)
		pthread_join(l->claimer, NULL);
	pthread_mutex_lock(&l->lock);
	l->closing = true;
	pthread_cond_broadcast(&l->work);
	pthread_mutex_unlock(&l->lock);
	for (size_t i = 0; i < l->n_threads; i++)
		pthread_join(l->threads[i], NULL);
	pthread_mutex_lock(&l->lock);
	l->closed = true;
	pthread_cond_signal(&l->ends);
	pthread_mutex_unlock(&l->lock);
	if (l->ender_runs)
		pthread_join(l->ender, NULL);
	free(l->flush);
	free(l->threads);
	pthread_cond_destroy(&l->claimable);
	pthread_cond_destroy(&l->work);
	pthread_cond_destroy(&l->ends);
	pthread_cond_destroy(&l->settled);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
