/*
 * The HTTP server on libmicrohttpd, a thread per connection. The daemon calls
 * on_request() once with the headers, then per piece of body, then once more
 * at the end; the explicit phase of the exchange says which call it is. An
 * answer queued in the first call closes the connection, so that call answers
 * only where closing is meant.
 */
#include "gateway/http/exchange.h"
#include "base/conf.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/random.h"
#include "base/timeval.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARENA_MAX (8u << 20)
#define CONNECTION_MEMORY 131072u
#define DRAIN_MAX (1u << 20) /* rest of a refused body read to its end */

/* The sanitizers' frames are several times as large. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_BYTES (1024u * 1024)
#else
#define STACK_BYTES (256u * 1024)
#endif

static const struct sweep_limits limits = SWEEP_LIMITS_DEFAULT;

/* ---- one request -------------------------------------------------------- */

static void *
on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
	struct http_server *server = cls;
	const union MHD_ConnectionInfo *info;
	struct http_exchange *x = calloc(1, sizeof(*x));
	uint8_t id[8];

	if (!x)
		return NULL;
	x->server = server;
	x->mhd = mhd;
	x->phase = PHASE_HEADERS;
	answer_init(&x->answer);
	arena_init(&x->req.arena, ARENA_MAX);
	x->target = arena_copy(&x->req.arena, slice_str(target));
	x->req.app = server->app;
	x->req.exchange = x;
	x->req.start_us = time_mono_us();
	x->req.host_id = server->host_id;
	random_bytes(id, sizeof(id));
	for (size_t i = 0; i < sizeof(id); i++)
		snprintf(x->req.request_id + 2 * i, 3, "%02X", id[i]);
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	if (info)
		x->conn = info->socket_context;
	sweep_enter(x->conn, SWEEP_HEADERS);
	return x;
}

static enum MHD_Result
on_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_n,
	  const char *value, size_t value_n)
{
	struct http_exchange *x = cls;

	(void)kind;
	if (x->req.n_headers == HTTP_HEADERS_MAX)
		return MHD_NO;
	x->headers[x->req.n_headers++] = (struct http_header){
		slice_mem(name, name_n),
		slice_trim(slice_mem(value, value_n)),
	};
	return MHD_YES;
}

static void
fill_peer(struct http_exchange *x)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	char *out = x->req.peer_ip;

	if (!info || getnameinfo(info->client_addr,
				 info->client_addr->sa_family == AF_INET6
				     ? sizeof(struct sockaddr_in6)
				     : sizeof(struct sockaddr_in),
				 out, sizeof(x->req.peer_ip), NULL, 0,
				 NI_NUMERICHOST) != 0)
		out[0] = '\0';
	if (strncmp(out, "::ffff:", 7) == 0)
		memmove(out, out + 7, strlen(out + 7) + 1);
}

