/*
 * A page of a listing, of objects, of all versions or of uploads, in one short
 * read transaction. Below a common prefix and below a key that is done nothing
 * is read: the cursor seeks past them, so the cost follows the entries of the
 * page and the delete markers between them, which a listing of objects has to
 * look at one by one, not the keys and versions they stand for.
 */
#include "store/local/upload.h"
#include "store/local/version.h"

#include <errno.h>

enum listed {
	LIST_OBJECTS, /* the visible ones */
	LIST_VERSIONS,
	LIST_UPLOADS
};

struct listing {
	enum listed what;
	struct slice bucket;
	struct slice prefix;
	struct slice delimiter;
	struct slice after; /* entries beyond it only */
	bool after_is_prefix;
	uint32_t max;
	struct slice version_marker; /* of an upload: its id */
	struct arena *a;
	struct index_cursor *c;
	uint32_t bucket_id;
	/* the page */
	struct store_list_entry *entries;
	struct store_upload *uploads; /* beside entries, LIST_UPLOADS */
	size_t n;
	bool truncated;
	char seek[sizeof(((struct index_cursor *)0)->key)];
};

/* ---- moving ------------------------------------------------------------ */

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

/* To the versions of @key older than the marker. Where the null version that
 * ended the page before is gone, to all of them: rather twice than never. */
static int
seek_version(struct listing *l, struct slice key)
{
	enum s3_error result = S3_OK;
	struct version null;
	uint64_t number;
	int rc;

	if (version_id_parse(l->version_marker, &number) != 0) {
		rc = version_find(l->c->ls, l->c->txn, l->bucket_id, key,
				  SLICE(VERSION_NULL), &null, &result);
		if (rc != 0)
			return rc;
		if (result != S3_OK)
			return index_seek(l->c, key);
		number = null.number;
	}
	if (l->what == LIST_UPLOADS)
		number = ~number; /* the oldest comes first */
	return index_seek_version(l->c, key, number ? number - 1 : 0);
}

static int
seek_start(struct listing *l)
{
	struct slice after = as_bound(l->after);
	bool whole = after.n == l->after.n;

	if (slice_chr(l->prefix, '\0') >= 0 || l->prefix.n > STORE_KEY_MAX)
		return MDB_NOTFOUND; /* no key can start so */
	if (slice_cmp(l->after, l->prefix) < 0 || l->after.n == 0)
		return index_seek(l->c, l->prefix);
	if (l->after_is_prefix && whole)
		return seek_past(l, after);
	if (l->version_marker.n && whole)
		return seek_version(l, after);
	return index_seek_version(l->c, after, 0);
}

/* From the current record past all versions of its key; most keys have one. */
static int
next_key(struct listing *l)
{
	struct slice was = index_key(l->c);
	int rc;

	memcpy(l->seek, was.p, was.n);
	was.p = l->seek;
	rc = index_next(l->c);
	if (rc == 0 && slice_eq(index_key(l->c), was))
		rc = index_seek_version(l->c, was, 0);
	return rc;
}

/* ---- the page ---------------------------------------------------------- */

/* The common prefix @key rolls up to, or the empty slice. */
static struct slice
rolled_up(const struct listing *l, struct slice key)
{
	ptrdiff_t at;

	if (l->delimiter.n == 0)
		return SLICE_EMPTY;
	at = slice_find(slice_from(key, l->prefix.n), l->delimiter);
	if (at < 0)
		return SLICE_EMPTY;
	return slice_head(key, l->prefix.n + (size_t)at + l->delimiter.n);
}

/* The next entry, still to be written, or NULL when the page is full, which it
 * notes. */
static struct store_list_entry *
new_entry(struct listing *l)
{
	l->truncated = l->n == l->max;
	return l->truncated ? NULL : &l->entries[l->n++];
}

/* Is the record the newest of its key? All that precede it on the page are
 * newer; where the page begins within a key, the index knows. */
