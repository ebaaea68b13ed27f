/*
 * Requests of the s3 backend. Every try is signed anew, since a signature is
 * bound to its time; between two tries no connection is held.
 */
#include "store/s3/request.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/timeval.h"
#include "store/s3/remote.h"

#define TRIES 5
#define BACKOFF_FIRST_US 100000
#define BACKOFF_MAX_US (20 * US_PER_S)
#define SLOT_WAIT_US (5 * US_PER_S)
#define TIMEOUT_MS (60 * 1000)
/* AWS takes minutes to join many parts, and to copy 5 GB. */
#define LATE_MS (5 * 60 * 1000)
#define ERROR_BODY_MAX (64u << 10)
#define URL_MAX (16u << 10)
#define HEADERS_MAX (96u << 10)

const char S3_EMPTY_SHA256[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/* One try, on its way. */
struct
try {
	char region[S3_REGION_MAX];
	struct buf url;
	struct buf headers;
	int64_t until_us;
};

/* ---- one try ------------------------------------------------------------ */

/* The URL, and what of it is signed: host and path. */
static int
put_url(const struct s3_remote *r, const struct s3_call *call, struct try *t,
	struct slice *host, struct slice *path)
{
	const struct s3_address at = { r->endpoint, t->region, r->style };
	bool in_host = s3_address_put(&at, call->bucket, &t->url);
	size_t path_at = t->url.n, path_end;

	buf_putc(&t->url, '/');
	if (call->bucket.n && !in_host) {
		buf_put(&t->url, call->bucket);
		buf_putc(&t->url, '/');
	}
	uri_encode(&t->url, call->key, true);
	path_end = t->url.n;
	if (call->query.n) {
		buf_putc(&t->url, '?');
		buf_put(&t->url, call->query);
	}
	if (!buf_ok(&t->url))
		return -1;
	*host = slice_mem(t->url.p, path_at);
	*host = slice_from(*host, (size_t)slice_find(*host, SLICE("://")) + 3);
	*path = slice_mem(t->url.p + path_at, path_end - path_at);
	return 0;
}

static int
build(struct s3_exchange *x, struct try *t)
{
	struct s3_remote *r = x->remote;
	const struct s3_call *call = x->call;
	struct signer_request sign = {
		.method = call->method,
		.query = call->query,
		.payload_hash = slice_str(call->payload_hash),
		.region = slice_str(t->region),
		.now_us = s3_remote_now(r),
	};
	struct buf lines = BUF_INIT;
	struct slice host;
	int rc = -1;

	if (put_url(r, call, t, &host, &sign.path) != 0)
		return -1;
	buf_printf(&t->headers, "Host: %.*s\r\n", SLICE_ARG(host));
	for (size_t i = 0; i < call->headers.n; i++) {
		if (slice_chr(call->headers.v[i].value, '\n') >= 0)
			return -1; /* would be a header of its own */
		buf_printf(&t->headers, "%.*s: %.*s\r\n",
			   SLICE_ARG(call->headers.v[i].name),
			   SLICE_ARG(call->headers.v[i].value));
	}
	sign.headers = buf_slice(&t->headers);
	if (buf_ok(&t->headers))
		rc = r->signer.sign(r->signer.ctx, &sign, &x->chain, &lines);
	buf_put(&t->headers, buf_slice(&lines));
	buf_release(&lines);
	return rc == 0 && buf_ok(&t->headers) ? 0 : -1;
}

static void
close_client(struct s3_exchange *x)
{
	if (!x->client)
		return;
	http_client_end(x->client);
	s3_slot_give(x->remote, x->client);
	x->client = NULL;
}

static int
left_ms(const struct try *t)
{
	int64_t left = t->until_us - time_mono_us();

	return left < 1000 ? 1 : (int)(left / 1000);
}

/* For all tries, and to wait for a sign of life; 0: as is usual. */
static int
given_ms(const struct s3_call *call)
{
	if (call->timeout_ms)
		return call->timeout_ms;
	return call->may_fail_late ? LATE_MS : 0;
}

static enum http_client_error
begin(struct s3_exchange *x, struct try *t, bool streams)
{
	struct http_client_call http = {
		.method = x->call->method,
		.body = x->call->body,
		.once = s3_is_conditional_change(x->call),
		.timeout_ms = streams ? 0 : left_ms(t),
		.stall_ms = given_ms(x->call),
		.ca_file = x->remote->ca_file,
		.stop = &x->remote->stop,
	};
	struct http_client *client;
	enum http_client_error rc = HTTP_CLIENT_INTERNAL;

	x->answer = (struct http_client_answer){ 0 };
	client = s3_slot_take(x->remote, SLOT_WAIT_US);
	if (!client) {
		snprintf(x->answer.error, sizeof(x->answer.error),
			 "all %u connections are in use", S3_SLOTS);
		return HTTP_CLIENT_UNREACHABLE;
	}
	if (build(x, t) == 0) {
		http.url = t->url.p;
		http.headers = buf_slice(&t->headers);
		rc = http_client_begin(client, &http, &x->answer);
	}
	if (rc == HTTP_CLIENT_OK)
		x->client = client;
	else
		s3_slot_give(x->remote, client);
	return rc;
}

/* The answer with its body; the connection is free then. */
static enum http_client_error
collect(struct s3_exchange *x)
{
	enum http_client_error rc = http_client_answer(x->client);

	if (rc == HTTP_CLIENT_OK)
		rc = http_client_collect(x->client, &x->answer,
					 ERROR_BODY_MAX + x->call->answer_max);
	close_client(x);
	return rc;
}

/* x->client is left when something is to be streamed. */
static enum http_client_error
try_once(struct s3_exchange *x, struct try *t, bool streams)
{
	bool sends = streams && x->call->body && !x->call->body->read_at;
	enum http_client_error rc;

	t->url = (struct buf)BUF_MAX(URL_MAX);
	t->headers = (struct buf)BUF_MAX(HEADERS_MAX);
	s3_region_of(x->remote, x->call->bucket, t->region);
	rc = begin(x, t, streams);
	secret_release(&t->headers);
	buf_release(&t->url);
	if (rc != HTTP_CLIENT_OK)
		return rc;
	if (sends) {
		rc = http_client_await(x->client);
		if (rc == HTTP_CLIENT_OK)
			return rc;
	}
	if (rc == HTTP_CLIENT_OK || rc == HTTP_CLIENT_ANSWERED)
		rc = http_client_answer(x->client);
	if (rc == HTTP_CLIENT_OK && streams && !sends &&
	    x->answer.status / 100 == 2)
		return rc;
	if (rc == HTTP_CLIENT_OK)
		return collect(x);
	close_client(x);
	return rc;
}

/* ---- several ------------------------------------------------------------ */

/* Full jitter: anything up to the bound, which doubles. */
static int64_t
back_off_us(unsigned try)
{
	int64_t bound = (int64_t)BACKOFF_FIRST_US << try;
	uint32_t r;

	if (bound > BACKOFF_MAX_US)
		bound = BACKOFF_MAX_US;
	random_bytes(&r, sizeof(r));
	return r % (bound + 1);
}

/* What the answer taught, which makes the same request another. */
static bool
learn(struct s3_exchange *x, const struct try *t, const struct s3_failure *f)
{
	if (f->their_time_us != INT64_MIN) {
		s3_remote_adopt_time(x->remote, f->their_time_us);
		return true;
	}
	return f->region[0] && s3_region_learn(x->remote, x->call->bucket,
					       t->region, slice_str(f->region));
}

static bool
wait_for_next(struct s3_exchange *x, const struct try *t,
	      const struct s3_failure *f, unsigned try)
{
	int64_t us = back_off_us(try);

	if (us < f->wait_us)
		us = f->wait_us;
	return time_mono_us() + us < t->until_us && s3_token_take(x->remote) &&
	       s3_remote_sleep(x->remote, us);
}

/* Should it be refused again, that is told again. */
static enum s3_error
pair_was_taken(struct s3_remote *r)
{
	if (atomic_load(&r->pair_told))
		atomic_store(&r->pair_told, false);
	return S3_OK;
}

static enum s3_error
run(struct s3_exchange *x, bool streams)
{
	int ms = given_ms(x->call);
	struct try t = { .until_us =
			     time_mono_us() + (ms ? ms : TIMEOUT_MS) * 1000ll };
	bool learnt = false, arrived = false;
	struct s3_failure f;
	unsigned try = 0;

	for (;;) {
		enum http_client_error rc = try_once(x, &t, streams);

		if (x->client) /* something is to be streamed */
			return pair_was_taken(x->remote);
		s3_judge(x->call, rc, &x->answer, &f);
		if (f.err == S3_OK)
			return pair_was_taken(x->remote);
		arrived = arrived || f.arrived;
		if (!learnt && learn(x, &t, &f))
			learnt = true;
		else if (!f.again || ++try == TRIES ||
			 !wait_for_next(x, &t, &f, try - 1))
			break;
		http_client_answer_release(&x->answer);
	}
	/* what is streamed had no bytes sent */
	if (arrived && (!streams || f.err == S3_ERR_SLOW_DOWN))
		f.err = s3_refused_after(x->call, f.err);
	if (!x->call->quiet)
		s3_failure_log(x->remote, x->call, &x->answer, &f);
	return f.err;
}

enum s3_error
s3_request_run(struct s3_remote *r, const struct s3_call *call,
	       struct http_client_answer *out)
{
	struct s3_exchange x = { .remote = r, .call = call };
	enum s3_error err = run(&x, false);

	*out = x.answer;
	secret_wipe(&x.chain, sizeof(x.chain));
	return err;
}

/* ---- streams ------------------------------------------------------------ */

enum s3_error
s3_exchange_open(struct s3_remote *r, const struct s3_call *call,
		 struct s3_exchange *x)
{
	*x = (struct s3_exchange){ .remote = r, .call = call };
	return run(x, true);
}

void
s3_exchange_close(struct s3_exchange *x)
{
	close_client(x);
	http_client_answer_release(&x->answer);
	secret_wipe(&x->chain, sizeof(x->chain));
	*x = (struct s3_exchange){ 0 };
}

/* After the first byte nothing is repeated. */
static enum s3_error
conclude(struct s3_exchange *x, enum http_client_error rc)
{
	struct s3_failure f;

	s3_judge(x->call, rc, &x->answer, &f);
	if (f.err != S3_OK)
		s3_failure_log(x->remote, x->call, &x->answer, &f);
	return f.err;
}

enum s3_error
s3_exchange_finish(struct s3_exchange *x)
{
	return x->client ? conclude(x, collect(x)) : S3_ERR_INTERNAL_ERROR;
}

enum s3_error
s3_exchange_send(struct s3_exchange *x, const void *p, size_t n)
{
	enum http_client_error rc;
	enum s3_error err;

	if (!x->client)
		return S3_ERR_INTERNAL_ERROR;
	rc = http_client_send(x->client, p, n);
	if (rc == HTTP_CLIENT_OK)
		return S3_OK;
	if (rc != HTTP_CLIENT_ANSWERED)
		return conclude(x, rc);
	err = s3_exchange_finish(x);
	/* of what it has not seen it can say nothing good */
	return err == S3_OK ? S3_ERR_INTERNAL_ERROR : err;
}

enum s3_error
s3_exchange_read(struct s3_exchange *x, void *p, size_t n, size_t *got)
{
	*got = 0;
	if (!x->client)
		return S3_ERR_INTERNAL_ERROR;
	return http_client_read(x->client, p, n, got) == HTTP_CLIENT_OK
		   ? S3_OK
		   : S3_ERR_SERVICE_UNAVAILABLE;
}
