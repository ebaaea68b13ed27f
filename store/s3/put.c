/*
 * Puts at another S3 endpoint, of objects and of parts.
 *
 * Up to 1 MiB waits in memory and is sent in one request at the commit, which
 * may be repeated. More is sent as it comes, and its end with the checksum at
 * the commit (chunked.h); an abort cuts the request short. Of unknown size
 * is put_unknown.c.
 *
 * Over http a stream in chunks is hashed here once more for their signatures.
 * Where the client signed the SHA-256 of all of it, the request is signed with
 * that one: then the endpoint compares it, nobody between.
 */
#include "store/s3/put_unknown.h"
#include "base/encode.h"
#include "base/timeval.h"
#include "store/s3/chunked.h"
#include "store/s3/settler.h"
#include "store/s3/xml.h"

#include <inttypes.h>

#define HELD_MAX (1u << 20)
#define ROOM 6 /* headers beside the object's own and conditions */

/* Where bytes go: an object, or a part by ?partNumber&uploadId. */
struct s3_target {
	struct slice bucket;
	struct slice key;
	struct slice query;
	struct store_headers headers; /* all that is sent with them */
	bool is_part;		      /* makes no event */
};

struct s3_put {
	struct store_put base;
	struct arena arena;
	struct s3_target to;
	enum hash_alg alg; /* announced, or chosen for a stream */
	bool names_sum;	   /* the endpoint is told the checksum */
	bool sums;	   /* nobody brings the checksum: sum has it */
	char sha256[SHA256_HEX_MAX]; /* as signed by the sender, or "" */
	struct hash sum;
	struct store_header *headers;
	size_t n_headers;

	struct buf held; /* a body that fits in memory */

	bool streams;
	struct s3_call call;
	struct http_client_body body;
	struct s3_exchange x;
	struct s3_chunked chunks;
};

static void
put_free(struct s3_put *put)
{
	s3_exchange_close(&put->x);
	s3_chunked_release(&put->chunks);
	hash_release(&put->sum);
	buf_release(&put->held);
	arena_release(&put->arena);
	free(put);
}

/* ---- beginning ---------------------------------------------------------- */

static void
add(struct s3_put *put, const char *name, struct slice value)
{
	put->headers[put->n_headers++] =
	    (struct store_header){ slice_str(name), value };
}

/* The object's own Content-Encoding stands behind that of the transfer. */
static void
add_chunked_encoding(struct s3_put *put)
{
	for (size_t i = 0; i < put->n_headers; i++) {
		struct store_header *h = &put->headers[i];

		if (!slice_eq_str(h->name, "content-encoding"))
			continue;
		h->value = arena_printf(&put->arena, "aws-chunked,%.*s",
					SLICE_ARG(h->value));
		return;
	}
	add(put, "content-encoding", SLICE("aws-chunked"));
}

/* As SDKs do; some keep a checksum only where it is named so. */
static void
add_algorithm(struct s3_put *put, enum hash_alg alg)
{
	add(put, "x-amz-sdk-checksum-algorithm", slice_str(s3_sum_name(alg)));
}

static int
describe_chunks(struct s3_put *put, uint64_t size, bool is_https)
{
	if (s3_chunked_init(&put->chunks, size, put->alg, is_https) != 0)
		return -1;
	add_chunked_encoding(put);
	add(put, "x-amz-decoded-content-length",
	    arena_printf(&put->arena, "%" PRIu64, size));
	if (put->alg) {
		add(put, "x-amz-trailer", slice_str(s3_sum_field(put->alg)));
		add_algorithm(put, put->alg);
	}
	put->names_sum = put->alg != HASH_NONE;
	put->call.payload_hash = s3_chunked_payload(&put->chunks);
	return 0;
}

