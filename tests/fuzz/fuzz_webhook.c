/*
 * Webhooks: "secrets LF id LF timestamp LF signature LF body" as it is, never
 * accepted by a fresh key; and what the same keys sign verifies.
 */
#include "auth/webhook.h"
#include "base/random.h"
#include "base/timeval.h"
#include "tests/fuzz/fuzz.h"

#define NOW_US (1614265330 * US_PER_S)

/* Signed by these keys, it verifies; with another body it does not. */
static void
check_signed(const struct webhook_keys *keys, struct slice id,
	     struct slice body)
{
	struct webhook_head head = { .id = id,
				     .timestamp = SLICE("1614265330") };
	const struct slice name = SLICE("webhook-signature: ");
	struct buf lines = BUF_INIT;
	const char *why;

	if (webhook_sign(keys, id, NOW_US, body, &lines) == 0) {
		struct slice text = buf_slice(&lines);

		text =
		    slice_from(text, (size_t)slice_find(text, name) + name.n);
		head.signature = slice_head(text, text.n - 2);
		REQUIRE(webhook_verify(keys, &head, body, NOW_US, &why) == 0);
		if (body.n)
			REQUIRE(webhook_verify(keys, &head, slice_from(body, 1),
					       NOW_US, &why) == -1);
	}
	buf_release(&lines);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_mem(data, size), secrets;
	struct webhook_head head = { 0 };
	struct webhook_keys keys, fresh = { .n = 1 };
	const char *why;

	fuzz_setup();
	fresh.key[0].n = SHA256_BYTES;
	random_bytes(fresh.key[0].bytes, SHA256_BYTES);
	slice_cut(&in, '\n', &secrets);
	slice_cut(&in, '\n', &head.id);
	slice_cut(&in, '\n', &head.timestamp);
	slice_cut(&in, '\n', &head.signature);
	REQUIRE(webhook_verify(&fresh, &head, in, NOW_US, &why) == -1 && why);
	if (webhook_keys_parse(secrets, &keys, &why) == 0) {
		if (webhook_verify(&keys, &head, in, NOW_US, &why) == 0)
			REQUIRE(keys.n > 0);
		check_signed(&keys, head.id, in);
	} else {
		REQUIRE(why && keys.n == 0);
	}
	return 0;
}
