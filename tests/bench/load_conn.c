/*
 * One HTTP/1.1 connection, kept alive: sends a prepared request, reads the
 * head of the answer, and drops its body without copying it.
 * Invariant: the bytes in in[0..got) belong to the answer at hand; between two
 * requests there are none, for nothing is pipelined.
 */
#include "tests/bench/load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/uio.h>
#include <unistd.h>

#define SEND_SEGMENTS 4 /* blocks handed to the kernel at once */
#define DROP_BYTES (8u << 20)
#define WAIT_S 60

int
load_conn_open(struct load_conn *c, const struct load_conf *conf,
	       const char *block, bool blocking)
{
	struct timeval patience = { .tv_sec = WAIT_S };
	int one = 1;

	c->block = block;
	c->blocking = blocking;
	c->got = 0;
	c->fd = socket(conf->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -1;
	if (connect(c->fd, (const struct sockaddr *)&conf->address,
		    conf->address_n) == 0 &&
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ==
		0 &&
	    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		       sizeof(patience)) == 0 &&
	    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		       sizeof(patience)) == 0)
		return 0;
	load_conn_close(c);
	return -1;
}

void
load_conn_close(struct load_conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void
load_conn_tell(const struct load_conn *c, enum load_step s)
{
	fprintf(stderr, "bench-load: %.*s: status %d, %llu bytes%s\n",
		(int)strcspn(c->head.p, "?\r"), c->head.p, c->status,
		(unsigned long long)c->received,
		s == STEP_DONE ? "" : ", connection lost");
}

void
load_conn_begin(struct load_conn *c, const struct load_request *r,
		struct buf *keep)
{
	c->head = r->head;
	c->body_n = r->body_n;
	c->sent = 0;
	c->is_head = r->op == LOAD_HEAD;
	c->status = 0;
	c->length = c->received = 0;
	c->chunked = c->close_after = c->last_chunk = false;
	c->chunk_left = 0;
	c->etag[0] = '\0';
	c->keep = keep;
	c->got = 0;
}

/* ---- sending ------------------------------------------------------------ */

static enum load_step
send_some(struct load_conn *c)
{
	struct iovec v[1 + SEND_SEGMENTS];
	struct msghdr m = { .msg_iov = v };
	uint64_t total = c->head.n + c->body_n;

	while (c->sent < total) {
		uint64_t at = c->sent;
		ssize_t n;

		m.msg_iovlen = 0;
		if (at < c->head.n) {
			struct slice rest = slice_from(c->head, (size_t)at);

			/* sendmsg() does not write through it */
			v[m.msg_iovlen++] =
			    (struct iovec){ (void *)(uintptr_t)rest.p, rest.n };
			at = c->head.n;
		}
		for (int i = 0; i < SEND_SEGMENTS && at < total; i++) {
			uint64_t in = (at - c->head.n) % LOAD_BLOCK_BYTES;
			uint64_t most = LOAD_BLOCK_BYTES - in;

			if (most > total - at)
				most = total - at;
			v[m.msg_iovlen++] =
			    (struct iovec){ (void *)(uintptr_t)(c->block + in),
					    most };
			at += most;
		}
		n = sendmsg(c->fd, &m,
			    MSG_NOSIGNAL | (c->blocking ? 0 : MSG_DONTWAIT));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN && !c->blocking ? STEP_WRITE
							       : STEP_FAILED;
		c->sent += (uint64_t)n;
	}
	return STEP_DONE;
}

/* ---- the head of the answer --------------------------------------------- */

static int
read_header(struct load_conn *c, struct slice line)
{
	struct slice name;

	if (!slice_cut(&line, ':', &name))
		return 0;
	line = slice_trim(line);
	if (slice_ieq_str(name, "content-length"))
		return slice_u64(line, &c->length);
	if (slice_ieq_str(name, "etag") && line.n < sizeof(c->etag))
		snprintf(c->etag, sizeof(c->etag), "%.*s", SLICE_ARG(line));
	if (slice_ieq_str(name, "transfer-encoding"))
		c->chunked = true;
	if (slice_ieq_str(name, "connection") && slice_ieq_str(line, "close"))
		c->close_after = true;
	return 0;
}

/* "HTTP/1.1 200 OK" and the headers; -1: no such thing. */
static int
read_head(struct load_conn *c, struct slice head)
{
	struct slice line;
	uint64_t status;

	if (!slice_starts(head, SLICE("HTTP/1.1 ")) || head.n < 12 ||
	    slice_u64((struct slice){ head.p + 9, 3 }, &status) != 0)
		return -1;
	c->status = (int)status;
	while (slice_cut(&head, '\n', &line)) {
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (read_header(c, line) != 0)
			return -1;
	}
	return 0;
}

static void
drop_front(struct load_conn *c, size_t n)
{
	c->got -= n;
	memmove(c->in, c->in + n, c->got);
}

/* Takes the head out of in[]; STEP_READ when it is not all there. */
static enum load_step
take_head(struct load_conn *c)
{
	struct slice all = slice_mem(c->in, c->got);
	ptrdiff_t end = slice_find(all, SLICE("\r\n\r\n"));
	size_t n;

	if (end < 0)
		return c->got == sizeof(c->in) ? STEP_FAILED : STEP_READ;
	n = (size_t)end + 4;
	if (read_head(c, slice_head(all, n)) != 0)
		return STEP_FAILED;
	drop_front(c, n);
	if (c->status == 100)
		c->status = 0; /* asked for by nobody, but allowed */
	return STEP_DONE;
}

/* ---- the body ------------------------------------------------------------ */

static bool
has_body(const struct load_conn *c)
{
	return !c->is_head && c->status != 204 && c->status != 304;
}

/*
 * Chunks are counted in in[], where they have to be read. STEP_DONE behind the
 * empty line after the last one; trailers are skipped.
 */
static enum load_step
take_chunks(struct load_conn *c)
{
	for (;;) {
		size_t n = c->got < c->chunk_left ? c->got : c->chunk_left;
		ptrdiff_t end;
		char *stop;

		if (n && c->keep)
			buf_add(c->keep, c->in, n);
		c->received += n;
		c->chunk_left -= n;
		drop_front(c, n);
		end = slice_find(slice_mem(c->in, c->got), SLICE("\r\n"));
		if (c->chunk_left || end < 0)
			return c->got == sizeof(c->in) ? STEP_FAILED
						       : STEP_READ;
		if (end == 0 && c->last_chunk)
			return STEP_DONE;
		if (end > 0 && !c->last_chunk) {
			c->chunk_left = strtoull(c->in, &stop, 16);
			if (stop == c->in || stop > c->in + end)
				return STEP_FAILED;
			c->last_chunk = c->chunk_left == 0;
		}
		drop_front(c, (size_t)end + 2);
	}
}

static enum load_step
take_body(struct load_conn *c)
{
	uint64_t n = c->length - c->received;

	if (c->got < n)
		n = c->got;
	if (c->keep)
		buf_add(c->keep, c->in, n);
	c->received += n;
	c->got -= n;
	return c->received == c->length ? STEP_DONE : STEP_READ;
}

/* Looks at what came; STEP_READ: more is needed. */
static enum load_step
take(struct load_conn *c)
{
	while (c->status == 0) {
		enum load_step s = take_head(c);

		if (s != STEP_DONE)
			return s;
	}
	if (!has_body(c))
		return STEP_DONE;
	return c->chunked ? take_chunks(c) : take_body(c);
}

/* Bytes that nobody looks at are dropped where they are: MSG_TRUNC makes TCP
 * copy nothing, so no page of this is ever touched. */
static char nowhere[DROP_BYTES];

static ssize_t
receive(struct load_conn *c)
{
	int flags = c->blocking ? 0 : MSG_DONTWAIT;
	uint64_t rest = c->length - c->received;
	ssize_t n;

	if (c->status && !c->chunked && !c->keep) {
		n = recv(c->fd, nowhere, rest < DROP_BYTES ? rest : DROP_BYTES,
			 flags | MSG_TRUNC);
		if (n > 0)
			c->received += (uint64_t)n;
		return n;
	}
	n = recv(c->fd, c->in + c->got, sizeof(c->in) - c->got, flags);
	if (n > 0)
		c->got += (uint64_t)n;
	return n;
}

enum load_step
load_conn_step(struct load_conn *c)
{
	enum load_step s = send_some(c);

	while (s == STEP_DONE || s == STEP_READ) {
		ssize_t n = receive(c);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && !c->blocking)
			return STEP_READ;
		if (n <= 0)
			return STEP_FAILED;
		s = take(c);
		if (s == STEP_DONE)
			return s;
	}
	return s;
}
