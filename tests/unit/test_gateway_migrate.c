/*
 * A migration between two local stores: what arrives, what is brought later,
 * what is refused. Between a gateway and another S3 it runs in
 * tests/http/test_migrate.py.
 */
#include "gateway/migrate/migrate.h"
#include "base/io.h"
#include "base/log.h"
#include "store/journal.h"
#include "tests/unit/store_multipart.h"

#include <pthread.h>

struct both {
	struct fixture *a, *b; /* from, to */
	char cursor[192];
	struct migrate_status st;
};

static int
setup(void **state)
{
	struct both *t = calloc(1, sizeof(*t));
	void *a, *b;

	log_set_level(LOG_ERROR);
	if (!t || fixture_setup(&a) != 0 || fixture_setup(&b) != 0)
		return -1;
	t->a = a;
	t->b = b;
	snprintf(t->cursor, sizeof(t->cursor), "%s/migrate", t->a->dir);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct both *t = *state;
	void *a = t->a, *b = t->b;

	fixture_teardown(&a);
	fixture_teardown(&b);
	free(t);
	return 0;
}
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static struct migrate_plan
plan(struct both *t)
{
	return (struct migrate_plan){ .from = t->a->s,
				      .to = t->b->s,
				      .outbox = t->a->s,
				      .name = "a to b",
				      .cursor = t->cursor,
				      .workers = 3 };
}

static enum migrate_phase
run(struct both *t, const struct migrate_plan *p)
{
	struct migrate *m = migrate_new(p);
	enum migrate_phase phase;

	assert_non_null(m);
	phase = migrate_run(m);
	migrate_status(m, &t->st);
	assert_int_equal(t->st.phase, phase);
	migrate_free(m);
	return phase;
}

static void
run_ok(struct both *t)
{
	struct migrate_plan p = plan(t);

	if (run(t, &p) != MIGRATE_DONE)
		fail_msg("%s", t->st.err);
	assert_int_equal(t->st.count[MIGRATE_failed], 0);
	assert_int_equal(t->st.count[MIGRATE_etags], 0);
	assert_true(t->st.settled);
}

static void
run_fails(struct both *t, const struct migrate_plan *p, const char *why)
{
	assert_int_equal(run(t, p), MIGRATE_FAILED);
	if (!strstr(t->st.err, why))
		fail_msg("%s", t->st.err);
}

static void
put(struct both *t, const char *key, size_t n, uint32_t seed)
{
	char *p = fixture_bytes(n, seed);

	assert_int_equal(fixture_put(t->a->s, slice_str(key), slice_mem(p, n)),
			 S3_OK);
	free(p);
}

static void
expect(struct both *t, const char *key, size_t n, uint32_t seed)
{
	char *p = fixture_bytes(n, seed);

	fixture_expect(t->b, slice_str(key), slice_mem(p, n));
	free(p);
}

/* An upload of n parts at KEY, all of 5 MiB and some but the last. */
static void
put_parts(struct both *t, uint32_t n, uint16_t alg, bool composite,
	  struct store_object *out)
{
	struct store_upload_req req = { .checksum_alg = alg,
					.checksum_composite = composite };
	struct store_complete_part parts[8];
	struct store_complete_result done;
	struct store_complete_req fin;
	char id[STORE_UPLOAD_ID_MAX];
	struct sent sent[8] = { 0 };

	create_req(t->a, &req, id);
	for (uint32_t i = 0; i < n; i++) {
		size_t size = i + 1 < n ? 5 * MIB + i : 100;

		sent[i].number = 2 * i + 1;
		sent[i].alg = alg;
		sent[i].body = slice_mem(fixture_bytes(size, i), size);
		assert_int_equal(send_part(t->a, id, &sent[i]), S3_OK);
	}
	name_parts(sent, n, parts);
	fin = complete_req(id, parts, n);
	assert_int_equal(store_upload_complete(t->a->s, &fin, &done), S3_OK);
	*out = done.object;
	for (size_t i = 0; i < n; i++)
		free((void *)(uintptr_t)sent[i].body.p);
}

static void
expect_absent(struct both *t, const char *key)
{
	struct store_object o;

	assert_int_equal(store_get(t->b->s, &STORE_REF(BUCKET, slice_str(key)),
				   NULL, &t->b->a, &o, NULL),
			 S3_ERR_NO_SUCH_KEY);
}

/* ---- what arrives ------------------------------------------------------- */

