/*
 * Verified reads: bytes that are not those that were written never leave, all
 * others do; and the memory of what was verified a moment ago.
 */
#include "tests/unit/store_damage.h"

#include <pthread.h>

#define BIG (3 * MIB + 700000u)
#define DAMAGED S3_ERR_INTERNAL_ERROR

/* ---- kinds of damage ---------------------------------------------------- */

static void
test_flipped_byte_is_an_error_where_it_lies(void **state)
{
	static const uint64_t at[] = { 0,	1,	     MIB - 1,
				       MIB,	MIB + 12345, 2 * MIB - 1,
				       3 * MIB, BIG - 1 };
	struct fixture *f = *state;
	char *p = put_file(f, KEY, BIG, 1);

	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		uint64_t block = at[i] / MIB;

		assert_int_equal(read_range(f, KEY, 0, BIG, p), S3_OK);
		flip(f, KEY, 0, at[i]);
		assert_int_equal(read_range(f, KEY, 0, BIG, p), DAMAGED);
		for (uint64_t b = 0; b < 4; b++) {
			size_t n = b < 3 ? MIB : BIG - 3 * MIB;

			assert_int_equal(read_range(f, KEY, b * MIB, n, p),
					 b == block ? DAMAGED : S3_OK);
			/* not the damaged byte itself, but its block */
			assert_int_equal(
			    read_range(f, KEY, b * MIB + n / 2, 1, p),
			    b == block ? DAMAGED : S3_OK);
		}
		flip(f, KEY, 0, at[i]);
	}
	assert_int_equal(read_range(f, KEY, 0, BIG, p), S3_OK);
	free(p);
}

static void
test_file_of_another_length_is_an_error_where_it_shows(void **state)
{
	static const struct {
		off_t size;
		enum s3_error block[4];
	} cases[] = {
		{ BIG - 1, { S3_OK, S3_OK, S3_OK, DAMAGED } },
		{ 3 * MIB, { S3_OK, S3_OK, S3_OK, DAMAGED } },
		{ 3 * MIB - 1, { S3_OK, S3_OK, DAMAGED, DAMAGED } },
		{ MIB, { S3_OK, DAMAGED, DAMAGED, DAMAGED } },
		{ 1, { DAMAGED, DAMAGED, DAMAGED, DAMAGED } },
		{ 0, { DAMAGED, DAMAGED, DAMAGED, DAMAGED } },
		{ BIG + 1, { S3_OK, S3_OK, S3_OK, DAMAGED } },
		{ 5 * MIB, { S3_OK, S3_OK, S3_OK, DAMAGED } },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *p = put_file(f, KEY, BIG, (uint32_t)i);

		assert_int_equal(
		    truncate(path_of_blob(f, blob_of(f, KEY, 0)).text,
			     cases[i].size),
		    0);
		for (uint64_t b = 0; b < 4; b++)
			assert_int_equal(read_range(f, KEY, b * MIB,
						    b < 3 ? MIB : BIG - 3 * MIB,
						    p),
					 cases[i].block[b]);
		free(p);
	}
}

static void
test_missing_file_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct store_object o;
	struct store_read *r;

	free(put_file(f, KEY, BIG, 1));
	unlink(path_of_blob(f, blob_of(f, KEY, 0)).text);
	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, KEY), NULL, &f->a, &o, &r),
	    DAMAGED);
	/* the record is as it was */
	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, KEY), NULL, &f->a, &o, NULL),
	    S3_OK);
	assert_int_equal(o.size, BIG);
}

static int
run_lose_crcs(struct writer_op *op, struct writer_txn *t)
{
	MDB_cursor *c;
	MDB_val k, v;
	int rc = mdb_cursor_open(t->txn, t->ls->dbi[TABLE_CRC], &c);

	(void)op;
	if (rc == 0)
		rc = mdb_cursor_get(c, &k, &v, MDB_FIRST);
	if (rc == 0)
		rc = mdb_cursor_del(c, 0);
	mdb_cursor_close(c);
	return rc;
}

static void
test_lost_checksums_are_an_error(void **state)
{
	struct fixture *f = *state;
	struct writer_op op = { .run = run_lose_crcs };
	struct store_object o;
	struct store_read *r;

	free(put_file(f, KEY, BIG, 1));
	assert_int_equal(writer_run(local_of(f->s), &op), S3_OK);
	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, KEY), NULL, &f->a, &o, &r),
	    DAMAGED);
	assert_int_equal(local_of(f->s)->damages.met, 1);
}

/* ---- several files, shared files ---------------------------------------- */

#define PART (5 * MIB + 300000u)

