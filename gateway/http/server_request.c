/*
 * One request, from its request line to its end. The daemon calls
 * server_on_request() once with the headers, then per piece of body, then once
 * more at the end; the explicit phase of the exchange says which call it is.
 * An answer queued in the first call closes the connection, so that call
 * answers only where closing is meant.
 */
#include "gateway/http/server_request.h"
#include "base/log.h"
#include "base/timeval.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <stddef.h>
#include <unistd.h>

#define ARENA_MAX (8u << 20)
#define ACCESS_BYTES 384     /* room at first: most lines fit */
#define DRAIN_MAX (1u << 20) /* rest of a refused body read to its end */

/*
 * The daemon would copy every parameter of the query into the connection's
 * memory, and end the connection without an answer when they do not fit.
 * Nobody here uses its copies, so it does not get to see the query.
 */
static void
hide_query(const char *target)
{
	char *query = strchr((char *)(uintptr_t)target, '?');

	if (query)
		query[1] = '\0';
}

/*
 * 16 upper-case digits, of which no two of one start are equal: a count from
 * a random beginning, mixed by a bijection (the finaliser of SplitMix64).
 */
static void
request_id(struct http_server *s, char out[17])
{
	static const char digit[] = "0123456789ABCDEF";
	uint64_t v =
	    atomic_fetch_add_explicit(&s->next_id, 1, memory_order_relaxed);

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
	v = (v ^ v >> 27) * 0x94d049bb133111ebu;
	v ^= v >> 31;
	for (int i = 0; i < 16; i++)
		out[i] = digit[v >> (60 - 4 * i) & 15];
	out[16] = '\0';
}

static void
begin_arena(struct http_conn *c)
{
#if defined(__SANITIZE_ADDRESS__)
	/* What is used after its request shall be seen. */
	arena_init(&c->exchange.req.arena, ARENA_MAX);
#else
	arena_init_in(&c->exchange.req.arena, ARENA_MAX, c->block,
		      sizeof(c->block));
#endif
}

void *
server_on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
	struct http_server *server = cls;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct http_conn *c = info ? info->socket_context : NULL;
	struct http_exchange *x;

	if (!c)
		return NULL;
	x = &c->exchange;
	*x = (struct http_exchange){ .server = server,
				     .mhd = mhd,
				     .sweep = c->sweep,
				     .phase = PHASE_HEADERS };
	answer_init(&x->answer);
	begin_arena(c);
	x->target = arena_copy(&x->req.arena, slice_str(target));
	hide_query(target);
	x->req.app = server->app;
	x->req.exchange = x;
	x->req.start_us = time_mono_us();
	x->req.host_id = server->host_id;
	x->req.peer_ip = c->peer_ip;
	request_id(server, x->req.request_id);
	sweep_enter(x->sweep, SWEEP_HEADERS);
	return x;
}

static enum MHD_Result
on_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_n,
	  const char *value, size_t value_n)
{
	struct http_exchange *x = cls;

	(void)kind;
	x->headers[x->req.n_headers++] = (struct http_header){
		slice_mem(name, name_n),
		slice_trim(slice_mem(value, value_n)),
	};
	return MHD_YES;
}

static struct http_conn *
conn_of(struct http_exchange *x)
{
	return (struct http_conn *)((char *)x -
				    offsetof(struct http_conn, exchange));
}

static void
fill_peer(struct http_exchange *x)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	char *out = conn_of(x)->peer_ip;

	if (!info ||
	    getnameinfo(info->client_addr,
			info->client_addr->sa_family == AF_INET6
			    ? sizeof(struct sockaddr_in6)
			    : sizeof(struct sockaddr_in),
			out, HTTP_PEER_MAX, NULL, 0, NI_NUMERICHOST) != 0)
		out[0] = '\0';
	if (strncmp(out, "::ffff:", 7) == 0)
		memmove(out, out + 7, strlen(out + 7) + 1);
}

