/*
 * User tokens (RFC 7519). The header says which of our keys to try (alg, kid)
 * and nothing else: a key has one algorithm, whatever a token claims. The
 * signature is checked before a claim is parsed.
 */
#include "auth/auth.h"
#include "auth/jwks.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/random.h"
#include "base/timeval.h"

#define TOKEN_MAX 8192
#define SIGNATURE_MAX 1024 /* RSA of 8192 bits */
#define KID_MAX 256
#define LEEWAY_S 60

static const char no_keys[] = "no keys yet";

enum alg { ALG_HS256, ALG_RS256, ALG_ES256, ALG_COUNT };
static const char *const alg_names[] = { "HS256", "RS256", "ES256" };

struct header {
	enum alg alg;
	bool has_kid;
	char kid[KID_MAX];
};

/* A part of the token as a JSON object without duplicates, or NULL. */
static cJSON *
parse_part(struct slice part)
{
	struct buf text = BUF_MAX(TOKEN_MAX);
	cJSON *doc = NULL;

	if (base64url_decode(&text, part) == 0)
		doc = json_parse(buf_slice(&text));
	buf_release(&text);
	if (cJSON_IsObject(doc) && json_names_unique(doc))
		return doc;
	cJSON_Delete(doc);
	return NULL;
}

static bool
read_alg(const cJSON *header, enum alg *out)
{
	const char *alg = json_str(header, "alg");

	for (*out = 0; alg && *out < ALG_COUNT; (*out)++)
		if (strcmp(alg, alg_names[*out]) == 0)
			return true;
	return false;
}

static bool
read_kid(const cJSON *header, struct header *out)
{
	const cJSON *kid = cJSON_GetObjectItemCaseSensitive(header, "kid");

	out->has_kid = kid != NULL;
	return !kid || (cJSON_IsString(kid) &&
			snprintf(out->kid, sizeof(out->kid), "%s",
				 kid->valuestring) < (int)sizeof(out->kid));
}

/* "JWT", or "at+jwt" of RFC 9068, in any case; absent is fine. */
static bool
type_fits(const cJSON *header)
{
	struct slice typ = slice_str(json_str(header, "typ"));

	return !cJSON_HasObjectItem(header, "typ") ||
	       slice_ieq_str(typ, "JWT") || slice_ieq_str(typ, "at+jwt");
}

static const char *
read_header(struct slice part, struct header *out)
{
	cJSON *header = parse_part(part);
	const char *why = NULL;

	if (!header)
		why = "malformed";
	else if (!read_alg(header, &out->alg))
		why = "algorithm";
	else if (cJSON_HasObjectItem(header, "crit"))
		why = "critical";
	else if (!type_fits(header))
		why = "type";
	else if (!read_kid(header, out))
		why = "key";
	cJSON_Delete(header);
	return why;
}

static const char *
check_mac(struct slice secret, struct slice signed_part, struct slice sent)
{
	uint8_t mac[SHA256_BYTES];

	hmac_sha256(secret.p, secret.n, signed_part.p, signed_part.n, mac);
	return slice_equal_secret(sent, slice_mem(mac, sizeof(mac)))
		   ? NULL
		   : "signature";
}

static const char *
check_public(struct jwks *keys, const struct header *h,
	     struct slice signed_part, struct slice sent)
{
	static const char *const words[] = {
		[JWKS_GOOD] = NULL,
		[JWKS_BAD] = "signature",
		[JWKS_UNKNOWN] = "key",
		[JWKS_EMPTY] = no_keys,
	};

	return words[jwks_verify(
	    keys, h->alg == ALG_RS256 ? JWK_RS256 : JWK_ES256,
	    h->has_kid ? h->kid : NULL, signed_part, sent)];
}

static const char *
check_signature(const struct auth_jwt_conf *conf, const struct header *h,
		struct slice signed_part, struct slice signature)
{
	struct buf sent = BUF_MAX(SIGNATURE_MAX);
	const char *why;

	if (base64url_decode(&sent, signature) != 0)
		why = "signature";
	else if (h->alg == ALG_HS256)
		why = conf->secret.n > 0 ? check_mac(conf->secret, signed_part,
						     buf_slice(&sent))
					 : "algorithm";
	else
		why = conf->keys ? check_public(conf->keys, h, signed_part,
						buf_slice(&sent))
				 : "algorithm";
	buf_release(&sent);
	return why;
}

static bool
has_audience(const cJSON *claims, const char *want)
{
	const cJSON *aud = cJSON_GetObjectItemCaseSensitive(claims, "aud");
	const cJSON *item;

	if (cJSON_IsString(aud))
		return strcmp(aud->valuestring, want) == 0;
	if (!cJSON_IsArray(aud))
		return false;
	cJSON_ArrayForEach(item, aud)
	{
		if (cJSON_IsString(item) &&
		    strcmp(item->valuestring, want) == 0)
			return true;
	}
	return false;
}

