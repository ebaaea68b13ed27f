/*
 * Who sent this request. The order of the checks is AWS's: form, time, key,
 * unsigned headers, signature. Nothing is written to the identity before the
 * signature is right.
 */
#include "auth/sigv4.h"
#include "base/encode.h"

struct check {
	const struct auth_request *req;
	const struct auth_policy *policy;
	struct arena *a;
	struct s3_detail *detail;
	struct sigv4_query query;
	struct sigv4_claim claim;
	struct slice scope; /* its text */
	uint8_t key[SHA256_BYTES];
	char signature[SHA256_HEX_MAX]; /* what we computed */
};

/* ---- time --------------------------------------------------------------- */

/* 2013-05-24T00:00:00Z: errors carry no fraction. */
static struct slice
iso_seconds(struct arena *a, int64_t us)
{
	char text[TIME_TEXT_MAX];

	time_format_iso(us - us % US_PER_S, text);
	return arena_printf(a, "%.19sZ", text);
}

static enum s3_error
check_skew(struct check *c)
{
	int64_t off = c->policy->now_us - c->claim.time_us;

	if (off <= AUTH_SKEW_US && off >= -AUTH_SKEW_US)
		return S3_OK;
	/* The answer is written when the claim is gone. */
	s3_detail_add(c->detail, "RequestTime",
		      arena_copy(c->a, slice_str(c->claim.amz_date)));
	s3_detail_add(c->detail, "ServerTime",
		      iso_seconds(c->a, c->policy->now_us));
	s3_detail_add(c->detail, "MaxAllowedSkewMilliseconds", SLICE("900000"));
	return S3_ERR_REQUEST_TIME_TOO_SKEWED;
}

static enum s3_error
check_lifetime(struct check *c)
{
	int64_t now = c->policy->now_us, start = c->claim.time_us;
	int64_t end = start + c->claim.expires_s * US_PER_S;
	struct s3_detail *d = c->detail;

	if (start - now > AUTH_SKEW_US) {
		d->message = "Request is not yet valid";
		s3_detail_add(
		    d, "X-Amz-Date",
		    arena_printf(c->a, "%lld", (long long)(start / 1000)));
	} else if (now >= end) {
		d->message = "Request has expired";
		s3_detail_add(d, "X-Amz-Expires",
			      arena_printf(c->a, "%u", c->claim.expires_s));
	} else {
		return S3_OK;
	}
	s3_detail_add(d, "Expires", iso_seconds(c->a, end));
	s3_detail_add(d, "ServerTime", iso_seconds(c->a, now));
	return S3_ERR_ACCESS_DENIED;
}

/* ---- headers ------------------------------------------------------------ */

static bool
is_signed(const struct check *c, struct slice header_name)
{
	struct slice names = c->claim.signed_headers, name;

	while (slice_cut(&names, ';', &name))
		if (slice_ieq(name, header_name))
			return true;
	return false;
}

/* A header hoisted into the presigned query may be sent with that value. */
static bool
is_hoisted(const struct check *c, const struct auth_header *h)
{
	if (c->claim.kind != AUTH_PRESIGNED)
		return false;
	for (size_t i = 0; i < c->query.n; i++)
		if (slice_ieq(c->query.params[i].name, h->name) &&
		    slice_eq(c->query.params[i].value, slice_trim(h->value)))
			return true;
	return false;
}

static bool
must_be_signed(const struct check *c, const struct auth_header *h)
{
	if (slice_ieq_str(h->name, "host"))
		return true;
	return slice_ieq(slice_head(h->name, 6), SLICE("x-amz-")) &&
	       !slice_ieq_str(h->name, "x-amz-content-sha256") &&
	       !is_hoisted(c, h);
}

