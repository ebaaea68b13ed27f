/*
 * The versions of a key, as the listing of versions has them: newest first
 * below each key, keys in byte order. A bucket without versioning has one
 * version of each.
 */
#include "gateway/migrate/work.h"

#define PAGE_BYTES_MAX (64u << 20)
#define VERSIONS_MAX 100000u /* of one key */

void
lineage_release(struct lineage *l)
{
	free(l->v);
	*l = (struct lineage){ 0 };
}

bool
migrate_version_same(const struct migrate_version *a,
		     const struct migrate_version *b)
{
	return a->is_marker == b->is_marker && a->size == b->size &&
	       strcmp(a->etag, b->etag) == 0;
}

bool
lineage_same(const struct lineage *source, const struct lineage *target,
	     bool versioned)
{
	if (!versioned)
		return source->n && target->n &&
		       migrate_version_same(&source->v[0], &target->v[0]);
	if (source->n != target->n)
		return false;
	for (size_t i = 0; i < source->n; i++)
		if (!migrate_version_same(&source->v[i], &target->v[i]))
			return false;
	return true;
}

static enum s3_error
lineage_add(struct lineage *l, const struct store_object *o)
{
	struct migrate_version *v;

	if (l->n == VERSIONS_MAX)
		return S3_ERR_ENTITY_TOO_LARGE;
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 4;

		v = realloc(l->v, room * sizeof(*v));
		if (!v)
			return S3_ERR_INTERNAL_ERROR;
		l->v = v;
		l->room = room;
	}
	v = &l->v[l->n++];
	*v = (struct migrate_version){ .size = o->size,
				       .is_marker = o->is_delete_marker };
	snprintf(v->id, sizeof(v->id), "%s", o->version_id);
	if (!v->is_marker)
		snprintf(v->etag, sizeof(v->etag), "%s", o->etag);
	return S3_OK;
}

/* ---- all keys ------------------------------------------------------------ */

void
migrate_walk_begin(struct migrate_walk *w, struct store *s, struct slice bucket,
		   struct slice prefix, struct slice after, uint32_t page_max)
{
	*w = (struct migrate_walk){ .store = s,
				    .bucket = bucket,
				    .prefix = prefix,
				    .page_max = page_max };
	arena_init(&w->arena, PAGE_BYTES_MAX);
	buf_put(&w->key, after);
}

void
migrate_walk_end(struct migrate_walk *w)
{
	arena_release(&w->arena);
	buf_release(&w->key);
	buf_release(&w->version);
}

static void
keep(struct buf *b, struct slice s)
{
	buf_clear(b);
	buf_put(b, s);
}

static void
fetch(struct migrate_walk *w)
{
	const struct store_versions_req req = {
		.bucket = w->bucket,
		.prefix = w->prefix,
		.key_marker = buf_slice(&w->key),
		.version_marker = buf_slice(&w->version),
		.max_keys = w->page_max,
	};

	arena_release(&w->arena);
	arena_init(&w->arena, PAGE_BYTES_MAX);
	w->at = 0;
	w->err = store_list_versions(w->store, &req, &w->arena, &w->page);
	if (w->err != S3_OK) {
		w->page.n = 0;
		w->last = true;
		return;
	}
	w->last = !w->page.truncated || w->page.n == 0;
	keep(&w->key, w->page.next_key);
	keep(&w->version, w->page.next_version);
	if (!buf_ok(&w->key) || !buf_ok(&w->version))
		w->err = S3_ERR_INTERNAL_ERROR;
}

static const struct store_list_entry *
peek(struct migrate_walk *w)
{
	while (w->at == w->page.n && !w->last)
		fetch(w);
	return w->at < w->page.n && w->err == S3_OK ? &w->page.entries[w->at]
						    : NULL;
}

bool
migrate_walk_next(struct migrate_walk *w, struct lineage *out)
{
	const struct store_list_entry *e = peek(w);

	out->n = out->key_n = 0;
	if (!e)
		return false;
	if (e->name.n > STORE_KEY_MAX) {
		w->err = S3_ERR_KEY_TOO_LONG;
		return false;
	}
	bytes_copy(out->key, e->name.p, e->name.n);
	out->key_n = e->name.n;
	out->key[out->key_n] = '\0';
	while (e && w->err == S3_OK && slice_eq(e->name, lineage_key(out))) {
		w->err = lineage_add(out, &e->object);
		w->at++;
		if (w->err == S3_OK)
			e = peek(w);
	}
	return w->err == S3_OK;
}

/* ---- one key ------------------------------------------------------------- */

/* The key itself is the first of those that begin with it. */
enum s3_error
migrate_lineage(struct store *s, struct slice bucket, struct slice key,
		struct lineage *out)
{
	struct migrate_walk w;
	enum s3_error err;

	migrate_walk_begin(&w, s, bucket, key, SLICE_EMPTY, 16);
	if (migrate_walk_next(&w, out) && !slice_eq(lineage_key(out), key))
		out->n = 0;
	err = w.err;
	migrate_walk_end(&w);
	return err;
}
