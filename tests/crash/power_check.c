/*
 * A store after a power cut, against what was acknowledged: it opens; every
 * object, version, upload and bucket is exactly as acknowledged, or wholly as
 * an operation that was going on would have left it; nothing else is there;
 * each change has one event, without gaps; counters, references, blobs and
 * their checksums are right; and the store goes on.
 */
#include "tests/crash/power_see.h"
#include "base/hash.h"
#include "base/io.h"
#include "store/local/bytes.h"
#include "store/local/recount.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (1u << 20)

/* ---- against what must be -------------------------------------------------
 */

static struct slice
is(struct power_found *f, struct slice name)
{
	return power_found_item(f, name)->state;
}

static bool
in_flight(const struct power_expect *e, struct slice name)
{
	for (size_t w = 0; w < POWER_WORKERS; w++)
		for (size_t i = 0; i < e->flying[w].n; i++)
			if (slice_eq(e->flying[w].v[i].name, name))
				return true;
	return false;
}

/* Of each key, how many events there must be: in the items' events. */
static int
compare(struct power_found *f, const struct power_expect *e, uint64_t *events)
{
	for (size_t i = 0; i < e->n; i++) {
		const struct power_item *want = &e->v[i];

		power_found_item(f, want->name)->events += want->events;
		*events += want->events;
		if (!in_flight(e, want->name) &&
		    !slice_eq(want->state, is(f, want->name)))
			return power_wrong(
			    f, "%.*s: must be \"%.*s\", is \"%.*s\"",
			    SLICE_ARG(want->name), SLICE_ARG(want->state),
			    SLICE_ARG(is(f, want->name)));
	}
	for (size_t w = 0; w < POWER_WORKERS; w++) {
		const struct power_op *op = &e->flying[w];
		size_t old = 0, new = 0;

		for (size_t i = 0; i < op->n; i++) {
			struct slice name = op->v[i].name;

			old += slice_eq(power_acknowledged(e, name)->state,
					is(f, name));
			new += power_matches(op->v[i].state, is(f, name));
		}
		if (old != op->n && new != op->n)
			return power_wrong(f, "half done: %.*s is \"%.*s\"",
					   SLICE_ARG(op->v[0].name),
					   SLICE_ARG(is(f, op->v[0].name)));
		for (size_t i = 0; old != op->n && i < op->n; i++) {
			power_found_item(f, op->v[i].name)->events +=
			    op->v[i].events;
			*events += op->v[i].events;
		}
	}
	for (size_t i = 0; i < f->n; i++)
		if (!in_flight(e, f->v[i].name) && f->v[i].state.n &&
		    !power_acknowledged(e, f->v[i].name)->state.n)
			return power_wrong(f, "%.*s came from nowhere",
					   SLICE_ARG(f->v[i].name));
	return 0;
}

/* ---- events ---------------------------------------------------------------
 */

/* A version's own event is the one that its number names. */
static int
check_origin(struct power_found *f, const struct store_event *e)
{
	struct store_ref ref = { e->bucket, e->key, e->version_id };
	struct store_object o;
	enum s3_error err = store_get(f->s, &ref, NULL, &f->a, &o, NULL);

	if (err != S3_OK || o.seq != e->seq)
		return 0;
	return slice_eq_str(e->etag, o.etag) && e->size == o.size
		   ? 0
		   : power_wrong(f, "event %llu is not of the version it made",
				 (unsigned long long)e->seq);
}

static int
check_events(struct power_found *f, uint64_t must)
{
	struct local_state st = writer_state(f->ls);
	uint64_t after = 0;
	struct store_event *e;
	size_t n;

	if (st.last_seq != must)
		return power_wrong(f, "%llu events, %llu changes",
				   (unsigned long long)st.last_seq,
				   (unsigned long long)must);
	do {
		TRY(f, store_events(f->s, after, 100, &f->a, &e, &n));
		for (size_t i = 0; i < n; i++) {
			struct slice name = arena_printf(&f->a, "k/%.*s/%.*s",
							 SLICE_ARG(e[i].bucket),
							 SLICE_ARG(e[i].key));

			if (after ? e[i].seq != after + 1
				  : e[i].seq > st.retain_seq + 1)
				return power_wrong(f, "no event %llu",
						   (unsigned long long)after +
						       1);
			after = e[i].seq;
			power_found_item(f, name)->events--;
			if (check_origin(f, &e[i]) != 0)
				return -1;
		}
	} while (n);
	if (after != must && !(after == 0 && st.retain_seq >= must))
		return power_wrong(f, "the last event is %llu of %llu",
				   (unsigned long long)after,
				   (unsigned long long)must);
	/* While all are there, each key has its own. */
	for (size_t i = 0; st.acked_seq == 0 && i < f->n; i++)
		if (f->v[i].events)
			return power_wrong(f, "%.*s: %d events are missing",
					   SLICE_ARG(f->v[i].name),
					   (int)f->v[i].events);
	return 0;
}

/* ---- blobs ----------------------------------------------------------------
 */

