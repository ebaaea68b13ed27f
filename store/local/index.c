/*
 * Walking tables M and T. A walk for one key descends while the rest of the
 * key is longer than KEY_CUT; the cursor keeps one LMDB cursor per level and
 * goes up when a group is exhausted.
 */
#include "store/local/index.h"
#include "store/local/bytes.h"

#include <errno.h>

static MDB_dbi
table(const struct local *ls, const struct key_scope *s)
{
	return ls->dbi[key_scope_is_group(s) ? TABLE_GROUP : TABLE_OBJECT];
}

static int
pointer_decode(struct slice value, struct key_scope *out)
{
	struct record_reader r;

	if (record_open(value, RECORD_GROUP, &r, NULL) != 0)
		return MDB_CORRUPTED;
	*out = key_scope_group(record_get_int(&r, 8));
	return record_done(&r) == 0 ? 0 : MDB_CORRUPTED;
}

/* ---- one key ---------------------------------------------------------- */

/* Where a key's record lives: the scopes passed on the way and the rest. */
struct walk {
	struct key_scope scope[KEY_LEVELS];
	struct slice text[KEY_LEVELS]; /* from that level on */
	size_t depth;
};

static int
get_pointer(struct local *ls, MDB_txn *txn, const struct key_scope *s,
	    struct slice head, struct key_scope *out)
{
	struct key_encoded name;
	MDB_val k, v;
	int rc;

	key_pointer(&name, s, head);
	k = (MDB_val){ name.n, name.p };
	rc = mdb_get(txn, table(ls, s), &k, &v);
	if (rc != 0)
		return rc;
	return pointer_decode(slice_mem(v.mv_data, v.mv_size), out);
}

static int
put_pointer(struct writer_txn *t, const struct key_scope *s, struct slice head,
	    struct key_scope *out)
{
	struct buf b = BUF_INIT;
	struct key_encoded name;
	MDB_val k, v;
	int rc = ENOMEM;

	key_pointer(&name, s, head);
	k = (MDB_val){ name.n, name.p };
	record_begin(&b, RECORD_GROUP);
	record_int(&b, t->state->last_group + 1, 8);
	record_end(&b);
	v = (MDB_val){ b.n, b.p };
	if (buf_ok(&b))
		rc = mdb_put(t->txn, table(t->ls, s), &k, &v, 0);
	buf_release(&b);
	if (rc == 0)
		*out = key_scope_group(++t->state->last_group);
	return rc;
}

/* @make: the write transaction in which absent groups are made, or NULL. */
static int
walk(struct local *ls, MDB_txn *txn, struct writer_txn *make,
     uint32_t bucket_id, struct slice key, struct walk *w)
{
	w->depth = 0;
	w->scope[0] = key_scope_bucket(bucket_id);
	w->text[0] = key;
	while (w->text[w->depth].n > KEY_CUT) {
		struct key_scope *s = &w->scope[w->depth];
		struct slice text = w->text[w->depth];
		int rc;

		if (w->depth + 1 == KEY_LEVELS)
			return MDB_BAD_VALSIZE;
		rc = get_pointer(ls, txn, s, slice_head(text, KEY_CUT), s + 1);
		if (rc == MDB_NOTFOUND && make)
			rc = put_pointer(make, s, slice_head(text, KEY_CUT),
					 s + 1);
		if (rc != 0)
			return rc;
		w->text[++w->depth] = slice_from(text, KEY_CUT);
	}
	return 0;
}

/* The first record at or after @name in its scope's table. */
static int
first_from(struct local *ls, MDB_txn *txn, const struct key_scope *s,
	   struct key_encoded *name, struct key_part *part, struct slice *value)
{
	MDB_val k = { name->n, name->p }, v;
	MDB_cursor *c;
	int rc = mdb_cursor_open(txn, table(ls, s), &c);

	if (rc != 0)
		return rc;
	rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
	mdb_cursor_close(c);
	if (rc != 0)
		return rc;
	rc = key_parse(slice_mem(k.mv_data, k.mv_size), s, part);
	*value = slice_mem(v.mv_data, v.mv_size);
	return rc == 0 ? 0 : rc > 0 ? MDB_NOTFOUND : MDB_CORRUPTED;
}

