/*
 * Objects that were seen, beside events of our outbox: one upload is one
 * video with one pair of jobs, whichever ways it is reported in and in
 * whatever order; what is put again later is done again.
 */
#include "tests/unit/queue_fixture.h"
#include "queue/sightings.h"

#include <pthread.h>

#define KEY "uploads/" USER_A "/1700000000000-abc-holiday.mp4"
#define PUT_US 1700000000123456 /* when created() says that it was put */

/* "videos process_video ai_analysis, cancelled ones" */
static const char *
counts(struct world *w)
{
	return sql(w, "SELECT (SELECT count(*) FROM videos) || ' ' ||"
		      " count(*) FILTER (WHERE type = 'process_video') || ' '"
		      " || count(*) FILTER (WHERE type = 'ai_analysis') || ', '"
		      " || count(*) FILTER (WHERE status = 'cancelled')"
		      " FROM job_queue");
}

static int64_t
clock_of(struct world *w)
{
	int64_t us;

	assert_int_equal(queue_clock(w->q, &us), QUEUE_OK);
	return us;
}

/* The object of created(), as a HEAD just now shows it. */
static struct queue_object
seen(struct world *w, const char *key)
{
	return (struct queue_object){ .deployment = DEPLOYMENT,
				      .epoch = "",
				      .version_id = "null",
				      .bucket = BUCKET,
				      .key = key,
				      .size = 1000,
				      .content_type = "video/mp4",
				      .etag = "0123456789abcdef",
				      .modified_us = PUT_US,
				      .asked_us = clock_of(w) };
}

static enum queue_error
see(struct world *w, const struct queue_object *o)
{
	bool made;

	return queue_object_seen(w->q, o, true, &made);
}

static enum queue_error
complete(struct world *w, const struct queue_object *o,
	 char process_job[UUID_TEXT_MAX])
{
	struct queue_video v;
	char ai[UUID_TEXT_MAX];

	return queue_complete_upload(w->q, USER_A, o, "f.mp4", NULL, &w->a, &v,
				     process_job, ai);
}

/* The listing says "unlike": then it is looked at. */
static enum queue_error
list_and_see(struct world *w, const struct queue_object *o)
{
	struct queue_listed l = { o->key, o->etag,
				  o->modified_us / 1000000 * 1000000 + 5000 };
	size_t place, n;
	enum queue_error err =
	    queue_listed_unlike(w->q, BUCKET, &l, 1, o->asked_us, &place, &n);

	if (err || n == 0)
		return err;
	return see(w, o);
}

static void
test_queue_seen_in_every_order_of_four_ways_makes_one(void **state)
{
	struct world *w = *state;
	char process[UUID_TEXT_MAX], key[128], id[16];
	unsigned n = 0;

	for (unsigned way = 0; way < 256; way++) {
		unsigned order[4] = { way & 3, way >> 2 & 3, way >> 4 & 3,
				      way >> 6 };
		unsigned all = 0;

		for (unsigned i = 0; i < 4; i++)
			all |= 1u << order[i];
		if (all != 15)
			continue;
		snprintf(key, sizeof(key), "uploads/" USER_A "/%u.mp4", way);
		snprintf(id, sizeof(id), "e%u", way);
		make_intent(w, USER_A, key);
		n++;
		for (unsigned i = 0; i < 8; i++) { /* and once more */
			struct queue_event e = created(n, id, key);
			struct queue_object o = seen(w, key);

			switch (order[i % 4]) {
			case 0:
				assert_int_equal(relay(w, &e, 1), QUEUE_OK);
				break;
			case 1:
				assert_int_equal(complete(w, &o, process),
						 QUEUE_OK);
				break;
			case 2:
				assert_int_equal(list_and_see(w, &o), QUEUE_OK);
				break;
			default:
				assert_int_equal(see(w, &o), QUEUE_OK);
			}
		}
	}
	assert_int_equal(n, 24);
	assert_string_equal(counts(w), "24 24 24, 0");
	assert_sql(w, "t",
		   "SELECT bool_and(seq > 0 AND epoch = '" EPOCH "' AND"
		   " modified_at = to_timestamp(1700000000)) FROM videos");
	assert_sql(w, "0",
		   "SELECT count(*) FROM upload_intents"
		   " WHERE completed_at IS NULL");
}