static int
find_latest(struct listing *l, struct slice key, bool *latest)
{
	const struct store_list_entry *last =
	    l->n ? &l->entries[l->n - 1] : NULL;
	uint64_t newest;
	struct slice value;
	int rc = 0;

	*latest = !last || last->is_prefix || !slice_eq(last->name, key);
	if (!last && l->version_marker.n) {
		rc = index_get(l->c->ls, l->c->txn, l->bucket_id, key, &newest,
			       &value);
		*latest = rc == 0 && newest == l->c->version;
	}
	return rc;
}

static int
add_record(struct listing *l, struct slice key, const struct store_object *o)
{
	struct store_list_entry *e;
	bool latest = true;
	int rc = 0;

	if (l->what == LIST_VERSIONS)
		rc = find_latest(l, key, &latest);
	e = rc == 0 ? new_entry(l) : NULL;
	if (!e)
		return rc;
	e->is_prefix = false;
	e->object = *o;
	e->object.is_latest = latest;
	e->object.storage_class = arena_copy(l->a, o->storage_class);
	e->name = e->object.key = arena_copy(l->a, key);
	return l->a->err ? ENOMEM : 0;
}

static int
add_upload(struct listing *l, struct slice key)
{
	struct store_list_entry *e = new_entry(l);
	struct store_upload *u = &l->uploads[l->n - 1];
	struct record_upload row;
	int rc;

	if (!e)
		return 0;
	*e = (struct store_list_entry){ 0 };
	rc = upload_row_get(l->c->ls, l->c->txn, ~l->c->version, &row);
	if (rc != 0)
		return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
	*u = row.u;
	snprintf(u->id, sizeof(u->id), "%.*s", SLICE_ARG(row.id));
	u->initiator = arena_copy(l->a, row.u.initiator);
	u->storage_class = arena_copy(l->a, row.u.storage_class);
	e->name = u->key = arena_copy(l->a, key);
	return l->a->err ? ENOMEM : 0;
}

static int
add_prefix(struct listing *l, struct slice prefix)
{
	struct store_list_entry *e = new_entry(l);

	if (!e)
		return 0;
	*e = (struct store_list_entry){ .is_prefix = true };
	e->name = arena_copy(l->a, prefix);
	return l->a->err ? ENOMEM : 0;
}

/* What the current record adds to the page, and on to the next that matters.
 */
static int
take(struct listing *l)
{
	struct slice key = index_key(l->c), common = rolled_up(l, key);
	struct record_object rec = { 0 };
	int rc;

	/* Listed by the page that ended with it? */
	if (common.n && slice_cmp(common, l->after) <= 0)
		return seek_past(l, common);
	if (l->what != LIST_UPLOADS &&
	    record_object_decode(l->c->value, &rec) != 0)
		return MDB_CORRUPTED;
	if (rec.o.is_delete_marker && l->what == LIST_OBJECTS)
		return next_key(l);
	rc = common.n		       ? add_prefix(l, common)
	     : l->what == LIST_UPLOADS ? add_upload(l, key)
				       : add_record(l, key, &rec.o);
	if (rc != 0 || l->truncated)
		return rc;
	if (common.n)
		return seek_past(l, common);
	return l->what == LIST_OBJECTS ? next_key(l) : index_next(l->c);
}