/* NumericDate: any finite number, a fraction allowed. */
static const char *
check_times(const cJSON *claims, int64_t now_us, struct auth_claims *out)
{
	double now = (double)now_us / US_PER_S, exp, nbf, iat;

	if (!json_num(claims, "exp", &exp) || exp < 0 || exp > 1e15)
		return "expiry";
	if (now >= exp + LEEWAY_S)
		return "expired";
	if (cJSON_GetObjectItemCaseSensitive(claims, "nbf") &&
	    (!json_num(claims, "nbf", &nbf) || now + LEEWAY_S < nbf))
		return "early";
	if (cJSON_GetObjectItemCaseSensitive(claims, "iat") &&
	    (!json_num(claims, "iat", &iat) || now + LEEWAY_S < iat))
		return "issued";
	out->exp_s = (int64_t)exp;
	return NULL;
}

static const char *
check_claims(const struct auth_jwt_conf *conf, const cJSON *claims,
	     int64_t now_us, struct auth_claims *out)
{
	const char *why = check_times(claims, now_us, out);
	const char *iss = json_str(claims, "iss");
	const char *sub = json_str(claims, "sub");

	if (why)
		return why;
	if (conf->issuer[0] && (!iss || strcmp(iss, conf->issuer) != 0))
		return "issuer";
	if (conf->audience[0] && !has_audience(claims, conf->audience))
		return "audience";
	if (!sub || !uuid_valid(slice_str(sub)))
		return "subject";
	for (size_t i = 0; i < sizeof(out->sub); i++)
		out->sub[i] = sub[i] >= 'A' && sub[i] <= 'F'
				  ? (char)(sub[i] - 'A' + 'a')
				  : sub[i];
	return NULL;
}

static const char *
verify(const struct auth_jwt_conf *conf, struct slice token, int64_t now_us,
       struct auth_claims *out)
{
	struct slice rest = token, head, payload, signature;
	struct header header = { 0 };
	cJSON *claims;
	const char *why;

	if (conf->secret.n == 0 && !conf->keys)
		return "secret";
	if (token.n > TOKEN_MAX)
		return "size";
	if (!slice_cut(&rest, '.', &head) || !slice_cut(&rest, '.', &payload) ||
	    !slice_cut(&rest, '.', &signature) || rest.p)
		return "malformed";
	why = read_header(head, &header);
	if (!why)
		why = check_signature(conf, &header,
				      slice_head(token, head.n + 1 + payload.n),
				      signature);
	if (why)
		return why;
	claims = parse_part(payload);
	why = claims ? check_claims(conf, claims, now_us, out) : "malformed";
	cJSON_Delete(claims);
	return why;
}

int
auth_jwt_verify(const struct auth_jwt_conf *conf, struct slice token,
		int64_t now_us, struct auth_claims *out, const char **why)
{
	struct auth_claims claims = { 0 };

	*why = verify(conf, token, now_us, &claims);
	if (*why)
		return *why == no_keys ? AUTH_JWT_NO_KEYS : -1;
	*out = claims;
	return 0;
}

int
auth_jwt_sign(const struct auth_jwt_conf *conf, struct slice sub,
	      int64_t now_us, int64_t ttl_s, struct buf *out)
{
	static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	int64_t now = now_us / US_PER_S;
	struct buf claims = BUF_INIT, token = BUF_INIT;
	uint8_t mac[SHA256_BYTES];
	int rc = -1;

	if (conf->secret.n == 0 || !uuid_valid(sub))
		return -1;
	json_open_object(&claims, NULL);
	json_put_slice(&claims, "sub", sub);
	json_put_str(&claims, "role", "authenticated");
	json_put_str(&claims, "aud", "authenticated");
	if (conf->issuer[0])
		json_put_str(&claims, "iss", conf->issuer);
	json_put_int(&claims, "iat", now);
	json_put_int(&claims, "exp", now + ttl_s);
	json_close_object(&claims);
	base64url_encode(&token, header, sizeof(header) - 1);
	buf_putc(&token, '.');
	base64url_encode(&token, claims.p, claims.n);
	if (buf_ok(&claims) && buf_ok(&token)) {
		hmac_sha256(conf->secret.p, conf->secret.n, token.p, token.n,
			    mac);
		buf_put(out, buf_slice(&token));
		buf_putc(out, '.');
		base64url_encode(out, mac, sizeof(mac));
		rc = buf_ok(out) ? 0 : -1;
	}
	buf_release(&claims);
	buf_release(&token);
	return rc;
}

bool
auth_bearer_equal(struct slice authorization, struct slice expected)
{
	struct slice rest = slice_trim(authorization), scheme;

	if (expected.n == 0 || !slice_cut(&rest, ' ', &scheme) || !rest.p ||
	    !slice_ieq_str(scheme, "Bearer"))
		return false;
	return slice_equal_secret(slice_trim(rest), expected);
}
