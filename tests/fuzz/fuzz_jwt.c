/*
 * User tokens: the input as it is (never accepted: the secret is fresh), and
 * the input as "header LF claims" under a right signature.
 */
#include "auth/auth.h"
#include "base/encode.h"
#include "base/random.h"
#include "base/timeval.h"
#include "tests/fuzz/fuzz.h"

#define NOW_US (1700000000 * US_PER_S)

static uint8_t secret[32];

static void
check_signed(const struct auth_jwt_conf *conf, struct slice in)
{
	struct auth_claims claims = { 0 };
	struct buf token = BUF_INIT;
	uint8_t mac[SHA256_BYTES];
	struct slice header;
	const char *why;

	slice_cut(&in, '\n', &header);
	base64url_encode(&token, header.p, header.n);
	buf_putc(&token, '.');
	base64url_encode(&token, in.p, in.n);
	hmac_sha256(secret, sizeof(secret), token.p, token.n, mac);
	buf_putc(&token, '.');
	base64url_encode(&token, mac, sizeof(mac));
	if (auth_jwt_verify(conf, buf_slice(&token), NOW_US, &claims, &why) ==
	    0) {
		REQUIRE(uuid_valid(slice_str(claims.sub)));
		REQUIRE(claims.exp_s + 60 > NOW_US / US_PER_S - 1);
	} else {
		REQUIRE(why && claims.sub[0] == '\0');
	}
	buf_release(&token);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_jwt_conf conf = { .audience = "authenticated",
				      .issuer = "" };
	struct slice in = slice_mem(data, size);
	struct auth_claims claims;
	const char *why;

	fuzz_setup();
	if (!secret[0])
		random_bytes(secret, sizeof(secret));
	conf.secret = slice_mem(secret, sizeof(secret));
	REQUIRE(auth_jwt_verify(&conf, in, NOW_US, &claims, &why) == -1);
	check_signed(&conf, in);
	return 0;
}
