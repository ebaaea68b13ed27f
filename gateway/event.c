/*
 * The S3 event record in two dialects: AWS's, with the members in the order of
 * its documentation, and MinIO's. Only what the outbox knows is said.
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

/* What MinIO says of an object beside AWS. */
static void
put_content_type(struct buf *b, const struct store_event *e)
{
	if (e->content_type.n == 0)
		return;
	json_put_slice(b, "contentType", e->content_type);
	put_nested(b, "userMetadata", "content-type", e->content_type);
}

static void
put_object(struct buf *b, const struct store_event *e,
	   enum event_dialect dialect)
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
	if (dialect == EVENT_MINIO)
		put_content_type(b, e);
	if (e->version_id.n > 0 && !slice_eq_str(e->version_id, "null"))
		json_put_slice(b, "versionId", e->version_id);
	json_put_str(b, "sequencer", sequencer);
	json_close_object(b);
	b->err |= key.err;
	buf_release(&key);
}

/* MinIO has tagging among the creations, and all names with "s3:". */
static struct slice
event_name(const struct store_event *e, enum event_dialect dialect,
	   char out[64])
{
	static const char *const tagging[][2] = {
		{ "ObjectTagging:Put", "s3:ObjectCreated:PutTagging" },
		{ "ObjectTagging:Delete", "s3:ObjectCreated:DeleteTagging" },
	};

	if (dialect == EVENT_AWS)
		return e->event_name;
	for (size_t i = 0; i < ARRAY_LEN(tagging); i++)
		if (slice_eq_str(e->event_name, tagging[i][0]))
			return slice_str(tagging[i][1]);
	snprintf(out, 64, "s3:%.*s", SLICE_ARG(e->event_name));
	return slice_str(out);
}

/* requestParameters, responseElements. */
static void
put_request(struct buf *b, const struct store_event *e,
	    const struct event_context *c)
{
	bool minio = c->dialect == EVENT_MINIO;

	json_open_object(b, "requestParameters");
	if (minio) {
		json_put_slice(b, "principalId", e->principal_id);
		json_put_str(b, "region", c->region);
	}
	json_put_slice(b, "sourceIPAddress", e->source_ip);
	json_close_object(b);
	json_open_object(b, "responseElements");
	json_put_slice(b, "x-amz-request-id", e->request_id);
	if (minio && c->deployment_id)
		json_put_str(b, "x-minio-deployment-id", c->deployment_id);
	json_close_object(b);
}

static void
put_source(struct buf *b, const struct store_event *e)
{
	json_open_object(b, "source");
	json_put_slice(b, "host", e->source_ip);
	json_put_str(b, "port", "");
	json_put_str(b, "userAgent", "");
	json_close_object(b);
}

void
event_record(struct buf *b, const struct store_event *e,
	     const struct event_context *c)
{
	bool minio = c->dialect == EVENT_MINIO;
	char time[TIME_TEXT_MAX], name[64];

	time_format_iso(e->time_us, time);
	json_open_object(b, NULL);
	json_put_str(b, "eventVersion",
		     minio ? EVENT_VERSION_MINIO : EVENT_VERSION);
	json_put_str(b, "eventSource", minio ? "minio:s3" : "aws:s3");
	json_put_str(b, "awsRegion", c->region);
	json_put_str(b, "eventTime", time);
	json_put_slice(b, "eventName", event_name(e, c->dialect, name));
	put_nested(b, "userIdentity", "principalId", e->principal_id);
	put_request(b, e, c);
	json_open_object(b, "s3");
	json_put_str(b, "s3SchemaVersion", "1.0");
	json_put_str(b, "configurationId", c->rule_id);
	put_bucket(b, e);
	put_object(b, e, c->dialect);
	json_close_object(b);
	if (minio)
		put_source(b, e);
	json_close_object(b);
}

void
event_message(struct buf *b, const struct store_event *e,
	      const struct event_context *c)
{
	char name[64];

	json_open_object(b, NULL);
	if (c->dialect == EVENT_MINIO) {
		struct buf key = BUF_INIT;

		buf_put(&key, e->bucket);
		buf_putc(&key, '/');
		buf_put(&key, e->key);
		json_put_slice(b, "EventName", event_name(e, c->dialect, name));
		json_put_slice(b, "Key", buf_slice(&key));
		b->err |= key.err;
		buf_release(&key);
	}
	json_open_array(b, "Records");
	event_record(b, e, c);
	json_close_array(b);
	json_close_object(b);
}
