/*
 * Claims. One asks for as many jobs as there is room, and waits until that is
 * worth a round trip.
 */
#include "base/log.h"
#include "base/timeval.h"
#include "processor/lane.h"
#include "processor/worker_state.h"

#include <sys/eventfd.h>

#define POLL_US (10 * US_PER_S)
#define RETRY_FIRST_US (US_PER_S / 2)
#define RETRY_MAX_US (10 * US_PER_S)
#define CLAIM_MAX 512u
#define CLAIM_MEMORY_MAX (64u << 20)
#define OUTCOME_MEMORY_MAX (64u << 20) /* of a media job, beside its worker */

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

static void
all_due(struct lane *l)
{
	for (size_t i = 0; i < l->n_types; i++)
		l->types[i].group->due = true;
}

/*
 * A server that crashed may have forgotten a claim of ours (job_claim() does
 * not wait for the disk), and gives us the same attempt again: that is the run
 * we have. A full light lane is too long for the question; there a job may run
 * twice at once, as it may after any crash.
 */
static bool
is_held(const struct lane *l, const struct queue_job *job)
{
	const struct task *t;

	if (l->kind != JOB_LANE_MEDIA)
		return false;
	for (size_t i = 0; i < TASK_LISTS; i++) {
		TAILQ_FOREACH(t, &l->lists[i], link)
		{
			if (t->run.job.attempts == job->attempts &&
			    strcmp(t->run.job.id, job->id) == 0)
				return true;
		}
	}
	return false;
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

		if (is_held(l, &jobs[i])) {
			all_due(l); /* it may have been in others' way */
			continue;
		}
		if (!init_task(l, t, c, &jobs[i])) {
			worker_unsure(l->worker);
			continue;
		}
		c->left++;
		l->out++;
		t->group->out++;
		lane_move(l, t, TASK_WAITS);
		if (l->draining)
			lane_stop_task(l, t, JOB_SHUTDOWN);
	}
	if (!c->tasks)
		worker_unsure(l->worker);
	lane_wake_thread(l);
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

void *
lane_claimer_main(void *arg)
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

/* ---- one job on demand --------------------------------------------------- */

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

enum queue_error
lane_claim_one(struct lane *l, struct task **out)
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
