/*
 * The source of a copy. AWS decodes the header as it decodes a query: a plus
 * sign is a blank.
 */
#include "gateway/s3/copy_source.h"
#include "base/encode.h"
#include "gateway/s3/authorise.h"

#define HEADER "x-amz-copy-source"
#define BLOCK (1u << 20)

int
s3_copy_source_parse(struct arena *a, struct slice value, struct store_ref *out)
{
	const struct slice version = SLICE("?versionId=");
	ptrdiff_t at = slice_find(value, version);
	struct slice path = value, id = SLICE_EMPTY, name;

	*out = STORE_REF(SLICE_EMPTY, SLICE_EMPTY);
	if (at >= 0) {
		path = slice_head(value, (size_t)at);
		id = slice_from(value, (size_t)at + version.n);
		if (id.n == 0)
			return -1;
	}
	/* The first slash may be encoded too. */
	if (uri_decode_text(a, path, true, &path) != 0 ||
	    uri_decode_text(a, id, true, &out->version_id) != 0 || a->err)
		return -1;
	if (slice_starts(path, SLICE("/")))
		path = slice_from(path, 1);
	if (!slice_cut(&path, '/', &name) || name.n == 0 || path.n == 0)
		return -1;
	out->bucket = name;
	out->key = path;
	return 0;
}

static bool
names_bucket(struct slice value)
{
	if (slice_starts(value, SLICE("/")))
		value = slice_from(value, 1);
	return value.n && value.p[0] != '/';
}

enum s3_error
s3_copy_source_read(struct s3_request *rq, struct s3_copy_source *out)
{
	struct slice value = s3_header_or_hoisted(rq, HEADER);

	if (slice_starts(value, SLICE("arn:")))
		return s3_fail(rq, S3_ERR_NOT_IMPLEMENTED, NULL, "Header",
			       SLICE(HEADER));
	if (s3_copy_source_parse(&rq->http->arena, value, &out->ref) != 0)
		return s3_bad_argument(rq,
				       names_bucket(value)
					   ? "Invalid copy source object key"
					   : "Invalid copy source bucket name",
				       HEADER, SLICE(HEADER));
	s3_source_conditions(rq, HEADER "-", &out->cond);
	return s3_may(rq, out->ref.bucket,
		      out->ref.version_id.n ? "s3:GetObjectVersion"
					    : "s3:GetObject");
}

enum s3_error
s3_copy_source_get(struct s3_request *rq, const struct s3_copy_source *src,
		   struct store_object *out, struct store_read **read)
{
	enum s3_error err = store_get(rq->world->store, &src->ref, &src->cond,
				      &rq->http->arena, out, read);

	switch (err) {
	case S3_ERR_PRECONDITION_FAILED:
	case S3_ERR_NOT_MODIFIED:
		return s3_source_condition_failed(rq, HEADER "-", &src->cond,
						  err);
	case S3_ERR_METHOD_NOT_ALLOWED:
		return s3_failf(rq, S3_ERR_INVALID_REQUEST, "%s",
				"The source of a copy request may not "
				"specifically refer to a delete marker by "
				"version id.");
	case S3_ERR_INVALID_ARGUMENT:
		return s3_bad_argument(rq, "Invalid version id specified",
				       "versionId", src->ref.version_id);
	case S3_ERR_NO_SUCH_VERSION:
		s3_detail_add(&rq->detail, "Key", src->ref.key);
		return s3_fail(rq, err, NULL, "VersionId", src->ref.version_id);
	case S3_ERR_NO_SUCH_KEY:
		return s3_fail(rq, err, NULL, "Key", src->ref.key);
	default:
		return err;
	}
}

enum s3_error
s3_copy_source_check_size(struct s3_request *rq, uint64_t size, uint64_t max)
{
	if (size > STORE_PUT_BYTES_MAX)
		return s3_failf(rq, S3_ERR_INVALID_REQUEST,
				"The specified copy source is larger than the "
				"maximum allowable size for a copy source: "
				"%llu",
				(unsigned long long)STORE_PUT_BYTES_MAX);
	return s3_check_size(rq, size, max);
}

void
s3_copy_source_set_version(struct s3_request *rq,
			   const struct store_object *source)
{
	if (strcmp(source->version_id, "null") != 0)
		http_set_header(rq->http, HEADER "-version-id",
				slice_str(source->version_id));
}

static enum s3_error
digest(struct store_read *read, uint64_t offset, uint64_t n, struct hash *md5,
       struct hash *sum, char *block)
{
	store_read_want(read, offset, n);
	while (n) {
		size_t now = n < BLOCK ? (size_t)n : BLOCK;
		enum s3_error err = store_read_at(read, offset, block, now);

		if (err != S3_OK)
			return err;
		hash_update(md5, block, now);
		hash_update(sum, block, now);
		offset += now;
		n -= now;
	}
	return S3_OK;
}

enum s3_error
s3_digest_range(struct store_read *read, uint64_t offset, uint64_t n,
		enum hash_alg alg, uint8_t md5_out[HASH_BYTES_MAX],
		uint8_t sum_out[HASH_BYTES_MAX])
{
	struct hash md5 = { 0 }, sum = { 0 };
	char *block = malloc(BLOCK);
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (block && hash_init(&md5, HASH_MD5) == 0 &&
	    hash_init(&sum, alg) == 0)
		err = digest(read, offset, n, &md5, &sum, block);
	if (err == S3_OK) {
		hash_final(&md5, md5_out);
		hash_final(&sum, sum_out);
	}
	hash_release(&md5);
	hash_release(&sum);
	free(block);
	return err;
}
