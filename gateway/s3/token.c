/*
 * A token is base64url of: CRC32C of the rest (4 bytes), kind, name.
 */
#include "gateway/s3/token.h"
#include "base/encode.h"
#include "base/hash.h"

#define HEAD 4

static void
put_sum(struct slice rest, uint8_t out[HEAD])
{
	uint32_t sum = crc32c(0, rest.p, rest.n);

	for (int i = 0; i < HEAD; i++)
		out[i] = (uint8_t)(sum >> (8 * i));
}

void
token_write(struct buf *out, char kind, struct slice name)
{
	struct buf rest = BUF_INIT, raw = BUF_INIT;
	uint8_t sum[HEAD];

	buf_putc(&rest, kind);
	buf_put(&rest, name);
	put_sum(buf_slice(&rest), sum);
	buf_add(&raw, sum, HEAD);
	buf_put(&raw, buf_slice(&rest));
	if (rest.err || raw.err)
		out->err = true;
	else
		base64url_encode(out, raw.p, raw.n);
	buf_release(&rest);
	buf_release(&raw);
}

int
token_read(struct arena *a, struct slice token, char *kind, struct slice *name)
{
	struct buf raw = BUF_INIT;
	struct slice rest;
	uint8_t sum[HEAD];
	int rc = -1;

	if (base64url_decode(&raw, token) == 0 && raw.n > HEAD) {
		rest = slice_from(buf_slice(&raw), HEAD);
		put_sum(rest, sum);
		if (memcmp(sum, raw.p, HEAD) == 0) {
			*kind = rest.p[0];
			*name = arena_copy(a, slice_from(rest, 1));
			rc = a->err ? -1 : 0;
		}
	}
	buf_release(&raw);
	return rc;
}