static int
describe_plain(struct s3_put *put, uint64_t size, const uint8_t *checksum)
{
	if (s3_chunked_init_plain(&put->chunks, size) != 0)
		return -1;
	put->names_sum = checksum != NULL;
	if (checksum) {
		put->headers[put->n_headers++] =
		    s3_sum_header(&put->arena, put->alg, checksum);
		add_algorithm(put, put->alg);
	}
	put->base.compares_sha256 = true;
	put->call.payload_hash = put->sha256;
	return 0;
}

/* A plain body has no room for a checksum that comes behind it: it is known by
 * now, or the endpoint makes one by itself. (Of a part nobody asks for it.) */
static bool
can_be_plain(const struct s3_put *put, struct s3_remote *r,
	     const uint8_t *checksum)
{
	return put->sha256[0] && (checksum || put->to.is_part ||
				  (put->alg == HASH_CRC64NVME &&
				   s3_remote_sums(r, false) != S3_DOES_NOT));
}

static enum s3_error
open_stream(struct s3_put *put, uint64_t size, const uint8_t *checksum)
{
	struct s3_remote *r = s3_of(put->base.store)->remote;
	int rc = can_be_plain(put, r, checksum)
		     ? describe_plain(put, size, checksum)
		     : describe_chunks(put, size, s3_remote_is_https(r));

	if (rc != 0)
		return S3_ERR_INTERNAL_ERROR;
	put->streams = true;
	put->body.size = s3_chunked_length(&put->chunks);
	put->call.headers =
	    (struct store_headers){ put->headers, put->n_headers };
	if (put->arena.err)
		return S3_ERR_INTERNAL_ERROR;
	return s3_exchange_open(r, &put->call, &put->x);
}

/* What is announced and nobody will bring is computed here. */
static int
choose_sum(struct s3_put *put, enum hash_alg announced, uint64_t size)
{
	put->alg = announced;
	if (announced || put->to.is_part || size <= HELD_MAX)
		return 0;
	put->alg = HASH_CRC32C;
	put->sums = true;
	return hash_init(&put->sum, put->alg);
}

/* The MD5 is what an object is known by when no answer came. A checksum does as
 * well, where the endpoint tells it. */
static bool
does_without_md5(const struct s3_put *put)
{
	return put->to.is_part || s3_remote_sums(s3_of(put->base.store)->remote,
						 put->names_sum) == S3_DOES;
}

static enum s3_error
put_open(struct store *s, const struct s3_target *to, enum hash_alg alg,
	 const struct store_digests *digests, uint64_t size,
	 struct store_put **out)
{
	const struct store_digests known =
	    digests ? *digests : (struct store_digests){ 0 };
	struct s3_put *put = calloc(1, sizeof(*put));
	enum s3_error err = S3_ERR_INTERNAL_ERROR;
	struct arena *a;

	if (!put)
		return S3_ERR_INTERNAL_ERROR;
	if (known.sha256)
		hex_encode(known.sha256, SHA256_BYTES, put->sha256);
	a = &put->arena;
	put->base.store = s;
	put->held.max = HELD_MAX > size ? size + 1 : HELD_MAX + 1;
	arena_init(a, 128u << 10);
	put->to = (struct s3_target){ .bucket = arena_copy(a, to->bucket),
				      .key = arena_copy(a, to->key),
				      .query = arena_copy(a, to->query),
				      .is_part = to->is_part };
	put->headers =
	    arena_array(a, to->headers.n + ROOM, sizeof(*put->headers));
	for (size_t i = 0; put->headers && i < to->headers.n; i++)
		add(put, arena_cstr(a, to->headers.v[i].name),
		    arena_copy(a, to->headers.v[i].value));
	put->to.headers =
	    (struct store_headers){ put->headers, put->n_headers };
	put->call = (struct s3_call){ .method = "PUT",
				      .bucket = put->to.bucket,
				      .key = put->to.key,
				      .query = put->to.query,
				      .body = &put->body };
	if (!a->err && choose_sum(put, alg, size) == 0)
		err = size > HELD_MAX ? open_stream(put, size, known.checksum)
				      : S3_OK;
	if (size <= HELD_MAX)
		put->names_sum = alg != HASH_NONE;
	put->base.without_md5 = does_without_md5(put);
	if (err == S3_OK)
		*out = &put->base;
	else
		put_free(put);
	return err;
}

