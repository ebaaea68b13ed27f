/*
 * References are gathered as ids, sorted, and then walked beside the table
 * that has the counts, which is in the same order.
 */
#include "store/local/recount.h"
#include "store/local/bytes.h"
#include "store/local/extents.h"

#include <errno.h>

struct recount {
	struct local *ls;
	MDB_txn *txn;
	struct buf blobs, sets; /* uint64_t, one per reference */
	struct buf due_blobs, due_sets, due_uploads; /* in table gc */
	uint64_t objects, bytes;
	recount_differs *report;
	void *ctx;
	bool pass_damaged;
};

static void PRINTF_LIKE(2, 3) differs(struct recount *r, const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	r->report(r->ctx, line);
}

static int
damaged(const struct recount *r)
{
	return r->pass_damaged ? 0 : MDB_CORRUPTED;
}

/* ---- walking tables ----------------------------------------------------- */

typedef int visit(struct recount *r, struct slice key, struct slice value);

static int
each_row(struct recount *r, enum local_table table, visit *f)
{
	MDB_cursor *c;
	MDB_val k, v;
	int rc = mdb_cursor_open(r->txn, r->ls->dbi[table], &c);

	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
		rc = f(r, slice_mem(k.mv_data, k.mv_size),
		       slice_mem(v.mv_data, v.mv_size));
		if (rc != 0)
			break;
	}
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static void
add_id(struct buf *b, uint64_t id)
{
	buf_add(b, &id, sizeof(id));
}

static void
add_extents(struct recount *r, struct slice extents)
{
	for (size_t i = 0; i < extents_count(extents); i++)
		add_id(&r->blobs, record_extent(extents, i).blob_id);
}

/* Rows of tables M and T: objects, pointers to groups, keys of uploads. */
static int
visit_object(struct recount *r, struct slice key, struct slice value)
{
	struct record_object o;
	struct record_reader other;

	(void)key;
	if (record_open(value, RECORD_GROUP, &other, NULL) == 0 ||
	    record_open(value, RECORD_UPLOAD_KEY, &other, NULL) == 0)
		return 0;
	if (record_object_decode(value, &o) != 0)
		return damaged(r);
	add_extents(r, o.extents);
	if (o.extent_set)
		add_id(&r->sets, o.extent_set);
	if (!o.o.is_delete_marker) {
		r->objects++;
		r->bytes += o.o.size;
	}
	return 0;
}

static int
visit_extents(struct recount *r, struct slice key, struct slice value)
{
	struct slice extents;

	(void)key;
	if (record_extents_decode(value, &extents) != 0)
		return damaged(r);
	add_extents(r, extents);
	return 0;
}

static int
visit_due(struct recount *r, struct slice key, struct slice value)
{
	enum record_kind what;
	uint64_t id, since;

	if (key.n != 16 || gc_due_decode(value, &what, &since) != 0)
		return damaged(r);
	id = be_get(key.p + 8, 8);
	if (what == RECORD_DUE)
		add_id(&r->due_blobs, id);
	else if (what == RECORD_DUE_SET)
		add_id(&r->due_sets, id);
	else if (what == RECORD_DUE_PARTS)
		add_id(&r->due_uploads, id);
	return 0;
}

/* ---- sorted ids --------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

static void
sort(struct buf *b)
{
	if (b->n)
		qsort(b->p, b->n / sizeof(uint64_t), sizeof(uint64_t), compare);
}

static bool
has(const struct buf *b, uint64_t id)
{
	return b->n &&
	       bsearch(&id, b->p, b->n / sizeof(id), sizeof(id), compare);
}

/* How often @id stands there; what is below it is taken too, and reported:
 * table @what does not have it. */
static uint64_t
take(struct recount *r, struct slice *ids, uint64_t id, const char *what)
{
	uint64_t n = 0, next;

	for (; ids->n; *ids = slice_from(*ids, sizeof(next))) {
		memcpy(&next, ids->p, sizeof(next));
		if (next > id)
			break;
		if (next == id)
			n++;
		else
			differs(r, "%s %016llx is referenced but absent", what,
				(unsigned long long)next);
	}
	return n;
}

/* ---- comparing ---------------------------------------------------------- */

struct counted {
	const char *what;
	enum local_table table;
	struct slice ids; /* references, sorted */
	const struct buf *due;
};

static int
count_of(const struct counted *c, struct slice value, uint64_t *refs)
{
	struct blob_row blob = { 0, 0 };
	struct record_set set;
	int rc;

	if (c->table == TABLE_SET) {
		rc = record_set_decode(value, &set);
		*refs = set.refs;
		return rc;
	}
	rc = gc_blob_decode(value, &blob);
	*refs = blob.refs;
	return rc;
}

static int
compare_count(struct recount *r, struct counted *c, struct slice key,
	      struct slice value)
{
	unsigned long long id = key.n == 8 ? be_get(key.p, 8) : 0, found;
	uint64_t refs;