static void
test_damaged_part_leaves_the_others(void **state)
{
	struct fixture *f = *state;
	char *p = put_parts(f, 3, PART, 7);
	struct store_read *r;

	assert_int_equal(read_range(f, KEY, 0, 3 * PART, p), S3_OK);
	flip(f, KEY, 1, MIB + 5);
	assert_int_equal(read_range(f, KEY, 0, 3 * PART, p), DAMAGED);
	assert_int_equal(read_range(f, KEY, 0, PART, p), S3_OK);
	assert_int_equal(read_range(f, KEY, PART, MIB, p), S3_OK);
	assert_int_equal(read_range(f, KEY, PART + MIB, 1, p), DAMAGED);
	assert_int_equal(
	    read_range(f, KEY, PART + 2 * MIB, 2 * PART - 2 * MIB, p), S3_OK);
	/* to be sent from descriptors */
	r = open_read(f, KEY);
	assert_int_equal(store_read_verify(r, 0, PART), S3_OK);
	assert_int_equal(store_read_verify(r, 0, 3 * PART), DAMAGED);
	assert_int_equal(store_read_verify(r, 2 * PART - 1, PART + 1), S3_OK);
	assert_int_equal(store_read_verify(r, 3 * PART - 1, 2), DAMAGED);
	store_read_close(r);
	unlink(path_of_blob(f, blob_of(f, KEY, 2)).text);
	assert_int_equal(read_range(f, KEY, 2 * PART - 10, 10, p), S3_OK);
	assert_int_equal(read_range(f, KEY, 2 * PART - 10, 11, p), DAMAGED);
	free(p);
}

/* A copy shares the file, a part that is a range of it some blocks. */
static void
test_damage_shows_in_all_that_share_the_block(void **state)
{
	struct fixture *f = *state;
	char *p = put_file(f, SLICE("source"), BIG, 3);
	char id[STORE_UPLOAD_ID_MAX], md5[33];
	struct store_copy_req copy = { .source =
					   STORE_REF(BUCKET, SLICE("source")),
				       .bucket = BUCKET,
				       .key = SLICE("copy"),
				       .cond = STORE_COND_NONE,
				       .keep_checksum = true,
				       .note =
					   fixture_note("ObjectCreated:Copy") };
	struct store_part_copy_req range = { .source = copy.source,
					     .offset = MIB + 100,
					     .size = MIB };
	struct store_complete_part part = { .number = 1 };
	struct store_complete_req req = complete_req(id, &part, 1);
	struct store_complete_result result;
	struct store_object o;
	struct store_part made;

	assert_int_equal(store_get(f->s, &copy.source, NULL, &f->a, &o, NULL),
			 S3_OK);
	copy.source_seq = range.source_seq = o.seq;
	assert_int_equal(store_copy(f->s, &copy, NULL), S3_OK);
	create(f, id);
	fixture_md5(p + MIB + 100, MIB, md5);
	range.etag = part.etag = slice_str(md5);
	range.part =
	    (struct store_part_ref){ BUCKET, KEY, slice_str(id), 1, 0, NULL };
	assert_int_equal(store_part_copy(f->s, &range, &made), S3_OK);
	req.upload_id = slice_str(id);
	assert_int_equal(store_upload_complete(f->s, &req, &result), S3_OK);
	assert_int_equal(read_range(f, KEY, 0, MIB, p + MIB + 100), S3_OK);
	assert_int_equal(read_range(f, SLICE("copy"), 0, BIG, p), S3_OK);

	/* In its first block, but before its first byte. */
	flip(f, SLICE("copy"), 0, MIB);
	assert_int_equal(read_range(f, KEY, 0, 1, p + MIB + 100), DAMAGED);
	assert_int_equal(read_range(f, KEY, MIB - 1, 1, p + MIB + 100), S3_OK);
	assert_int_equal(read_range(f, SLICE("copy"), MIB, 1, p), DAMAGED);
	assert_int_equal(read_range(f, SLICE("source"), 2 * MIB, MIB, p),
			 S3_OK);
	free(p);
}

static void
test_old_read_is_verified_after_the_rows_went(void **state)
{
	struct fixture *f = *state;
	struct store_read *r;
	char *p, *got = malloc(BIG);
	struct blob_path path;

	f->conf.gc_delay_ms = 1;
	fixture_reopen(f);
	p = put_file(f, KEY, BIG, 1);
	path = path_of_blob(f, blob_of(f, KEY, 0));
	r = open_read(f, KEY);
	free(put_file(f, KEY, BIG, 2));
	for (int i = 0; i < 2000 && access(path.text, F_OK) == 0; i++)
		usleep(5000);
	assert_int_equal(access(path.text, F_OK), -1);
	assert_int_equal(store_read_at(r, 0, got, BIG), S3_OK);
	assert_memory_equal(got, p, BIG);
	store_read_close(r);
	free(p);
	free(got);
}