static enum s3_error
check_signed_headers(struct check *c)
{
	struct slice missing = SLICE_EMPTY;

	if (!is_signed(c, SLICE("host")) && !sigv4_header_find(c->req, "host"))
		missing = SLICE("host");
	for (size_t i = 0; i < c->req->n_headers; i++) {
		const struct auth_header *h = &c->req->headers[i];

		if (!must_be_signed(c, h) || is_signed(c, h->name))
			continue;
		missing =
		    arena_printf(c->a, "%.*s%s%.*s", SLICE_ARG(missing),
				 missing.n ? ", " : "", SLICE_ARG(h->name));
	}
	if (missing.n == 0)
		return S3_OK;
	c->detail->message =
	    "There were headers present in the request which were not signed";
	s3_detail_add(c->detail, "HeadersNotSigned", missing);
	return S3_ERR_ACCESS_DENIED;
}

/* Keys here are permanent: a token that nobody issued is never valid. */
static enum s3_error
check_no_session_token(struct check *c)
{
	if (!sigv4_header_find(c->req, "x-amz-security-token") &&
	    !sigv4_query_find(&c->query, "X-Amz-Security-Token"))
		return S3_OK;
	return S3_ERR_INVALID_TOKEN;
}

/* ---- signature ---------------------------------------------------------- */

/* The signature over the request as if sent to @host ("": as it was). */
static int
compute(struct check *c, struct slice host, struct slice *canonical,
	struct slice *string_to_sign)
{
	struct sigv4_form form = { .req = c->req,
				   .query = &c->query,
				   .signed_headers = c->claim.signed_headers,
				   .payload_hash = c->claim.payload_hash,
				   .host = host };

	if (sigv4_canonical_request(&form, c->a, canonical) != 0)
		return -1;
	*string_to_sign = sigv4_string_to_sign(slice_str(c->claim.amz_date),
					       c->scope, *canonical, c->a);
	sigv4_signature(c->key, *string_to_sign, c->signature);
	return c->a->err ? -1 : 0;
}

static bool
matches(const struct check *c)
{
	uint8_t sent[SHA256_BYTES], ours[SHA256_BYTES];

	return hex_decode(c->claim.signature, sent, sizeof(sent)) == 0 &&
	       hex_decode(slice_str(c->signature), ours, sizeof(ours)) == 0 &&
	       bytes_equal(sent, ours, sizeof(ours));
}

static enum s3_error
mismatch(struct check *c, struct slice canonical, struct slice string_to_sign)
{
	struct s3_detail *d = c->detail;

	s3_detail_add(d, "AWSAccessKeyId", c->claim.access_key);
	s3_detail_add(d, "StringToSign", string_to_sign);
	s3_detail_add(d, "SignatureProvided", c->claim.signature);
	s3_detail_add(d, "StringToSignBytes",
		      sigv4_spaced_hex(c->a, string_to_sign));
	s3_detail_add(d, "CanonicalRequest", canonical);
	s3_detail_add(d, "CanonicalRequestBytes",
		      sigv4_spaced_hex(c->a, canonical));
	return S3_ERR_SIGNATURE_DOES_NOT_MATCH;
}

/* As sent first, then under each public name of this server. */
static enum s3_error
check_signature(struct check *c)
{
	const struct auth_policy *p = c->policy;
	struct slice canonical, string_to_sign, ignored[2];

	if (compute(c, SLICE_EMPTY, &canonical, &string_to_sign) != 0)
		return c->a->err ? S3_ERR_SERVICE_UNAVAILABLE
				 : S3_ERR_INVALID_URI;
	if (matches(c))
		return S3_OK;
	for (size_t i = 0; p->public_hosts && p->public_hosts[i]; i++) {
		struct slice host = slice_str(p->public_hosts[i]);

		if (p->host_bucket.n)
			host = arena_printf(c->a, "%.*s.%s",
					    SLICE_ARG(p->host_bucket),
					    p->public_hosts[i]);
		if (compute(c, host, &ignored[0], &ignored[1]) != 0)
			return S3_ERR_SERVICE_UNAVAILABLE;
		if (matches(c))
			return S3_OK;
	}
	return mismatch(c, canonical, string_to_sign);
}

