/*
 * What only the local backend promises: its lock and format, group commit,
 * reclamation, retention, space, and damage that is noticed.
 */
#include "tests/unit/store_fixture.h"

#include "base/io.h"
#include "store/local/index.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>

/* Polls until the condition holds; 10 s are more than any machine needs. */
#define EVENTUALLY(cond)                    \
	do {                                \
		int tries_ = 2000;          \
		while (!(cond) && --tries_) \
			usleep(5000);       \
		assert_true(tries_ > 0);    \
	} while (0)

static size_t
rows(struct fixture *f, enum local_table t)
{
	struct local *ls = local_of(f->s);
	MDB_stat st;
	MDB_txn *txn;

	assert_int_equal(local_read_begin(ls, &txn), 0);
	assert_int_equal(mdb_stat(txn, ls->dbi[t], &st), 0);
	mdb_txn_abort(txn);
	return st.ms_entries;
}

static void
put_big(struct fixture *f, const char *key, uint32_t seed)
{
	char *p = fixture_bytes(50000, seed);

	assert_int_equal(fixture_put(f->s, slice_str(key), slice_mem(p, 50000)),
			 S3_OK);
	free(p);
}

/* ---- opening ---------------------------------------------------------- */

static void
test_second_open_is_refused(void **state)
{
	struct fixture *f = *state;
	char err[512] = "";

	assert_null(store_open_local(&f->conf, err));
	assert_non_null(strstr(err, "in use"));
	assert_int_equal(fixture_put(f->s, SLICE("k"), SLICE("v")), S3_OK);
}

static void
test_open_says_why_it_cannot(void **state)
{
	struct store_local_conf conf = { .data_dir = "/proc/none",
					 .map_size = 1 << 20 };
	char err[512] = "";

	(void)state;
	assert_null(store_open_local(&conf, err));
	assert_non_null(strstr(err, "/proc/none"));
}

static int
run_other_format(struct writer_op *op, struct writer_txn *t)
{
	(void)op;
	return local_row_put(t->ls, t->txn, TABLE_META, SLICE("format"),
			     SLICE("\x09 of the future"));
}

static void
test_unknown_format_is_refused(void **state)
{
	struct fixture *f = *state;
	struct writer_op op = { .run = run_other_format };
	char err[512] = "";

	assert_int_equal(writer_run(local_of(f->s), &op), S3_OK);
	store_close(f->s);
	f->s = store_open_local(&f->conf, err);
	assert_null(f->s);
	assert_non_null(strstr(err, "format version 9"));
}

/* A power cut in the first start leaves a part of an index, by another name. */
static void
test_unfinished_index_is_made_anew(void **state)
{
	struct fixture *f = *state;
	char made[256], index[256];
	struct store_info info;

	snprintf(made, sizeof(made), "%s/index/new.mdb", f->dir);
	snprintf(index, sizeof(index), "%s/index/data.mdb", f->dir);
	store_close(f->s);
	f->s = NULL;
	assert_int_equal(rename(index, made), 0);
	assert_int_equal(truncate(made, 0), 0);
	assert_int_equal(truncate(made, 20000), 0);
	fixture_reopen(f);
	assert_int_equal(access(made, F_OK), -1);
	assert_int_equal(access(index, F_OK), 0);
	assert_int_equal(store_info(f->s, &info), S3_OK);
	assert_int_equal(info.buckets, 0);
}

static size_t
last_txn(struct fixture *f)
{
	MDB_envinfo info;

	assert_int_equal(mdb_env_info(local_of(f->s)->env, &info), 0);
	return info.me_last_txnid;
}

/* What it shows from now on is durable, whatever the process before left in
 * memory (tests/crash/test_power_cut.py). */
static void
test_opening_is_a_commit(void **state)
{
	struct fixture *f = *state;
	size_t before = last_txn(f);

	fixture_reopen(f);
	assert_true(last_txn(f) > before);
}

/* ---- group commit ----------------------------------------------------- */

struct slow_op {
	struct writer_op op;
	struct local *ls;
	enum s3_error err;
};

/* Holds the writer until the others have queued behind it. */
static int
run_slow(struct writer_op *op, struct writer_txn *t)
{
	(void)op;
	(void)t;
	usleep(100000);
	return 0;
}

static int
run_bad_put(struct writer_op *op, struct writer_txn *t)
{
	(void)op;
	/* LMDB refuses an empty key. */
	return local_row_put(t->ls, t->txn, TABLE_META, SLICE_EMPTY,
			     SLICE("x"));
}

