/*
 * The S3 event record in AWS's dialect: eventName without "s3:", members in
 * the order of AWS's documentation. Only what the outbox knows is said.
 */
#include "gateway/event.h"
#include "base/encode.h"
#include "base/json_write.h"
#include "base/timeval.h"

#include <inttypes.h>

/* One member in an object of its own, as AWS nests identities. */
static void
put_nested(struct buf *b, const char *name, const char *member, struct slice v)
{
	json_open_object(b, name);
	json_put_slice(b, member, v);
	json_close_object(b);
}

static void
put_bucket(struct buf *b, const struct store_event *e)
{
	struct buf arn = BUF_INIT;

	buf_printf(&arn, "arn:aws:s3:::%.*s", SLICE_ARG(e->bucket));
	json_open_object(b, "bucket");
	json_put_slice(b, "name", e->bucket);
	put_nested(b, "ownerIdentity", "principalId", e->bucket_owner);
	json_put_slice(b, "arn", buf_slice(&arn));
	json_close_object(b);
	b->err |= arn.err;
	buf_release(&arn);
}

/* uri_encode() with a blank as '+', as query strings have it. */
static void
escape_key(struct buf *out, struct slice key)
{
	struct slice part;
	bool first = true;

	while (slice_cut(&key, ' ', &part)) {
		if (!first)
			buf_putc(out, '+');
		uri_encode(out, part, true);
		first = false;
	}
}

static void
put_object(struct buf *b, const struct store_event *e)
{
	struct buf key = BUF_INIT;
	char sequencer[17];

	escape_key(&key, e->key);
	snprintf(sequencer, sizeof(sequencer), "%016" PRIX64, e->seq);
	json_open_object(b, "object");
	json_put_slice(b, "key", buf_slice(&key));
	/* Tagging has no size; of removals only a delete marker has an ETag,
	 * that of nothing. */
	if (slice_starts(e->event_name, SLICE("ObjectCreated:")))
		json_put_u64(b, "size", e->size);
	if (e->etag.n > 0)
		json_put_slice(b, "eTag", e->etag);
	if (e->version_id.n > 0 && !slice_eq_str(e->version_id, "null"))
		json_put_slice(b, "versionId", e->version_id);
	json_put_str(b, "sequencer", sequencer);
	json_close_object(b);
	b->err |= key.err;
	buf_release(&key);
}

void
event_record(struct buf *b, const struct store_event *e,
	     const struct event_context *c)
{
	char time[TIME_TEXT_MAX];

	time_format_iso(e->time_us, time);
	json_open_object(b, NULL);
	json_put_str(b, "eventVersion", EVENT_VERSION);
	json_put_str(b, "eventSource", "aws:s3");
	json_put_str(b, "awsRegion", c->region);
	json_put_str(b, "eventTime", time);
	json_put_slice(b, "eventName", e->event_name);
	put_nested(b, "userIdentity", "principalId", e->principal_id);
	put_nested(b, "requestParameters", "sourceIPAddress", e->source_ip);
	put_nested(b, "responseElements", "x-amz-request-id", e->request_id);
	json_open_object(b, "s3");
	json_put_str(b, "s3SchemaVersion", "1.0");
	json_put_str(b, "configurationId", c->rule_id);
	put_bucket(b, e);
	put_object(b, e);
	json_close_object(b);
	json_close_object(b);
}
