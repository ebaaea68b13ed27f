/*
 * The S3 application: the way of every request from its headers to its
 * answer. Refusals come before the first byte of the body, so that
 * "Expect: 100-continue" means something; what fails later is answered when
 * the body is over, or at once when much of it is still to come.
 */
#include "gateway/s3/app.h"
#include "base/timeval.h"
#include "gateway/s3/authorise.h"
#include "gateway/s3/body.h"
#include "gateway/s3/cors.h"
#include "gateway/s3/op/ops.h"

#include <limits.h>

/* ---- the world ---------------------------------------------------------- */

/* S3_PUBLIC_URL: "https://a.example, http://b:9000" into "a.example", ... */
static int
read_hosts(struct s3_world *w, char *err)
{
	char *text = strdup(w->conf->s3_public_url), *p = text, *host;
	size_t n = 0;

	w->hosts_text = text;
	if (!text) {
		snprintf(err, 512, "out of memory");
		return -1;
	}
	while ((host = strsep(&p, ",")) != NULL) {
		char *scheme;

		host += strspn(host, " \t");
		host[strcspn(host, " \t")] = '\0';
		scheme = strstr(host, "://");
		if (scheme)
			host = scheme + 3;
		host[strcspn(host, "/")] = '\0';
		if (!*host)
			continue;
		if (n + 1 == S3_HOSTS_MAX) {
			snprintf(err, 512,
				 "S3_PUBLIC_URL names more than %d "
				 "hosts",
				 S3_HOSTS_MAX - 1);
			return -1;
		}
		w->hosts[n++] = host;
	}
	return 0;
}

static int
open_accounts(struct s3_world *w, char err[512])
{
	char path[PATH_MAX];
	const struct accounts_conf conf = {
		.path = path,
		.master_key = w->conf->master_key,
		.root_id = w->account_id,
		.root_access_key = conf_root_access_key(w->conf),
		.root_secret_key = conf_root_secret_key(w->conf),
	};

	snprintf(path, sizeof(path), "%s/accounts", w->conf->data);
	w->accounts = accounts_open(&conf, err);
	return w->accounts ? 0 : -1;
}

/* ---- one request -------------------------------------------------------- */

struct auth_keys
s3_auth_keys(const struct s3_request *rq)
{
	return (struct auth_keys){ accounts_lookup, rq->world->accounts };
}

struct auth_policy
s3_auth_policy(const struct s3_request *rq)
{
	const struct s3_world *w = rq->world;

	return (struct auth_policy){
		.service = "s3",
		.public_hosts = w->hosts,
		.host_bucket = rq->bucket_in_host ? rq->bucket : SLICE_EMPTY,
		.region = w->conf->strict_region ? w->conf->aws_region : NULL,
		.now_us = time_now_us(),
	};
}

static enum s3_error
verify(struct s3_request *rq)
{
	struct http_request *http = rq->http;
	struct auth_request req = {
		.method = http->method,
		.raw_path = http->raw_path,
		.raw_query = http->raw_query,
		.n_headers = http->n_headers,
	};
	const struct auth_keys keys = s3_auth_keys(rq);
	const struct auth_policy policy = s3_auth_policy(rq);
	struct auth_header *headers =
	    arena_array(&http->arena, http->n_headers + 1, sizeof(*headers));

	if (!headers)
		return S3_ERR_INTERNAL_ERROR;
	for (size_t i = 0; i < http->n_headers; i++)
		headers[i] = (struct auth_header){ http->headers[i].name,
						   http->headers[i].value };
	req.headers = headers;
	return auth_verify(&req, &keys, &policy, &http->arena, &rq->id,
			   &rq->detail);
}

/* Filters for a body that the operation wants; all others are discarded. */
static enum s3_error
begin_body(struct s3_request *rq)
{
	enum s3_error err;

	if (rq->op->body_max == 0)
		return rq->op->data ? S3_OK : s3_body_check_none(rq);
	rq->body.max = (size_t)rq->op->body_max;
	err = s3_body_new(rq);
	if (err == S3_OK && s3_body_length(rq->filters) > rq->op->body_max)
		return S3_ERR_MALFORMED_XML;
	return err;
}

static enum s3_error
begin_operation(struct s3_request *rq)
{
	enum s3_error err = s3_route(rq);

	if (err == S3_OK && rq->op->body_max == S3_BODY_FORM)
		return rq->op->begin(rq);
	if (err == S3_OK)
		err = verify(rq);
	if (err == S3_OK)
		err = s3_authorise(rq);
	if (err == S3_OK)
		err = begin_body(rq);
	if (err == S3_OK && rq->op->begin)
		err = rq->op->begin(rq);
	return err;
}