int
index_get(struct local *ls, MDB_txn *txn, uint32_t bucket_id, struct slice key,
	  uint64_t *version, struct slice *value)
{
	struct key_encoded name;
	struct key_part part;
	struct walk w;
	int rc = walk(ls, txn, NULL, bucket_id, key, &w);

	if (rc != 0)
		return rc;
	key_lower_bound(&name, &w.scope[w.depth], w.text[w.depth]);
	rc = first_from(ls, txn, &w.scope[w.depth], &name, &part, value);
	if (rc == 0 &&
	    (part.is_pointer || !slice_eq(part.text, w.text[w.depth])))
		rc = MDB_NOTFOUND;
	if (rc == 0)
		*version = part.version;
	return rc;
}

int
index_get_version(struct local *ls, MDB_txn *txn, uint32_t bucket_id,
		  struct slice key, uint64_t version, struct slice *value)
{
	struct key_encoded name;
	struct walk w;
	MDB_val k, v;
	int rc = walk(ls, txn, NULL, bucket_id, key, &w);

	if (rc != 0)
		return rc;
	key_record(&name, &w.scope[w.depth], w.text[w.depth], version);
	k = (MDB_val){ name.n, name.p };
	rc = mdb_get(txn, table(ls, &w.scope[w.depth]), &k, &v);
	if (rc == 0)
		*value = slice_mem(v.mv_data, v.mv_size);
	return rc;
}

int
index_put(struct writer_txn *t, uint32_t bucket_id, struct slice key,
	  uint64_t version, struct slice head, struct slice body)
{
	struct key_encoded name;
	struct walk w;
	MDB_val k, v = { .mv_size = head.n + body.n };
	int rc = walk(t->ls, t->txn, t, bucket_id, key, &w);

	if (rc != 0)
		return rc;
	key_record(&name, &w.scope[w.depth], w.text[w.depth], version);
	k = (MDB_val){ name.n, name.p };
	rc = mdb_put(t->txn, table(t->ls, &w.scope[w.depth]), &k, &v,
		     MDB_RESERVE);
	if (rc != 0)
		return rc;
	memcpy(v.mv_data, head.p, head.n);
	if (body.n)
		memcpy((char *)v.mv_data + head.n, body.p, body.n);
	return 0;
}

static int
del(struct writer_txn *t, const struct key_scope *s, struct key_encoded *name)
{
	MDB_val k = { name->n, name->p };

	return mdb_del(t->txn, table(t->ls, s), &k, NULL);
}

int
index_del(struct writer_txn *t, uint32_t bucket_id, struct slice key,
	  uint64_t version)
{
	struct key_encoded name;
	struct key_part part;
	struct slice value;
	struct walk w;
	int rc = walk(t->ls, t->txn, NULL, bucket_id, key, &w);

	if (rc != 0)
		return rc;
	key_record(&name, &w.scope[w.depth], w.text[w.depth], version);
	rc = del(t, &w.scope[w.depth], &name);
	while (rc == 0 && w.depth > 0) {
		key_lower_bound(&name, &w.scope[w.depth], SLICE_EMPTY);
		rc = first_from(t->ls, t->txn, &w.scope[w.depth], &name, &part,
				&value);
		if (rc == 0)
			return 0; /* the group has members left */
		if (rc != MDB_NOTFOUND)
			return rc;
		w.depth--;
		key_pointer(&name, &w.scope[w.depth],
			    slice_head(w.text[w.depth], KEY_CUT));
		rc = del(t, &w.scope[w.depth], &name);
	}
	return rc;
}

/* ---- in order --------------------------------------------------------- */

int
index_cursor_open(struct index_cursor *c, struct local *ls, MDB_txn *txn,
		  uint32_t bucket_id)
{
	*c = (struct index_cursor){ .ls = ls, .txn = txn };
	c->level[0].scope = key_scope_bucket(bucket_id);
	for (size_t i = 0; i < KEY_LEVELS; i++) {
		MDB_dbi dbi = ls->dbi[i ? TABLE_GROUP : TABLE_OBJECT];
		int rc = mdb_cursor_open(txn, dbi, &c->level[i].at);

		if (rc != 0) {
			index_cursor_close(c);
			return rc;
		}
	}
	return 0;
}

