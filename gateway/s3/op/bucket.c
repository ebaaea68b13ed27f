/*
 * Buckets: HeadBucket, DeleteBucket, where they are and whether they keep
 * versions.
 */
#include "base/xml_read.h"
#include "gateway/s3/op/ops.h"

void
s3_set_bucket_arn(struct s3_request *rq)
{
	http_set_headerf(rq->http, "x-amz-bucket-arn", S3_ARN "%.*s",
			 SLICE_ARG(rq->bucket));
}

enum s3_error
op_head_bucket(struct s3_request *rq)
{
	s3_set_bucket_arn(rq);
	http_set_header(rq->http, "x-amz-access-point-alias", SLICE("false"));
	http_set_header(rq->http, "Content-Type", SLICE("application/xml"));
	http_answer(rq->http, 200, SLICE_EMPTY);
	return S3_OK;
}

enum s3_error
op_delete_bucket(struct s3_request *rq)
{
	enum s3_error err = store_bucket_delete(rq->world->store, rq->bucket);

	if (err == S3_ERR_BUCKET_NOT_EMPTY &&
	    rq->record.versioning != STORE_UNVERSIONED)
		rq->detail.message = "The bucket you tried to delete is not "
				     "empty. You must delete all versions in "
				     "the bucket.";
	if (err == S3_OK)
		http_answer(rq->http, 204, SLICE_EMPTY);
	return err;
}

enum s3_error
op_get_bucket_location(struct s3_request *rq)
{
	struct buf xml = BUF_INIT;

	xml_prolog(&xml);
	xml_open_ns(&xml, "LocationConstraint", XML_NS_S3);
	if (!slice_eq_str(rq->record.region, "us-east-1"))
		xml_escape(&xml, rq->record.region);
	xml_close(&xml, "LocationConstraint");
	return s3_answer_xml(rq, &xml);
}

/* ---- versioning --------------------------------------------------------- */

static const char *const status_names[] = {
	[STORE_UNVERSIONED] = NULL,
	[STORE_VERSIONING_ENABLED] = "Enabled",
	[STORE_VERSIONING_SUSPENDED] = "Suspended",
};

enum s3_error
op_get_bucket_versioning(struct s3_request *rq)
{
	const char *status = status_names[rq->record.versioning];
	struct buf xml = BUF_INIT;

	xml_prolog(&xml);
	xml_open_ns(&xml, "VersioningConfiguration", XML_NS_S3);
	if (status)
		xml_text(&xml, "Status", slice_str(status));
	xml_close(&xml, "VersioningConfiguration");
	return s3_answer_xml(rq, &xml);
}

struct versioning {
	enum store_versioning status; /* STORE_UNVERSIONED: not said */
	bool mfa_said, mfa_delete;
};

static int
on_status(void *ctx, struct slice text)
{
	struct versioning *v = ctx;

	if (v->status != STORE_UNVERSIONED)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(status_names); i++)
		if (status_names[i] && slice_eq_str(text, status_names[i]))
			v->status = (enum store_versioning)i;
	return v->status == STORE_UNVERSIONED ? -1 : 0;
}

static int
on_mfa_delete(void *ctx, struct slice text)
{
	struct versioning *v = ctx;

	if (v->mfa_said)
		return -1;
	v->mfa_said = true;
	v->mfa_delete = slice_eq_str(text, "Enabled");
	return v->mfa_delete || slice_eq_str(text, "Disabled") ? 0 : -1;
}

enum s3_error
op_put_bucket_versioning(struct s3_request *rq)
{
	static const struct xml_rule elements[] = {
		{ "VersioningConfiguration/Status", NULL, on_status },
		{ "VersioningConfiguration/MfaDelete", NULL, on_mfa_delete },
	};
	struct versioning v = { STORE_UNVERSIONED, false, false };
	enum s3_error err;

	if (rq->body.n == 0)
		return S3_ERR_MISSING_REQUEST_BODY;
	if (xml_read_strict(buf_slice(&rq->body), elements, ARRAY_LEN(elements),
			    &v) != 0)
		return S3_ERR_MALFORMED_XML;
	if (v.mfa_delete)
		return s3_failf(rq, S3_ERR_NOT_IMPLEMENTED,
				"%s is not implemented.", "MFA delete");
	if (v.status == STORE_UNVERSIONED)
		return S3_ERR_ILLEGAL_VERSIONING_CONFIGURATION;
	err = store_bucket_versioning(rq->world->store, rq->bucket, v.status);
	if (err == S3_OK)
		http_answer(rq->http, 200, SLICE_EMPTY);
	return err;
}
