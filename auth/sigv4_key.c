/*
 * Signing keys and signatures. Deriving a key takes four HMACs and its result
 * serves a whole day, so the last few keys are kept.
 *
 * Shared state: cache[], under cache_lock; no other lock is taken inside. An
 * entry is found by everything its key is derived from, the secret included: a
 * rotated secret simply misses.
 */
#include "auth/sigv4.h"
#include "base/encode.h"

#include <pthread.h>

#define CACHE_ENTRIES 32
#define CACHE_ID_MAX 384 /* of longer ones the key is derived each time */
#define TERMINATOR "aws4_request"

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t cache_clock;
static struct {
	uint64_t used; /* cache_clock of the last use; 0: empty */
	struct cache_id {
		size_t n;
		char text[CACHE_ID_MAX];
	} id;
	uint8_t key[SHA256_BYTES];
} cache[CACHE_ENTRIES];

struct slice
sigv4_scope_text(const struct sigv4_scope *scope, struct arena *a)
{
	const struct slice slash = SLICE("/");
	const struct slice parts[] = { scope->date,    slash,
				       scope->region,  slash,
				       scope->service, SLICE("/" TERMINATOR) };

	return arena_concat(a, parts, ARRAY_LEN(parts));
}

struct slice
sigv4_string_to_sign(struct slice amz_date, struct slice scope,
		     struct slice canonical_request, struct arena *a)
{
	char hash[SHA256_HEX_MAX];
	const struct slice line = SLICE("\n");
	const struct slice parts[] = {
		SLICE(SIGV4_ALGORITHM "\n"), amz_date, line, scope, line,
		{ hash, SHA256_HEX_MAX - 1 }
	};

	sha256_hex(canonical_request.p, canonical_request.n, hash);
	return arena_concat(a, parts, ARRAY_LEN(parts));
}

void
sigv4_derive_key(struct slice secret, const struct sigv4_scope *scope,
		 uint8_t key[SHA256_BYTES])
{
	const struct slice steps[] = { scope->date, scope->region,
				       scope->service, SLICE(TERMINATOR) };
	char first[4 + sizeof(((struct auth_key *)NULL)->secret)] = "AWS4";
	uint8_t step[SHA256_BYTES];

	secret = slice_head(secret, sizeof(first) - 4);
	if (secret.n)
		memcpy(first + 4, secret.p, secret.n);
	hmac_sha256(first, 4 + secret.n, steps[0].p, steps[0].n, key);
	for (size_t i = 1; i < ARRAY_LEN(steps); i++) {
		memcpy(step, key, sizeof(step));
		hmac_sha256(step, sizeof(step), steps[i].p, steps[i].n, key);
	}
	secret_wipe(first, sizeof(first));
	secret_wipe(step, sizeof(step));
}

/* No byte of the parts is NUL, so the NUL between them keeps them apart.
 * -1: too long, n is 0 then. */
static int
make_id(struct slice access_key, struct slice secret,
	const struct sigv4_scope *scope, struct cache_id *id)
{
	const struct slice parts[] = { access_key, secret, scope->date,
				       scope->region, scope->service };

	id->n = 0;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (parts[i].n >= sizeof(id->text) - id->n) {
			secret_wipe(id->text, id->n);
			id->n = 0;
			return -1;
		}
		if (parts[i].n)
			memcpy(id->text + id->n, parts[i].p, parts[i].n);
		id->n += parts[i].n;
		id->text[id->n++] = '\0';
	}
	return 0;
}

static bool
cache_get(const struct cache_id *id, uint8_t key[SHA256_BYTES])
{
	bool found = false;

	pthread_mutex_lock(&cache_lock);
	for (size_t i = 0; i < CACHE_ENTRIES && !found; i++) {
		if (!cache[i].used || cache[i].id.n != id->n ||
		    !bytes_equal(cache[i].id.text, id->text, id->n))
			continue;
		cache[i].used = ++cache_clock;
		memcpy(key, cache[i].key, SHA256_BYTES);
		found = true;
	}
	pthread_mutex_unlock(&cache_lock);
	return found;
}

static void
cache_put(const struct cache_id *id, const uint8_t key[SHA256_BYTES])
{
	size_t oldest = 0;

	pthread_mutex_lock(&cache_lock);
	for (size_t i = 1; i < CACHE_ENTRIES; i++)
		if (cache[i].used < cache[oldest].used)
			oldest = i;
	cache[oldest].used = ++cache_clock;
	secret_wipe(&cache[oldest].id, sizeof(cache[oldest].id));
	cache[oldest].id.n = id->n;
	memcpy(cache[oldest].id.text, id->text, id->n);
	memcpy(cache[oldest].key, key, SHA256_BYTES);
	pthread_mutex_unlock(&cache_lock);
}

void
sigv4_signing_key(struct slice access_key, struct slice secret,
		  const struct sigv4_scope *scope, uint8_t key[SHA256_BYTES])
{
	struct cache_id id;
	bool cacheable = make_id(access_key, secret, scope, &id) == 0;

	if (!cacheable || !cache_get(&id, key)) {
		sigv4_derive_key(secret, scope, key);
		if (cacheable)
			cache_put(&id, key);
	}
	secret_wipe(id.text, id.n);
}

void
sigv4_signature(const uint8_t key[SHA256_BYTES], struct slice string_to_sign,
		char out[SHA256_HEX_MAX])
{
	uint8_t mac[SHA256_BYTES];

	hmac_sha256(key, SHA256_BYTES, string_to_sign.p, string_to_sign.n, mac);
	hex_encode(mac, sizeof(mac), out);
}

struct slice
sigv4_spaced_hex(struct arena *a, struct slice s)
{
	static const char digit[] = "0123456789abcdef";
	char *out = arena_array(a, s.n, 3);

	if (!out)
		return SLICE_EMPTY;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		out[3 * i] = digit[c >> 4];
		out[3 * i + 1] = digit[c & 15];
		out[3 * i + 2] = ' ';
	}
	return slice_mem(out, s.n ? 3 * s.n - 1 : 0);
}
