/*
 * Body filters. All digests run over the decoded payload; MD5, since it is the
 * ETag, and SHA-256 only where the store does not do without them.
 */
#include "gateway/s3/body.h"
#include "base/encode.h"
#include "base/hash_lane.h"
#include "gateway/s3/checksum.h"

/* From here on a stream's MD5 goes to a lane. SHA-256, where it is needed,
 * stays in line: with receiving and writing it takes as long as MD5 alone. */
#define LANE_MIN (1u << 20)

struct s3_body {
	struct hash md5, sha256, checksum;
	struct hash_lane *lane;	      /* has md5 meanwhile, or NULL */
	struct auth_chunked *chunked; /* NULL: the body is the payload */
	uint64_t announced;
	uint64_t received;
	bool has_md5;
	bool skips_md5, skips_sha256; /* from the first byte on */
	uint8_t want_md5[HASH_BYTES_MAX];
	struct s3_promise promise;
	struct store_digests digests;
	s3_sink sink;
};

static enum s3_error
read_md5(struct s3_request *rq, struct s3_body *b)
{
	struct slice v = http_header_get(rq->http, "Content-MD5");

	if (!v.p)
		return S3_OK;
	if (s3_checksum_decode(HASH_MD5, v, b->want_md5) != 0)
		return s3_fail(rq, S3_ERR_INVALID_DIGEST, NULL, "Content-MD5",
			       v);
	b->has_md5 = true;
	return S3_OK;
}

static bool
is_streaming(const struct s3_request *rq)
{
	return rq->id.payload == AUTH_PAYLOAD_CHUNKS ||
	       rq->id.payload == AUTH_PAYLOAD_CHUNKS_TRAILER ||
	       rq->id.payload == AUTH_PAYLOAD_UNSIGNED_TRAILER;
}

/* Bytes of payload: the decoded length where there is one. The file of a form
 * ends at a boundary. */
static enum s3_error
read_length(struct s3_request *rq, struct s3_body *b)
{
	struct slice decoded =
	    http_header_get(rq->http, "x-amz-decoded-content-length");
	bool chunked = rq->http->content_length == HTTP_LENGTH_UNKNOWN;

	if (rq->op->body_max == S3_BODY_FORM) {
		b->announced = HTTP_LENGTH_UNKNOWN;
		return S3_OK;
	}
	if (decoded.p && (is_streaming(rq) || chunked))
		return slice_u64(decoded, &b->announced) == 0 &&
			       b->announced != HTTP_LENGTH_UNKNOWN
			   ? S3_OK
			   : S3_ERR_MISSING_CONTENT_LENGTH;
	if (is_streaming(rq))
		return S3_ERR_MISSING_CONTENT_LENGTH;
	if (chunked)
		return s3_fail(rq, S3_ERR_NOT_IMPLEMENTED, NULL, "Header",
			       SLICE("Transfer-Encoding"));
	b->announced = rq->http->content_length;
	return S3_OK;
}

static enum s3_error
start_filters(struct s3_request *rq, struct s3_body *b)
{
	const struct auth_chunked_conf conf = {
		.id = &rq->id,
		.decoded_length = b->announced,
		.trailer = http_header_get(rq->http, "x-amz-trailer"),
	};

	if (is_streaming(rq)) {
		b->chunked = auth_chunked_new(&conf);
		if (!b->chunked)
			return S3_ERR_INTERNAL_ERROR;
	}
	if (hash_init(&b->md5, HASH_MD5) != 0 ||
	    (rq->id.payload == AUTH_PAYLOAD_SHA256 &&
	     hash_init(&b->sha256, HASH_SHA256) != 0) ||
	    hash_init(&b->checksum,
		      b->promise.alg ? b->promise.alg : HASH_CRC64NVME) != 0)
		return S3_ERR_INTERNAL_ERROR;
	if (b->sha256.alg && b->announced != HTTP_LENGTH_UNKNOWN)
		b->digests.sha256 = rq->id.payload_sha256;
	if (b->promise.alg && !b->promise.in_trailer)
		b->digests.checksum = b->promise.digest;
	return S3_OK;
}