static void
test_migrate_copies_all_and_then_nothing(void **state)
{
	struct both *t = *state;
	char key[32];

	for (unsigned i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "k/%02u", i);
		put(t, key, i * 3000, i);
	}
	put(t, "large", 3 * MIB + 17, 99);
	run_ok(t);
	assert_int_equal(t->st.count[MIGRATE_copied], 41);
	assert_int_equal(t->st.count[MIGRATE_objects], 41);
	assert_int_equal(t->st.count[MIGRATE_objects_of], 41);
	assert_int_equal(t->st.count[MIGRATE_bytes],
			 t->st.count[MIGRATE_bytes_of]);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(key, sizeof(key), "k/%02u", i);
		expect(t, key, i * 3000, i);
	}
	expect(t, "large", 3 * MIB + 17, 99);
	run_ok(t);
	assert_int_equal(t->st.count[MIGRATE_copied], 0);
	unlink(t->cursor);
	run_ok(t);
	assert_int_equal(t->st.count[MIGRATE_copied], 0);
	assert_int_equal(t->st.count[MIGRATE_same], 41);
}

static void
test_migrate_keeps_headers_tags_class_and_checksum(void **state)
{
	struct both *t = *state;
	const struct store_header headers[] = {
		{ SLICE("content-type"), SLICE("video/mp4") },
		{ SLICE("x-amz-meta-user-id"), SLICE("u1") },
	};
	const struct store_header tag = { SLICE("name"), SLICE("value") };
	const struct store_put_req req = { .bucket = BUCKET,
					   .key = KEY,
					   .size = 4,
					   .storage_class =
					       SLICE("STANDARD_IA"),
					   .headers = { headers, 2 },
					   .tags = { &tag, 1 },
					   .cond = STORE_COND_NONE };
	struct store_put_final fin = { .checksum_alg = HASH_SHA256,
				       .note =
					   fixture_note("ObjectCreated:Put") };
	struct store_object o;
	struct store_put *p;
	char md5[33];

	fixture_md5("data", 4, md5);
	fin.etag = slice_str(md5);
	sha256("data", 4, fin.checksum);
	assert_int_equal(store_put_begin(t->a->s, &req, &p), S3_OK);
	assert_int_equal(store_put_write(p, "data", 4), S3_OK);
	assert_int_equal(store_put_commit(p, &fin, NULL), S3_OK);
	run_ok(t);
	assert_int_equal(store_get(t->b->s, &STORE_REF(BUCKET, KEY), NULL,
				   &t->b->a, &o, NULL),
			 S3_OK);
	assert_true(slice_eq_str(store_headers_get(&o.headers, "content-type"),
				 "video/mp4"));
	assert_true(slice_eq_str(
	    store_headers_get(&o.headers, "x-amz-meta-user-id"), "u1"));
	assert_true(slice_eq_str(store_headers_get(&o.tags, "name"), "value"));
	assert_true(slice_eq_str(o.storage_class, "STANDARD_IA"));
	assert_int_equal(o.checksum_alg, HASH_SHA256);
	assert_memory_equal(o.checksum, fin.checksum, SHA256_BYTES);
}

static void
test_migrate_keeps_parts_and_their_etag(void **state)
{
	struct both *t = *state;
	struct store_object made, o;
	struct store_part *parts;
	size_t n;

	put_parts(t, 3, HASH_CRC32C, true, &made);
	run_ok(t);
	assert_int_equal(store_get(t->b->s, &STORE_REF(BUCKET, KEY), NULL,
				   &t->b->a, &o, NULL),
			 S3_OK);
	assert_string_equal(o.etag, made.etag);
	assert_int_equal(o.n_parts, 3);
	assert_true(o.checksum_composite);
	assert_memory_equal(o.checksum, made.checksum, 4);
	assert_int_equal(store_get_parts(t->b->s, &STORE_REF(BUCKET, KEY), 0,
					 10, &t->b->a, &parts, &n),
			 S3_OK);
	assert_int_equal(n, 3);
	assert_int_equal(parts[1].size, 5 * MIB + 1);
}

/* Bytes with an ETag that they do not make. */
static void
put_odd(struct both *t, const char *key, enum hash_alg alg, bool right)
{
	const struct store_put_req req = { .bucket = BUCKET,
					   .key = slice_str(key),
					   .size = 4,
					   .cond = STORE_COND_NONE };
	struct store_put_final fin = {
		.etag = SLICE("00000000000000000000000000000001"),
		.checksum_alg = alg,
		.note = fixture_note("ObjectCreated:Put")
	};
	struct store_put *p;

	if (alg)
		sha256(right ? "data" : "else", 4, fin.checksum);
	assert_int_equal(store_put_begin(t->a->s, &req, &p), S3_OK);
	assert_int_equal(store_put_write(p, "data", 4), S3_OK);
	assert_int_equal(store_put_commit(p, &fin, NULL), S3_OK);
}