struct racer {
	struct world *w;
	unsigned way;
	enum queue_error err;
	char process_job[UUID_TEXT_MAX];
};

static void *
race(void *p)
{
	struct racer *r = p;
	struct queue_event e = created(1, "e1", KEY);
	struct queue_cursor none = { 0 }, out;
	struct queue_video v;
	struct arena a;
	char ai[UUID_TEXT_MAX];
	bool made;

	arena_init(&a, 1 << 20);
	r->err = QUEUE_CONFLICT;
	/* as callers do: what may be older is looked at anew */
	for (int i = 0; i < 50 && r->err == QUEUE_CONFLICT; i++) {
		struct queue_object o = seen(r->w, KEY);

		if (r->way == 0)
			r->err = queue_relay(r->w->q, DEPLOYMENT, EPOCH, &none,
					     &e, 1, &out);
		else if (r->way == 1)
			r->err = queue_complete_upload(r->w->q, USER_A, &o, "f",
						       NULL, &a, &v,
						       r->process_job, ai);
		else
			r->err = queue_object_seen(r->w->q, &o, true, &made);
	}
	arena_release(&a);
	return NULL;
}

static void
test_queue_seen_from_24_threads_beside_the_relay_makes_one(void **state)
{
	struct world *w = *state;
	struct racer r[24];
	pthread_t t[ARRAY_LEN(r)];

	make_intent(w, USER_A, KEY);
	for (int round = 0; round < 5; round++) {
		sql(w, "SET client_min_messages = warning; TRUNCATE videos, "
		       "job_queue, object_events,"
		       " relay_cursor CASCADE");
		for (size_t i = 0; i < ARRAY_LEN(r); i++) {
			r[i] = (struct racer){ .w = w, .way = (unsigned)i % 3 };
			assert_int_equal(
			    pthread_create(&t[i], NULL, race, &r[i]), 0);
		}
		for (size_t i = 0; i < ARRAY_LEN(r); i++) {
			pthread_join(t[i], NULL);
			assert_int_equal(r[i].err, QUEUE_OK);
			if (r[i].way == 1)
				assert_string_equal(r[i].process_job,
						    r[1].process_job);
		}
		assert_string_equal(counts(w), "1 1 1, 0");
		assert_sql(w, "1 2023-11-14 22:13:20+00",
			   "SELECT concat_ws(' ', seq,"
			   " modified_at AT TIME ZONE 'UTC' || '+00')"
			   " FROM videos");
	}
}

/* What tells a later upload of the same bytes, or of others, and what does
 * not. Rows act on one key, one after the other. */
