/*
 * Reading a CompleteMultipartUpload request, and explaining its failures.
 */
#include "gateway/s3/op/complete.h"
#include "base/xml_read.h"

#define NO_NUMBER UINT32_MAX /* of a Part without a PartNumber */

struct part_list {
	struct arena *arena;
	struct store_complete_part *v;
	size_t n, max;
	struct s3_request *rq;
};

/* ---- the document ------------------------------------------------------- */

static int
on_part(void *ctx)
{
	struct part_list *l = ctx;

	if (l->n == l->max)
		return -1;
	l->v[l->n++] = (struct store_complete_part){ .number = NO_NUMBER };
	return 0;
}

static int
on_number(void *ctx, struct slice text)
{
	struct part_list *l = ctx;
	struct slice digits = slice_trim(text);
	bool negative = slice_starts(digits, SLICE("-"));
	uint64_t n;

	/* What is no part number is checked, and told, when all is read. */
	if (slice_u64(slice_from(digits, negative), &n) != 0 || n >= NO_NUMBER)
		return -1;
	l->v[l->n - 1].number = negative ? 0 : (uint32_t)n;
	return 0;
}

static int
on_etag(void *ctx, struct slice text)
{
	struct part_list *l = ctx;

	text = slice_trim(text);
	if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
		text = slice_mem(text.p + 1, text.n - 2);
	l->v[l->n - 1].etag = arena_copy(l->arena, text);
	return 0;
}

static int
on_checksum(void *ctx, enum hash_alg alg, struct slice text)
{
	struct part_list *l = ctx;
	struct store_complete_part *part = &l->v[l->n - 1];

	part->checksum_alg = (uint16_t)alg;
	return s3_checksum_decode(alg, slice_trim(text), part->checksum);
}

#define ON_CHECKSUM(alg)                                   \
	static int on_##alg(void *ctx, struct slice text)  \
	{                                                  \
		return on_checksum(ctx, HASH_##alg, text); \
	}
ON_CHECKSUM(CRC32)
ON_CHECKSUM(CRC32C)
ON_CHECKSUM(CRC64NVME)
ON_CHECKSUM(SHA1)
ON_CHECKSUM(SHA256)
#undef ON_CHECKSUM

#define PART "CompleteMultipartUpload/Part"
static const struct xml_rule rules[] = {
	{ PART, on_part, NULL },
	{ PART "/PartNumber", NULL, on_number },
	{ PART "/ETag", NULL, on_etag },
	{ PART "/ChecksumCRC32", NULL, on_CRC32 },
	{ PART "/ChecksumCRC32C", NULL, on_CRC32C },
	{ PART "/ChecksumCRC64NVME", NULL, on_CRC64NVME },
	{ PART "/ChecksumSHA1", NULL, on_SHA1 },
	{ PART "/ChecksumSHA256", NULL, on_SHA256 },
};

static enum s3_error
check_list(struct s3_request *rq, const struct store_upload *upload,
	   const struct part_list *l)
{
	uint32_t last = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct store_complete_part *part = &l->v[i];

		if (part->number == NO_NUMBER || part->etag.n == 0)
			return S3_ERR_MALFORMED_XML;
		if (part->number < 1)
			return s3_bad_argument(rq, "PartNumber must be >= 1",
					       "partNumber",
					       s3_number(rq, part->number));
		if (part->number > STORE_PARTS_MAX)
			return s3_bad_argument(
			    rq,
			    "Part number must be an integer between 1 and "
			    "10000, inclusive",
			    "partNumber", s3_number(rq, part->number));
		if (part->number <= last)
			return s3_fail(rq, S3_ERR_INVALID_PART_ORDER, NULL,
				       "UploadId", s3_param(rq, "uploadId"));
		last = part->number;
		if (upload->checksum_composite && !part->checksum_alg)
			return s3_failf(
			    rq, S3_ERR_INVALID_REQUEST,
			    "The upload was created using a %.*s checksum. The "
			    "complete request must include the checksum for "
			    "each part. It was missing for part %u in the "
			    "request.",
			    SLICE_ARG(s3_lower(rq, slice_str(s3_checksum_name(
						       upload->checksum_alg)))),
			    part->number);
	}
	return S3_OK;
}

static enum s3_error
read_list(struct s3_request *rq, const struct store_upload *upload,
	  struct store_complete_req *out)
{
	struct part_list l = { .arena = &rq->http->arena,
			       .max = STORE_PARTS_MAX };
	enum s3_error err;

	l.v = arena_array(l.arena, l.max, sizeof(*l.v));
	if (!l.v)
		return S3_ERR_INTERNAL_ERROR;
	if (rq->body.n == 0)
		return s3_failf(rq, S3_ERR_INVALID_REQUEST, "%s",
				"You must specify at least one part");
	if (xml_read(buf_slice(&rq->body), rules, ARRAY_LEN(rules), &l) != 0 ||
	    l.n == 0)
		return S3_ERR_MALFORMED_XML;
	err = check_list(rq, upload, &l);
	out->parts = l.v;
	out->n_parts = l.n;
	return l.arena->err ? S3_ERR_INTERNAL_ERROR : err;
}

/* ---- the headers -------------------------------------------------------- */

