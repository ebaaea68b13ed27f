/*
 * The check of a store: silent about one that is whole, and for every kind of
 * damage a finding that names it. Each case breaks a store with one of
 * everything in one place.
 */
#include "tests/unit/store_multipart.h"

#include "store/care.h"
#include "store/local/key.h"
#include "store/local/blob.h"

#include <fcntl.h>

#define LONG_KEY_BYTES 1000u

/* ---- a store with one of everything -------------------------------------- */

static void
put(struct fixture *f, struct slice key, size_t n)
{
	char *bytes = fixture_bytes(n, (uint32_t)n);

	assert_int_equal(fixture_put(f->s, key, slice_mem(bytes, n)), S3_OK);
	free(bytes);
}

static void
complete_upload(struct fixture *f)
{
	char *bytes = fixture_bytes(2 * STORE_PART_BYTES_MIN, 7);
	struct sent parts[2] = {
		{ .number = 1, .body = slice_mem(bytes, STORE_PART_BYTES_MIN) },
		{ .number = 2,
		  .body = slice_mem(bytes + STORE_PART_BYTES_MIN,
				    STORE_PART_BYTES_MIN) }
	};
	struct store_complete_part named[2];
	struct store_complete_result res;
	struct store_complete_req req;
	char id[STORE_UPLOAD_ID_MAX];

	create(f, id);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(send_part(f, id, &parts[i]), S3_OK);
	name_parts(parts, 2, named);
	req = complete_req(id, named, 2);
	assert_int_equal(store_upload_complete(f->s, &req, &res), S3_OK);
	free(bytes);
}

static void
fill(struct fixture *f)
{
	const struct store_note note = fixture_note("ObjectRemoved:Delete");
	const struct store_ref gone = STORE_REF(BUCKET, SLICE("inline"));
	struct sent part = { .number = 3, .body = SLICE("a part") };
	char key[LONG_KEY_BYTES], id[STORE_UPLOAD_ID_MAX];

	put(f, SLICE("inline"), 100);
	put(f, SLICE("blob"), 3 * MIB / 2);
	put(f, SLICE("replaced"), 5000);
	put(f, SLICE("replaced"), 5001);
	memset(key, 'k', sizeof(key));
	put(f, slice_mem(key, sizeof(key)), 6000);
	complete_upload(f);
	create(f, id);
	assert_int_equal(send_part(f, id, &part), S3_OK);
	assert_int_equal(
	    store_bucket_versioning(f->s, BUCKET, STORE_VERSIONING_ENABLED),
	    S3_OK);
	put(f, SLICE("inline"), 200);
	assert_int_equal(store_remove(f->s, &gone, NULL, &note, NULL), S3_OK);
	assert_int_equal(
	    store_config_put(f->s, BUCKET, STORE_CONFIG_CORS, SLICE("<x/>")),
	    S3_OK);
}

/* ---- checking it --------------------------------------------------------- */

struct findings {
	struct buf text;
	size_t n;
};

static void
note_finding(void *ctx, const struct store_finding *f)
{
	struct findings *all = ctx;

	buf_printf(&all->text, "%s: %.*s/%.*s %s\n", f->kind,
		   SLICE_ARG(f->bucket), SLICE_ARG(f->key), f->text);
	all->n++;
}

static struct store_fsck_result
check(struct fixture *f, struct findings *all)
{
	const struct store_fsck_conf conf = {
		.dir = f->dir, .bytes = true, .found = note_finding, .ctx = all
	};
	struct store_fsck_result r;
	char err[512] = "";

	if (store_fsck(&conf, &r, err) != 0)
		fail_msg("%s", err);
	assert_int_equal(r.findings, all->n);
	return r;
}

/* ---- damage -------------------------------------------------------------- */

struct wound {
	struct fixture *f;
	struct local ls;
	MDB_txn *txn;
};

