/*
 * Answers: collected by the application, handed to libmicrohttpd when its
 * protocol allows. The daemon adds Date, Content-Length and, where it closes,
 * Connection. Invariant: an exchange has at most one answer.
 */
#include "gateway/http/exchange.h"
#include "base/io.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOURCE_BLOCK (256u << 10)
#define STREAM_BLOCK (64u << 10)
#define RAW_TIMEOUT_MS 5000

void
answer_init(struct answer *a)
{
	*a = (struct answer){ .fd = -1 };
	a->last = &a->first;
}

void
answer_release(struct answer *a)
{
	buf_release(&a->memory);
	if (a->fd >= 0)
		close(a->fd);
	if (a->source.close)
		a->source.close(a->source.ctx);
	if (a->stream.close)
		a->stream.close(a->stream.ctx);
	answer_init(a);
}

bool
http_answered(const struct http_request *req)
{
	return req->exchange->answer.kind != ANSWER_NONE;
}

/* The daemon takes neither an empty value nor a tab: a blank in their place
 * means the same (RFC 9110 §5.5). */
static char *
field_value(struct arena *a, struct slice value)
{
	char *text = arena_cstr(a, value.n ? value : SLICE(" "));

	for (char *p = text; p && *p; p++)
		if (*p == '\t')
			*p = ' ';
	return text;
}

void
http_set_header(struct http_request *req, const char *name, struct slice value)
{
	struct answer *a = &req->exchange->answer;
	struct answer_header *h;

	value = slice_trim(value);
	if (!http_is_token(slice_str(name)) || !http_is_value(value))
		return;
	h = arena_alloc(&req->arena, sizeof(*h));
	if (!h)
		return;
	h->name = name;
	h->value = field_value(&req->arena, value);
	if (!h->value)
		return;
	*a->last = h;
	a->last = &h->next;
}

void
http_set_headerf(struct http_request *req, const char *name, const char *fmt,
		 ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	if (buf_ok(&b))
		http_set_header(req, name, buf_slice(&b));
	buf_release(&b);
}

static struct answer *
begin_answer(struct http_request *req, enum answer_kind kind, unsigned status,
	     uint64_t n)
{
	struct answer *a = &req->exchange->answer;

	assert(a->kind == ANSWER_NONE);
	a->kind = kind;
	a->status = status;
	a->n = n;
	req->status = status;
	return a;
}

void
http_answer(struct http_request *req, unsigned status, struct slice body)
{
	struct buf b = BUF_INIT;

	buf_put(&b, body);
	http_answer_buf(req, status, &b);
}

void
http_answer_buf(struct http_request *req, unsigned status, struct buf *b)
{
	struct answer *a;

	if (!buf_ok(b)) {
		status = MHD_HTTP_INTERNAL_SERVER_ERROR;
		buf_release(b);
	}
	a = begin_answer(req, ANSWER_MEMORY, status, b->n);
	a->bytes = buf_slice(b);
	a->memory = *b;
	*b = (struct buf)BUF_INIT;
}

void
http_answer_lent(struct http_request *req, unsigned status, struct slice body,
		 void (*close)(void *ctx), void *ctx)
{
	struct answer *a = begin_answer(req, ANSWER_MEMORY, status, body.n);

	a->bytes = body;
	a->source = (struct http_source){ .close = close, .ctx = ctx };
}

void
http_answer_fd(struct http_request *req, unsigned status, int fd,
	       uint64_t offset, uint64_t n)
{
	struct answer *a = begin_answer(req, ANSWER_FD, status, n);

	a->fd = fd;
	a->offset = offset;
}

void
http_answer_source(struct http_request *req, unsigned status, uint64_t n,
		   const struct http_source *source)
{
	begin_answer(req, ANSWER_SOURCE, status, n)->source = *source;
}

void
http_answer_stream(struct http_request *req, unsigned status,
		   const struct http_stream *stream)
{
	begin_answer(req, ANSWER_STREAM, status, 0)->stream = *stream;
}

static int
read_nothing(void *ctx, uint64_t offset, void *p, size_t n)
{
	(void)ctx;
	(void)offset;
	(void)p;
	(void)n;
	return -1;
}

void
http_answer_head(struct http_request *req, unsigned status, uint64_t n)
{
	const struct http_source nothing = { .read = read_nothing };

	http_answer_source(req, status, n, &nothing);
}

/* ---- to the daemon ------------------------------------------------------ */

