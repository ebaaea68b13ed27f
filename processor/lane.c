/*
 * Claims, the local queue, the threads that run it. A claim asks for as many
 * jobs as there is room, and waits until that is worth a round trip.
 */
#include "processor/lane.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/timeval.h"
#include "processor/worker_state.h"

#include <sys/eventfd.h>
#include <unistd.h>

#define POLL_US (10 * US_PER_S)
#define RETRY_FIRST_US (US_PER_S / 2)
#define RETRY_MAX_US (10 * US_PER_S)
#define CLAIM_MAX 512u
#define CLAIM_MEMORY_MAX (64u << 20)
#define OUTCOME_MEMORY_MAX (64u << 20) /* of a media job, beside its worker */

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

/* The lock is held. */
static void
stop_task(struct lane *l, struct task *t, enum job_stop why)
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

/* False when there is no memory or descriptor for it. */
static bool
init_task(struct lane *l, struct task *t, struct claimed *c,
	  const struct queue_job *job)
{
	const struct job_type *type = NULL;

	*t = (struct task){ .claimed = c, .state = TASK_SETTLED };
	for (size_t i = 0; i < l->n_types; i++) {
		if (strcmp(l->types[i].type->name, job->type) == 0) {
			type = l->types[i].type;
			t->group = l->types[i].group;
			break;
		}
	}
	if (!type)
		return false; /* not one we asked for */
	t->run.host = l->worker->conf.host;
	t->run.worker = l->worker->name;
	t->run.job = *job;
	t->run.type = type;
	t->run.stop_fd = -1;
	arena_init(&t->run.arena, type->lane == JOB_LANE_MEDIA
				      ? OUTCOME_MEMORY_MAX
				      : (size_t)type->memory_max);
	if (type->lane != JOB_LANE_MEDIA)
		return true;
	t->run.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return t->run.stop_fd >= 0;
}

/* ---- claims -------------------------------------------------------------- */

static unsigned
room_of(const struct lane *l, const struct group *g)
{
	unsigned room = l->room - l->out;

	if (g->limit && g->limit - g->out < room)
		room = g->limit - g->out;
	return room < CLAIM_MAX ? room : CLAIM_MAX;
}

/* A few jobs are not worth a round trip while there is enough to do. */
static bool
worth_a_claim(const struct lane *l)
{
	return l->room - l->out >= l->room / 4 ||
	       (l->n[TASK_WAITS] == 0 && l->n[TASK_ENDED] == 0);
}

/* One that has room and may have jobs, in turn. */
static struct group *
group_to_claim(struct lane *l)
{
	if (!worth_a_claim(l))
		return NULL;
	for (size_t i = 0; i < l->n_groups; i++) {
		size_t at = (l->next_group + i) % l->n_groups;

		if (l->groups[at].due && room_of(l, &l->groups[at])) {
			l->next_group = at + 1;
			return &l->groups[at];
		}
	}
	return NULL;
}

void
lane_wake_claimer(struct lane *l)
{
	if (group_to_claim(l))
		pthread_cond_signal(&l->claimable);
}

static void
wake_one(struct lane *l)
{
	if (l->n[TASK_WAITS] && l->idle && !l->waking) {
		l->waking = true;
		pthread_cond_signal(&l->work);
	}
}

/*
 * Lists the jobs of a claim. What cannot be taken for want of memory is in
 * nobody's list, so the keeper gives it back.
 */
static void
list_tasks(struct lane *l, struct claimed *c, const struct queue_job *jobs,
	   size_t n)
{
	c->tasks = calloc(n, sizeof(*c->tasks));
	for (size_t i = 0; c->tasks && i < n; i++) {
		struct task *t = &c->tasks[i];

		if (!init_task(l, t, c, &jobs[i])) {
			worker_unsure(l->worker);
			continue;
		}
		c->left++;
		l->out++;
		t->group->out++;
		lane_move(l, t, TASK_WAITS);
		if (l->draining)
			stop_task(l, t, JOB_SHUTDOWN);
	}
	if (!c->tasks)
		worker_unsure(l->worker);
	wake_one(l);
}

static struct claimed *
claimed_new(unsigned n, struct queue_job **jobs)
{
	struct claimed *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	arena_init(&c->arena, CLAIM_MEMORY_MAX);
	*jobs = arena_raw_array(&c->arena, n, sizeof(**jobs));
	if (*jobs)
		return c;
	arena_release(&c->arena);
	free(c);
	return NULL;
}

/* Lost: not registered yet, or taken for dead. */
static enum queue_error
claim_registered(struct worker *w, const char *const *types, unsigned n,
		 struct arena *a, struct queue_job *jobs, size_t *got)
{
	enum queue_error err =
	    queue_claim(w->conf.host->queue, w->name, types, n, a, jobs, got);

	if (err == QUEUE_LOST) {
		worker_beat(w, false);
		err = queue_claim(w->conf.host->queue, w->name, types, n, a,
				  jobs, got);
	}
	worker_note_database(w, err);
	if (err != QUEUE_OK && err != QUEUE_LOST)
		worker_unsure(w);
	return err;
}

/*
 * Claims up to n jobs. The lock is held, but not meanwhile: who calls has
 * counted them as out before, and takes that back after.
 */
static enum queue_error
claim(struct lane *l, const char *const *types, unsigned n,
      struct claimed **out)
{
	struct worker *w = l->worker;
	enum queue_error err = QUEUE_INTERNAL;
	struct queue_job *jobs;
	struct claimed *c;
	size_t got = 0;

