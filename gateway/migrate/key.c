/*
 * One key made at the target what it is at the source. May run again at any
 * time: it looks at both sides first.
 */
#include "gateway/migrate/work.h"

#define RECORD_MAX (1u << 20)

static bool
is_absent(enum s3_error err)
{
	return err == S3_ERR_NO_SUCH_KEY || err == S3_ERR_NO_SUCH_VERSION;
}

static enum s3_error
remove_version(struct migrate *m, const struct store_ref *ref,
	       const struct store_cond *cond)
{
	const struct store_note note = migrate_note_of(MIGRATE_EVENT_REMOVE);
	struct store_removed removed;
	enum s3_error err =
	    store_remove(m->plan.to, ref, cond, &note, &removed);

	if (err == S3_OK && removed.existed)
		migrate_add(m, MIGRATE_removed, 1);
	return err;
}

static enum s3_error
bring_tags(struct migrate *m, const struct store_ref *ref,
	   const struct store_object *source)
{
	const struct store_note note = migrate_note_of(MIGRATE_EVENT_TAGS);
	enum s3_error err =
	    store_tags_put(m->plan.to, ref, &source->tags, &note, NULL);

	if (err == S3_OK)
		migrate_add(m, MIGRATE_copied, 1);
	return err;
}

/* ---- beside clients ------------------------------------------------------ */

/*
 * Nobody else writes the target before it is served. After that a change of
 * the moment wins: one that came before the target was looked at is in the
 * outbox, for a later one there is a condition. @etag: of what is there; NULL:
 * nothing.
 */
static struct store_cond
guard(const struct migrate *m, const char *etag)
{
	struct store_cond c = STORE_COND_NONE;

	if (m->plan.switched && etag)
		c.if_match = slice_str(etag);
	else if (m->plan.switched)
		c.if_none_match = SLICE("*");
	return c;
}

/* PRECONDITION_FAILED: it is a client's by now. After the look at the target.
 */
static enum s3_error
check_untouched(struct migrate *m, struct slice bucket, struct slice key)
{
	return m->plan.switched && migrate_is_touched(m, bucket, key)
		   ? S3_ERR_PRECONDITION_FAILED
		   : S3_OK;
}

/* ---- without versions ---------------------------------------------------- */

static enum s3_error
bring_present(struct migrate *m, const struct store_ref *ref,
	      enum migrate_how how, const struct store_object *source,
	      const struct store_object *target)
{
	const struct store_cond cond = guard(m, target ? target->etag : NULL);
	bool same = target && source->size == target->size &&
		    strcmp(source->etag, target->etag) == 0;

	if (same && how == MIGRATE_EVEN_HEADERS)
		same = migrate_same_headers(source, target);
	if (!same)
		return migrate_copy(m, ref->bucket, ref->key, SLICE_EMPTY,
				    &cond);
	if (how == MIGRATE_EVEN_HEADERS && !migrate_same_tags(source, target))
		return bring_tags(m, ref, source);
	migrate_add(m, MIGRATE_same, 1);
	return S3_OK;
}

static enum s3_error
bring_current(struct migrate *m, const struct store_ref *ref,
	      enum migrate_how how)
{
	struct store_object source, target;
	struct store_cond cond;
	enum s3_error err, at_target;
	struct arena a;

	arena_init(&a, RECORD_MAX);
	err = store_get(m->plan.from, ref, NULL, &a, &source, NULL);
	at_target = store_get(m->plan.to, ref, NULL, &a, &target, NULL);
	if (at_target != S3_OK && !is_absent(at_target)) {
		err = at_target;
	} else if (check_untouched(m, ref->bucket, ref->key) != S3_OK) {
		err = S3_ERR_PRECONDITION_FAILED;
	} else if (err == S3_OK) {
		err = bring_present(m, ref, how, &source,
				    at_target == S3_OK ? &target : NULL);
	} else if (is_absent(err) && at_target == S3_OK) {
		cond = guard(m, target.etag);
		err = remove_version(m, ref, &cond);
	} else if (is_absent(err)) {
		err = S3_OK;
	}
	arena_release(&a);
	return err;
}

