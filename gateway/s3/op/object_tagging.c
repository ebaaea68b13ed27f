/*
 * GetObjectTagging, PutObjectTagging, DeleteObjectTagging: the tags of one
 * version. A delete marker has none.
 */
#include "gateway/s3/op/ops.h"
#include "gateway/s3/tags.h"

enum s3_error
op_get_object_tagging(struct s3_request *rq)
{
	struct store_object o;
	struct store_ref ref;
	struct buf xml = BUF_INIT;
	enum s3_error err = s3_ref(rq, &ref);

	if (err == S3_OK)
		err = s3_describe(rq, &ref, &o);
	if (err != S3_OK)
		return err;
	s3_set_version_id(rq, o.version_id);
	store_put_tagging(&xml, &o.tags);
	return s3_answer_xml(rq, &xml);
}

static enum s3_error
replace_tags(struct s3_request *rq, const struct store_headers *tags,
	     const char *event_name)
{
	const struct store_note note = s3_note(rq, event_name);
	struct store_object o;
	struct store_ref ref;
	enum s3_error err = s3_ref(rq, &ref), why;

	if (err != S3_OK)
		return err;
	err = store_tags_put(rq->world->store, &ref, tags, &note, &o);
	if (err == S3_OK) {
		s3_set_version_id(rq, o.version_id);
		return S3_OK;
	}
	/* What stands in the way, a delete marker perhaps. */
	why = s3_describe(rq, &ref, &o);
	return why == S3_OK ? err : why;
}

enum s3_error
op_put_object_tagging(struct s3_request *rq)
{
	struct store_headers tags;
	enum s3_error err =
	    tags_read_xml(rq, buf_slice(&rq->body), TAGS_OF_OBJECT, &tags);

	if (err == S3_OK)
		err = replace_tags(rq, &tags, "ObjectTagging:Put");
	if (err == S3_OK)
		http_answer(rq->http, 200, SLICE_EMPTY);
	return err;
}

enum s3_error
op_delete_object_tagging(struct s3_request *rq)
{
	const struct store_headers none = { NULL, 0 };
	enum s3_error err = replace_tags(rq, &none, "ObjectTagging:Delete");

	if (err == S3_OK)
		http_answer(rq->http, 204, SLICE_EMPTY);
	return err;
}