/* Load balancers ask here, in the one bucket that nobody can make. */
static bool
answer_health(struct s3_request *rq)
{
	struct http_request *http = rq->http;
	struct store_info info;
	bool live = slice_eq_str(rq->key, "health/live");

	if (rq->bucket_in_host ||
	    !slice_eq_str(rq->bucket, S3_RESERVED_BUCKET) ||
	    !(live || slice_eq_str(rq->key, "health/ready")) ||
	    !(slice_eq_str(http->method, "GET") ||
	      slice_eq_str(http->method, "HEAD")))
		return false;
	http->operation = "health";
	live = live ||
	       (store_info(rq->world->store, &info) == S3_OK && !info.trouble);
	http_answer(http, live ? 200 : 503, SLICE_EMPTY);
	return true;
}

static struct s3_request *
new_request(struct http_request *http)
{
	struct s3_request *rq = arena_alloc(&http->arena, sizeof(*rq));

	if (rq) {
		rq->http = http;
		rq->world = http->app->ctx;
		http->app_state = rq;
	}
	return rq;
}

static void
s3_begin(struct http_request *http)
{
	struct s3_request *rq = new_request(http);
	enum s3_error err;

	if (!rq) {
		http_answer(http, 500, SLICE_EMPTY);
		return;
	}
	err = s3_request_parse(rq);
	if (err == S3_OK && answer_health(rq))
		return;
	if (err == S3_OK && slice_eq_str(http->method, "OPTIONS")) {
		http->operation = "Preflight";
		cors_preflight(rq);
		return;
	}
	cors_set_headers(rq);
	if (err == S3_OK)
		err = begin_operation(rq);
	if (err != S3_OK)
		s3_answer_error(rq, err);
}

static enum s3_error
collect(struct s3_request *rq, const void *p, size_t n)
{
	buf_add(&rq->body, p, n);
	return buf_ok(&rq->body) ? S3_OK : S3_ERR_MALFORMED_XML;
}

static void
s3_body(struct http_request *http, const void *p, size_t n)
{
	struct s3_request *rq = http->app_state;
	enum s3_error err;

	if (rq->op->body_max == S3_BODY_FORM)
		err = rq->op->data(rq, p, n);
	else if (rq->filters)
		err = s3_body_feed(rq, p, n,
				   rq->op->data ? rq->op->data : collect);
	else
		return;
	if (err != S3_OK)
		s3_answer_error(rq, err);
}

static enum s3_error
finish_operation(struct s3_request *rq)
{
	struct store_put_final unused;
	char etag[2 * MD5_BYTES + 1];
	enum s3_error err = S3_OK;

	if (rq->filters && !rq->op->data)
		err = s3_body_end(rq, etag, &unused);
	return err == S3_OK ? rq->op->finish(rq) : err;
}

static void
s3_finish(struct http_request *http)
{
	struct s3_request *rq = http->app_state;
	enum s3_error err = finish_operation(rq);

	if (err != S3_OK)
		s3_answer_error(rq, err);
}

static void
s3_release(struct http_request *http)
{
	struct s3_request *rq = http->app_state;

	if (!rq)
		return;
	store_put_abort(rq->put);
	s3_body_free(rq->filters);
	buf_release(&rq->body);
	secret_wipe(&rq->id, sizeof(rq->id));
}

static void
s3_refuse(struct http_request *http, unsigned status, const char *why)
{
	struct s3_request *rq = new_request(http);

	if (!rq) {
		http_answer(http, status, SLICE_EMPTY);
		return;
	}
	rq->detail.message = status == 400 ? why : NULL;
	s3_answer_error(rq, status == 503   ? S3_ERR_SLOW_DOWN
			    : status == 417 ? S3_ERR_EXPECTATION_FAILED
					    : S3_ERR_BAD_REQUEST);
}

/* ---- life cycle --------------------------------------------------------- */

struct s3_world *
s3_world_new(const struct conf *conf, struct store *store, const char *root_id,
	     char err[512])
{
	struct s3_world *w = calloc(1, sizeof(*w));

	if (!w) {
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	w->conf = conf;
	w->store = store;
	snprintf(w->account_id, sizeof(w->account_id), "%s", root_id);
	w->app = (struct http_app){
		.name = "s3",
		.ctx = w,
		.begin = s3_begin,
		.body = s3_body,
		.finish = s3_finish,
		.release = s3_release,
		.refuse = s3_refuse,
	};
	if (read_hosts(w, err) == 0 && open_accounts(w, err) == 0)
		return w;
	s3_world_free(w);
	return NULL;
}

void
s3_world_free(struct s3_world *w)
{
	if (!w)
		return;
	accounts_close(w->accounts);
	free(w->hosts_text);
	free(w);
}

const struct http_app *
s3_world_app(const struct s3_world *w)
{
	return &w->app;
}

struct accounts *
s3_world_accounts(const struct s3_world *w)
{
	return w->accounts;
}

struct slice
s3_world_account(const struct s3_world *w)
{
	return slice_str(w->account_id);
}