static int
check_blob(struct power_found *f, MDB_txn *txn, uint64_t id)
{
	struct slice row = SLICE_EMPTY;
	struct record_reader r;
	struct blob_row blob;
	uint8_t key[12];
	struct buf b = BUF_MAX(64u << 20);
	int fd, rc = 0;

	if (gc_blob_get(f->ls, txn, id, &blob) != 0)
		return power_wrong(f, "the row of blob %llx is damaged",
				   (unsigned long long)id);
	if (blob.refs == 0)
		return 0; /* the keeper may be at it */
	be_put(key, id, 8);
	be_put(key + 8, 0, 4);
	fd = blob_open(f->ls, id);
	if (fd < 0)
		return power_wrong(f, "blob %llx is missing",
				   (unsigned long long)id);
	if (!buf_reserve(&b, blob.size) ||
	    io_pread_all(fd, b.p, blob.size, 0) != 0)
		rc = power_wrong(f, "blob %llx is too short",
				 (unsigned long long)id);
	close(fd);
	if (rc == 0 && blob.size &&
	    (local_row_get(f->ls, txn, TABLE_CRC, slice_mem(key, 12), &row) !=
		 0 ||
	     record_open(row, RECORD_CRCS, &r, NULL) != 0))
		rc = power_wrong(f, "no checksums of blob %llx",
				 (unsigned long long)id);
	for (uint64_t at = 0; rc == 0 && at < blob.size; at += BLOCK) {
		size_t n = blob.size - at < BLOCK ? blob.size - at : BLOCK;

		if (crc32c(0, b.p + at, n) != record_get_int(&r, 4))
			rc = power_wrong(f, "blob %llx is damaged",
					 (unsigned long long)id);
	}
	buf_release(&b);
	return rc;
}

static bool
has_id(const struct buf *ids, uint64_t id)
{
	for (size_t i = 0; i < ids->n; i += 8)
		if (memcmp(ids->p + i, &id, 8) == 0)
			return true;
	return false;
}

/* Files without a row would never be reclaimed. The rows were read before. */
static int
check_strays(struct power_found *f, const char *path, unsigned depth,
	     const struct buf *ids)
{
	DIR *d = opendir(path);
	char name[PATH_MAX];
	struct dirent *e;
	int rc = 0;

	if (!d)
		return power_wrong(f, "%.200s cannot be read", path);
	while (rc == 0 && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		if (depth > 0)
			rc = check_strays(f, name, depth - 1, ids);
		else if (!has_id(ids, strtoull(e->d_name, NULL, 16)))
			rc = power_wrong(f, "file %s has no row", e->d_name);
	}
	closedir(d);
	return rc;
}

static int
check_blobs(struct power_found *f, const char *dir)
{
	struct buf ids = BUF_INIT;
	char path[PATH_MAX];
	MDB_cursor *c;
	MDB_txn *txn;
	MDB_val k, v;
	int rc = 0;

	if (local_read_begin(f->ls, &txn) != 0 ||
	    mdb_cursor_open(txn, f->ls->dbi[TABLE_BLOB], &c) != 0)
		return power_wrong(f, "table blob cannot be read");
	while (rc == 0 && mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0) {
		uint64_t id = be_get(k.mv_data, 8);

		buf_add(&ids, &id, 8);
		rc = check_blob(f, txn, id);
	}
	mdb_cursor_close(c);
	mdb_txn_abort(txn);
	snprintf(path, sizeof(path), "%s/blobs/f", dir);
	if (rc == 0)
		rc = check_strays(f, path, 2, &ids);
	buf_release(&ids);
	return rc;
}

/* ---- it goes on -----------------------------------------------------------
 */

/* One object in the index, one in a file. */
static int
check_goes_on(struct power_found *f)
{
	static const char text[10000] = "after the cut";
	const struct slice bucket = SLICE("after-the-cut");
	struct store_put_final fin = { .note = { .event_name = SLICE("Put") } };
	struct store_put_req req = { .bucket = bucket,
				     .key = SLICE("k"),
				     .cond = STORE_COND_NONE };
	struct store_object o;
	struct store_put *put;
	char md5[33];

	TRY(f, store_bucket_create(f->s, bucket, SLICE("o"), SLICE("r")));
	for (size_t n = 10; n <= sizeof(text); n *= 1000) {
		power_md5(text, n, md5);
		fin.etag = slice_str(md5);
		req.size = n;
		TRY(f, store_put_begin(f->s, &req, &put));
		TRY(f, store_put_write(put, text, n));
		TRY(f, store_put_commit(put, &fin, NULL));
		TRY(f, store_get(f->s, &STORE_REF(bucket, req.key), NULL, &f->a,
				 &o, NULL));
		if (strcmp(o.etag, md5) != 0)
			return power_wrong(
			    f, "a further put is not what is there");
	}
	return 0;
}

static int
check_all(struct power_found *f, const char *dir, const struct power_expect *e)
{
	struct buf report = BUF_INIT;
	uint64_t events = 0;
	size_t n = 0;

	if (local_recount(f->ls, &report, &n) != 0 || n)
		return power_wrong(f, "recount: %.*s",
				   report.n < 400 ? (int)report.n : 400,
				   report.p);
	if (power_see(f, dir) != 0 || compare(f, e, &events) != 0 ||
	    check_events(f, events) != 0 || check_blobs(f, dir) != 0 ||
	    check_goes_on(f) != 0)
		return -1;
	return 0;
}

int
power_check(const char *dir, const struct power_expect *e, char err[512])
{
	struct store_local_conf conf = { .data_dir = dir,
					 .inline_max = 4096,
					 .map_size = 1ull << 30,
					 .max_readers = 16 };
	struct store *s = store_open_local(&conf, err);
	struct power_found f;
	int rc;

	if (!s)
		return -1;
	power_found_init(&f, s, err);
	rc = check_all(&f, dir, e);
	power_found_release(&f);
	store_close(s);
	return rc;
}
