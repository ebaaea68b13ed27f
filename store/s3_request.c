/*
 * Requests of the s3 backend. Every try is signed anew, since a signature is
 * bound to its time. Clients (connections) wait in a small stack under one
 * lock; nothing else is shared.
 */
#include "store/s3_request.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "base/timeval.h"
#include "base/xml_read.h"

#include <pthread.h>

#define TRIES 5
#define BACKOFF_FIRST_US 100000u
#define BACKOFF_MAX_US 20000000u
#define ERROR_BODY_MAX (64u << 10)
#define URL_MAX (16u << 10)

const char S3_EMPTY_SHA256[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct s3_remote {
	char *endpoint; /* scheme://host[:port], no slash behind */
	struct slice host;
	struct store_s3_conf conf;
	pthread_mutex_t lock; /* of idle, n_idle */
	struct http_client *idle[S3_REQUEST_CLIENTS];
	size_t n_idle;
};

/* The host of "scheme://host[:port][/]"; empty when it is anything else. */
static struct slice
endpoint_host(struct slice endpoint)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		struct slice scheme = slice_str(schemes[i]), host;

		if (!slice_starts(endpoint, scheme))
			continue;
		host = slice_from(endpoint, scheme.n);
		if (slice_ends(host, SLICE("/")))
			host.n--;
		for (size_t k = 0; k < host.n; k++)
			if (host.p[k] <= ' ' || strchr("/?#@\\", host.p[k]))
				return SLICE_EMPTY;
		return host;
	}
	return SLICE_EMPTY;
}