	if (key.n != 8)
		return damaged(r);
	found = take(r, &c->ids, id, c->what);
	if (count_of(c, value, &refs) != 0)
		return damaged(r);
	if (found != refs)
		differs(r, "%s %016llx: %llu references, count %llu", c->what,
			id, found, (unsigned long long)refs);
	if ((refs == 0) != has(c->due, id))
		differs(r, "%s %016llx: count %llu, %sdue", c->what, id,
			(unsigned long long)refs, refs == 0 ? "not " : "");
	return 0;
}

static int
compare_counts(struct recount *r, struct counted *c)
{
	MDB_cursor *at;
	MDB_val k, v;
	int rc = mdb_cursor_open(r->txn, r->ls->dbi[c->table], &at);

	if (rc != 0)
		return rc;
	while (rc == 0 && (rc = mdb_cursor_get(at, &k, &v, MDB_NEXT)) == 0)
		rc = compare_count(r, c, slice_mem(k.mv_data, k.mv_size),
				   slice_mem(v.mv_data, v.mv_size));
	mdb_cursor_close(at);
	(void)take(r, &c->ids, UINT64_MAX, c->what);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* A part belongs to an open upload, or to one being dropped. */
static int
visit_part(struct recount *r, struct slice key, struct slice value)
{
	uint64_t upload = key.n == 10 ? be_get(key.p, 8) : 0;
	struct record_upload row;
	struct record_part part;
	struct slice found;

	if (key.n != 10 || record_part_decode(value, &part) != 0)
		return damaged(r);
	add_extents(r, part.extents);
	if (has(&r->due_uploads, upload))
		return 0;
	if (local_row_get(r->ls, r->txn, TABLE_UPLOAD, slice_head(key, 8),
			  &found) != 0 ||
	    record_upload_decode(found, &row) != 0 || row.completed)
		differs(r, "a part of upload %016llx, which is not open",
			(unsigned long long)upload);
	return 0;
}

static int
recount(struct recount *r)
{
	struct local_state st;
	int rc = each_row(r, TABLE_GC, visit_due);

	sort(&r->due_blobs);
	sort(&r->due_sets);
	sort(&r->due_uploads);
	if (rc == 0)
		rc = each_row(r, TABLE_OBJECT, visit_object);
	if (rc == 0)
		rc = each_row(r, TABLE_GROUP, visit_object);
	if (rc == 0)
		rc = each_row(r, TABLE_PART, visit_part);
	if (rc == 0)
		rc = each_row(r, TABLE_EXT, visit_extents);
	if (!buf_ok(&r->blobs) || !buf_ok(&r->sets) || !buf_ok(&r->due_blobs) ||
	    !buf_ok(&r->due_sets) || !buf_ok(&r->due_uploads))
		rc = ENOMEM;
	sort(&r->blobs);
	sort(&r->sets);
	if (rc == 0)
		rc = compare_counts(r, &(struct counted){ "blob", TABLE_BLOB,
							  buf_slice(&r->blobs),
							  &r->due_blobs });
	if (rc == 0)
		rc = compare_counts(r, &(struct counted){ "set", TABLE_SET,
							  buf_slice(&r->sets),
							  &r->due_sets });
	if (rc == 0)
		rc = local_state_load(r->ls, r->txn, &st);
	if (rc == 0 && (st.objects != r->objects || st.bytes != r->bytes))
		differs(r, "%llu objects of %llu bytes, count %llu of %llu",
			(unsigned long long)r->objects,
			(unsigned long long)r->bytes,
			(unsigned long long)st.objects,
			(unsigned long long)st.bytes);
	return rc;
}

int
recount_all(struct local *ls, MDB_txn *txn, bool pass_damaged,
	    recount_differs *report, void *ctx)
{
	struct recount r = { .ls = ls,
			     .txn = txn,
			     .report = report,
			     .ctx = ctx,
			     .pass_damaged = pass_damaged };
	int rc = recount(&r);

	buf_release(&r.blobs);
	buf_release(&r.sets);
	buf_release(&r.due_blobs);
	buf_release(&r.due_sets);
	buf_release(&r.due_uploads);
	return rc;
}

/* ---- of an open store --------------------------------------------------- */

struct lines {
	struct buf *report;
	size_t n;
};

static void
add_line(void *ctx, const char *line)
{
	struct lines *l = ctx;

	buf_printf(l->report, "%s\n", line);
	l->n++;
}

int
local_recount(struct local *ls, struct buf *report, size_t *n)
{
	struct lines l = { .report = report };
	MDB_txn *txn;
	int rc = local_read_begin(ls, &txn);

	if (rc != 0)
		return rc;
	rc = recount_all(ls, txn, false, add_line, &l);
	local_read_end(ls, txn);
	*n = l.n;
	return rc;
}
