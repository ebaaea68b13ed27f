/*
 * User tokens (RFC 7519). The algorithm is pinned: what the token's header
 * says about keys is not even read. The signature is checked before a claim
 * is parsed.
 */
#include "auth/auth.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/random.h"
#include "base/timeval.h"

#define TOKEN_MAX 8192
#define LEEWAY_S 60

/* RFC 7519 §4: a name that stands twice makes the meaning a guess. */
static bool
has_duplicates(const cJSON *obj)
{
	const cJSON *a, *b;

	cJSON_ArrayForEach(a, obj)
	{
		for (b = a->next; b; b = b->next)
			if (strcmp(a->string, b->string) == 0)
				return true;
	}
	return false;
}

/* A part of the token as a JSON object without duplicates, or NULL. */
static cJSON *
parse_part(struct slice part)
{
	struct buf text = BUF_MAX(TOKEN_MAX);
	cJSON *doc = NULL;

	if (base64url_decode(&text, part) == 0)
		doc = json_parse(buf_slice(&text));
	buf_release(&text);
	if (cJSON_IsObject(doc) && !has_duplicates(doc))
		return doc;
	cJSON_Delete(doc);
	return NULL;
}

static const char *
check_header(struct slice part)
{
	cJSON *header = parse_part(part);
	const char *alg = json_str(header, "alg");
	const char *typ = json_str(header, "typ");
	const char *why = NULL;

	if (!header)
		why = "malformed";
	else if (!alg || strcmp(alg, "HS256") != 0)
		why = "algorithm";
	else if (cJSON_HasObjectItem(header, "crit"))
		why = "critical";
	else if (cJSON_HasObjectItem(header, "typ") &&
		 (!typ || !slice_ieq_str(slice_str(typ), "JWT")))
		why = "type";
	cJSON_Delete(header);
	return why;
}

static const char *
check_signature(struct slice secret, struct slice signed_part,
		struct slice signature)
{
	struct buf sent = BUF_MAX(SHA256_BYTES);
	uint8_t mac[SHA256_BYTES];
	const char *why = NULL;

	hmac_sha256(secret.p, secret.n, signed_part.p, signed_part.n, mac);
	if (base64url_decode(&sent, signature) != 0 ||
	    !slice_equal_secret(buf_slice(&sent), slice_mem(mac, sizeof(mac))))
		why = "signature";
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
	double now = (double)now_us / US_PER_S, exp, nbf;

	if (!json_num(claims, "exp", &exp) || exp < 0 || exp > 1e15)
		return "expiry";
	if (now >= exp + LEEWAY_S)
		return "expired";
	if (cJSON_GetObjectItemCaseSensitive(claims, "nbf") &&
	    (!json_num(claims, "nbf", &nbf) || now + LEEWAY_S < nbf))
		return "early";
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
	struct slice rest = token, header, payload, signature;
	cJSON *claims;
	const char *why;

	if (conf->secret.n == 0)
		return "secret";
	if (token.n > TOKEN_MAX)
		return "size";
	if (!slice_cut(&rest, '.', &header) ||
	    !slice_cut(&rest, '.', &payload) ||
	    !slice_cut(&rest, '.', &signature) || rest.p)
		return "malformed";
	why = check_header(header);
	if (!why)
		why = check_signature(
		    conf->secret, slice_head(token, header.n + 1 + payload.n),
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
		return -1;
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