/* Of a local source that is damage. Of another S3 it may be how ETags are made
 * there, if something else vouches for the bytes. */
static void
test_bytes_that_do_not_make_their_etag(void **state)
{
	struct both *t = *state;
	struct migrate_plan p = plan(t);
	struct store_object o;

	put_odd(t, "bare", HASH_NONE, true);
	put_odd(t, "checked", HASH_SHA256, true);
	put_odd(t, "wrong", HASH_SHA256, false);
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	assert_int_equal(t->st.count[MIGRATE_failed], 3);
	assert_false(t->st.settled);
	p.outbox = t->b->s;
	p.restart = true;
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	assert_int_equal(t->st.count[MIGRATE_failed], 2);
	expect_absent(t, "bare");
	p.tls = true;
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	assert_int_equal(t->st.count[MIGRATE_failed], 1);
	expect_absent(t, "wrong");
	assert_int_equal(store_get(t->b->s, &STORE_REF(BUCKET, SLICE("bare")),
				   NULL, &t->b->a, &o, NULL),
			 S3_OK);
	assert_string_equal(o.etag, "00000000000000000000000000000001");
}

/* Sizes of the versions below a key, oldest first, 0: a delete marker. */
static size_t
versions(struct fixture *f, const char *key, uint64_t out[16])
{
	const struct store_versions_req req = { .bucket = BUCKET,
						.prefix = slice_str(key),
						.max_keys = 16 };
	struct store_versions_page page;

	assert_int_equal(store_list_versions(f->s, &req, &f->a, &page), S3_OK);
	for (size_t i = 0; i < page.n; i++)
		out[page.n - 1 - i] = page.entries[i].object.size;
	return page.n;
}

static void
check_versions(struct both *t, const char *key)
{
	uint64_t a[16], b[16];
	size_t n = versions(t->a, key, a);

	assert_int_equal(versions(t->b, key, b), n);
	assert_memory_equal(a, b, n * sizeof(*a));
}

static void
test_migrate_brings_versions_in_order(void **state)
{
	struct both *t = *state;
	const struct store_note note = fixture_note("");
	struct store_versions_page page;
	const struct store_versions_req list = { .bucket = BUCKET,
						 .prefix = SLICE("v"),
						 .max_keys = 16 };
	struct store_bucket b;

	put(t, "v", 10, 1);
	assert_int_equal(
	    store_bucket_versioning(t->a->s, BUCKET, STORE_VERSIONING_ENABLED),
	    S3_OK);
	put(t, "v", 20, 2);
	assert_int_equal(store_remove(t->a->s, &STORE_REF(BUCKET, SLICE("v")),
				      NULL, &note, NULL),
			 S3_OK);
	put(t, "v", 30, 3);
	put(t, "v2", 5, 3);
	run_ok(t);
	check_versions(t, "v");
	assert_int_equal(t->st.count[MIGRATE_objects_of], 5);
	expect(t, "v", 30, 3);

	/* more on top, one less in the middle */
	put(t, "v", 40, 4);
	assert_int_equal(store_list_versions(t->a->s, &list, &t->a->a, &page),
			 S3_OK);
	assert_int_equal(
	    store_remove(t->a->s,
			 &(struct store_ref){
			     BUCKET, SLICE("v"),
			     slice_str(page.entries[1].object.version_id) },
			 NULL, &note, NULL),
	    S3_OK);
	assert_int_equal(store_bucket_versioning(t->a->s, BUCKET,
						 STORE_VERSIONING_SUSPENDED),
			 S3_OK);
	run_ok(t);
	check_versions(t, "v");
	assert_int_equal(store_bucket_head(t->b->s, BUCKET, &t->b->a, &b),
			 S3_OK);
	assert_int_equal(b.versioning, STORE_VERSIONING_SUSPENDED);
}

static void
test_migrate_makes_buckets_with_their_documents(void **state)
{
	struct both *t = *state;
	struct store_bucket b;
	struct slice doc;

	assert_int_equal(store_bucket_create(t->a->s, SLICE("second"),
					     SLICE("someone"),
					     SLICE("eu-west-1")),
			 S3_OK);
	assert_int_equal(store_config_put(t->a->s, SLICE("second"),
					  STORE_CONFIG_CORS, SLICE("<c/>")),
			 S3_OK);
	run_ok(t);
	assert_int_equal(
	    store_bucket_head(t->b->s, SLICE("second"), &t->b->a, &b), S3_OK);
	assert_true(slice_eq_str(b.owner, "someone"));
	assert_true(slice_eq_str(b.region, "eu-west-1"));
	assert_int_equal(store_config_get(t->b->s, SLICE("second"),
					  STORE_CONFIG_CORS, &t->b->a, &doc),
			 S3_OK);
	assert_true(slice_eq_str(doc, "<c/>"));
}

