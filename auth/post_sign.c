/*
 * Signing a form as a server does for its pages: the fields, and a policy that
 * names each of them. The verifier's own functions make key and signature.
 */
#include "auth/post_policy.h"
#include "auth/sigv4.h"
#include "base/encode.h"
#include "base/json_write.h"

#define FILENAME "${filename}"

static void
add(struct auth_form_fields *out, const char *name, struct slice value)
{
	out->fields[out->n++] = (struct auth_header){ slice_str(name), value };
}

/* {"name": "value"}: the field is this and nothing else. */
static void
put_exact(struct buf *b, const char *name, struct slice value)
{
	json_open_object(b, NULL);
	json_put_slice(b, name, value);
	json_close_object(b);
}

/* A key that ends in the file's name may end in any. */
static void
put_key(struct buf *b, struct slice key)
{
	if (!slice_ends(key, SLICE(FILENAME))) {
		put_exact(b, "key", key);
		return;
	}
	json_open_array(b, NULL);
	json_put_str(b, NULL, "starts-with");
	json_put_str(b, NULL, "$key");
	json_put_slice(b, NULL, slice_head(key, key.n - strlen(FILENAME)));
	json_close_array(b);
}

static struct slice
policy_document(const struct auth_form_grant *grant,
		const struct auth_form_fields *form, int64_t expires_us,
		struct arena *a)
{
	struct buf json = BUF_INIT, text = BUF_INIT;
	char expiration[TIME_TEXT_MAX];

	time_format_iso(expires_us, expiration);
	json_open_object(&json, NULL);
	json_put_str(&json, "expiration", expiration);
	json_open_array(&json, "conditions");
	put_exact(&json, "bucket", grant->bucket);
	put_key(&json, grant->key);
	for (size_t i = 1; i < form->n; i++) /* 0 is the key */
		put_exact(&json, form->fields[i].name.p, form->fields[i].value);
	if (grant->size_max) {
		json_open_array(&json, NULL);
		json_put_str(&json, NULL, "content-length-range");
		json_put_int(&json, NULL, 0);
		json_put_u64(&json, NULL, grant->size_max);
		json_close_array(&json);
	}
	json_close_array(&json);
	json_close_object(&json);
	if (buf_ok(&json))
		base64_encode(&text, json.p, json.n);
	else
		a->err = true;
	buf_release(&json);
	return arena_take_buf(a, &text);
}

int
auth_form_sign(const struct auth_form_grant *grant,
	       const struct auth_signer *signer, uint32_t expires_s,
	       int64_t now_us, struct arena *a, struct auth_form_fields *out)
{
	char amz_date[TIME_TEXT_MAX], signature[SHA256_HEX_MAX];
	uint8_t key[SHA256_BYTES];
	struct sigv4_scope scope;
	struct slice policy;

	time_format_amz(now_us, amz_date);
	if (!sigv4_signer_scope(signer, amz_date, &scope) || expires_s == 0 ||
	    expires_s > AUTH_EXPIRES_MAX)
		return -1;
	*out = (struct auth_form_fields){ 0 };
	add(out, "key", grant->key);
	if (grant->content_type.n)
		add(out, "Content-Type", grant->content_type);
	add(out, "x-amz-algorithm", SLICE(SIGV4_ALGORITHM));
	add(out, "x-amz-credential",
	    arena_printf(a, "%.*s/%.*s", SLICE_ARG(signer->access_key),
			 SLICE_ARG(sigv4_scope_text(&scope, a))));
	add(out, "x-amz-date", arena_copy(a, slice_str(amz_date)));
	policy = policy_document(grant, out, now_us + expires_s * US_PER_S, a);
	if (a->err)
		return -1;
	sigv4_signing_key(signer->access_key, signer->secret_key, &scope, key);
	sigv4_signature(key, policy, signature);
	secret_wipe(key, sizeof(key));
	add(out, "policy", policy);
	add(out, "x-amz-signature", arena_copy(a, slice_str(signature)));
	return a->err ? -1 : 0;
}
