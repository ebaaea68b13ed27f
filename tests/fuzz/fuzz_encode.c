/*
 * Decoders of base/encode.h: what they accept has one spelling, and what the
 * encoders write is accepted.
 */
#include "base/encode.h"
#include "base/random.h"
#include "tests/fuzz/fuzz.h"

static void
check_base64(struct slice in, int (*decode)(struct buf *, struct slice),
	     void (*encode)(struct buf *, const void *, size_t))
{
	struct buf bytes = BUF_INIT, text = BUF_INIT, back = BUF_INIT;

	if (decode(&bytes, in) == 0) {
		encode(&text, bytes.p, bytes.n);
		REQUIRE(slice_eq(buf_slice(&text), in));
	}
	buf_clear(&text);
	encode(&text, in.p, in.n);
	REQUIRE(decode(&back, buf_slice(&text)) == 0);
	REQUIRE(slice_eq(buf_slice(&back), in));
	buf_release(&bytes);
	buf_release(&text);
	buf_release(&back);
}

static void
check_uri(struct slice in)
{
	struct buf bytes = BUF_INIT, text = BUF_INIT, back = BUF_INIT;

	if (uri_decode(&bytes, in, true) == 0)
		REQUIRE(bytes.n <= in.n);
	uri_encode(&text, in, false);
	REQUIRE(uri_decode(&back, buf_slice(&text), true) == 0);
	REQUIRE(slice_eq(buf_slice(&back), in));
	buf_release(&bytes);
	buf_release(&text);
	buf_release(&back);
}

static void
check_fixed(struct slice in)
{
	char text[2 * 64 + 1];
	uint8_t bytes[64];

	if (in.n <= 2 * sizeof(bytes) && in.n % 2 == 0 &&
	    hex_decode(in, bytes, in.n / 2) == 0) {
		hex_encode(bytes, in.n / 2, text);
		REQUIRE(slice_ieq_str(in, text));
	}
	(void)uuid_valid(in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_mem(data, size);

	check_base64(in, base64_decode, base64_encode);
	check_base64(in, base64url_decode, base64url_encode);
	check_uri(in);
	check_fixed(in);
	return 0;
}
