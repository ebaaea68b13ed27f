/*
 * key.h - S3 keys of up to 1,024 bytes in LMDB's 511-byte key space, in order.
 *
 * A record of table M is named
 *     bucket id (4) | key | 00 00 | ~version (8)            key <= KEY_CUT
 * A longer key is cut: its head leads, through a pointer record, to a group
 * of its own in table T, where the rest is stored in the same way:
 *     bucket id (4) | head of KEY_CUT bytes | 00 01         -> group id (8)
 *     group id (8)  | rest | 00 00 | ~version (8)           and so on
 * Integers are big-endian. Keys hold no NUL (the store's wrappers refuse it),
 * so 00 ends a key and sorts before every longer one; all keys that share a
 * head are neighbours, and descending where iteration meets the pointer keeps
 * memcmp order. 1,024 bytes need at most KEY_LEVELS levels. ~version sorts the
 * newest version of a key first.
 * Pure functions over bytes; threads: any.
 */
#ifndef STORE_KEY_H
#define STORE_KEY_H

#include "base/slice.h"

#define KEY_CUT 440u
#define KEY_LEVELS 3u
#define KEY_TAIL_BYTES 10u /* 00 00 | ~version */
#define KEY_ENCODED_MAX (8u + KEY_CUT + KEY_TAIL_BYTES)

/* What stands in front: a bucket (table M) or a group (table T). */
struct key_scope {
	uint8_t p[8];
	size_t n;
};

struct key_encoded {
	size_t n;
	uint8_t p[KEY_ENCODED_MAX];
};

/* An encoded name taken apart. */
struct key_part {
	struct slice text; /* key, rest or head; lies in the input */
	bool is_pointer;
	uint64_t version; /* of a record */
};

struct key_scope key_scope_bucket(uint32_t bucket_id);
struct key_scope key_scope_group(uint64_t group_id);
static inline bool
key_scope_is_group(const struct key_scope *s)
{
	return s->n == 8;
}

/* A record's name; @text at most KEY_CUT bytes. */
void key_record(struct key_encoded *out, const struct key_scope *s,
		struct slice text, uint64_t version);
/* A pointer's name; @head exactly KEY_CUT bytes. */
void key_pointer(struct key_encoded *out, const struct key_scope *s,
		 struct slice head);
/* Not above any record whose text is >= @text, above all others of the
 * scope. @text at most KEY_CUT bytes. */
void key_lower_bound(struct key_encoded *out, const struct key_scope *s,
		     struct slice text);
/* 0; 1 when @name lies outside the scope; -1 when it is malformed. */
int key_parse(struct slice name, const struct key_scope *s,
	      struct key_part *out);

/*
 * key_successor - the smallest string above everything that starts with
 * @prefix, written to out (@prefix.n bytes at most).
 * Returns its length; 0 when there is none (all bytes FF, or none).
 */
size_t key_successor(struct slice prefix, char *out);

#endif
