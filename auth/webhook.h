/*
 * webhook.h - signed messages between servers, by the Standard Webhooks
 * specification 1.0.0 with a shared secret: headers webhook-id,
 * webhook-timestamp (seconds) and webhook-signature, a list of "v1,<base64>"
 * separated by blanks, each the HMAC-SHA256 of "id.timestamp.body".
 * No policy of ours in here: what was seen before, the caller remembers.
 * Threads: any.
 */
#ifndef AUTH_WEBHOOK_H
#define AUTH_WEBHOOK_H

#include "base/hash.h"

#define WEBHOOK_KEYS_MAX 4
#define WEBHOOK_KEY_BYTES_MAX 128
#define WEBHOOK_ID_MAX 128 /* bytes */
#define WEBHOOK_TOLERANCE_S 300

struct webhook_keys {
	size_t n;
	struct webhook_key {
		uint8_t bytes[WEBHOOK_KEY_BYTES_MAX];
		size_t n;
	} key[WEBHOOK_KEYS_MAX];
};

/*
 * webhook_keys_parse - secrets separated by blanks, the present one first:
 * all verify, all sign. "whsec_" and base64 of 24 to 64 bytes, or any other
 * text of 16 to 128 bytes, which is the key as it stands. An empty text is no
 * key. 0, or -1 with a reason in *why that holds nothing of the secret.
 */
int MUST_CHECK webhook_keys_parse(struct slice text, struct webhook_keys *out,
				  const char **why);
void webhook_keys_wipe(struct webhook_keys *keys);

struct webhook_head {
	struct slice id, timestamp,
	    signature; /* of the headers; may be empty */
};
/*
 * webhook_verify - was this body signed by one of the keys, within
 * WEBHOOK_TOLERANCE_S of now? The id is visible ASCII without a full stop, so
 * that id, time and body cannot be read in two ways. 0, or -1 with one word
 * of reason in *why. Compares in constant time, with every key.
 */
int MUST_CHECK webhook_verify(const struct webhook_keys *keys,
			      const struct webhook_head *head,
			      struct slice body, int64_t now_us,
			      const char **why);

/*
 * webhook_sign - appends the three headers' lines, ended by CR LF: signed by
 * each key. -1 without a key, for an id that does not verify, and on memory
 * shortage.
 */
int MUST_CHECK webhook_sign(const struct webhook_keys *keys, struct slice id,
			    int64_t now_us, struct slice body,
			    struct buf *lines);

/* Is it one of the secrets, as the text spells them? In constant time. */
bool webhook_secret_is(struct slice secrets, struct slice given);

#endif
