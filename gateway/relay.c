/*
 * The relay thread: read the cursor once, then { read a batch behind it, give
 * it to queue_relay(), acknowledge it to the store }. Any doubt about what
 * the database did (connection lost in mid-commit) ends in reading the cursor
 * again.
 *
 * Each epoch has a cursor of its own. After a restore the outbox holds events
 * of earlier epochs: these are ended first, oldest first, each by its own
 * cursor, so what was delivered before the restore is not delivered again.
 *
 * Shared state: r->state and r->stopping under r->lock; the rest belongs to
 * the thread.
 */
#include "gateway/relay.h"
#include "base/log.h"
#include "base/random.h"
#include "base/timeval.h"
#include "gateway/delivery.h"

#include <inttypes.h>
#include <pthread.h>

#define BATCH_MAX 500u
#define BATCH_BYTES (32u << 20)
#define IDLE_WAIT_MS 500 /* bounds how long a stop can take */
#define BACKOFF_MIN_MS 200u
#define BACKOFF_MAX_MS 5000u

struct relay {
	struct relay_conf conf;
	struct store_info info; /* deployment and epoch; fixed for a run */
	struct delivery delivery;
	size_t era; /* index of info.pasts; n_pasts: the present epoch */
	struct queue_cursor cursor; /* of that epoch, in the database */
	uint64_t after;		    /* the events up to here are done with */
	uint64_t acked;		    /* and the store was told of these */
	bool have_cursor;
	unsigned backoff_ms; /* 0: the last step went well */
	size_t batch;	     /* events to deliver at once */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	enum relay_state state;
	bool stopping;
};

const char *
relay_state_name(enum relay_state state)
{
	static const char *const names[] = { "starting", "running", "waiting",
					     "stopped" };

	return names[state];
}

static void
set_state(struct relay *r, enum relay_state state)
{
	pthread_mutex_lock(&r->lock);
	r->state = state;
	pthread_mutex_unlock(&r->lock);
}

static bool
stopping(struct relay *r)
{
	bool yes;

	pthread_mutex_lock(&r->lock);
	yes = r->stopping;
	pthread_mutex_unlock(&r->lock);
	return yes;
}

/* Sleeps unless a stop is asked for. */
static void
pause_ms(struct relay *r, unsigned ms)
{
	int64_t until_us = time_mono_us() + ms * 1000ll;

	pthread_mutex_lock(&r->lock);
	while (!r->stopping && time_cond_wait(&r->wake, &r->lock, until_us))
		continue;
	pthread_mutex_unlock(&r->lock);
}

/* One line when the trouble begins; the delay doubles, with jitter. */
static void
back_off(struct relay *r, const char *why)
{
	uint32_t random;

	r->have_cursor = false;
	/* A batch that takes the database too long comes again as smaller
	 * ones. */
	r->batch = r->batch / 4 ? r->batch / 4 : 1;
	if (r->backoff_ms == 0) {
		log_warn("relay_waiting",
			 "%s; events are kept and delivered later", why);
		set_state(r, RELAY_WAITING);
		r->backoff_ms = BACKOFF_MIN_MS;
	}
	random_bytes(&random, sizeof(random));
	pause_ms(r, r->backoff_ms / 2 + random % (r->backoff_ms / 2 + 1));
	r->backoff_ms = r->backoff_ms * 2 < BACKOFF_MAX_MS ? r->backoff_ms * 2
							   : BACKOFF_MAX_MS;
}

static void
went_well(struct relay *r)
{
	if (r->backoff_ms > 0)
		log_info("relay_running", "the database is back");
	r->backoff_ms = 0;
	r->batch = r->batch * 2 < BATCH_MAX ? r->batch * 2 : BATCH_MAX;
	set_state(r, RELAY_RUNNING);
}

/*
 * What the outbox holds at the cursor: its event there; the newest event when
 * the cursor is beyond it; the cursor itself when the row was trimmed, which
 * happens only to events delivered long ago.
 */
static enum s3_error
outbox_at_cursor(struct relay *r, struct arena *a, struct queue_cursor *out)
{
	struct store_info now;
	struct store_event *e;
	enum s3_error err;
	uint64_t seq = r->cursor.seq;
	size_t n;

	*out = r->cursor;
	if (seq == 0)
		return S3_OK;
	err = store_info(r->conf.store, &now);
	if (err != S3_OK)
		return err;
	if (seq > now.last_seq)
		seq = now.last_seq;
	*out = (struct queue_cursor){ .seq = seq };
	if (seq == 0)
		return S3_OK;
	err = store_events(r->conf.store, seq - 1, 1, a, &e, &n);
	if (err != S3_OK)
		return err;
	if (n == 1 && e[0].seq == seq)
		snprintf(out->event_id, sizeof(out->event_id), "%s", e[0].id);
	else if (seq == r->cursor.seq)
		*out = r->cursor;
	return S3_OK;
}

