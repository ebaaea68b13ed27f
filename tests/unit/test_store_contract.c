/*
 * The contract of store/store.h: what every backend must do. The store under
 * test is opened by the fixture.
 */
#include "tests/unit/store_fixture.h"

#include "base/timeval.h"

#include <fcntl.h>
#include <pthread.h>

#define MD5_OF_ABC "900150983cd24fb0d6963f7d28e17f72"

static struct store_put_req
request(struct slice key, uint64_t size)
{
	return (struct store_put_req){ .bucket = BUCKET,
				       .key = key,
				       .size = size,
				       .cond = STORE_COND_NONE };
}

/* ---- buckets ---------------------------------------------------------- */

static void
test_bucket_names_follow_the_rules(void **state)
{
	static const char *const good[] = { "abc",  "a-b.c9",	 "1ab",
					    "a--b", "1.2.3.4.5", "videos" };
	static const char *const bad[] = {
		"ab",	       "Abc",	      "a_b",	 "-abc", "abc-",
		"a..b",	       "192.168.5.4", "xn--abc", "a.b.", "sthree-x",
		"abc-s3alias", "abc--ol-s3",  "a b",	 ""
	};
	char longest[65];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(store_bucket_name_valid(slice_str(good[i])));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(store_bucket_name_valid(slice_str(bad[i])));
	memset(longest, 'a', sizeof(longest));
	assert_true(store_bucket_name_valid(slice_mem(longest, 63)));
	assert_false(store_bucket_name_valid(slice_mem(longest, 64)));
}

static void
test_buckets_live_and_die(void **state)
{
	struct fixture *f = *state;
	struct store_bucket b, *all;
	struct store_removed removed;
	size_t n;
	struct store_note note = fixture_note("ObjectRemoved:Delete");

	assert_int_equal(store_bucket_create(f->s, BUCKET, OWNER, SLICE("")),
			 S3_ERR_BUCKET_ALREADY_OWNED_BY_YOU);
	assert_int_equal(
	    store_bucket_create(f->s, BUCKET, SLICE("eve"), SLICE("")),
	    S3_ERR_BUCKET_ALREADY_EXISTS);
	assert_int_equal(
	    store_bucket_create(f->s, SLICE("No"), OWNER, SLICE("")),
	    S3_ERR_INVALID_BUCKET_NAME);
	assert_int_equal(store_bucket_create(f->s, SLICE("audio"), SLICE("eve"),
					     SLICE("eu-west-1")),
			 S3_OK);
	assert_int_equal(store_bucket_head(f->s, SLICE("audio"), &f->a, &b),
			 S3_OK);
	assert_true(slice_eq_str(b.owner, "eve"));
	assert_true(slice_eq_str(b.region, "eu-west-1"));
	assert_int_equal(store_bucket_list(f->s, SLICE_EMPTY, &f->a, &all, &n),
			 S3_OK);
	assert_int_equal(n, 2);
	assert_true(slice_eq_str(all[0].name, "audio"));
	assert_int_equal(store_bucket_list(f->s, OWNER, &f->a, &all, &n),
			 S3_OK);
	assert_int_equal(n, 1);
	assert_int_equal(fixture_put(f->s, SLICE("k"), SLICE("x")), S3_OK);
	assert_int_equal(store_bucket_delete(f->s, BUCKET),
			 S3_ERR_BUCKET_NOT_EMPTY);
	assert_int_equal(store_remove(f->s, &STORE_REF(BUCKET, SLICE("k")),
				      NULL, &note, &removed),
			 S3_OK);
	assert_true(removed.existed);
	assert_int_equal(store_bucket_delete(f->s, BUCKET), S3_OK);
	assert_int_equal(store_bucket_head(f->s, BUCKET, &f->a, &b),
			 S3_ERR_NO_SUCH_BUCKET);
	assert_int_equal(fixture_put(f->s, SLICE("k"), SLICE("x")),
			 S3_ERR_NO_SUCH_BUCKET);
}

