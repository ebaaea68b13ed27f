/*
 * Slots by the name's hash, under one lock that nothing is waited for in.
 */
#include "store/s3/known.h"
#include "base/hash.h"
#include "base/timeval.h"

#include <pthread.h>

#define SLOTS 1024u
#define CORS_SLOTS 128u /* each may hold a document of 64 KiB */
#define ABSENT_US US_PER_S

struct known_name {
	char text[STORE_BUCKET_MAX + 1]; /* "": an empty slot */
	int64_t until_us;
};

struct s3_known {
	pthread_mutex_t mu; /* of all below */
	uint64_t generation;
	struct {
		struct known_name name;
		struct s3_bucket_facts facts;
	} slots[SLOTS];
	struct {
		struct known_name name;
		struct buf document;
	} cors[CORS_SLOTS];
};

struct s3_known *
s3_known_new(void)
{
	struct s3_known *k = calloc(1, sizeof(*k));

	if (k)
		pthread_mutex_init(&k->mu, NULL);
	return k;
}

void
s3_known_free(struct s3_known *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < CORS_SLOTS; i++)
		buf_release(&k->cors[i].document);
	pthread_mutex_destroy(&k->mu);
	free(k);
}

static uint32_t
place(struct slice name, uint32_t slots)
{
	return crc32c(0, name.p, name.n) % slots;
}

static bool
is_known(const struct known_name *slot, struct slice name)
{
	return slice_eq_str(name, slot->text) &&
	       time_mono_us() < slot->until_us;
}

static void
set_name(struct known_name *slot, struct slice name, int64_t for_us)
{
	name = slice_head(name, STORE_BUCKET_MAX);
	memcpy(slot->text, name.p, name.n);
	slot->text[name.n] = '\0';
	slot->until_us = time_mono_us() + for_us;
}

bool
s3_known_find(struct s3_known *k, struct slice name,
	      struct s3_bucket_facts *out, uint64_t *generation)
{
	uint32_t at = place(name, SLOTS);
	bool found;

	pthread_mutex_lock(&k->mu);
	found = is_known(&k->slots[at].name, name);
	if (found)
		*out = k->slots[at].facts;
	*generation = k->generation;
	pthread_mutex_unlock(&k->mu);
	return found;
}

void
s3_known_keep(struct s3_known *k, struct slice name,
	      const struct s3_bucket_facts *facts, uint64_t generation)
{
	uint32_t at = place(name, SLOTS);

	pthread_mutex_lock(&k->mu);
	if (k->generation == generation) {
		set_name(&k->slots[at].name, name,
			 facts->err == S3_OK ? S3_KNOWN_US : ABSENT_US);
		k->slots[at].facts = *facts;
	}
	pthread_mutex_unlock(&k->mu);
}

bool
s3_known_find_cors(struct s3_known *k, struct slice name, struct arena *a,
		   struct slice *out, uint64_t *generation)
{
	uint32_t at = place(name, CORS_SLOTS);
	bool found;

	pthread_mutex_lock(&k->mu);
	found = is_known(&k->cors[at].name, name);
	if (found)
		*out = arena_copy(a, buf_slice(&k->cors[at].document));
	*generation = k->generation;
	pthread_mutex_unlock(&k->mu);
	return found;
}

void
s3_known_keep_cors(struct s3_known *k, struct slice name, struct slice document,
		   uint64_t generation)
{
	uint32_t at = place(name, CORS_SLOTS);

	pthread_mutex_lock(&k->mu);
	if (k->generation == generation) {
		buf_release(&k->cors[at].document);
		buf_put(&k->cors[at].document, document);
		set_name(&k->cors[at].name, name,
			 buf_ok(&k->cors[at].document) ? S3_KNOWN_US : 0);
	}
	pthread_mutex_unlock(&k->mu);
}

void
s3_known_forget(struct s3_known *k, struct slice name)
{
	pthread_mutex_lock(&k->mu);
	k->generation++;
	k->slots[place(name, SLOTS)].name.text[0] = '\0';
	k->cors[place(name, CORS_SLOTS)].name.text[0] = '\0';
	pthread_mutex_unlock(&k->mu);
}