static void
test_queue_seen_again_later_is_done_again(void **state)
{
	static const struct {
		const char *etag, *version;
		int later_s;
		const char *counts;
	} rows[] = {
		{ "e1", "null", 0, "1 1 1, 0" },
		{ "e1", "null", 0, "1 1 1, 0" },
		{ "e1", "", 0, "1 1 1, 0" },
		{ "e1", "null", 1, "1 2 2, 2" }, /* put again */
		{ "e2", "null", 1, "1 3 3, 4" }, /* other bytes */
		{ "e1", "null", 1, "1 4 4, 6" }, /* and back */
		{ "e1", "V1", 1, "1 4 4, 6" },	 /* its version is learned */
		{ "e1", "V1", 9, "1 4 4, 6" },	 /* which decides from now */
		{ "e1", "", 1, "1 4 4, 6" },
		{ "e1", "V2", 1, "1 5 5, 8" },
		{ "e1", "V2", 0, "1 5 5, 8" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct queue_object o = seen(w, KEY);

		o.etag = rows[i].etag;
		o.version_id = rows[i].version;
		o.modified_us += rows[i].later_s * US_PER_S;
		assert_int_equal(see(w, &o), QUEUE_OK);
		if (strcmp(counts(w), rows[i].counts) != 0)
			fail_msg("row %zu: %s", i, counts(w));
	}
}

static void
test_queue_seen_before_the_videos_content_is_not_believed(void **state)
{
	struct world *w = *state;
	struct queue_object old = seen(w, KEY), same = old, young;
	struct queue_event e = created(1, "e1", KEY);
	bool made;

	old.etag = "old";
	assert_int_equal(relay(w, &e, 1), QUEUE_OK);
	assert_int_equal(see(w, &old), QUEUE_CONFLICT);
	assert_string_equal(counts(w), "1 1 1, 0");
	/* the same bytes are no news; their second may be another put's */
	assert_int_equal(see(w, &same), QUEUE_OK);
	assert_sql(w, "t", "SELECT modified_at IS NULL FROM videos");
	assert_int_equal(
	    queue_object_gone(w->q, BUCKET, KEY, old.asked_us, &made),
	    QUEUE_OK);
	assert_false(made);
	young = seen(w, KEY);
	young.etag = "old";
	assert_int_equal(queue_object_seen(w->q, &young, true, &made),
			 QUEUE_OK);
	assert_true(made);
	assert_string_equal(counts(w), "1 2 2, 2");
}

/* An event that comes after what was seen: of the same upload, of a later one,
 * of what was replaced before it was seen. */
static void
test_queue_event_after_a_sighting(void **state)
{
	static const struct {
		const char *etag;
		int64_t after_s;
		const char *counts;
		const char *row; /* seq etag */
	} rows[] = {
		{ "0123456789abcdef", 3600, "1 1 1, 0", "1 0123456789abcdef" },
		{ "0123456789abcdef", -5, "1 1 1, 0", "1 0123456789abcdef" },
		{ "other", 5, "1 2 2, 2", "1 other" },
		{ "other", -5, "1 1 1, 0", "0 0123456789abcdef" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct queue_object o = seen(w, KEY);
		struct queue_event e = created(1, "e1", KEY);

		sql(w, "SET client_min_messages = warning; TRUNCATE videos, "
		       "job_queue, object_events,"
		       " relay_cursor CASCADE");
		assert_int_equal(see(w, &o), QUEUE_OK);
		e.etag = rows[i].etag;
		e.time_us = PUT_US + rows[i].after_s * US_PER_S;
		assert_int_equal(relay(w, &e, 1), QUEUE_OK);
		assert_string_equal(counts(w), rows[i].counts);
		assert_sql(w, rows[i].row,
			   "SELECT seq || ' ' || etag FROM videos");
	}
}

/* Two events of the same bytes: whether that was one upload or two, the second
 * of the last change tells. */
static void
test_queue_two_events_of_the_same_bytes_are_told_by_sightings(void **state)
{
	struct world *w = *state;
	struct queue_event e[2] = { created(1, "e1", KEY),
				    created(2, "e2", KEY) };
	struct queue_object o = seen(w, KEY);

	assert_int_equal(see(w, &o), QUEUE_OK);
	assert_int_equal(relay(w, &e[0], 1), QUEUE_OK);
	assert_string_equal(counts(w), "1 1 1, 0");
	/* told twice of one, or a second one: the object knows */
	assert_int_equal(relay(w, &e[1], 1), QUEUE_OK);
	assert_string_equal(counts(w), "1 1 1, 0");
	assert_sql(w, "2", "SELECT seq FROM videos");
	o = seen(w, KEY);
	assert_int_equal(see(w, &o), QUEUE_OK);
	assert_string_equal(counts(w), "1 1 1, 0");
	o = seen(w, KEY);
	o.modified_us += 7 * US_PER_S;
	assert_int_equal(see(w, &o), QUEUE_OK);
	assert_int_equal(relay(w, e, 2), QUEUE_OK);
	assert_string_equal(counts(w), "1 2 2, 2");
}

static void
test_queue_removed_then_the_same_put_again_is_done_again(void **state)
{
	struct world *w = *state;
	struct queue_event e[2] = { created(1, "e1", KEY),
				    created(2, "e2", KEY) };
	struct queue_object o;
	bool news;

	e[1].name = "ObjectRemoved:Delete";
	e[1].job_type = NULL;
	e[1].etag = "";
	assert_int_equal(relay(w, e, 2), QUEUE_OK);
	assert_string_equal(counts(w), "1 1 1, 2");
	o = seen(w, KEY);
	assert_int_equal(list_and_see(w, &o), QUEUE_OK);
	assert_string_equal(counts(w), "1 2 2, 2");
	assert_int_equal(
	    queue_object_gone(w->q, BUCKET, KEY, clock_of(w), &news), QUEUE_OK);
	assert_true(news);
	assert_int_equal(
	    queue_object_gone(w->q, BUCKET, KEY, clock_of(w), &news), QUEUE_OK);
	assert_false(news);
	assert_string_equal(counts(w), "1 2 2, 4");
	o = seen(w, KEY);
	assert_int_equal(see(w, &o), QUEUE_OK);
	assert_string_equal(counts(w), "1 3 3, 4");
}

static void
test_queue_listed_unlike_names_what_is_new_or_changed(void **state)
{
	struct world *w = *state;
	struct queue_event e[4] = { created(1, "e1", "uploads/a.mp4"),
				    created(2, "e2", "uploads/b.mp4"),
				    created(3, "e3", "uploads/c.mp4"),
				    created(4, "e4", "uploads/late.mp4") };
	struct queue_listed l[] = {
		{ "uploads/a.mp4", "0123456789abcdef", PUT_US },
		{ "uploads/b.mp4", "other", PUT_US },
		{ "uploads/c.mp4", "0123456789abcdef", PUT_US },
		{ "uploads/late.mp4", "older", PUT_US },
		{ "uploads/new,\"{}\\.mp4", "new", PUT_US },
	};
	size_t places[ARRAY_LEN(l)], n;
	int64_t asked;

	assert_int_equal(relay(w, e, 3), QUEUE_OK);
	asked = clock_of(w);
	assert_int_equal(relay(w, &e[3], 1), QUEUE_OK);
	assert_int_equal(queue_listed_unlike(w->q, BUCKET, l, ARRAY_LEN(l),
					     asked, places, &n),
			 QUEUE_OK);
	assert_int_equal(n, 2);
	assert_int_equal(places[0], 1);
	assert_int_equal(places[1], 4);
	/* seconds were learned: another one is another upload */
	l[0].modified_us += US_PER_S;
	l[2].modified_us += 800000;
	assert_int_equal(
	    queue_listed_unlike(w->q, BUCKET, l, 3, clock_of(w), places, &n),
	    QUEUE_OK);
	assert_int_equal(n, 2);
	assert_int_equal(places[0], 0);
	assert_int_equal(places[1], 1);
	assert_int_equal(
	    queue_listed_unlike(w->q, BUCKET, l, 0, clock_of(w), places, &n),
	    QUEUE_OK);
	assert_int_equal(n, 0);
}

/* ---- the reconciler's state -------------------------------------------------
 */

static void
test_queue_pass_is_one_holders_and_goes_on_where_it_was(void **state)
{
	struct world *w = *state;
	struct queue_pass p = { 0 }, page = { .after = SLICE("uploads/\xff"),
					      .seen = 1000,
					      .made = 2,
					      .failed = 1 };
	int64_t last;

	assert_int_equal(queue_pass_last(w->q, BUCKET, &last), QUEUE_OK);
	assert_int_equal(last, 0);
	assert_int_equal(queue_pass_take(w->q, BUCKET, "a", 60, &w->a, &p),
			 QUEUE_OK);
	assert_int_equal(p.after.n, 0);
	assert_int_equal(queue_pass_take(w->q, BUCKET, "b", 60, &w->a, &p),
			 QUEUE_NOT_FOUND);
	assert_int_equal(
	    queue_pass_went(w->q, BUCKET, "b", 60, &page, false, 60),
	    QUEUE_LOST);
	assert_int_equal(
	    queue_pass_went(w->q, BUCKET, "a", 60, &page, false, 60), QUEUE_OK);
	/* "a" died */
	sql(w, "UPDATE reconciler SET lease_until = now() - interval '1 s'");
	assert_int_equal(queue_pass_take(w->q, BUCKET, "b", 60, &w->a, &p),
			 QUEUE_OK);
	assert_true(slice_eq(p.after, page.after));
	assert_int_equal(p.seen, 1000);
	assert_int_equal(
	    queue_pass_went(w->q, BUCKET, "a", 60, &page, true, 60),
	    QUEUE_LOST);
	page.after = SLICE_EMPTY;
	assert_int_equal(
	    queue_pass_went(w->q, BUCKET, "b", 60, &page, true, 60), QUEUE_OK);
	assert_sql(w, "2000", "SELECT complete_seen FROM reconciler");
	assert_int_equal(queue_pass_last(w->q, BUCKET, &last), QUEUE_OK);
	assert_true(last > 0);
	/* none is due, for anybody */
	assert_int_equal(queue_pass_take(w->q, BUCKET, "b", 60, &w->a, &p),
			 QUEUE_NOT_FOUND);
	sql(w, "UPDATE reconciler SET next_at = now()");
	assert_int_equal(queue_pass_take(w->q, BUCKET, "c", 60, &w->a, &p),
			 QUEUE_OK);
	assert_int_equal(p.after.n, 0);
	assert_int_equal(p.seen, 0);
	/* a large bucket is left in peace for longer */
	page.seen = 100000;
	assert_int_equal(
	    queue_pass_went(w->q, BUCKET, "c", 60, &page, true, 60), QUEUE_OK);
	assert_sql(w, "t",
		   "SELECT next_at - now() BETWEEN '390 s' AND '400 s'"
		   " FROM reconciler");
}

static size_t
pending(struct world *w, int grace_s)
{
	const char **keys;
	size_t n;

	assert_int_equal(
	    queue_intents_pending(w->q, BUCKET, grace_s, 10, &w->a, &keys, &n),
	    QUEUE_OK);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(keys[i], KEY);
	return n;
}

static void
test_queue_intents_pending_are_asked_for_ever_seldomer(void **state)
{
	struct world *w = *state;
	struct queue_object o;

	make_intent(w, USER_A, KEY);
	assert_int_equal(pending(w, 60), 0);
	assert_int_equal(pending(w, 0), 1);
	sql(w, "UPDATE upload_intents SET looked_at = now() - interval '1 min',"
	       " created_at = now() - interval '10 min'");
	assert_int_equal(pending(w, 60), 0);
	sql(w, "UPDATE upload_intents SET looked_at = now() - interval '5 min',"
	       " created_at = now() - interval '10 min'");
	assert_int_equal(pending(w, 60), 1);
	assert_int_equal(pending(w, 60), 0);
	/* once after the end, then never */
	sql(w, "UPDATE upload_intents SET looked_at = now() - interval '2 h',"
	       " created_at = now() - interval '3 h',"
	       " expires_at = now() - interval '1 min'");
	assert_int_equal(pending(w, 60), 1);
	sql(w, "UPDATE upload_intents SET looked_at = now() - interval '30 s',"
	       " created_at = now() - interval '40 s'");
	assert_int_equal(pending(w, 0), 0);
	/* and not when it was seen */
	sql(w, "UPDATE upload_intents SET looked_at = NULL");
	o = seen(w, KEY);
	assert_int_equal(see(w, &o), QUEUE_OK);
	assert_int_equal(pending(w, 0), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_DB(
		    test_queue_seen_in_every_order_of_four_ways_makes_one),
		TEST_WITH_DB(
		    test_queue_seen_from_24_threads_beside_the_relay_makes_one),
		TEST_WITH_DB(test_queue_seen_again_later_is_done_again),
		TEST_WITH_DB(
		    test_queue_seen_before_the_videos_content_is_not_believed),
		TEST_WITH_DB(test_queue_event_after_a_sighting),
		TEST_WITH_DB(
		    test_queue_two_events_of_the_same_bytes_are_told_by_sightings),
		TEST_WITH_DB(
		    test_queue_removed_then_the_same_put_again_is_done_again),
		TEST_WITH_DB(
		    test_queue_listed_unlike_names_what_is_new_or_changed),
		TEST_WITH_DB(
		    test_queue_pass_is_one_holders_and_goes_on_where_it_was),
		TEST_WITH_DB(
		    test_queue_intents_pending_are_asked_for_ever_seldomer),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests(tests, make_template, drop_template);
}