/* ---- epochs -------------------------------------------------------------- */

static const char *
era_epoch(const struct relay *r, size_t era)
{
	return era < r->info.n_pasts ? r->info.pasts[era].epoch : r->info.epoch;
}

static uint64_t
era_end(const struct relay *r)
{
	return r->era < r->info.n_pasts ? r->info.pasts[r->era].last_seq
					: UINT64_MAX;
}

/* The next epoch, whose cursor is at its beginning. */
static void
next_era(struct relay *r, uint64_t after)
{
	r->era++;
	r->after = after;
	r->cursor = (struct queue_cursor){ 0 };
}

/* Events after r->after that are of the epoch being worked on. */
static enum s3_error
read_events(struct relay *r, uint64_t until, struct arena *a,
	    struct store_event **events, size_t *n)
{
	enum s3_error err =
	    store_events(r->conf.store, r->after, r->batch, a, events, n);

	while (err == S3_OK && *n && (*events)[*n - 1].seq > until)
		(*n)--;
	return err;
}

static enum queue_error
count_known(struct relay *r, uint64_t until, uint64_t *known, size_t *n)
{
	enum queue_error err = QUEUE_INTERNAL;
	struct queue_event *batch;
	struct store_event *events;
	struct arena a;

	arena_init(&a, BATCH_BYTES);
	*known = 0;
	if (read_events(r, until, &a, &events, n) == S3_OK &&
	    (batch = delivery_fill(&r->delivery, events, *n, &a)))
		err =
		    queue_known_events(r->conf.queue, r->info.deployment_id,
				       era_epoch(r, r->era), batch, *n, known);
	arena_release(&a);
	return err;
}

/*
 * The database went on in this epoch with events that the restored outbox does
 * not have. What both have is done with; what only the outbox has, because it
 * was written before the new epoch was begun, goes into the next one.
 */
static enum queue_error
leave_era(struct relay *r)
{
	uint64_t until = era_end(r), known;
	struct store_info now;
	size_t n;

	if (store_info(r->conf.store, &now) != S3_OK)
		return QUEUE_INTERNAL;
	if (r->cursor.seq < until)
		until = r->cursor.seq;
	/* what was acknowledged, both had */
	r->after = now.acked_seq < until ? now.acked_seq : until;
	do {
		enum queue_error err = count_known(r, until, &known, &n);

		if (err != QUEUE_OK)
			return err;
		if (known > r->after)
			r->after = known;
	} while (n == r->batch && known);
	log_info("relay_epoch",
		 "up to event %" PRIu64 " the outbox is that of epoch %s",
		 r->after, era_epoch(r, r->era));
	next_era(r, r->after);
	return QUEUE_OK;
}

static bool
same_place(const struct queue_cursor *a, const struct queue_cursor *b)
{
	return a->seq == b->seq && !strcmp(a->event_id, b->event_id);
}

/*
 * Where to go on: at the cursor of the newest epoch that has one. It is
 * compared with the outbox once; the cursor of the last step is our own.
 */
static enum queue_error
read_cursor(struct relay *r, struct arena *a, struct queue_cursor *expect)
{
	size_t era = r->info.n_pasts;
	enum queue_error err;

	*expect = r->cursor;
	if (r->have_cursor)
		return QUEUE_OK;
	for (;; era--) {
		err = queue_cursor_get(r->conf.queue, r->info.deployment_id,
				       era_epoch(r, era), &r->cursor);
		if (err != QUEUE_OK)
			return err;
		if (r->cursor.seq > 0 || era == 0)
			break;
	}
	r->era = era;
	r->after = r->cursor.seq;
	if (outbox_at_cursor(r, a, expect) != S3_OK)
		return QUEUE_INTERNAL;
	if (same_place(expect, &r->cursor) && r->cursor.seq <= era_end(r))
		return QUEUE_OK;
	if (era == r->info.n_pasts)
		return QUEUE_EPOCH;
	err = leave_era(r);
	*expect = r->cursor;
	return err;
}

/* Only the trimming of old rows, and what is said of the lag, depend on it. */
static void
acknowledge(struct relay *r)
{
	if (r->after <= r->acked)
		return;
	if (store_events_ack(r->conf.store, r->after) == S3_OK)
		r->acked = r->after;
	else
		log_warn("relay_ack", "event %" PRIu64 " not acknowledged",
			 r->after);
}

/*
 * Another S3 may have taken one upload twice, and the same bytes again: only a
 * look at the object tells. What cannot be looked at now is told all the same;
 * the reconciler comes to it.
 */
