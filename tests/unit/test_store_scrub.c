/*
 * The scrubber: what it finds, whose it is, how fast it reads, what it keeps
 * over a restart.
 */
#include "tests/unit/store_damage.h"

#include "base/timeval.h"
#include "store/care.h"
#include "store/local/index.h"

#define BIG (3 * MIB + 700000u)
#define FAST 0u

static struct store_scrub_status
status_of(struct fixture *f)
{
	struct store_scrub_status st;

	assert_int_equal(store_scrub_status(f->s, true, &f->a, &st), S3_OK);
	return st;
}

/* The status after the pass that runs by now. */
static struct store_scrub_status
wait_for_end(struct fixture *f)
{
	struct store_scrub_status st;
	int64_t late = time_mono_us() + 60 * US_PER_S;

	do {
		usleep(2000);
		assert_int_equal(store_scrub_status(f->s, false, &f->a, &st),
				 S3_OK);
		assert_true(time_mono_us() < late);
	} while (st.running);
	return status_of(f);
}

static struct store_scrub_status
scrub(struct fixture *f, uint64_t rate)
{
	assert_int_equal(store_scrub_start(f->s, rate), S3_OK);
	return wait_for_end(f);
}

static void
expect_object(const struct store_damage *d, const char *key)
{
	assert_int_equal(d->n_objects, 1);
	assert_true(slice_eq(d->objects[0].bucket, BUCKET));
	assert_true(slice_eq_str(d->objects[0].key, key));
}

/* ---- findings ----------------------------------------------------------- */

static void
test_clean_store_has_no_damage(void **state)
{
	struct fixture *f = *state;
	struct store_scrub_status st = scrub(f, FAST);

	assert_int_equal(st.passes, 1);
	assert_int_equal(st.n_damage, 0);
	free(put_file(f, SLICE("a"), BIG, 1));
	free(put_file(f, SLICE("b"), MIB, 2));
	free(put_file(f, SLICE("inline"), 1000, 3));
	free(put_parts(f, 2, 5 * MIB, 4));
	st = scrub(f, FAST);
	assert_int_equal(st.passes, 2);
	assert_int_equal(st.n_damage, 0);
	assert_int_equal(st.blobs, 4);
	assert_int_equal(st.bytes, st.bytes_of);
	assert_true(st.bytes > BIG + 11 * MIB);
	assert_true(st.bytes < BIG + 11 * MIB + 100000);
	assert_true(st.started_us > 0 && st.finished_us >= st.started_us);
	assert_int_equal(st.next_us, 0); /* not configured */
}

static void
harm_flip_first(const char *path)
{
	flip_file(path, 0);
}

static void
harm_flip_last(const char *path)
{
	flip_file(path, BIG - 1);
}

static void
harm_flip_middle(const char *path)
{
	flip_file(path, MIB + 99);
}

static void
harm_cut(const char *path)
{
	assert_int_equal(truncate(path, 3 * MIB - 1), 0);
}

static void
harm_empty(const char *path)
{
	assert_int_equal(truncate(path, 0), 0);
}

static void
harm_extend(const char *path)
{
	assert_int_equal(truncate(path, BIG + 1), 0);
}

static void
harm_remove(const char *path)
{
	assert_int_equal(unlink(path), 0);
}

static void
test_each_kind_of_damage_is_found(void **state)
{
	static const struct {
		void (*harm)(const char *path);
		uint64_t block[4];
		size_t n;
		const char *text;
	} cases[] = {
		{ harm_flip_first, { 0 }, 1, "its CRC-32C differs" },
		{ harm_flip_middle, { 1 }, 1, "its CRC-32C differs" },
		{ harm_flip_last, { 3 }, 1, "its CRC-32C differs" },
		{ harm_cut, { 2, 3 }, 2, "the file ends before it" },
		{ harm_empty, { 0, 1, 2, 3 }, 4, "the file ends before it" },
		{ harm_extend, { 3 }, 1, "the file goes on behind its end" },
		{ harm_remove, { 0 }, 1, "there is no file" },
	};
	struct fixture *f = *state;

	free(put_file(f, SLICE("other"), BIG, 99));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct store_scrub_status st;
		struct blob_path path;

		free(put_file(f, KEY, BIG, (uint32_t)i));
		path = path_of_blob(f, blob_of(f, KEY, 0));
		cases[i].harm(path.text);
		st = scrub(f, FAST);
		assert_int_equal(st.n_damage, cases[i].n);
		for (size_t j = 0; j < st.n_damage; j++) {
			const struct store_damage *d = &st.damage[j];

			assert_string_equal(d->text, cases[i].text);
			assert_int_equal(d->block, cases[i].block[j]);
			assert_non_null(strstr(path.text, d->place));
			assert_true(d->found_us > 0);
			expect_object(d, "movie.mp4");
		}
	}
	/* The next put took its place: of what is gone nobody is told. */
	free(put_file(f, KEY, BIG, 77));
	assert_int_equal(status_of(f).n_damage, 0);
}