static void *
run_op(void *arg)
{
	struct slow_op *o = arg;

	o->err = writer_run(o->ls, &o->op);
	return NULL;
}

static void *
put_one(void *arg)
{
	struct slow_op *o = arg;
	char key[32];

	snprintf(key, sizeof(key), "key-%p", arg);
	o->err = fixture_put(&o->ls->base, slice_str(key), SLICE("v"));
	return NULL;
}

static void
test_failing_operation_spares_its_batch(void **state)
{
	struct fixture *f = *state;
	struct slow_op o[6];
	pthread_t t[6];
	struct store_info info;

	for (size_t i = 0; i < ARRAY_LEN(o); i++) {
		o[i] = (struct slow_op){ .ls = local_of(f->s) };
		o[i].op.run = i == 0 ? run_slow : run_bad_put;
		assert_int_equal(
		    pthread_create(&t[i], NULL,
				   i == 0 || i == 3 ? run_op : put_one, &o[i]),
		    0);
		if (i == 0)
			usleep(20000);
	}
	for (size_t i = 0; i < ARRAY_LEN(o); i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(o[i].err,
				 i == 3 ? S3_ERR_INTERNAL_ERROR : S3_OK);
	}
	assert_int_equal(store_info(f->s, &info), S3_OK);
	assert_int_equal(info.objects, 4);
	assert_int_equal(info.last_seq, 4);
}

/* ---- reclamation ------------------------------------------------------ */

static void
test_replaced_blobs_go_after_the_delay(void **state)
{
	struct fixture *f = *state;
	struct store_note note = fixture_note("ObjectRemoved:Delete");
	struct store_object o;
	struct store_read *r;
	char *p = fixture_bytes(50000, 1), *q = malloc(50000);

	put_big(f, "a", 1);
	put_big(f, "b", 2);
	assert_int_equal(store_get(f->s, &STORE_REF(BUCKET, SLICE("a")), NULL,
				   &f->a, &o, &r),
			 S3_OK);
	put_big(f, "a", 3);
	assert_int_equal(store_remove(f->s, &STORE_REF(BUCKET, SLICE("b")),
				      NULL, &note, NULL),
			 S3_OK);
	/* Within the default delay nothing goes. */
	assert_int_equal(fixture_blobs(f), 3);
	assert_int_equal(rows(f, TABLE_GC), 2);
	assert_int_equal(store_read_at(r, 0, q, 50000), S3_OK);
	assert_memory_equal(p, q, 50000);
	store_read_close(r);

	f->conf.gc_delay_ms = 20;
	fixture_reopen(f);
	put_big(f, "a", 4);
	assert_int_equal(store_get(f->s, &STORE_REF(BUCKET, SLICE("a")), NULL,
				   &f->a, &o, &r),
			 S3_OK);
	put_big(f, "a", 1);
	EVENTUALLY(rows(f, TABLE_GC) == 2); /* those of the long delay */
	assert_int_equal(fixture_blobs(f), 3);
	assert_int_equal(rows(f, TABLE_BLOB), 3);
	assert_int_equal(rows(f, TABLE_CRC), 3);
	/* The read that was open keeps its bytes. */
	free(p);
	p = fixture_bytes(50000, 4);
	assert_int_equal(store_read_at(r, 0, q, 50000), S3_OK);
	assert_memory_equal(p, q, 50000);
	store_read_close(r);
	free(p);
	p = fixture_bytes(50000, 1);
	fixture_expect(f, SLICE("a"), slice_mem(p, 50000));
	free(p);
	free(q);
}

/* One that the file system does not let go waits alone. */
static void
test_stubborn_blob_does_not_stop_reclamation(void **state)
{
	struct fixture *f = *state;
	struct store_note note = fixture_note("ObjectRemoved:Delete");
	char path[200];

	f->conf.gc_delay_ms = 20;
	fixture_reopen(f);
	put_big(f, "a", 1);
	put_big(f, "b", 2);
	snprintf(path, sizeof(path),
		 "%s/blobs/f/0000000000/000/0000000000000000", f->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    store_remove(
			f->s, &STORE_REF(BUCKET, i ? SLICE("b") : SLICE("a")),
			NULL, &note, NULL),
		    S3_OK);
	EVENTUALLY(rows(f, TABLE_GC) == 1);
	assert_int_equal(fixture_blobs(f), 0);
	assert_int_equal(rows(f, TABLE_BLOB), 1);
	assert_int_equal(rmdir(path), 0);
	EVENTUALLY(rows(f, TABLE_BLOB) == 0);
}

