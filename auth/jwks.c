/*
 * The keys in force. A set never changes after it was made: loading makes a
 * new one and swaps the pointer, and the last user of the old one frees it.
 *
 * Shared state: k->set, the counts of users of all sets; lock: k->lock, held
 * for a few instructions only. No other lock is taken under it.
 */
#include "auth/jwks.h"
#include "auth/jwks_key.h"
#include "base/log.h"

#include <pthread.h>

struct jwk_set {
	unsigned users; /* the cache is one of them; under its lock */
	size_t n;
	struct jwk keys[JWKS_KEYS_MAX];
};

struct jwks {
	pthread_mutex_t lock;
	struct jwk_set *set; /* NULL: none was loaded yet */
	void (*unknown)(void *ctx);
	void *unknown_ctx;
};

/* ---- sets --------------------------------------------------------------- */

static void
set_free(struct jwk_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		jwk_release(&set->keys[i]);
	free(set);
}

static struct jwk_set *
set_take(struct jwks *k)
{
	struct jwk_set *set;

	pthread_mutex_lock(&k->lock);
	set = k->set;
	if (set)
		set->users++;
	pthread_mutex_unlock(&k->lock);
	return set;
}

static void
set_put(struct jwks *k, struct jwk_set *set)
{
	bool last;

	if (!set)
		return;
	pthread_mutex_lock(&k->lock);
	last = --set->users == 0;
	pthread_mutex_unlock(&k->lock);
	if (last)
		set_free(set);
}

static void
set_add(struct jwk_set *set, const cJSON *json, size_t number)
{
	const char *kid = json_str(json, "kid"), *why = "too many keys";

	if (set->n < JWKS_KEYS_MAX &&
	    jwk_read(&set->keys[set->n], json, &why) == 0)
		set->n++;
	else
		log_warn("jwk_skipped", "key %zu (kid %.64s): %s", number,
			 kid ? kid : "missing", why);
}

static struct jwk_set *
set_read(struct slice text)
{
	cJSON *doc = text.n <= JWKS_TEXT_MAX ? json_parse(text) : NULL;
	const cJSON *keys = cJSON_GetObjectItemCaseSensitive(doc, "keys");
	struct jwk_set *set = NULL;
	const cJSON *item;
	size_t number = 0;

	if (cJSON_IsObject(doc) && cJSON_IsArray(keys) &&
	    json_names_unique(doc))
		set = calloc(1, sizeof(*set));
	if (set) {
		set->users = 1;
		cJSON_ArrayForEach(item, keys)
		{
			if (++number <= JWKS_KEYS_MAX * 2)
				set_add(set, item, number);
		}
	}
	cJSON_Delete(doc);
	return set;
}

/* ---- the cache ---------------------------------------------------------- */

struct jwks *
jwks_new(void)
{
	struct jwks *k = calloc(1, sizeof(*k));

	if (k)
		pthread_mutex_init(&k->lock, NULL);
	return k;
}

void
jwks_free(struct jwks *k)
{
	if (!k)
		return;
	set_put(k, k->set);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

void
jwks_on_unknown(struct jwks *k, void (*unknown)(void *ctx), void *ctx)
{
	k->unknown = unknown;
	k->unknown_ctx = ctx;
}

int
jwks_load(struct jwks *k, struct slice text, size_t *n_keys)
{
	struct jwk_set *set = set_read(text), *old;

	if (!set)
		return -1;
	*n_keys = set->n;
	pthread_mutex_lock(&k->lock);
	old = k->set;
	k->set = set;
	pthread_mutex_unlock(&k->lock);
	set_put(k, old);
	return 0;
}

static bool
key_fits(const struct jwk *key, enum jwk_alg alg, const char *kid)
{
	return key->alg == alg && (!kid || strcmp(key->kid, kid) == 0);
}

enum jwks_answer
jwks_verify(struct jwks *k, enum jwk_alg alg, const char *kid,
	    struct slice signed_part, struct slice signature)
{
	struct jwk_set *set = set_take(k);
	enum jwks_answer answer = set ? JWKS_UNKNOWN : JWKS_EMPTY;

	for (size_t i = 0; set && i < set->n && answer != JWKS_GOOD; i++)
		if (key_fits(&set->keys[i], alg, kid))
			answer =
			    jwk_verify(&set->keys[i], signed_part, signature)
				? JWKS_GOOD
				: JWKS_BAD;
	set_put(k, set);
	if (answer == JWKS_UNKNOWN && k->unknown)
		k->unknown(k->unknown_ctx);
	return answer;
}