static void
test_repaired_damage_is_struck_off(void **state)
{
	struct fixture *f = *state;
	struct store_scrub_status st;

	free(put_file(f, SLICE("a"), BIG, 1));
	free(put_file(f, SLICE("b"), BIG, 2));
	flip(f, SLICE("a"), 0, 5);
	flip(f, SLICE("b"), 0, MIB);
	st = scrub(f, FAST);
	assert_int_equal(st.n_damage, 2);
	expect_object(&st.damage[0], "a");
	expect_object(&st.damage[1], "b");
	flip(f, SLICE("a"), 0, 5);
	st = scrub(f, FAST);
	assert_int_equal(st.n_damage, 1);
	expect_object(&st.damage[0], "b");
}

static void
test_damage_met_by_a_reader_is_listed(void **state)
{
	struct fixture *f = *state;
	char *p = put_file(f, KEY, BIG, 1);
	struct store_scrub_status st;

	flip(f, KEY, 0, 2 * MIB);
	assert_int_equal(read_range(f, KEY, 0, BIG, p), S3_ERR_INTERNAL_ERROR);
	st = status_of(f);
	assert_int_equal(st.n_damage, 1);
	assert_int_equal(st.damage[0].block, 2);
	assert_int_equal(st.damage_met, 1);
	expect_object(&st.damage[0], "movie.mp4");
	/* It is kept. */
	fixture_reopen(f);
	st = status_of(f);
	assert_int_equal(st.n_damage, 1);
	assert_int_equal(st.damage_met, 0);
	expect_object(&st.damage[0], "movie.mp4");
	free(p);
}

/* ---- whose it is -------------------------------------------------------- */

static void
copy_to(struct fixture *f, struct slice from, struct slice to)
{
	struct store_copy_req copy = { .source = STORE_REF(BUCKET, from),
				       .bucket = BUCKET,
				       .key = to,
				       .cond = STORE_COND_NONE,
				       .keep_checksum = true,
				       .note =
					   fixture_note("ObjectCreated:Copy") };
	struct store_object o;

	assert_int_equal(store_get(f->s, &copy.source, NULL, &f->a, &o, NULL),
			 S3_OK);
	copy.source_seq = o.seq;
	assert_int_equal(store_copy(f->s, &copy, NULL), S3_OK);
}

static bool
is_among(const struct store_damage *d, struct slice key)
{
	for (size_t i = 0; i < d->n_objects; i++)
		if (slice_eq(d->objects[i].key, key))
			return true;
	return false;
}

static void
test_all_that_share_the_block_are_named(void **state)
{
	struct fixture *f = *state;
	struct slice other = SLICE("other-bucket");
	struct store_scrub_status st;
	char long_key[1000], id[STORE_UPLOAD_ID_MAX], md5[33];
	struct store_part_ref part;

	memset(long_key, 'k', sizeof(long_key));
	assert_int_equal(
	    store_bucket_create(f->s, other, OWNER, SLICE("us-east-1")), S3_OK);
	assert_int_equal(
	    store_bucket_versioning(f->s, BUCKET, STORE_VERSIONING_ENABLED),
	    S3_OK);
	/* An older version, its copies, a set with a copy of its own. */
	free(put_file(f, SLICE("a"), BIG, 1));
	copy_to(f, SLICE("a"), slice_mem(long_key, sizeof(long_key)));
	flip(f, SLICE("a"), 0, 9);
	free(put_file(f, SLICE("a"), MIB, 2));
	free(put_parts(f, 3, 5 * MIB, 3));
	copy_to(f, KEY, SLICE("z"));
	flip(f, KEY, 1, 4 * MIB);
	/* A part of an open upload. */
	create(f, id);
	part =
	    (struct store_part_ref){ BUCKET, KEY, slice_str(id), 1, 0, NULL };
	{
		char *p = fixture_bytes(MIB, 9);

		assert_int_equal(try_part(f->s, &part, slice_mem(p, MIB), md5),
				 S3_OK);
		free(p);
	}
	flip_file(path_of_blob(f, blob_of(f, KEY, 2) + 1).text, 0);
	st = scrub(f, FAST);
	assert_int_equal(st.n_damage, 3);
	assert_int_equal(st.damage[0].n_objects, 2);
	assert_true(is_among(&st.damage[0], SLICE("a")));
	assert_true(
	    is_among(&st.damage[0], slice_mem(long_key, sizeof(long_key))));
	assert_int_equal(strlen(st.damage[0].objects[0].version_id), 26);
	assert_int_equal(st.damage[1].n_objects, 2);
	assert_true(is_among(&st.damage[1], KEY));
	assert_true(is_among(&st.damage[1], SLICE("z")));
	assert_int_equal(st.damage[1].block, 4);
	expect_object(&st.damage[2], "movie.mp4");
	assert_string_equal(st.damage[2].objects[0].upload_id, id);
}

