/*
 * store_churn.h - the model of test_store_churn.c: what an ETag stands for, and
 * what a worker knows of its bucket.
 *
 * A content never changes and is found by its ETag, whoever made it; its bytes
 * are ranges of endless streams of numbers, which are computed, not kept. The
 * list of contents is shared, a worker's model is its own.
 */
#ifndef TESTS_STORE_CHURN_H
#define TESTS_STORE_CHURN_H

#include "tests/unit/store_multipart.h"

#include <pthread.h>

#define WORKERS 4u
#define KEYS 8u
#define UPLOADS 4u
#define PARTS 5u
#define VERSIONS_MAX 1024u
#define PIECES_MAX 48u
#define CONTENTS_MAX 65536u
#define PART_MIN (5 * MIB)
#define BASE_BYTES (PART_MIN + 70000u)

/* ---- bytes ------------------------------------------------------------- */

struct piece {
	uint64_t stream;
	uint64_t offset;
	uint64_t size;
};

struct content {
	char etag[STORE_ETAG_MAX];
	uint64_t size;
	uint64_t part_sizes[PARTS];
	uint32_t n_parts; /* of a completed upload */
	size_t n;
	struct piece piece[PIECES_MAX];
};

struct worker;
struct churn {
	struct fixture *f;
	uint32_t seed;
	unsigned round;
	pthread_mutex_t mu; /* the contents */
	struct content **contents;
	size_t n_contents;
	struct slice keys[KEYS]; /* sorted */
	struct worker *workers;
};

static inline char
stream_byte(uint64_t stream, uint64_t at)
{
	uint64_t x =
	    (at / 8 + 1) * 0x9e3779b97f4a7c15u + stream * 0xbf58476d1ce4e5b9u;

	x ^= x >> 29;
	x *= 0x94d049bb133111ebu;
	x ^= x >> 32;
	return (char)(x >> at % 8 * 8);
}

/* Bytes [offset, offset + n) of a content. */
static inline void
fill(const struct content *c, uint64_t offset, char *p, size_t n)
{
	for (size_t i = 0; n && i < c->n; i++) {
		const struct piece *from = &c->piece[i];

		for (; n && offset < from->size; offset++, n--)
			*p++ = stream_byte(from->stream, from->offset + offset);
		offset = offset > from->size ? offset - from->size : 0;
	}
}

/* From now on what @c->etag stands for; the same one when known already. */
static inline const struct content *
publish(struct churn *churn, const struct content *c)
{
	struct content *copy = malloc(sizeof(*copy));

	if (!copy)
		abort();
	*copy = *c;
	pthread_mutex_lock(&churn->mu);
	if (churn->n_contents == CONTENTS_MAX)
		abort();
	churn->contents[churn->n_contents++] = copy;
	pthread_mutex_unlock(&churn->mu);
	return copy;
}

static inline const struct content *
look_up(struct churn *churn, const char *etag)
{
	const struct content *found = NULL;

	pthread_mutex_lock(&churn->mu);
	for (size_t i = churn->n_contents; !found && i-- > 0;)
		if (strcmp(churn->contents[i]->etag, etag) == 0)
			found = churn->contents[i];
	pthread_mutex_unlock(&churn->mu);
	return found;
}

/* An ETag of its own: the store does not compute them. */
static inline void
new_etag(struct content *c)
{
	static _Atomic uint64_t last;

	snprintf(c->etag, sizeof(c->etag), "%032llx",
		 (unsigned long long)++last);
}

static inline const struct content *
new_content(struct churn *churn, uint64_t size)
{
	struct content c = { .size = size, .n = size > 0 };

	new_etag(&c);
	c.piece[0] = (struct piece){ strtoull(c.etag, NULL, 16), 0, size };
	return publish(churn, &c);
}

