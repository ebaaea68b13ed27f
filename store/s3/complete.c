/*
 * CompleteMultipartUpload at another S3 endpoint.
 *
 * The parts are listed first: what is wrong with one can be said as the local
 * store says it, the size is known before, and an upload that is not there
 * any more was completed before. Its answer may have been lost, so such a
 * request succeeds when the object has the ETag that these parts make.
 */
#include "store/s3/begun.h"
#include "base/encode.h"
#include "base/timeval.h"
#include "base/xml_write.h"

#include <inttypes.h>

struct completion {
	struct s3_store *s;
	const struct store_complete_req *req;
	struct store_complete_result *out;
	struct arena arena;
	struct s3_parts *page;
	struct buf xml;
	size_t named;		   /* of req->parts, those found so far */
	char etag[STORE_ETAG_MAX]; /* to be; "" when the parts' are no MD5 */
	uint16_t checksum_alg;	   /* of the upload */
	bool checksum_composite;
};

/* ---- the parts ---------------------------------------------------------- */

static void
put_part(struct completion *c, const struct store_part *part)
{
	struct store_header sum;

	xml_open(&c->xml, "Part");
	xml_u64(&c->xml, "PartNumber", part->number);
	xml_text(&c->xml, "ETag", slice_str(part->etag));
	if (part->checksum_alg) {
		char element[32];

		snprintf(element, sizeof(element), "Checksum%s",
			 s3_sum_name(part->checksum_alg));
		sum = s3_sum_header(&c->arena, part->checksum_alg,
				    part->checksum);
		xml_text(&c->xml, element, sum.value);
	}
	xml_close(&c->xml, "Part");
}

/* A part that was named and is there. */
static enum s3_error
check_part(struct completion *c, const struct store_complete_part *want,
	   const struct store_part *part)
{
	bool is_last = c->named + 1 == c->req->n_parts;
	struct store_part told = *part;

	if (part->checksum_alg != c->checksum_alg)
		told.checksum_alg = HASH_NONE;
	c->out->bad = *part;
	if (!slice_eq_str(want->etag, part->etag))
		return S3_ERR_INVALID_PART;
	if (want->checksum_alg && part->checksum_alg &&
	    (want->checksum_alg != part->checksum_alg ||
	     memcmp(want->checksum, part->checksum,
		    hash_size(want->checksum_alg)) != 0))
		return S3_ERR_BAD_DIGEST;
	if (!is_last && part->size < STORE_PART_BYTES_MIN)
		return S3_ERR_ENTITY_TOO_SMALL;
	c->out->bad = (struct store_part){ 0 };
	c->out->size += part->size;
	c->named++;
	if (!part->checksum_alg && want->checksum_alg) {
		/* Not every list has them: the endpoint compares it. */
		told.checksum_alg = want->checksum_alg;
		memcpy(told.checksum, want->checksum, sizeof(told.checksum));
	}
	put_part(c, &told);
	return S3_OK;
}

/* Both lists ascend. */
static enum s3_error
check_page(struct completion *c)
{
	const struct store_complete_part *want = c->req->parts;
	enum s3_error err = S3_OK;

	for (size_t i = 0;
	     err == S3_OK && i < c->page->n && c->named < c->req->n_parts;
	     i++) {
		if (c->page->v[i].number > want[c->named].number)
			break; /* the one named is not there */
		if (c->page->v[i].number == want[c->named].number)
			err = check_part(c, &want[c->named], &c->page->v[i]);
	}
	return err;
}