/* Deleted and made anew between the admission of a request and its commit. */
static void
test_bucket_of_somebody_else_by_now_takes_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_put_final fin = { .note = fixture_note("x") };
	struct store_put_req req = request(SLICE("k"), 1);
	struct store_put *put;

	fin.etag = SLICE("9dd4e461268c8034f5c8564e155c67a6");
	fin.note.bucket_owner = OWNER;
	for (int i = 0; i < 2; i++) {
		struct slice owner = i == 0 ? OWNER : SLICE("eve");

		assert_int_equal(store_put_begin(f->s, &req, &put), S3_OK);
		assert_int_equal(store_put_write(put, "x", 1), S3_OK);
		assert_int_equal(store_bucket_delete(f->s, BUCKET), S3_OK);
		assert_int_equal(
		    store_bucket_create(f->s, BUCKET, owner, SLICE("")), S3_OK);
		assert_int_equal(store_put_commit(put, &fin, NULL),
				 i == 0 ? S3_OK : S3_ERR_NO_SUCH_BUCKET);
		assert_int_equal(store_remove(f->s,
					      &STORE_REF(BUCKET, SLICE("k")),
					      NULL, &fin.note, NULL),
				 i == 0 ? S3_OK : S3_ERR_NO_SUCH_BUCKET);
	}
}

/* ---- objects ---------------------------------------------------------- */

static void
test_put_then_get_gives_the_bytes_back(void **state)
{
	static const size_t sizes[] = { 0,    1,       4095,	4096,
					4097, 1048576, 1048577, 3500000 };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char *p = fixture_bytes(sizes[i], (uint32_t)i);
		struct slice body = { p, sizes[i] };
		struct store_put_req req =
		    request(SLICE("unknown"), UINT64_MAX);

		assert_int_equal(fixture_put(f->s, SLICE("known"), body),
				 S3_OK);
		fixture_expect(f, SLICE("known"), body);
		assert_int_equal(fixture_put_req(f->s, &req, body, 1000, NULL),
				 S3_OK);
		fixture_expect(f, SLICE("unknown"), body);
		free(p);
	}
}

static void
test_get_returns_what_put_was_told(void **state)
{
	struct fixture *f = *state;
	struct store_header h[] = {
		{ SLICE("content-type"), SLICE("video/mp4") },
		{ SLICE("x-amz-meta-user"), SLICE("\xc3\xa9") },
	};
	struct store_put_req req = request(SLICE("a/b"), 3);
	struct store_put_final fin = { .etag = SLICE(MD5_OF_ABC),
				       .checksum_alg = HASH_CRC32C,
				       .note = fixture_note("ObjectCreated:"
							    "Post") };
	struct store_object made, got;
	struct store_put *put;
	struct store_event *e;
	size_t n;

	fixture_sum(HASH_CRC32C, SLICE("abc"), fin.checksum);
	req.headers = (struct store_headers){ h, 2 };
	req.checksum_alg = HASH_CRC32C;
	assert_int_equal(store_put_begin(f->s, &req, &put), S3_OK);
	assert_int_equal(store_put_write(put, "abc", 3), S3_OK);
	assert_int_equal(store_put_commit(put, &fin, &made), S3_OK);
	assert_int_equal(store_get(f->s, &STORE_REF(BUCKET, req.key), NULL,
				   &f->a, &got, NULL),
			 S3_OK);
	assert_true(slice_eq_str(got.key, "a/b"));
	assert_int_equal(got.size, 3);
	assert_string_equal(got.etag, MD5_OF_ABC);
	assert_string_equal(got.version_id, "null");
	fixture_same_time(got.mtime_us, made.mtime_us);
	/* Which event made it, an endpoint does not know. */
	assert_int_equal(got.seq, fixture_is_remote ? 0 : made.seq);
	assert_int_equal(got.checksum_alg, HASH_CRC32C);
	assert_memory_equal(got.checksum, fin.checksum, 4);
	assert_int_equal(got.headers.n, 2);
	assert_true(slice_eq_str(
	    store_headers_get(&got.headers, "x-amz-meta-user"), "\xc3\xa9"));
	assert_int_equal(store_events(f->s, 0, 10, &f->a, &e, &n), S3_OK);
	assert_int_equal(n, 1);
	assert_int_equal(e[0].seq, made.seq);
	assert_true(slice_eq_str(e[0].event_name, "ObjectCreated:Post"));
	assert_true(slice_eq_str(e[0].bucket, "videos"));
	assert_true(slice_eq(e[0].bucket_owner, OWNER));
	assert_true(slice_eq_str(e[0].key, "a/b"));
	assert_int_equal(e[0].size, 3);
	assert_true(slice_eq_str(e[0].etag, MD5_OF_ABC));
	assert_true(slice_eq_str(e[0].content_type, "video/mp4"));
	assert_true(slice_eq_str(e[0].principal_id, "tester"));
	assert_true(slice_eq_str(e[0].source_ip, "127.0.0.1"));
	assert_true(slice_eq_str(e[0].request_id, "REQ1"));
	assert_int_equal(strlen(e[0].id), 32);
}