/* Never answers 0: the daemon would ask again at once, for ever. */
static ssize_t
read_source(void *cls, uint64_t pos, char *p, size_t max)
{
	struct answer *a = cls;
	size_t n = a->n - pos < max ? (size_t)(a->n - pos) : max;

	if (n == 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (a->source.read(a->source.ctx, pos, p, n) != 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	return (ssize_t)n;
}

/* What it waits for is ours, not the client's: no slow reader. */
static ssize_t
read_stream(void *cls, uint64_t pos, char *p, size_t max)
{
	struct http_exchange *x = cls;
	struct http_stream *s = &x->answer.stream;
	ssize_t n;

	(void)pos;
	sweep_enter(x->sweep, SWEEP_WORKING);
	n = s->next(s->ctx, p, max);
	sweep_enter(x->sweep, SWEEP_SENDING);
	if (n == 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n < 0)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	x->answer.n += (uint64_t)n;
	return n;
}

/* Each is one read of the source and one write to the client. */
static size_t
source_block(const struct answer *a)
{
	if (a->n == 0 || a->source.read == read_nothing)
		return 1; /* which the daemon wants to have */
	return a->n < SOURCE_BLOCK ? (size_t)a->n : SOURCE_BLOCK;
}

static struct MHD_Response *
make_response(struct http_exchange *x)
{
	struct answer *a = &x->answer;
	struct MHD_Response *r;

	switch (a->kind) {
	case ANSWER_FD:
		r = MHD_create_response_from_fd_at_offset64(a->n, a->fd,
							    a->offset);
		if (r)
			a->fd = -1; /* the daemon closes it */
		return r;
	case ANSWER_SOURCE:
		return MHD_create_response_from_callback(a->n, source_block(a),
							 read_source, a, NULL);
	case ANSWER_STREAM:
		return MHD_create_response_from_callback(
		    MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, x, NULL);
	default:
		/* They live until the exchange ends. */
		return MHD_create_response_from_buffer(
		    a->bytes.n, (void *)(uintptr_t)a->bytes.p,
		    MHD_RESPMEM_PERSISTENT);
	}
}

static bool
add_headers(struct http_exchange *x, struct MHD_Response *r)
{
	bool ok = true;

	for (struct answer_header *h = x->answer.first; h; h = h->next)
		ok &= MHD_add_response_header(r, h->name, h->value);
	ok &= MHD_add_response_header(r, "Server", "Reelgate");
	ok &= MHD_add_response_header(r, "x-amz-request-id", x->req.request_id);
	ok &= MHD_add_response_header(r, "x-amz-id-2", x->server->host_id);
	if (atomic_load(&x->server->draining) ||
	    sweep_filling(x->server->sweeper))
		ok &= MHD_add_response_header(r, "Connection", "close");
	return ok;
}

int
answer_queue(struct http_exchange *x)
{
	struct MHD_Response *r = make_response(x);
	int verdict = MHD_NO;

	if (r && !x->req.arena.err && add_headers(x, r))
		verdict = MHD_queue_response(x->mhd, x->answer.status, r);
	if (r)
		MHD_destroy_response(r);
	if (verdict == MHD_NO)
		log_error("answer_failed", "request %s: cannot answer %u",
			  x->req.request_id, x->answer.status);
	x->phase = PHASE_ANSWERED;
	sweep_enter(x->sweep, SWEEP_SENDING);
	return verdict;
}

static int
send_all(int fd, struct slice s)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	ssize_t sent;

	while (s.n) {
		sent = send(fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0)
			s = slice_from(s, (size_t)sent);
		else if (errno != EAGAIN && errno != EINTR)
			return -1;
		else if (poll(&p, 1, RAW_TIMEOUT_MS) <= 0)
			return -1;
	}
	return 0;
}

void
answer_write_raw(struct http_exchange *x, int fd)
{
	struct answer *a = &x->answer;
	struct buf b = BUF_INIT;

	buf_printf(&b, "HTTP/1.1 %u %s\r\n", a->status,
		   MHD_get_reason_phrase_for(a->status));
	for (struct answer_header *h = a->first; h; h = h->next)
		buf_printf(&b, "%s: %s\r\n", h->name, h->value);
	buf_printf(&b,
		   "Server: Reelgate\r\nx-amz-request-id: %s\r\n"
		   "x-amz-id-2: %s\r\nContent-Length: %zu\r\n"
		   "Connection: close\r\n\r\n",
		   x->req.request_id, x->server->host_id, a->bytes.n);
	buf_put(&b, a->bytes);
	if (!buf_ok(&b) || send_all(fd, buf_slice(&b)) != 0)
		log_debug("answer_failed", "request %s: the client is gone",
			  x->req.request_id);
	buf_release(&b);
	x->phase = PHASE_ANSWERED;
}