static void
test_migrate_of_a_prefix_leaves_the_rest(void **state)
{
	struct both *t = *state;
	struct migrate_plan p = plan(t);

	put(t, "a/1", 10, 1);
	put(t, "b/1", 10, 2);
	p.bucket = BUCKET;
	p.prefix = SLICE("b/");
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	expect_absent(t, "a/1");
	expect(t, "b/1", 10, 2);
	p.bucket = SLICE("nowhere");
	run_fails(t, &p, "no bucket nowhere");
}

/* From another S3: what came there past the gateway is in no outbox. */
static void
test_what_nobody_told_of_is_found_by_another_run(void **state)
{
	struct both *t = *state;
	struct migrate_plan p = plan(t);

	p.outbox = t->b->s;
	put(t, "k", 10, 1);
	put(t, "old", 10, 1);
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	put(t, "a", 20, 2);
	put(t, "old", 20, 2);
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	assert_int_equal(t->st.count[MIGRATE_copied], 2);
	expect(t, "a", 20, 2);
	expect(t, "old", 20, 2);
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	assert_int_equal(t->st.count[MIGRATE_copied], 0);
	/* but not when the target is served */
	put(t, "a", 30, 3);
	p.switched = true;
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	expect(t, "a", 20, 2);
}

/* ---- what was changed since --------------------------------------------- */

static void
test_changes_are_brought_by_their_events(void **state)
{
	struct both *t = *state;
	const struct store_header tag = { SLICE("n"), SLICE("v") };
	const struct store_headers tags = { &tag, 1 };
	const struct store_note note = fixture_note("ObjectTagging:Put");
	struct store_object o;

	put(t, "same", 10, 1);
	put(t, "changed", 10, 2);
	put(t, "removed", 10, 3);
	put(t, "tagged", 10, 4);
	run_ok(t);
	put(t, "changed", 12, 5);
	put(t, "changed", 11, 6);
	put(t, "new", 10, 7);
	assert_int_equal(store_remove(t->a->s,
				      &STORE_REF(BUCKET, SLICE("removed")),
				      NULL, &note, NULL),
			 S3_OK);
	assert_int_equal(store_tags_put(t->a->s,
					&STORE_REF(BUCKET, SLICE("tagged")),
					&tags, &note, NULL),
			 S3_OK);
	run_ok(t);
	expect(t, "changed", 11, 6);
	expect(t, "new", 10, 7);
	expect_absent(t, "removed");
	assert_int_equal(t->st.count[MIGRATE_copied], 3);
	assert_int_equal(t->st.count[MIGRATE_removed], 1);
	assert_int_equal(store_get(t->b->s, &STORE_REF(BUCKET, SLICE("tagged")),
				   NULL, &t->b->a, &o, NULL),
			 S3_OK);
	assert_true(slice_eq_str(store_headers_get(&o.tags, "n"), "v"));
	assert_int_equal(o.size, 10);
}

static void *
run_slowly(void *arg)
{
	return (void *)(intptr_t)(migrate_run(arg) == MIGRATE_STOPPED);
}

/* Made and filled while the first pass is under way: between the table of
 * buckets and the events. */
static int
make_bucket_meanwhile(struct both *t, struct migrate *m)
{
	struct migrate_status st;
	struct store_put *put;
	const struct store_put_req req = { .bucket = SLICE("later"),
					   .key = SLICE("k"),
					   .size = 1,
					   .cond = STORE_COND_NONE };
	struct store_put_final fin = {
		.note = fixture_note("ObjectCreated:Put"),
		.etag = SLICE("9dd4e461268c8034f5c8564e155c67a6"),
	};

	do {
		usleep(1000);
		migrate_status(m, &st);
		assert_int_not_equal(st.phase, MIGRATE_DONE);
	} while (st.phase != MIGRATE_COPYING || !st.count[MIGRATE_bytes]);
	assert_int_equal(
	    store_bucket_create(t->a->s, req.bucket, OWNER, SLICE_EMPTY),
	    S3_OK);
	assert_int_equal(store_put_begin(t->a->s, &req, &put), S3_OK);
	assert_int_equal(store_put_write(put, "x", 1), S3_OK);
	return store_put_commit(put, &fin, NULL);
}

