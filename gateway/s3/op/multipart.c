/*
 * What the operations of multipart uploads share: finding the upload, reading
 * the part's number, naming checksums.
 */
#include "gateway/s3/op/multipart.h"

enum s3_error
s3_upload_failed(struct s3_request *rq, enum s3_error err)
{
	if (err == S3_ERR_NO_SUCH_UPLOAD && rq->detail.n == 0)
		s3_detail_add(&rq->detail, "UploadId",
			      s3_param(rq, "uploadId"));
	return err;
}

enum s3_error
s3_upload_find(struct s3_request *rq, struct store_upload *out)
{
	enum s3_error err =
	    store_upload_get(rq->world->store, rq->bucket, rq->key,
			     s3_param(rq, "uploadId"), &rq->http->arena, out);

	return s3_upload_failed(rq, err);
}

enum s3_error
s3_part_ref(struct s3_request *rq, struct store_part_ref *out)
{
	struct slice number = s3_param(rq, "partNumber");
	uint64_t n;

	if (!s3_param_has(rq, "uploadId"))
		return s3_bad_argument(rq,
				       "This operation does not accept "
				       "partNumber without uploadId",
				       "partNumber", SLICE("partNumber"));
	if (slice_u64(number, &n) != 0 || n < 1 || n > STORE_PARTS_MAX)
		return s3_bad_argument(rq,
				       "Part number must be an integer between "
				       "1 and 10000, inclusive",
				       "partNumber", number);
	*out = (struct store_part_ref){ .bucket = rq->bucket,
					.key = rq->key,
					.upload_id = s3_param(rq, "uploadId"),
					.number = (uint32_t)n };
	return S3_OK;
}

static struct slice
lower_name(struct s3_request *rq, enum hash_alg alg)
{
	return alg ? s3_lower(rq, slice_str(s3_checksum_name(alg)))
		   : SLICE("null");
}

enum s3_error
s3_part_algorithm(struct s3_request *rq, const struct store_upload *u,
		  enum hash_alg got)
{
	if (u->checksum_alg == HASH_NONE || u->checksum_alg == got)
		return S3_OK;
	return s3_failf(rq, S3_ERR_INVALID_REQUEST,
			"Checksum Type mismatch occurred, expected checksum "
			"Type: %.*s, actual checksum Type: %.*s",
			SLICE_ARG(lower_name(rq, u->checksum_alg)),
			SLICE_ARG(lower_name(rq, got)));
}
