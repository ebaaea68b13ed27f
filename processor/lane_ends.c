/*
 * The ends of a lane's runs, written in batches: what has ended while the
 * last batch was written makes the next. While others run an end waits up to
 * LINGER_US for company; an idle lane does not wait. A result waits for the
 * database: it is worth more than the wait.
 */
#include "processor/lane.h"
#include "base/log.h"
#include "base/timeval.h"
#include "processor/worker_state.h"

#define LINGER_US 1000
#define RETRY_FIRST_US (US_PER_S / 50)
#define RETRY_MAX_US (10 * US_PER_S)

/* How a run ends. False: the database is not told. */
static bool
end_of(const struct task *t, struct queue_end *e)
{
	const struct job_run *run = &t->run;

	*e = (struct queue_end){ .id = run->job.id,
				 .attempt = run->job.attempts,
				 .how = QUEUE_FAILED };
	if (t->rc == JOB_HANDED_OFF)
		return false;
	if (t->rc == 0) {
		e->how = QUEUE_COMPLETED;
		e->outcome = &run->outcome;
		return true;
	}
	switch ((enum job_stop)run->stop) {
	case JOB_LOST:
		return false;
	case JOB_SHUTDOWN:
		e->how = QUEUE_RELEASED;
		return true;
	case JOB_CANCELLED: /* the database knows that it was asked for */
		e->how = QUEUE_FAILED_FOR_GOOD;
		e->error = "cancelled";
		return true;
	case JOB_TIMEOUT:
		e->error = "timeout";
		return true;
	case JOB_GO:
		break;
	}
	e->error = run->error;
	if (run->permanent)
		e->how = QUEUE_FAILED_FOR_GOOD;
	return true;
}

static void
log_end(const struct task *t)
{
	const struct job_run *run = &t->run;
	bool good = t->settled == QUEUE_OK && t->rc == 0;
	const char *end = t->settled == QUEUE_LOST     ? "lost"
			  : t->settled != QUEUE_OK     ? "not settled"
			  : t->rc == 0		       ? "completed"
			  : t->rc == JOB_HANDED_OFF    ? "handed off"
			  : run->stop == JOB_SHUTDOWN  ? "given back"
			  : run->stop == JOB_CANCELLED ? "cancelled"
						       : "failed";
	bool quiet = good && run->type->lane != JOB_LANE_MEDIA;
	double s =
	    t->begun_us ? (double)(time_mono_us() - t->begun_us) / 1e6 : 0;

	log_at(quiet ? LOG_DEBUG : LOG_INFO, "job",
	       "%s %s %s: attempt %d, %.1f s%s%s", run->job.type, run->job.id,
	       end, run->job.attempts, s, t->rc && run->error[0] ? ", " : "",
	       t->rc ? run->error : "");
}

/* Writes ends until the database has taken them, or none is waited for. */
static enum queue_error
write_ends(struct lane *l, struct queue_end *ends, size_t n)
{
	struct worker *w = l->worker;
	int64_t pause = RETRY_FIRST_US;
	enum queue_error err;

	for (;;) {
		err = queue_jobs_end(w->conf.host->queue, w->name, ends, n);
		worker_note_database(w, err);
		if (err != QUEUE_UNAVAILABLE)
			return err;
		pthread_mutex_lock(&l->lock);
		if (l->stopping) {
			pthread_mutex_unlock(&l->lock);
			return err;
		}
		worker_wait(&l->ends, &l->lock, pause);
		pthread_mutex_unlock(&l->lock);
		pause = pause * 2 < RETRY_MAX_US ? pause * 2 : RETRY_MAX_US;
	}
}

/* The database refuses what a run found: that is how the run ends then. */
static bool
refused(struct task *t, const struct queue_end *e)
{
	if (e->result != QUEUE_INTERNAL)
		return false;
	if (t->rc == 0) {
		t->rc = job_fail(&t->run, t->run.job.attempts > 1,
				 "result_refused");
		return true;
	}
	return false;
}