static void
test_put_refuses_bad_keys_and_sizes(void **state)
{
	struct fixture *f = *state;
	char key[STORE_KEY_MAX + 1] = "";
	struct store_put_req req = request(slice_mem(key, sizeof(key)), 5);
	struct store_put *put;

	memset(key, 'k', sizeof(key));
	assert_int_equal(store_put_begin(f->s, &req, &put),
			 S3_ERR_KEY_TOO_LONG);
	req.key = (struct slice){ "a\0b", 3 };
	assert_int_equal(store_put_begin(f->s, &req, &put),
			 S3_ERR_INVALID_ARGUMENT);
	req.key = SLICE_EMPTY;
	assert_int_equal(store_put_begin(f->s, &req, &put),
			 S3_ERR_INVALID_ARGUMENT);
	req.key = SLICE("k");
	req.size_max = 4;
	assert_int_equal(store_put_begin(f->s, &req, &put),
			 S3_ERR_ENTITY_TOO_LARGE);
	req.size = UINT64_MAX;
	assert_int_equal(store_put_begin(f->s, &req, &put), S3_OK);
	assert_int_equal(store_put_write(put, "abcd", 4), S3_OK);
	assert_int_equal(store_put_write(put, "e", 1), S3_ERR_ENTITY_TOO_LARGE);
	store_put_abort(put);
	req.size = 4;
	req.bucket = SLICE("absent");
	/* A remote store may learn it with the answer to the bytes. */
	assert_int_equal(fixture_put_req(f->s, &req, SLICE("abcd"), 4, NULL),
			 S3_ERR_NO_SUCH_BUCKET);
	if (!fixture_is_remote)
		assert_int_equal(store_put_begin(f->s, &req, &put),
				 S3_ERR_NO_SUCH_BUCKET);
}

static void
test_put_with_too_few_bytes_is_never_seen(void **state)
{
	struct fixture *f = *state;
	struct store_put_req req = request(SLICE("k"), 5);
	struct store_put_final fin = { .etag = SLICE("e"),
				       .note = fixture_note("x") };
	struct store_object o;
	struct store_put *put;

	assert_int_equal(store_put_begin(f->s, &req, &put), S3_OK);
	assert_int_equal(store_put_write(put, "abcd", 4), S3_OK);
	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, req.key), NULL, &f->a, &o, NULL),
	    S3_ERR_NO_SUCH_KEY);
	assert_int_equal(store_put_commit(put, &fin, NULL),
			 S3_ERR_INCOMPLETE_BODY);
	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, req.key), NULL, &f->a, &o, NULL),
	    S3_ERR_NO_SUCH_KEY);
}

/* ---- conditions ------------------------------------------------------- */