/* Appends a range of @from; false when the pieces are too many. */
static inline bool
append(struct content *to, const struct content *from, uint64_t offset,
       uint64_t size)
{
	to->size += size;
	for (size_t i = 0; size && i < from->n; i++) {
		struct piece p = from->piece[i];

		if (offset >= p.size) {
			offset -= p.size;
			continue;
		}
		p.offset += offset;
		p.size -= offset;
		offset = 0;
		p.size = p.size < size ? p.size : size;
		size -= p.size;
		if (to->n == PIECES_MAX)
			return false;
		to->piece[to->n++] = p;
	}
	return true;
}

/* ---- a worker and its model --------------------------------------------- */

struct mversion {
	unsigned key;
	char id[STORE_VERSION_ID_MAX];
	const struct content *body; /* NULL: a delete marker */
	unsigned tag;		    /* 0: none */
};

struct mupload {
	unsigned key;
	char id[STORE_UPLOAD_ID_MAX];
	const struct content *part[PARTS]; /* number 1 first; NULL: none */
};

struct worker {
	struct churn *churn;
	struct store *s;
	unsigned no;
	uint32_t seed;
	unsigned step;
	struct slice bucket;
	char bucket_name[16];
	enum store_versioning versioning;
	struct mversion v[VERSIONS_MAX]; /* oldest first */
	size_t n;
	struct mupload u[UPLOADS];
	size_t n_uploads;
	uint64_t events;
	unsigned copied, renamed, part_copied, completed, held_on;
	struct store_read *held; /* of many pieces, across other steps */
	const struct content *held_body;
	struct arena a; /* of a step */
	pthread_t thread;
};

#define CHECK(w, cond)                                                        \
	do {                                                                  \
		if (!(cond)) {                                                \
			fprintf(stderr,                                       \
				"seed %u, round %u, worker %u, step %u, "     \
				"line %d: %s\n",                              \
				(w)->churn->seed, (w)->churn->round, (w)->no, \
				(w)->step, __LINE__, #cond);                  \
			_exit(1);                                             \
		}                                                             \
	} while (0)

static inline uint32_t
rnd(struct worker *w, uint64_t below)
{
	w->seed = w->seed * 1664525u + 1013904223u;
	return (uint32_t)(((w->seed >> 4) * below) >> 28);
}

static inline struct slice
key_of(const struct worker *w, unsigned key)
{
	return w->churn->keys[key];
}

static inline long
newest(const struct worker *w, unsigned key, size_t end)
{
	for (size_t i = end; i-- > 0;)
		if (w->v[i].key == key)
			return (long)i;
	return -1;
}

static inline long
find(const struct worker *w, unsigned key, const char *id)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].key == key && strcmp(w->v[i].id, id) == 0)
			return (long)i;
	return -1;
}

static inline void
drop(struct worker *w, size_t i)
{
	w->n--;
	memmove(w->v + i, w->v + i + 1, (w->n - i) * sizeof(*w->v));
}

static inline void
add(struct worker *w, unsigned key, const char *id, const struct content *body)
{
	struct mversion *v;

	if (w->versioning != STORE_VERSIONING_ENABLED) {
		long old = find(w, key, "null");

		CHECK(w, strcmp(id, "null") == 0);
		if (old >= 0)
			drop(w, (size_t)old);
	}
	CHECK(w, find(w, key, id) < 0);
	CHECK(w, w->n < VERSIONS_MAX);
	v = &w->v[w->n++];
	*v = (struct mversion){ .key = key, .body = body };
	snprintf(v->id, sizeof(v->id), "%s", id);
	w->events++;
}

/* A removal without version id, as the bucket has it; @id: the marker's. */
static inline void
removed(struct worker *w, unsigned key, const char *id)
{
	long i = newest(w, key, w->n);

	if (w->versioning != STORE_UNVERSIONED) {
		add(w, key, id, NULL);
	} else if (i >= 0) {
		drop(w, (size_t)i);
		w->events++;
	}
}

#endif
