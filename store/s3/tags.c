/*
 * Tags of objects at another S3 endpoint. The version is looked up first: it
 * is what the tags are then given to, and what the event tells of.
 */
#include "store/s3/bucket.h"
#include "store/s3/xml.h"

static enum s3_error
send(struct s3_store *s, const struct store_ref *ref,
     const struct store_headers *tags)
{
	struct buf xml = BUF_INIT, query = BUF_INIT;
	struct s3_document doc;
	struct s3_call call = { .method = "DELETE",
				.bucket = ref->bucket,
				.key = ref->key,
				.payload_hash = S3_EMPTY_SHA256 };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	s3_query_put(&query, "tagging", SLICE_EMPTY);
	s3_query_version(&query, ref->version_id);
	if (tags->n) {
		store_put_tagging(&xml, tags);
		s3_document_init(&doc, buf_slice(&xml));
		call.method = "PUT";
		call.body = &doc.body;
		call.payload_hash = doc.sha256;
		call.headers = (struct store_headers){ &doc.content_md5, 1 };
	}
	call.query = buf_slice(&query);
	if (buf_ok(&query) && buf_ok(&xml))
		err = s3_tell(s, &call);
	buf_release(&query);
	buf_release(&xml);
	return err;
}

enum s3_error
s3_tags_put(struct store *base, const struct store_ref *ref,
	    const struct store_headers *tags, const struct store_note *note,
	    struct store_object *out)
{
	struct s3_store *s = s3_of(base);
	struct store_ref named = s3_named(s, ref);
	struct journal_intent intent;
	struct store_object o;
	struct arena a;
	enum s3_error err;

	arena_init(&a, 512u << 10);
	err = s3_get(base, ref, NULL, &a, &o, NULL);
	/* "null" of an unversioned bucket is not named if nobody did. */
	if (err == S3_OK && !named.version_id.n &&
	    strcmp(o.version_id, "null") != 0)
		named.version_id = slice_str(o.version_id);
	if (err == S3_OK)
		err = s3_intend(s, ref->bucket, &o, note, &intent);
	if (err == S3_OK)
		err = s3_settle(s, &intent, send(s, &named, tags), NULL);
	if (out) {
		*out = o;
		s3_detach(out);
	}
	arena_release(&a);
	return err;
}
