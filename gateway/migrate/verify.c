/*
 * Comparing: records with records, and bytes with bytes.
 */
#include "gateway/migrate/work.h"

#define PIECE (1u << 20)
#define RECORD_MAX (1u << 20)

static bool
same_set(const struct store_headers *a, const struct store_headers *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		size_t j = 0;

		while (j < b->n && !(slice_eq(a->v[i].name, b->v[j].name) &&
				     slice_eq(a->v[i].value, b->v[j].value)))
			j++;
		if (j == b->n)
			return false;
	}
	return true;
}

bool
migrate_same_headers(const struct store_object *a, const struct store_object *b)
{
	return same_set(&a->headers, &b->headers) &&
	       slice_eq(a->storage_class, b->storage_class);
}

bool
migrate_same_tags(const struct store_object *a, const struct store_object *b)
{
	return same_set(&a->tags, &b->tags);
}

/* ---- by reading ---------------------------------------------------------- */

struct side {
	struct store_object o;
	struct store_read *read;
	char *piece;
};

static enum s3_error
open_side(struct side *s, struct store *store, const struct store_ref *ref,
	  struct arena *a)
{
	s->piece = malloc(PIECE);
	return s->piece ? store_get(store, ref, NULL, a, &s->o, &s->read)
			: S3_ERR_INTERNAL_ERROR;
}

static void
close_side(struct side *s)
{
	store_read_close(s->read);
	free(s->piece);
}

static enum s3_error
same_bytes(struct migrate *m, struct side *a, struct side *b, bool *same)
{
	enum s3_error err = S3_OK;

	*same = true;
	store_read_want(a->read, 0, a->o.size);
	store_read_want(b->read, 0, b->o.size);
	for (uint64_t at = 0; err == S3_OK && *same && at < a->o.size;) {
		size_t n =
		    a->o.size - at < PIECE ? (size_t)(a->o.size - at) : PIECE;

		if (!migrate_pace(m, n))
			return S3_ERR_OPERATION_ABORTED;
		err = store_read_at(a->read, at, a->piece, n);
		if (err == S3_OK)
			err = store_read_at(b->read, at, b->piece, n);
		*same = err == S3_OK && memcmp(a->piece, b->piece, n) == 0;
		migrate_add(m, MIGRATE_bytes, n);
		at += n;
	}
	return err;
}

/* What is different, or NULL. */
static const char *
difference(const struct side *a, const struct side *b)
{
	return a->o.size != b->o.size		     ? "size"
	       : strcmp(a->o.etag, b->o.etag) != 0   ? "ETag"
	       : !migrate_same_headers(&a->o, &b->o) ? "headers"
	       : !migrate_same_tags(&a->o, &b->o)    ? "tags"
						     : NULL;
}

enum s3_error
migrate_compare(struct migrate *m, struct slice bucket, struct slice key,
		struct slice source_version, struct slice target_version,
		bool *same)
{
	const struct store_ref from = { bucket, key, source_version };
	const struct store_ref to = { bucket, key, target_version };
	struct side a = { 0 }, b = { 0 };
	struct arena arena;
	const char *what;
	enum s3_error err;

	*same = false;
	arena_init(&arena, RECORD_MAX);
	err = open_side(&a, m->plan.from, &from, &arena);
	if (err == S3_OK)
		err = open_side(&b, m->plan.to, &to, &arena);
	if (err == S3_OK) {
		what = difference(&a, &b);
		if (a.o.size == b.o.size)
			err = same_bytes(m, &a, &b, same);
		if (err == S3_OK && a.o.size == b.o.size && !*same)
			what = "bytes";
		if (err == S3_OK && what)
			migrate_note(m, bucket, key,
				     "different at the target: %s", what);
		*same = !what;
	}
	close_side(&a);
	close_side(&b);
	arena_release(&arena);
	return err;
}