/* ---- the bytes ---------------------------------------------------------- */

static bool
is_unknown(const struct store_put *base)
{
	return base->size == UINT64_MAX;
}

enum s3_error
s3_put_write(struct store_put *base, const void *p, size_t n)
{
	struct s3_put *put = (struct s3_put *)base;

	if (is_unknown(base))
		return s3_unknown_write(base, p, n);
	if (put->sums)
		hash_update(&put->sum, p, n);
	if (put->streams)
		return s3_chunked_write(&put->chunks, &put->x, p, n);
	buf_add(&put->held, p, n);
	return buf_ok(&put->held) ? S3_OK : S3_ERR_INTERNAL_ERROR;
}

/* ---- the end ------------------------------------------------------------ */

static int
read_held(void *ctx, uint64_t offset, void *p, size_t n)
{
	struct s3_put *put = ctx;

	memcpy(p, put->held.p + offset, n);
	return 0;
}

/* In one request, with whatever checksum the commit brings; of a part only
 * with the one of its upload. */
static enum s3_error
send_held(struct s3_put *put, const struct store_put_final *fin,
	  struct http_client_answer *answer)
{
	if (fin->checksum_alg &&
	    (!put->to.is_part || fin->checksum_alg == put->alg)) {
		put->headers[put->n_headers++] = s3_sum_header(
		    &put->arena, fin->checksum_alg, fin->checksum);
		add_algorithm(put, fin->checksum_alg);
	}
	if (put->arena.err)
		return S3_ERR_INTERNAL_ERROR;
	if (!put->sha256[0]) /* else it was compared by now */
		sha256_hex(put->held.p, put->held.n, put->sha256);
	put->body = (struct http_client_body){ put->held.n, read_held, put };
	put->call.payload_hash = put->sha256;
	put->call.headers =
	    (struct store_headers){ put->headers, put->n_headers };
	return s3_request_run(s3_of(put->base.store)->remote, &put->call,
			      answer);
}

static enum s3_error
end_stream(struct s3_put *put, const struct store_put_final *fin,
	   struct http_client_answer *answer)
{
	uint8_t digest[HASH_BYTES_MAX];
	struct store_header sum;
	struct slice trailer = SLICE_EMPTY;
	enum s3_error err;

	if (put->sums)
		hash_final(&put->sum, digest);
	else if (fin->checksum_alg == put->alg)
		memcpy(digest, fin->checksum, sizeof(digest));
	else if (put->alg)
		return S3_ERR_INVALID_ARGUMENT; /* another was announced */
	if (put->alg && !put->chunks.is_plain) {
		sum = s3_sum_header(&put->arena, put->alg, digest);
		trailer =
		    arena_printf(&put->arena, "%.*s:%.*s", SLICE_ARG(sum.name),
				 SLICE_ARG(sum.value));
	}
	if (put->arena.err)
		return S3_ERR_INTERNAL_ERROR;
	err = s3_chunked_end(&put->chunks, &put->x, trailer);
	if (err == S3_OK)
		err = s3_exchange_finish(&put->x);
	*answer = put->x.answer;
	put->x.answer = (struct http_client_answer){ 0 };
	return err;
}

static void
describe(const struct store_put_final *fin, struct s3_put *put,
	 const struct http_client_answer *answer, struct store_object *out)
{
	out->size = put->base.written;
	out->checksum_alg = fin->checksum_alg;
	memcpy(out->checksum, fin->checksum, sizeof(out->checksum));
	if (time_parse_http(http_client_header(answer, "date"),
			    &out->mtime_us) != 0)
		out->mtime_us = time_now_us();
	s3_copy_ids(answer, out);
}

