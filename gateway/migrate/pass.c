/*
 * The walk: the keys of both sides side by side, in order. What is the same
 * by size and ETag is passed over here, from the listings alone; the rest is
 * for the workers. Memory is that of two pages.
 */
#include "gateway/migrate/work.h"
#include "base/timeval.h"

#define SAVE_US (30 * US_PER_S)

enum pass { LOOK, BRING };

struct passing {
	struct migrate *m;
	enum pass pass;
	enum migrate_how how;
	int64_t saved_us;
};

/* ---- one key ------------------------------------------------------------- */

static void
count_work(struct passing *p, const struct migrate_bucket *b,
	   const struct lineage *s)
{
	size_t n = b->versioning == STORE_UNVERSIONED ? 1 : s->n;

	for (size_t i = 0; i < n; i++)
		migrate_add(p->m, MIGRATE_bytes_of, s->v[i].size);
	migrate_add(p->m, MIGRATE_objects_of, n);
}

/* One of the sides may be NULL: the key is not there. */
static void
consider(struct passing *p, const struct migrate_bucket *b,
	 const struct lineage *s, const struct lineage *t)
{
	struct migrate *m = p->m;
	bool versioned = b->versioning != STORE_UNVERSIONED;
	struct slice key = lineage_key(s ? s : t);

	if (!s && (p->how != MIGRATE_COMPARE || m->plan.remove_source)) {
		if (p->pass == LOOK)
			migrate_add(m, MIGRATE_extra, 1);
		if (p->pass == LOOK || !m->plan.remove_extra)
			return;
	} else if (p->how == MIGRATE_IF_DIFFERENT && t &&
		   lineage_same(s, t, versioned)) {
		if (p->pass == LOOK)
			migrate_add(m, MIGRATE_same, versioned ? s->n : 1);
		return;
	}
	if (p->pass == LOOK && s)
		count_work(p, b, s);
	else if (p->pass == BRING)
		migrate_pool_push(m->pool, b, key, p->how);
}

/* ---- a bucket ------------------------------------------------------------ */

static void
remember(struct passing *p, const struct migrate_bucket *b, struct slice key)
{
	struct migrate_cursor *c = &p->m->cursor;

	if (p->pass == LOOK || p->how == MIGRATE_COMPARE ||
	    time_mono_us() - p->saved_us < SAVE_US)
		return;
	migrate_pool_drain(p->m->pool);
	/* what failed is to be met again */
	if (migrate_stopped(p->m) ||
	    atomic_load(&p->m->count[MIGRATE_failed]) > 0)
		return;
	snprintf(c->bucket, sizeof(c->bucket), "%.*s", SLICE_ARG(b->name));
	snprintf(c->key, sizeof(c->key), "%.*s", SLICE_ARG(key));
	migrate_cursor_save(p->m);
	p->saved_us = time_mono_us();
}

static void
side_by_side(struct passing *p, const struct migrate_bucket *b,
	     struct migrate_walk *from, struct migrate_walk *to)
{
	struct lineage s = { 0 }, t = { 0 };
	bool has_s = migrate_walk_next(from, &s);
	bool has_t = migrate_walk_next(to, &t);

	while (!migrate_stopped(p->m) && (has_s || has_t) &&
	       from->err == S3_OK && to->err == S3_OK) {
		int order = !has_t ? -1
			    : !has_s
				? 1
				: slice_cmp(lineage_key(&s), lineage_key(&t));

		consider(p, b, order <= 0 ? &s : NULL, order >= 0 ? &t : NULL);
		remember(p, b, lineage_key(order <= 0 ? &s : &t));
		if (order <= 0)
			has_s = migrate_walk_next(from, &s);
		if (order >= 0)
			has_t = migrate_walk_next(to, &t);
	}
	lineage_release(&s);
	lineage_release(&t);
}

static void
walk_bucket(struct passing *p, const struct migrate_bucket *b,
	    struct slice after)
{
	struct migrate *m = p->m;
	struct migrate_walk from, to;
	struct store_bucket there;
	struct arena a;
	bool absent;

	arena_init(&a, 1u << 20);
	absent = store_bucket_head(m->plan.to, b->name, &a, &there) ==
		 S3_ERR_NO_SUCH_BUCKET;
	arena_release(&a);
	migrate_walk_begin(&from, m->plan.from, b->name, m->plan.prefix, after,
			   MIGRATE_PAGE);
	migrate_walk_begin(&to, m->plan.to, b->name, m->plan.prefix, after,
			   MIGRATE_PAGE);
	to.last = absent;
	side_by_side(p, b, &from, &to);
	if (from.err != S3_OK && from.err != S3_ERR_NO_SUCH_BUCKET)
		migrate_fail(m, "bucket %.*s of the source cannot be read: %s",
			     SLICE_ARG(b->name), migrate_why(from.err));
	if (to.err != S3_OK)
		migrate_fail(m, "bucket %.*s of the target cannot be read: %s",
			     SLICE_ARG(b->name), migrate_why(to.err));
	migrate_walk_end(&from);
	migrate_walk_end(&to);
}

/* ---- all of them --------------------------------------------------------- */

/* From where the cursor is, unless all is to be seen. */
static void
walk_all(struct passing *p, bool whole)
{
	struct migrate *m = p->m;
	struct slice bucket = slice_str(m->cursor.bucket);
	char key[STORE_KEY_MAX + 1];
	char at[STORE_BUCKET_MAX + 1];

	snprintf(key, sizeof(key), "%s", m->cursor.key);
	snprintf(at, sizeof(at), "%.*s", SLICE_ARG(bucket));
	for (size_t i = 0; i < m->n_buckets && !migrate_stopped(m); i++) {
		const struct migrate_bucket *b = &m->buckets[i];
		int order = slice_cmp(b->name, slice_str(at));

		if (!whole && order < 0)
			continue;
		walk_bucket(
		    p, b, !whole && order == 0 ? slice_str(key) : SLICE_EMPTY);
	}
	if (m->pool)
		migrate_pool_drain(m->pool);
}

void
migrate_look(struct migrate *m, enum migrate_how how)
{
	struct passing p = { .m = m, .pass = LOOK, .how = how };

	walk_all(&p, how == MIGRATE_COMPARE);
}

void
migrate_walk(struct migrate *m, enum migrate_how how)
{
	struct passing p = {
		.m = m, .pass = BRING, .how = how, .saved_us = time_mono_us()
	};

	walk_all(&p, how == MIGRATE_COMPARE);
}