static enum s3_error
check_parts(struct completion *c)
{
	const struct store_complete_req *req = c->req;
	const struct s3_upload_ref upload = { req->bucket, req->key,
					      req->upload_id };
	uint32_t after = 0;
	enum s3_error err;

	do {
		err = s3_parts_ask(c->s, &upload, after, S3_PARTS_PAGE,
				   &c->arena, c->page);
		c->checksum_alg = c->page->checksum_alg;
		c->checksum_composite = c->page->checksum_composite;
		if (err == S3_OK)
			err = check_page(c);
		if (c->page->n)
			after = c->page->v[c->page->n - 1].number;
	} while (err == S3_OK && c->page->truncated &&
		 c->named < req->n_parts &&
		 after < req->parts[c->named].number);
	if (err != S3_OK)
		return err;
	if (c->named < req->n_parts) {
		c->out->bad.number = req->parts[c->named].number;
		return S3_ERR_INVALID_PART;
	}
	if (req->size != UINT64_MAX && req->size != c->out->size)
		return S3_ERR_INVALID_REQUEST;
	if (req->size_max && c->out->size > req->size_max)
		return S3_ERR_ENTITY_TOO_LARGE;
	return S3_OK;
}

/* MD5 of the parts' MD5s, "-", their number. */
static void
expect_etag(struct completion *c)
{
	uint8_t digest[HASH_BYTES_MAX], md5[MD5_BYTES];
	char hex[2 * MD5_BYTES + 1];
	struct hash h;
	bool ok = hash_init(&h, HASH_MD5) == 0;

	for (size_t i = 0; ok && i < c->req->n_parts; i++) {
		ok = hex_decode(c->req->parts[i].etag, md5, MD5_BYTES) == 0;
		hash_update(&h, md5, ok ? MD5_BYTES : 0);
	}
	if (ok) {
		hash_final(&h, digest);
		hex_encode(digest, MD5_BYTES, hex);
		snprintf(c->etag, sizeof(c->etag), "%s-%zu", hex,
			 c->req->n_parts);
	}
	hash_release(&h);
}

/* ---- the request -------------------------------------------------------- */

static int
take_etag(void *ctx, struct slice text)
{
	struct store_object *o = ctx;

	return s3_text_etag(text, o->etag, sizeof(o->etag));
}

static int
take_sum(void *ctx, enum hash_alg alg, struct slice text)
{
	return s3_object_sum(ctx, alg, text);
}
S3_SUM_TAKERS(take_sum)

#define ROOT "CompleteMultipartUploadResult"
static const struct xml_rule rules[] = {
	{ ROOT "/ETag", NULL, take_etag },
	S3_SUM_RULES(ROOT, take_sum),
};

static size_t
put_headers(struct completion *c, struct store_header *v)
{
	const struct store_complete_req *req = c->req;
	size_t n = s3_cond_headers(&req->cond, v);

	if (req->size != UINT64_MAX)
		v[n++] =
		    (struct store_header){ SLICE("x-amz-mp-object-size"),
					   arena_printf(&c->arena, "%" PRIu64,
							req->size) };
	if (c->checksum_alg)
		v[n++] =
		    (struct store_header){ SLICE("x-amz-checksum-type"),
					   s3_sum_type(c->checksum_composite) };
	if (!req->checksum_alg)
		return n;
	v[n] = s3_sum_header(&c->arena, req->checksum_alg, req->checksum);
	if (c->checksum_composite)
		v[n].value = arena_printf(&c->arena, "%.*s-%zu",
					  SLICE_ARG(v[n].value), req->n_parts);
	return n + 1;
}

static enum s3_error
send(struct completion *c, struct store_object *made)
{
	struct store_header headers[5];
	struct s3_document doc;
	struct s3_call call = { .method = "POST",
				.bucket = c->req->bucket,
				.key = c->req->key,
				.body = &doc.body,
				.payload_hash = doc.sha256,
				.may_fail_late = true };
	struct http_client_answer answer = { 0 };
	struct buf query = BUF_INIT;
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	s3_query_put(&query, "uploadId", c->req->upload_id);
	s3_document_init(&doc, buf_slice(&c->xml));
	call.query = buf_slice(&query);
	call.headers =
	    (struct store_headers){ headers, put_headers(c, headers) };
	if (buf_ok(&query) && buf_ok(&c->xml) && !c->arena.err)
		err =
		    s3_ask(c->s, &call, rules, ARRAY_LEN(rules), made, &answer);
	if (err == S3_OK)
		s3_copy_version(&answer, made);
	http_client_answer_release(&answer);
	buf_release(&query);
	return err;
}

