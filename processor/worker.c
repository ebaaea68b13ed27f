/*
 * Slots: each claims one job, runs it, settles it, and looks for the next at
 * once; an idle one sleeps until a notification or for 10 s.
 */
#include "processor/worker_state.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/random.h"
#include "base/timeval.h"

#include <sys/eventfd.h>
#include <unistd.h>

#define POLL_US (10 * US_PER_S)
#define RETRY_FIRST_US (US_PER_S / 2)
#define RETRY_MAX_US (10 * US_PER_S)
#define RUN_MEMORY_MAX (64u << 20)

/* ---- one run ------------------------------------------------------------ */

static struct job_run *
run_new(const struct worker *w)
{
	struct job_run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	run->host = w->conf.host;
	arena_init(&run->arena, RUN_MEMORY_MAX);
	run->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (run->stop_fd >= 0)
		return run;
	free(run);
	return NULL;
}

static void
run_free(struct job_run *run)
{
	close(run->stop_fd);
	arena_release(&run->arena);
	free(run);
}

static struct queue_fence
fence_of(const struct worker *w, const struct job_run *run)
{
	return (struct queue_fence){ run->job.id, run->job.attempts, w->name };
}

/* 1: run->job is ours, 0: nothing is due, -1: no database. */
static int
claim(struct worker *w, struct job_run *run)
{
	size_t n = 0;
	enum queue_error err = QUEUE_LOST;

	/* Lost: not registered yet, or taken for dead. */
	for (int i = 0; i < 2 && err == QUEUE_LOST; i++) {
		if (i)
			worker_heartbeat(w);
		err = queue_claim(w->conf.queue, w->name, w->types, 1,
				  &run->arena, &run->job, &n);
	}
	worker_note_database(w, err);
	if (err == QUEUE_OK)
		return n > 0;
	return err == QUEUE_UNAVAILABLE || err == QUEUE_LOST ? -1 : 0;
}

static enum queue_error
settle_once(struct worker *w, struct job_run *run, int rc)
{
	const struct queue_fence f = fence_of(w, run);

	if (rc == 0)
		return queue_job_complete(w->conf.queue, &f, &run->outcome);
	switch ((enum job_stop)run->stop) {
	case JOB_LOST:
		return QUEUE_LOST;
	case JOB_SHUTDOWN:
		return queue_job_release(w->conf.queue, &f);
	case JOB_CANCELLED: /* the database knows that it was asked for */
		return queue_job_fail(w->conf.queue, &f, "cancelled", true);
	case JOB_GO:
		break;
	}
	return queue_job_fail(w->conf.queue, &f, run->error, run->permanent);
}

/* A result waits for the database: it is worth more than the wait. */
static enum queue_error
settle(struct worker *w, struct job_run *run, int rc)
{
	int64_t pause = RETRY_FIRST_US;
	enum queue_error err;

	for (;;) {
		err = settle_once(w, run, rc);
		worker_note_database(w, err);
		if (err == QUEUE_INTERNAL && rc == 0) {
			/* the database refuses what the worker found */
			rc = job_fail(run, run->job.attempts > 1,
				      "result_refused");
			continue;
		}
		pthread_mutex_lock(&w->lock);
		if (err == QUEUE_UNAVAILABLE && !w->stopping)
			worker_wait(w, pause);
		else
			err = err == QUEUE_UNAVAILABLE ? QUEUE_LOST : err;
		pthread_mutex_unlock(&w->lock);
		if (err != QUEUE_UNAVAILABLE)
			return err;
		pause = pause * 2 < RETRY_MAX_US ? pause * 2 : RETRY_MAX_US;
	}
}

