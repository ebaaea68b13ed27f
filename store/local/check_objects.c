/*
 * Rows of the tables M and T. The rest of a long key lies in a group (key.h);
 * its whole name is put together from the pointers, for findings only.
 */
#include "base/hash.h"
#include "store/local/bytes.h"
#include "store/local/check.h"
#include "store/local/extents.h"
#include "store/local/upload.h"
#include "store/local/version.h"

#include <errno.h>

struct row {
	bool in_group;
	struct key_scope scope;
	uint64_t scope_id; /* bucket id, upload bit and all, or group id */
	struct key_part part;
	struct slice value;
};

/* Where a row stands, in words. */
struct place {
	struct slice bucket;
	char key[KEY_LEVELS * KEY_CUT];
	size_t key_n;
};

/* ---- names -------------------------------------------------------------- */

static int
by_bucket(const void *a, const void *b)
{
	const struct check_bucket *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

void
check_buckets_end(struct check *c)
{
	if (buf_ok(&c->buckets) && c->buckets.n)
		qsort(c->buckets.p, c->buckets.n / sizeof(struct check_bucket),
		      sizeof(struct check_bucket), by_bucket);
}

static struct slice
bucket_name(const struct check *c, uint64_t id)
{
	const struct check_bucket *found,
	    wanted = { .id = (uint32_t)id & ~UPLOAD_SCOPE_BIT };

	if (!c->buckets.n)
		return SLICE_EMPTY;
	found = bsearch(&wanted, c->buckets.p, c->buckets.n / sizeof(wanted),
			sizeof(wanted), by_bucket);
	return found ? found->name : SLICE_EMPTY;
}

static int
by_id(const void *a, const void *b)
{
	const struct check_group *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static struct check_group *
find_group(const struct check *c, uint64_t id)
{
	const struct check_group wanted = { .id = id };

	if (!c->groups.n)
		return NULL;
	return bsearch(&wanted, c->groups.p, c->groups.n / sizeof(wanted),
		       sizeof(wanted), by_id);
}

static void
find_place(const struct check *c, const struct row *r, struct place *out)
{
	struct slice heads[KEY_LEVELS];
	uint64_t scope = r->scope_id;
	bool in_group = r->in_group;
	size_t n = 0;

	*out = (struct place){ 0 };
	while (in_group && n + 1 < KEY_LEVELS) {
		const struct check_group *g = find_group(c, scope);

		if (!g)
			break;
		heads[n++] = g->head;
		scope = g->parent;
		in_group = g->in_group;
	}
	if (!in_group)
		out->bucket = bucket_name(c, scope);
	heads[n] = SLICE_EMPTY;
	for (; n > 0; n--) {
		memcpy(out->key + out->key_n, heads[n - 1].p, heads[n - 1].n);
		out->key_n += heads[n - 1].n;
	}
	memcpy(out->key + out->key_n, r->part.text.p, r->part.text.n);
	out->key_n += r->part.text.n;
}

/* ---- groups ------------------------------------------------------------- */

static int
pointer_id(struct slice value, uint64_t *id)
{
	struct record_reader r;

	if (record_open(value, RECORD_GROUP, &r, NULL) != 0)
		return -1;
	*id = record_get_int(&r, 8);
	return record_done(&r);
}

/* -1: the name makes no sense. */
static int
read_row(bool in_group, struct slice key, struct slice value, struct row *out)
{
	size_t n = in_group ? 8 : 4;

	if (key.n < n)
		return -1;
	*out = (struct row){ .in_group = in_group,
			     .scope_id = be_get(key.p, n),
			     .value = value };
	out->scope = in_group ? key_scope_group(out->scope_id)
			      : key_scope_bucket((uint32_t)out->scope_id);
	return key_parse(key, &out->scope, &out->part) == 0 ? 0 : -1;
}

static int
gather_pointers(struct check *c, enum local_table table)
{
	MDB_cursor *at;
	MDB_val k, v;
	int rc = mdb_cursor_open(c->txn, c->ls.dbi[table], &at);

	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(at, &k, &v, MDB_NEXT)) == 0) {
		struct check_group g = { .in_group = table == TABLE_GROUP };
		struct row r;

		if (read_row(g.in_group, slice_mem(k.mv_data, k.mv_size),
			     slice_mem(v.mv_data, v.mv_size), &r) != 0 ||
		    !r.part.is_pointer || pointer_id(r.value, &g.id) != 0)
			continue;
		g.parent = r.scope_id;
		g.head = r.part.text;
		buf_add(&c->groups, &g, sizeof(g));
	}
	mdb_cursor_close(at);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int
check_groups_begin(struct check *c)
{
	int rc = gather_pointers(c, TABLE_OBJECT);

	if (rc == 0)
		rc = gather_pointers(c, TABLE_GROUP);
	if (!buf_ok(&c->groups))
		return ENOMEM;
	if (c->groups.n)
		qsort(c->groups.p, c->groups.n / sizeof(struct check_group),
		      sizeof(struct check_group), by_id);
	return rc;
}

void
check_groups_end(struct check *c)
{
	const struct check_group *g = (const void *)c->groups.p;
	size_t n = c->groups.n / sizeof(*g);

	for (size_t i = 0; i < n; i++) {
		unsigned long long id = g[i].id;

		if (!g[i].used)
			check_found(c, "key",
				    "group %llu of long keys is empty", id);
		if (i > 0 && g[i - 1].id == id)
			check_found(c, "key",
				    "group %llu of long keys has two names",
				    id);
		if (id > c->st.last_group)
			check_found(c, "key",
				    "group %llu of long keys was never given "
				    "out",
				    id);
	}
}

/* ---- one object --------------------------------------------------------- */

/* What is wrong with an object's record, or NULL. */
static const char *
wrong_record(const struct check *c, const struct row *r,
	     const struct record_object *o)
{
	uint64_t number = r->part.version;

	if (number > c->st.version_clock)
		return "its version number was never given out";
	if (!slice_eq_str(slice_str(o->o.version_id), VERSION_NULL) &&
	    (version_id_parse(slice_str(o->o.version_id), &number) != 0 ||
	     number != r->part.version))
		return "its version id is that of another version";
	if (o->o.seq > c->st.last_seq)
		return "its event was never written";
	if (o->o.is_delete_marker &&
	    (o->o.size || o->extents.n || o->extent_set))
		return "a delete marker with bytes";
	if (o->is_inline && crc32c(0, o->data.p, o->data.n) != o->inline_crc)
		return "its bytes in the index are damaged";
	return NULL;
}

/* Sum of the extents; what is wrong with one in *problem. */
static uint64_t
sum_extents(struct check *c, struct slice extents, const char **problem)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < extents_count(extents); i++) {
		struct record_extent e = record_extent(extents, i);
		struct blob_row row;
		uint64_t end;

		sum += e.length;
		if (gc_blob_get(&c->ls, c->txn, e.blob_id, &row) != 0)
			*problem = "it names a blob that is absent or damaged";
		else if (__builtin_add_overflow(e.offset, e.length, &end) ||
			 end > row.size)
			*problem = "it goes beyond the end of a blob";
	}
	return sum;
}