static void
look_first(struct relay *r, const struct queue_event *batch, size_t n,
	   struct arena *a)
{
	enum sighting s = SIGHTING_ABSENT;
	bool news;

	for (size_t i = 0; i < n && s != SIGHTING_UNAVAILABLE; i++) {
		const struct queue_event *e = &batch[i];
		bool repeated = i && slice_eq(e->key, e[-1].key) &&
				slice_eq(e->bucket, e[-1].bucket);

		if (stopping(r))
			return;
		/* of a video: it has no payload of its own */
		if (e->job_type && !e->payload && e->users && !repeated &&
		    slice_is_text(e->key))
			s = sighting_take(r->conf.sighting,
					  arena_cstr(a, e->key), a, &news);
	}
}

static enum queue_error
deliver(struct relay *r, struct arena *a, const struct queue_cursor *expect,
	const struct store_event *events, size_t n)
{
	struct queue_event *batch = delivery_fill(&r->delivery, events, n, a);
	enum queue_error err;

	if (!batch)
		return QUEUE_INTERNAL;
	if (r->conf.sighting)
		look_first(r, batch, n, a);
	err = queue_relay(r->conf.queue, r->info.deployment_id,
			  era_epoch(r, r->era), expect, batch, n, &r->cursor);
	if (err == QUEUE_OK)
		r->after = r->cursor.seq;
	return err;
}

/* One batch; *n tells how many events it had. Without any there may be some to
 * acknowledge: those of a commit whose answer was lost. */
static enum queue_error
relay_batch(struct relay *r, struct arena *a, size_t *n)
{
	struct queue_cursor expect;
	struct store_event *events;
	enum queue_error err;

	*n = 0;
	err = read_cursor(r, a, &expect);
	if (err != QUEUE_OK)
		return err;
	r->have_cursor = true;
	if (read_events(r, era_end(r), a, &events, n) != S3_OK)
		return QUEUE_INTERNAL;
	if (*n > 0)
		err = deliver(r, a, &expect, events, *n);
	else if (r->era < r->info.n_pasts)
		next_era(r, era_end(r));
	if (err == QUEUE_OK)
		acknowledge(r);
	return err;
}

/* false: end the thread. */
static bool
relay_step(struct relay *r)
{
	enum queue_error err;
	enum s3_error wait = S3_OK;
	struct arena a;
	size_t n, asked = r->batch;

	arena_init(&a, BATCH_BYTES);
	err = relay_batch(r, &a, &n);
	arena_release(&a);
	switch (err) {
	case QUEUE_OK:
		went_well(r);
		if (n < asked)
			wait = store_events_wait(r->conf.store, r->after,
						 IDLE_WAIT_MS);
		return wait != S3_ERR_SERVICE_UNAVAILABLE;
	case QUEUE_EPOCH:
		log_error("relay_stopped",
			  "the database's cursor is at event %" PRIu64
			  ", which this store's outbox does not have: it was "
			  "restored from a backup. No jobs are made until "
			  "'reelgate admin new-epoch' was run",
			  r->cursor.seq);
		set_state(r, RELAY_STOPPED);
		return false;
	case QUEUE_UNAVAILABLE:
		back_off(r, "the database is away");
		return true;
	default:
		back_off(r, "a batch of events could not be delivered");
		return true;
	}
}

static void *
relay_main(void *arg)
{
	struct relay *r = arg;

	pthread_setname_np(pthread_self(), "relay");
	while (!stopping(r) && relay_step(r))
		;
	return NULL;
}

static void
release(struct relay *r)
{
	delivery_release(&r->delivery);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct relay *
relay_start(const struct relay_conf *conf, char err[512])
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r || store_info(conf->store, &r->info) != S3_OK) {
		snprintf(err, 512, "relay: %s",
			 r ? "the store does not answer" : "out of memory");
		free(r);
		return NULL;
	}
	r->conf = *conf;
	r->batch = BATCH_MAX;
	delivery_init(&r->delivery, conf->store, conf->region, conf->bucket,
		      r->info.deployment_id);
	pthread_mutex_init(&r->lock, NULL);
	time_cond_init(&r->wake);
	if (pthread_create(&r->thread, NULL, relay_main, r) != 0) {
		snprintf(err, 512, "relay: cannot start its thread");
		release(r);
		return NULL;
	}
	return r;
}

void
relay_status(struct relay *r, struct relay_status *out)
{
	struct store_info info = { 0 };

	*out = (struct relay_status){ .state = RELAY_STOPPED };
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	out->state = r->state;
	pthread_mutex_unlock(&r->lock);
	if (store_info(r->conf.store, &info) != S3_OK)
		return;
	out->last_seq = info.last_seq;
	out->acked_seq = info.acked_seq;
}

void
relay_stop(struct relay *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	release(r);
}
