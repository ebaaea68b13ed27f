/*
 * libcurl's multi interface with one easy handle, driven by the thread that
 * asks: no callback runs but inside a call of ours. Bytes to be sent are taken
 * straight from the caller's memory, bytes received go straight into it; what
 * arrives beyond that waits in `spare`, and when that is full libcurl waits.
 */
#include "base/http_client_lines.h"
#include "base/timeval.h"

#include <curl/curl.h>
#include <pthread.h>

#define CONNECT_TIMEOUT_MS 5000L
#define STALL_MS 30000
#define STALL_BYTES_PER_MS 1
#define STOP_US 250000 /* so often it is looked whether to stop */
#define CONNECTION_AGE_S 20L
#define CONNECTIONS_KEPT 4L
#define HEADERS_MAX (64u << 10)
#define RECEIVE_BYTES (128u << 10) /* libcurl's, and spare */
/* libcurl's: what is sent in one piece, a chunk of 256 KiB with its frame */
#define SEND_BYTES (257u << 10)

_Static_assert(sizeof(((struct http_client_answer *)0)->error) >=
		   CURL_ERROR_SIZE,
	       "libcurl writes its messages into error");

struct http_client {
	CURL *easy;
	CURLM *multi;
	struct buf spare; /* received, from spare_at on not yet asked for */
	size_t spare_at;

	/* the exchange that is open */
	struct curl_slist *headers;
	struct http_client_answer *out;
	const struct http_client_body *body; /* NULL: none */
	bool once;
	uint64_t sent;	   /* bytes of body libcurl took */
	struct slice give; /* to be sent now */
	char *into;	   /* where received bytes go ... */
	size_t into_n;	   /* ... and how many */
	bool wants_body;   /* libcurl asked in vain */
	bool has_paused;   /* either direction */
	bool left;	   /* a first time */
	bool died;	   /* and was to leave again, which it must not */
	bool answered;	   /* final status and headers came */
	bool done;	   /* rc is the outcome */
	CURLcode rc;

	const atomic_bool *stop; /* or NULL */
	int64_t deadline_us;
	int64_t stall_ms;
	int64_t waited_us; /* since moved_before was looked at */
	curl_off_t moved_before;
};

static pthread_once_t setup_once = PTHREAD_ONCE_INIT;
static CURLcode setup_result;

static void
setup(void)
{
	setup_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http_client *
http_client_new(void)
{
	struct http_client *c;

	pthread_once(&setup_once, setup);
	c = setup_result == CURLE_OK ? calloc(1, sizeof(*c)) : NULL;
	if (!c)
		return NULL;
	c->spare.max = RECEIVE_BYTES;
	c->easy = curl_easy_init();
	c->multi = curl_multi_init();
	if (!c->easy || !c->multi) {
		http_client_free(c);
		return NULL;
	}
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
	return c;
}

void
http_client_free(struct http_client *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->easy);
	curl_multi_cleanup(c->multi);
	buf_release(&c->spare);
	free(c);
}

/* ---- libcurl calls ------------------------------------------------------ */

/* Each status line starts over, so that only the final answer is kept; what
 * stands behind the body of a chunked answer is not looked at. */
