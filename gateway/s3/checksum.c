/*
 * Names and rules of checksums. AWS looks at the x-amz-checksum-* headers
 * first, then at the trailer, then at the algorithm that an SDK says it used.
 */
#include "gateway/s3/checksum.h"
#include "base/encode.h"

#define PREFIX "x-amz-checksum-"
#define SDK_ALGORITHM "x-amz-sdk-checksum-algorithm"

static const struct {
	enum hash_alg alg;
	const char *header;
	const char *name;
} table[] = {
	{ HASH_CRC32, PREFIX "crc32", "CRC32" },
	{ HASH_CRC32C, PREFIX "crc32c", "CRC32C" },
	{ HASH_CRC64NVME, PREFIX "crc64nvme", "CRC64NVME" },
	{ HASH_SHA1, PREFIX "sha1", "SHA1" },
	{ HASH_SHA256, PREFIX "sha256", "SHA256" },
};

/* ---- names and values --------------------------------------------------- */

const char *
s3_checksum_header(enum hash_alg alg)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].alg == alg)
			return table[i].header;
	return NULL;
}

const char *
s3_checksum_name(enum hash_alg alg)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].alg == alg)
			return table[i].name;
	return NULL;
}

enum hash_alg
s3_checksum_by_name(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (slice_ieq_str(name, table[i].name))
			return table[i].alg;
	return HASH_NONE;
}

static enum hash_alg
by_header(struct slice header)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (slice_ieq_str(header, table[i].header))
			return table[i].alg;
	return HASH_NONE;
}

int
s3_checksum_decode(enum hash_alg alg, struct slice base64,
		   uint8_t out[HASH_BYTES_MAX])
{
	struct buf b = BUF_INIT;
	int rc = -1;

	if (base64_decode(&b, base64) == 0 && b.n == hash_size(alg)) {
		memcpy(out, b.p, b.n);
		rc = 0;
	}
	buf_release(&b);
	return rc;
}

struct slice
s3_checksum_encode(struct s3_request *rq, enum hash_alg alg,
		   const uint8_t *digest)
{
	struct buf b = BUF_INIT;

	base64_encode(&b, digest, hash_size(alg));
	return arena_take_buf(&rq->http->arena, &b);
}

void
s3_checksum_set(struct s3_request *rq, enum hash_alg alg, const uint8_t *digest)
{
	const char *header = s3_checksum_header(alg);

	if (header)
		http_set_header(rq->http, header,
				s3_checksum_encode(rq, alg, digest));
}

struct slice
s3_checksum_of(struct s3_request *rq, const struct store_object *o)
{
	struct slice v = s3_checksum_encode(rq, o->checksum_alg, o->checksum);

	return o->checksum_composite ? arena_printf(&rq->http->arena, "%.*s-%u",
						    SLICE_ARG(v), o->n_parts)
				     : v;
}

struct slice
s3_checksum_type(bool composite)
{
	return composite ? SLICE("COMPOSITE") : SLICE("FULL_OBJECT");
}

void
s3_xml_checksum(struct s3_request *rq, struct buf *xml, enum hash_alg alg,
		const uint8_t *digest, uint32_t parts)
{
	struct slice text;

	if (!s3_checksum_name(alg))
		return;
	text = s3_checksum_encode(rq, alg, digest);
	buf_printf(xml, "<Checksum%s>%.*s", s3_checksum_name(alg),
		   SLICE_ARG(text));
	if (parts)
		buf_printf(xml, "-%u", parts);
	buf_printf(xml, "</Checksum%s>", s3_checksum_name(alg));
}

/* ---- what a request promises -------------------------------------------- */

/* x-amz-checksum-mode, -algorithm and -type say something else. */
static bool
is_value_header(struct slice header)
{
	struct slice what = slice_from(header, strlen(PREFIX));

	return slice_ieq_str(slice_head(header, strlen(PREFIX)), PREFIX) &&
	       !slice_ieq_str(what, "mode") && !slice_ieq_str(what, "type") &&
	       !slice_ieq_str(what, "algorithm");
}

