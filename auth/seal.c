/*
 * AES-256-GCM by OpenSSL.
 */
#include "auth/seal.h"
#include "base/random.h"

#include <openssl/evp.h>

#define NONCE_BYTES 12
#define TAG_BYTES 16
#define SEAL_MAX 65536 /* OpenSSL counts in int */

static const unsigned char *
bytes(struct slice s)
{
	return (const unsigned char *)s.p;
}

int
seal(const uint8_t key[SEAL_KEY_BYTES], struct slice bound, struct slice plain,
     uint8_t *out)
{
	uint8_t *text = out + NONCE_BYTES, *tag = text + plain.n;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n, rc = -1;

	random_bytes(out, NONCE_BYTES);
	if (c && plain.n <= SEAL_MAX && bound.n <= SEAL_MAX &&
	    EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, out) == 1 &&
	    EVP_EncryptUpdate(c, NULL, &n, bytes(bound), (int)bound.n) == 1 &&
	    EVP_EncryptUpdate(c, text, &n, bytes(plain), (int)plain.n) == 1 &&
	    EVP_EncryptFinal_ex(c, tag, &n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1)
		rc = 0;
	EVP_CIPHER_CTX_free(c);
	return rc;
}

int
seal_open(const uint8_t key[SEAL_KEY_BYTES], struct slice bound,
	  struct slice sealed, void *out)
{
	struct slice text = slice_from(sealed, NONCE_BYTES);
	uint8_t tag[TAG_BYTES];
	EVP_CIPHER_CTX *c;
	int n, rc = -1;

	if (sealed.n < SEAL_EXTRA_BYTES || sealed.n > SEAL_MAX ||
	    bound.n > SEAL_MAX)
		return -1;
	text.n -= TAG_BYTES;
	memcpy(tag, text.p + text.n, TAG_BYTES);
	c = EVP_CIPHER_CTX_new();
	if (c &&
	    EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key,
			       bytes(sealed)) == 1 &&
	    EVP_DecryptUpdate(c, NULL, &n, bytes(bound), (int)bound.n) == 1 &&
	    EVP_DecryptUpdate(c, out, &n, bytes(text), (int)text.n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) == 1 &&
	    EVP_DecryptFinal_ex(c, (uint8_t *)out + text.n, &n) == 1)
		rc = 0;
	else
		secret_wipe(out, text.n);
	EVP_CIPHER_CTX_free(c);
	return rc;
}
