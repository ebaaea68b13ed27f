/*
 * Who sent a form. The fields take the place of the presigned query, and the
 * base64 policy that of the string to sign.
 */
#include "auth/post_form.h"
#include "auth/sigv4.h"
#include "base/encode.h"

#define V4_ONLY                                             \
	"The authorization mechanism you have provided is " \
	"not supported. Please use AWS4-HMAC-SHA256."

/* As AWS spells them when one is missing. */
enum { POLICY, ALGORITHM, CREDENTIAL, DATE, SIGNATURE, N_NEEDED };
static const char *const needed[N_NEEDED] = {
	"policy",     "X-Amz-Algorithm", "X-Amz-Credential",
	"X-Amz-Date", "X-Amz-Signature",
};

const struct auth_header *
form_field_find(const struct auth_form *form, struct slice name)
{
	for (size_t i = 0; i < form->n; i++)
		if (slice_ieq(form->fields[i].name, name))
			return &form->fields[i];
	return NULL;
}

static bool
has_field(const struct auth_form *form, const char *name)
{
	return form_field_find(form, slice_str(name)) != NULL;
}

static enum s3_error
missing_field(const char *name, struct arena *a, struct s3_detail *detail)
{
	struct slice text =
	    arena_printf(a,
			 "Bucket POST must contain a field named '%s'.  If it "
			 "is specified, please check the order of the fields.",
			 name);

	return sigv4_fail_argument(detail, text.p, name, SLICE_EMPTY);
}

/* All of them into @values, or *anonymous when there is none. */
static enum s3_error
find_fields(const struct auth_form *form, struct arena *a,
	    struct slice values[N_NEEDED], bool *anonymous,
	    struct s3_detail *detail)
{
	const struct auth_header *field;
	size_t found = 0, absent = N_NEEDED;
	bool v2 =
	    has_field(form, "AWSAccessKeyId") || has_field(form, "signature");

	for (size_t i = 0; i < N_NEEDED; i++) {
		field = form_field_find(form, slice_str(needed[i]));
		values[i] = field ? field->value : SLICE_EMPTY;
		if (field)
			found++;
		else if (absent == N_NEEDED)
			absent = i;
	}
	*anonymous = found == 0 && !v2;
	if (*anonymous || absent == N_NEEDED)
		return S3_OK;
	if (v2)
		return sigv4_fail(detail, S3_ERR_INVALID_REQUEST, V4_ONLY);
	return missing_field(needed[absent], a, detail);
}

static enum s3_error
parse_claim(const struct slice values[N_NEEDED], const char *service,
	    struct arena *a, struct sigv4_claim *out, struct s3_detail *detail)
{
	*out = (struct sigv4_claim){ .kind = AUTH_FORM,
				     .signature = values[SIGNATURE] };
	if (!slice_eq_str(values[ALGORITHM], SIGV4_ALGORITHM))
		return sigv4_fail(detail, S3_ERR_INVALID_REQUEST, V4_ONLY);
	if (time_parse_amz(values[DATE], &out->time_us) != 0)
		return sigv4_fail(detail,
				  S3_ERR_AUTHORIZATION_QUERY_PARAMETERS_ERROR,
				  "X-Amz-Date must be in the ISO8601 Long "
				  "Format \"yyyyMMdd'T'HHmmss'Z'\"");
	time_format_amz(out->time_us, out->amz_date);
	return sigv4_parse_credential(values[CREDENTIAL], &sigv4_in_query,
				      service, a, out, detail);
}

static bool
matches(struct slice sent, const char ours[SHA256_HEX_MAX])
{
	uint8_t a[SHA256_BYTES], b[SHA256_BYTES];

	return hex_decode(sent, a, sizeof(a)) == 0 &&
	       hex_decode(slice_str(ours), b, sizeof(b)) == 0 &&
	       bytes_equal(a, b, sizeof(a));
}

static enum s3_error
check_signature(const struct sigv4_claim *claim, struct slice policy,
		const struct auth_keys *keys, struct arena *a,
		struct auth_key *key, struct s3_detail *detail)
{
	bool known = keys->lookup(keys->ctx, claim->access_key, key) == 0;
	uint8_t signing_key[SHA256_BYTES];
	char ours[SHA256_HEX_MAX];

	if (known)
		sigv4_signing_key(claim->access_key, slice_str(key->secret),
				  &claim->scope, signing_key);
	else
		sigv4_derive_key(SLICE("0000000000000000000000000000000000000"
				       "000"),
				 &claim->scope, signing_key);
	sigv4_signature(signing_key, policy, ours);
	secret_wipe(signing_key, sizeof(signing_key));
	if (known && matches(claim->signature, ours))
		return S3_OK;
	s3_detail_add(detail, "AWSAccessKeyId", claim->access_key);
	if (!known)
		return S3_ERR_INVALID_ACCESS_KEY_ID;
	s3_detail_add(detail, "StringToSign", policy);
	s3_detail_add(detail, "SignatureProvided", claim->signature);
	s3_detail_add(detail, "StringToSignBytes", sigv4_spaced_hex(a, policy));
	return S3_ERR_SIGNATURE_DOES_NOT_MATCH;
}

static void
fill_identity(const struct sigv4_claim *claim, const struct auth_key *key,
	      struct auth_identity *out)
{
	*out = (struct auth_identity){ .kind = AUTH_FORM };
	snprintf(out->access_key, sizeof(out->access_key), "%.*s",
		 SLICE_ARG(claim->access_key));
	memcpy(out->account_id, key->account_id, sizeof(out->account_id));
	memcpy(out->display_name, key->display_name, sizeof(out->display_name));
}

enum s3_error
auth_form_verify(const struct auth_form *form, const struct auth_keys *keys,
		 const struct auth_policy *policy, struct arena *a,
		 struct auth_identity *out, struct auth_form_range *range,
		 struct s3_detail *detail)
{
	struct slice values[N_NEEDED];
	struct sigv4_claim claim;
	struct auth_key key = { 0 };
	bool anonymous;
	enum s3_error err = find_fields(form, a, values, &anonymous, detail);

	*range = (struct auth_form_range){ 0, UINT64_MAX };
	if (err == S3_OK && anonymous) {
		*out = (struct auth_identity){ .kind = AUTH_ANONYMOUS };
		return S3_OK;
	}
	if (err == S3_OK && has_field(form, "x-amz-security-token"))
		err = S3_ERR_INVALID_TOKEN;
	if (err == S3_OK)
		err = parse_claim(values, policy->service, a, &claim, detail);
	if (err == S3_OK)
		err = sigv4_check_region(&claim, policy->region, a, detail);
	if (err == S3_OK)
		err = check_signature(&claim, values[POLICY], keys, a, &key,
				      detail);
	if (err == S3_OK)
		err = form_policy_check(form, values[POLICY], policy->now_us, a,
					range, detail);
	if (a->err) { /* whatever was found, it could not be told */
		*detail = (struct s3_detail){ 0 };
		err = S3_ERR_SERVICE_UNAVAILABLE;
	}
	if (err == S3_OK)
		fill_identity(&claim, &key, out);
	secret_wipe(&key, sizeof(key));
	return err;
}