/* NULL, or why the server itself refuses. */
static const char *
fill_request(struct http_exchange *x, const char *method)
{
	struct http_request *req = &x->req;
	int n;

	req->method = arena_copy(&req->arena, slice_str(method));
	x->headers = arena_array(&req->arena, HTTP_HEADERS_MAX,
				 sizeof(struct http_header));
	if (!x->headers)
		return "The request is too large.";
	req->headers = x->headers;
	fill_peer(x);
	n = MHD_get_connection_values_n(x->mhd, MHD_HEADER_KIND, on_header, x);
	if (n < 0 || (size_t)n > req->n_headers)
		return "There are too many headers.";
	return framing_check(req, x->target);
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
refuse_at_once(struct http_exchange *x)
{
	if (x->req.has_body)
		start_linger(x);
	return answer_queue(x);
}

static enum MHD_Result
on_headers(struct http_exchange *x, const char *method)
{
	const char *why = fill_request(x, method);

	sweep_enter(x->conn, SWEEP_WORKING);
	x->phase = PHASE_BODY;
	if (why) {
		refuse(x, MHD_HTTP_BAD_REQUEST, why);
		return refuse_at_once(x);
	}
	if (sweep_crowded(x->server->sweeper)) {
		refuse(x, MHD_HTTP_SERVICE_UNAVAILABLE,
		       "Please reduce your request rate.");
		return refuse_at_once(x);
	}
	x->begun = true;
	x->server->app->begin(&x->req);
	if (http_answered(&x->req) && x->req.has_body)
		return refuse_at_once(x);
	if (x->req.has_body)
		sweep_enter(x->conn, SWEEP_BODY);
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

	sweep_body_begin(x->conn);
	req->bytes_in += got;
	*n = 0;
	if (!http_answered(req)) {
		x->server->app->body(req, p, got);
		if (http_answered(req))
			verdict = answer_mid_body(x);
	}
	sweep_body_end(x->conn, got);
	return verdict;
}

static enum MHD_Result
on_end(struct http_exchange *x)
{
	sweep_enter(x->conn, SWEEP_WORKING);
	if (!http_answered(&x->req))
		x->server->app->finish(&x->req);
	if (!http_answered(&x->req))
		return MHD_NO;
	return answer_queue(x);
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *mhd, const char *url,
	   const char *method, const char *version, const char *data,
	   size_t *data_n, void **ctx)
{
	struct http_exchange *x = *ctx;

	(void)cls;
	(void)mhd;
	(void)url;
	(void)version;
	if (!x)
		return MHD_NO;
	if (x->phase == PHASE_HEADERS)
		return on_headers(x, method);
	if (x->phase == PHASE_ANSWERED)
		return MHD_NO;
	return *data_n ? on_body(x, data, data_n) : on_end(x);
}

static void
log_access(struct http_exchange *x, bool complete)
{
	struct http_request *req = &x->req;
	struct buf b = BUF_INIT;

	buf_printf(&b, "\"server\":\"%s\",\"request_id\":\"%s\",\"op\":",
		   req->app->name, req->request_id);
	buf_json_str(&b, slice_str(req->operation ? req->operation : ""));
	buf_puts(&b, ",\"method\":");
	buf_json_str(&b, req->method);
	if (req->bucket.n) {
		buf_puts(&b, ",\"bucket\":");
		buf_json_str(&b, req->bucket);
	}
	buf_printf(&b,
		   ",\"status\":%u,\"bytes_in\":%llu,\"bytes_out\":%llu,"
		   "\"duration_us\":%lld,\"peer\":\"%s\",\"complete\":%s",
		   req->status, (unsigned long long)req->bytes_in,
		   (unsigned long long)req->bytes_out,
		   (long long)(time_mono_us() - req->start_us), req->peer_ip,
		   complete ? "true" : "false");
	if (buf_ok(&b))
		log_fields(LOG_INFO, "access", buf_slice(&b));
	buf_release(&b);
}

static void
on_completed(void *cls, struct MHD_Connection *mhd, void **ctx,
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
	sweep_enter(x->conn, SWEEP_IDLE);
	arena_release(&x->req.arena);
	free(x);
}

/* In the listening thread, which accepts nobody meanwhile: be quick. */
static void
on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
	      enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = cls;
	const union MHD_ConnectionInfo *info;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		sweep_remove(s->sweeper, *socket_context);
		*socket_context = NULL;
		return;
	}
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info)
		*socket_context = sweep_add(s->sweeper, info->connect_fd);
}

/* ---- start and stop ----------------------------------------------------- */

static size_t
keep_escapes(void *cls, struct MHD_Connection *mhd, char *s)
{
	(void)cls;
	(void)mhd;
	return strlen(s);
}

static void PRINTF_LIKE(2, 0)
    on_daemon_log(void *cls, const char *fmt, va_list ap)
{
	char line[512];

	(void)cls;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\r\n")] = '\0';
	log_debug("httpd", "%s", line);
}

static void
on_panic(void *cls, const char *file, unsigned line, const char *reason)
{
	(void)cls;
	log_error("httpd_panic", "%s:%u: %s", file, line,
		  reason ? reason : "no reason");
	abort();
}