static void
test_a_bucket_made_meanwhile_is_brought_with_its_objects(void **state)
{
	struct both *t = *state;
	struct migrate_plan p = plan(t);
	struct store_object o;
	struct migrate *m;
	pthread_t thread;

	put(t, "large", 4 * MIB, 1);
	p.rate = 3 * MIB; /* more than a second */
	m = migrate_new(&p);
	assert_int_equal(pthread_create(&thread, NULL, run_slowly, m), 0);
	assert_int_equal(make_bucket_meanwhile(t, m), S3_OK);
	pthread_join(thread, NULL);
	migrate_status(m, &t->st);
	migrate_free(m);
	assert_int_equal(t->st.phase, MIGRATE_DONE);
	assert_true(t->st.settled);
	assert_int_equal(store_get(t->b->s,
				   &STORE_REF(SLICE("later"), SLICE("k")), NULL,
				   &t->b->a, &o, NULL),
			 S3_OK);
}

static void *
change_all_the_time(void *arg)
{
	struct both *t = arg;
	char key[32];

	for (uint32_t i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "k%02u", i * 7 % 40);
		put(t, key, 100 + i, i);
	}
	return NULL;
}

/* A writer beside it: after the last pass both sides are the same. */
static void
test_migrate_beside_a_writer_misses_nothing(void **state)
{
	struct both *t = *state;
	struct migrate_plan p = plan(t);
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, change_all_the_time, t),
			 0);
	while (run(t, &p) == MIGRATE_DONE && !t->st.settled)
		;
	pthread_join(thread, NULL);
	run_ok(t);
	p.verify_only = true;
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	assert_int_equal(t->st.count[MIGRATE_compared], 40);
	assert_int_equal(t->st.count[MIGRATE_different], 0);
	assert_int_equal(t->st.count[MIGRATE_missing], 0);
}

/* Stopped in the middle of a part; the upload it leaves is ended. */
static void
test_migrate_stopped_is_taken_up(void **state)
{
	struct both *t = *state;
	struct migrate_plan p = plan(t);
	const struct store_uploads_req list = { .bucket = BUCKET,
						.max_uploads = 10 };
	struct store_uploads_page page;
	struct store_object made;
	struct migrate *m;
	pthread_t thread;
	void *stopped;

	put_parts(t, 3, 0, false, &made);
	put(t, "a", 10, 1);
	p.rate = 4 * MIB;
	m = migrate_new(&p);
	assert_int_equal(pthread_create(&thread, NULL, run_slowly, m), 0);
	do {
		usleep(1000);
		migrate_status(m, &t->st);
	} while (t->st.count[MIGRATE_bytes] < 2 * MIB);
	migrate_stop(m);
	pthread_join(thread, &stopped);
	assert_non_null(stopped);
	migrate_free(m);
	assert_int_equal(store_upload_list(t->b->s, &list, &t->b->a, &page),
			 S3_OK);
	assert_int_equal(page.n, 0);
	expect_absent(t, "movie.mp4");
	run_ok(t);
	expect(t, "a", 10, 1);
	assert_int_equal(store_get(t->b->s, &STORE_REF(BUCKET, KEY), NULL,
				   &t->b->a, &made, NULL),
			 S3_OK);
	assert_int_equal(made.n_parts, 3);
}

/* A cursor as a run leaves it that was killed. */
static void
write_cursor(struct both *t, const char *epoch, bool walked, const char *key)
{
	struct store_info info;
	struct buf b = BUF_INIT;

	assert_int_equal(store_info(t->a->s, &info), S3_OK);
	buf_printf(&b,
		   "{\"of\":\"a to b\",\"bucket\":\"\",\"prefix\":\"\","
		   "\"epoch\":\"%s\",\"seq\":\"%llu\",\"walked\":%s,"
		   "\"atBucket\":\"videos\",\"atKey\":\"%s\",\"uploads\":[]}",
		   epoch ? epoch : info.epoch,
		   (unsigned long long)info.last_seq, walked ? "true" : "false",
		   key);
	assert_int_equal(io_write_file(t->cursor, buf_slice(&b), 0600), 0);
	buf_release(&b);
}

static void
test_walk_goes_on_behind_the_cursor(void **state)
{
	struct both *t = *state;

	put(t, "a", 10, 1);
	put(t, "b", 10, 2);
	put(t, "c", 10, 3);
	write_cursor(t, NULL, false, "b");
	run_ok(t);
	expect_absent(t, "a");
	expect_absent(t, "b");
	expect(t, "c", 10, 3);
	assert_int_equal(t->st.count[MIGRATE_objects_of], 1);
}