/* The row of a table that has this key, or its first: flipped in the middle. */
static void
flip(struct wound *w, enum local_table table)
{
	MDB_cursor *c;
	MDB_val k, v;
	char *copy;

	assert_int_equal(mdb_cursor_open(w->txn, w->ls.dbi[table], &c), 0);
	assert_int_equal(mdb_cursor_get(c, &k, &v, MDB_FIRST), 0);
	copy = malloc(v.mv_size);
	assert_non_null(copy);
	memcpy(copy, v.mv_data, v.mv_size);
	copy[v.mv_size - 5] ^= 1;
	v.mv_data = copy;
	assert_int_equal(mdb_cursor_put(c, &k, &v, MDB_CURRENT), 0);
	mdb_cursor_close(c);
	free(copy);
}

#define FLIP(name, table)                 \
	static void name(struct wound *w) \
	{                                 \
		flip(w, TABLE_##table);   \
	}
FLIP(flip_bucket, BUCKET)
FLIP(flip_config, CONFIG)
FLIP(flip_object, OBJECT)
FLIP(flip_group, GROUP)
FLIP(flip_blob, BLOB)
FLIP(flip_crc, CRC)
FLIP(flip_set, SET)
FLIP(flip_ext, EXT)
FLIP(flip_setpart, SETPART)
FLIP(flip_upload, UPLOAD)
FLIP(flip_part, PART)
FLIP(flip_event, OUTBOX)
FLIP(flip_due, GC)

static void
flip_meta(struct wound *w)
{
	flip(w, TABLE_META);
}

/* The first or last row of a table goes. */
static void
drop(struct wound *w, enum local_table table, MDB_cursor_op which)
{
	MDB_cursor *c;
	MDB_val k, v;

	assert_int_equal(mdb_cursor_open(w->txn, w->ls.dbi[table], &c), 0);
	assert_int_equal(mdb_cursor_get(c, &k, &v, which), 0);
	assert_int_equal(mdb_cursor_del(c, 0), 0);
	mdb_cursor_close(c);
}

#define DROP(name, table, which)               \
	static void name(struct wound *w)      \
	{                                      \
		drop(w, TABLE_##table, which); \
	}

DROP(drop_blob_row, BLOB, MDB_FIRST)
DROP(drop_crc_row, CRC, MDB_FIRST)
DROP(drop_group_row, GROUP, MDB_LAST)
DROP(drop_set, SET, MDB_FIRST)
DROP(drop_extents, EXT, MDB_FIRST)
DROP(drop_upload, UPLOAD, MDB_LAST)
DROP(drop_last_event, OUTBOX, MDB_LAST)
DROP(drop_first_event, OUTBOX, MDB_FIRST)
DROP(drop_bucket, BUCKET, MDB_FIRST)

static void
drop_middle_event(struct wound *w)
{
	const uint8_t key[8] = { 0, 0, 0, 0, 0, 0, 0, 2 };

	assert_int_equal(
	    local_row_del(&w->ls, w->txn, TABLE_OUTBOX, slice_mem(key, 8)), 0);
}

/* The blob to be unlinked, among what else is due. */
static void
drop_due(struct wound *w)
{
	struct record_reader r;
	MDB_cursor *c;
	MDB_val k, v;

	assert_int_equal(mdb_cursor_open(w->txn, w->ls.dbi[TABLE_GC], &c), 0);
	do
		assert_int_equal(mdb_cursor_get(c, &k, &v, MDB_NEXT), 0);
	while (record_open(slice_mem(v.mv_data, v.mv_size), RECORD_DUE, &r,
			   NULL) != 0);
	assert_int_equal(mdb_cursor_del(c, 0), 0);
	mdb_cursor_close(c);
}

static void
one_reference_more(struct wound *w)
{
	assert_int_equal(gc_blob_hold(&w->ls, w->txn, 0), 0);
}

static void
change_state(struct wound *w, void (*change)(struct local_state *st))
{
	struct local_state st;

	assert_int_equal(local_state_load(&w->ls, w->txn, &st), 0);
	change(&st);
	assert_int_equal(local_state_store(&w->ls, w->txn, &st), 0);
}

static void
more_objects(struct local_state *st)
{
	st->objects++;
}

static void
fewer_blobs(struct local_state *st)
{
	st->blob_end = 1;
}

static void
old_clock(struct local_state *st)
{
	st->version_clock = 1;
}

static void
more_acked(struct local_state *st)
{
	st->acked_seq = st->last_seq + 1;
}

static void
wrong_objects(struct wound *w)
{
	change_state(w, more_objects);
}

static void
wrong_blob_end(struct wound *w)
{
	change_state(w, fewer_blobs);
}

static void
wrong_clock(struct wound *w)
{
	change_state(w, old_clock);
}

static void
wrong_acked(struct wound *w)
{
	change_state(w, more_acked);
}

static void
malformed_key(struct wound *w)
{
	assert_int_equal(local_row_put(&w->ls, w->txn, TABLE_OBJECT,
				       SLICE("no such key"), SLICE("x")),
			 0);
}

/* Behind it no id is left to go on with. */
static void
last_blob_id(struct wound *w)
{
	uint8_t key[8];

	memset(key, 0xff, sizeof(key));
	assert_int_equal(local_row_put(&w->ls, w->txn, TABLE_BLOB,
				       slice_mem(key, 8), SLICE("x")),
			 0);
}

static void
unknown_meta(struct wound *w)
{
	assert_int_equal(local_row_put(&w->ls, w->txn, TABLE_META,
				       SLICE("later"), SLICE("x")),
			 0);
}

/* The inline bytes behind a record, which its own CRC does not cover. */
static void
flip_inline(struct wound *w)
{
	struct key_encoded name;
	struct key_scope scope = key_scope_bucket(1);
	MDB_cursor *c;
	MDB_val k, v;
	char *copy;

	key_lower_bound(&name, &scope, SLICE("inline"));
	k = (MDB_val){ name.n, name.p };
	assert_int_equal(mdb_cursor_open(w->txn, w->ls.dbi[TABLE_OBJECT], &c),
			 0);
	assert_int_equal(mdb_cursor_get(c, &k, &v, MDB_SET_RANGE), 0);
	/* behind the delete marker */
	assert_int_equal(mdb_cursor_get(c, &k, &v, MDB_NEXT), 0);
	copy = malloc(v.mv_size);
	assert_non_null(copy);
	memcpy(copy, v.mv_data, v.mv_size);
	copy[v.mv_size - 1] ^= 1;
	v.mv_data = copy;
	assert_int_equal(mdb_cursor_put(c, &k, &v, MDB_CURRENT), 0);
	mdb_cursor_close(c);
	free(copy);
}

static void
blob_path(const struct wound *w, uint64_t id, char out[256])
{
	char name[BLOB_NAME_MAX];

	blob_file_name(id, name);
	snprintf(out, 256, "%s/blobs/f/%s", w->f->dir, name);
}

static void
unlink_blob(struct wound *w)
{
	char path[256];

	blob_path(w, 0, path);
	assert_int_equal(unlink(path), 0);
}

static void
truncate_blob(struct wound *w)
{
	char path[256];

	blob_path(w, 0, path);
	assert_int_equal(truncate(path, 4096), 0);
}

static void
flip_byte_at(struct wound *w, uint64_t id, off_t at)
{
	char path[256], ch;
	int fd;

	blob_path(w, id, path);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &ch, 1, at), 1);
	ch ^= 1;
	assert_int_equal(pwrite(fd, &ch, 1, at), 1);
	close(fd);
}

