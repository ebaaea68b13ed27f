/*
 * Signing as a client does: for presigned URLs, the s3 backend and the
 * processor's own S3 client. Same canonical form as the verifier.
 */
#include "auth/sigv4.h"
#include "base/encode.h"

#define SIGN_ARENA_MAX (1u << 20)
#define AMZ_DATE_BYTES 16 /* 20130524T000000Z */

bool
sigv4_signer_scope(const struct auth_signer *signer, const char *date,
		   struct sigv4_scope *out)
{
	*out = (struct sigv4_scope){ .date = slice_mem(date, 8),
				     .region = signer->region,
				     .service = slice_str(signer->service) };
	return signer->access_key.n && signer->secret_key.n &&
	       signer->secret_key.n < sizeof(((struct auth_key *)0)->secret);
}

/* Where the signatures of a chunked body begin: the request's own, and what
 * it was made with. */
static int
sign_form(const struct sigv4_form *form, const struct auth_signer *signer,
	  const struct sigv4_scope *scope, const char *amz_date,
	  struct arena *a, struct signer_chain *out)
{
	struct slice canonical, text, name = sigv4_scope_text(scope, a);

	if (sigv4_canonical_request(form, a, &canonical) != 0)
		return -1;
	text = sigv4_string_to_sign(slice_str(amz_date), name, canonical, a);
	if (a->err || name.n >= sizeof(out->scope))
		return -1;
	sigv4_signing_key(signer->access_key, signer->secret_key, scope,
			  out->key);
	sigv4_signature(out->key, text, out->previous);
	snprintf(out->amz_date, sizeof(out->amz_date), "%.16s", amz_date);
	snprintf(out->scope, sizeof(out->scope), "%.*s", SLICE_ARG(name));
	return 0;
}

/* req with the headers that auth_sign() adds. */
static int
extend_headers(const struct auth_request *req, const struct auth_header *added,
	       size_t n_added, struct arena *a, struct auth_request *out)
{
	struct auth_header *h =
	    arena_array(a, req->n_headers + n_added, sizeof(*h));

	if (!h)
		return -1;
	if (req->n_headers)
		memcpy(h, req->headers, req->n_headers * sizeof(*h));
	memcpy(h + req->n_headers, added, n_added * sizeof(*h));
	*out = *req;
	out->headers = h;
	out->n_headers = req->n_headers + n_added;
	return 0;
}

static int
sign(const struct auth_request *req, const struct auth_signer *signer,
     struct slice payload_hash, int64_t now_us, struct arena *a,
     struct signer_chain *chain, struct buf *out)
{
	char amz_date[TIME_TEXT_MAX];
	struct auth_request all;
	struct sigv4_query query;
	struct sigv4_scope scope;
	struct sigv4_form form = { .req = &all,
				   .query = &query,
				   .payload_hash = payload_hash };
	const struct auth_header added[] = {
		{ SLICE("x-amz-date"), slice_mem(amz_date, AMZ_DATE_BYTES) },
		{ SLICE("x-amz-content-sha256"), payload_hash },
		{ SLICE("x-amz-security-token"), signer->session_token },
	};
	size_t n_added = ARRAY_LEN(added) - (signer->session_token.n == 0);

	time_format_amz(now_us, amz_date);
	if (!sigv4_signer_scope(signer, amz_date, &scope) ||
	    extend_headers(req, added, n_added, a, &all) != 0 ||
	    sigv4_query_parse(req->raw_query, a, &query) != 0)
		return -1;
	form.signed_headers = sigv4_header_names(&all, a);
	if (sign_form(&form, signer, &scope, amz_date, a, chain) != 0)
		return -1;
	buf_printf(out,
		   "Authorization: " SIGV4_ALGORITHM
		   " Credential=%.*s/%s, SignedHeaders=%.*s, Signature=%s\r\n",
		   SLICE_ARG(signer->access_key), chain->scope,
		   SLICE_ARG(form.signed_headers), chain->previous);
	for (size_t i = 0; i < n_added; i++)
		buf_printf(out, "%.*s: %.*s\r\n", SLICE_ARG(added[i].name),
			   SLICE_ARG(added[i].value));
	return a->err || !buf_ok(out) ? -1 : 0;
}

int
auth_sign(const struct auth_request *req, const struct auth_signer *signer,
	  struct slice payload_hash, int64_t now_us, struct buf *out)
{
	struct signer_chain chain;
	struct arena a;
	int rc;

	arena_init(&a, SIGN_ARENA_MAX);
	rc = sign(req, signer, payload_hash, now_us, &a, &chain, out);
	arena_release(&a);
	secret_wipe(&chain, sizeof(chain));
	return rc;
}

/* ---- as the sender's contract has it ------------------------------------ */

/* "Name: value\r\n" lines. */
static int
split_headers(struct slice lines, struct arena *a, struct auth_request *req)
{
	struct slice line;
	struct auth_header *h;
	ptrdiff_t colon;
	size_t n = 0;

	for (size_t i = 0; i < lines.n; i++)
		n += lines.p[i] == '\n';
	h = arena_array(a, n + 1, sizeof(*h));
	req->headers = h;
	while (h && lines.n && slice_cut(&lines, '\n', &line)) {
		colon = slice_chr(line, ':');
		if (colon < 0)
			return -1;
		if (line.p[line.n - 1] == '\r')
			line.n--;
		h[req->n_headers].name = slice_head(line, (size_t)colon);
		h[req->n_headers++].value =
		    slice_trim(slice_from(line, (size_t)colon + 1));
	}
	return h ? 0 : -1;
}