/* Of another outbox the cursor says nothing: all is looked at, tags too. */
static void
test_lost_events_are_made_up_for(void **state)
{
	struct both *t = *state;
	const struct store_header tag = { SLICE("n"), SLICE("v") };
	const struct store_headers tags = { &tag, 1 };
	const struct store_note note = fixture_note("ObjectTagging:Put");
	struct migrate_plan p = plan(t);
	struct store_object o;

	put(t, "k", 10, 1);
	put(t, "l", 10, 1);
	run_ok(t);
	put(t, "l", 20, 2);
	assert_int_equal(store_tags_put(t->a->s, &STORE_REF(BUCKET, SLICE("k")),
					&tags, &note, NULL),
			 S3_OK);
	write_cursor(t, "another", true, "");
	run_ok(t);
	expect(t, "l", 20, 2);
	assert_int_equal(store_get(t->b->s, &STORE_REF(BUCKET, SLICE("k")),
				   NULL, &t->b->a, &o, NULL),
			 S3_OK);
	assert_int_equal(o.tags.n, 1);
	write_cursor(t, "another", true, "");
	p.switched = true;
	run_fails(t, &p, "the outbox has lost events");
}

/* Keys, and versions of a key, beyond a page of a listing. */
static void
test_many_keys_and_versions(void **state)
{
	struct both *t = *state;
	char key[32];

	assert_int_equal(
	    store_bucket_versioning(t->a->s, BUCKET, STORE_VERSIONING_ENABLED),
	    S3_OK);
	for (unsigned i = 0; i < 1100; i++) {
		snprintf(key, sizeof(key), "k%04u", i);
		put(t, key, 1, i);
	}
	for (unsigned i = 0; i < 1100; i++)
		put(t, "many", i, i);
	run_ok(t);
	assert_int_equal(t->st.count[MIGRATE_copied], 2200);
	expect(t, "many", 1099, 1099);
	unlink(t->cursor);
	run_ok(t);
	assert_int_equal(t->st.count[MIGRATE_same], 2200);
	assert_int_equal(t->st.count[MIGRATE_copied], 0);
}

/* ---- once the target is served ------------------------------------------- */

static void
test_switched_needs_a_migration_before(void **state)
{
	struct both *t = *state;
	struct migrate_plan p = plan(t);

	put(t, "k", 10, 1);
	p.switched = true;
	run_fails(t, &p, "no migration to it was completed");
	expect_absent(t, "k");
}

static size_t
left_at_source(struct both *t)
{
	const struct store_versions_req req = { .bucket = BUCKET,
						.max_keys = 1000 };
	struct store_versions_page page;

	assert_int_equal(store_list_versions(t->a->s, &req, &t->a->a, &page),
			 S3_OK);
	return page.n;
}

static void
test_source_is_removed_only_where_the_target_is_equal(void **state)
{
	struct both *t = *state;
	struct migrate_plan p = plan(t);

	assert_int_equal(
	    store_bucket_versioning(t->a->s, BUCKET, STORE_VERSIONING_ENABLED),
	    S3_OK);
	for (unsigned i = 0; i < 3; i++) {
		put(t, "all", 70000, i);
		put(t, "other", 70000, i);
	}
	run_ok(t);
	p.switched = p.verify_only = p.remove_source = true;
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	assert_int_equal(t->st.count[MIGRATE_freed], 6);
	assert_int_equal(t->st.count[MIGRATE_freed_bytes], 6 * 70000);
	assert_int_equal(left_at_source(t), 0);
	assert_int_equal(access(t->cursor, F_OK), -1);
	expect(t, "all", 70000, 2);
	/* what is there only, and what is another's, stays */
	put(t, "here only", 10, 1);
	put(t, "all", 70000, 9);
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	assert_int_equal(t->st.count[MIGRATE_freed], 0);
	assert_int_equal(t->st.count[MIGRATE_different], 1);
	assert_int_equal(t->st.count[MIGRATE_missing], 1);
	assert_int_equal(left_at_source(t), 2);
	expect(t, "all", 70000, 2);
	/* nor is anything deleted that a migration was not done with */
	write_cursor(t, "epoch", false, "");
	run_fails(t, &p, "the migration is not completed");
	assert_int_equal(left_at_source(t), 2);
}

/* The outbox is that of the local store, here the target: what it says was
 * made by its own events came after the switch. */
static void
test_switched_leaves_what_was_changed_since(void **state)
{
	struct both *t = *state;
	struct migrate_plan p = plan(t);
	char *late = fixture_bytes(30, 3);

	p.outbox = t->b->s;
	put(t, "k", 10, 1);
	put(t, "gone", 10, 1);
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	p.switched = true;
	assert_int_equal(fixture_put(t->b->s, SLICE("k"), slice_mem(late, 30)),
			 S3_OK);
	assert_int_equal(store_remove(t->b->s,
				      &STORE_REF(BUCKET, SLICE("gone")), NULL,
				      &(struct store_note){ 0 }, NULL),
			 S3_OK);
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	assert_int_equal(t->st.count[MIGRATE_kept], 2);
	assert_int_equal(t->st.count[MIGRATE_copied], 0);
	expect(t, "k", 30, 3);
	expect_absent(t, "gone");
	free(late);
}

