/*
 * Row by row: every table in order and as long as LMDB says, every record
 * whole, and what one row says of another. References and the counters of
 * objects are counted in recount.c.
 */
#include "store/local/bytes.h"
#include "store/local/check.h"
#include "store/local/extents.h"
#include "store/local/upload.h"

#include <errno.h>

#define PROGRESS_ROWS 100000u

static void
bad_record(struct check *c, enum local_table t, const char *what,
	   unsigned long long id)
{
	check_found(c, "record", "table %s, %s %016llx: the record is damaged",
		    local_table_name(t), what, id);
}

/* A row whose name begins with the id of one in another table. */
static void
check_owner(struct check *c, enum local_table owner, struct slice key,
	    const char *what)
{
	struct slice row;

	if (local_row_get(&c->ls, c->txn, owner, slice_head(key, 8), &row) != 0)
		check_found(c, local_table_name(owner),
			    "%s of absent %s %016llx", what,
			    local_table_name(owner),
			    (unsigned long long)be_get(key.p, 8));
}

/* ---- buckets ------------------------------------------------------------ */

static void
bucket_row(struct check *c, struct slice key, struct slice value)
{
	struct check_bucket b = { .name = key };
	struct record_reader r;
	uint64_t versioning;

	if (!store_bucket_name_valid(key))
		check_found(c, "key", "table bucket: a name that none can be");
	if (record_open(value, RECORD_BUCKET, &r, NULL) != 0) {
		check_found_at(c, "record", key, SLICE_EMPTY, NULL,
			       "the bucket's record is damaged");
		return;
	}
	b.id = (uint32_t)record_get_int(&r, 4);
	(void)record_get_int(&r, 8);
	(void)record_get_bytes(&r);
	(void)record_get_bytes(&r);
	versioning = record_get_int(&r, 1);
	if (record_done(&r) != 0 || versioning > STORE_VERSIONING_SUSPENDED)
		check_found_at(c, "record", key, SLICE_EMPTY, NULL,
			       "the bucket's record is damaged");
	if (b.id == 0 || b.id > c->st.last_bucket)
		check_found_at(c, "bucket", key, SLICE_EMPTY, NULL,
			       "bucket id %u was never given out",
			       (unsigned)b.id);
	buf_add(&c->buckets, &b, sizeof(b));
}

static void
config_row(struct check *c, struct slice key, struct slice value)
{
	struct record_reader r;

	if (record_open(value, RECORD_CONFIG, &r, NULL) != 0)
		bad_record(c, TABLE_CONFIG, "bucket", be_get(key.p, 4));
}

static void
meta_row(struct check *c, struct slice key, struct slice value)
{
	(void)value; /* read when the store was opened */
	if (!slice_eq_str(key, "format") && !slice_eq_str(key, "identity") &&
	    !slice_eq_str(key, "state"))
		check_found(c, "key", "table meta: an unknown row");
}

/* ---- objects ------------------------------------------------------------ */

static void
object_row(struct check *c, struct slice key, struct slice value)
{
	check_object_row(c, false, key, value);
}

static void
group_row(struct check *c, struct slice key, struct slice value)
{
	check_object_row(c, true, key, value);
}

/* ---- blobs -------------------------------------------------------------- */

/* Row by row, as many checksums as there are blocks. */
static void
check_crc_rows(struct check *c, uint64_t id, uint64_t size)
{
	uint64_t blocks = blob_blocks(size);
	struct record_reader r;
	struct slice value;
	uint8_t key[12];

	be_put(key, id, 8);
	for (uint64_t at = 0; at < blocks; at += CRCS_PER_ROW) {
		uint64_t here = blocks - at;

		if (here > CRCS_PER_ROW)
			here = CRCS_PER_ROW;
		be_put(key + 8, at, 4);
		if (local_row_get(&c->ls, c->txn, TABLE_CRC, slice_mem(key, 12),
				  &value) != 0 ||
		    record_open(value, RECORD_CRCS, &r, NULL) != 0 ||
		    r.rest.n != here * 4)
			check_found_blob(c, id, CHECK_WHOLE_BLOB,
					 "blob %016llx: checksums from block "
					 "%llu on are missing or damaged",
					 (unsigned long long)id,
					 (unsigned long long)at);
	}
}

static void
blob_row(struct check *c, struct slice key, struct slice value)
{
	uint64_t id = be_get(key.p, 8);
	struct blob_row row;

	if (gc_blob_decode(value, &row) != 0) {
		bad_record(c, TABLE_BLOB, "blob", id);
		return;
	}
	if (id >= c->st.blob_end)
		check_found(c, "blob", "blob %016llx was never given out",
			    (unsigned long long)id);
	check_crc_rows(c, id, row.size);
	c->out->blobs++;
	c->out->blob_bytes += row.size;
}

