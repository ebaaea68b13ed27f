/*
 * Sub-resources that cannot be configured here: they answer what AWS answers
 * of a bucket on which nothing was ever set. SDK probes and infrastructure
 * tools rely on that.
 */
#include "gateway/s3/body.h"
#include "gateway/s3/op/ops.h"

#define EMPTY_LIST "<IsTruncated>false</IsTruncated>"

static const struct {
	const char *subresource;
	enum s3_error error;
} unset[] = {
	{ "analytics", S3_ERR_NO_SUCH_CONFIGURATION },
	{ "cors", S3_ERR_NO_SUCH_CORS_CONFIGURATION },
	{ "encryption", S3_ERR_ENCRYPTION_CONFIGURATION_NOT_FOUND },
	{ "intelligent-tiering", S3_ERR_NO_SUCH_CONFIGURATION },
	{ "inventory", S3_ERR_NO_SUCH_CONFIGURATION },
	{ "lifecycle", S3_ERR_NO_SUCH_LIFECYCLE_CONFIGURATION },
	{ "metrics", S3_ERR_NO_SUCH_CONFIGURATION },
	{ "object-lock", S3_ERR_OBJECT_LOCK_CONFIGURATION_NOT_FOUND },
	{ "policy", S3_ERR_NO_SUCH_BUCKET_POLICY },
	{ "policyStatus", S3_ERR_NO_SUCH_BUCKET_POLICY },
	{ "replication", S3_ERR_REPLICATION_CONFIGURATION_NOT_FOUND },
	{ "tagging", S3_ERR_NO_SUCH_TAG_SET },
	{ "website", S3_ERR_NO_SUCH_WEBSITE_CONFIGURATION },
};

static const struct {
	const char *subresource;
	const char *root;
	const char *content;
} defaults[] = {
	{ "accelerate", "AccelerateConfiguration", "" },
	{ "analytics", "ListBucketAnalyticsConfigurationResult", EMPTY_LIST },
	{ "intelligent-tiering",
	  "ListBucketIntelligentTieringConfigurationsOutput", EMPTY_LIST },
	{ "inventory", "ListInventoryConfigurationsResult", EMPTY_LIST },
	{ "logging", "BucketLoggingStatus", "" },
	{ "metrics", "ListMetricsConfigurationsResult", EMPTY_LIST },
	{ "requestPayment", "RequestPaymentConfiguration",
	  "<Payer>BucketOwner</Payer>" },
};

static bool
is_about(const struct s3_request *rq, const char *subresource)
{
	size_t n = strlen(subresource);
	const char *query = rq->op->query;

	return strncmp(query, subresource, n) == 0 &&
	       (query[n] == '\0' || query[n] == '&');
}

enum s3_error
op_get_unset(struct s3_request *rq)
{
	for (size_t i = 0; i < ARRAY_LEN(unset); i++) {
		enum s3_error err = unset[i].error;

		if (!is_about(rq, unset[i].subresource))
			continue;
		return err == S3_ERR_NO_SUCH_CONFIGURATION
			   ? err
			   : s3_fail(rq, err, NULL, "BucketName", rq->bucket);
	}
	return S3_ERR_NOT_IMPLEMENTED;
}

enum s3_error
op_get_default(struct s3_request *rq)
{
	struct buf xml = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
		if (!is_about(rq, defaults[i].subresource))
			continue;
		xml_prolog(&xml);
		xml_open_ns(&xml, defaults[i].root, XML_NS_S3);
		buf_puts(&xml, defaults[i].content);
		xml_close(&xml, defaults[i].root);
		return s3_answer_xml(rq, &xml);
	}
	return S3_ERR_NOT_IMPLEMENTED;
}

/* Deleting what is not there is fine. */
enum s3_error
op_delete_unset(struct s3_request *rq)
{
	http_answer(rq->http, 204, SLICE_EMPTY);
	return S3_OK;
}

/* No bucket has an object lock. */
enum s3_error
op_object_lock_missing(struct s3_request *rq)
{
	rq->detail.message = "Bucket is missing Object Lock Configuration";
	return S3_ERR_INVALID_REQUEST;
}

enum s3_error
op_protected_begin(struct s3_request *rq)
{
	if (s3_body_is_protected(rq->filters))
		return S3_OK;
	rq->detail.message = "Missing required header for this request: "
			     "Content-MD5 OR x-amz-checksum-*";
	return S3_ERR_INVALID_REQUEST;
}