static int
bind_to(const struct addrinfo *ai)
{
	const int on = 1;
	int saved, fd = socket(ai->ai_family,
			       SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, 1024) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int
format_address(int fd, char *out, size_t size)
{
	struct sockaddr_storage sa;
	socklen_t n = sizeof(sa);
	char host[48], port[8];

	if (getsockname(fd, (struct sockaddr *)&sa, &n) != 0 ||
	    getnameinfo((struct sockaddr *)&sa, n, host, sizeof(host), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return -1;
	snprintf(out, size, sa.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
		 host, port);
	return 0;
}

static int
listen_on(struct http_server *s, const char *address, char err[512])
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE };
	struct addrinfo *list = NULL;
	char host[256], port[8];
	uint16_t number;
	int rc;

	if (conf_split_addr(address, host, sizeof(host), &number) != 0) {
		snprintf(err, 512, "%.200s is not an address to listen on",
			 address);
		return -1;
	}
	snprintf(port, sizeof(port), "%u", number);
	rc = getaddrinfo(host, port, &hints, &list);
	if (rc != 0) {
		snprintf(err, 512, "cannot listen on %.200s: %s", address,
			 gai_strerror(rc));
		return -1;
	}
	s->listen_fd = bind_to(list);
	if (s->listen_fd < 0 && errno == EADDRINUSE)
		snprintf(err, 512,
			 "port %u is in use by another program: stop it, or "
			 "choose another address than %.200s",
			 number, address);
	else if (s->listen_fd < 0)
		snprintf(err, 512, "cannot listen on %.200s: %s", address,
			 strerror(errno));
	freeaddrinfo(list);
	if (s->listen_fd < 0)
		return -1;
	return format_address(s->listen_fd, s->address, sizeof(s->address));
}

static struct MHD_Daemon *
start_daemon(struct http_server *s)
{
	const struct MHD_OptionItem options[] = {
		{ MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_daemon_log, NULL },
		{ MHD_OPTION_LISTEN_SOCKET, s->listen_fd, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, s->max_connections, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL },
		{ MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, limits.idle_ms / 1000, NULL },
		{ MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_target, s },
		{ MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_escapes, NULL },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, s },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s },
		{ MHD_OPTION_END, 0, NULL },
	};

	MHD_set_panic_func(on_panic, NULL);
	return MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION |
				    MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC |
				    MHD_USE_ERROR_LOG,
				0, NULL, NULL, on_request, s, MHD_OPTION_ARRAY,
				options, MHD_OPTION_END);
}

struct http_server *
http_server_start(const struct http_server_conf *conf, char err[512])
{
	struct http_server *s = calloc(1, sizeof(*s));
	uint8_t id[16];

	if (!s) {
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	s->app = conf->app;
	s->max_connections = conf->max_connections;
	s->listen_fd = -1;
	random_bytes(id, sizeof(id));
	hex_encode(id, sizeof(id), s->host_id);
	if (listen_on(s, conf->listen, err) != 0)
		goto fail;
	s->sweeper = sweeper_new(s->max_connections, &limits);
	s->linger = linger_new();
	if (s->sweeper && s->linger)
		s->daemon = start_daemon(s);
	if (!s->daemon) {
		snprintf(err, 512, "cannot start the HTTP server on %s: %s",
			 s->address, strerror(errno));
		goto fail;
	}
	return s;
fail:
	http_server_stop(s);
	return NULL;
}

const char *
http_server_address(const struct http_server *s)
{
	return s->address;
}

void
http_server_drain(struct http_server *s, int timeout_ms)
{
	int64_t deadline = time_mono_us() + timeout_ms * 1000LL;
	const struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };

	if (!s || atomic_exchange(&s->draining, true))
		return;
	if (MHD_quiesce_daemon(s->daemon) != MHD_INVALID_SOCKET) {
		close(s->listen_fd);
		s->listen_fd = -1;
	}
	while (sweep_count(s->sweeper) > 0 && time_mono_us() < deadline) {
		sweep_shut_idle(s->sweeper, 0);
		nanosleep(&pause, NULL);
	}
}

void
http_server_stop(struct http_server *s)
{
	if (!s)
		return;
	/* Closes the listening socket too, unless drain did. */
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	else if (s->listen_fd >= 0)
		close(s->listen_fd);
	linger_free(s->linger);
	sweeper_free(s->sweeper);
	free(s);
}