	pthread_mutex_unlock(&l->lock);
	pthread_rwlock_rdlock(&w->claiming);
	c = claimed_new(n, &jobs);
	if (c)
		err = claim_registered(w, types, n, &c->arena, jobs, &got);
	pthread_mutex_lock(&l->lock);
	l->careful = err == QUEUE_INTERNAL;
	if (err != QUEUE_OK)
		got = 0;
	if (got)
		list_tasks(l, c, jobs, got);
	pthread_rwlock_unlock(&w->claiming);
	if (c && !c->left) {
		arena_release(&c->arena);
		free(c->tasks);
		free(c);
		c = NULL;
	}
	*out = c;
	return err;
}

static bool
inputs_can_be_opened(struct lane *l)
{
	bool answers;

	if (l->kind != JOB_LANE_MEDIA)
		return true;
	pthread_mutex_unlock(&l->lock);
	answers = worker_note_gateway(l->worker);
	pthread_mutex_lock(&l->lock);
	return answers;
}

/* The lock is held. False: try again after a pause. */
static bool
claim_group(struct lane *l, struct group *g)
{
	unsigned n = l->careful ? 1 : room_of(l, g);
	struct claimed *c;
	size_t got = 0;
	enum queue_error err;

	if (!inputs_can_be_opened(l))
		return false;
	g->due = false; /* what is told from now on is news */
	g->out += n;
	l->out += n;
	err = claim(l, g->types, n, &c);
	g->out -= n;
	l->out -= n;
	if (c)
		got = c->left;
	if (err != QUEUE_OK || got == n)
		g->due = true;
	return err == QUEUE_OK;
}

static void
all_due(struct lane *l)
{
	for (size_t i = 0; i < l->n_types; i++)
		l->types[i].group->due = true;
}

static void *
claimer_main(void *arg)
{
	struct lane *l = arg;
	int64_t pause = RETRY_FIRST_US, poll = 0, now;
	struct group *g;

	pthread_setname_np(pthread_self(), "claims");
	pthread_mutex_lock(&l->lock);
	while (!l->draining) {
		now = time_mono_us();
		if (now >= poll) {
			all_due(l);
			poll = now + POLL_US;
		}
		g = group_to_claim(l);
		if (!g) {
			worker_wait(&l->claimable, &l->lock, poll - now);
			continue;
		}
		if (claim_group(l, g)) {
			pause = RETRY_FIRST_US;
			continue;
		}
		for (now = time_mono_us() + pause;
		     !l->draining && time_mono_us() < now;)
			worker_wait(&l->claimable, &l->lock,
				    now - time_mono_us());
		pause = pause * 2 < RETRY_MAX_US ? pause * 2 : RETRY_MAX_US;
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
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
	wake_one(l);
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
	else if (t->rc != 0 && t->rc != JOB_HANDED_OFF)
		json_put_str(b, "error", t->run.error);
	else
		json_put_raw(b, "result",
			     t->rc == 0 && t->run.outcome.result
				 ? t->run.outcome.result
				 : "{}");
	json_close_object(b);
}

/* Counts one more job of each group that has room for it, or one less. */
static void
reserve(struct lane *l, bool in[JOB_TYPES_MAX], const char **types)
{
	size_t n = 0;

	for (size_t i = 0; types && i < l->n_groups; i++) {
		in[i] = l->groups[i].types[0] && room_of(l, &l->groups[i]);
		l->groups[i].out += in[i];
		for (size_t k = 0; in[i] && l->groups[i].types[k]; k++)
			types[n++] = l->groups[i].types[k];
	}
	for (size_t i = 0; !types && i < l->n_groups; i++)
		l->groups[i].out -= in[i];
	l->out += types ? 1 : -1u;
}

static enum queue_error
claim_one(struct lane *l, struct task **out)
{
	const char *types[JOB_TYPES_MAX + 1] = { NULL };
	bool in[JOB_TYPES_MAX];
	struct claimed *c = NULL;
	enum queue_error err;

	reserve(l, in, types);
	err = types[0] ? claim(l, types, 1, &c) : QUEUE_OK;
	reserve(l, in, NULL);
	lane_wake_claimer(l);
	*out = c ? c->tasks : NULL;
	return err;
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
		err = claim_one(l, &t);
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
				stop_task(l, t, why);
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
		stop_task(l, t, JOB_TIMEOUT);
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
		stop_task(l, t, JOB_SHUTDOWN);
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

static bool
start_threads(struct lane *l, unsigned threads)
{
	l->threads = calloc(threads + 1u, sizeof(*l->threads));
	l->flush = lane_flush_new();
	if (!l->threads || !l->flush)
		return false;
	l->ender_runs =
	    pthread_create(&l->ender, NULL, lane_ender_main, l) == 0;
	if (threads)
		l->claimer_runs =
		    pthread_create(&l->claimer, NULL, claimer_main, l) == 0;
	while (l->n_threads < threads &&
	       pthread_create(&l->threads[l->n_threads], NULL, thread_main,
			      l) == 0)
		l->n_threads++;
	return l->ender_runs && l->n_threads == threads &&
	       (l->claimer_runs || !threads);
}

struct lane *
lane_start(struct worker *w, enum job_lane kind, unsigned threads,
	   unsigned room)
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
	if (start_threads(l, threads))
		return l;
	lane_free(l);
	return NULL;
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