/* ---- what is remembered ------------------------------------------------- */

static _Atomic int64_t clock_us;

static int64_t
test_clock(void)
{
	return atomic_load(&clock_us);
}

static bool
remembered(struct fixture *f, uint64_t offset, uint64_t n)
{
	struct store_read *r = open_read(f, KEY);
	bool yes = store_read_is_verified(r, offset, n);

	store_read_close(r);
	return yes;
}

/* Long enough ago for its time to tell of the next change. */
static void
settle(void)
{
	usleep(80000);
}

static void
test_verified_blocks_are_remembered_for_a_while(void **state)
{
	struct fixture *f = *state;
	char *p = put_file(f, KEY, BIG, 1);

	local_of(f->s)->verified.now_us = test_clock;
	settle();
	/* Never because they were written. */
	assert_false(remembered(f, 0, 1));
	assert_int_equal(read_range(f, KEY, MIB - 1, 2, p), S3_OK);
	assert_true(remembered(f, 0, 2 * MIB));
	assert_false(remembered(f, 0, 2 * MIB + 1));
	assert_false(remembered(f, 3 * MIB, 1));
	atomic_fetch_add(&clock_us, VERIFIED_US / 2);
	assert_int_equal(read_range(f, KEY, 0, BIG, p), S3_OK);
	assert_true(remembered(f, 0, BIG));
	atomic_fetch_add(&clock_us, VERIFIED_US / 2 - 1);
	assert_true(remembered(f, 0, BIG));
	atomic_fetch_add(&clock_us, 1);
	assert_false(remembered(f, 0, 1));
	assert_int_equal(read_range(f, KEY, 0, BIG, p), S3_OK);
	assert_true(remembered(f, 0, BIG));
	free(p);
}

static void
test_change_of_a_hot_file_shows_at_once(void **state)
{
	struct fixture *f = *state;
	char *p = put_file(f, KEY, BIG, 1);
	struct store_read *r;

	settle();
	assert_int_equal(read_range(f, KEY, 0, BIG, p), S3_OK);
	assert_true(remembered(f, 0, BIG));
	flip(f, KEY, 0, 2 * MIB);
	assert_false(remembered(f, 0, BIG));
	assert_int_equal(read_range(f, KEY, 0, BIG, p), DAMAGED);
	/* Twice within one tick of the kernel's clock. */
	flip(f, KEY, 0, 2 * MIB);
	assert_int_equal(read_range(f, KEY, 0, BIG, p), S3_OK);
	flip(f, KEY, 0, MIB);
	assert_int_equal(read_range(f, KEY, 0, BIG, p), DAMAGED);
	/* Such a file may go out by descriptor all the same, right after. */
	flip(f, KEY, 0, MIB);
	r = open_read(f, KEY);
	assert_int_equal(store_read_verify(r, 5, BIG - 5), S3_OK);
	assert_true(store_read_is_verified(r, 0, BIG));
	store_read_close(r);
	assert_false(remembered(f, 0, 1));
	free(p);
}

/* No program can change a file without its time telling: what was verified
 * before the decay is told of the file after it. */
static void
test_silent_decay_shows_with_the_next_verification(void **state)
{
	struct fixture *f = *state;
	char *p = put_file(f, KEY, BIG, 1);
	struct verified_file file;
	struct blob_path path;
	struct stat st;

	local_of(f->s)->verified.now_us = test_clock;
	path = path_of_blob(f, blob_of(f, KEY, 0));
	flip(f, KEY, 0, MIB);
	assert_int_equal(stat(path.text, &st), 0);
	verified_describe(&file, blob_of(f, KEY, 0), &st);
	file.unsettled = false;
	verified_add(&local_of(f->s)->verified, &file, 0, 0xf, test_clock());
	assert_true(remembered(f, 0, BIG));
	atomic_fetch_add(&clock_us, VERIFIED_US);
	assert_int_equal(read_range(f, KEY, 0, BIG, p), DAMAGED);
	assert_int_equal(read_range(f, KEY, 0, MIB, p), S3_OK);
	free(p);
}

/* ---- the table ---------------------------------------------------------- */

