/*
 * The journal's side of the s3 backend: each change there is an intent here
 * before it can be seen, and an event after; and what else a local store
 * answers for an endpoint that cannot, its outbox and identity.
 */
#include "store/s3/bucket.h"
#include "store/s3/settler.h"

/* As AWS has it in the event of a delete marker: MD5 of nothing. */
#define MARKER_ETAG SLICE("d41d8cd98f00b204e9800998ecf8427e")

/* ---- changes ------------------------------------------------------------ */

static struct store_event
event_of(const struct s3_store *s, struct slice bucket,
	 const struct store_object *expected, const struct store_note *note)
{
	return (struct store_event){
		.event_name = note->event_name,
		.bucket = bucket,
		.bucket_owner = note->bucket_owner.n ? note->bucket_owner
						     : slice_str(s->owner),
		.key = expected->key,
		.size = expected->size,
		.etag = slice_str(expected->etag),
		.version_id = slice_str(expected->version_id),
		.content_type =
		    store_headers_get(&expected->headers, "content-type"),
		.principal_id = note->principal_id,
		.source_ip = note->source_ip,
		.request_id = note->request_id,
	};
}

void
s3_drop(struct s3_store *s, const struct journal_intent *intent)
{
	if (intent->id &&
	    journal_settle(s->journal, intent->id, NULL, NULL) != S3_OK)
		s3_settler_add(s->settler, intent->id);
}

enum s3_error
s3_intend_all(struct s3_store *s, struct slice bucket,
	      const struct store_object *expected, size_t n,
	      const struct store_note *note, struct journal_intent *out)
{
	enum s3_error err = s3_bucket_check_owner(s, bucket, note);
	struct store_event *events;

	for (size_t i = 0; i < n; i++)
		out[i] = (struct journal_intent){ 0 };
	if (err != S3_OK || !s->journal)
		return err;
	events = calloc(n, sizeof(*events));
	if (!events)
		return S3_ERR_INTERNAL_ERROR;
	for (size_t i = 0; i < n; i++)
		events[i] = event_of(s, bucket, &expected[i], note);
	err = journal_intend(s->journal, events, n, out);
	for (size_t i = 0; err != S3_OK && i < n; i++)
		s3_drop(s, &out[i]);
	free(events);
	return err;
}

enum s3_error
s3_intend(struct s3_store *s, struct slice bucket,
	  const struct store_object *expected, const struct store_note *note,
	  struct journal_intent *out)
{
	return s3_intend_all(s, bucket, expected, 1, note, out);
}

bool
s3_event_is_removal(const struct store_event *e)
{
	return slice_starts(e->event_name, SLICE("ObjectRemoved:"));
}

/* What an event says of a removal, as the local backend has it: nothing of
 * the object, and of a delete marker its id. */
static void
tell_removed(struct store_event *e, const struct store_object *made)
{
	e->size = 0;
	e->etag = e->content_type = SLICE_EMPTY;
	if (e->version_id.n || !made)
		return;
	e->version_id = slice_str(made->version_id);
	if (made->is_delete_marker) {
		e->event_name = SLICE("ObjectRemoved:DeleteMarkerCreated");
		e->etag = MARKER_ETAG;
	}
}

static void
tell_made(struct store_event *e, const struct store_object *made)
{
	struct slice type;

	if (!made)
		return;
	type = store_headers_get(&made->headers, "content-type");
	if (made->size)
		e->size = made->size;
	if (*made->etag)
		e->etag = slice_str(made->etag);
	if (*made->version_id)
		e->version_id = slice_str(made->version_id);
	if (type.n)
		e->content_type = type;
}

/* The event that comes of the intent. */
static struct store_event
told(const struct journal_intent *intent, const struct store_object *made)
{
	struct store_event e = intent->event;

	e.etag = s3_expected_etag(&e);
	if (s3_event_is_removal(&e))
		tell_removed(&e, made);
	else
		tell_made(&e, made);
	if (e.version_id.n == 0)
		e.version_id = SLICE("null");
	return e;
}

enum s3_error
s3_event(struct s3_store *s, const struct journal_intent *intent,
	 const struct store_object *made, uint64_t *seq)
{
	const struct store_event e = told(intent, made);

	return journal_settle(s->journal, intent->id, &e, seq);
}

/* It ended; the intent is durable, so its event comes, now or later. */
static void
ended(struct s3_store *s, const struct journal_end *end,
      struct store_object *made)
{
	struct store_info info;