static void
learn_of_sums(const struct s3_put *put, const struct store_put_final *fin,
	      const struct http_client_answer *answer)
{
	const char *field = s3_sum_field(fin->checksum_alg);

	if (!put->to.is_part && field)
		s3_remote_sums_seen(s3_of(put->base.store)->remote,
				    put->names_sum,
				    http_client_header(answer, field).n > 0);
}

/* An object's change is known to the journal before it can be seen. */
static enum s3_error
commit_object(struct s3_put *put, const struct store_put_final *fin,
	      struct http_client_answer *answer, struct store_object *made)
{
	struct s3_store *s = s3_of(put->base.store);
	struct store_object expected = { .key = put->to.key,
					 .size = put->base.written,
					 .headers = put->to.headers };
	struct journal_intent intent = { 0 };
	enum s3_error err = S3_OK;

	if (fin->etag.n)
		snprintf(expected.etag, sizeof(expected.etag), "%.*s",
			 SLICE_ARG(fin->etag));
	else
		s3_expect_sum(fin->checksum_alg, fin->checksum, expected.etag);
	if (!put->to.is_part)
		err = s3_intend(s, put->to.bucket, &expected, &fin->note,
				&intent);
	if (err != S3_OK)
		return err;
	err = put->streams ? end_stream(put, fin, answer)
			   : send_held(put, fin, answer);
	if (err == S3_OK) {
		describe(fin, put, answer, made);
		learn_of_sums(put, fin, answer);
	}
	return s3_settle(s, &intent, err, made);
}

enum s3_error
s3_put_commit(struct store_put *base, const struct store_put_final *fin,
	      struct store_object *out)
{
	struct s3_put *put = (struct s3_put *)base;
	struct http_client_answer answer = { 0 };
	struct store_object made = { 0 };
	enum s3_error err;

	if (is_unknown(base))
		return s3_unknown_commit(base, fin, out);
	err = commit_object(put, fin, &answer, &made);
	if (err == S3_OK && out)
		*out = made;
	http_client_answer_release(&answer);
	put_free(put);
	return err;
}

void
s3_put_abort(struct store_put *base)
{
	if (is_unknown(base))
		s3_unknown_abort(base);
	else
		put_free((struct s3_put *)base);
}

/* ---- what is put -------------------------------------------------------- */

enum s3_error
s3_put_begin(struct store *s, const struct store_put_req *req,
	     struct store_put **out)
{
	struct s3_target to = { .bucket = req->bucket, .key = req->key };
	enum s3_error err =
	    s3_cond_ask(s3_of(s), req->bucket, req->key, &req->cond);
	struct store_header *v;
	struct arena a;
	size_t n;

	if (err != S3_OK)
		return err;
	err = S3_ERR_INTERNAL_ERROR;
	if (req->size == UINT64_MAX)
		return s3_unknown_begin(s, req, out);
	arena_init(&a, 128u << 10);
	v = s3_object_headers(&a, &req->headers, req->storage_class, &req->tags,
			      2, &n);
	if (v) {
		n += s3_cond_headers(&req->cond, v + n);
		to.headers = (struct store_headers){ v, n };
		err = put_open(s, &to, req->checksum_alg, req->digests,
			       req->size, out);
	}
	arena_release(&a);
	return err;
}

enum s3_error
s3_part_begin(struct store *s, const struct store_part_ref *part, uint64_t size,
	      struct store_put **out)
{
	struct s3_target to = { .bucket = part->bucket,
				.key = part->key,
				.is_part = true };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;
	struct buf query = BUF_INIT;

	if (size == UINT64_MAX)
		return S3_ERR_MISSING_CONTENT_LENGTH;
	s3_query_u64(&query, "partNumber", part->number);
	s3_query_put(&query, "uploadId", part->upload_id);
	to.query = buf_slice(&query);
	if (buf_ok(&query))
		err = put_open(s, &to, part->checksum_alg, part->digests, size,
			       out);
	buf_release(&query);
	return err;
}