static void
flip_blob_byte(struct wound *w)
{
	flip_byte_at(w, 0, MIB + 9);
}

/* The last blob of fill(). */
static void
flip_part_byte(struct wound *w)
{
	flip_byte_at(w, 6, 3);
}

static void
make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static void
extra_file(struct wound *w)
{
	char path[256];

	/* below the lowest id in flight: no start would look at it */
	drop_blob_row(w);
	blob_path(w, 0, path);
	assert_int_equal(access(path, F_OK), 0);
}

static void
foreign_file(struct wound *w)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/blobs/f/README", w->f->dir);
	make_file(path);
}

/* ---- the cases ----------------------------------------------------------- */

static const struct {
	const char *name;
	void (*wound)(struct wound *w);
	const char *text; /* of one finding, its kind in front */
} cases[] = {
	{ "meta", flip_meta, "index: / the store's index is damaged" },
	{ "bucket", flip_bucket, "record: videos/ the bucket's record" },
	{ "config", flip_config, "record: / table config" },
	{ "object", flip_object, "record: videos/blob the object's record" },
	{ "group", flip_group, "record: videos/kkkkkkkkkk" },
	{ "blob", flip_blob, "record: / table blob" },
	{ "crc", flip_crc, "record: / table crc" },
	{ "set", flip_set, "record: / table set" },
	{ "ext", flip_ext, "record: / table ext" },
	{ "setpart", flip_setpart, "record: / table setpart" },
	{ "upload", flip_upload, "record: / table upload" },
	{ "part", flip_part, "record: / table part" },
	{ "event", flip_event, "record: / table outbox" },
	{ "due", flip_due, "record: / table gc" },
	{ "inline bytes", flip_inline,
	  "object: videos/inline its bytes in the index are damaged" },
	{ "blob row gone", drop_blob_row,
	  "object: videos/blob it names a blob that is absent" },
	{ "crc row gone", drop_crc_row,
	  "blob: videos/blob blob 0000000000000000: "
	  "checksums from block 0 on" },
	{ "group row gone", drop_group_row, "key: / group" },
	{ "set gone", drop_set,
	  "object: videos/movie.mp4 it names an extent "
	  "set that is absent" },
	{ "extents gone", drop_extents, "set: / set" },
	{ "upload gone", drop_upload,
	  "upload: videos/movie.mp4 a listed upload is not open" },
	{ "upload gone, its part", drop_upload, "reference: / a part of" },
	{ "last event gone", drop_last_event, "event: / the last event is" },
	{ "first event gone", drop_first_event, "event: / events before 2" },
	{ "middle event gone", drop_middle_event,
	  "event: / event 3 follows event 1" },
	{ "due row gone", drop_due, "not due" },
	{ "bucket gone", drop_bucket, "object: /blob it is in no bucket" },
	{ "bucket gone, its count", drop_bucket, "counter: / 0 buckets" },
	{ "references", one_reference_more,
	  "reference: / blob 0000000000000000: 1 references, count 2" },
	{ "counters", wrong_objects, "reference: / 6 objects" },
	{ "blob ids", wrong_blob_end,
	  "blob: / blob 0000000000000001 was never "
	  "given out" },
	{ "versions", wrong_clock, "its version number was never given out" },
	{ "acknowledged", wrong_acked, "event: / events were delivered" },
	{ "malformed key", malformed_key, "key: / table M: a malformed key" },
	{ "the last blob id", last_blob_id,
	  "record: / table blob, blob ffffffffffffffff" },
	{ "unknown row", unknown_meta, "key: / table meta: an unknown row" },
	{ "blob file gone", unlink_blob,
	  "blob: videos/blob blob 0000000000000000 "
	  "(blobs/f/0000000000/000/"
	  "0000000000000000): No such file" },
	{ "blob file cut", truncate_blob,
	  "blob: videos/blob blob 0000000000000000 "
	  "(blobs/f/0000000000/000/"
	  "0000000000000000) has 4096 bytes, its record says 1572864" },
	{ "blob byte", flip_blob_byte,
	  "blob: videos/blob blob 0000000000000000, block "
	  "1: its CRC-32C differs" },
	{ "byte of a part of an open upload", flip_part_byte,
	  "blob: videos/movie.mp4 blob 0000000000000006, block 0: its "
	  "CRC-32C differs: in a part of upload " },
	{ "extra blob", extra_file, "orphan: / 0000000000000000 below" },
	{ "foreign file", foreign_file, "orphan: / README below" },
};