static void
test_many_owners_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct store_scrub_status st;

	free(put_file(f, SLICE("a"), BIG, 1));
	for (unsigned i = 0; i < STORE_DAMAGED_OBJECTS_MAX + 5; i++) {
		char key[32];

		snprintf(key, sizeof(key), "copy-%u", i);
		copy_to(f, SLICE("a"), slice_str(key));
	}
	flip(f, SLICE("a"), 0, 9);
	st = scrub(f, FAST);
	assert_int_equal(st.n_damage, 1);
	assert_int_equal(st.damage[0].n_objects, STORE_DAMAGED_OBJECTS_MAX);
	assert_true(st.damage[0].more_objects);
}

/* More rows than one transaction reads, before, at and behind its end. */
static void
test_owners_are_found_across_transactions(void **state)
{
	struct fixture *f = *state;
	struct store_scrub_status st;

	for (unsigned i = 0; i < 2100; i++) {
		char key[32];

		snprintf(key, sizeof(key), "k-%04u", i);
		assert_int_equal(fixture_put(f->s, slice_str(key), SLICE("v")),
				 S3_OK);
	}
	free(put_file(f, SLICE("k-0999"), BIG, 1));
	copy_to(f, SLICE("k-0999"), SLICE("k-1000"));
	copy_to(f, SLICE("k-0999"), SLICE("k-1001"));
	copy_to(f, SLICE("k-0999"), SLICE("k-1999"));
	copy_to(f, SLICE("k-0999"), SLICE("k-2000"));
	copy_to(f, SLICE("k-0999"), SLICE("k-2099"));
	flip(f, SLICE("k-0999"), 0, 9);
	st = scrub(f, FAST);
	assert_int_equal(st.n_damage, 1);
	assert_int_equal(st.damage[0].n_objects, 6);
}

/* ---- the index ---------------------------------------------------------- */

struct harm_op {
	struct writer_op op;
	enum local_table table;
	size_t from_end;
};

/* Flips a byte of the table's first row. */
static int
run_harm(struct writer_op *op, struct writer_txn *t)
{
	struct harm_op *h = (struct harm_op *)op;
	char copy[8192];
	MDB_cursor *c;
	MDB_val k, v;
	int rc = mdb_cursor_open(t->txn, t->ls->dbi[h->table], &c);

	if (rc == 0)
		rc = mdb_cursor_get(c, &k, &v, MDB_FIRST);
	assert_int_equal(rc, 0);
	assert_in_range(v.mv_size, h->from_end + 1, sizeof(copy));
	memcpy(copy, v.mv_data, v.mv_size);
	copy[v.mv_size - 1 - h->from_end] ^= 1;
	v.mv_data = copy;
	rc = mdb_cursor_put(c, &k, &v, MDB_CURRENT);
	mdb_cursor_close(c);
	return rc;
}

