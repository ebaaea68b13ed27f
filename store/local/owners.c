/*
 * Which objects, and parts of open uploads, a damaged block belongs to. Blobs
 * do not know: the records of all are read, in short transactions, so that what
 * changes meanwhile may be missed or told twice, and nobody waits.
 */
#include "store/local/damage.h"
#include "store/local/extents.h"
#include "store/local/index.h"

#include <errno.h>

#define ROWS_PER_TXN 1000u

struct bucket_name {
	uint32_t id;
	struct slice name;
};

struct search {
	struct local *ls;
	MDB_txn *txn;
	struct arena *a;
	const struct damage_item *items; /* sorted */
	struct store_damage *out;
	size_t n;
	uint64_t *last; /* of each item: number of the record told last */
	uint64_t record;
	struct buf extents; /* of a set */
	struct buf buckets; /* struct bucket_name */
};

/* ---- comparing ---------------------------------------------------------- */

/* The first item of that blob, or n. */
static size_t
find_item(const struct search *s, uint64_t blob_id)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->items[mid].blob_id < blob_id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
holds(const struct damage_item *item, const struct record_extent *e)
{
	uint64_t from = item->block * BLOB_BLOCK_BYTES;

	if (item->what == DAMAGE_MISSING)
		return true;
	return e->offset < from + BLOB_BLOCK_BYTES &&
	       e->offset + e->length > from;
}

static void
tell(struct search *s, size_t item, const struct store_damaged_object *object)
{
	struct store_damage *d = &s->out[item];
	struct store_damaged_object *told;

	if (s->last[item] == s->record)
		return;
	s->last[item] = s->record;
	d->more_objects = d->n_objects == STORE_DAMAGED_OBJECTS_MAX;
	if (d->more_objects)
		return;
	if (!d->objects)
		d->objects = arena_array(s->a, STORE_DAMAGED_OBJECTS_MAX,
					 sizeof(*d->objects));
	if (!d->objects)
		return; /* the arena's error tells */
	told = &d->objects[d->n_objects++];
	*told = *object;
	told->bucket = arena_copy(s->a, object->bucket);
	told->key = arena_copy(s->a, object->key);
}

static bool
is_hit(const struct search *s, struct slice extents)
{
	for (size_t i = 0; i < extents_count(extents); i++) {
		struct record_extent e = record_extent(extents, i);
		size_t at = find_item(s, e.blob_id);

		for (; at < s->n && s->items[at].blob_id == e.blob_id; at++)
			if (holds(&s->items[at], &e))
				return true;
	}
	return false;
}

static void
tell_all(struct search *s, struct slice extents,
	 const struct store_damaged_object *object)
{
	s->record++;
	for (size_t i = 0; i < extents_count(extents); i++) {
		struct record_extent e = record_extent(extents, i);
		size_t at = find_item(s, e.blob_id);

		for (; at < s->n && s->items[at].blob_id == e.blob_id; at++)
			if (holds(&s->items[at], &e))
				tell(s, at, object);
	}
}

/* ---- objects ------------------------------------------------------------ */

/* Rows that cannot be read are the scrubber's to tell of. */
static void
look_at_object(struct search *s, const struct index_cursor *c,
	       struct slice bucket)
{
	struct store_damaged_object object = { .bucket = bucket };
	struct record_object rec;
	struct slice extents;

	if (record_object_decode(c->value, &rec) != 0)
		return;
	extents = rec.extents;
	buf_clear(&s->extents);
	if (rec.extent_set) {
		if (set_extents(s->ls, s->txn, rec.extent_set, &s->extents) !=
		    0)
			return;
		extents = buf_slice(&s->extents);
	}
	if (!is_hit(s, extents))
		return;
	object.key = index_key(c);
	memcpy(object.version_id, rec.o.version_id, sizeof(object.version_id));
	tell_all(s, extents, &object);
}

/* Where the last transaction of a bucket ended. */
struct place {
	char key[STORE_KEY_MAX];
	size_t key_n;
	uint64_t version;
	bool begun;
};

static int
seek(struct index_cursor *c, const struct place *p)
{
	struct slice key = slice_mem(p->key, p->key_n);

	if (!p->begun)
		return index_seek(c, SLICE_EMPTY);
	return index_seek_version(c, key, p->version ? p->version - 1 : 0);
}

static int
search_rows(struct search *s, const struct bucket_name *b, struct place *p)
{
	struct index_cursor c;
	int rc = index_cursor_open(&c, s->ls, s->txn, b->id);

	if (rc != 0)
		return rc;
	rc = seek(&c, p);
	for (size_t n = 0; rc == 0; rc = index_next(&c)) {
		if (n++ == ROWS_PER_TXN)
			break;
		look_at_object(s, &c, b->name);
		p->begun = true;
		p->key_n = c.key_n < sizeof(p->key) ? c.key_n : sizeof(p->key);
		memcpy(p->key, c.key, p->key_n);
		p->version = c.version;
	}
	index_cursor_close(&c);
	return rc;
}