static int
run_damage_blob_0(struct writer_op *op, struct writer_txn *t)
{
	uint8_t key[8] = { 0 };

	(void)op;
	return local_row_put(t->ls, t->txn, TABLE_BLOB, slice_mem(key, 8),
			     SLICE("nonsense"));
}

static void
test_damaged_row_does_not_stop_reclamation(void **state)
{
	struct fixture *f = *state;
	struct store_note note = fixture_note("ObjectRemoved:Delete");
	struct writer_op op = { .run = run_damage_blob_0 };

	f->conf.gc_delay_ms = 1500; /* time to damage a row that waits */
	fixture_reopen(f);
	put_big(f, "a", 1);
	put_big(f, "b", 2);
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    store_remove(
			f->s, &STORE_REF(BUCKET, i ? SLICE("b") : SLICE("a")),
			NULL, &note, NULL),
		    S3_OK);
	assert_int_equal(writer_run(local_of(f->s), &op), S3_OK);
	EVENTUALLY(rows(f, TABLE_GC) == 1);
	assert_int_equal(fixture_blobs(f), 1);
	assert_int_equal(rows(f, TABLE_BLOB), 1);
}

static void
test_aborted_and_refused_puts_leave_no_file(void **state)
{
	struct fixture *f = *state;
	struct store_put_req req = { .bucket = BUCKET,
				     .key = SLICE("k"),
				     .size = UINT64_MAX,
				     .cond = STORE_COND_NONE };
	struct store_put_final fin = { .etag = SLICE("e"),
				       .note = fixture_note("x") };
	struct store_put *put;
	char *p = fixture_bytes(50000, 1);

	assert_int_equal(store_put_begin(f->s, &req, &put), S3_OK);
	assert_int_equal(store_put_write(put, p, 50000), S3_OK);
	assert_int_equal(fixture_blobs(f), 1);
	store_put_abort(put);
	assert_int_equal(fixture_blobs(f), 0);
	/* Refused only inside the writer: the key came meanwhile. */
	req.cond.if_none_match = SLICE("*");
	assert_int_equal(store_put_begin(f->s, &req, &put), S3_OK);
	assert_int_equal(store_put_write(put, p, 50000), S3_OK);
	assert_int_equal(fixture_put(f->s, SLICE("k"), SLICE("v")), S3_OK);
	assert_int_equal(store_put_commit(put, &fin, NULL),
			 S3_ERR_PRECONDITION_FAILED);
	assert_int_equal(fixture_blobs(f), 0);
	free(p);
}