static void
crc_row(struct check *c, struct slice key, struct slice value)
{
	struct record_reader r;

	if (record_open(value, RECORD_CRCS, &r, NULL) != 0)
		bad_record(c, TABLE_CRC, "blob", be_get(key.p, 8));
	else
		check_owner(c, TABLE_BLOB, key, "checksums");
}

/* ---- extent sets -------------------------------------------------------- */

/* One that is being taken apart has lost some rows. */
static void
set_row(struct check *c, struct slice key, struct slice value)
{
	struct buf extents = BUF_INIT;
	struct record_set set;
	unsigned long long id = be_get(key.p, 8);
	uint64_t size = 0;

	if (record_set_decode(value, &set) != 0) {
		bad_record(c, TABLE_SET, "set", id);
		return;
	}
	if (set.refs == 0)
		return;
	if (set_extents(&c->ls, c->txn, id, &extents) == 0)
		for (size_t i = 0; i < extents_count(buf_slice(&extents)); i++)
			size += record_extent(buf_slice(&extents), i).length;
	if (extents_count(buf_slice(&extents)) != set.n_extents ||
	    size != set.size)
		check_found(c, "set",
			    "set %016llx: %u extents of %llu bytes, its "
			    "record says %u of %llu",
			    id, (unsigned)extents_count(buf_slice(&extents)),
			    (unsigned long long)size, set.n_extents,
			    (unsigned long long)set.size);
	buf_release(&extents);
}

static void
extents_row(struct check *c, struct slice key, struct slice value)
{
	struct slice extents;

	if (record_extents_decode(value, &extents) != 0)
		bad_record(c, TABLE_EXT, "set", be_get(key.p, 8));
	else
		check_owner(c, TABLE_SET, key, "extents");
}

static void
setpart_row(struct check *c, struct slice key, struct slice value)
{
	struct store_part parts[SET_ROW_PARTS];
	size_t n;

	if (record_parts_decode(value, parts, &n) != 0)
		bad_record(c, TABLE_SETPART, "set", be_get(key.p, 8));
	else
		check_owner(c, TABLE_SET, key, "parts");
}

/* ---- uploads ------------------------------------------------------------ */

static void
upload_row(struct check *c, struct slice key, struct slice value)
{
	struct record_upload row;
	struct slice listed;
	uint64_t number = be_get(key.p, 8);

	if (record_upload_decode(value, &row) != 0)
		bad_record(c, TABLE_UPLOAD, "upload", number);
	else if (!row.completed &&
		 index_get_version(&c->ls, c->txn, upload_scope(row.bucket_id),
				   row.key, ~number, &listed) != 0)
		check_found(c, "upload", "upload %016llx is not in its list",
			    (unsigned long long)number);
}

static void
part_row(struct check *c, struct slice key, struct slice value)
{
	struct record_part part;
	uint64_t size = 0;

	if (record_part_decode(value, &part) != 0) {
		bad_record(c, TABLE_PART, "upload", be_get(key.p, 8));
		return;
	}
	for (size_t i = 0; i < extents_count(part.extents); i++)
		size += record_extent(part.extents, i).length;
	if (size != part.p.size)
		check_found(c, "upload",
			    "part %u of upload %016llx: extents of %llu "
			    "bytes, size %llu",
			    (unsigned)be_get(key.p + 8, 2),
			    (unsigned long long)be_get(key.p, 8),
			    (unsigned long long)size,
			    (unsigned long long)part.p.size);
}

/* ---- events and what is due --------------------------------------------- */

static void
event_row(struct check *c, struct slice key, struct slice value)
{
	struct store_event e;
	struct arena a;

	arena_init(&a, 1u << 20);
	if (record_event_decode(value, &a, &e) != 0)
		bad_record(c, TABLE_OUTBOX, "event", be_get(key.p, 8));
	arena_release(&a);
}

static void
intent_row(struct check *c, struct slice key, struct slice value)
{
	struct store_event e;
	struct arena a;

	arena_init(&a, 1u << 20);
	if (record_event_decode(value, &a, &e) != 0)
		bad_record(c, TABLE_INTENTS, "intent", be_get(key.p, 8));
	arena_release(&a);
	if (be_get(key.p, 8) > c->st.version_clock)
		check_found(c, "intent", "intent %016llx was never given out",
			    (unsigned long long)be_get(key.p, 8));
}

static void
due_row(struct check *c, struct slice key, struct slice value)
{
	enum record_kind what;
	uint64_t since;

	if (gc_due_decode(value, &what, &since) != 0)
		bad_record(c, TABLE_GC, "due", be_get(key.p + 8, 8));
}

/* Events are numbered without gaps up to the last, and none went that was not
 * delivered. */
