/*
 * The scrubber's thread: when a pass begins, at what pace it reads, and when
 * its state is saved.
 */
#include "store/local/scrub.h"
#include "base/log.h"
#include "base/timeval.h"

#include <errno.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RATE (20u << 20) /* bytes per second, where none is configured */
#define INTERVAL_US (30LL * 24 * 3600 * US_PER_S)
#define FIRST_US (10LL * 60 * US_PER_S) /* after a start without a past */
#define SAVE_US (30LL * US_PER_S)
#define WAIT_MAX_US (3600LL * US_PER_S)
#define BEHIND_MAX_US (US_PER_S) /* what was missed is not made up for */
#define COUNT_MAX (1u << 30)	 /* bytes, then the pace is counted anew */
#define INDEX_TRIES 3u
/* <linux/ioprio.h> is no part of the C library */
#define IOPRIO_THIS_THREAD 1
#define IOPRIO_IDLE (3 << 13)
#define NICE 10

/* What is configured by now holds for what was not asked for. */
static void
load_and_adapt(struct scrub *s)
{
	int64_t now = time_now_us();
	int64_t wait = s->interval_us;

	scrub_load(s);
	if (s->st.running && !s->st.asked_for) {
		s->st.rate = s->conf_rate;
		s->st.running = s->conf_rate > 0;
	}
	if (!s->st.next_us && wait > FIRST_US)
		wait = FIRST_US;
	/* never more than an interval away, should the clock have been wrong */
	if (!s->st.next_us || s->st.next_us > now + s->interval_us)
		s->st.next_us = now + wait;
}

/* ---- the pace ----------------------------------------------------------- */

/* When what was read until now may have been read; with mu. */
static int64_t
due(struct scrub *s)
{
	int64_t now = time_mono_us(), at;

	if (!s->st.rate)
		return now;
	at = s->base_us +
	     (int64_t)((s->st.bytes - s->base_bytes) * US_PER_S / s->st.rate);
	if (at < now - BEHIND_MAX_US)
		at = now;
	if (at == now || s->st.bytes - s->base_bytes > COUNT_MAX) {
		s->base_us = at;
		s->base_bytes = s->st.bytes;
	}
	return at;
}

bool
scrub_pace(struct scrub *s, uint64_t bytes)
{
	bool go_on;
	int64_t at;

	pthread_mutex_lock(&s->mu);
	s->st.bytes += bytes;
	while (!s->end && !s->give_up && (at = due(s)) > time_mono_us())
		time_cond_wait(&s->wake, &s->mu, at);
	go_on = !s->end && !s->give_up;
	pthread_mutex_unlock(&s->mu);
	if (time_mono_us() - s->saved_us > SAVE_US)
		scrub_save(s);
	return go_on;
}

void
scrub_advance(struct scrub *s, uint64_t position)
{
	pthread_mutex_lock(&s->mu);
	s->st.position = position;
	s->st.blobs++;
	pthread_mutex_unlock(&s->mu);
}

/* With mu. */
static void
count_from_here(struct scrub *s)
{
	s->base_us = time_mono_us();
	s->base_bytes = s->st.bytes;
}

/* ---- a pass ------------------------------------------------------------- */

static void
begin(struct scrub *s)
{
	uint64_t of = scrub_count_bytes(s);

	pthread_mutex_lock(&s->mu);
	s->st = (struct scrub_state){
		.running = true,
		.asked_for = s->asked,
		.in_index = true,
		.rate = s->asked ? s->asked_rate : s->conf_rate,
		.bytes_of = of,
		.started_us = time_now_us(),
		.passes = s->st.passes,
		.finished_us = s->st.finished_us,
		.next_us = s->st.next_us,
	};
	s->asked = false;
	pthread_mutex_unlock(&s->mu);
	log_info("scrub_begin", "%llu bytes of blobs", (unsigned long long)of);
}

/* Reading a damaged page of LMDB may end the process: not for ever again. */
static bool
walk_index(struct scrub *s)
{
	bool go_on = true;

	if (s->st.index_tries >= INDEX_TRIES) {
		damage_found_row(s->ls, "the index: the process ended "
					"each time it was read; see "
					"reelgate admin fsck");
	} else {
		pthread_mutex_lock(&s->mu);
		s->st.index_tries++;
		s->st.bytes = 0;
		count_from_here(s);
		pthread_mutex_unlock(&s->mu);
		scrub_save(s);
		go_on = scrub_walk_index(s);
	}
	pthread_mutex_lock(&s->mu);
	s->st.index_tries = 0;
	s->st.in_index = !go_on;
	s->st.bytes_of += go_on ? s->st.bytes : 0;
	pthread_mutex_unlock(&s->mu);
	scrub_save(s);
	return go_on;
}

static void
finish(struct scrub *s, bool complete)
{
	int64_t now = time_now_us();

	pthread_mutex_lock(&s->mu);
	s->give_up = false;
	s->st.running = false;
	s->st.next_us = now + s->interval_us;
	if (complete) {
		s->st.finished_us = now;
		s->st.passes++;
	}
	pthread_mutex_unlock(&s->mu);
	log_info("scrub_end", "%s: %llu bytes in %llu blobs, damaged: %zu",
		 complete ? "complete" : "stopped",
		 (unsigned long long)s->st.bytes,
		 (unsigned long long)s->st.blobs, damage_count(s->ls));
}

