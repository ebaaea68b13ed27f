/*
 * http_script.h - a server for tests of HTTP clients: a thread that accepts
 * connections, keeps what it received and sends the next answer of a script,
 * byte for byte. Who expects "100 Continue" gets it. An answer may begin with
 * marks that say how it is given:
 *   !     the connection is closed behind it; "!" alone closes without a word
 *   ^     likewise, by a reset
 *   <     it comes when the request's head was read, before any body
 *   #N;   it comes after N bytes of the body
 *   =     it stalls behind it, reading nothing, until the client has gone or
 * the script is stopped ~N;   in pieces of N bytes, a millisecond apart
 */
#ifndef TESTS_UNIT_HTTP_SCRIPT_H
#define TESTS_UNIT_HTTP_SCRIPT_H

#include "base/buf.h"
#include "base/io.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define HTTP_SCRIPT_MAX 24

struct http_script {
	const char *const *answers;
	size_t n;
	atomic_size_t served;		     /* requests answered */
	size_t connections;		     /* accepted */
	struct buf request[HTTP_SCRIPT_MAX]; /* head and body as received */
	atomic_bool stopping;
	uint16_t port;
	int fd;
	pthread_t thread;
};

/* How an answer is given. */
struct http_script_manner {
	const char *text;
	bool closes, resets, stalls;
	uint64_t body_max; /* bytes of the body that are waited for */
	size_t piece;	   /* 0: at once */
};

static inline struct http_script_manner
http_script_parse(const char *text)
{
	struct http_script_manner m = { .body_max = UINT64_MAX };
	char *end;

	for (;; text++) {
		if (*text == '!') {
			m.closes = true;
		} else if (*text == '^') {
			m.closes = m.resets = true;
		} else if (*text == '<') {
			m.body_max = 0;
		} else if (*text == '=') {
			m.closes = m.stalls = true;
		} else if (*text == '#') {
			m.body_max = strtoull(text + 1, &end, 10);
			text = end;
		} else if (*text == '~') {
			m.piece = strtoull(text + 1, &end, 10);
			text = end;
		} else {
			break;
		}
	}
	m.text = text;
	return m;
}

/* A request: up to the blank line, then Content-Length bytes, but at most
 * body_max. */
static inline bool
http_script_read(int fd, struct buf *b, uint64_t body_max)
{
	static const char length[] = "\r\nContent-Length: ";
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	ptrdiff_t end = -1, at;
	uint64_t body = 0;
	ssize_t n;
	char *p;

	buf_clear(b);
	for (;;) {
		if (end < 0) {
			end = slice_find(buf_slice(b), SLICE("\r\n\r\n"));
			at = slice_find(buf_slice(b), slice_str(length));
			if (end >= 0 && at >= 0 && at < end)
				body = strtoull(b->p + at + sizeof(length) - 1,
						NULL, 10);
			if (body > body_max)
				body = body_max;
			if (end >= 0 && body &&
			    slice_find(buf_slice(b),
				       SLICE("\r\nExpect: 100-")) >= 0 &&
			    io_write_all(fd, go_on, sizeof(go_on) - 1) != 0)
				return false;
		}
		if (end >= 0 && b->n >= (size_t)end + 4 + body)
			return true;
		p = buf_reserve(b, 65536);
		n = p ? recv(fd, p, 65536, 0) : -1;
		if (n <= 0)
			return false;
		b->n += (size_t)n;
		b->p[b->n] = '\0';
	}
}

static inline int
http_script_answer(const struct http_script *s, int fd,
		   const struct http_script_manner *m)
{
	const struct linger at_once = { 1, 0 };
	size_t n = strlen(m->text), piece = m->piece ? m->piece : n;
	struct pollfd gone = { .fd = fd, .events = POLLRDHUP };

	for (size_t i = 0; i < n; i += piece) {
		if (io_write_all(fd, m->text + i,
				 n - i < piece ? n - i : piece) != 0)
			return -1;
		if (m->piece)
			usleep(1000);
	}
	while (m->stalls && !s->stopping && poll(&gone, 1, 20) == 0)
		continue;
	if (m->resets)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once,
			   sizeof(at_once));
	return m->closes ? -1 : 0;
}

static inline void *
http_script_main(void *arg)
{
	struct http_script *s = arg;

	while (s->served < s->n) {
		int fd = accept(s->fd, NULL, NULL);
		bool keep = fd >= 0;

		if (fd < 0)
			break;
		s->connections++;
		while (keep && s->served < s->n) {
			struct http_script_manner m =
			    http_script_parse(s->answers[s->served]);

			keep = http_script_read(fd, &s->request[s->served],
						m.body_max);
			if (keep) {
				s->served++;
				keep = http_script_answer(s, fd, &m) == 0;
			}
		}
		close(fd);
	}
	shutdown(s->fd, SHUT_RDWR); /* what comes beyond the script fails */
	return NULL;
}

static inline int
http_script_start(struct http_script *s, const char *const *answers, size_t n)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t size = sizeof(sa);

	*s = (struct http_script){ .answers = answers, .n = n };
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || n > HTTP_SCRIPT_MAX ||
	    bind(s->fd, (struct sockaddr *)&sa, size) != 0 ||
	    listen(s->fd, 8) != 0 ||
	    getsockname(s->fd, (struct sockaddr *)&sa, &size) != 0)
		return -1;
	s->port = ntohs(sa.sin_port);
	return pthread_create(&s->thread, NULL, http_script_main, s);
}

/* Ends the thread, also one that still waits for a connection. */
static inline void
http_script_stop(struct http_script *s)
{
	s->stopping = true;
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	for (size_t i = 0; i < HTTP_SCRIPT_MAX; i++)
		buf_release(&s->request[i]);
}

#endif