/* A change in the other S3, as the journal of the gateway before it has it. */
static void
change_there(struct both *t, const char *key, const char *name)
{
	const struct store_event e = { .event_name = slice_str(name),
				       .bucket = BUCKET,
				       .bucket_owner = OWNER,
				       .key = slice_str(key),
				       .version_id = SLICE("null") };
	struct journal_intent intent;

	assert_int_equal(journal_intend(t->a->s, &e, 1, &intent), S3_OK);
	assert_int_equal(
	    journal_settle(t->a->s, intent.id, &intent.event, NULL), S3_OK);
}

/* The last pass, from the local store that is the journal now. */
static void
test_last_pass_brings_what_came_before_the_switch(void **state)
{
	struct both *t = *state;
	struct migrate_plan p = plan(t);
	const struct store_note note = fixture_note("");
	char *late = fixture_bytes(30, 3);

	put(t, "old", 10, 1);
	put(t, "removed", 10, 1);
	put(t, "removed there", 10, 1);
	run_ok(t);
	put(t, "late", 20, 2);
	put(t, "old", 20, 2);
	put(t, "twice", 20, 2);
	assert_int_equal(store_remove(t->a->s,
				      &STORE_REF(BUCKET, SLICE("removed")),
				      NULL, &note, NULL),
			 S3_OK);
	/* the switch */
	assert_int_equal(
	    fixture_put(t->b->s, SLICE("twice"), slice_mem(late, 30)), S3_OK);
	change_there(t, "twice", "ObjectCreated:Put");
	assert_int_equal(
	    store_remove(t->b->s, &STORE_REF(BUCKET, SLICE("removed there")),
			 NULL, &note, NULL),
	    S3_OK);
	change_there(t, "removed there", "ObjectRemoved:Delete");
	p.switched = true;
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	assert_int_equal(t->st.count[MIGRATE_copied], 2);
	assert_int_equal(t->st.count[MIGRATE_removed], 1);
	assert_int_equal(t->st.count[MIGRATE_kept], 2);
	expect(t, "late", 20, 2);
	expect(t, "old", 20, 2);
	expect(t, "twice", 30, 3);
	expect_absent(t, "removed");
	expect_absent(t, "removed there");
	free(late);
}

/* A client changes a key at the target while the last pass is on its way to
 * it: what it was told is there stays. */
static void
change_during_the_last_pass(struct both *t)
{
	struct migrate_plan p = plan(t);
	char *late = fixture_bytes(30, 3);
	struct migrate_status st;
	struct migrate *m;
	pthread_t thread;

	put(t, "large", 10, 1);
	put(t, "k", 10, 1);
	run_ok(t);
	put(t, "large", 4 * MIB, 1);
	put(t, "k", 20, 2);
	p.switched = true;
	p.workers = 1;
	p.rate = 3 * MIB; /* more than a second, before k has its turn */
	m = migrate_new(&p);
	assert_int_equal(pthread_create(&thread, NULL, run_slowly, m), 0);
	do {
		usleep(1000);
		migrate_status(m, &st);
		assert_int_not_equal(st.phase, MIGRATE_DONE);
	} while (st.phase != MIGRATE_CHANGES || !st.count[MIGRATE_bytes]);
	assert_int_equal(fixture_put(t->b->s, SLICE("k"), slice_mem(late, 30)),
			 S3_OK);
	change_there(t, "k", "ObjectCreated:Put");
	pthread_join(thread, NULL);
	migrate_status(m, &t->st);
	migrate_free(m);
	assert_int_equal(t->st.phase, MIGRATE_DONE);
	expect(t, "large", 4 * MIB, 1);
	expect(t, "k", 30, 3);
	free(late);
}

static void
test_last_pass_leaves_what_is_changed_meanwhile(void **state)
{
	change_during_the_last_pass(*state);
}

static void
test_last_pass_leaves_versions_that_come_meanwhile(void **state)
{
	struct both *t = *state;

	assert_int_equal(
	    store_bucket_versioning(t->a->s, BUCKET, STORE_VERSIONING_ENABLED),
	    S3_OK);
	change_during_the_last_pass(t);
}

/* ---- looking only -------------------------------------------------------- */

