/*
 * pg_proxy.h - a proxy between libpq and a PostgreSQL on a unix socket that
 * cuts the connection at a chosen message, once. One connection at a time, in
 * a thread of its own.
 */
#ifndef TESTS_PG_PROXY_H
#define TESTS_PG_PROXY_H

#include "base/buf.h"
#include "base/encode.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * Where to cut: at a message of that type ('B', 'S' from the client, 'D', 'Z'
 * from the server) that holds the text, once a message from the client that
 * held @armed_by went through. It is not passed on.
 */
struct pg_cut {
	bool from_client;
	char type;
	const char *text;
	const char *armed_by;
};

struct pg_proxy {
	char upstream[108];
	struct pg_cut cut;
	bool armed, done; /* the cut was made */
	int listener, stop[2];
	uint16_t port;
	pthread_t thread;
};

/* One direction of a connection: what has come of the next message. */
struct pg_side {
	int from, to;
	bool client, started;
	struct buf in;
};

static inline bool
pg_proxy_cuts(struct pg_proxy *p, const struct pg_side *s, struct slice m)
{
	if (s->client && p->cut.armed_by &&
	    slice_find(m, slice_str(p->cut.armed_by)) >= 0)
		p->armed = true;
	return !p->done && (p->armed || !p->cut.armed_by) &&
	       s->client == p->cut.from_client && m.p[0] == p->cut.type &&
	       slice_find(m, slice_str(p->cut.text)) >= 0;
}

/* Passes on the whole messages; false: the connection is to end. */
static inline bool
pg_proxy_pass(struct pg_proxy *p, struct pg_side *s)
{
	size_t at = 0;

	for (;;) {
		/* the first message of a client has no type */
		size_t head = s->client && !s->started ? 0 : 1, n;
		const unsigned char *b = (unsigned char *)s->in.p + at;
		struct slice m;

		if (s->in.n - at < head + 4)
			break;
		n = head + ((size_t)b[head] << 24 | (size_t)b[head + 1] << 16 |
			    (size_t)b[head + 2] << 8 | b[head + 3]);
		if (s->in.n - at < n)
			break;
		m = slice_mem(b, n);
		if (head && pg_proxy_cuts(p, s, m)) {
			p->done = true;
			return false;
		}
		s->started = true;
		if (send(s->to, m.p, m.n, MSG_NOSIGNAL) != (ssize_t)m.n)
			return false;
		at += n;
	}
	memmove(s->in.p, s->in.p + at, s->in.n - at);
	s->in.n -= at;
	return true;
}

static inline bool
pg_proxy_read(struct pg_proxy *p, struct pg_side *s)
{
	char *to = buf_reserve(&s->in, 65536);
	ssize_t n = to ? recv(s->from, to, 65536, 0) : -1;

	if (n <= 0)
		return false;
	s->in.n += (size_t)n;
	return pg_proxy_pass(p, s);
}

static inline void
pg_proxy_serve(struct pg_proxy *p, int client)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pg_side up = { .from = client, .to = server, .client = true };
	struct pg_side down = { .from = server, .to = client };
	struct pollfd fds[] = { { client, POLLIN, 0 },
				{ server, POLLIN, 0 },
				{ p->stop[0], POLLIN, 0 } };
	bool go_on;

	memcpy(a.sun_path, p->upstream, sizeof(a.sun_path));
	go_on = connect(server, (struct sockaddr *)&a, sizeof(a)) == 0;
	while (go_on && poll(fds, 3, -1) > 0 && !fds[2].revents) {
		if (fds[0].revents)
			go_on = pg_proxy_read(p, &up);
		if (go_on && fds[1].revents)
			go_on = pg_proxy_read(p, &down);
	}
	close(client);
	close(server);
	buf_release(&up.in);
	buf_release(&down.in);
}

static inline void *
pg_proxy_main(void *arg)
{
	struct pg_proxy *p = arg;
	struct pollfd fds[] = { { p->listener, POLLIN, 0 },
				{ p->stop[0], POLLIN, 0 } };

	while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
		int client = accept(p->listener, NULL, NULL);

		if (client >= 0)
			pg_proxy_serve(p, client);
	}
	return NULL;
}

static inline bool
pg_proxy_start(struct pg_proxy *p, const char *upstream,
	       const struct pg_cut *cut)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);

	*p = (struct pg_proxy){ .cut = *cut };
	snprintf(p->upstream, sizeof(p->upstream), "%s", upstream);
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->listener < 0 || pipe(p->stop) != 0 ||
	    bind(p->listener, (struct sockaddr *)&a, n) != 0 ||
	    listen(p->listener, 8) != 0 ||
	    getsockname(p->listener, (struct sockaddr *)&a, &n) != 0)
		return false;
	p->port = ntohs(a.sin_port);
	return pthread_create(&p->thread, NULL, pg_proxy_main, p) == 0;
}

static inline void
pg_proxy_stop(struct pg_proxy *p)
{
	close(p->stop[1]);
	pthread_join(p->thread, NULL);
	close(p->stop[0]);
	close(p->listener);
}

#endif
