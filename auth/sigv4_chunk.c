/*
 * The signatures inside an aws-chunked body, for those who verify and those
 * who send one ("Signature Calculations for the Authorization Header:
 * Transferring Payload in Multiple Chunks").
 */
#include "auth/sigv4.h"
#include "base/encode.h"

static void
sign_part(struct signer_chain *chain, const char *kind, const char *middle,
	  const uint8_t digest[SHA256_BYTES])
{
	char text[512], hex[SHA256_HEX_MAX];
	uint8_t mac[SHA256_BYTES];
	int n;

	hex_encode(digest, SHA256_BYTES, hex);
	n = snprintf(
	    text, sizeof(text), "AWS4-HMAC-SHA256-%s\n%s\n%s\n%s\n%s%s", kind,
	    chain->amz_date, chain->scope, chain->previous, middle, hex);
	hmac_sha256(chain->key, SHA256_BYTES, text, (size_t)n, mac);
	hex_encode(mac, sizeof(mac), chain->previous);
}

void
sigv4_sign_chunk(struct signer_chain *chain, const uint8_t sha256[SHA256_BYTES])
{
	sign_part(chain, "PAYLOAD", SIGV4_EMPTY_SHA256 "\n", sha256);
}

void
sigv4_sign_trailer(struct signer_chain *chain,
		   const uint8_t sha256[SHA256_BYTES])
{
	sign_part(chain, "TRAILER", "", sha256);
}

void
sigv4_chain_of(const struct auth_identity *id, struct signer_chain *out)
{
	memcpy(out->key, id->signing_key, sizeof(out->key));
	memcpy(out->previous, id->seed_signature, sizeof(out->previous));
	memcpy(out->amz_date, id->amz_date, sizeof(out->amz_date));
	memcpy(out->scope, id->scope, sizeof(out->scope));
}