enum s3_error
s3_body_new(struct s3_request *rq)
{
	struct s3_body *b = calloc(1, sizeof(*b));
	enum s3_error err;

	if (!b)
		return S3_ERR_INTERNAL_ERROR;
	rq->filters = b;
	err = read_length(rq, b);
	if (err == S3_OK)
		err = read_md5(rq, b);
	/* A complete request's checksum is that of the object it makes. */
	if (err == S3_OK && strcmp(rq->op->name, "CompleteMultipartUpload"))
		err = s3_checksum_promise(rq, &b->promise);
	if (err == S3_OK)
		err = start_filters(rq, b);
	return err;
}

void
s3_body_free(struct s3_body *b)
{
	if (!b)
		return;
	auth_chunked_free(b->chunked);
	hash_lane_close(b->lane, NULL);
	hash_release(&b->md5);
	hash_release(&b->sha256);
	hash_release(&b->checksum);
	free(b);
}

uint64_t
s3_body_length(const struct s3_body *b)
{
	return b->announced;
}

bool
s3_body_is_protected(const struct s3_body *b)
{
	return b->has_md5 || b->promise.alg != HASH_NONE;
}

enum hash_alg
s3_body_sum(const struct s3_body *b)
{
	return b->checksum.alg;
}

enum hash_alg
s3_body_checksum(const struct s3_body *b)
{
	return b->promise.alg;
}

const struct store_digests *
s3_body_digests(const struct s3_body *b)
{
	return &b->digests;
}

static enum s3_error
incomplete(struct s3_request *rq)
{
	const struct s3_body *b = rq->filters;

	s3_detail_add(&rq->detail, "NumberBytesExpected",
		      arena_printf(&rq->http->arena, "%llu",
				   (unsigned long long)b->announced));
	return s3_fail(rq, S3_ERR_INCOMPLETE_BODY, NULL, "NumberBytesProvided",
		       arena_printf(&rq->http->arena, "%llu",
				    (unsigned long long)b->received));
}

/* Before the first byte. The length of a form's file is unknown, but not that
 * of the form. */
static void
choose_digests(struct s3_request *rq)
{
	struct s3_body *b = rq->filters;

	if (rq->put) {
		b->skips_md5 = !b->has_md5 && !store_put_needs_md5(rq->put);
		b->skips_sha256 = store_put_compares_sha256(rq->put);
	}
	if (!b->skips_md5 && b->announced > LANE_MIN &&
	    rq->http->content_length > LANE_MIN)
		b->lane = hash_lane_open();
}

/* Payload, after decoding. */
static enum s3_error
take(void *ctx, const void *p, size_t n)
{
	struct s3_request *rq = ctx;
	struct s3_body *b = rq->filters;

	if (b->received == 0)
		choose_digests(rq);
	b->received += n;
	if (b->received > b->announced)
		return incomplete(rq);
	if (b->lane)
		hash_lane_add(b->lane, p, n);
	else if (!b->skips_md5)
		hash_update(&b->md5, p, n);
	if (b->sha256.alg && !b->skips_sha256)
		hash_update(&b->sha256, p, n);
	hash_update(&b->checksum, p, n);
	return b->sink(rq, p, n);
}

enum s3_error
s3_body_feed(struct s3_request *rq, const void *p, size_t n, s3_sink sink)
{
	struct s3_body *b = rq->filters;

	b->sink = sink;
	if (!b->chunked)
		return take(rq, p, n);
	return auth_chunked_feed(b->chunked, p, n, take, rq, &rq->detail,
				 &rq->http->arena);
}

static struct slice
in_hex(struct s3_request *rq, const uint8_t *p, size_t n)
{
	char text[2 * HASH_BYTES_MAX + 1];

	hex_encode(p, n, text);
	return arena_copy(&rq->http->arena, slice_str(text));
}