void
index_cursor_close(struct index_cursor *c)
{
	for (size_t i = 0; i < KEY_LEVELS; i++)
		if (c->level[i].at)
			mdb_cursor_close(c->level[i].at);
}

/* One step of the LMDB cursor of the level in use; MDB_NOTFOUND at the end of
 * its scope. Fills key text and value, or answers the pointer's. */
static int
step(struct index_cursor *c, MDB_cursor_op op, struct key_encoded *from,
     struct key_part *part)
{
	MDB_val k = { 0 }, v;
	int rc;

	if (from)
		k = (MDB_val){ from->n, from->p };
	rc = mdb_cursor_get(c->level[c->depth].at, &k, &v, op);
	if (rc != 0)
		return rc;
	rc = key_parse(slice_mem(k.mv_data, k.mv_size),
		       &c->level[c->depth].scope, part);
	if (rc != 0)
		return rc > 0 ? MDB_NOTFOUND : MDB_CORRUPTED;
	c->value = slice_mem(v.mv_data, v.mv_size);
	return 0;
}

/* From a step's outcome to the next record: down pointers, up from ends. */
static int
settle(struct index_cursor *c, int rc, struct key_part *part)
{
	struct key_encoded first;

	for (;;) {
		size_t base = c->depth * KEY_CUT;

		if (rc == MDB_NOTFOUND && c->depth > 0) {
			c->depth--;
			rc = step(c, MDB_NEXT, NULL, part);
			continue;
		}
		if (rc != 0)
			return rc;
		if (part->text.n)
			memcpy(c->key + base, part->text.p, part->text.n);
		c->key_n = base + part->text.n;
		c->version = part->version;
		if (!part->is_pointer)
			return 0;
		if (c->depth + 1 == KEY_LEVELS)
			return MDB_CORRUPTED;
		rc = pointer_decode(c->value, &c->level[c->depth + 1].scope);
		if (rc != 0)
			return rc;
		c->depth++;
		key_lower_bound(&first, &c->level[c->depth].scope, SLICE_EMPTY);
		rc = step(c, MDB_SET_RANGE, &first, part);
	}
}

/* To the first record at or after @from, or after that version of it. */
static int
seek(struct index_cursor *c, struct slice from, const uint64_t *version)
{
	struct key_encoded name;
	struct key_part part;
	int rc;

	c->depth = 0;
	for (;;) {
		const struct key_scope *s = &c->level[c->depth].scope;
		struct slice head = slice_head(from, KEY_CUT);

		if (from.n <= KEY_CUT) {
			if (version)
				key_record(&name, s, from, *version);
			else
				key_lower_bound(&name, s, from);
			rc = step(c, MDB_SET_RANGE, &name, &part);
			return settle(c, rc, &part);
		}
		/* Keys equal to or below the head come before the pointer. */
		key_pointer(&name, s, head);
		rc = step(c, MDB_SET_RANGE, &name, &part);
		if (rc != 0 || !part.is_pointer || !slice_eq(part.text, head))
			return settle(c, rc, &part);
		if (c->depth + 1 == KEY_LEVELS)
			return MDB_BAD_VALSIZE;
		memcpy(c->key + c->depth * KEY_CUT, head.p, head.n);
		rc = pointer_decode(c->value, &c->level[c->depth + 1].scope);
		if (rc != 0)
			return rc;
		c->depth++;
		from = slice_from(from, KEY_CUT);
	}
}

int
index_seek(struct index_cursor *c, struct slice from)
{
	return seek(c, from, NULL);
}

int
index_seek_version(struct index_cursor *c, struct slice key, uint64_t version)
{
	return seek(c, key, &version);
}

int
index_next(struct index_cursor *c)
{
	struct key_part part;

	return settle(c, step(c, MDB_NEXT, NULL, &part), &part);
}