static int
fill(struct listing *l)
{
	int rc = seek_start(l);

	while (rc == 0 && !l->truncated &&
	       slice_starts(index_key(l->c), l->prefix))
		rc = take(l);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static enum s3_error
list_in(struct local *ls, MDB_txn *txn, struct listing *l)
{
	struct local_bucket bucket;
	struct index_cursor c;
	enum s3_error err = local_bucket_find(ls, txn, l->bucket, &bucket);
	int rc;

	if (err != S3_OK || l->max == 0)
		return err;
	rc = index_cursor_open(&c, ls, txn,
			       l->what == LIST_UPLOADS ? upload_scope(bucket.id)
						       : bucket.id);
	if (rc == 0) {
		l->c = &c;
		l->bucket_id = bucket.id;
		rc = fill(l);
		index_cursor_close(&c);
	}
	return rc == 0 ? S3_OK : local_error("list", rc);
}

static enum s3_error
run(struct local *ls, struct listing *l)
{
	enum s3_error err;
	MDB_txn *txn;
	int rc;

	l->entries = arena_raw_array(l->a, l->max, sizeof(*l->entries));
	if (l->what == LIST_UPLOADS)
		l->uploads = arena_array(l->a, l->max, sizeof(*l->uploads));
	if (l->a->err)
		return S3_ERR_INTERNAL_ERROR;
	rc = local_read_begin(ls, &txn);
	if (rc != 0)
		return local_error("list", rc);
	err = list_in(ls, txn, l);
	local_read_end(ls, txn);
	return err;
}

/* ---- the three listings ------------------------------------------------ */

enum s3_error
local_list(struct store *s, const struct store_list_req *req, struct arena *a,
	   struct store_list_page *out)
{
	struct listing l = { .what = LIST_OBJECTS,
			     .bucket = req->bucket,
			     .prefix = req->prefix,
			     .delimiter = req->delimiter,
			     .after = req->start_after,
			     .after_is_prefix = req->start_is_prefix,
			     .max = req->max_keys,
			     .a = a };
	enum s3_error err = run(local_of(s), &l);

	if (err != S3_OK)
		return err;
	*out = (struct store_list_page){ .entries = l.entries,
					 .n = l.n,
					 .truncated = l.truncated };
	if (l.truncated) {
		out->next = l.entries[l.n - 1].name;
		out->next_is_prefix = l.entries[l.n - 1].is_prefix;
	}
	return S3_OK;
}

enum s3_error
local_list_versions(struct store *s, const struct store_versions_req *req,
		    struct arena *a, struct store_versions_page *out)
{
	struct listing l = { .what = LIST_VERSIONS,
			     .bucket = req->bucket,
			     .prefix = req->prefix,
			     .delimiter = req->delimiter,
			     .after = req->key_marker,
			     .after_is_prefix = req->marker_is_prefix,
			     .max = req->max_keys,
			     .version_marker = req->version_marker,
			     .a = a };
	enum s3_error err;
	uint64_t number;

	if (req->version_marker.n &&
	    (req->key_marker.n == 0 ||
	     (!slice_eq_str(req->version_marker, VERSION_NULL) &&
	      version_id_parse(req->version_marker, &number) != 0)))
		return S3_ERR_INVALID_ARGUMENT;
	err = run(local_of(s), &l);
	if (err != S3_OK)
		return err;
	*out = (struct store_versions_page){ .entries = l.entries,
					     .n = l.n,
					     .truncated = l.truncated };
	if (l.truncated) {
		const struct store_list_entry *last = &l.entries[l.n - 1];

		out->next_key = last->name;
		if (!last->is_prefix)
			out->next_version = slice_str(last->object.version_id);
	}
	return S3_OK;
}

enum s3_error
local_upload_list(struct store *s, const struct store_uploads_req *req,
		  struct arena *a, struct store_uploads_page *out)
{
	struct listing l = { .what = LIST_UPLOADS,
			     .bucket = req->bucket,
			     .prefix = req->prefix,
			     .delimiter = req->delimiter,
			     .after = req->key_marker,
			     .after_is_prefix = req->marker_is_prefix,
			     .max = req->max_uploads,
			     .version_marker = req->upload_marker,
			     .a = a };
	enum s3_error err;
	uint64_t number;

	if (req->upload_marker.n &&
	    (req->key_marker.n == 0 ||
	     version_id_parse(req->upload_marker, &number) != 0))
		return S3_ERR_INVALID_ARGUMENT;
	err = run(local_of(s), &l);
	if (err != S3_OK)
		return err;
	out->entries = arena_array(a, l.n, sizeof(*out->entries));
	if (!out->entries)
		return S3_ERR_INTERNAL_ERROR;
	for (out->n = 0; out->n < l.n; out->n++)
		out->entries[out->n] = (struct store_uploads_entry){
			.is_prefix = l.entries[out->n].is_prefix,
			.name = l.entries[out->n].name,
			.upload = l.uploads[out->n]
		};
	out->truncated = l.truncated;
	if (out->n) {
		const struct store_uploads_entry *last =
		    &out->entries[out->n - 1];

		out->next_key = last->name;
		if (!last->is_prefix)
			out->next_upload = slice_str(last->upload.id);
	}
	return S3_OK;
}