static void
test_conditions_in_the_order_of_rfc_9110(void **state)
{
	const int64_t t = 1000 * US_PER_S;
	const struct store_object o = { .etag = "abc", .mtime_us = t + 5 };
	static const struct {
		const char *match, *none_match;
		int64_t modified, unmodified;
		enum s3_error read, write;
	} rows[] = {
		{ NULL, NULL, -1, -1, S3_OK, S3_OK },
		{ "\"abc\"", NULL, -1, -1, S3_OK, S3_OK },
		{ "abc", NULL, -1, -1, S3_OK, S3_OK },
		{ "*", NULL, -1, -1, S3_OK, S3_OK },
		{ "\"x\", \"abc\"", NULL, -1, -1, S3_OK, S3_OK },
		{ "\"x\"", NULL, -1, -1, S3_ERR_PRECONDITION_FAILED,
		  S3_ERR_PRECONDITION_FAILED },
		{ "W/\"abc\"", NULL, -1, -1, S3_ERR_PRECONDITION_FAILED,
		  S3_ERR_PRECONDITION_FAILED },
		/* If-Match true: If-Unmodified-Since is not looked at */
		{ "\"abc\"", NULL, -1, 1, S3_OK, S3_OK },
		{ NULL, NULL, -1, 1, S3_ERR_PRECONDITION_FAILED,
		  S3_ERR_PRECONDITION_FAILED },
		{ NULL, NULL, -1, 1000, S3_OK, S3_OK },
		{ NULL, "\"abc\"", -1, -1, S3_ERR_NOT_MODIFIED,
		  S3_ERR_PRECONDITION_FAILED },
		{ NULL, "W/\"abc\"", -1, -1, S3_ERR_NOT_MODIFIED,
		  S3_ERR_PRECONDITION_FAILED },
		{ NULL, "*", -1, -1, S3_ERR_NOT_MODIFIED,
		  S3_ERR_PRECONDITION_FAILED },
		/* If-None-Match true: If-Modified-Since is not looked at */
		{ NULL, "\"x\"", 2000, -1, S3_OK, S3_OK },
		{ NULL, NULL, 2000, -1, S3_ERR_NOT_MODIFIED, S3_OK },
		{ NULL, NULL, 1000, -1, S3_ERR_NOT_MODIFIED, S3_OK },
		{ NULL, NULL, 999, -1, S3_OK, S3_OK },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct store_cond c = STORE_COND_NONE;

		c.if_match = slice_str(rows[i].match);
		c.if_none_match = slice_str(rows[i].none_match);
		if (rows[i].modified >= 0)
			c.if_modified_since_us = rows[i].modified * US_PER_S;
		if (rows[i].unmodified >= 0)
			c.if_unmodified_since_us =
			    rows[i].unmodified * US_PER_S;
		if (store_cond_check(&c, &o, true) != rows[i].read ||
		    store_cond_check(&c, &o, false) != rows[i].write)
			fail_msg("row %zu", i);
	}
}

static void
test_conditions_guard_put_get_and_remove(void **state)
{
	struct fixture *f = *state;
	struct store_put_req req = request(SLICE("k"), 1);
	struct store_cond c = STORE_COND_NONE;
	struct store_note note = fixture_note("ObjectRemoved:Delete");
	struct store_object o, got;
	struct store_read *r;
	struct store_removed removed;

	req.cond.if_match = SLICE("\"x\"");
	assert_int_equal(fixture_put_req(f->s, &req, SLICE("1"), 1, NULL),
			 S3_ERR_NO_SUCH_KEY);
	req.cond.if_match = SLICE_EMPTY;
	req.cond.if_none_match = SLICE("*");
	assert_int_equal(fixture_put_req(f->s, &req, SLICE("1"), 1, &o), S3_OK);
	assert_int_equal(fixture_put_req(f->s, &req, SLICE("2"), 1, NULL),
			 S3_ERR_PRECONDITION_FAILED);
	req.cond.if_none_match = SLICE_EMPTY;
	req.cond.if_match = slice_str(o.etag);
	assert_int_equal(fixture_put_req(f->s, &req, SLICE("2"), 1, NULL),
			 S3_OK);
	c.if_match = slice_str(o.etag); /* of the first, gone now */
	assert_int_equal(store_get(f->s, &STORE_REF(BUCKET, SLICE("k")), &c,
				   &f->a, &got, &r),
			 S3_ERR_PRECONDITION_FAILED);
	assert_null(r);
	assert_int_equal(got.size, 1);
	assert_int_equal(store_remove(f->s, &STORE_REF(BUCKET, SLICE("k")), &c,
				      &note, &removed),
			 S3_ERR_PRECONDITION_FAILED);
	fixture_expect(f, SLICE("k"), SLICE("2"));
	c.if_match = slice_str(got.etag);
	assert_int_equal(store_remove(f->s, &STORE_REF(BUCKET, SLICE("k")), &c,
				      &note, &removed),
			 S3_OK);
	assert_true(removed.existed);
	assert_int_equal(store_remove(f->s, &STORE_REF(BUCKET, SLICE("k")), &c,
				      &note, &removed),
			 S3_ERR_NO_SUCH_KEY);
	assert_int_equal(store_remove(f->s, &STORE_REF(BUCKET, SLICE("k")),
				      NULL, &note, &removed),
			 S3_OK);
	assert_false(removed.existed);
}

/* ---- races ------------------------------------------------------------ */

#define RACERS 8
#define RACES 25

struct racer {
	struct fixture *f;
	pthread_barrier_t *start;
	unsigned no;
	unsigned won[RACES];
};

