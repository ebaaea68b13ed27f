/*
 * http_script.h - a server for tests of HTTP clients: a thread that accepts
 * connections, keeps what it received and sends the next answer of a script,
 * byte for byte. An answer that begins with '!' is followed by closing the
 * connection; "!" alone closes without a word.
 */
#ifndef TESTS_UNIT_HTTP_SCRIPT_H
#define TESTS_UNIT_HTTP_SCRIPT_H

#include "base/buf.h"
#include "base/io.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define HTTP_SCRIPT_MAX 16

struct http_script {
	const char *const *answers;
	size_t n;
	atomic_size_t served;		     /* requests answered */
	size_t connections;		     /* accepted */
	struct buf request[HTTP_SCRIPT_MAX]; /* head and body as received */
	uint16_t port;
	int fd;
	pthread_t thread;
};

/* A whole request: up to the blank line, then Content-Length bytes. */
static inline bool
http_script_read(int fd, struct buf *b)
{
	static const char length[] = "\r\nContent-Length: ";
	ptrdiff_t end = -1, at;
	uint64_t body = 0;
	ssize_t n;
	char *p;

	for (;;) {
		if (end < 0) {
			end = slice_find(buf_slice(b), SLICE("\r\n\r\n"));
			at = slice_find(buf_slice(b), slice_str(length));
			if (end >= 0 && at >= 0 && at < end)
				body = strtoull(b->p + at + sizeof(length) - 1,
						NULL, 10);
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
		while (keep && s->served < s->n &&
		       http_script_read(fd, &s->request[s->served])) {
			const char *answer = s->answers[s->served++];

			keep = answer[0] != '!';
			answer += keep ? 0 : 1;
			if (io_write_all(fd, answer, strlen(answer)) != 0)
				keep = false;
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
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	for (size_t i = 0; i < HTTP_SCRIPT_MAX; i++)
		buf_release(&s->request[i]);
}

#endif
