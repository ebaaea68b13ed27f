/*
 * A page of a listing in one short read transaction. Below a common prefix
 * nothing is read: the cursor seeks past it, so the cost follows the number
 * of entries of the page, not the keys they stand for.
 */
#include "store/local_index.h"

#include <errno.h>

struct listing {
	const struct store_list_req *req;
	struct index_cursor *c;
	struct arena *a;
	struct store_list_page *page;
	char seek[sizeof(((struct index_cursor *)0)->key)];
};

/*
 * Any bytes as a bound that keys are compared with. Keys have no NUL and at
 * most STORE_KEY_MAX bytes: what follows either limit cannot change which
 * keys lie above, only the bound itself.
 */
static struct slice
as_bound(struct slice s)
{
	ptrdiff_t nul = slice_chr(s, '\0');

	return slice_head(nul < 0 ? s : slice_head(s, (size_t)nul),
			  STORE_KEY_MAX);
}

/* Past everything that starts with @prefix. LMDB code. */
static int
seek_past(struct listing *l, struct slice prefix)
{
	size_t n = key_successor(prefix, l->seek);

	return n ? index_seek(l->c, slice_mem(l->seek, n)) : MDB_NOTFOUND;
}

static int
seek_start(struct listing *l)
{
	struct slice after = as_bound(l->req->start_after);
	struct slice prefix = l->req->prefix;
	int rc;

	if (slice_chr(prefix, '\0') >= 0 || prefix.n > STORE_KEY_MAX)
		return MDB_NOTFOUND; /* no key can start so */
	if (slice_cmp(l->req->start_after, prefix) < 0 ||
	    l->req->start_after.n == 0)
		return index_seek(l->c, prefix);
	if (l->req->start_is_prefix && after.n == l->req->start_after.n)
		return seek_past(l, after);
	rc = index_seek(l->c, after);
	if (rc == 0 && slice_eq(index_key(l->c), after))
		rc = index_next(l->c);
	return rc;
}

/* The common prefix @key rolls up to, or the empty slice. */
static struct slice
rolled_up(const struct store_list_req *req, struct slice key)
{
	ptrdiff_t at;

	if (req->delimiter.n == 0)
		return SLICE_EMPTY;
	at = slice_find(slice_from(key, req->prefix.n), req->delimiter);
	if (at < 0)
		return SLICE_EMPTY;
	return slice_head(key, req->prefix.n + (size_t)at + req->delimiter.n);
}

/* One more entry; false when the page is full, which it notes. */
static bool
page_has_room(struct listing *l)
{
	l->page->truncated = l->page->n == l->req->max_keys;
	return !l->page->truncated;
}

static int
add_key(struct listing *l, struct slice key)
{
	struct store_list_entry *e = &l->page->entries[l->page->n++];
	struct record_object rec;

	if (record_object_decode(l->c->value, &rec) != 0)
		return MDB_CORRUPTED;
	e->object = rec.o;
	e->object.storage_class = arena_copy(l->a, rec.o.storage_class);
	e->name = e->object.key = arena_copy(l->a, key);
	return l->a->err ? ENOMEM : 0;
}

static int
add_prefix(struct listing *l, struct slice prefix)
{
	struct store_list_entry *e = &l->page->entries[l->page->n++];

	e->is_prefix = true;
	e->name = arena_copy(l->a, prefix);
	return l->a->err ? ENOMEM : 0;
}

/* From the current record's key past all its versions. */
static int
next_key(struct listing *l)
{
	char key[sizeof(l->c->key)];
	struct slice was = index_key(l->c);
	int rc;

	memcpy(key, was.p, was.n);
	was.p = key;
	do
		rc = index_next(l->c);
	while (rc == 0 && slice_eq(index_key(l->c), was));
	return rc;
}

static int
fill(struct listing *l)
{
	const struct store_list_req *req = l->req;
	int rc = seek_start(l);

	while (rc == 0) {
		struct slice key = index_key(l->c), common;

		if (!slice_starts(key, req->prefix))
			break;
		common = rolled_up(req, key);
		if (common.n == 0) {
			if (!page_has_room(l))
				break;
			rc = add_key(l, key);
			if (rc == 0)
				rc = next_key(l);
			continue;
		}
		/* Already listed by the page that ended with start_after? */
		if (slice_cmp(common, req->start_after) > 0) {
			if (!page_has_room(l))
				break;
			rc = add_prefix(l, common);
		}
		if (rc == 0)
			rc = seek_past(l, common);
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static enum s3_error
list_in(struct local *ls, MDB_txn *txn, struct listing *l)
{
	struct local_bucket bucket;
	struct index_cursor c;
	enum s3_error err = local_bucket_find(ls, txn, l->req->bucket, &bucket);
	int rc;

	if (err != S3_OK || l->req->max_keys == 0)
		return err;
	rc = index_cursor_open(&c, ls, txn, bucket.id);
	if (rc == 0) {
		l->c = &c;
		rc = fill(l);
		index_cursor_close(&c);
	}
	return rc == 0 ? S3_OK : local_error("list", rc);
}

enum s3_error
local_list(struct store *s, const struct store_list_req *req, struct arena *a,
	   struct store_list_page *out)
{
	struct local *ls = local_of(s);
	struct listing l = { .req = req, .a = a, .page = out };
	enum s3_error err;
	MDB_txn *txn;
	int rc;

	out->entries = arena_array(a, req->max_keys, sizeof(*out->entries));
	if (!out->entries)
		return S3_ERR_INTERNAL_ERROR;
	rc = local_read_begin(ls, &txn);
	if (rc != 0)
		return local_error("list", rc);
	err = list_in(ls, txn, &l);
	mdb_txn_abort(txn);
	if (err == S3_OK && out->truncated) {
		out->next = out->entries[out->n - 1].name;
		out->next_is_prefix = out->entries[out->n - 1].is_prefix;
	}
	return err;
}