static void *
race(void *arg)
{
	struct racer *me = arg;
	/* Half of them inline, half as files. */
	char *p = fixture_bytes(20000, me->no);
	struct slice body = { p, me->no % 2 ? 20000 : 100 };

	for (unsigned i = 0; i < RACES; i++) {
		char key[16];
		struct store_put_req req;
		enum s3_error err;

		snprintf(key, sizeof(key), "race-%u", i);
		req = request(slice_str(key), body.n);
		req.cond.if_none_match = SLICE("*");
		pthread_barrier_wait(me->start);
		err = fixture_put_req(me->f->s, &req, body, 4096, NULL);
		me->won[i] = err == S3_OK;
		if (err != S3_OK && err != S3_ERR_PRECONDITION_FAILED)
			me->won[i] = 100;
	}
	free(p);
	return NULL;
}

static void
test_one_of_racing_puts_wins(void **state)
{
	struct fixture *f = *state;
	pthread_barrier_t start;
	struct racer r[RACERS];
	pthread_t t[RACERS];
	struct store_info info;

	pthread_barrier_init(&start, NULL, RACERS);
	for (unsigned i = 0; i < RACERS; i++) {
		r[i] = (struct racer){ .f = f, .start = &start, .no = i };
		assert_int_equal(pthread_create(&t[i], NULL, race, &r[i]), 0);
	}
	for (unsigned i = 0; i < RACERS; i++)
		pthread_join(t[i], NULL);
	for (unsigned i = 0; i < RACES; i++) {
		unsigned wins = 0, winner = 0;
		char key[16], *p;

		for (unsigned k = 0; k < RACERS; k++) {
			wins += r[k].won[i];
			if (r[k].won[i])
				winner = k;
		}
		assert_int_equal(wins, 1);
		snprintf(key, sizeof(key), "race-%u", i);
		p = fixture_bytes(20000, winner);
		fixture_expect(f, slice_str(key),
			       slice_mem(p, winner % 2 ? 20000 : 100));
		free(p);
	}
	pthread_barrier_destroy(&start);
	fixture_expect_objects(f, RACES);
	assert_int_equal(store_info(f->s, &info), S3_OK);
	assert_int_equal(info.last_seq, RACES);
}

/* ---- events ----------------------------------------------------------- */

static void
test_events_are_gapless_and_one_per_change(void **state)
{
	struct fixture *f = *state;
	struct store_note note = fixture_note("ObjectRemoved:Delete");
	struct store_put_req req = request(SLICE("k0"), 1);
	struct store_event *e;
	struct store_info info;
	size_t n;

	req.cond.if_none_match = SLICE("*");
	for (int i = 0; i < 40; i++) {
		char key[8];

		snprintf(key, sizeof(key), "k%d", i % 10);
		assert_int_equal(fixture_put(f->s, slice_str(key), SLICE("v")),
				 S3_OK);
		if (i % 4 == 3)
			assert_int_equal(
			    store_remove(f->s,
					 &STORE_REF(BUCKET, slice_str(key)),
					 NULL, &note, NULL),
			    S3_OK);
	}
	/* What fails or changes nothing makes no event. */
	assert_int_equal(fixture_put_req(f->s, &req, SLICE("v"), 1, NULL),
			 S3_ERR_PRECONDITION_FAILED);
	assert_int_equal(store_remove(f->s, &STORE_REF(BUCKET, SLICE("none")),
				      NULL, &note, NULL),
			 S3_OK);
	assert_int_equal(store_events(f->s, 0, 1000, &f->a, &e, &n), S3_OK);
	assert_int_equal(n, 50);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(e[i].seq, i + 1);
		if (i)
			assert_true(e[i].time_us >= e[i - 1].time_us);
	}
	assert_true(slice_eq_str(e[4].event_name, "ObjectRemoved:Delete"));
	assert_int_equal(e[4].size, 0);
	assert_int_equal(e[4].etag.n, 0);
	assert_int_equal(store_events(f->s, 47, 2, &f->a, &e, &n), S3_OK);
	assert_int_equal(n, 2);
	assert_int_equal(e[0].seq, 48);
	assert_int_equal(store_events(f->s, 50, 9, &f->a, &e, &n), S3_OK);
	assert_int_equal(n, 0);
	assert_int_equal(store_events_ack(f->s, 51), S3_ERR_INVALID_ARGUMENT);
	assert_int_equal(store_events_ack(f->s, 50), S3_OK);
	assert_int_equal(store_events_ack(f->s, 3), S3_OK);
	assert_int_equal(store_info(f->s, &info), S3_OK);
	assert_int_equal(info.last_seq, 50);
	assert_int_equal(info.acked_seq, 50);
}