static enum s3_error
read_header(struct s3_request *rq, struct s3_promise *out)
{
	const struct http_header *found = NULL;

	for (size_t i = 0; i < rq->http->n_headers; i++) {
		if (!is_value_header(rq->http->headers[i].name))
			continue;
		if (found)
			return s3_failf(rq, S3_ERR_INVALID_REQUEST,
					"Expecting a single %s header. "
					"Multiple checksum Types are not "
					"allowed.",
					PREFIX);
		found = &rq->http->headers[i];
	}
	if (!found)
		return S3_OK;
	out->alg = by_header(found->name);
	out->base64 = found->value;
	if (out->alg == HASH_NONE)
		return s3_failf(rq, S3_ERR_INVALID_REQUEST,
				"The algorithm type you specified in %s "
				"header is invalid.",
				PREFIX);
	if (s3_checksum_decode(out->alg, out->base64, out->digest) != 0)
		return s3_failf(rq, S3_ERR_INVALID_REQUEST,
				"Value for %s header is invalid.",
				s3_checksum_header(out->alg));
	return S3_OK;
}

static enum s3_error
read_trailer_name(struct s3_request *rq, struct s3_promise *out)
{
	struct slice v = http_header_get(rq->http, "x-amz-trailer");

	if (v.n == 0)
		return S3_OK;
	if (out->alg != HASH_NONE)
		return s3_failf(rq, S3_ERR_INVALID_REQUEST,
				"Expecting a single %s header", PREFIX);
	out->alg = by_header(v);
	out->in_trailer = true;
	if (out->alg == HASH_NONE)
		return s3_failf(rq, S3_ERR_INVALID_REQUEST,
				"The value specified in the %s header is not "
				"supported",
				"x-amz-trailer");
	if (rq->id.payload != AUTH_PAYLOAD_CHUNKS_TRAILER &&
	    rq->id.payload != AUTH_PAYLOAD_UNSIGNED_TRAILER)
		return S3_ERR_MALFORMED_TRAILER;
	return S3_OK;
}

enum s3_error
s3_checksum_promise(struct s3_request *rq, struct s3_promise *out)
{
	struct slice sdk = http_header_get(rq->http, SDK_ALGORITHM);
	enum s3_error err;

	*out = (struct s3_promise){ 0 };
	err = read_header(rq, out);
	if (err == S3_OK)
		err = read_trailer_name(rq, out);
	if (err != S3_OK || !sdk.p)
		return err;
	if (out->alg == HASH_NONE)
		return s3_failf(rq, S3_ERR_INVALID_REQUEST,
				"%s specified, but no corresponding "
				"x-amz-checksum-* or x-amz-trailer headers "
				"were found.",
				SDK_ALGORITHM);
	if (s3_checksum_by_name(sdk) != out->alg)
		return s3_failf(rq, S3_ERR_INVALID_REQUEST,
				"Value for %s header is invalid.",
				SDK_ALGORITHM);
	return S3_OK;
}

/* ---- what a request asks for -------------------------------------------- */

static enum s3_error
read_type(struct s3_request *rq, struct slice type, enum hash_alg alg,
	  bool *composite)
{
	bool possible;

	*composite = alg != HASH_NONE && alg != HASH_CRC64NVME;
	if (!type.p)
		return S3_OK;
	if (alg == HASH_NONE)
		return s3_failf(rq, S3_ERR_INVALID_REQUEST,
				"The x-amz-checksum-type header can only be "
				"used with the %s header.",
				"x-amz-checksum-algorithm");
	*composite = slice_eq_str(type, "COMPOSITE");
	if (!*composite && !slice_eq_str(type, "FULL_OBJECT"))
		return s3_failf(rq, S3_ERR_INVALID_REQUEST,
				"Value for %s header is invalid.",
				"x-amz-checksum-type");
	possible = *composite ? alg != HASH_CRC64NVME : hash_is_crc(alg);
	if (possible)
		return S3_OK;
	return s3_failf(rq, S3_ERR_INVALID_REQUEST,
			"The %s checksum type cannot be used with the %s "
			"checksum algorithm.",
			*composite ? "COMPOSITE" : "FULL_OBJECT",
			s3_checksum_header(alg) + strlen(PREFIX));
}

enum s3_error
s3_checksum_choice(struct s3_request *rq, enum hash_alg *alg, bool *composite)
{
	struct slice name =
	    s3_header_or_hoisted(rq, "x-amz-checksum-algorithm");
	struct slice type = s3_header_or_hoisted(rq, "x-amz-checksum-type");

	*alg = s3_checksum_by_name(name);
	if (name.p && *alg == HASH_NONE)
		return s3_failf(rq, S3_ERR_INVALID_REQUEST,
				"Checksum algorithm provided is unsupported. "
				"Please try again with any of the valid "
				"types: [%s]",
				"CRC32, CRC32C, CRC64NVME, SHA1, SHA256");
	return read_type(rq, type, *alg, composite);
}