static int
fill_request(struct http_exchange *x, const char *method, const char *version)
{
	struct http_request *req = &x->req;
	int n =
	    MHD_get_connection_values_n(x->mhd, MHD_HEADER_KIND, NULL, NULL);

	req->method = arena_copy(&req->arena, slice_str(method));
	req->is_http_1_0 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
	x->headers =
	    arena_array(&req->arena, (size_t)n + 1, sizeof(struct http_header));
	if (!x->headers)
		return -1;
	req->headers = x->headers;
	if (!*req->peer_ip)
		fill_peer(x);
	MHD_get_connection_values_n(x->mhd, MHD_HEADER_KIND, on_header, x);
	return req->arena.err ? -1 : 0;
}

static void
refuse(struct http_exchange *x, unsigned status, const char *why)
{
	x->req.operation = "refused";
	if (x->server->app->refuse) {
		x->server->app->refuse(&x->req, status, why);
		return;
	}
	http_set_header(&x->req, "Content-Type", SLICE("text/plain"));
	http_answer(&x->req, status, slice_str(why));
}

static int
socket_of(struct http_exchange *x)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

/* The client may still be sending: see linger.h. */
static void
start_linger(struct http_exchange *x)
{
	int fd = fcntl(socket_of(x), F_DUPFD_CLOEXEC, 0);

	if (fd >= 0)
		linger_add(x->server->linger, fd);
}

static enum MHD_Result
answer_at_once(struct http_exchange *x)
{
	start_linger(x);
	return answer_queue(x);
}

/* The server's own checks: 0, or the status to refuse with. */
static unsigned
check(struct http_exchange *x, const char *method, const char *version,
      const char **why)
{
	if (fill_request(x, method, version) != 0 ||
	    sweep_crowded(x->server->sweeper)) {
		*why = "Please reduce your request rate.";
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	}
	return framing_check(&x->req, x->target, why);
}

/* A refused body that is short is read to its end, so that the connection
 * survives; but not from a client that waits before it sends one. */
static bool
is_worth_draining(const struct http_request *req)
{
	return req->content_length <= DRAIN_MAX &&
	       !http_header_has(req, "Expect");
}

static enum MHD_Result
on_headers(struct http_exchange *x, const char *method, const char *version)
{
	struct http_request *req = &x->req;
	const char *why;
	unsigned status;

	sweep_enter(x->sweep, SWEEP_WORKING);
	x->phase = PHASE_BODY;
	status = check(x, method, version, &why);
	if (status) {
		refuse(x, status, why);
		return answer_at_once(x);
	}
	x->begun = true;
	x->server->app->begin(req);
	if (!req->has_body)
		return MHD_YES;
	if (http_answered(req) && !is_worth_draining(req))
		return answer_at_once(x);
	sweep_enter(x->sweep, SWEEP_BODY);
	return MHD_YES;
}

/*
 * Answered while the body is still coming: a short rest is read to its end
 * and the connection survives, else the answer goes out past the daemon and
 * the connection ends.
 */
static enum MHD_Result
answer_mid_body(struct http_exchange *x)
{
	struct http_request *req = &x->req;
	int fd = socket_of(x);

	if (req->content_length != HTTP_LENGTH_UNKNOWN &&
	    req->content_length - req->bytes_in <= DRAIN_MAX)
		return MHD_YES;
	answer_write_raw(x, fd);
	start_linger(x);
	return MHD_NO;
}

static enum MHD_Result
on_body(struct http_exchange *x, const char *p, size_t *n)
{
	struct http_request *req = &x->req;
	enum MHD_Result verdict = MHD_YES;
	size_t got = *n;

	sweep_body_begin(x->sweep);
	req->bytes_in += got;
	*n = 0;
	if (!http_answered(req)) {
		x->server->app->body(req, p, got);
		if (http_answered(req))
			verdict = answer_mid_body(x);
	}
	sweep_body_end(x->sweep, got);
	return verdict;
}