struct s3_remote *
s3_remote_open(const struct store_s3_conf *conf, char err[512])
{
	struct slice host = endpoint_host(slice_str(conf->endpoint));
	struct s3_remote *r;

	if (host.n == 0) {
		snprintf(err, 512,
			 "S3_ENDPOINT: \"%.300s\" is not a URL like "
			 "http://127.0.0.1:9000",
			 conf->endpoint);
		return NULL;
	}
	r = calloc(1, sizeof(*r));
	if (r)
		r->endpoint = strndup(
		    conf->endpoint, (size_t)(host.p + host.n - conf->endpoint));
	if (!r || !r->endpoint) {
		free(r);
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	r->conf = *conf;
	r->host = slice_mem(r->endpoint + (host.p - conf->endpoint), host.n);
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void
s3_remote_close(struct s3_remote *r)
{
	if (!r)
		return;
	while (r->n_idle)
		http_client_free(r->idle[--r->n_idle]);
	pthread_mutex_destroy(&r->lock);
	free(r->endpoint);
	free(r);
}

static struct http_client *
client_take(struct s3_remote *r)
{
	struct http_client *c = NULL;

	pthread_mutex_lock(&r->lock);
	if (r->n_idle)
		c = r->idle[--r->n_idle];
	pthread_mutex_unlock(&r->lock);
	return c ? c : http_client_new();
}

static void
client_give(struct s3_remote *r, struct http_client *c)
{
	pthread_mutex_lock(&r->lock);
	if (r->n_idle < S3_REQUEST_CLIENTS) {
		r->idle[r->n_idle++] = c;
		c = NULL;
	}
	pthread_mutex_unlock(&r->lock);
	http_client_free(c);
}

static int
take_code(void *ctx, struct slice text)
{
	*(enum s3_error *)ctx = s3_error_by_code(text);
	return 0;
}

/* A HEAD's failure has no body, so its status must do. */
static const struct {
	unsigned status;
	enum s3_error err;
} by_status[] = {
	{ 304, S3_ERR_NOT_MODIFIED },
	{ 403, S3_ERR_ACCESS_DENIED },
	{ 404, S3_ERR_NO_SUCH_KEY },
	{ 412, S3_ERR_PRECONDITION_FAILED },
	{ 416, S3_ERR_INVALID_RANGE },
	{ 429, S3_ERR_SLOW_DOWN },
	{ 503, S3_ERR_SERVICE_UNAVAILABLE },
	{ 507, S3_ERR_INSUFFICIENT_STORAGE },
};

static enum s3_error
answer_error(const struct http_client_answer *a)
{
	static const struct xml_rule rules[] = { { "Error/Code", NULL,
						   take_code } };
	enum s3_error err = S3_OK;

	if (a->status / 100 == 2)
		return S3_OK;
	if (a->body.n &&
	    xml_read(buf_slice(&a->body), rules, ARRAY_LEN(rules), &err) == 0 &&
	    err != S3_OK)
		return err;
	for (size_t i = 0; i < ARRAY_LEN(by_status); i++)
		if (by_status[i].status == a->status)
			return by_status[i].err;
	return S3_ERR_INTERNAL_ERROR;
}

/* Where a body of exactly `room` bytes goes. */
struct into {
	char *p;
	size_t room;
};

static int
take_body(void *ctx, const void *p, size_t n)
{
	struct into *into = ctx;

	if (n > into->room)
		return -1;
	memcpy(into->p, p, n);
	into->p += n;
	into->room -= n;
	return 0;
}

static int
build(const struct s3_remote *r, const struct s3_call *call, struct buf *url,
      struct buf *headers)
{
	struct signer_request sign = {
		.method = call->method,
		.query = call->query,
		.payload_hash = slice_str(call->payload_hash),
		.now_us = time_now_us(),
	};
	struct buf lines = BUF_INIT;
	size_t path_at, path_end;
	int rc;

	buf_puts(url, r->endpoint);
	path_at = url->n;
	buf_putc(url, '/');
	if (call->bucket.n) { /* else about the account */
		buf_put(url, call->bucket);
		buf_putc(url, '/');
	}
	uri_encode(url, call->key, true);
	path_end = url->n;
	if (call->query.n) {
		buf_putc(url, '?');
		buf_put(url, call->query);
	}
	if (!buf_ok(url))
		return -1;
	buf_printf(headers, "Host: %.*s\r\n", SLICE_ARG(r->host));
	for (size_t i = 0; i < call->headers.n; i++) {
		if (slice_chr(call->headers.v[i].value, '\n') >= 0)
			return -1; /* would be a header of its own */
		buf_printf(headers, "%.*s: %.*s\r\n",
			   SLICE_ARG(call->headers.v[i].name),
			   SLICE_ARG(call->headers.v[i].value));
	}
	sign.path = slice_mem(url->p + path_at, path_end - path_at);
	sign.headers = buf_slice(headers);
	rc = r->conf.signer.sign(r->conf.signer.ctx, &sign, NULL, &lines);
	buf_put(headers, buf_slice(&lines));
	buf_release(&lines);
	return rc == 0 && buf_ok(headers) ? 0 : -1;
}

static enum http_client_error
try_once(struct s3_remote *r, const struct s3_call *call,
	 struct http_client_answer *out)
{
	struct into into = { call->into, call->into_n };
	struct buf url = BUF_MAX(URL_MAX), headers = BUF_MAX(URL_MAX);
	struct http_client *client = client_take(r);
	enum http_client_error rc = HTTP_CLIENT_INTERNAL;
	struct http_client_call http = {
		.method = call->method,
		.body = call->body,
		.answer_max = call->into_n + ERROR_BODY_MAX + call->answer_max,
		.sink = call->into ? take_body : NULL,
		.sink_ctx = &into,
	};

	*out = (struct http_client_answer){ 0 };
	if (client && build(r, call, &url, &headers) == 0) {
		http.url = url.p;
		http.headers = buf_slice(&headers);
		rc = http_client_run(client, &http, out);
	}
	if (rc == HTTP_CLIENT_OK && out->status / 100 == 2 && into.room)
		rc = HTTP_CLIENT_BROKEN; /* a shorter body than asked for */
	if (client)
		client_give(r, client);
	if (headers.p)
		secret_wipe(headers.p, headers.n);
	buf_release(&url);
	buf_release(&headers);
	return rc;
}

static bool
worth_repeating(enum http_client_error rc, unsigned status)
{
	static const unsigned busy[] = { 429, 500, 502, 503, 504 };

	for (size_t i = 0; rc == HTTP_CLIENT_OK && i < ARRAY_LEN(busy); i++)
		if (busy[i] == status)
			return true;
	return rc == HTTP_CLIENT_UNREACHABLE || rc == HTTP_CLIENT_BROKEN;
}

/* Full jitter: anything up to the bound, which doubles. */
static void
back_off(unsigned try)
{
	uint32_t r, bound = BACKOFF_FIRST_US << try;
	struct timespec ts;

	if (bound > BACKOFF_MAX_US)
		bound = BACKOFF_MAX_US;
	random_bytes(&r, sizeof(r));
	r %= bound + 1;
	ts.tv_sec = r / US_PER_S;
	ts.tv_nsec = (long)(r % US_PER_S) * 1000;
	nanosleep(&ts, NULL);
}

enum s3_error
s3_request_run(struct s3_remote *r, const struct s3_call *call,
	       struct http_client_answer *out)
{
	enum http_client_error rc;
	enum s3_error err;

	for (unsigned try = 0;; try++) {
		rc = try_once(r, call, out);
		if (!worth_repeating(rc, out->status) || try + 1 == TRIES)
			break;
		http_client_answer_release(out);
		back_off(try);
	}
	if (rc == HTTP_CLIENT_OK)
		err = answer_error(out);
	else if (rc == HTTP_CLIENT_REFUSED || rc == HTTP_CLIENT_INTERNAL)
		err = S3_ERR_INTERNAL_ERROR;
	else
		err = S3_ERR_SERVICE_UNAVAILABLE;
	if (s3_error_info(err)->status >= 500)
		log_warn("s3_request", "%s %s/%.*s/%.*s: %s %u %s",
			 call->method, r->endpoint, SLICE_ARG(call->bucket),
			 SLICE_ARG(call->key), s3_error_info(err)->code,
			 out->status, out->error);
	return err;
}