static void
test_dry_run_counts_and_changes_nothing(void **state)
{
	struct both *t = *state;
	struct migrate_plan p = plan(t);

	put(t, "k", 10, 1);
	put(t, "l", 20, 1);
	p.dry_run = true;
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	assert_int_equal(t->st.count[MIGRATE_objects_of], 2);
	assert_int_equal(t->st.count[MIGRATE_bytes_of], 30);
	assert_int_equal(t->st.count[MIGRATE_copied], 0);
	expect_absent(t, "k");
	assert_int_not_equal(access(t->cursor, F_OK), 0);
}

static void
test_verify_finds_what_is_not_the_same(void **state)
{
	struct both *t = *state;
	struct migrate_plan p = plan(t);
	char *p1 = fixture_bytes(10, 9);

	put(t, "changed", 10, 1);
	put(t, "missing", 10, 2);
	put(t, "same", 3 * MIB, 3);
	run_ok(t);
	assert_int_equal(
	    fixture_put(t->b->s, SLICE("changed"), slice_mem(p1, 10)), S3_OK);
	assert_int_equal(fixture_put(t->b->s, SLICE("more"), slice_mem(p1, 10)),
			 S3_OK);
	assert_int_equal(store_remove(t->b->s,
				      &STORE_REF(BUCKET, SLICE("missing")),
				      NULL, &(struct store_note){ 0 }, NULL),
			 S3_OK);
	p.verify_only = true;
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	assert_int_equal(t->st.count[MIGRATE_different], 1);
	assert_int_equal(t->st.count[MIGRATE_missing], 1);
	assert_int_equal(t->st.count[MIGRATE_compared], 1);
	assert_int_equal(t->st.count[MIGRATE_extra], 1);
	assert_int_equal(t->st.n_notes, 3);
	free(p1);
}

static void
test_remove_extra_deletes_what_the_source_has_not(void **state)
{
	struct both *t = *state;
	struct migrate_plan p = plan(t);

	put(t, "k", 10, 1);
	assert_int_equal(fixture_put(t->b->s, SLICE("more"), SLICE("x")),
			 S3_OK);
	run_ok(t);
	assert_int_equal(t->st.count[MIGRATE_extra], 1);
	fixture_expect(t->b, SLICE("more"), SLICE("x"));
	p.remove_extra = p.restart = true;
	assert_int_equal(run(t, &p), MIGRATE_DONE);
	assert_int_equal(t->st.count[MIGRATE_removed], 1);
	expect_absent(t, "more");
}

/* ---- what is refused ------------------------------------------------------
 */

static void
test_migrate_refuses_the_same_store(void **state)
{
	struct both *t = *state;
	struct migrate_plan p = plan(t);

	put(t, "k", 10, 1);
	p.to = p.from;
	run_fails(t, &p, "the same store");
}

static void
test_migrate_refuses_a_target_without_room(void **state)
{
	struct both *t = *state;
	struct migrate_plan p;

	t->b->conf.min_free_bytes = 1ull << 60;
	fixture_reopen(t->b);
	p = plan(t);
	put(t, "k", 10, 1);
	run_fails(t, &p, "cannot be written: there is no room");
	p.outbox = t->b->s;
	unlink(t->cursor);
	run_fails(t, &p, "room for 0");
	expect_absent(t, "k");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_migrate_copies_all_and_then_nothing),
		TEST(test_migrate_keeps_headers_tags_class_and_checksum),
		TEST(test_migrate_keeps_parts_and_their_etag),
		TEST(test_bytes_that_do_not_make_their_etag),
		TEST(test_migrate_brings_versions_in_order),
		TEST(test_migrate_makes_buckets_with_their_documents),
		TEST(test_migrate_of_a_prefix_leaves_the_rest),
		TEST(test_what_nobody_told_of_is_found_by_another_run),
		TEST(test_changes_are_brought_by_their_events),
		TEST(test_migrate_beside_a_writer_misses_nothing),
		TEST(test_a_bucket_made_meanwhile_is_brought_with_its_objects),
		TEST(test_migrate_stopped_is_taken_up),
		TEST(test_walk_goes_on_behind_the_cursor),
		TEST(test_lost_events_are_made_up_for),
		TEST(test_many_keys_and_versions),
		TEST(test_switched_needs_a_migration_before),
		TEST(test_source_is_removed_only_where_the_target_is_equal),
		TEST(test_switched_leaves_what_was_changed_since),
		TEST(test_last_pass_brings_what_came_before_the_switch),
		TEST(test_last_pass_leaves_what_is_changed_meanwhile),
		TEST(test_last_pass_leaves_versions_that_come_meanwhile),
		TEST(test_dry_run_counts_and_changes_nothing),
		TEST(test_verify_finds_what_is_not_the_same),
		TEST(test_remove_extra_deletes_what_the_source_has_not),
		TEST(test_migrate_refuses_the_same_store),
		TEST(test_migrate_refuses_a_target_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