/* In a child: begins an upload, puts @more whole objects, and dies. */
static void
crash_while_uploading(struct fixture *f, unsigned more)
{
	int status;
	pid_t pid;

	store_close(f->s);
	f->s = NULL;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct store_put_req req = { .bucket = BUCKET,
					     .key = SLICE("torn"),
					     .size = UINT64_MAX,
					     .cond = STORE_COND_NONE };
		char *p = fixture_bytes(5000, 9), key[16], err[512];
		struct store_put *put;

		f->s = store_open_local(&f->conf, err);
		if (!f->s || store_put_begin(f->s, &req, &put) != S3_OK ||
		    store_put_write(put, p, 5000) != S3_OK)
			_exit(1);
		for (unsigned i = 0; i < more; i++) {
			snprintf(key, sizeof(key), "more-%u", i);
			if (fixture_put(f->s, slice_str(key),
					slice_mem(p, 5000)) != S3_OK)
				_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_orphans_of_a_crash_are_dropped_at_open(void **state)
{
	struct fixture *f = *state;
	char *p = fixture_bytes(50000, 9);

	put_big(f, "whole", 9);
	crash_while_uploading(f, 1);
	assert_int_equal(fixture_blobs(f), 3);
	fixture_reopen(f);
	assert_int_equal(fixture_blobs(f), 2);
	fixture_expect(f, SLICE("whole"), slice_mem(p, 50000));
	/* New files do not meet old names. */
	put_big(f, "third", 9);
	assert_int_equal(fixture_blobs(f), 3);
	free(p);
}

/* A slow upload outlives the id lease it began in. */
static void
test_orphan_of_an_earlier_lease_is_dropped_too(void **state)
{
	struct fixture *f = *state;

	crash_while_uploading(f, 4200);
	assert_int_equal(fixture_blobs(f), 4201);
	fixture_reopen(f);
	assert_int_equal(fixture_blobs(f), 4200);
}

/* ---- retention -------------------------------------------------------- */

static void
test_events_stay_until_delivered_and_then_for_a_while(void **state)
{
	struct fixture *f = *state;
	struct store_event *e;
	size_t n;

	f->conf.event_retention_ms = 50;
	f->conf.gc_delay_ms = 10; /* the keeper's period */
	fixture_reopen(f);
	for (int i = 0; i < 10; i++)
		assert_int_equal(fixture_put(f->s, SLICE("k"), SLICE("v")),
				 S3_OK);
	usleep(150000);
	assert_int_equal(rows(f, TABLE_OUTBOX), 10); /* none delivered */
	f->conf.event_retention_ms = 60000;
	fixture_reopen(f);
	assert_int_equal(store_events_ack(f->s, 4), S3_OK);
	usleep(150000);
	assert_int_equal(rows(f, TABLE_OUTBOX), 10);
	f->conf.event_retention_ms = 50;
	fixture_reopen(f);
	EVENTUALLY(rows(f, TABLE_OUTBOX) == 6);
	usleep(150000);
	assert_int_equal(store_events(f->s, 0, 100, &f->a, &e, &n), S3_OK);
	assert_int_equal(n, 6);
	assert_int_equal(e[0].seq, 5);
	assert_int_equal(store_events_ack(f->s, 10), S3_OK);
	EVENTUALLY(rows(f, TABLE_OUTBOX) == 0);
	assert_int_equal(fixture_put(f->s, SLICE("k"), SLICE("v")), S3_OK);
	assert_int_equal(store_events(f->s, 10, 100, &f->a, &e, &n), S3_OK);
	assert_int_equal(n, 1);
	assert_int_equal(e[0].seq, 11);
}

/* ---- space and damage ------------------------------------------------- */

static void
test_puts_are_refused_when_space_is_short(void **state)
{
	struct fixture *f = *state;
	struct store_put_req req = { .bucket = BUCKET,
				     .key = SLICE("k"),
				     .size = 1ull << 30,
				     .cond = STORE_COND_NONE };
	struct store_note note = fixture_note("x");
	struct store_put *first, *second;
	struct store_info info;

	assert_int_equal(fixture_put(f->s, SLICE("old"), SLICE("v")), S3_OK);
	assert_int_equal(store_info(f->s, &info), S3_OK);
	/* Room for one and a half: what is announced counts. */
	assert_true(info.free_bytes > 3ull << 29);
	f->conf.min_free_bytes = info.free_bytes - (3ull << 29);
	fixture_reopen(f);
	assert_int_equal(store_info(f->s, &info), S3_OK);
	/* others use the same memory meanwhile */
	assert_in_range(info.spare_bytes, 1ull << 30, 2ull << 30);
	assert_int_equal(store_put_begin(f->s, &req, &first), S3_OK);
	assert_int_equal(store_put_begin(f->s, &req, &second),
			 S3_ERR_INSUFFICIENT_STORAGE);
	store_put_abort(first);
	assert_int_equal(store_put_begin(f->s, &req, &second), S3_OK);
	store_put_abort(second);
	f->conf.min_free_bytes = UINT64_MAX;
	fixture_reopen(f);
	assert_int_equal(store_info(f->s, &info), S3_OK);
	assert_int_equal(info.spare_bytes, 0);
	assert_int_equal(fixture_put(f->s, SLICE("k"), SLICE("v")),
			 S3_ERR_INSUFFICIENT_STORAGE);
	fixture_expect(f, SLICE("old"), SLICE("v"));
	assert_int_equal(store_remove(f->s, &STORE_REF(BUCKET, SLICE("old")),
				      NULL, &note, NULL),
			 S3_OK);
}

/* A mark is a number, or by itself at most a twentieth of the disk. */
static void
test_default_mark_is_bounded_by_the_disk(void **state)
{
	struct fixture *f = *state;
	const struct space_disk *d = local_of(f->s)->space.disks;
	uint64_t total = io_total_bytes(d->fd);

	f->conf.min_free_bytes = total / 10;
	fixture_reopen(f);
	d = local_of(f->s)->space.disks;
	assert_true(d[0].soft == total / 10 && d[1].soft == total / 10);
	f->conf.min_free_is_default = true;
	fixture_reopen(f);
	d = local_of(f->s)->space.disks;
	assert_true(d[0].soft == total / 20 && d[1].soft == total / 20);
	assert_true(d[0].hard == d[0].soft / 4);
	f->conf.min_free_bytes = 4096;
	fixture_reopen(f);
	assert_true(local_of(f->s)->space.disks[0].soft == 4096);
}

/* A first write to a hole of a mapped file on a full disk is SIGBUS. */
static void
test_table_of_readers_has_no_holes(void **state)
{
	struct fixture *f = *state;
	char path[256];
	struct stat st;

	f->conf.max_readers = 4000;
	store_close(f->s);
	snprintf(path, sizeof(path), "%s/index/lock.mdb", f->dir);
	assert_int_equal(unlink(path), 0);
	f->s = NULL;
	fixture_reopen(f);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 4000 * 64);
	assert_true(st.st_blocks * 512 >= st.st_size);
}

static uint64_t
ballast_blocks(const struct fixture *f)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/index/ballast", f->dir);
	return stat(path, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

/* How much less is told free than the disk has: others write to it as well, so
 * that is asked when it is the same before and after. */
static uint64_t
kept_back(struct fixture *f)
{
	struct local *ls = local_of(f->s);
	int fd = ls->lock_fd;
	struct store_info info;
	uint64_t before;

	do {
		before = io_free_bytes(fd);
		pthread_mutex_lock(&ls->space.mu);
		ls->space.read_us = 0; /* it looks again */
		pthread_mutex_unlock(&ls->space.mu);
		assert_int_equal(store_info(f->s, &info), S3_OK);
	} while (io_free_bytes(fd) != before);
	return before - info.free_bytes;
}

static void
test_ballast_is_never_free_and_comes_back(void **state)
{
	struct fixture *f = *state;

	assert_true(ballast_blocks(f) == 0); /* no mark, no ballast */
	f->conf.min_free_bytes = 8u << 20;
	fixture_reopen(f);
	assert_true(ballast_blocks(f) == 2u << 20);
	assert_int_equal(kept_back(f), 0);
	assert_true(space_drop_ballast(local_of(f->s)));
	assert_false(space_drop_ballast(local_of(f->s)));
	assert_true(ballast_blocks(f) == 0);
	assert_int_equal(kept_back(f), 2u << 20);
	f->conf.gc_delay_ms = 10; /* the keeper's period */
	fixture_reopen(f);
	assert_true(space_drop_ballast(local_of(f->s)));
	EVENTUALLY(ballast_blocks(f) == 2u << 20);
	f->conf.min_free_bytes = 0;
	fixture_reopen(f);
	assert_true(ballast_blocks(f) == 0);
}

/* Flips a byte of the object's value, counted from the start or the end. */
struct flip_op {
	struct writer_op op;
	ptrdiff_t at;
};

static int
run_flip(struct writer_op *op, struct writer_txn *t)
{
	ptrdiff_t at = ((struct flip_op *)op)->at;
	struct slice value;
	uint64_t version;
	char copy[1024];
	int rc = index_get(t->ls, t->txn, 1, SLICE("k"), &version, &value);

	if (rc != 0 || value.n > sizeof(copy))
		return rc ? rc : ENOMEM;
	memcpy(copy, value.p, value.n);
	copy[at < 0 ? (ptrdiff_t)value.n + at : at] ^= 1;
	return index_put(t, 1, SLICE("k"), version, slice_mem(copy, value.n),
			 SLICE_EMPTY);
}

static void
test_damage_is_an_error_not_an_answer(void **state)
{
	struct fixture *f = *state;
	struct store_list_req list = { .bucket = BUCKET, .max_keys = 10 };
	struct store_list_page page;
	struct store_object o;
	struct store_read *r;
	struct flip_op op = { .op.run = run_flip, .at = -1 };

	assert_int_equal(fixture_put(f->s, SLICE("k"), SLICE("value")), S3_OK);
	assert_int_equal(writer_run(local_of(f->s), &op.op), S3_OK);
	assert_int_equal(store_get(f->s, &STORE_REF(BUCKET, SLICE("k")), NULL,
				   &f->a, &o, NULL),
			 S3_OK);
	assert_int_equal(store_get(f->s, &STORE_REF(BUCKET, SLICE("k")), NULL,
				   &f->a, &o, &r),
			 S3_ERR_INTERNAL_ERROR);
	op.at = 20;
	assert_int_equal(writer_run(local_of(f->s), &op.op), S3_OK);
	assert_int_equal(store_get(f->s, &STORE_REF(BUCKET, SLICE("k")), NULL,
				   &f->a, &o, NULL),
			 S3_ERR_INTERNAL_ERROR);
	assert_int_equal(store_list(f->s, &list, &f->a, &page),
			 S3_ERR_INTERNAL_ERROR);
}

static void
test_missing_blob_is_an_error(void **state)
{
	struct fixture *f = *state;
	uint64_t id = 0;
	bool gone;
	struct store_object o;
	struct store_read *r;

	put_big(f, "k", 1);
	blob_unlink(local_of(f->s), &id, 1, &gone);
	assert_true(gone);
	assert_int_equal(fixture_blobs(f), 0);
	assert_int_equal(store_get(f->s, &STORE_REF(BUCKET, SLICE("k")), NULL,
				   &f->a, &o, &r),
			 S3_ERR_INTERNAL_ERROR);
	assert_null(r);
}

/* The CRCs kept for a later scrub are those of the file's blocks. */
static void
expect_block_checksums(struct fixture *f, const char *p, size_t n)
{
	struct local *ls = local_of(f->s);
	uint8_t key[12] = { 0 };
	struct record_reader r;
	struct slice row;
	MDB_txn *txn;

	assert_int_equal(local_read_begin(ls, &txn), 0);
	assert_int_equal(
	    local_row_get(ls, txn, TABLE_CRC, slice_mem(key, 12), &row), 0);
	assert_int_equal(record_open(row, RECORD_CRCS, &r, NULL), 0);
	for (size_t at = 0; at < n; at += 1u << 20) {
		size_t len = n - at < 1u << 20 ? n - at : 1u << 20;

		assert_int_equal(record_get_int(&r, 4), crc32c(0, p + at, len));
	}
	assert_int_equal(record_done(&r), 0);
	mdb_txn_abort(txn);
}

static void
test_block_checksums_match_the_bytes(void **state)
{
	struct fixture *f = *state;
	const size_t n = (2u << 20) + 77;
	char *p = fixture_bytes(n, 5);

	assert_int_equal(fixture_put(f->s, SLICE("k"), slice_mem(p, n)), S3_OK);
	expect_block_checksums(f, p, n);
	free(p);
}

/* A blob that passes by the page cache is one like any other. */
static void
test_streamed_blob_has_its_bytes_and_checksums(void **state)
{
	struct fixture *f = *state;
	const size_t n = (6u << 20) + 4097;
	char *p = fixture_bytes(n, 6);

	f->conf.stream_min = n;
	fixture_reopen(f);
	assert_int_equal(fixture_put(f->s, SLICE("k"), slice_mem(p, n)), S3_OK);
	fixture_reopen(f);
	fixture_expect(f, SLICE("k"), slice_mem(p, n));
	expect_block_checksums(f, p, n);
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_second_open_is_refused),
		cmocka_unit_test(test_open_says_why_it_cannot),
		STORE_TEST(test_unknown_format_is_refused),
		STORE_TEST(test_unfinished_index_is_made_anew),
		STORE_TEST(test_opening_is_a_commit),
		STORE_TEST(test_failing_operation_spares_its_batch),
		STORE_TEST(test_replaced_blobs_go_after_the_delay),
		STORE_TEST(test_damaged_row_does_not_stop_reclamation),
		STORE_TEST(test_stubborn_blob_does_not_stop_reclamation),
		STORE_TEST(test_aborted_and_refused_puts_leave_no_file),
		STORE_TEST(test_orphans_of_a_crash_are_dropped_at_open),
		STORE_TEST(test_orphan_of_an_earlier_lease_is_dropped_too),
		STORE_TEST(
		    test_events_stay_until_delivered_and_then_for_a_while),
		STORE_TEST(test_puts_are_refused_when_space_is_short),
		STORE_TEST(test_default_mark_is_bounded_by_the_disk),
		STORE_TEST(test_table_of_readers_has_no_holes),
		STORE_TEST(test_ballast_is_never_free_and_comes_back),
		STORE_TEST(test_damage_is_an_error_not_an_answer),
		STORE_TEST(test_missing_blob_is_an_error),
		STORE_TEST(test_block_checksums_match_the_bytes),
		STORE_TEST(test_streamed_blob_has_its_bytes_and_checksums),
	};

	return cmocka_run_group_tests_name("store_local", tests, NULL, NULL);
}