static int
check_outbox(struct check *c)
{
	uint64_t expected = 0;
	MDB_cursor *at;
	MDB_val k, v;
	int rc = mdb_cursor_open(c->txn, c->ls.dbi[TABLE_OUTBOX], &at);

	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(at, &k, &v, MDB_NEXT)) == 0) {
		uint64_t seq = k.mv_size == 8 ? be_get(k.mv_data, 8) : 0;

		if (expected == 0 && seq > c->st.retain_seq + 1)
			check_found(c, "event",
				    "events before %llu are missing",
				    (unsigned long long)seq);
		if (expected != 0 && seq != expected)
			check_found(c, "event", "event %llu follows event %llu",
				    (unsigned long long)seq,
				    (unsigned long long)(expected - 1));
		expected = seq + 1;
	}
	mdb_cursor_close(at);
	if (expected == 0)
		expected = c->st.retain_seq + 1;
	if (expected != c->st.last_seq + 1)
		check_found(c, "event", "the last event is %llu, not %llu",
			    (unsigned long long)(expected - 1),
			    (unsigned long long)c->st.last_seq);
	if (c->st.acked_seq > c->st.last_seq ||
	    c->st.retain_seq > c->st.acked_seq)
		check_found(c, "event",
			    "events were delivered that never were");
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* ---- the tables --------------------------------------------------------- */

struct table_check {
	enum local_table table;
	size_t key_n; /* of each key; 0: they have many */
	void (*row)(struct check *c, struct slice key, struct slice value);
};

static int
check_table(struct check *c, const struct table_check *t)
{
	struct slice before = SLICE_EMPTY;
	MDB_cursor *at;
	MDB_stat stat;
	MDB_val k, v;
	size_t rows = 0;
	int rc = mdb_stat(c->txn, c->ls.dbi[t->table], &stat);

	if (rc == 0)
		rc = mdb_cursor_open(c->txn, c->ls.dbi[t->table], &at);
	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(at, &k, &v, MDB_NEXT)) == 0) {
		struct slice key = slice_mem(k.mv_data, k.mv_size);

		if (rows++ > 0 && slice_cmp(before, key) >= 0)
			check_found(c, "key",
				    "table %s: row %zu is out of "
				    "order",
				    local_table_name(t->table), rows);
		before = key;
		if (t->key_n && key.n != t->key_n)
			check_found(c, "key", "table %s: a malformed key",
				    local_table_name(t->table));
		else
			t->row(c, key, slice_mem(v.mv_data, v.mv_size));
		if (rows % PROGRESS_ROWS == 0)
			check_progress(c, local_table_name(t->table), rows,
				       stat.ms_entries);
	}
	mdb_cursor_close(at);
	c->out->rows += rows;
	if (rc == MDB_NOTFOUND && rows != stat.ms_entries)
		check_found(c, "index", "table %s: %zu rows are found of %zu",
			    local_table_name(t->table), rows, stat.ms_entries);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int
check_index(struct check *c)
{
	/* buckets first: the others name them */
	static const struct table_check tables[] = {
		{ TABLE_META, 0, meta_row },
		{ TABLE_BUCKET, 0, bucket_row },
		{ TABLE_CONFIG, 5, config_row },
		{ TABLE_OBJECT, 0, object_row },
		{ TABLE_GROUP, 0, group_row },
		{ TABLE_BLOB, 8, blob_row },
		{ TABLE_CRC, 12, crc_row },
		{ TABLE_SET, 8, set_row },
		{ TABLE_EXT, 12, extents_row },
		{ TABLE_SETPART, 12, setpart_row },
		{ TABLE_UPLOAD, 8, upload_row },
		{ TABLE_PART, 10, part_row },
		{ TABLE_OUTBOX, 8, event_row },
		{ TABLE_GC, 16, due_row },
		{ TABLE_INTENTS, 8, intent_row },
	};
	int rc = check_groups_begin(c), worst = rc;

	_Static_assert(ARRAY_LEN(tables) == TABLE_COUNT, "a row per table");
	for (size_t i = 0; rc != ENOMEM && i < ARRAY_LEN(tables); i++) {
		if (!c->ls.dbi[tables[i].table])
			continue;
		rc = check_table(c, &tables[i]);
		if (tables[i].table == TABLE_BUCKET)
			check_buckets_end(c);
		worst = rc ? rc : worst;
	}
	check_groups_end(c);
	if (c->buckets.n / sizeof(struct check_bucket) != c->st.buckets)
		check_found(c, "counter", "%zu buckets, count %llu",
			    c->buckets.n / sizeof(struct check_bucket),
			    (unsigned long long)c->st.buckets);
	rc = check_outbox(c);
	check_owners(c);
	if (!buf_ok(&c->buckets) || !buf_ok(&c->groups))
		return ENOMEM;
	return worst ? worst : rc;
}
