/*
 * CORS: the Fetch standard's preflight and the headers of actual answers.
 * "*" is answered as "*", never with credentials.
 */
#include "gateway/s3/cors.h"

static const char *const any[] = { "*", NULL };
static const char *const methods[] = { "GET", "HEAD", "PUT", "POST", NULL };
static const char *const expose[] = { "ETag", NULL };

/* What a browser upload with a presigned URL needs, on the first try. */
static const struct cors_rule default_rule = {
	.origins = any,
	.methods = methods,
	.headers = any,
	.expose = expose,
	.max_age_s = 3000,
};

const struct cors_rule *
cors_rules(const struct s3_world *w, struct slice bucket, size_t *n)
{
	*n = slice_eq_str(bucket, w->conf->aws_s3_bucket);
	return &default_rule;
}

static bool
in_list(const char *const *list, struct slice item)
{
	for (; *list; list++)
		if (strcmp(*list, "*") == 0 || slice_ieq_str(item, *list))
			return true;
	return false;
}

static bool
all_in_list(const char *const *list, struct slice items)
{
	struct slice item;

	while (slice_cut(&items, ',', &item)) {
		item = slice_trim(item);
		if (item.n && !in_list(list, item))
			return false;
	}
	return true;
}

static const struct cors_rule *
find_rule(const struct s3_request *rq, struct slice origin, struct slice method,
	  struct slice headers)
{
	size_t n;
	const struct cors_rule *r = cors_rules(rq->world, rq->bucket, &n);

	for (; n > 0; n--, r++)
		if (in_list(r->origins, origin) &&
		    in_list(r->methods, method) &&
		    all_in_list(r->headers, headers))
			return r;
	return NULL;
}

static void
set_list(struct s3_request *rq, const char *name, const char *const *list)
{
	struct buf b = BUF_INIT;

	for (; *list; list++)
		buf_printf(&b, "%s%s", b.n ? ", " : "", *list);
	http_set_header(rq->http, name, buf_slice(&b));
	buf_release(&b);
}

static void
set_origin(struct s3_request *rq, const struct cors_rule *r,
	   struct slice origin)
{
	bool open = strcmp(r->origins[0], "*") == 0;

	http_set_header(rq->http, "Access-Control-Allow-Origin",
			open ? SLICE("*") : origin);
	if (*r->expose)
		set_list(rq, "Access-Control-Expose-Headers", r->expose);
}

static void
refuse(struct s3_request *rq, const char *message, struct slice method)
{
	rq->detail.message = message;
	s3_detail_add(&rq->detail, "Method",
		      method.n ? method : SLICE("OPTIONS"));
	s3_detail_add(&rq->detail, "ResourceType",
		      rq->key.n ? SLICE("OBJECT") : SLICE("BUCKET"));
	s3_answer_error(rq, S3_ERR_ACCESS_FORBIDDEN);
}

void
cors_preflight(struct s3_request *rq)
{
	struct http_request *http = rq->http;
	struct slice origin = http_header_get(http, "Origin");
	struct slice method =
	    http_header_get(http, "Access-Control-Request-Method");
	struct slice headers =
	    http_header_get(http, "Access-Control-Request-Headers");
	const struct cors_rule *r;
	struct store_bucket bucket;
	size_t n;

	http_set_header(http, "Vary",
			SLICE("Origin, Access-Control-Request-Headers, "
			      "Access-Control-Request-Method"));
	if (!origin.n) {
		rq->detail.message = "Insufficient information. Origin request "
				     "header needed.";
		s3_answer_error(rq, S3_ERR_BAD_REQUEST);
		return;
	}
	if (store_bucket_head(rq->world->store, rq->bucket, &http->arena,
			      &bucket) != S3_OK) {
		refuse(rq, "CORSResponse: Bucket not found", method);
		return;
	}
	cors_rules(rq->world, rq->bucket, &n);
	if (n == 0) {
		refuse(rq, "CORSResponse: CORS is not enabled for this bucket.",
		       method);
		return;
	}
	r = find_rule(rq, origin, method, headers);
	if (!r) {
		refuse(rq, NULL, method);
		return;
	}
	set_origin(rq, r, origin);
	set_list(rq, "Access-Control-Allow-Methods", r->methods);
	if (headers.n)
		http_set_header(http, "Access-Control-Allow-Headers", headers);
	http_set_headerf(http, "Access-Control-Max-Age", "%u", r->max_age_s);
	http_answer(http, 200, SLICE_EMPTY);
}

void
cors_set_headers(struct s3_request *rq)
{
	struct slice origin = http_header_get(rq->http, "Origin");
	const struct cors_rule *r;
	size_t n;

	cors_rules(rq->world, rq->bucket, &n);
	if (n == 0)
		return;
	http_set_header(rq->http, "Vary", SLICE("Origin"));
	if (!origin.n)
		return;
	r = find_rule(rq, origin, rq->http->method, SLICE_EMPTY);
	if (r)
		set_origin(rq, r, origin);
}