/* An unknown key costs the same HMACs as one that is not in the cache. */
static enum s3_error
check_key(struct check *c, const struct auth_keys *keys, struct auth_key *key)
{
	c->scope = sigv4_scope_text(&c->claim.scope, c->a);
	if (keys->lookup(keys->ctx, c->claim.access_key, key) == 0) {
		sigv4_signing_key(c->claim.access_key, slice_str(key->secret),
				  &c->claim.scope, c->key);
		return S3_OK;
	}
	sigv4_derive_key(SLICE("0000000000000000000000000000000000000000"),
			 &c->claim.scope, c->key);
	if (check_signature(c) == S3_ERR_SERVICE_UNAVAILABLE)
		return S3_ERR_SERVICE_UNAVAILABLE;
	*c->detail = (struct s3_detail){ 0 };
	s3_detail_add(c->detail, "AWSAccessKeyId", c->claim.access_key);
	return S3_ERR_INVALID_ACCESS_KEY_ID;
}

/* A text that was measured before: it fits. */
static void
copy_text(char *out, size_t size, struct slice text)
{
	text = slice_head(text, size - 1);
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
}

static void
fill_identity(const struct check *c, const struct auth_key *key,
	      struct auth_identity *out)
{
	const struct sigv4_claim *claim = &c->claim;

	*out = (struct auth_identity){ .kind = claim->kind,
				       .payload = claim->payload };
	memcpy(out->payload_sha256, claim->payload_sha256, SHA256_BYTES);
	if (claim->kind == AUTH_ANONYMOUS)
		return;
	copy_text(out->access_key, sizeof(out->access_key), claim->access_key);
	memcpy(out->account_id, key->account_id, sizeof(out->account_id));
	memcpy(out->display_name, key->display_name, sizeof(out->display_name));
	memcpy(out->signing_key, c->key, SHA256_BYTES);
	memcpy(out->seed_signature, c->signature, SHA256_HEX_MAX);
	copy_text(out->amz_date, sizeof(out->amz_date),
		  slice_str(claim->amz_date));
	copy_text(out->scope, sizeof(out->scope), c->scope);
}

static enum s3_error
verify(struct check *c, const struct auth_keys *keys, struct auth_identity *out)
{
	struct auth_key key = { 0 };
	enum s3_error err;

	if (sigv4_query_parse(c->req->raw_query, c->a, &c->query) != 0)
		return c->a->err ? S3_ERR_SERVICE_UNAVAILABLE
				 : S3_ERR_INVALID_URI;
	err = sigv4_parse(c->req, &c->query, c->policy->service, c->a,
			  &c->claim, c->detail);
	if (err == S3_OK && c->claim.kind != AUTH_ANONYMOUS) {
		err = check_no_session_token(c);
		if (err == S3_OK)
			err = sigv4_check_region(&c->claim, c->policy->region,
						 c->a, c->detail);
		if (err == S3_OK)
			err = c->claim.kind == AUTH_HEADER ? check_skew(c)
							   : check_lifetime(c);
		if (err == S3_OK)
			err = check_key(c, keys, &key);
		if (err == S3_OK)
			err = check_signed_headers(c);
		if (err == S3_OK)
			err = check_signature(c);
	}
	if (c->a->err) { /* whatever was found, it could not be told */
		*c->detail = (struct s3_detail){ 0 };
		err = S3_ERR_SERVICE_UNAVAILABLE;
	}
	if (err == S3_OK)
		fill_identity(c, &key, out);
	secret_wipe(&key, sizeof(key));
	return err;
}

enum s3_error
auth_verify(const struct auth_request *req, const struct auth_keys *keys,
	    const struct auth_policy *policy, struct arena *a,
	    struct auth_identity *out, struct s3_detail *detail)
{
	struct s3_detail unused = { 0 };
	struct check c = { .req = req,
			   .policy = policy,
			   .a = a,
			   .detail = detail ? detail : &unused };
	enum s3_error err = verify(&c, keys, out);

	secret_wipe(c.key, sizeof(c.key));
	return err;
}