/* ---- with versions ------------------------------------------------------- */

/* How many of the oldest versions both have. */
static size_t
common(const struct lineage *s, const struct lineage *t)
{
	size_t n = 0;

	while (n < s->n && n < t->n &&
	       migrate_version_same(&s->v[s->n - 1 - n], &t->v[t->n - 1 - n]))
		n++;
	return n;
}

static enum s3_error
bring_version(struct migrate *m, struct slice bucket, struct slice key,
	      const struct migrate_version *v, const struct store_cond *cond)
{
	const struct store_note note = migrate_note_of(MIGRATE_EVENT_REMOVE);
	enum s3_error err;

	if (!v->is_marker)
		return migrate_copy(m, bucket, key, slice_str(v->id), cond);
	err = store_remove(m->plan.to, &STORE_REF(bucket, key), NULL, &note,
			   NULL);
	if (err == S3_OK) {
		migrate_add(m, MIGRATE_copied, 1);
		migrate_add(m, MIGRATE_objects, 1);
	}
	return err;
}

/* Of a version that both have: only its tags may have changed. */
static enum s3_error
bring_tags_of(struct migrate *m, struct slice bucket, struct slice key,
	      const struct migrate_version *s, const struct migrate_version *t)
{
	const struct store_ref from = { bucket, key, slice_str(s->id) };
	const struct store_ref to = { bucket, key, slice_str(t->id) };
	struct store_object source, target;
	enum s3_error err;
	struct arena a;

	if (s->is_marker)
		return S3_OK;
	arena_init(&a, RECORD_MAX);
	err = store_get(m->plan.from, &from, NULL, &a, &source, NULL);
	if (err == S3_OK)
		err = store_get(m->plan.to, &to, NULL, &a, &target, NULL);
	if (err == S3_OK && !migrate_same_tags(&source, &target))
		err = bring_tags(m, &to, &source);
	arena_release(&a);
	return is_absent(err) ? S3_OK : err;
}

static enum s3_error
bring_versions(struct migrate *m, struct slice bucket, struct slice key,
	       enum migrate_how how, const struct lineage *s,
	       const struct lineage *t)
{
	const struct store_cond none = STORE_COND_NONE;
	size_t n = common(s, t);
	bool has_newest = n && !t->v[t->n - n].is_marker;
	struct store_cond cond =
	    guard(m, has_newest ? t->v[t->n - n].etag : NULL);
	enum s3_error err = check_untouched(m, bucket, key);

	if (err != S3_OK)
		return err;
	migrate_add(m, MIGRATE_same, n);
	for (size_t i = 0; how == MIGRATE_EVEN_HEADERS && err == S3_OK && i < n;
	     i++)
		err = bring_tags_of(m, bucket, key, &s->v[s->n - 1 - i],
				    &t->v[t->n - 1 - i]);
	for (size_t i = 0; err == S3_OK && i < t->n - n; i++) {
		const struct store_ref ref = { bucket, key,
					       slice_str(t->v[i].id) };

		err = remove_version(m, &ref, &none);
	}
	for (size_t i = s->n - n; err == S3_OK && i-- > 0;) {
		err = bring_version(m, bucket, key, &s->v[i], &cond);
		cond = none; /* the ETag may have become another */
		if (err == S3_OK && i)
			err = check_untouched(m, bucket, key);
	}
	return err;
}

/* ---- comparing ----------------------------------------------------------- */