static enum s3_error
check_md5(struct s3_request *rq, const uint8_t *got)
{
	const struct s3_body *b = rq->filters;

	if (!b->has_md5 || bytes_equal(got, b->want_md5, MD5_BYTES))
		return S3_OK;
	/* AWS writes it in two ways. */
	s3_detail_add(&rq->detail, "ExpectedDigest",
		      strcmp(rq->op->name, "UploadPart") == 0
			  ? s3_checksum_encode(rq, HASH_MD5, b->want_md5)
			  : in_hex(rq, b->want_md5, MD5_BYTES));
	return s3_fail(rq, S3_ERR_BAD_DIGEST, NULL, "CalculatedDigest",
		       s3_checksum_encode(rq, HASH_MD5, got));
}

static void
tell_announced_hash(struct s3_request *rq)
{
	s3_detail_add(&rq->detail, "ClientComputedContentSHA256",
		      in_hex(rq, rq->id.payload_sha256, SHA256_BYTES));
}

enum s3_error
s3_body_committed(struct s3_request *rq, enum s3_error err)
{
	if (err == S3_ERR_X_AMZ_CONTENT_SHA256_MISMATCH)
		tell_announced_hash(rq);
	return err;
}

static enum s3_error
compare_payload_hash(struct s3_request *rq, const uint8_t *got)
{
	if (bytes_equal(got, rq->id.payload_sha256, SHA256_BYTES))
		return S3_OK;
	tell_announced_hash(rq);
	return s3_fail(rq, S3_ERR_X_AMZ_CONTENT_SHA256_MISMATCH, NULL,
		       "S3ComputedContentSHA256",
		       in_hex(rq, got, SHA256_BYTES));
}

static enum s3_error
check_payload_hash(struct s3_request *rq)
{
	struct s3_body *b = rq->filters;
	uint8_t got[HASH_BYTES_MAX];

	if (!b->sha256.alg || b->skips_sha256)
		return S3_OK;
	hash_final(&b->sha256, got);
	return compare_payload_hash(rq, got);
}

enum s3_error
s3_body_check_none(struct s3_request *rq)
{
	static const uint8_t nothing[SHA256_BYTES] = {
		0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
		0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
		0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
		0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55
	};

	if (rq->id.payload != AUTH_PAYLOAD_SHA256 || rq->http->has_body)
		return S3_OK;
	return compare_payload_hash(rq, nothing);
}

static enum s3_error
check_checksum(struct s3_request *rq, struct store_put_final *fin)
{
	struct s3_body *b = rq->filters;
	uint8_t *want = b->promise.digest;

	hash_final(&b->checksum, fin->checksum);
	fin->checksum_alg = b->checksum.alg;
	if (b->promise.alg == HASH_NONE)
		return S3_OK;
	if (b->promise.in_trailer &&
	    s3_checksum_decode(b->promise.alg, auth_chunked_trailer(b->chunked),
			       want) != 0)
		return s3_failf(rq, S3_ERR_INVALID_REQUEST,
				"Value for %s trailing header is invalid.",
				s3_checksum_header(b->promise.alg));
	if (bytes_equal(want, fin->checksum, hash_size(b->promise.alg)))
		return S3_OK;
	return s3_failf(rq, S3_ERR_BAD_DIGEST,
			"The %s you specified did not match the calculated "
			"checksum.",
			s3_checksum_name(b->promise.alg));
}

enum s3_error
s3_body_end(struct s3_request *rq, char etag[33], struct store_put_final *fin)
{
	struct s3_body *b = rq->filters;
	uint8_t md5[HASH_BYTES_MAX];
	enum s3_error err = S3_OK;

	if (b->chunked)
		err = auth_chunked_finish(b->chunked);
	if (err == S3_ERR_INCOMPLETE_BODY ||
	    (b->announced != HTTP_LENGTH_UNKNOWN &&
	     b->received != b->announced))
		return incomplete(rq);
	if (err != S3_OK)
		return err;
	if (b->lane)
		hash_lane_close(b->lane, md5);
	else
		hash_final(&b->md5, md5);
	b->lane = NULL;
	err = check_md5(rq, md5);
	if (err == S3_OK)
		err = check_payload_hash(rq);
	if (err == S3_OK)
		err = check_checksum(rq, fin);
	hex_encode(md5, MD5_BYTES, etag);
	if (b->skips_md5)
		etag[0] = '\0';
	fin->etag = slice_str(etag);
	return err;
}