/* A batch: tasks that have ended alike, so that completions, which the
 * database ends together, are not held up by others. */
struct flush {
	struct task *tasks[LANE_FLUSH_MAX];
	struct queue_end ends[LANE_FLUSH_MAX];
	size_t n;
};

/* The lock is held. The tasks stay in their list: they are still ours. */
static void
take_batch(struct lane *l, struct flush *f)
{
	struct task *t = TAILQ_FIRST(&l->lists[TASK_ENDED]);
	bool completed = t && t->rc == 0;

	f->n = 0;
	for (; t && f->n < LANE_FLUSH_MAX; t = TAILQ_NEXT(t, link))
		if ((t->rc == 0) == completed)
			f->tasks[f->n++] = t;
}

static void
write_batch(struct lane *l, struct flush *f)
{
	enum queue_error err = QUEUE_OK;
	size_t told = 0;

	for (size_t i = 0; i < f->n; i++) {
		struct task *t = f->tasks[i];
		struct queue_end e;

		t->settled = QUEUE_OK;
		if (end_of(t, &e)) {
			f->ends[told] = e;
			f->tasks[i] = f->tasks[told];
			f->tasks[told++] = t;
		} else if (t->rc < 0) {
			t->settled = QUEUE_LOST;
		}
	}
	if (told)
		err = write_ends(l, f->ends, told);
	for (size_t i = 0; i < told; i++) {
		f->tasks[i]->settled = err ? err : f->ends[i].result;
		if (refused(f->tasks[i], &f->ends[i]))
			f->tasks[i]->settled = QUEUE_CONFLICT; /* once more */
		else if (f->tasks[i]->settled == QUEUE_INTERNAL)
			worker_unsure(l->worker);
	}
}

/* The lock is held, but not while memory is freed. */
static void
settle_batch(struct lane *l, struct flush *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		struct task *t = f->tasks[i];

		if (t->settled == QUEUE_CONFLICT)
			continue;
		lane_move(l, t, TASK_SETTLED);
		/* unless it came to us again meanwhile (is_held()) */
		if (t->settled == QUEUE_LOST)
			worker_unsure(l->worker);
		l->out--;
		t->group->out--;
		if (!t->awaited)
			f->tasks[n++] = t;
	}
	lane_wake_claimer(l);
	pthread_cond_broadcast(&l->settled);
	pthread_mutex_unlock(&l->lock);
	for (size_t i = 0; i < n; i++)
		lane_free_task(l, f->tasks[i]);
	pthread_mutex_lock(&l->lock);
}

/* Until something has ended, and for as long as company may come. */
static bool
wait_for_ends(struct lane *l)
{
	int64_t until = 0, now;

	l->ends_want = 1;
	while (!l->n[TASK_ENDED] && !l->closed)
		pthread_cond_wait(&l->ends, &l->lock);
	l->ends_want = LANE_FLUSH_MAX;
	while (l->n[TASK_ENDED] < LANE_FLUSH_MAX && !l->stopping &&
	       (l->n[TASK_WAITS] || l->n[TASK_RUNS])) {
		now = time_mono_us();
		until = until ? until : now + LINGER_US;
		if (now >= until)
			break;
		worker_wait(&l->ends, &l->lock, until - now);
	}
	l->ends_want = 0;
	return l->n[TASK_ENDED] > 0;
}

void *
lane_ender_main(void *arg)
{
	struct lane *l = arg;
	struct flush *f = l->flush;

	pthread_setname_np(pthread_self(), "ends");
	pthread_mutex_lock(&l->lock);
	while (wait_for_ends(l)) {
		take_batch(l, f);
		pthread_mutex_unlock(&l->lock);
		write_batch(l, f);
		for (size_t i = 0; i < f->n; i++)
			if (f->tasks[i]->settled != QUEUE_CONFLICT)
				log_end(f->tasks[i]);
		pthread_mutex_lock(&l->lock);
		settle_batch(l, f);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

struct flush *
lane_flush_new(void)
{
	return calloc(1, sizeof(struct flush));
}