static void
test_table_tells_files_and_their_changes_apart(void **state)
{
	struct verified_file f = { .blob_id = 7, .size = 9, .changed_ns = 11 };
	struct verified_file other = f, lately = f;
	struct verified v;

	(void)state;
	assert_int_equal(verified_init(&v), 0);
	v.now_us = test_clock;
	verified_add(&v, &f, 3, 0x5, test_clock());
	verified_add(&v, &f, 3, 0x8, test_clock());
	assert_int_equal(verified_get(&v, &f, 3), 0xd);
	assert_int_equal(verified_get(&v, &f, 2), 0);
	other.blob_id++;
	assert_int_equal(verified_get(&v, &other, 3), 0);
	other = f;
	other.size++;
	assert_int_equal(verified_get(&v, &other, 3), 0);
	other = f;
	other.changed_ns++;
	assert_int_equal(verified_get(&v, &other, 3), 0);
	lately.blob_id = 8;
	lately.unsettled = true;
	verified_add(&v, &lately, 0, 1, test_clock());
	assert_int_equal(verified_get(&v, &lately, 0), 0);
	verified_release(&v);
}

static void
test_table_is_bounded_and_keeps_the_newest(void **state)
{
	struct verified v;
	size_t kept = 0;

	(void)state;
	assert_int_equal(verified_init(&v), 0);
	v.now_us = test_clock;
	for (uint64_t id = 1; id <= 100000; id++) {
		struct verified_file f = { .blob_id = id };

		verified_add(&v, &f, 0, 1, test_clock());
		assert_int_equal(verified_get(&v, &f, 0), 1);
		atomic_fetch_add(&clock_us, 1);
	}
	for (uint64_t id = 1; id <= 100000; id++) {
		struct verified_file f = { .blob_id = id };

		kept += verified_get(&v, &f, 0) == 1;
	}
	assert_in_range(kept, 15000, 16384);
	verified_release(&v);
}

static void
test_describe_distrusts_a_change_just_made(void **state)
{
	struct verified_file f;
	struct stat st = { .st_size = 5 };

	(void)state;
	clock_gettime(CLOCK_REALTIME, &st.st_ctim);
	verified_describe(&f, 1, &st);
	assert_true(f.unsettled);
	st.st_ctim.tv_sec--;
	verified_describe(&f, 1, &st);
	assert_false(f.unsettled);
	st.st_ctim.tv_sec += 60; /* the clock was set back */
	verified_describe(&f, 1, &st);
	assert_true(f.unsettled);
}

/* ---- threads ------------------------------------------------------------ */

struct reader {
	struct fixture *f;
	const char *want;
	pthread_t thread;
	unsigned wrong;
};

static void *
read_often(void *arg)
{
	struct reader *me = arg;
	char *got = malloc(MIB);

	for (unsigned i = 0; i < 200; i++) {
		uint64_t at = i * 7919ull * 997 % (BIG - MIB);
		struct store_object o;
		struct store_read *r;
		struct arena a;

		arena_init(&a, 65536);
		me->wrong += store_get(me->f->s, &STORE_REF(BUCKET, KEY), NULL,
				       &a, &o, &r) != S3_OK ||
			     store_read_verify(r, at, MIB) != S3_OK ||
			     store_read_at(r, at, got, 1000) != S3_OK ||
			     memcmp(got, me->want + at, 1000) != 0;
		/* The clock of all goes on: either is right. */
		(void)store_read_is_verified(r, at, MIB);
		store_read_close(r);
		arena_release(&a);
		atomic_fetch_add(&clock_us, VERIFIED_US / 50);
	}
	free(got);
	return NULL;
}

static void
test_threads_share_what_was_verified(void **state)
{
	struct fixture *f = *state;
	char *p = put_file(f, KEY, BIG, 1);
	struct reader r[4];

	local_of(f->s)->verified.now_us = test_clock;
	settle();
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		r[i] = (struct reader){ .f = f, .want = p };
		assert_int_equal(
		    pthread_create(&r[i].thread, NULL, read_often, &r[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		pthread_join(r[i].thread, NULL);
		assert_int_equal(r[i].wrong, 0);
	}
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_flipped_byte_is_an_error_where_it_lies),
		STORE_TEST(
		    test_file_of_another_length_is_an_error_where_it_shows),
		STORE_TEST(test_missing_file_is_an_error),
		STORE_TEST(test_lost_checksums_are_an_error),
		STORE_TEST(test_damaged_part_leaves_the_others),
		STORE_TEST(test_damage_shows_in_all_that_share_the_block),
		STORE_TEST(test_old_read_is_verified_after_the_rows_went),
		STORE_TEST(test_verified_blocks_are_remembered_for_a_while),
		STORE_TEST(test_change_of_a_hot_file_shows_at_once),
		STORE_TEST(test_silent_decay_shows_with_the_next_verification),
		cmocka_unit_test(
		    test_table_tells_files_and_their_changes_apart),
		cmocka_unit_test(test_table_is_bounded_and_keeps_the_newest),
		cmocka_unit_test(test_describe_distrusts_a_change_just_made),
		STORE_TEST(test_threads_share_what_was_verified),
	};

	return cmocka_run_group_tests_name("store_verify", tests, NULL, NULL);
}
