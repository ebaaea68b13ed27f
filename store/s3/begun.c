/*
 * Slots by the digest of bucket, key and id, under one lock that nothing is
 * waited for in.
 */
#include "store/s3/begun.h"
#include "base/hash.h"

#include <pthread.h>

#define SLOTS 1024u

struct begun {
	char name[SHA256_HEX_MAX]; /* digest; "": an empty slot */
	struct s3_begun_facts facts;
};

struct s3_begun {
	pthread_mutex_t mu; /* of all slots */
	struct begun slots[SLOTS];
};

struct s3_begun *
s3_begun_new(void)
{
	struct s3_begun *b = calloc(1, sizeof(*b));

	if (b)
		pthread_mutex_init(&b->mu, NULL);
	return b;
}

void
s3_begun_free(struct s3_begun *b)
{
	if (!b)
		return;
	pthread_mutex_destroy(&b->mu);
	free(b);
}

/* Its slot, and its name; NULL when memory is short. */
static struct begun *
slot_of(struct s3_begun *b, const struct s3_upload_ref *upload,
	char name[SHA256_HEX_MAX])
{
	struct buf text = BUF_INIT;
	struct begun *slot = NULL;

	/* no part of it has a NUL */
	buf_put(&text, upload->bucket);
	buf_putc(&text, '\0');
	buf_put(&text, upload->key);
	buf_putc(&text, '\0');
	buf_put(&text, upload->id);
	if (buf_ok(&text)) {
		sha256_hex(text.p, text.n, name);
		slot = &b->slots[crc32c(0, name, SHA256_HEX_MAX - 1) % SLOTS];
	}
	buf_release(&text);
	return slot;
}

bool
s3_begun_find(struct s3_begun *b, const struct s3_upload_ref *upload,
	      struct s3_begun_facts *out)
{
	char name[SHA256_HEX_MAX];
	const struct begun *slot = slot_of(b, upload, name);
	bool found;

	if (!slot)
		return false;
	pthread_mutex_lock(&b->mu);
	found = strcmp(slot->name, name) == 0;
	if (found)
		*out = slot->facts;
	pthread_mutex_unlock(&b->mu);
	return found;
}

void
s3_begun_keep(struct s3_begun *b, const struct s3_upload_ref *upload,
	      struct slice storage_class, uint16_t checksum_alg,
	      bool checksum_composite)
{
	char name[SHA256_HEX_MAX];
	struct begun *slot = slot_of(b, upload, name);
	struct s3_begun_facts facts = { .checksum_alg = checksum_alg,
					.checksum_composite =
					    checksum_composite };

	if (!slot || s3_text_copy(storage_class, facts.storage_class,
				  sizeof(facts.storage_class)) != 0)
		return;
	pthread_mutex_lock(&b->mu);
	memcpy(slot->name, name, sizeof(slot->name));
	slot->facts = facts;
	pthread_mutex_unlock(&b->mu);
}

void
s3_begun_forget(struct s3_begun *b, const struct s3_upload_ref *upload)
{
	char name[SHA256_HEX_MAX];
	struct begun *slot = slot_of(b, upload, name);

	if (!slot)
		return;
	pthread_mutex_lock(&b->mu);
	if (strcmp(slot->name, name) == 0)
		slot->name[0] = '\0';
	pthread_mutex_unlock(&b->mu);
}