struct waiter {
	struct store *s;
	uint64_t after;
	enum s3_error err;
	int64_t took_us;
	_Atomic pid_t tid; /* 0: has not begun */
};

static void *
wait_for_event(void *arg)
{
	struct waiter *w = arg;
	int64_t from = time_mono_us();

	w->tid = gettid();
	w->err = store_events_wait(w->s, w->after, 20000);
	w->took_us = time_mono_us() - from;
	return NULL;
}

/* Its thread has begun, and sleeps. */
static bool
waits(const struct waiter *w)
{
	char path[64], status = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)w->tid);
	f = w->tid ? fopen(path, "re") : NULL;
	if (!f)
		return false;
	if (fscanf(f, "%*d (%*[^)]) %c", &status) != 1)
		status = 0;
	fclose(f);
	return status == 'S';
}

static void
test_events_wait_wakes_for_an_event_and_for_the_end(void **state)
{
	struct fixture *f = *state;
	struct waiter w = { .s = f->s };
	pthread_t t;

	assert_int_equal(store_events_wait(f->s, 0, 1), S3_OK);
	assert_int_equal(pthread_create(&t, NULL, wait_for_event, &w), 0);
	while (!waits(&w))
		usleep(1000);
	assert_int_equal(fixture_put(f->s, SLICE("k"), SLICE("v")), S3_OK);
	pthread_join(t, NULL);
	assert_int_equal(w.err, S3_OK);
	assert_true(w.took_us < 15 * US_PER_S);
	w.after = 1;
	w.tid = 0;
	assert_int_equal(pthread_create(&t, NULL, wait_for_event, &w), 0);
	while (!waits(&w)) /* whose store is closed below */
		usleep(1000);
	store_close(f->s);
	f->s = NULL;
	pthread_join(t, NULL);
	assert_int_equal(w.err, S3_ERR_SERVICE_UNAVAILABLE);
}

/* ---- life cycle ------------------------------------------------------- */

static void
test_reopen_finds_everything(void **state)
{
	struct fixture *f = *state;
	char *p = fixture_bytes(70000, 3);
	struct slice body = { p, 70000 };
	struct store_info before, after;
	struct store_event *e;
	size_t n;

	assert_int_equal(fixture_put(f->s, SLICE("big"), body), S3_OK);
	assert_int_equal(fixture_put(f->s, SLICE("small"), SLICE("x")), S3_OK);
	assert_int_equal(store_events_ack(f->s, 1), S3_OK);
	assert_int_equal(store_info(f->s, &before), S3_OK);
	fixture_expect_objects(f, 2);
	if (!fixture_is_remote) {
		assert_int_equal(before.bytes, 70001);
		assert_int_equal(before.buckets, 1);
	}
	fixture_reopen(f);
	assert_int_equal(store_info(f->s, &after), S3_OK);
	after.free_bytes = before.free_bytes;
	after.spare_bytes = before.spare_bytes;
	after.pasts = before.pasts; /* where it lies in that store */
	assert_memory_equal(&before, &after, sizeof(after));
	fixture_expect(f, SLICE("big"), body);
	fixture_expect(f, SLICE("small"), SLICE("x"));
	assert_int_equal(store_events(f->s, 0, 10, &f->a, &e, &n), S3_OK);
	assert_int_equal(n, 2);
	assert_int_equal(fixture_put(f->s, SLICE("third"), SLICE("y")), S3_OK);
	assert_int_equal(store_events(f->s, 2, 10, &f->a, &e, &n), S3_OK);
	assert_int_equal(n, 1);
	assert_int_equal(e[0].seq, 3);
	free(p);
}

static void
test_missing_operation_is_not_implemented(void **state)
{
	static const struct store_ops none;
	struct store s = { .ops = &none };
	struct store_info info;
	struct store_put_req req = { .bucket = BUCKET, .key = SLICE("k") };
	struct store_put *put;

	(void)state;
	assert_int_equal(store_info(&s, &info), S3_ERR_NOT_IMPLEMENTED);
	assert_int_equal(store_put_begin(&s, &req, &put),
			 S3_ERR_NOT_IMPLEMENTED);
	assert_null(put);
}