static void
hurt(struct fixture *f, void (*wound)(struct wound *w))
{
	struct wound w = { .f = f, .ls.lock_fd = -1 };
	struct local_state st;
	char err[512] = "";

	store_close(f->s);
	f->s = NULL;
	if (local_meta_open(&w.ls, &f->conf, &st, err) != 0)
		fail_msg("%s", err);
	assert_int_equal(mdb_txn_begin(w.ls.env, NULL, 0, &w.txn), 0);
	wound(&w);
	assert_int_equal(mdb_txn_commit(w.txn), 0);
	local_meta_close(&w.ls);
}

static void
run_case(size_t i)
{
	struct findings all = { .text = BUF_INIT };
	struct fixture *f;
	void *state = NULL;

	assert_int_equal(fixture_setup(&state), 0);
	f = state;
	fill(f);
	hurt(f, cases[i].wound);
	(void)check(f, &all);
	if (!buf_ok(&all.text) ||
	    !strstr(all.text.p ? all.text.p : "", cases[i].text))
		fail_msg("%s: no \"%s\" in\n%s", cases[i].name, cases[i].text,
			 all.text.p ? all.text.p : "");
	buf_release(&all.text);
	fixture_teardown(&state);
}

static void
test_fsck_finds_each_kind_of_damage(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		run_case(i);
}