static const char *
wrong_bytes(struct check *c, const struct record_object *o)
{
	const char *problem = NULL;
	struct record_set set;
	struct slice value;
	uint8_t key[8];
	uint64_t size;

	if (o->is_inline || o->o.is_delete_marker)
		return NULL;
	if (!o->extent_set) {
		size = sum_extents(c, o->extents, &problem);
		return problem		   ? problem
		       : size != o->o.size ? "its extents are of another size"
					   : NULL;
	}
	be_put(key, o->extent_set, 8);
	if (local_row_get(&c->ls, c->txn, TABLE_SET, slice_mem(key, 8),
			  &value) != 0 ||
	    record_set_decode(value, &set) != 0)
		return "it names an extent set that is absent or damaged";
	return set.size == o->o.size ? NULL : "its extents are of another size";
}

static void
check_object(struct check *c, const struct row *r, const struct place *at)
{
	struct slice key = slice_mem(at->key, at->key_n);
	struct record_object o;
	const char *problem;

	if (record_object_decode(r->value, &o) != 0) {
		check_found_at(c, "record", at->bucket, key, NULL,
			       "the object's record is damaged");
		return;
	}
	problem = wrong_record(c, r, &o);
	if (!problem)
		problem = wrong_bytes(c, &o);
	if (!problem && !at->bucket.n)
		problem = "it is in no bucket";
	if (problem)
		check_found_at(c, "object", at->bucket, key, o.o.version_id,
			       "%s", problem);
	if (!o.o.is_delete_marker) {
		c->out->objects++;
		c->out->bytes += o.o.size;
	}
}

/* A row of the list of uploads names one that is open. */
static void
check_listed(struct check *c, const struct row *r, const struct place *at)
{
	struct slice key = slice_mem(at->key, at->key_n);
	struct record_upload row;

	if (upload_row_get(&c->ls, c->txn, ~r->part.version, &row) != 0 ||
	    row.completed || !slice_eq(row.key, key))
		check_found_at(c, "upload", at->bucket, key, NULL,
			       "a listed upload is not open");
}

void
check_object_row(struct check *c, bool in_group, struct slice key,
		 struct slice value)
{
	struct record_reader reader;
	struct check_group *g;
	struct place at;
	struct row r;
	uint64_t id;

	if (read_row(in_group, key, value, &r) != 0) {
		check_found(c, "key", "table %s: a malformed key",
			    in_group ? "T" : "M");
		return;
	}
	find_place(c, &r, &at);
	if (in_group) {
		g = find_group(c, r.scope_id);
		if (g)
			g->used = true;
		else
			check_found_at(c, "key", at.bucket,
				       slice_mem(at.key, at.key_n), NULL,
				       "in group %llu, which no key leads to",
				       (unsigned long long)r.scope_id);
	}
	if (r.part.is_pointer) {
		if (pointer_id(value, &id) != 0)
			check_found_at(c, "record", at.bucket,
				       slice_mem(at.key, at.key_n), NULL,
				       "the record of a group of long keys is "
				       "damaged");
	} else if (record_open(value, RECORD_UPLOAD_KEY, &reader, NULL) == 0) {
		check_listed(c, &r, &at);
	} else {
		check_object(c, &r, &at);
	}
}