static void
log_end(const struct job_run *run, enum queue_error settled, int rc, int64_t us)
{
	const char *end = settled == QUEUE_LOST	       ? "lost"
			  : settled != QUEUE_OK	       ? "not settled"
			  : rc == 0		       ? "completed"
			  : run->stop == JOB_SHUTDOWN  ? "given back"
			  : run->stop == JOB_CANCELLED ? "cancelled"
						       : "failed";

	log_info("job", "%s %s %s: attempt %d, %.1f s%s%s", run->job.type,
		 run->job.id, end, run->job.attempts, (double)us / 1e6,
		 run->error[0] && rc != 0 ? ", " : "",
		 rc != 0 ? run->error : "");
}

/* {"hasJob":true,...} for worker_process_one(). */
static void
put_answer(struct buf *b, const struct job_run *run, enum queue_error settled,
	   int rc)
{
	json_open_object(b, NULL);
	json_put_bool(b, "hasJob", true);
	json_put_str(b, "jobId", run->job.id);
	json_put_str(b, "jobType", run->job.type);
	if (rc == 0 && settled == QUEUE_OK)
		json_put_raw(b, "result", run->outcome.result);
	else
		json_put_str(b, "error",
			     rc != 0		     ? run->error
			     : settled == QUEUE_LOST ? "lease_lost"
						     : "not_settled");
	json_close_object(b);
}

static void
list_run(struct worker *w, struct job_run *run, bool in)
{
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		if (w->runs[i] == (in ? NULL : run)) {
			w->runs[i] = in ? run : NULL;
			break;
		}
	}
	if (in && w->stopping)
		worker_stop_run(run, JOB_SHUTDOWN);
	pthread_mutex_unlock(&w->lock);
}

/* Claims and runs one job in a slot already taken. As claim(). */
static int
run_one(struct worker *w, struct buf *answer)
{
	struct job_run *run = run_new(w);
	int64_t begun = time_mono_us();
	enum queue_error settled;
	int rc, claimed = run ? claim(w, run) : -1;

	if (claimed > 0) {
		log_info("job", "%s %s begins: attempt %d", run->job.type,
			 run->job.id, run->job.attempts);
		list_run(w, run, true);
		rc = job_execute(run);
		settled = settle(w, run, rc);
		list_run(w, run, false);
		log_end(run, settled, rc, time_mono_us() - begun);
		if (answer)
			put_answer(answer, run, settled, rc);
	}
	if (run)
		run_free(run);
	return claimed;
}

/* ---- slots -------------------------------------------------------------- */

/* Waits for a free slot. False when no job is to be claimed any more. */
static bool
slot_take(struct worker *w)
{
	bool taken = false;

	pthread_mutex_lock(&w->lock);
	while (!w->draining && w->busy >= w->conf.slots)
		worker_wait(w, POLL_US);
	if (!w->draining) {
		w->busy++;
		taken = true;
	}
	pthread_mutex_unlock(&w->lock);
	return taken;
}

