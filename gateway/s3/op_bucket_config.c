/*
 * What a bucket's sub-resources say while they cannot be changed: location
 * and CORS as they are, a private ACL, no versioning, and AWS's answer for
 * everything that was never set. SDK probes and infrastructure tools rely on
 * these.
 */
#include "gateway/s3/cors.h"
#include "gateway/s3/ops.h"

#define XSI "http://www.w3.org/2001/XMLSchema-instance"

static const struct {
	const char *query;
	enum s3_error error;
} unset[] = {
	{ "policy", S3_ERR_NO_SUCH_BUCKET_POLICY },
	{ "policyStatus", S3_ERR_NO_SUCH_BUCKET_POLICY },
	{ "cors", S3_ERR_NO_SUCH_CORS_CONFIGURATION },
	{ "lifecycle", S3_ERR_NO_SUCH_LIFECYCLE_CONFIGURATION },
	{ "tagging", S3_ERR_NO_SUCH_TAG_SET },
	{ "website", S3_ERR_NO_SUCH_WEBSITE_CONFIGURATION },
	{ "replication", S3_ERR_REPLICATION_CONFIGURATION_NOT_FOUND },
	{ "encryption", S3_ERR_ENCRYPTION_CONFIGURATION_NOT_FOUND },
	{ "object-lock", S3_ERR_OBJECT_LOCK_CONFIGURATION_NOT_FOUND },
	{ "publicAccessBlock", S3_ERR_NO_SUCH_PUBLIC_ACCESS_BLOCK },
	{ "ownershipControls", S3_ERR_OWNERSHIP_CONTROLS_NOT_FOUND },
};

enum s3_error
op_get_unset(struct s3_request *rq)
{
	for (size_t i = 0; i < ARRAY_LEN(unset); i++)
		if (strcmp(rq->op->query, unset[i].query) == 0)
			return s3_fail(rq, unset[i].error, NULL, "BucketName",
				       rq->bucket);
	return S3_ERR_NOT_IMPLEMENTED;
}

/* Deleting what is not there is fine. */
enum s3_error
op_delete_unset(struct s3_request *rq)
{
	http_answer(rq->http, 204, SLICE_EMPTY);
	return S3_OK;
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

enum s3_error
op_get_bucket_versioning(struct s3_request *rq)
{
	struct buf xml = BUF_INIT;

	xml_prolog(&xml);
	xml_open_ns(&xml, "VersioningConfiguration", XML_NS_S3);
	xml_close(&xml, "VersioningConfiguration");
	return s3_answer_xml(rq, &xml);
}

static void
put_list(struct buf *xml, const char *element, const char *const *list)
{
	for (; *list; list++)
		xml_text(xml, element, slice_str(*list));
}

enum s3_error
op_get_bucket_cors(struct s3_request *rq)
{
	struct buf xml = BUF_INIT;
	const struct cors_rule *r;
	size_t n;

	r = cors_rules(rq->world, rq->bucket, &n);
	if (n == 0)
		return op_get_unset(rq);
	xml_prolog(&xml);
	xml_open_ns(&xml, "CORSConfiguration", XML_NS_S3);
	for (; n > 0; n--, r++) {
		xml_open(&xml, "CORSRule");
		put_list(&xml, "AllowedHeader", r->headers);
		put_list(&xml, "AllowedMethod", r->methods);
		put_list(&xml, "AllowedOrigin", r->origins);
		put_list(&xml, "ExposeHeader", r->expose);
		xml_u64(&xml, "MaxAgeSeconds", r->max_age_s);
		xml_close(&xml, "CORSRule");
	}
	xml_close(&xml, "CORSConfiguration");
	return s3_answer_xml(rq, &xml);
}

/* Everything is private: the owner, and nobody else, has full control. */
enum s3_error
op_get_acl(struct s3_request *rq)
{
	struct slice owner = rq->record.owner;
	char name[ACCOUNT_DISPLAY_MAX];
	struct store_object o;
	struct store_ref ref;
	struct buf xml = BUF_INIT;
	enum s3_error err = s3_ref(rq, &ref);

	if (err == S3_OK && rq->key.n)
		err = s3_describe(rq, &ref, &o);
	if (err != S3_OK)
		return err;
	s3_display_name(rq, owner, name);
	xml_prolog(&xml);
	xml_open_ns(&xml, "AccessControlPolicy", XML_NS_S3);
	s3_xml_owner(rq, &xml, "Owner", owner);
	xml_open(&xml, "AccessControlList");
	xml_open(&xml, "Grant");
	buf_puts(&xml,
		 "<Grantee xmlns:xsi=\"" XSI "\" xsi:type=\"CanonicalUser\">");
	xml_text(&xml, "ID", owner);
	xml_text(&xml, "DisplayName", slice_str(name));
	xml_close(&xml, "Grantee");
	xml_text(&xml, "Permission", SLICE("FULL_CONTROL"));
	xml_close(&xml, "Grant");
	xml_close(&xml, "AccessControlList");
	xml_close(&xml, "AccessControlPolicy");
	return s3_answer_xml(rq, &xml);
}