static enum MHD_Result
on_end(struct http_exchange *x)
{
	sweep_enter(x->sweep, SWEEP_WORKING);
	if (!http_answered(&x->req))
		x->server->app->finish(&x->req);
	if (!http_answered(&x->req))
		return MHD_NO;
	return answer_queue(x);
}

enum MHD_Result
server_on_request(void *cls, struct MHD_Connection *mhd, const char *url,
		  const char *method, const char *version, const char *data,
		  size_t *data_n, void **ctx)
{
	struct http_exchange *x = *ctx;

	(void)cls;
	(void)mhd;
	(void)url;
	if (!x)
		return MHD_NO;
	if (x->phase == PHASE_HEADERS)
		return on_headers(x, method, version);
	if (x->phase == PHASE_ANSWERED)
		return MHD_NO;
	return *data_n ? on_body(x, data, data_n) : on_end(x);
}

static void
put_text(struct buf *b, const char *before, const char *text)
{
	buf_puts(b, before);
	buf_puts(b, text);
}

static void
put_number(struct buf *b, const char *before, uint64_t v)
{
	buf_puts(b, before);
	buf_u64(b, v);
}

static void
log_access(struct http_exchange *x, bool complete)
{
	struct http_request *req = &x->req;
	struct buf b = BUF_INIT;

	(void)buf_reserve(&b, ACCESS_BYTES);
	put_text(&b, "\"server\":\"", req->app->name);
	put_text(&b, "\",\"request_id\":\"", req->request_id);
	put_text(&b, "\",\"op\":\"", req->operation ? req->operation : "");
	buf_puts(&b, "\",\"method\":");
	buf_json_str(&b, req->method);
	if (req->bucket.n) {
		buf_puts(&b, ",\"bucket\":");
		buf_json_str(&b, req->bucket);
	}
	put_number(&b, ",\"status\":", req->status);
	put_number(&b, ",\"bytes_in\":", req->bytes_in);
	put_number(&b, ",\"bytes_out\":", req->bytes_out);
	put_number(&b, ",\"duration_us\":",
		   (uint64_t)(time_mono_us() - req->start_us));
	put_text(&b, ",\"peer\":\"", req->peer_ip);
	put_text(&b, "\",\"complete\":", complete ? "true" : "false");
	if (buf_ok(&b))
		log_fields(LOG_INFO, "access", buf_slice(&b));
	buf_release(&b);
}

void
server_on_completed(void *cls, struct MHD_Connection *mhd, void **ctx,
		    enum MHD_RequestTerminationCode why)
{
	struct http_exchange *x = *ctx;
	bool complete = why == MHD_REQUEST_TERMINATED_COMPLETED_OK;

	(void)cls;
	(void)mhd;
	if (!x)
		return;
	*ctx = NULL;
	if (complete && !slice_eq_str(x->req.method, "HEAD"))
		x->req.bytes_out = x->answer.n;
	/* Without headers nothing of ours has run: the daemon refused. */
	if (x->phase != PHASE_HEADERS)
		log_access(x, complete);
	if (x->begun)
		x->server->app->release(&x->req);
	answer_release(&x->answer);
	sweep_enter(x->sweep, SWEEP_IDLE);
	arena_release(&x->req.arena);
}

static struct http_conn *
new_conn(struct http_server *s, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct http_conn *c = malloc(sizeof(*c));

	if (!c)
		return NULL;
	c->sweep = info ? sweep_add(s->sweeper, info->connect_fd) : NULL;
	c->peer_ip[0] = '\0';
	return c;
}

/* In the listening thread, which accepts nobody meanwhile: be quick. */
void
server_on_connection(void *cls, struct MHD_Connection *mhd,
		     void **socket_context,
		     enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = cls;
	struct http_conn *c = *socket_context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = new_conn(s, mhd);
		return;
	}
	*socket_context = NULL;
	if (c)
		sweep_remove(s->sweeper, c->sweep);
	free(c);
}