static void
slot_give(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->busy--;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

/* Until us have passed, or a notification beyond @seen (NULL: none counts). */
static void
wait_wake(struct worker *w, const uint64_t *seen, int64_t us)
{
	int64_t until = time_mono_us() + us, left;

	pthread_mutex_lock(&w->lock);
	while (!w->draining && (!seen || w->wakes == *seen) &&
	       (left = until - time_mono_us()) > 0)
		worker_wait(w, left);
	pthread_mutex_unlock(&w->lock);
}

static uint64_t
wakes_seen(struct worker *w)
{
	uint64_t n;

	pthread_mutex_lock(&w->lock);
	n = w->wakes;
	pthread_mutex_unlock(&w->lock);
	return n;
}

/* Jobs wait for the gateway: their attempts are few, its outage may be long. */
static bool
gateway_answers(struct worker *w)
{
	bool away = !job_gateway_answers(w->conf.host), was;

	pthread_mutex_lock(&w->lock);
	was = w->gateway_away;
	w->gateway_away = away;
	pthread_mutex_unlock(&w->lock);
	if (away && !was)
		log_warn("gateway_away", "jobs wait for the gateway");
	if (!away && was)
		log_info("gateway_back", "the gateway answers again");
	return !away;
}

static void *
slot_main(void *arg)
{
	struct worker *w = arg;
	int64_t pause = RETRY_FIRST_US;

	pthread_setname_np(pthread_self(), "slot");
	for (;;) {
		uint64_t seen = wakes_seen(w);
		int rc;

		if (!slot_take(w))
			return NULL;
		rc = gateway_answers(w) ? run_one(w, NULL) : -1;
		slot_give(w);
		if (rc == 0)
			wait_wake(w, &seen, POLL_US);
		if (rc < 0)
			wait_wake(w, NULL, pause);
		pause = rc >= 0			   ? RETRY_FIRST_US
			: pause * 2 < RETRY_MAX_US ? pause * 2
						   : RETRY_MAX_US;
	}
}

void
worker_process_one(struct worker *w, struct buf *answer)
{
	int rc = -1;

	if (slot_take(w)) {
		rc = run_one(w, answer);
		slot_give(w);
	}
	if (rc > 0)
		return;
	json_open_object(answer, NULL);
	if (rc == 0)
		json_put_bool(answer, "hasJob", false);
	else
		json_put_str(answer, "error", "unavailable");
	json_close_object(answer);
}

/* ---- life --------------------------------------------------------------- */

static int
start_threads(struct worker *w)
{
	unsigned slots = w->conf.on_demand ? 0 : w->conf.slots;

	w->keeper_runs =
	    pthread_create(&w->keeper, NULL, worker_keeper_main, w) == 0;
	w->listener_runs =
	    pthread_create(&w->listener, NULL, worker_listener_main, w) == 0;
	while (w->n_threads < slots && pthread_create(&w->threads[w->n_threads],
						      NULL, slot_main, w) == 0)
		w->n_threads++;
	return w->keeper_runs && w->listener_runs && w->n_threads == slots ? 0
									   : -1;
}

struct worker *
worker_start(const struct worker_conf *conf, char err[512])
{
	struct worker *w = calloc(1, sizeof(*w));
	char host[24] = "", id[UUID_TEXT_MAX];

	if (!w) {
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	w->conf = *conf;
	if (w->conf.slots > SLOTS_MAX)
		w->conf.slots = SLOTS_MAX;
	gethostname(host, sizeof(host) - 1);
	uuid_new(id);
	snprintf(w->name, sizeof(w->name), "%s:%d:%.8s", host, (int)getpid(),
		 id);
	for (size_t i = 0; i < job_types_n; i++)
		w->types[i] = job_types[i].name;
	snprintf(w->host, sizeof(w->host), "%s", host);
	pthread_mutex_init(&w->lock, NULL);
	time_cond_init(&w->changed);
	if (start_threads(w) == 0)
		return w;
	snprintf(err, 512, "cannot start threads");
	worker_free(w);
	return NULL;
}

void
worker_drain(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->draining = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

bool
worker_idle(struct worker *w, int timeout_ms)
{
	int64_t until = time_mono_us() + timeout_ms * 1000LL, left;
	bool idle;

	pthread_mutex_lock(&w->lock);
	while (w->busy && (left = until - time_mono_us()) > 0)
		worker_wait(w, left);
	idle = w->busy == 0;
	pthread_mutex_unlock(&w->lock);
	return idle;
}

void
worker_stop(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->draining = true;
	w->stopping = true;
	for (size_t i = 0; i < SLOTS_MAX; i++)
		if (w->runs[i])
			worker_stop_run(w->runs[i], JOB_SHUTDOWN);
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

void
worker_free(struct worker *w)
{
	if (!w)
		return;
	worker_stop(w);
	for (unsigned i = 0; i < w->n_threads; i++)
		pthread_join(w->threads[i], NULL);
	if (w->listener_runs)
		pthread_join(w->listener, NULL);
	if (w->keeper_runs)
		pthread_join(w->keeper, NULL);
	if (queue_worker_leave(w->conf.queue, w->name) != QUEUE_OK)
		log_warn("worker_leave", "%s: the lease ends by itself",
			 w->name);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