static int
sign_for_sender(const void *ctx, const struct signer_request *r,
		struct signer_chain *chain, struct buf *out)
{
	struct auth_signer signer = *(const struct auth_signer *)ctx;
	struct auth_request req = { .method = slice_str(r->method),
				    .raw_path = r->path,
				    .raw_query = r->query };
	struct signer_chain seed;
	struct arena a;
	int rc;

	if (r->region.n)
		signer.region = r->region;
	arena_init(&a, SIGN_ARENA_MAX);
	rc = split_headers(r->headers, &a, &req);
	if (rc == 0)
		rc = sign(&req, &signer, r->payload_hash, r->now_us, &a, &seed,
			  out);
	if (rc == 0 && chain)
		*chain = seed;
	arena_release(&a);
	secret_wipe(&seed, sizeof(seed));
	return rc;
}

struct signer
auth_signer_as(const struct auth_signer *signer)
{
	return (struct signer){ sign_for_sender, sigv4_sign_chunk,
				sigv4_sign_trailer, signer };
}

/* req's own parameters and those of the signature, encoded. */
static struct slice
presigned_query(struct slice raw_query, struct slice credential,
		const char *amz_date, uint32_t expires_s, struct slice names,
		struct slice session_token, struct arena *a)
{
	struct buf b = BUF_INIT;

	buf_put(&b, raw_query);
	buf_puts(&b, raw_query.n ? "&" : "");
	buf_puts(&b, "X-Amz-Algorithm=" SIGV4_ALGORITHM "&X-Amz-Credential=");
	uri_encode(&b, credential, false);
	buf_printf(&b, "&X-Amz-Date=%s&X-Amz-Expires=%u&X-Amz-SignedHeaders=",
		   amz_date, expires_s);
	uri_encode(&b, names, false);
	buf_puts(&b, session_token.n ? "&X-Amz-Security-Token=" : "");
	uri_encode(&b, session_token, false);
	return arena_take_buf(a, &b);
}

static int
presign(const struct auth_request *req, const struct auth_signer *signer,
	uint32_t expires_s, int64_t now_us, struct arena *a, struct buf *out)
{
	char amz_date[TIME_TEXT_MAX];
	struct signer_chain chain;
	struct sigv4_query query;
	struct sigv4_scope scope;
	struct sigv4_form form = { .req = req,
				   .query = &query,
				   .payload_hash =
				       SLICE(SIGV4_UNSIGNED_PAYLOAD) };
	struct slice credential, raw;

	time_format_amz(now_us, amz_date);
	if (!sigv4_signer_scope(signer, amz_date, &scope) || expires_s == 0 ||
	    expires_s > AUTH_EXPIRES_MAX)
		return -1;
	form.signed_headers = sigv4_header_names(req, a);
	credential = arena_printf(a, "%.*s/%.*s", SLICE_ARG(signer->access_key),
				  SLICE_ARG(sigv4_scope_text(&scope, a)));
	raw = presigned_query(req->raw_query, credential, amz_date, expires_s,
			      form.signed_headers, signer->session_token, a);
	if (a->err || sigv4_query_parse(raw, a, &query) != 0 ||
	    sign_form(&form, signer, &scope, amz_date, a, &chain) != 0)
		return -1;
	sigv4_query_put(out, &query);
	buf_printf(out, "&X-Amz-Signature=%s", chain.previous);
	secret_wipe(&chain, sizeof(chain));
	return buf_ok(out) ? 0 : -1;
}

int
auth_presign(const struct auth_request *req, const struct auth_signer *signer,
	     uint32_t expires_s, int64_t now_us, struct buf *out)
{
	struct arena a;
	int rc;

	arena_init(&a, SIGN_ARENA_MAX);
	rc = presign(req, signer, expires_s, now_us, &a, out);
	arena_release(&a);
	return rc;
}

int
auth_presign_url(const struct auth_url *url, const struct auth_signer *signer,
		 uint32_t expires_s, int64_t now_us, struct buf *out)
{
	struct auth_header headers[AUTH_URL_HEADERS_MAX + 1];
	struct auth_request req = { .method = slice_str(url->method),
				    .raw_query = url->query,
				    .headers = headers };
	ptrdiff_t scheme = slice_find(url->base, SLICE("://"));
	struct buf path = BUF_INIT;
	int rc = -1;

	buf_printf(&path, "/%s%s", url->bucket ? url->bucket : "",
		   url->bucket ? "/" : "");
	uri_encode(&path, slice_str(url->key), true);
	if (scheme < 0 || url->n_headers > AUTH_URL_HEADERS_MAX ||
	    !buf_ok(&path))
		goto out;
	req.raw_path = buf_slice(&path);
	headers[req.n_headers++] =
	    (struct auth_header){ SLICE("host"),
				  slice_from(url->base, (size_t)scheme + 3) };
	for (size_t i = 0; i < url->n_headers; i++)
		headers[req.n_headers++] = url->headers[i];
	buf_put(out, url->base);
	buf_put(out, buf_slice(&path));
	buf_putc(out, '?');
	rc = auth_presign(&req, signer, expires_s, now_us, out);
out:
	buf_release(&path);
	return rc;
}
