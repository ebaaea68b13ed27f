/*
 * Key sets: what is taken is bounded and never verifies what nobody signed;
 * loading the same text again gives the same keys.
 */
#include "auth/jwks.h"
#include "base/log.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char bytes[256];
	struct slice in = slice_mem(data, size);
	size_t n = 0, again = 0;
	struct jwks *k;

	fuzz_setup();
	log_set_level(LOG_ERROR); /* each skipped key has its line */
	k = jwks_new();
	REQUIRE(k);
	if (jwks_load(k, in, &n) == 0) {
		REQUIRE(n <= JWKS_KEYS_MAX);
		REQUIRE(jwks_load(k, in, &again) == 0 && again == n);
		REQUIRE(jwks_verify(k, JWK_RS256, NULL, SLICE("a.b"),
				    slice_mem(bytes, sizeof(bytes))) !=
			JWKS_GOOD);
		REQUIRE(jwks_verify(k, JWK_ES256, NULL, SLICE("a.b"),
				    slice_mem(bytes, 64)) != JWKS_GOOD);
	} else {
		REQUIRE(jwks_verify(k, JWK_RS256, NULL, SLICE("a.b"),
				    SLICE("c")) == JWKS_EMPTY);
	}
	jwks_free(k);
	return 0;
}
