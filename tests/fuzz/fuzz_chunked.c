/*
 * The aws-chunked decoder: bytes 0 to 3 choose form, split and length, the
 * rest is the body. Any split gives the result of no split.
 */
#include "auth/auth.h"
#include "base/buf.h"
#include "tests/fuzz/fuzz.h"

static enum s3_error
into_buf(void *ctx, const void *p, size_t n)
{
	buf_add(ctx, p, n);
	return S3_OK;
}

static enum s3_error
decode(const struct auth_chunked_conf *conf, struct slice body, size_t step,
       struct buf *payload)
{
	struct auth_chunked *c = auth_chunked_new(conf);
	struct s3_detail detail = { 0 };
	enum s3_error err = S3_OK;
	struct arena a;

	REQUIRE(c);
	arena_init(&a, 4096);
	while (body.n && err == S3_OK) {
		struct slice piece = slice_head(body, step);

		err = auth_chunked_feed(c, piece.p, piece.n, into_buf, payload,
					&detail, &a);
		body = slice_from(body, piece.n);
	}
	if (err == S3_OK) {
		err = auth_chunked_finish(c);
		REQUIRE(err != S3_OK || payload->n == conf->decoded_length);
		REQUIRE(err != S3_OK || conf->trailer.n == 0 ||
			auth_chunked_trailer(c).n);
	}
	auth_chunked_free(c);
	arena_release(&a);
	return err;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum auth_payload forms[] = {
		AUTH_PAYLOAD_UNSIGNED_TRAILER, AUTH_PAYLOAD_CHUNKS,
		AUTH_PAYLOAD_CHUNKS_TRAILER
	};
	struct auth_identity id = { .kind = AUTH_HEADER,
				    .amz_date = "20130524T000000Z",
				    .scope =
					"20130524/us-east-1/s3/aws4_request" };
	struct auth_chunked_conf conf = { .id = &id };
	struct buf whole = BUF_INIT, pieces = BUF_INIT;
	struct slice body;

	fuzz_setup();
	if (size < 4)
		return 0;
	id.payload = forms[data[0] / 2 % 3];
	conf.trailer =
	    data[0] % 2 ? SLICE("x-amz-checksum-crc32") : SLICE_EMPTY;
	conf.decoded_length = (uint64_t)data[2] << 8 | data[3];
	body = slice_mem(data + 4, size - 4);
	REQUIRE(decode(&conf, body, SIZE_MAX, &whole) ==
		decode(&conf, body, data[1] + 1u, &pieces));
	REQUIRE(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
	buf_release(&whole);
	buf_release(&pieces);
	return 0;
}