static enum s3_error
read_size(struct s3_request *rq, struct store_complete_req *out)
{
	struct slice v = http_header_get(rq->http, "x-amz-mp-object-size");

	out->size = UINT64_MAX;
	if (v.p && slice_u64(v, &out->size) != 0)
		return s3_failf(rq, S3_ERR_INVALID_REQUEST,
				"Value for x-amz-mp-object-size header is "
				"invalid: '%.*s'",
				SLICE_ARG(v));
	return S3_OK;
}

static enum s3_error
read_type(struct s3_request *rq, const struct store_upload *upload)
{
	struct slice type = http_header_get(rq->http, "x-amz-checksum-type");
	struct slice want = s3_checksum_type(upload->checksum_composite);

	if (!type.p || !upload->id[0] || slice_ieq(type, want))
		return S3_OK;
	return s3_failf(rq, S3_ERR_INVALID_REQUEST,
			"The upload was created using the %.*s checksum mode. "
			"The complete request must use the same checksum "
			"mode.",
			SLICE_ARG(want));
}

/* Of the whole; a composite value may carry "-N". */
static enum s3_error
read_checksum(struct s3_request *rq, const struct store_upload *upload,
	      struct store_complete_req *out)
{
	for (int alg = HASH_NONE + 1; alg < HASH_ALG_COUNT; alg++) {
		const char *name = s3_checksum_header((enum hash_alg)alg);
		struct slice v =
		    name ? http_header_get(rq->http, name) : SLICE_EMPTY;
		ptrdiff_t dash;

		if (v.n == 0)
			continue;
		if (out->checksum_alg)
			return s3_failf(rq, S3_ERR_INVALID_REQUEST, "%s",
					"Expecting a single x-amz-checksum- "
					"header. Multiple checksum Types are "
					"not allowed.");
		dash = slice_chr(v, '-');
		if (dash >= 0)
			v = slice_head(v, (size_t)dash);
		if (s3_checksum_decode((enum hash_alg)alg, v, out->checksum) !=
		    0)
			return s3_failf(rq, S3_ERR_INVALID_REQUEST,
					"Value for %s header is invalid.",
					name);
		out->checksum_alg = (uint16_t)alg;
	}
	return out->checksum_alg
		   ? s3_part_algorithm(rq, upload, out->checksum_alg)
		   : S3_OK;
}

enum s3_error
s3_complete_read(struct s3_request *rq, const struct store_upload *upload,
		 struct store_complete_req *out)
{
	enum s3_error err;

	*out = (struct store_complete_req){
		.bucket = rq->bucket,
		.key = rq->key,
		.upload_id = s3_param(rq, "uploadId"),
		.size_max = s3_object_max(rq),
	};
	err = s3_write_conditions(rq, &out->cond);
	if (err == S3_OK)
		err = read_size(rq, out);
	if (err == S3_OK)
		err = read_type(rq, upload);
	if (err == S3_OK)
		err = read_checksum(rq, upload, out);
	return err == S3_OK ? read_list(rq, upload, out) : err;
}

/* ---- failures ----------------------------------------------------------- */

static struct slice
etag_asked(const struct store_complete_req *req, uint32_t number)
{
	for (size_t i = 0; i < req->n_parts; i++)
		if (req->parts[i].number == number)
			return req->parts[i].etag;
	return SLICE_EMPTY;
}

static struct slice
algorithm(struct s3_request *rq, const struct store_complete_req *req,
	  uint32_t number)
{
	uint16_t alg = req->checksum_alg;

	for (size_t i = 0; i < req->n_parts; i++)
		if (req->parts[i].number == number)
			alg = req->parts[i].checksum_alg;
	return s3_lower(rq, slice_str(s3_checksum_name(alg)));
}

enum s3_error
s3_complete_failed(struct s3_request *rq, const struct store_complete_req *req,
		   const struct store_complete_result *result,
		   enum s3_error err)
{
	struct s3_detail *d = &rq->detail;
	uint32_t number = result->bad.number;

	switch (err) {
	case S3_ERR_INVALID_PART:
		s3_detail_add(d, "UploadId", req->upload_id);
		s3_detail_add(d, "PartNumber", s3_number(rq, number));
		s3_detail_add(d, "ETag", etag_asked(req, number));
		return err;
	case S3_ERR_ENTITY_TOO_SMALL:
		s3_detail_add(d, "ProposedSize",
			      s3_number(rq, result->bad.size));
		s3_detail_add(d, "MinSizeAllowed",
			      s3_number(rq, STORE_PART_BYTES_MIN));
		s3_detail_add(d, "PartNumber", s3_number(rq, number));
		s3_detail_add(d, "ETag", etag_asked(req, number));
		return err;
	case S3_ERR_ENTITY_TOO_LARGE:
		return s3_check_size(rq, result->size, req->size_max);
	case S3_ERR_INVALID_REQUEST:
		return s3_failf(rq, err,
				"The provided 'x-amz-mp-object-size' header "
				"value %llu does not match what was computed: "
				"%llu",
				(unsigned long long)req->size,
				(unsigned long long)result->size);
	case S3_ERR_BAD_DIGEST:
		if (!number)
			return s3_failf(rq, err,
					"The %.*s you specified did not match "
					"the calculated checksum.",
					SLICE_ARG(algorithm(rq, req, 0)));
		return s3_failf(rq, err,
				"The %.*s you specified for part %u did not "
				"match what we received.",
				SLICE_ARG(algorithm(rq, req, number)), number);
	default:
		return s3_upload_failed(rq, s3_condition_failed(rq, err));
	}
}