static void
test_fsck_of_a_whole_store_is_silent(void **state)
{
	struct fixture *f = *state;
	struct findings all = { .text = BUF_INIT };
	struct store_fsck_result r;

	fill(f);
	store_close(f->s);
	f->s = NULL;
	r = check(f, &all);
	if (all.n)
		fail_msg("%s", all.text.p);
	assert_int_equal(r.objects, 6);
	assert_int_equal(r.blobs, 7);
	assert_int_equal(r.orphans, 0);
	assert_true(r.rows > 30);
	/* nothing was changed: it opens, and is whole again */
	fixture_reopen(f);
	put(f, SLICE("later"), 5000);
	store_close(f->s);
	f->s = NULL;
	(void)check(f, &all);
	assert_int_equal(all.n, 0);
	buf_release(&all.text);
}

static void
test_fsck_of_a_store_in_use_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct store_fsck_conf conf = { .dir = f->dir };
	struct store_fsck_result r;
	char err[512] = "";

	assert_int_equal(store_fsck(&conf, &r, err), -1);
	assert_non_null(strstr(err, "in use"));
}

static void
test_fsck_of_an_unknown_format_is_a_finding(void **state)
{
	struct fixture *f = *state;
	struct findings all = { .text = BUF_INIT };
	char path[192];
	int fd;

	store_close(f->s);
	f->s = NULL;
	snprintf(path, sizeof(path), "%s/index/data.mdb", f->dir);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "nonsense nonsense nonsense", 26, 16), 26);
	assert_int_equal(pwrite(fd, "nonsense nonsense nonsense", 26, 4112),
			 26);
	close(fd);
	(void)check(f, &all);
	assert_int_equal(all.n, 1);
	buf_release(&all.text);
}

/* Bytes without their index are not covered up by a new one. */
static void
test_open_without_the_index_is_refused(void **state)
{
	struct fixture *f = *state;
	char path[192], err[512] = "";

	put(f, SLICE("blob"), 5000);
	store_close(f->s);
	f->s = NULL;
	snprintf(path, sizeof(path), "%s/index/data.mdb", f->dir);
	assert_int_equal(unlink(path), 0);
	assert_null(store_open_local(&f->conf, err));
	assert_non_null(strstr(err, "no index"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fsck_finds_each_kind_of_damage),
		STORE_TEST(test_fsck_of_a_whole_store_is_silent),
		STORE_TEST(test_fsck_of_a_store_in_use_is_refused),
		STORE_TEST(test_fsck_of_an_unknown_format_is_a_finding),
		STORE_TEST(test_open_without_the_index_is_refused),
	};

	return cmocka_run_group_tests_name("store_fsck", tests, NULL, NULL);
}
