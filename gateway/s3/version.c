/*
 * Which version of an object a request is about, and what an answer says of
 * it: delete markers, versions that are not there, x-amz-version-id.
 */
#include "gateway/s3/s3.h"
#include "base/timeval.h"

enum s3_error
s3_ref(struct s3_request *rq, struct store_ref *out)
{
	struct slice id = s3_param(rq, "versionId");

	*out = (struct store_ref){ rq->bucket, rq->key, id };
	if (id.p && id.n == 0)
		return s3_bad_argument(rq,
				       "Version id cannot be the empty string",
				       "versionId", id);
	return S3_OK;
}

enum s3_error
s3_no_version(struct s3_request *rq)
{
	struct slice id = s3_param(rq, "versionId");

	return id.p ? s3_bad_argument(
			  rq, "This operation does not accept a version-id.",
			  "versionId", id)
		    : S3_OK;
}

struct slice
s3_shown_version(const struct s3_request *rq, const char *version_id)
{
	bool never = rq->record.versioning == STORE_UNVERSIONED;

	return never && strcmp(version_id, "null") == 0 ? SLICE_EMPTY
							: slice_str(version_id);
}

void
s3_set_version_id(struct s3_request *rq, const char *version_id)
{
	struct slice v = s3_shown_version(rq, version_id);

	if (v.n)
		http_set_header(rq->http, "x-amz-version-id", v);
}

void
s3_set_made_version(struct s3_request *rq, const char *version_id)
{
	if (strcmp(version_id, "null") != 0)
		s3_set_version_id(rq, version_id);
}

/* Reading through a marker is as if nothing were there; all else that goes to
 * one is not allowed. */
static enum s3_error
marker_failed(struct s3_request *rq, const struct store_object *o,
	      enum s3_error err)
{
	char date[TIME_TEXT_MAX];

	http_set_header(rq->http, "x-amz-delete-marker", SLICE("true"));
	s3_set_version_id(rq, o->version_id);
	if (err != S3_ERR_METHOD_NOT_ALLOWED)
		return err;
	time_format_http(o->mtime_us, date);
	http_set_header(rq->http, "Last-Modified", slice_str(date));
	http_set_header(rq->http, "Allow", SLICE("DELETE"));
	s3_detail_add(&rq->detail, "Method", rq->http->method);
	return s3_fail(rq, err, NULL, "ResourceType", SLICE("DeleteMarker"));
}

enum s3_error
s3_ref_failed(struct s3_request *rq, const struct store_ref *ref,
	      const struct store_object *o, enum s3_error err)
{
	if (o && o->is_delete_marker)
		return marker_failed(rq, o, err);
	if (err == S3_ERR_NO_SUCH_VERSION) {
		s3_detail_add(&rq->detail, "Key", ref->key);
		return s3_fail(rq, err, NULL, "VersionId", ref->version_id);
	}
	if (err == S3_ERR_INVALID_ARGUMENT)
		return s3_bad_argument(rq, "Invalid version id specified",
				       "versionId", ref->version_id);
	return err;
}

enum s3_error
s3_describe(struct s3_request *rq, const struct store_ref *ref,
	    struct store_object *out)
{
	enum s3_error err =
	    store_get(rq->world->store, ref, NULL, &rq->http->arena, out, NULL);

	/* Of its sub-resources a marker has none, even when it is current. */
	if (err == S3_ERR_NO_SUCH_KEY && out->is_delete_marker)
		err = S3_ERR_METHOD_NOT_ALLOWED;
	return err == S3_OK ? err : s3_ref_failed(rq, ref, out, err);
}
