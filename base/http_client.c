/*
 * libcurl's easy interface, set up anew for every call on a handle that keeps
 * its connections. Callbacks bound everything that comes from the other side.
 */
#include "base/http_client.h"

#include <curl/curl.h>
#include <pthread.h>

#define CONNECT_TIMEOUT_MS 5000L
#define STALL_SECONDS 30L
#define STALL_BYTES_PER_S 1024L
#define CONNECTION_AGE_S 20L
#define HEADERS_MAX (64u << 10)
#define EXPECT_ABOVE (1u << 20)

_Static_assert(sizeof(((struct http_client_answer *)0)->error) >=
		   CURL_ERROR_SIZE,
	       "libcurl writes its messages into error");

struct http_client {
	CURL *easy;
};

/* What the callbacks of one call share. */
struct transfer {
	const struct http_client_call *call;
	struct http_client_answer *out;
	CURL *easy;
	uint64_t sent;
	uint64_t received;
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
	if (c)
		c->easy = curl_easy_init();
	if (c && !c->easy) {
		free(c);
		c = NULL;
	}
	return c;
}

void
http_client_free(struct http_client *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->easy);
	free(c);
}

void
http_client_answer_release(struct http_client_answer *a)
{
	buf_release(&a->headers);
	buf_release(&a->body);
}

struct slice
http_client_header(const struct http_client_answer *a, const char *name)
{
	struct slice rest = buf_slice(&a->headers), line, found = SLICE_EMPTY;
	ptrdiff_t colon;

	while (rest.n && slice_cut(&rest, '\n', &line)) {
		colon = slice_chr(line, ':');
		if (colon >= 0 &&
		    slice_ieq_str(slice_head(line, (size_t)colon), name))
			found = slice_trim(slice_from(line, (size_t)colon + 1));
	}
	return found;
}

/* Each status line starts over, so that only the final answer is kept. */
static size_t
on_header(char *p, size_t size, size_t n, void *user)
{
	struct transfer *t = user;
	struct slice line = slice_mem(p, size * n);

	if (slice_starts(line, SLICE("HTTP/"))) {
		buf_clear(&t->out->headers);
		return line.n;
	}
	while (line.n &&
	       (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
		line.n--;
	if (line.n) {
		buf_put(&t->out->headers, line);
		buf_putc(&t->out->headers, '\n');
	}
	return buf_ok(&t->out->headers) ? size * n : 0;
}

static size_t
on_answer(char *p, size_t size, size_t n, void *user)
{
	struct transfer *t = user;
	long status = 0;

	n *= size;
	t->received += n;
	if (t->received > t->call->answer_max)
		return 0;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (t->call->sink && status / 100 == 2)
		return t->call->sink(t->call->sink_ctx, p, n) == 0 ? n : 0;
	buf_add(&t->out->body, p, n);
	return buf_ok(&t->out->body) ? n : 0;
}

static size_t
on_body(char *p, size_t size, size_t n, void *user)
{
	struct transfer *t = user;
	const struct http_client_body *body = t->call->body;

	n *= size;
	if (n > body->size - t->sent)
		n = (size_t)(body->size - t->sent);
	if (n && body->read_at(body->ctx, t->sent, p, n) != 0)
		return CURL_READFUNC_ABORT;
	t->sent += n;
	return n;
}

/* libcurl sends a body again when a kept connection turns out dead. */
static int
on_rewind(void *user, curl_off_t offset, int origin)
{
	struct transfer *t = user;

	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_FAIL;
	t->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static struct curl_slist *
list_add(struct curl_slist *list, const char *line)
{
	struct curl_slist *longer = curl_slist_append(list, line);

	if (!longer)
		curl_slist_free_all(list);
	return longer;
}

/* The caller's lines, with the headers off that libcurl adds unasked. An
 * empty value is written "Name;" for libcurl, "Name:" would remove it. */
static struct curl_slist *
header_list(const struct http_client_call *call)
{
	struct curl_slist *list = curl_slist_append(NULL, "Accept:");
	struct slice rest = call->headers, line;
	char *copy;

	if (list && (!call->body || call->body->size <= EXPECT_ABOVE))
		list = list_add(list, "Expect:");
	if (list && call->body)
		list = list_add(list, "Content-Type:");
	while (list && rest.n && slice_cut(&rest, '\n', &line)) {
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n == 0)
			continue;
		copy = strndup(line.p, line.n);
		if (!copy) {
			curl_slist_free_all(list);
			return NULL;
		}
		if (copy[line.n - 1] == ':')
			copy[line.n - 1] = ';';
		list = list_add(list, copy);
		free(copy);
	}
	return list;
}

/* Options of every call. Their values are constants libcurl knows; a failure
 * could only be memory, which curl_easy_perform() meets again. */
static void
set_common(CURL *easy, struct transfer *t)
{
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->out->error);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
			 (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES_PER_S);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, CONNECTION_AGE_S);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
}

static void
set_body(CURL *easy, struct transfer *t)
{
	const struct http_client_body *body = t->call->body;

	if (strcmp(t->call->method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	if (body) {
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
				 (curl_off_t)body->size);
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_body);
		curl_easy_setopt(easy, CURLOPT_READDATA, t);
		curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_rewind);
		curl_easy_setopt(easy, CURLOPT_SEEKDATA, t);
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, t->call->method);
}

static enum http_client_error
classify(CURLcode rc)
{
	switch (rc) {
	case CURLE_OK:
		return HTTP_CLIENT_OK;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
		return HTTP_CLIENT_UNREACHABLE;
	case CURLE_WRITE_ERROR:
	case CURLE_ABORTED_BY_CALLBACK:
	case CURLE_PEER_FAILED_VERIFICATION:
		return HTTP_CLIENT_REFUSED;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT:
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return HTTP_CLIENT_INTERNAL;
	default:
		return HTTP_CLIENT_BROKEN;
	}
}

enum http_client_error
http_client_run(struct http_client *c, const struct http_client_call *call,
		struct http_client_answer *out)
{
	struct transfer t = { .call = call, .out = out, .easy = c->easy };
	struct curl_slist *headers = header_list(call);
	long status = 0;
	CURLcode rc;

	*out = (struct http_client_answer){ .headers = BUF_MAX(HEADERS_MAX) };
	if (!headers) {
		snprintf(out->error, sizeof(out->error), "out of memory");
		return HTTP_CLIENT_INTERNAL;
	}
	curl_easy_reset(c->easy);
	set_common(c->easy, &t);
	set_body(c->easy, &t);
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
	rc = curl_easy_setopt(c->easy, CURLOPT_URL, call->url);
	if (rc == CURLE_OK)
		rc = curl_easy_perform(c->easy);
	if (rc == CURLE_OK)
		curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	else if (!out->error[0])
		snprintf(out->error, sizeof(out->error), "%s",
			 curl_easy_strerror(rc));
	out->status = (unsigned)status;
	curl_slist_free_all(headers);
	return classify(rc);
}