static void
test_damaged_rows_are_found(void **state)
{
	static const struct {
		enum local_table table;
		size_t from_end;
		const char *place;
	} cases[] = {
		/* the last inline byte, and the record before it */
		{ TABLE_OBJECT, 0, "index table M, row " },
		{ TABLE_OBJECT, 1250, "index table M, row " },
		{ TABLE_OUTBOX, 10, "index table outbox, row " },
		{ TABLE_CRC, 8, "index table crc, row " },
		{ TABLE_BLOB, 8, "index table blob, row " },
	};
	struct fixture *f = *state;

	free(put_file(f, SLICE("inline.txt"), 1200, 1));
	free(put_file(f, SLICE("z"), MIB, 1));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct harm_op op = { .op = { .run = run_harm },
				      .table = cases[i].table,
				      .from_end = cases[i].from_end };
		struct store_scrub_status st;
		const struct store_damage *d;

		assert_int_equal(writer_run(local_of(f->s), &op.op), S3_OK);
		st = scrub(f, FAST);
		assert_true(st.n_damage >= 1);
		d = &st.damage[st.n_damage - 1];
		assert_non_null(strstr(d->place, cases[i].place));
		if (cases[i].table == TABLE_OBJECT)
			assert_non_null(strstr(d->place, "inline.txt"));
		assert_string_equal(d->text, "the row is damaged");
		assert_int_equal(writer_run(local_of(f->s), &op.op), S3_OK);
		assert_int_equal(scrub(f, FAST).n_damage, 0);
	}
}

/* Rows of table part whose names are too short, more than one transaction of
 * the search for owners reads. */
