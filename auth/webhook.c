/*
 * Standard Webhooks: secrets, signing, verifying. All that is secret goes
 * through constant-time comparison; lengths and counts are not secret.
 */
#include "auth/webhook.h"
#include "base/encode.h"
#include "base/timeval.h"

#define SIGNATURE_MAX 4096 /* bytes of the header */
#define VERSION SLICE("v1,")
#define PREFIX SLICE("whsec_")
#define CODED_BYTES_MIN 24 /* as the specification asks for */
#define CODED_BYTES_MAX 64
#define PLAIN_BYTES_MIN 16

/* ---- secrets ------------------------------------------------------------ */

static int
parse_coded(struct slice text, struct webhook_key *out)
{
	struct buf b = BUF_MAX(WEBHOOK_KEY_BYTES_MAX);
	int rc = -1;

	if (base64_decode(&b, text) == 0 && b.n >= CODED_BYTES_MIN &&
	    b.n <= CODED_BYTES_MAX) {
		memcpy(out->bytes, b.p, b.n);
		out->n = b.n;
		rc = 0;
	}
	secret_release(&b);
	return rc;
}

static int
parse_plain(struct slice text, struct webhook_key *out)
{
	if (text.n < PLAIN_BYTES_MIN || text.n > WEBHOOK_KEY_BYTES_MAX)
		return -1;
	memcpy(out->bytes, text.p, text.n);
	out->n = text.n;
	return 0;
}

int
webhook_keys_parse(struct slice text, struct webhook_keys *out,
		   const char **why)
{
	struct slice one;

	*out = (struct webhook_keys){ 0 };
	*why = NULL;
	while (!*why && slice_cut(&text, ' ', &one)) {
		bool coded = slice_starts(one, PREFIX);
		struct webhook_key *key = &out->key[out->n];

		if (one.n == 0)
			continue;
		if (out->n == WEBHOOK_KEYS_MAX)
			*why = "more than 4 secrets";
		else if (coded && parse_coded(slice_from(one, PREFIX.n), key))
			*why = "behind whsec_ stands base64 of 24 to 64 bytes";
		else if (!coded && parse_plain(one, key))
			*why = "a secret has 16 to 128 characters";
		else
			out->n++;
	}
	if (!*why)
		return 0;
	webhook_keys_wipe(out);
	return -1;
}

void
webhook_keys_wipe(struct webhook_keys *keys)
{
	secret_wipe(keys, sizeof(*keys));
}

bool
webhook_secret_is(struct slice secrets, struct slice given)
{
	struct slice one;
	bool found = false;

	while (slice_cut(&secrets, ' ', &one))
		found |= one.n > 0 && slice_equal_secret(one, given);
	return found;
}

/* ---- signatures --------------------------------------------------------- */

static bool
id_ok(struct slice id)
{
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] <= ' ' || id.p[i] > '~' || id.p[i] == '.')
			return false;
	return id.n > 0 && id.n <= WEBHOOK_ID_MAX;
}

/* The MAC of the message by each key. 0 or -1. */
static int
make_macs(const struct webhook_keys *keys, struct slice id,
	  struct slice timestamp, struct slice body,
	  uint8_t macs[WEBHOOK_KEYS_MAX][SHA256_BYTES])
{
	struct buf text = BUF_INIT;
	bool ok;

	buf_put(&text, id);
	buf_putc(&text, '.');
	buf_put(&text, timestamp);
	buf_putc(&text, '.');
	buf_put(&text, body);
	ok = buf_ok(&text);
	for (size_t i = 0; ok && i < keys->n; i++)
		hmac_sha256(keys->key[i].bytes, keys->key[i].n, text.p, text.n,
			    macs[i]);
	buf_release(&text);
	return ok ? 0 : -1;
}

/* Signatures of other versions, and what is no signature, are passed over. */
static bool
any_matches(struct slice list, size_t n_macs,
	    uint8_t macs[WEBHOOK_KEYS_MAX][SHA256_BYTES])
{
	struct buf mac = BUF_MAX(2 * SHA256_BYTES);
	struct slice one;
	bool found = false;

	while (slice_cut(&list, ' ', &one)) {
		buf_clear(&mac);
		if (!slice_starts(one, VERSION) ||
		    base64_decode(&mac, slice_from(one, VERSION.n)) != 0 ||
		    mac.n != SHA256_BYTES)
			continue;
		for (size_t i = 0; i < n_macs; i++)
			found |= bytes_equal(mac.p, macs[i], SHA256_BYTES);
	}
	buf_release(&mac);
	return found;
}

int
webhook_verify(const struct webhook_keys *keys, const struct webhook_head *head,
	       struct slice body, int64_t now_us, const char **why)
{
	uint8_t macs[WEBHOOK_KEYS_MAX][SHA256_BYTES];
	uint64_t now = (uint64_t)(now_us / US_PER_S), sent;
	int rc = -1;

	*why = "unsigned";
	if (head->id.n == 0 || head->timestamp.n == 0 || head->signature.n == 0)
		return -1;
	*why = "malformed";
	if (!id_ok(head->id) || slice_u64(head->timestamp, &sent) != 0 ||
	    head->signature.n > SIGNATURE_MAX)
		return -1;
	*why = "expired";
	if (sent < now && now - sent > WEBHOOK_TOLERANCE_S)
		return -1;
	*why = "early";
	if (sent > now && sent - now > WEBHOOK_TOLERANCE_S)
		return -1;
	*why = "signature";
	if (make_macs(keys, head->id, head->timestamp, body, macs) == 0 &&
	    any_matches(head->signature, keys->n, macs))
		rc = 0;
	secret_wipe(macs, sizeof(macs));
	return rc;
}

int
webhook_sign(const struct webhook_keys *keys, struct slice id, int64_t now_us,
	     struct slice body, struct buf *lines)
{
	uint8_t macs[WEBHOOK_KEYS_MAX][SHA256_BYTES];
	char sent[24];

	snprintf(sent, sizeof(sent), "%lld", (long long)(now_us / US_PER_S));
	if (keys->n == 0 || !id_ok(id) ||
	    make_macs(keys, id, slice_str(sent), body, macs) != 0)
		return -1;
	buf_printf(lines,
		   "webhook-id: %.*s\r\nwebhook-timestamp: %s\r\n"
		   "webhook-signature:",
		   SLICE_ARG(id), sent);
	for (size_t i = 0; i < keys->n; i++) {
		buf_puts(lines, " v1,");
		base64_encode(lines, macs[i], SHA256_BYTES);
	}
	buf_puts(lines, "\r\n");
	return buf_ok(lines) ? 0 : -1;
}