static int
search_bucket(struct search *s, const struct bucket_name *b)
{
	struct place p = { .begun = false };
	int rc;

	do {
		rc = local_read_begin(s->ls, &s->txn);
		if (rc != 0)
			return rc;
		rc = search_rows(s, b, &p);
		local_read_end(s->ls, s->txn);
	} while (rc == 0 && !s->a->err);
	/* What lies behind a damaged row is out of reach. */
	return rc == MDB_NOTFOUND || rc == MDB_CORRUPTED ? 0 : rc;
}

/* ---- parts of open uploads ---------------------------------------------- */

static struct slice
name_of(const struct search *s, uint32_t bucket_id)
{
	const struct bucket_name *b = (const void *)s->buckets.p;

	for (size_t i = 0; i < s->buckets.n / sizeof(*b); i++)
		if (b[i].id == bucket_id)
			return b[i].name;
	return SLICE_EMPTY;
}

static void
look_at_part(struct search *s, struct slice key, struct slice value)
{
	struct store_damaged_object object = { .version_id = "" };
	struct record_upload upload;
	struct record_part part;
	struct slice row;

	if (key.n != 10 || record_part_decode(value, &part) != 0 ||
	    !is_hit(s, part.extents) ||
	    local_row_get(s->ls, s->txn, TABLE_UPLOAD, slice_head(key, 8),
			  &row) != 0 ||
	    record_upload_decode(row, &upload) != 0)
		return;
	object.bucket = name_of(s, upload.bucket_id);
	object.key = upload.key;
	snprintf(object.upload_id, sizeof(object.upload_id), "%.*s",
		 SLICE_ARG(upload.id));
	tell_all(s, part.extents, &object);
}

static int
part_rows(struct search *s, uint8_t from[10])
{
	MDB_val k = { 10, from }, v;
	MDB_cursor *c;
	int rc = mdb_cursor_open(s->txn, s->ls->dbi[TABLE_PART], &c);

	if (rc != 0)
		return rc;
	rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
	for (size_t n = 0; rc == 0; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
		if (n++ == ROWS_PER_TXN)
			break;
		look_at_part(s, slice_mem(k.mv_data, k.mv_size),
			     slice_mem(v.mv_data, v.mv_size));
	}
	if (rc == 0) {
		/* also where no part has such a name: to get past it */
		memset(from, 0, 10);
		memcpy(from, k.mv_data, k.mv_size < 10 ? k.mv_size : 10);
	}
	mdb_cursor_close(c);
	return rc;
}

static int
search_parts(struct search *s)
{
	uint8_t from[10] = { 0 };
	int rc;

	do {
		rc = local_read_begin(s->ls, &s->txn);
		if (rc != 0)
			return rc;
		rc = part_rows(s, from);
		local_read_end(s->ls, s->txn);
	} while (rc == 0 && !s->a->err);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* ---- all ---------------------------------------------------------------- */

static int
list_buckets(struct search *s)
{
	MDB_cursor *c;
	MDB_val k, v;
	int rc = local_read_begin(s->ls, &s->txn);

	if (rc != 0)
		return rc;
	rc = mdb_cursor_open(s->txn, s->ls->dbi[TABLE_BUCKET], &c);
	if (rc == 0) {
		while ((rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
			struct slice name = slice_mem(k.mv_data, k.mv_size);
			struct local_bucket row;
			struct bucket_name b;

			if (local_bucket_find(s->ls, s->txn, name, &row) !=
			    S3_OK)
				continue;
			b = (struct bucket_name){ row.id,
						  arena_copy(s->a, name) };
			buf_add(&s->buckets, &b, sizeof(b));
		}
		mdb_cursor_close(c);
	}
	local_read_end(s->ls, s->txn);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

enum s3_error
damage_owners(struct local *ls, const struct damage_item *items,
	      struct store_damage *out, size_t n, struct arena *a)
{
	struct search s = { .ls = ls,
			    .a = a,
			    .items = items,
			    .out = out,
			    .n = n,
			    .last = arena_array(a, n, sizeof(*s.last)) };
	const struct bucket_name *b;
	int rc = s.last ? list_buckets(&s) : 0;

	if (s.last)
		memset(s.last, 0, n * sizeof(*s.last));
	b = (const void *)s.buckets.p;
	for (size_t i = 0; rc == 0 && s.last && i < s.buckets.n / sizeof(*b);
	     i++)
		rc = search_bucket(&s, &b[i]);
	if (rc == 0 && s.last)
		rc = search_parts(&s);
	if (rc == 0 && (a->err || s.buckets.err || s.extents.err))
		rc = ENOMEM;
	buf_release(&s.extents);
	buf_release(&s.buckets);
	return rc == 0 ? S3_OK : local_error("objects of damage", rc);
}