static int
run_misname(struct writer_op *op, struct writer_txn *t)
{
	(void)op;
	for (unsigned i = 0; i < 3000; i++) {
		struct buf row = BUF_INIT;
		char key[8];
		int rc;

		snprintf(key, sizeof(key), "%u", i);
		record_begin(&row, RECORD_PART);
		rc = local_record_put(t->ls, t->txn, TABLE_PART, slice_str(key),
				      &row);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static void
test_names_that_no_part_has_do_not_stop_the_search_for_owners(void **state)
{
	struct fixture *f = *state;
	struct writer_op op = { .run = run_misname };
	struct store_scrub_status st;

	free(put_file(f, KEY, BIG, 1));
	flip(f, KEY, 0, 7);
	assert_int_equal(writer_run(local_of(f->s), &op), S3_OK);
	st = scrub(f, FAST);
	assert_int_equal(st.n_damage, 1);
	expect_object(&st.damage[0], "movie.mp4");
}

/* ---- pace, control, restarts -------------------------------------------- */

static void
test_rate_is_kept(void **state)
{
	struct fixture *f = *state;
	int64_t began;
	double s;

	for (uint32_t i = 0; i < 4; i++) {
		char key[8];

		snprintf(key, sizeof(key), "%u", i);
		free(put_file(f, slice_str(key), 2 * MIB, i));
	}
	began = time_mono_us();
	(void)scrub(f, 8 * MIB);
	s = (double)(time_mono_us() - began) / US_PER_S;
	/* 8 MiB at 8 MiB a second; the machine may be slower. */
	assert_true(s > 0.95);
	began = time_mono_us();
	assert_int_equal(store_scrub_start(f->s, 1 * MIB), S3_OK);
	usleep(300000);
	assert_true(status_of(f).bytes < 3 * MIB);
	/* Faster from now on, without beginning anew. */
	assert_int_equal(store_scrub_start(f->s, FAST), S3_OK);
	assert_int_equal(wait_for_end(f).passes, 2);
	assert_true(time_mono_us() - began < 7 * US_PER_S);
}

static void
test_stop_ends_a_pass(void **state)
{
	struct fixture *f = *state;
	struct store_scrub_status st;

	free(put_file(f, SLICE("a"), 8 * MIB, 1));
	assert_int_equal(store_scrub_stop(f->s), S3_OK); /* none: fine */
	assert_int_equal(store_scrub_start(f->s, MIB), S3_OK);
	assert_true(status_of(f).running);
	usleep(50000);
	assert_int_equal(store_scrub_stop(f->s), S3_OK);
	st = wait_for_end(f);
	assert_int_equal(st.passes, 0);
	assert_int_equal(st.finished_us, 0);
	fixture_reopen(f);
	assert_false(status_of(f).running);
	assert_int_equal(scrub(f, FAST).passes, 1);
	/* at once after another, and together */
	for (int i = 0; i < 20; i++) {
		assert_int_equal(store_scrub_start(f->s, MIB), S3_OK);
		assert_int_equal(store_scrub_stop(f->s), S3_OK);
	}
	(void)wait_for_end(f);
	assert_int_equal(store_scrub_start(f->s, MIB), S3_OK);
	assert_int_equal(store_scrub_stop(f->s), S3_OK);
	assert_int_equal(store_scrub_start(f->s, FAST), S3_OK);
	assert_true(wait_for_end(f).passes >= 2);
}

static void
test_pass_goes_on_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct store_scrub_status st;
	uint64_t before;

	for (uint32_t i = 0; i < 6; i++) {
		char key[8];

		snprintf(key, sizeof(key), "%u", i);
		free(put_file(f, slice_str(key), MIB, i));
	}
	flip(f, SLICE("0"), 0, 7);
	flip(f, SLICE("5"), 0, 7);
	assert_int_equal(store_scrub_start(f->s, 2 * MIB), S3_OK);
	do {
		usleep(1000);
		st = status_of(f);
	} while (st.running && st.blobs < 2);
	assert_true(st.running);
	before = st.started_us;
	fixture_reopen(f);
	st = status_of(f);
	assert_true(st.running);
	assert_int_equal(st.rate, 2 * MIB);
	assert_in_range(st.blobs, 2, 5);
	st = scrub(f, FAST); /* the same pass */
	assert_int_equal(st.started_us, before);
	assert_int_equal(st.blobs, 6);
	assert_int_equal(st.passes, 1);
	assert_int_equal(st.n_damage, 2);
	expect_object(&st.damage[0], "0");
	expect_object(&st.damage[1], "5");
}

static void
test_pass_asked_for_just_before_the_end_is_not_forgotten(void **state)
{
	struct fixture *f = *state;
	struct store_scrub_status st;

	free(put_file(f, SLICE("a"), 8 * MIB, 1));
	for (int i = 0; i < 20; i++) {
		assert_int_equal(store_scrub_start(f->s, MIB), S3_OK);
		fixture_reopen(f);
		st = status_of(f);
		assert_true(st.running);
		assert_int_equal(st.rate, MIB);
		assert_int_equal(store_scrub_stop(f->s), S3_OK);
		(void)wait_for_end(f);
	}
}

static void
test_passes_begin_by_themselves(void **state)
{
	struct fixture *f = *state;
	struct store_scrub_status st;
	int tries = 5000;

	free(put_file(f, KEY, BIG, 1));
	flip(f, KEY, 0, 7);
	f->conf.scrub_bytes_per_s = 100 * MIB;
	f->conf.scrub_interval_ms = 100;
	fixture_reopen(f);
	do {
		usleep(2000);
		st = status_of(f);
	} while (st.passes < 3 && --tries);
	assert_true(st.passes >= 3);
	assert_int_equal(st.n_damage, 1);
	assert_true(st.next_us > 0);
	/* Not configured any more: one that is due does not begin. */
	f->conf.scrub_bytes_per_s = 0;
	fixture_reopen(f);
	usleep(300000);
	assert_int_equal(status_of(f).next_us, 0);
}

/* The state file as it was written last; 0: not yet. */
static ino_t
written_as(const struct fixture *f)
{
	char path[160];
	struct stat st;

	snprintf(path, sizeof(path), "%s/scrub", f->dir);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* Whoever reads a damaged block again costs no write. */
static void
test_damage_is_saved_when_it_is_new(void **state)
{
	struct fixture *f = *state;
	char *p = put_file(f, KEY, BIG, 1);
	ino_t before;

	flip(f, KEY, 0, 7);
	assert_int_equal(read_range(f, KEY, 0, 1, p), S3_ERR_INTERNAL_ERROR);
	for (int i = 0; !written_as(f) && i < 5000; i++)
		usleep(1000);
	before = written_as(f);
	assert_true(before != 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(read_range(f, KEY, 0, 1, p),
				 S3_ERR_INTERNAL_ERROR);
		usleep(10000);
		assert_true(written_as(f) == before);
	}
	flip(f, KEY, 0, MIB + 7);
	assert_int_equal(read_range(f, KEY, MIB, 1, p), S3_ERR_INTERNAL_ERROR);
	for (int i = 0; written_as(f) == before && i < 5000; i++)
		usleep(1000);
	assert_true(written_as(f) != before);
	free(p);
}

static void
write_state(struct fixture *f, const char *text)
{
	char path[160];
	FILE *file;

	snprintf(path, sizeof(path), "%s/scrub", f->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void
test_nonsense_in_the_state_file_is_harmless(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"null",
		"{\"running\":3,\"damage\":7}",
		"{\"running\":true,\"asked_for\":true,\"position\":-1}",
		"{\"passes\":1e300,\"next_us\":9007199254740991}",
		"{\"damage\":[1,{},{\"what\":\"bytes\"},{\"what\":\"none\","
		"\"blob\":1,\"block\":1,\"found_us\":1,\"row\":\"\"},"
		"{\"what\":\"bytes\",\"blob\":-1,\"block\":1,\"found_us\":1,"
		"\"row\":\"\"}]}",
	};
	struct fixture *f = *state;

	free(put_file(f, KEY, BIG, 1));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		store_close(f->s);
		f->s = NULL;
		write_state(f, texts[i]);
		fixture_reopen(f);
		assert_int_equal(status_of(f).n_damage, 0);
		assert_int_equal(scrub(f, FAST).n_damage, 0);
	}
}

/* The index is left alone when the process died of it three times. */
static void
test_index_that_ends_the_process_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct store_scrub_status st;

	free(put_file(f, KEY, BIG, 1));
	store_close(f->s);
	f->s = NULL;
	write_state(f, "{\"running\":true,\"asked_for\":true,"
		       "\"in_index\":true,\"index_tries\":3}");
	fixture_reopen(f);
	st = wait_for_end(f);
	assert_int_equal(st.n_damage, 1);
	assert_non_null(strstr(st.damage[0].place, "fsck"));
	assert_int_equal(st.blobs, 1);
	assert_int_equal(scrub(f, FAST).n_damage, 0);
}

/* ---- beside others ------------------------------------------------------ */

static _Atomic bool churning;

static void *
churn(void *arg)
{
	struct fixture *f = arg;
	struct store_note note = fixture_note("ObjectRemoved:Delete");
	char *p = fixture_bytes(MIB + 7, 1);
	unsigned failed = 0;

	for (unsigned i = 0; atomic_load(&churning); i++) {
		char key[16];

		snprintf(key, sizeof(key), "churn-%u", i % 7);
		failed += fixture_put(f->s, slice_str(key),
				      slice_mem(p, MIB + 7)) != S3_OK;
		if (i % 3 == 0)
			failed += store_remove(
				      f->s, &STORE_REF(BUCKET, slice_str(key)),
				      NULL, &note, NULL) != S3_OK;
	}
	free(p);
	assert_int_equal(failed, 0);
	return NULL;
}

static void
test_what_comes_and_goes_is_no_damage(void **state)
{
	struct fixture *f = *state;
	pthread_t t[2];

	f->conf.gc_delay_ms = 1;
	fixture_reopen(f);
	atomic_store(&churning, true);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, churn, f), 0);
	for (int i = 0; i < 20; i++) {
		struct store_scrub_status st = scrub(f, FAST);

		assert_int_equal(st.n_damage, 0);
		assert_int_equal(st.damage_met, 0);
	}
	atomic_store(&churning, false);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
}

