/*
 * CORS: what S3 answers to a preflight, and adds to an actual answer. The
 * first rule that matches decides both. "*" is answered as "*" without
 * credentials, every other origin by its name with them.
 */
#include "gateway/s3/cors.h"
#include "gateway/s3/cors_rules.h"

#define REQUEST_METHOD "Access-Control-Request-Method"
#define REQUEST_HEADERS "Access-Control-Request-Headers"

/* The bucket's rules; NULL: none. */
static enum s3_error
load_rules(struct s3_request *rq, struct cors_rule **out)
{
	struct arena *a = &rq->http->arena;
	struct slice doc;
	const char *why;
	enum s3_error err = store_config_get(rq->world->store, rq->bucket,
					     STORE_CONFIG_CORS, a, &doc);

	*out = NULL;
	if (err != S3_OK || doc.n == 0)
		return err;
	return cors_rules_read(doc, a, out, &why);
}

static void
set_list(struct s3_request *rq, const char *name, const struct cors_value *v)
{
	struct buf b = BUF_INIT;

	if (!v)
		return;
	for (; v; v = v->next) {
		if (b.n)
			buf_puts(&b, ", ");
		buf_put(&b, v->text);
	}
	http_set_header(rq->http, name, buf_slice(&b));
	buf_release(&b);
}

/* Those asked for, in lower case. */
static void
set_allowed_headers(struct s3_request *rq, struct slice headers)
{
	struct buf b = BUF_INIT;
	struct slice item;

	while (slice_cut(&headers, ',', &item)) {
		item = slice_trim(item);
		if (item.n == 0)
			continue;
		if (b.n)
			buf_puts(&b, ", ");
		buf_put(&b, s3_lower(rq, item));
	}
	if (b.n)
		http_set_header(rq->http, "Access-Control-Allow-Headers",
				buf_slice(&b));
	buf_release(&b);
}

static void
set_rule(struct s3_request *rq, const struct cors_rule *r, struct slice origin,
	 struct slice headers)
{
	struct http_request *http = rq->http;
	bool open = cors_rule_is_open(r);

	http_set_header(http, "Access-Control-Allow-Origin",
			open ? SLICE("*") : origin);
	set_list(rq, "Access-Control-Allow-Methods", r->methods);
	set_allowed_headers(rq, headers);
	set_list(rq, "Access-Control-Expose-Headers", r->expose);
	if (r->max_age_s >= 0)
		http_set_headerf(http, "Access-Control-Max-Age", "%lld",
				 (long long)r->max_age_s);
	if (!open)
		http_set_header(http, "Access-Control-Allow-Credentials",
				SLICE("true"));
	http_set_header(http, "Vary",
			SLICE("Origin, " REQUEST_HEADERS ", " REQUEST_METHOD));
}

static void
refuse(struct s3_request *rq, const char *message, struct slice method,
       const char *resource)
{
	rq->detail.message = message;
	s3_detail_add(&rq->detail, "Method",
		      method.n ? method : SLICE("OPTIONS"));
	s3_detail_add(&rq->detail, "ResourceType", slice_str(resource));
	s3_answer_error(rq, S3_ERR_ACCESS_FORBIDDEN);
}

static bool
is_cors_method(struct slice method)
{
	static const char *const methods[] = { "GET", "PUT", "POST", "DELETE",
					       "HEAD" };

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (slice_eq_str(method, methods[i]))
			return true;
	return false;
}

void
cors_preflight(struct s3_request *rq)
{
	struct http_request *http = rq->http;
	struct slice origin = http_header_get(http, "Origin");
	struct slice method = http_header_get(http, REQUEST_METHOD);
	struct slice headers = http_header_get(http, REQUEST_HEADERS);
	const struct cors_rule *r;
	struct cors_rule *rules;
	enum s3_error err;

	if (!origin.n) {
		rq->detail.message = "Insufficient information. Origin request "
				     "header needed.";
		s3_answer_error(rq, S3_ERR_BAD_REQUEST);
		return;
	}
	err = load_rules(rq, &rules);
	if (err == S3_ERR_NO_SUCH_BUCKET) {
		refuse(rq, "CORSResponse: Bucket not found", method, "BUCKET");
		return;
	}
	if (err != S3_OK) {
		s3_answer_error(rq, err);
		return;
	}
	if (!rules) {
		refuse(rq, "CORSResponse: CORS is not enabled for this bucket.",
		       method, "BUCKET");
		return;
	}
	if (!is_cors_method(method)) {
		err = s3_failf(rq, S3_ERR_BAD_REQUEST,
			       "Invalid " REQUEST_METHOD ": %.*s",
			       SLICE_ARG(method.n ? method : SLICE("null")));
		s3_answer_error(rq, err);
		return;
	}
	r = cors_rules_find(rules, origin, method, headers);
	if (!r) {
		refuse(rq, NULL, method, rq->key.n ? "OBJECT" : "BUCKET");
		return;
	}
	set_rule(rq, r, origin, headers);
	http_answer(http, 200, SLICE_EMPTY);
}

/*
 * An answer that another origin would have got otherwise must not be taken
 * for it by a cache, whether or not it carries the headers.
 */
void
cors_set_headers(struct s3_request *rq)
{
	struct slice origin = http_header_get(rq->http, "Origin");
	struct slice method = http_header_get(rq->http, REQUEST_METHOD);
	struct slice headers = http_header_get(rq->http, REQUEST_HEADERS);
	const struct cors_rule *r = NULL;
	struct cors_rule *rules;

	if (origin.n && rq->bucket.n && load_rules(rq, &rules) == S3_OK)
		r = cors_rules_find(rules, origin,
				    method.n ? method : rq->http->method,
				    headers);
	if (r)
		set_rule(rq, r, origin, headers);
	else
		http_set_header(rq->http, "Vary", SLICE("Origin"));
}