/* One that is to go on after a restart stays as it is. */
static void
run_pass(struct scrub *s)
{
	bool complete, ending;

	if (!s->st.running)
		begin(s);
	pthread_mutex_lock(&s->mu);
	count_from_here(s);
	pthread_mutex_unlock(&s->mu);
	complete = (!s->st.in_index || walk_index(s)) &&
		   scrub_walk_blobs(s, s->st.position);
	pthread_mutex_lock(&s->mu);
	ending = s->end;
	pthread_mutex_unlock(&s->mu);
	if (complete || !ending)
		finish(s, complete);
	scrub_save(s);
}

/* ---- the thread --------------------------------------------------------- */

enum task { TASK_END, TASK_PASS, TASK_SAVE };

static enum task
wait_for_task(struct scrub *s)
{
	enum task task = TASK_END;

	pthread_mutex_lock(&s->mu);
	while (!s->end) {
		int64_t left = s->st.next_us - time_now_us();

		if (!s->asked && !s->st.running)
			s->give_up = false; /* there is nothing to */
		if (s->asked || s->st.running || (s->conf_rate && left <= 0)) {
			task = TASK_PASS;
			break;
		}
		if (s->unsaved) {
			task = TASK_SAVE;
			break;
		}
		if (!s->conf_rate || left > WAIT_MAX_US)
			left = WAIT_MAX_US;
		time_cond_wait(&s->wake, &s->mu, time_mono_us() + left);
	}
	pthread_mutex_unlock(&s->mu);
	return task;
}

/* The disk and the processors are for those who wait for them. */
static void
be_modest(void)
{
	if (syscall(SYS_ioprio_set, IOPRIO_THIS_THREAD, 0, IOPRIO_IDLE) != 0 ||
	    setpriority(PRIO_PROCESS, 0, NICE) != 0)
		log_debug("scrub_priority", "%s", strerror(errno));
}

static void *
scrub_main(void *arg)
{
	struct scrub *s = arg;
	enum task task;
	bool asked, unsaved;

	pthread_setname_np(pthread_self(), "scrub");
	be_modest();
	while ((task = wait_for_task(s)) != TASK_END) {
		if (task == TASK_PASS)
			run_pass(s);
		else
			scrub_save(s);
	}
	pthread_mutex_lock(&s->mu);
	asked = s->asked;
	unsaved = s->unsaved;
	pthread_mutex_unlock(&s->mu);
	if (asked)
		begin(s); /* it goes on after the next start */
	if (asked || unsaved)
		scrub_save(s);
	return NULL;
}

/* There is damage to be saved. */
static void
wake(void *ctx)
{
	struct scrub *s = ctx;

	pthread_mutex_lock(&s->mu);
	s->unsaved = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->mu);
}

static void
init(struct scrub *s)
{
	pthread_mutex_init(&s->mu, NULL);
	time_cond_init(&s->wake);
	s->saved_us = time_mono_us();
}

int
scrub_start(struct local *ls, const struct store_local_conf *conf)
{
	struct scrub *s = calloc(1, sizeof(*s));
	struct buf path = BUF_INIT;

	if (!s)
		return -1;
	s->ls = ls;
	s->conf_rate = conf->scrub_bytes_per_s;
	s->interval_us = conf->scrub_interval_ms
			     ? conf->scrub_interval_ms * 1000
			     : INTERVAL_US;
	buf_printf(&path, "%s/scrub", conf->data_dir);
	s->path = buf_steal(&path);
	init(s);
	ls->scrub = s;
	if (!s->path)
		return -1;
	load_and_adapt(s);
	ls->damages.changed = wake;
	ls->damages.ctx = s;
	s->started = pthread_create(&s->thread, NULL, scrub_main, s) == 0;
	return s->started ? 0 : -1;
}

void
scrub_end(struct local *ls)
{
	struct scrub *s = ls->scrub;

	if (!s)
		return;
	if (s->started) {
		pthread_mutex_lock(&s->mu);
		s->end = true;
		pthread_cond_signal(&s->wake);
		pthread_mutex_unlock(&s->mu);
		pthread_join(s->thread, NULL);
	}
	ls->damages.changed = NULL;
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->mu);
	ls->scrub = NULL;
	free(s->path);
	free(s);
}

/* ---- for operators ------------------------------------------------------ */

enum s3_error
store_scrub_start(struct store *store, uint64_t rate)
{
	struct local *ls = local_only(store);
	struct scrub *s = ls ? ls->scrub : NULL;

	if (!s)
		return S3_ERR_NOT_IMPLEMENTED;
	pthread_mutex_lock(&s->mu);
	if (rate == UINT64_MAX)
		rate = s->conf_rate ? s->conf_rate : RATE;
	if (s->st.running && !s->give_up) {
		s->st.rate = rate;
		s->st.asked_for = true;
		count_from_here(s);
	} else {
		s->give_up &= s->st.running;
		s->asked = true;
		s->asked_rate = rate;
	}
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->mu);
	return S3_OK;
}

enum s3_error
store_scrub_stop(struct store *store)
{
	struct local *ls = local_only(store);
	struct scrub *s = ls ? ls->scrub : NULL;

	if (!s)
		return S3_ERR_NOT_IMPLEMENTED;
	pthread_mutex_lock(&s->mu);
	s->give_up = s->st.running || s->asked;
	s->asked = false;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->mu);
	return S3_OK;
}