static void
test_other_backends_have_none(void **state)
{
	static const struct store_ops none;
	struct store s = { .ops = &none };
	struct store_scrub_status st;
	struct arena a;

	(void)state;
	arena_init(&a, 65536);
	assert_int_equal(store_scrub_start(&s, 0), S3_ERR_NOT_IMPLEMENTED);
	assert_int_equal(store_scrub_stop(&s), S3_ERR_NOT_IMPLEMENTED);
	assert_int_equal(store_scrub_status(&s, true, &a, &st),
			 S3_ERR_NOT_IMPLEMENTED);
	arena_release(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_clean_store_has_no_damage),
		STORE_TEST(test_each_kind_of_damage_is_found),
		STORE_TEST(test_repaired_damage_is_struck_off),
		STORE_TEST(test_damage_met_by_a_reader_is_listed),
		STORE_TEST(test_all_that_share_the_block_are_named),
		STORE_TEST(test_many_owners_are_bounded),
		STORE_TEST(test_owners_are_found_across_transactions),
		STORE_TEST(test_damaged_rows_are_found),
		STORE_TEST(
		    test_names_that_no_part_has_do_not_stop_the_search_for_owners),
		STORE_TEST(test_rate_is_kept),
		STORE_TEST(test_stop_ends_a_pass),
		STORE_TEST(test_pass_goes_on_after_a_restart),
		STORE_TEST(
		    test_pass_asked_for_just_before_the_end_is_not_forgotten),
		STORE_TEST(test_passes_begin_by_themselves),
		STORE_TEST(test_damage_is_saved_when_it_is_new),
		STORE_TEST(test_nonsense_in_the_state_file_is_harmless),
		STORE_TEST(test_index_that_ends_the_process_is_left_alone),
		STORE_TEST(test_what_comes_and_goes_is_no_damage),
		cmocka_unit_test(test_other_backends_have_none),
	};

	return cmocka_run_group_tests_name("store_scrub", tests, NULL, NULL);
}