	if (end->err != S3_OK) {
		s3_settler_add(s->settler, end->id);
		return;
	}
	if (!made || end->seq == 0 || store_info(s->journal, &info) != S3_OK)
		return;
	made->seq = end->seq;
	memcpy(made->epoch, info.epoch, sizeof(made->epoch));
}

static bool
is_unknown(enum s3_error outcome)
{
	return outcome == S3_ERR_SERVICE_UNAVAILABLE ||
	       outcome == S3_ERR_INTERNAL_ERROR;
}

/* The answer never came. What is not there yet may come still: the request is
 * perhaps on its way. */
static enum s3_error
ask(struct s3_store *s, const struct journal_intent *intent,
    enum s3_error outcome, struct store_object *made)
{
	struct store_object seen;
	struct arena a;

	arena_init(&a, S3_SETTLE_ARENA);
	if (s3_look(s, intent, &a, &seen) == S3_SEEN) {
		const struct store_event e = told(intent, &seen);
		struct journal_end end = { .id = intent->id, .event = &e };

		journal_settle_all(s->journal, &end, 1);
		ended(s, &end, &seen);
		if (made) {
			*made = seen;
			s3_detach(made);
		}
		outcome = S3_OK;
	} else {
		s3_settler_add(s->settler, intent->id);
	}
	arena_release(&a);
	return outcome;
}

void
s3_settle_all(struct s3_store *s, struct s3_outcome *v, size_t n)
{
	struct journal_end *ends = calloc(n, sizeof(*ends));
	struct store_event *events = calloc(n, sizeof(*events));
	bool room = ends && events;
	size_t of = 0, at = 0;

	for (size_t i = 0; i < n; i++) {
		if (!v[i].intent->id)
			continue;
		if (is_unknown(v[i].err)) {
			v[i].err = ask(s, v[i].intent, v[i].err, v[i].made);
			v[i].asked = true;
		} else if (!room) {
			s3_settler_add(s->settler, v[i].intent->id);
		} else {
			ends[of].id = v[i].intent->id;
			if (v[i].err == S3_OK) {
				events[of] = told(v[i].intent, v[i].made);
				ends[of].event = &events[of];
			}
			of++;
		}
	}
	if (room && of)
		journal_settle_all(s->journal, ends, of);
	for (size_t i = 0; room && i < n; i++)
		if (v[i].intent->id && !v[i].asked)
			ended(s, &ends[at++], v[i].made);
	free(ends);
	free(events);
}

enum s3_error
s3_settle(struct s3_store *s, const struct journal_intent *intent,
	  enum s3_error outcome, struct store_object *made)
{
	struct s3_outcome one = { .intent = intent,
				  .err = outcome,
				  .made = made };

	s3_settle_all(s, &one, 1);
	return one.err;
}

/* ---- the outbox --------------------------------------------------------- */

enum s3_error
s3_events(struct store *s, uint64_t after, size_t max, struct arena *a,
	  struct store_event **out, size_t *n)
{
	struct store *journal = s3_of(s)->journal;

	return journal ? store_events(journal, after, max, a, out, n)
		       : S3_ERR_NOT_IMPLEMENTED;
}

enum s3_error
s3_events_wait(struct store *s, uint64_t after, int timeout_ms)
{
	struct store *journal = s3_of(s)->journal;

	return journal ? store_events_wait(journal, after, timeout_ms)
		       : S3_ERR_NOT_IMPLEMENTED;
}

enum s3_error
s3_events_ack(struct store *s, uint64_t seq)
{
	struct store *journal = s3_of(s)->journal;

	return journal ? store_events_ack(journal, seq)
		       : S3_ERR_NOT_IMPLEMENTED;
}

/* Of the journal's disk only its hard mark matters: objects lie elsewhere. */
enum s3_error
s3_info(struct store *s, struct store_info *out)
{
	struct store *journal = s3_of(s)->journal;
	enum s3_error err = S3_ERR_NOT_IMPLEMENTED;

	if (journal)
		err = store_info(journal, out);
	if (err != S3_OK)
		return err;
	out->objects = out->bytes = out->buckets = STORE_UNKNOWN;
	out->spare_bytes = UINT64_MAX;
	out->trouble = s3_watch_trouble(s3_of(s)->watch);
	if (out->space == STORE_SPACE_SOFT)
		out->space = STORE_SPACE_OK;
	return S3_OK;
}