static size_t
on_header(char *p, size_t size, size_t n, void *user)
{
	struct http_client *c = user;
	struct slice line = slice_mem(p, size * n);
	long status = 0;

	if (c->answered)
		return line.n;
	if (slice_starts(line, SLICE("HTTP/"))) {
		buf_clear(&c->out->headers);
		return line.n;
	}
	while (line.n &&
	       (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
		line.n--;
	if (line.n) {
		buf_put(&c->out->headers, line);
		buf_putc(&c->out->headers, '\n');
		return buf_ok(&c->out->headers) ? size * n : 0;
	}
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status / 100 != 1) {
		c->out->status = (unsigned)status;
		c->answered = true;
	}
	return size * n;
}

static size_t
on_answer(char *p, size_t size, size_t n, void *user)
{
	struct http_client *c = user;
	size_t now, rest;

	n *= size;
	now = n < c->into_n ? n : c->into_n;
	rest = n - now;
	if (rest > c->spare.max - c->spare.n) {
		c->has_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (now)
		memcpy(c->into, p, now);
	c->into += now;
	c->into_n -= now;
	buf_add(&c->spare, p + now, rest);
	return buf_ok(&c->spare) ? n : 0;
}

/* The next bytes of a body that its caller brings. */
static size_t
take_given(struct http_client *c, char *p, size_t n)
{
	if (n > c->give.n)
		n = c->give.n;
	if (n == 0) {
		c->wants_body = true;
		c->has_paused = true;
		return CURL_READFUNC_PAUSE;
	}
	memcpy(p, c->give.p, n);
	c->give = slice_from(c->give, n);
	c->sent += n;
	return n;
}

static size_t
on_body(char *p, size_t size, size_t n, void *user)
{
	struct http_client *c = user;

	n *= size;
	if (n > c->body->size - c->sent)
		n = (size_t)(c->body->size - c->sent);
	if (n == 0)
		return 0;
	if (!c->body->read_at)
		return take_given(c, p, n);
	if (c->body->read_at(c->body->ctx, c->sent, p, n) != 0)
		return CURL_READFUNC_ABORT;
	c->sent += n;
	return n;
}

/* A request leaves. libcurl sends one that died on a kept connection again,
 * and asks nobody where there is no body to be rewound: there is none, or
 * nothing of it was sent, so that nothing can have been done. */
static int
on_request(void *user, char *to, char *from, int to_port, int from_port)
{
	struct http_client *c = user;

	(void)to, (void)from, (void)to_port, (void)from_port;
	c->died = c->once && c->left && (!c->body || c->body->size == 0);
	c->left = true;
	return c->died ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* A kept connection had died, so libcurl asks anew on another. */
static int
on_rewind(void *user, curl_off_t offset, int origin)
{
	struct http_client *c = user;

	if (origin != SEEK_SET || offset < 0 || !c->body->read_at || c->once)
		return CURL_SEEKFUNC_FAIL;
	c->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

/* ---- setting up --------------------------------------------------------- */

/* Options of every exchange. Their values are constants libcurl knows; a
 * failure could only be memory, which the transfer meets again. */
static void
set_common(struct http_client *c)
{
	CURL *easy = c->easy;

	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, c->out->error);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
			 (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, CONNECTION_AGE_S);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, c);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, c);
}

static void
set_body(struct http_client *c, const char *method)
{
	CURL *easy = c->easy;

	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	if (c->body) {
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE,
				 (long)SEND_BYTES);
		curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
				 (curl_off_t)c->body->size);
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_body);
		curl_easy_setopt(easy, CURLOPT_READDATA, c);
		curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_rewind);
		curl_easy_setopt(easy, CURLOPT_SEEKDATA, c);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static void
clear(struct http_client *c)
{
	buf_release(&c->spare); /* many clients wait with nothing to do */
	c->spare_at = 0;
	c->headers = NULL;
	c->sent = 0;
	c->give = SLICE_EMPTY;
	c->into = NULL;
	c->into_n = 0;
	c->wants_body = c->has_paused = c->answered = c->done = false;
	c->left = c->died = false;
	c->rc = CURLE_OK;
	c->deadline_us = INT64_MAX;
	c->waited_us = 0;
	c->moved_before = 0;
}

enum http_client_error
http_client_begin(struct http_client *c, const struct http_client_call *call,
		  struct http_client_answer *out)
{
	CURLcode rc;

	*out = (struct http_client_answer){ .headers = BUF_MAX(HEADERS_MAX) };
	clear(c);
	c->out = out;
	c->body = call->body;
	c->once = call->once;
	c->stop = call->stop;
	c->headers = http_client_lines(call);
	if (!c->headers) {
		snprintf(out->error, sizeof(out->error), "out of memory");
		return HTTP_CLIENT_INTERNAL;
	}
	c->stall_ms = call->stall_ms ? call->stall_ms : STALL_MS;
	if (call->timeout_ms)
		c->deadline_us = time_mono_us() + call->timeout_ms * 1000ll;
	curl_easy_reset(c->easy);
	set_common(c);
	set_body(c, call->method);
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
	if (call->ca_file)
		curl_easy_setopt(c->easy, CURLOPT_CAINFO, call->ca_file);
	rc = curl_easy_setopt(c->easy, CURLOPT_URL, call->url);
	if (rc == CURLE_OK && curl_multi_add_handle(c->multi, c->easy) == 0)
		return HTTP_CLIENT_OK;
	snprintf(out->error, sizeof(out->error), "%s",
		 curl_easy_strerror(rc ? rc : CURLE_OUT_OF_MEMORY));
	curl_slist_free_all(c->headers);
	return HTTP_CLIENT_INTERNAL;
}

/* ---- driving ------------------------------------------------------------ */

static void
finish(struct http_client *c, CURLcode rc, const char *text)
{
	char *error = c->out->error;

	c->done = true;
	c->rc = rc;
	c->out->untrusted = rc == CURLE_PEER_FAILED_VERIFICATION;
	if (rc != CURLE_OK && (text || !error[0]))
		snprintf(error, sizeof(c->out->error), "%s",
			 text ? text : curl_easy_strerror(rc));
}

static enum http_client_error
outcome(const struct http_client *c)
{
	long request_bytes = 0;

	if (c->died)
		return HTTP_CLIENT_BROKEN;
	switch (c->rc) {
	case CURLE_OK:
		return HTTP_CLIENT_OK;
	case CURLE_WRITE_ERROR:
	case CURLE_ABORTED_BY_CALLBACK:
		return HTTP_CLIENT_REFUSED;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT:
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_SSL_CACERT_BADFILE:
		return HTTP_CLIENT_INTERNAL;
	case CURLE_PEER_FAILED_VERIFICATION:
		return HTTP_CLIENT_UNREACHABLE;
	default:
		curl_easy_getinfo(c->easy, CURLINFO_REQUEST_SIZE,
				  &request_bytes);
		return request_bytes ? HTTP_CLIENT_BROKEN
				     : HTTP_CLIENT_UNREACHABLE;
	}
}