static enum s3_error
compare_one(struct migrate *m, const struct migrate_bucket *b, struct slice key,
	    const struct migrate_version *s, const struct migrate_version *t,
	    size_t *equal)
{
	bool current = b->versioning == STORE_UNVERSIONED;
	bool same = s->is_marker == t->is_marker;
	enum s3_error err = S3_OK;

	if (same && !s->is_marker)
		err = migrate_compare(m, b->name, key,
				      slice_str(current ? "" : s->id),
				      slice_str(current ? "" : t->id), &same);
	else if (!same)
		migrate_note(m, b->name, key,
			     "different at the target: a delete marker");
	if (err == S3_OK)
		migrate_add(m, same ? MIGRATE_compared : MIGRATE_different, 1);
	*equal += err == S3_OK && same;
	migrate_add(m, MIGRATE_objects, 1);
	return err;
}

/* From the newest on, so that what is left when this is interrupted is still
 * the oldest of what the target has. */
static enum s3_error
free_source(struct migrate *m, const struct migrate_bucket *b, struct slice key,
	    const struct lineage *s)
{
	const struct store_note note = migrate_note_of(MIGRATE_EVENT_REMOVE);
	enum s3_error err = S3_OK;

	for (size_t i = 0; err == S3_OK && i < s->n; i++) {
		const struct store_ref ref = { b->name, key,
					       slice_str(s->v[i].id) };

		err = store_remove(m->plan.from, &ref, NULL, &note, NULL);
		if (err != S3_OK)
			break;
		migrate_add(m, MIGRATE_freed, 1);
		migrate_add(m, MIGRATE_freed_bytes, s->v[i].size);
	}
	return err;
}

/* From the oldest on, so that what is missing is what came last. */
static enum s3_error
compare_key(struct migrate *m, const struct migrate_bucket *b, struct slice key,
	    const struct lineage *s, const struct lineage *t)
{
	bool all = b->versioning != STORE_UNVERSIONED;
	size_t n = all ? s->n : s->n > 0, of = all ? t->n : t->n > 0;
	size_t equal = 0;
	enum s3_error err = S3_OK;

	for (size_t i = 0; err == S3_OK && i < n && i < of; i++)
		err = compare_one(m, b, key, &s->v[n - 1 - i],
				  &t->v[of - 1 - i], &equal);
	if (n > of) {
		migrate_add(m, MIGRATE_missing, n - of);
		migrate_note(m, b->name, key, "missing at the target");
	} else if (of > n) {
		migrate_add(m, MIGRATE_extra, of - n);
		migrate_note(m, b->name, key, "more at the target");
	}
	if (err == S3_OK && m->plan.remove_source && equal == s->n)
		err = free_source(m, b, key, s);
	return err;
}

/* ---- one key ------------------------------------------------------------- */

static enum s3_error
by_lineage(struct migrate *m, const struct migrate_bucket *b, struct slice key,
	   enum migrate_how how)
{
	struct lineage s = { 0 }, t = { 0 };
	enum s3_error err = migrate_lineage(m->plan.from, b->name, key, &s);

	if (err == S3_OK)
		err = migrate_lineage(m->plan.to, b->name, key, &t);
	if (err == S3_ERR_NO_SUCH_BUCKET && how == MIGRATE_COMPARE)
		err = S3_OK; /* nothing is there */
	if (err == S3_OK)
		err = how == MIGRATE_COMPARE
			  ? compare_key(m, b, key, &s, &t)
			  : bring_versions(m, b->name, key, how, &s, &t);
	lineage_release(&s);
	lineage_release(&t);
	return err;
}

void
migrate_key(struct migrate *m, const struct migrate_bucket *b, struct slice key,
	    enum migrate_how how)
{
	bool lineage =
	    how == MIGRATE_COMPARE || b->versioning != STORE_UNVERSIONED;
	enum s3_error err =
	    lineage ? by_lineage(m, b, key, how)
		    : bring_current(m, &STORE_REF(b->name, key), how);

	if (err == S3_ERR_PRECONDITION_FAILED && m->plan.switched)
		migrate_add(m, MIGRATE_kept, 1);
	else if (err != S3_OK && !migrate_stopped(m))
		migrate_failed_key(m, b->name, key, err);
}