/* ---- what came of it ---------------------------------------------------- */

/* The object these parts made, in full; false when it is another. */
static bool
find_made(struct completion *c, const char *version_id,
	  struct store_object *made)
{
	const struct store_ref ref = { c->req->bucket, c->req->key,
				       slice_str(version_id) };
	const char *etag = *made->etag ? made->etag : c->etag;
	struct store_object seen;

	if (s3_get(&c->s->base, &ref, NULL, &c->arena, &seen, NULL) != S3_OK ||
	    strcmp(seen.etag, etag) != 0)
		return false;
	if (!seen.checksum_alg) { /* then the answer may have told it */
		seen.checksum_alg = made->checksum_alg;
		seen.checksum_composite = made->checksum_composite;
		memcpy(seen.checksum, made->checksum, sizeof(seen.checksum));
	}
	*made = seen;
	return true;
}

/* The result has no key, headers and tags. */
static void
give(struct completion *c, const struct store_object *made)
{
	struct store_object *o = &c->out->object;

	*o = *made;
	s3_detach(o);
	o->is_latest = true;
	o->n_parts = (uint32_t)c->req->n_parts;
	if (!*o->version_id)
		memcpy(o->version_id, "null", sizeof("null"));
	c->out->size = o->size;
}

/* It was completed before: by this very request, or by one that got its
 * event then. */
static enum s3_error
repeated(struct completion *c)
{
	struct store_object made = { 0 };

	if (!c->etag[0] || !find_made(c, "", &made))
		return S3_ERR_NO_SUCH_UPLOAD;
	s3_told_look(c->s->told, c->req->upload_id, &made);
	give(c, &made);
	return S3_OK;
}

static enum s3_error
complete(struct completion *c)
{
	struct store_object expected = { .key = c->req->key,
					 .size = c->out->size };
	struct store_object made = { 0 };
	struct journal_intent intent;
	enum s3_error err;

	memcpy(expected.etag, c->etag, sizeof(expected.etag));
	err = s3_cond_ask(c->s, c->req->bucket, c->req->key, &c->req->cond);
	if (err != S3_OK)
		return err;
	err =
	    s3_intend(c->s, c->req->bucket, &expected, &c->req->note, &intent);
	if (err != S3_OK)
		return err;
	err = send(c, &made);
	/* A moment ago it was there: an earlier try did it, unheard. */
	if (err == S3_ERR_NO_SUCH_UPLOAD && c->etag[0] &&
	    find_made(c, "", &made))
		err = S3_OK;
	else if (err == S3_OK && !find_made(c, made.version_id, &made)) {
		made.size = c->out->size;
		made.mtime_us = time_now_us();
	}
	err = s3_told_settle(c->s, c->req->upload_id, &intent, err, &made);
	if (err == S3_OK)
		give(c, &made);
	return err;
}

enum s3_error
s3_upload_complete(struct store *s, const struct store_complete_req *req,
		   struct store_complete_result *out)
{
	struct completion c = { .s = s3_of(s), .req = req, .out = out };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	arena_init(&c.arena, 16u << 20);
	c.page = arena_alloc(&c.arena, sizeof(*c.page));
	expect_etag(&c);
	xml_prolog(&c.xml);
	xml_open_ns(&c.xml, "CompleteMultipartUpload", XML_NS_S3);
	if (c.page)
		err = check_parts(&c);
	xml_close(&c.xml, "CompleteMultipartUpload");
	if (err == S3_OK)
		err = complete(&c);
	else if (err == S3_ERR_NO_SUCH_UPLOAD)
		err = repeated(&c);
	if (err == S3_OK || err == S3_ERR_NO_SUCH_UPLOAD)
		s3_begun_forget(c.s->begun,
				&(struct s3_upload_ref){ req->bucket, req->key,
							 req->upload_id });
	buf_release(&c.xml);
	arena_release(&c.arena);
	return err;
}