/* ---- of a local store alone --------------------------------------------- */

#ifndef FIXTURE_S3
/* A remote one reads while its bytes last, and never mixes two versions: see
 * test_store_s3_get.c. */

static void
test_read_stays_whole_after_overwrite_and_delete(void **state)
{
	struct fixture *f = *state;
	char *p = fixture_bytes(300000, 1), *q = malloc(300000);
	struct slice body = { p, 300000 };
	struct store_note note = fixture_note("ObjectRemoved:Delete");
	struct store_object o;
	struct store_read *big, *small;

	assert_int_equal(fixture_put(f->s, SLICE("big"), body), S3_OK);
	assert_int_equal(fixture_put(f->s, SLICE("small"), SLICE("tiny")),
			 S3_OK);
	assert_int_equal(store_get(f->s, &STORE_REF(BUCKET, SLICE("big")), NULL,
				   &f->a, &o, &big),
			 S3_OK);
	assert_int_equal(store_get(f->s, &STORE_REF(BUCKET, SLICE("small")),
				   NULL, &f->a, &o, &small),
			 S3_OK);
	assert_int_equal(fixture_put(f->s, SLICE("big"), SLICE("new")), S3_OK);
	assert_int_equal(store_remove(f->s, &STORE_REF(BUCKET, SLICE("small")),
				      NULL, &note, NULL),
			 S3_OK);
	assert_int_equal(store_read_at(big, 1, q, body.n - 1), S3_OK);
	assert_memory_equal(q, p + 1, body.n - 1);
	assert_int_equal(store_read_at(big, 1, q, body.n),
			 S3_ERR_INTERNAL_ERROR);
	assert_int_equal(store_read_at(small, 1, q, 2), S3_OK);
	assert_memory_equal(q, "in", 2);
	store_read_close(big);
	store_read_close(small);
	free(p);
	free(q);
}

static void
test_extents_show_the_bytes(void **state)
{
	struct fixture *f = *state;
	char *p = fixture_bytes(100000, 7), *q = malloc(100000);
	static const size_t sizes[] = { 0, 100, 100000 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct store_extent e[2];
		struct store_object o;
		struct store_read *r;
		size_t n;

		assert_int_equal(
		    fixture_put(f->s, SLICE("k"), slice_mem(p, sizes[i])),
		    S3_OK);
		assert_int_equal(store_get(f->s, &STORE_REF(BUCKET, SLICE("k")),
					   NULL, &f->a, &o, &r),
				 S3_OK);
		assert_int_equal(store_read_extents(r, e, 2, &n), S3_OK);
		assert_int_equal(n, 1);
		assert_int_equal(e[0].size, sizes[i]);
		assert_int_equal(
		    pread(e[0].fd, q, sizes[i], (off_t)e[0].offset),
		    (ssize_t)sizes[i]);
		assert_memory_equal(q, p, sizes[i]);
		/* A processor that got it cannot change the object. */
		assert_int_equal(pwrite(e[0].fd, "x", 1, 0), -1);
		store_read_close(r);
	}
	free(p);
	free(q);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bucket_names_follow_the_rules),
		cmocka_unit_test(test_missing_operation_is_not_implemented),
		cmocka_unit_test(test_conditions_in_the_order_of_rfc_9110),
		STORE_TEST(test_buckets_live_and_die),
		STORE_TEST(test_bucket_of_somebody_else_by_now_takes_nothing),
		STORE_TEST(test_put_then_get_gives_the_bytes_back),
		STORE_TEST(test_get_returns_what_put_was_told),
		STORE_TEST(test_put_refuses_bad_keys_and_sizes),
		STORE_TEST(test_put_with_too_few_bytes_is_never_seen),
		STORE_TEST(test_conditions_guard_put_get_and_remove),
		STORE_TEST(test_one_of_racing_puts_wins),
		STORE_TEST(test_events_are_gapless_and_one_per_change),
		STORE_TEST(test_events_wait_wakes_for_an_event_and_for_the_end),
		STORE_TEST(test_reopen_finds_everything),
#ifndef FIXTURE_S3
		STORE_TEST(test_read_stays_whole_after_overwrite_and_delete),
		STORE_TEST(test_extents_show_the_bytes),
#endif
	};

	return cmocka_run_group_tests_name("store_contract", tests, NULL, NULL);
}
