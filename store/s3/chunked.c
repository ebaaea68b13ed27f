/*
 * aws-chunked, the sending side ("Signature Calculations for the Authorization
 * Header: Transferring Payload in Multiple Chunks"; auth/chunked.c reads it):
 *
 *   <hex size>[;chunk-signature=<64 hex>] CRLF <data> CRLF   each chunk
 *   0[;chunk-signature=<64 hex>] CRLF
 *   [<trailer> CRLF] [x-amz-trailer-signature:<64 hex> CRLF]
 *   CRLF
 */
#include "store/s3/chunked.h"
#include "base/encode.h"
#include "store/s3/remote.h"
#include "store/s3/xml.h"

#define CHUNK (256u << 10) /* payload of all but the last */
#define HEAD_MAX 128u
#define END_MAX 512u
#define SIGNATURE ";chunk-signature="
#define TRAILER_SIGNATURE "x-amz-trailer-signature:"
#define HEX (SHA256_HEX_MAX - 1)

int
s3_chunked_init(struct s3_chunked *c, uint64_t size, enum hash_alg alg,
		bool is_https)
{
	*c = (struct s3_chunked){ .alg = alg,
				  .is_signed = alg == HASH_NONE || !is_https,
				  .size = size };
	c->frame = malloc(HEAD_MAX + CHUNK + END_MAX);
	return c->frame ? 0 : -1;
}

int
s3_chunked_init_plain(struct s3_chunked *c, uint64_t size)
{
	int rc = s3_chunked_init(c, size, HASH_NONE, true);

	c->is_plain = true;
	return rc;
}

void
s3_chunked_release(struct s3_chunked *c)
{
	free(c->frame);
	c->frame = NULL;
}

const char *
s3_chunked_payload(const struct s3_chunked *c)
{
	if (c->alg == HASH_NONE)
		return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
	return c->is_signed ? "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
			    : "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
}

/* "<hex size>[;chunk-signature=...]\r\n" */
static uint64_t
head_length(const struct s3_chunked *c, size_t n)
{
	return (uint64_t)snprintf(NULL, 0, "%zx", n) +
	       (c->is_signed ? strlen(SIGNATURE) + HEX : 0) + 2;
}

uint64_t
s3_chunked_length(const struct s3_chunked *c)
{
	size_t last = (size_t)(c->size % CHUNK);
	uint64_t n = c->size + c->size / CHUNK * (head_length(c, CHUNK) + 2);

	if (c->is_plain)
		return c->size;
	if (last)
		n += head_length(c, last) + 2;
	n += head_length(c, 0) + 2;
	if (c->alg == HASH_NONE)
		return n;
	n += strlen(s3_sum_field(c->alg)) + 1 +
	     (hash_size(c->alg) + 2) / 3 * 4 + 2;
	return n + (c->is_signed ? strlen(TRAILER_SIGNATURE) + HEX + 2 : 0);
}

/* Puts a chunk's head at @end, backwards; returns its beginning. */
static char *
put_head(const struct s3_chunked *c, struct s3_exchange *x, const char *data,
	 size_t n, char *end)
{
	char head[HEAD_MAX];
	uint8_t digest[SHA256_BYTES];
	size_t length = (size_t)snprintf(head, sizeof(head), "%zx", n);

	if (c->is_signed) {
		sha256(data, n, digest);
		x->remote->signer.sign_chunk(&x->chain, digest);
		length += (size_t)snprintf(head + length, sizeof(head) - length,
					   SIGNATURE "%s", x->chain.previous);
	}
	head[length++] = '\r';
	head[length++] = '\n';
	memcpy(end - length, head, length);
	return end - length;
}

static enum s3_error
send_frame(struct s3_chunked *c, struct s3_exchange *x, char *from, char *to)
{
	c->n = 0;
	return s3_exchange_send(x, from, (size_t)(to - from));
}

/* A full one. */
static enum s3_error
send_chunk(struct s3_chunked *c, struct s3_exchange *x)
{
	char *data = c->frame + HEAD_MAX;

	if (c->is_plain)
		return send_frame(c, x, data, data + CHUNK);
	memcpy(data + CHUNK, "\r\n", 2);
	return send_frame(c, x, put_head(c, x, data, CHUNK, data),
			  data + CHUNK + 2);
}

enum s3_error
s3_chunked_write(struct s3_chunked *c, struct s3_exchange *x, const void *p,
		 size_t n)
{
	char *data = c->frame + HEAD_MAX;
	enum s3_error err = S3_OK;

	for (const char *from = p; n && err == S3_OK;) {
		size_t now = CHUNK - c->n < n ? CHUNK - c->n : n;

		if (now == 0) {
			err = send_chunk(c, x);
			continue;
		}
		memcpy(data + c->n, from, now);
		c->n += now;
		from += now;
		n -= now;
	}
	return err;
}

/* The trailer and its signature, which covers "name:value\n". */
static char *
put_trailer(const struct s3_chunked *c, struct s3_exchange *x,
	    struct slice trailer, char *at)
{
	uint8_t digest[SHA256_BYTES];

	memcpy(at, trailer.p, trailer.n);
	at[trailer.n] = '\n';
	sha256(at, trailer.n + 1, digest);
	at += trailer.n;
	*at++ = '\r';
	*at++ = '\n';
	if (!c->is_signed)
		return at;
	x->remote->signer.sign_trailer(&x->chain, digest);
	return at + snprintf(at, HEAD_MAX, TRAILER_SIGNATURE "%s\r\n",
			     x->chain.previous);
}

enum s3_error
s3_chunked_end(struct s3_chunked *c, struct s3_exchange *x,
	       struct slice trailer)
{
	char *data = c->frame + HEAD_MAX, *end = data + c->n, *from;
	char head[HEAD_MAX], *last;

	if (c->is_plain)
		return send_frame(c, x, data, end);
	from = put_head(c, x, data, c->n, data);
	*end++ = '\r';
	*end++ = '\n';
	last = put_head(c, x, "", 0, head + sizeof(head));
	memcpy(end, last, (size_t)(head + sizeof(head) - last));
	end += head + sizeof(head) - last;
	if (trailer.n)
		end = put_trailer(c, x, trailer, end);
	*end++ = '\r';
	*end++ = '\n';
	return send_frame(c, x, from, end);
}
