/*
 * events replay: events of the outbox that were delivered are applied anew,
 * one by its sequence, or all that were put aside. The database says in which
 * epoch it knows an event; one it does not know is the relay's to deliver.
 */
#include "gateway/admin_command.h"
#include "base/json_write.h"
#include "gateway/delivery.h"

#define SOME 100

struct replay {
	struct admin_command *c;
	struct store_info info;
	struct delivery delivery;
};

static const char *
era_epoch(const struct replay *r, size_t era)
{
	return era < r->info.n_pasts ? r->info.pasts[era].epoch : r->info.epoch;
}

static int
refuse(struct replay *r, const char *why)
{
	snprintf(r->c->err, sizeof(r->c->err), "%s", why);
	return -1;
}

static int
database_failed(struct replay *r, enum queue_error err)
{
	return refuse(r, err == QUEUE_UNAVAILABLE
			     ? "the database does not answer"
			     : "the database refused: see the gateway's log");
}

/* The event as the queue takes it; NULL: the outbox has it no more. */
static enum s3_error
find_event(struct replay *r, uint64_t seq, struct queue_event **out)
{
	struct store_event *e;
	size_t n;
	enum s3_error err =
	    store_events(r->c->store, seq - 1, 1, &r->c->arena, &e, &n);

	*out = NULL;
	if (err != S3_OK || n == 0 || e[0].seq != seq)
		return err;
	*out = delivery_fill(&r->delivery, e, 1, &r->c->arena);
	return *out ? S3_OK : S3_ERR_INTERNAL_ERROR;
}

static enum queue_error
apply(struct replay *r, const char *epoch, const struct queue_event *e,
      size_t *aside)
{
	return queue_replay(r->c->conf->queue, r->info.deployment_id, epoch, e,
			    1, aside);
}

/* ---- one ------------------------------------------------------------------
 */

static int
replay_one(struct replay *r, uint64_t seq)
{
	struct queue_event *e;
	uint64_t known = 0;
	size_t era = r->info.n_pasts + 1, aside;
	enum queue_error err = QUEUE_OK;

	if (seq == 0 || find_event(r, seq, &e) != S3_OK || !e)
		return refuse(r, "the outbox does not have that event");
	while (err == QUEUE_OK && known != seq && era-- > 0)
		err =
		    queue_known_events(r->c->conf->queue, r->info.deployment_id,
				       era_epoch(r, era), e, 1, &known);
	if (err == QUEUE_OK && known != seq)
		return refuse(r, "the database does not know that event: it "
				 "was not delivered yet, or long ago");
	if (err == QUEUE_OK)
		err = apply(r, era_epoch(r, era), e, &aside);
	if (err != QUEUE_OK)
		return database_failed(r, err);
	json_put_u64(r->c->answer, "seq", seq);
	json_put_bool(r->c->answer, "aside", aside > 0);
	return 0;
}

/* ---- all that are put aside ------------------------------------------------
 */

/* Some of them behind @after, of the oldest epoch that has any. */
static enum queue_error
next_aside(struct replay *r, uint64_t after, size_t *era, uint64_t seqs[SOME],
	   size_t *n)
{
	enum queue_error err = QUEUE_OK;

	*n = 0;
	for (*era = 0; *era <= r->info.n_pasts; (*era)++) {
		err = queue_events_aside(
		    r->c->conf->queue, r->info.deployment_id,
		    era_epoch(r, *era), after, SOME, seqs, n);
		if (err != QUEUE_OK || *n)
			break;
	}
	return err;
}

static int
replay_aside(struct replay *r, uint64_t after)
{
	uint64_t seqs[SOME];
	size_t era, n, still = 0, gone = 0;
	enum queue_error err = next_aside(r, after, &era, seqs, &n);

	for (size_t i = 0; err == QUEUE_OK && i < n; i++) {
		struct queue_event *e;
		size_t aside = 0;

		after = seqs[i];
		if (find_event(r, seqs[i], &e) != S3_OK)
			return refuse(r, "the store could not be read: see "
					 "the gateway's log");
		if (e)
			err = apply(r, era_epoch(r, era), e, &aside);
		else
			gone++;
		still += aside;
	}
	if (err != QUEUE_OK)
		return database_failed(r, err);
	json_put_u64(r->c->answer, "seen", n);
	json_put_u64(r->c->answer, "aside", still);
	json_put_u64(r->c->answer, "gone", gone);
	json_put_u64(r->c->answer, "after", after);
	return 0;
}

int
admin_events_replay(struct admin_command *c)
{
	struct replay r = { .c = c };
	int64_t seq, after = 0;
	int rc;

	if (store_info(c->store, &r.info) != S3_OK)
		return refuse(&r, "the store does not answer");
	delivery_init(&r.delivery, c->store, c->conf->region, c->conf->bucket,
		      r.info.deployment_id);
	if (json_int(c->request, "seq", &seq)) {
		rc = replay_one(&r, seq > 0 ? (uint64_t)seq : 0);
	} else {
		(void)json_int(c->request, "after", &after);
		rc = replay_aside(&r, after > 0 ? (uint64_t)after : 0);
	}
	delivery_release(&r.delivery);
	return rc;
}
