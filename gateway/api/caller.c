/*
 * Who calls: a user by a token, an operator by one of the configured ones.
 */
#include "gateway/api/call.h"
#include "base/encode.h"
#include "base/timeval.h"

#define TOKEN_COOKIE "reelgate-token"

/* The value of a cookie (RFC 6265 §5.4), empty when absent. */
static struct slice
cookie(const struct http_request *req, const char *name)
{
	struct slice rest = http_header_get(req, "Cookie"), pair, value;

	while (slice_cut(&rest, ';', &pair)) {
		value = slice_trim(pair);
		if (slice_cut(&value, '=', &pair) && slice_eq_str(pair, name))
			return value.p ? value : SLICE_EMPTY;
	}
	return SLICE_EMPTY;
}

/* The token of "Bearer ..."; for reading also of a cookie: a form on another
 * site could send a cookie along, but not read the answer. */
static struct slice
user_token(const struct api_call *c)
{
	struct slice auth = http_header_get(c->http, "Authorization");
	const struct slice bearer = SLICE("Bearer ");

	if (auth.p)
		return slice_ieq(slice_head(auth, bearer.n), bearer)
			   ? slice_trim(slice_from(auth, bearer.n))
			   : SLICE_EMPTY;
	if (!strcmp(c->route->method, "GET"))
		return cookie(c->http, TOKEN_COOKIE);
	return SLICE_EMPTY;
}

static bool
identify_user(struct api_call *c)
{
	struct slice token = user_token(c);
	struct auth_claims claims;
	const char *why = "invalid";
	int rc;

	if (token.n == 0) {
		api_unauthorized(c, "Missing bearer token");
		return false;
	}
	rc = auth_jwt_verify(&c->api->jwt, token, time_now_us(), &claims, &why);
	if (rc == AUTH_JWT_NO_KEYS)
		api_unavailable(c, "The keys of tokens are not available");
	else if (rc != 0)
		api_unauthorized(
		    c, arena_printf(&c->arena, "Invalid token: %s", why).p);
	if (rc == 0) {
		snprintf(c->user, sizeof(c->user), "%s", claims.sub);
		c->token_exp_s = claims.exp_s;
	}
	return rc == 0;
}

/* @missing: what to say when no such token is configured. */
static bool
has_token(struct api_call *c, const char *token, const char *missing)
{
	if (auth_bearer_equal(http_header_get(c->http, "Authorization"),
			      slice_str(token)))
		return true;
	api_unauthorized(c, *token ? "Wrong or missing bearer token" : missing);
	return false;
}

/* The password of "Basic ..." (RFC 7617) as a bearer would send it: who can
 * only put credentials into a URL sends them so. */
static bool
basic_equal(struct slice authorization, struct slice expected)
{
	const struct slice basic = SLICE("Basic ");
	struct buf plain = BUF_MAX(1024), as = BUF_MAX(1024);
	bool equal = false;

	if (slice_ieq(slice_head(authorization, basic.n), basic) &&
	    base64_decode(
		&plain, slice_trim(slice_from(authorization, basic.n))) == 0) {
		struct slice password = buf_slice(&plain), user;

		slice_cut(&password, ':', &user);
		buf_puts(&as, "Bearer ");
		buf_put(&as, password);
		equal =
		    buf_ok(&as) && auth_bearer_equal(buf_slice(&as), expected);
	}
	if (plain.p)
		secret_wipe(plain.p, plain.n);
	if (as.p)
		secret_wipe(as.p, as.n);
	buf_release(&plain);
	buf_release(&as);
	return equal;
}

static bool
is_local(const char *ip)
{
	return !strncmp(ip, "127.", 4) || !strcmp(ip, "::1");
}

bool
api_identify(struct api_call *c)
{
	const struct conf *conf = c->api->conf.conf;

	switch (c->route->auth) {
	case API_PUBLIC:
		return true;
	case API_USER:
		return identify_user(c);
	case API_JOB_TOKEN:
		return has_token(c, conf->job_processor_token,
				 "No job token is configured");
	case API_EVENTS_TOKEN:
		return basic_equal(http_header_get(c->http, "Authorization"),
				   slice_str(conf->s3_events_token)) ||
		       has_token(c, conf->s3_events_token,
				 "No S3_EVENTS_TOKEN is configured");
	case API_WEBHOOK: /* its body is looked at when it is there */
		if (c->api->webhook_keys.n)
			return true;
		api_unauthorized(c, "No webhook secret is configured");
		return false;
	case API_METRICS:
		return (!*conf->metrics_token && is_local(c->http->peer_ip)) ||
		       has_token(c, conf->metrics_token,
				 "Without METRICS_TOKEN for this machine only");
	}
	return false;
}
