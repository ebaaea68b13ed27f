/*
 * Starting, draining and stopping the HTTP server on libmicrohttpd, a thread
 * per connection. What the daemon calls per request: server_request.c.
 */
#include "gateway/http/exchange.h"
#include "gateway/http/server_request.h"
#include "base/conf.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/random.h"
#include "base/timeval.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

/* The sanitizers' frames are several times as large. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_BYTES (1024u * 1024)
#else
#define STACK_BYTES (256u * 1024)
#endif

#define ARRIVAL_PAUSE_MS 10

static const struct sweep_limits limits = SWEEP_LIMITS_DEFAULT;

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

/*
 * In the thread that accepts, and that takes leave of those that ended. When
 * all connections are in use it pauses, so that some end: who comes meanwhile
 * waits in the kernel's queue, and is then served, or told to come later by
 * check(). Only a moment, since who ended is counted until this returns.
 */
static enum MHD_Result
on_arrival(void *cls, const struct sockaddr *address, socklen_t n)
{
	const struct timespec moment = { .tv_nsec =
					     ARRIVAL_PAUSE_MS * 1000000 };
	struct http_server *s = cls;

	(void)address;
	(void)n;
	if (sweep_full(s->sweeper))
		nanosleep(&moment, NULL);
	return MHD_YES;
}

static struct MHD_Daemon *
start_daemon(struct http_server *s)
{
	/* Beyond its limit the daemon cuts who comes, without a word:
	 * on_arrival() has them wait before. */
	const unsigned limit = 2 * s->max_connections;
	const struct MHD_OptionItem options[] = {
		{ MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_daemon_log, NULL },
		{ MHD_OPTION_LISTEN_SOCKET, s->listen_fd, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, limit, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, s->connection_memory,
		  NULL },
		{ MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, limits.idle_ms / 1000, NULL },
		{ MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)server_on_target, s },
		{ MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_escapes, NULL },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)server_on_completed,
		  s },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)server_on_connection,
		  s },
		{ MHD_OPTION_END, 0, NULL },
	};

	MHD_set_panic_func(on_panic, NULL);
	return MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION |
				    MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC |
				    MHD_USE_ERROR_LOG,
				0, on_arrival, s, server_on_request, s,
				MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

struct http_server *
http_server_start(const struct http_server_conf *conf, char err[512])
{
	struct http_server *s = calloc(1, sizeof(*s));
	uint64_t first_id;
	uint8_t id[16];

	if (!s) {
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	s->app = conf->app;
	s->max_connections = conf->max_connections;
	s->connection_memory = conf->connection_memory;
	s->listen_fd = -1;
	random_bytes(id, sizeof(id));
	hex_encode(id, sizeof(id), s->host_id);
	random_bytes(&first_id, sizeof(first_id));
	atomic_init(&s->next_id, first_id);
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