/* What can be done without waiting. */
static void
step(struct http_client *c)
{
	CURLMsg *m;
	int n;

	if (time_mono_us() >= c->deadline_us) {
		finish(c, CURLE_OPERATION_TIMEDOUT, "the deadline passed");
		return;
	}
	if (c->stop && atomic_load(c->stop)) {
		finish(c, CURLE_OPERATION_TIMEDOUT, "it was given up");
		return;
	}
	if (c->has_paused) {
		c->has_paused = c->wants_body = false;
		curl_easy_pause(c->easy, CURLPAUSE_CONT);
	}
	if (curl_multi_perform(c->multi, &n) != CURLM_OK)
		finish(c, CURLE_FAILED_INIT, NULL);
	while ((m = curl_multi_info_read(c->multi, &n)))
		if (m->msg == CURLMSG_DONE)
			finish(c, m->data.result,
			       c->died ? "the connection had died" : NULL);
}

/* Waiting is measured alone: how long the caller takes is its affair. */
static void
measure(struct http_client *c, int64_t waited_us)
{
	curl_off_t up = 0, down = 0;

	c->waited_us += waited_us;
	if (c->waited_us < c->stall_ms * 1000)
		return;
	curl_easy_getinfo(c->easy, CURLINFO_SIZE_UPLOAD_T, &up);
	curl_easy_getinfo(c->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
	if (up + down - c->moved_before < c->stall_ms * STALL_BYTES_PER_MS)
		finish(c, CURLE_OPERATION_TIMEDOUT, "no progress for too long");
	c->moved_before = up + down;
	c->waited_us = 0;
}

static void
wait_for_it(struct http_client *c)
{
	int64_t now = time_mono_us(), most;

	most = c->stall_ms * 1000 - c->waited_us;

	if (most > c->deadline_us - now)
		most = c->deadline_us > now ? c->deadline_us - now : 0;
	if (c->stop && most > STOP_US)
		most = STOP_US;
	if (curl_multi_poll(c->multi, NULL, 0, (int)(most / 1000) + 1, NULL) !=
	    CURLM_OK)
		finish(c, CURLE_FAILED_INIT, NULL);
	measure(c, time_mono_us() - now);
}

/* ---- the caller's side -------------------------------------------------- */

/* Of an exchange whose body is not whole yet. */
static enum http_client_error
sending(const struct http_client *c)
{
	if (c->answered)
		return HTTP_CLIENT_ANSWERED;
	return c->done ? outcome(c) : HTTP_CLIENT_OK;
}

enum http_client_error
http_client_await(struct http_client *c)
{
	for (;;) {
		if (!c->wants_body)
			step(c);
		if (c->wants_body || c->answered || c->done)
			return sending(c);
		wait_for_it(c);
	}
}

enum http_client_error
http_client_send(struct http_client *c, const void *p, size_t n)
{
	if (n > c->body->size - c->sent)
		return HTTP_CLIENT_INTERNAL;
	c->give = slice_mem(p, n);
	while (c->give.n && !c->answered && !c->done) {
		step(c);
		if (c->give.n && !c->answered && !c->done)
			wait_for_it(c);
	}
	c->give = SLICE_EMPTY;
	return c->sent < c->body->size ? sending(c) : HTTP_CLIENT_OK;
}

enum http_client_error
http_client_answer(struct http_client *c)
{
	while (!c->answered && !c->done) {
		step(c);
		if (c->wants_body) {
			finish(c, CURLE_FAILED_INIT, "the body is not whole");
			return HTTP_CLIENT_INTERNAL;
		}
		if (!c->answered && !c->done)
			wait_for_it(c);
	}
	return c->answered ? HTTP_CLIENT_OK : outcome(c);
}

enum http_client_error
http_client_read(struct http_client *c, void *p, size_t n, size_t *got)
{
	size_t now = c->spare.n - c->spare_at;

	if (now > n)
		now = n;
	if (now)
		memcpy(p, c->spare.p + c->spare_at, now);
	c->spare_at += now;
	if (c->spare_at == c->spare.n) {
		buf_clear(&c->spare);
		c->spare_at = 0;
	}
	c->into = (char *)p + now;
	c->into_n = n - now;
	while (c->into_n && !c->done) {
		step(c);
		if (c->into_n && !c->done)
			wait_for_it(c);
	}
	*got = n - c->into_n;
	c->into_n = 0;
	return *got == n || !c->done ? HTTP_CLIENT_OK : outcome(c);
}

void
http_client_end(struct http_client *c)
{
	if (c->answered && !c->done)
		step(c); /* the end of the answer may be there already */
	curl_multi_remove_handle(c->multi, c->easy);
	curl_slist_free_all(c->headers);
	clear(c);
}
