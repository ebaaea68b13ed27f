/*
 * Events to videos and jobs: exactly one of each, in whatever order, however
 * often, beside whatever else an outbox may hold.
 */
#include "tests/unit/queue_fixture.h"

#include <pthread.h>

#define KEY "uploads/" USER_A "/1700000000000-abc-holiday.mp4"

/* "videos process_video ai_analysis" */
static const char *
counts(struct world *w)
{
	return sql(w, "SELECT (SELECT count(*) FROM videos) || ' ' ||"
		      " count(*) FILTER (WHERE type = 'process_video') || ' '"
		      " || count(*) FILTER (WHERE type = 'ai_analysis')"
		      " FROM job_queue");
}

static enum queue_error
complete(struct world *w, const char *user, const struct queue_event *e,
	 struct queue_video *video, char process_job[UUID_TEXT_MAX],
	 char ai_job[UUID_TEXT_MAX])
{
	struct queue_object object = object_of(e);

	return queue_complete_upload(w->q, user, &object, "holiday.mp4",
				     "My holiday", &w->a, video, process_job,
				     ai_job);
}

static void
test_queue_relay_event_makes_video_and_jobs(void **state)
{
	struct world *w = *state;
	struct queue_event e = created(1, "e1", KEY);

	assert_int_equal(relay(w, &e, 1), QUEUE_OK);
	assert_string_equal(counts(w), "1 1 1");
	assert_sql(w, "queued 0 " USER_A,
		   "SELECT concat_ws(' ', analysis_status, progress, user_id)"
		   " FROM videos");
	assert_sql(w, "high pending t",
		   "SELECT concat_ws(' ', priority, status, run_at <= now())"
		   " FROM job_queue WHERE type = 'process_video'");
	assert_sql(w, "normal pending infinity",
		   "SELECT concat_ws(' ', priority, status, run_at)"
		   " FROM job_queue WHERE type = 'ai_analysis'");
	assert_sql(w, "t",
		   "SELECT c.parent_id = p.id FROM job_queue c, job_queue p"
		   " WHERE c.type = 'ai_analysis'"
		   " AND p.type = 'process_video'");
	assert_sql(w, "process_video:t",
		   "SELECT split_part(dedupe_key, ':', 1) || ':' ||"
		   " (split_part(dedupe_key, ':', 2) = encode(sha256("
		   " convert_to('" DEPLOYMENT "', 'UTF8') || '\\x00' ||"
		   " '" EPOCH "' || '\\x00' || '" BUCKET "' || '\\x00' ||"
		   " '" KEY "' || '\\x00' || 'null' || '\\x00' ||"
		   " '0000000000000001'), 'hex'))::text::char"
		   " FROM job_queue WHERE type = 'process_video'");
}

static void
test_queue_relay_repeated_batch_changes_nothing(void **state)
{
	struct world *w = *state;
	struct queue_event e[3] = { created(1, "e1", KEY),
				    created(2, "e2", "uploads/x.mp4"),
				    created(3, "e3", "uploads/y.mp4") };
	struct queue_cursor start = { 0 }, out;

	assert_int_equal(relay(w, e, 2), QUEUE_OK);
	assert_string_equal(counts(w), "2 2 2");
	/* the answer was lost: the same batch comes from an old cursor */
	assert_int_equal(
	    queue_relay(w->q, DEPLOYMENT, EPOCH, &start, e, 3, &out), QUEUE_OK);
	assert_int_equal(out.seq, 3);
	assert_string_equal(out.event_id, "e3");
	assert_string_equal(counts(w), "3 3 3");
	/* jobs that were cleaned up do not come back */
	sql(w, "DELETE FROM job_queue");
	assert_int_equal(
	    queue_relay(w->q, DEPLOYMENT, EPOCH, &start, e, 3, &out), QUEUE_OK);
	assert_string_equal(counts(w), "3 0 0");
}

static void
test_queue_relay_failed_batch_leaves_neither_video_nor_job_nor_cursor(
    void **state)
{
	struct world *w = *state;
	struct queue_event e[2] = { created(1, "e1", KEY),
				    created(2, "e2", "uploads/x.mp4") };
	struct queue_cursor at;

	/* between the second event's two jobs, an error that is nobody's */
	sql(w, "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS"
	       " 'BEGIN RAISE ''disk full'' USING ERRCODE = ''53100''; END';"
	       "CREATE TRIGGER stop BEFORE INSERT ON job_queue FOR EACH ROW"
	       " WHEN (NEW.type = 'ai_analysis' AND"
	       "  NEW.payload ->> 's3Key' = 'uploads/x.mp4')"
	       " EXECUTE FUNCTION stop()");
	assert_int_equal(relay(w, e, 2), QUEUE_UNAVAILABLE);
	assert_string_equal(counts(w), "0 0 0");
	assert_sql(w, "0", "SELECT count(*) FROM object_events");
	assert_int_equal(queue_cursor_get(w->q, DEPLOYMENT, EPOCH, &at),
			 QUEUE_OK);
	assert_int_equal(at.seq, 0);
	sql(w, "DROP TRIGGER stop ON job_queue");
	assert_int_equal(relay(w, e, 2), QUEUE_OK);
	assert_string_equal(counts(w), "2 2 2");
}

static void
test_queue_relay_other_past_is_refused(void **state)
{
	struct world *w = *state;
	struct queue_event e[2] = { created(1, "e1", KEY),
				    created(2, "e2", "uploads/x.mp4") };
	struct queue_event next = created(3, "f3", "uploads/z.mp4");
	struct queue_cursor out, none = { 0 },
				 other = { .seq = 2, .event_id = "f2" };

	assert_int_equal(relay(w, e, 2), QUEUE_OK);
	/* an outbox that holds another event there, and one that ends before */
	assert_int_equal(
	    queue_relay(w->q, DEPLOYMENT, EPOCH, &other, &next, 1, &out),
	    QUEUE_EPOCH);
	assert_int_equal(
	    queue_relay(w->q, DEPLOYMENT, EPOCH, &none, &next, 1, &out),
	    QUEUE_EPOCH);
	assert_string_equal(counts(w), "2 2 2");
	/* a new epoch begins at its own beginning */
	next.seq = 1;
	assert_int_equal(
	    queue_relay(w->q, DEPLOYMENT, "other", &none, &next, 1, &out),
	    QUEUE_OK);
	assert_string_equal(counts(w), "3 3 3");
}

static void
test_queue_relay_poison_is_put_aside_and_the_rest_goes_on(void **state)
{
	struct world *w = *state;
	struct queue_event e[6] = {
		created(1, "e1", "uploads/a.mp4"),
		created(2, "e2", "uploads/\xff\xfe.mp4"),
		created(3, "e3", "uploads/tab\tand\x01.mp4"),
		created(4, "e4", "uploads/b.mp4"),
		created(5, "e5", "uploads/c.mp4"),
		created(6, "e6", "uploads/d.mp4"),
	};

	e[3].record = "{\"key\":\"\\u0000\"}";
	e[4].content_type = SLICE("video/\0mp4");
	e[5].job_type = "make_coffee";
	assert_int_equal(relay(w, e, ARRAY_LEN(e)), QUEUE_OK);
	assert_sql(w, "6", "SELECT last_seq FROM relay_cursor");
	assert_sql(w, "2 4 5 6",
		   "SELECT string_agg(seq::text, ' ' ORDER BY seq)"
		   " FROM object_events WHERE error IS NOT NULL");
	/* the bytes are kept as they came */
	assert_sql(w, "\\x75706c6f6164732ffffe2e6d7034",
		   "SELECT key_raw FROM object_events WHERE seq = 2");
	/* a bad record does not cost the upload its video */
	assert_sql(w, "1 3 4",
		   "SELECT string_agg(seq::text, ' ' ORDER BY seq)"
		   " FROM videos");
}

static void
test_queue_relay_owner_is_of_intent_then_of_key_then_nobody(void **state)
{
	struct world *w = *state;
	struct queue_event e[3] = { created(1, "e1", KEY),
				    created(2, "e2",
					    "uploads/" USER_B "/b.mp4"),
				    created(3, "e3", "uploads/c.mp4") };

	make_intent(w, USER_A, KEY);
	assert_int_equal(relay(w, e, 3), QUEUE_OK);
	assert_sql(w, USER_A " holiday.mp4",
		   "SELECT user_id || ' ' || title FROM videos WHERE seq = 1");
	assert_sql(w, USER_B " b.mp4",
		   "SELECT user_id || ' ' || title FROM videos WHERE seq = 2");
	assert_sql(w, "nobody c.mp4",
		   "SELECT coalesce(user_id::text, 'nobody') || ' ' || title"
		   " FROM videos WHERE seq = 3");
}

static void
test_queue_complete_upload_same_ids_before_and_after_the_event(void **state)
{
	struct world *w = *state;
	struct queue_event first = created(1, "e1", KEY);
	struct queue_event second =
	    created(2, "e2", "uploads/" USER_A "/2.mp4");
	struct queue_video v, again;
	char p[UUID_TEXT_MAX], ai[UUID_TEXT_MAX];
	char p2[UUID_TEXT_MAX], ai2[UUID_TEXT_MAX];

	make_intent(w, USER_A, KEY);
	make_intent(w, USER_A, second.key.p);
	assert_int_equal(complete(w, USER_A, &first, &v, p, ai), QUEUE_OK);
	assert_string_equal(v.status, "queued");
	assert_string_equal(v.title, "My holiday");
	assert_true(v.file_size == 1000);
	assert_int_equal(relay(w, &first, 1), QUEUE_OK);
	assert_int_equal(relay(w, &second, 1), QUEUE_OK);
	assert_string_equal(counts(w), "2 2 2");

	assert_int_equal(complete(w, USER_A, &second, &again, p2, ai2),
			 QUEUE_OK);
	assert_string_equal(again.title, "My holiday");
	assert_string_equal(counts(w), "2 2 2");
	assert_sql(w, "t",
		   "SELECT count(*) = 4 FROM job_queue WHERE id IN"
		   " ('%s', '%s', '%s', '%s')",
		   p, ai, p2, ai2);
	/* even when its jobs are long gone */
	sql(w, "DELETE FROM job_queue");
	assert_int_equal(complete(w, USER_A, &first, &again, p2, ai2),
			 QUEUE_OK);
	assert_string_equal(again.id, v.id);
	assert_string_equal(p, p2);
	assert_string_equal(ai, ai2);
	assert_string_equal(counts(w), "2 0 0");
}

static void
test_queue_complete_upload_of_another_user_is_not_found(void **state)
{
	struct world *w = *state;
	struct queue_event e = created(1, "e1", KEY);
	struct queue_video v;
	char p[UUID_TEXT_MAX], ai[UUID_TEXT_MAX];

	make_intent(w, USER_A, KEY);
	assert_int_equal(complete(w, USER_B, &e, &v, p, ai), QUEUE_NOT_FOUND);
	assert_int_equal(complete(w, "x' OR true", &e, &v, p, ai),
			 QUEUE_NOT_FOUND);
	e.key = SLICE("uploads/never.mp4");
	assert_int_equal(complete(w, USER_A, &e, &v, p, ai), QUEUE_NOT_FOUND);
	assert_string_equal(counts(w), "0 0 0");
}

struct racer {
	struct world *w;
	struct queue_event e;
	bool relays;
	enum queue_error err;
	char video[UUID_TEXT_MAX];
	char process_job[UUID_TEXT_MAX];
};

static void *
race(void *p)
{
	struct racer *r = p;
	struct queue_object object = object_of(&r->e);
	struct queue_cursor none = { 0 }, out;
	struct queue_video v = { 0 };
	struct arena a;
	char ai[UUID_TEXT_MAX];

	arena_init(&a, 1 << 20);
	if (r->relays)
		r->err = queue_relay(r->w->q, DEPLOYMENT, EPOCH, &none, &r->e,
				     1, &out);
	else
		r->err =
		    queue_complete_upload(r->w->q, USER_A, &object, "f", NULL,
					  &a, &v, r->process_job, ai);
	snprintf(r->video, sizeof(r->video), "%s", v.id ? v.id : "");
	arena_release(&a);
	return NULL;
}

static void
test_queue_complete_upload_from_20_threads_beside_the_relay_makes_one(
    void **state)
{
	struct world *w = *state;
	struct racer r[24];
	pthread_t t[ARRAY_LEN(r)];

	make_intent(w, USER_A, KEY);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		r[i] = (struct racer){ .w = w,
				       .e = created(1, "e1", KEY),
				       .relays = i % 6 == 0 };
		assert_int_equal(pthread_create(&t[i], NULL, race, &r[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(r[i].err, QUEUE_OK);
		if (!r[i].relays) {
			assert_string_equal(r[i].video, r[1].video);
			assert_string_equal(r[i].process_job, r[1].process_job);
		}
	}
	assert_string_equal(counts(w), "1 1 1");
}

static void
test_queue_relay_overwrite_begins_anew_and_cancels_the_old(void **state)
{
	struct world *w = *state;
	struct queue_event e[2] = { created(1, "e1", KEY),
				    created(2, "e2", KEY) };
	struct queue_job old, job;
	struct queue_outcome o = OUTCOME_NONE;
	struct queue_fence f;
	struct queue_video v;
	char p[UUID_TEXT_MAX], ai[UUID_TEXT_MAX];

	assert_int_equal(relay(w, &e[0], 1), QUEUE_OK);
	assert_true(claim(w, "w1", &old));
	e[1].size = 2000;
	assert_int_equal(relay(w, &e[1], 1), QUEUE_OK);
	assert_string_equal(counts(w), "1 2 2");
	assert_sql(w, "queued 0 2000",
		   "SELECT concat_ws(' ', analysis_status, progress,"
		   " file_size) FROM videos");
	assert_sql(w, "ai_analysis cancelled,process_video processing",
		   "SELECT string_agg(type || ' ' || status, ',' ORDER BY type)"
		   " FROM job_queue WHERE dedupe_key NOT LIKE '%%' ||"
		   " (SELECT content FROM videos)");
	/* the run on the old bytes is asked to stop; what it still brings
	 * does not reach the video */
	f = fence(&old, "w1");
	assert_int_equal(beat_one(w, &old, "w1", 50), QUEUE_STOP_CANCEL);
	o.duration = 99;
	assert_int_equal(queue_job_complete(w->q, &f, &o), QUEUE_OK);
	assert_sql(w, "queued 0 unknown",
		   "SELECT concat_ws(' ', analysis_status, progress,"
		   " coalesce(duration::text, 'unknown')) FROM videos");
	assert_true(claim(w, "w1", &job));
	assert_string_not_equal(job.id, old.id);
	/* word of the older content that comes late changes nothing */
	make_intent(w, USER_A, KEY);
	assert_int_equal(complete(w, USER_A, &e[0], &v, p, ai), QUEUE_OK);
	assert_sql(w, "2 2000", "SELECT seq || ' ' || file_size FROM videos");
}

static void
test_queue_relay_removed_object_cancels_pending_jobs(void **state)
{
	struct world *w = *state;
	struct queue_event e[3] = { created(1, "e1", KEY),
				    created(2, "e2", KEY),
				    created(3, "e3", KEY) };

	e[1].name = "ObjectRemoved:Delete";
	e[1].job_type = NULL;
	assert_int_equal(relay(w, e, 2), QUEUE_OK);
	assert_sql(w, "2",
		   "SELECT count(*) FROM job_queue"
		   " WHERE status = 'cancelled'");
	assert_sql(w, "failed object removed",
		   "SELECT analysis_status || ' ' || error FROM videos");
	/* uploaded again */
	assert_int_equal(relay(w, &e[2], 1), QUEUE_OK);
	assert_string_equal(counts(w), "1 2 2");
	assert_sql(w, "queued", "SELECT analysis_status FROM videos");
}

/* Of a bucket that keeps versions: only the one the video was made of, or a
 * delete marker on top of it, ends its jobs. */
static void
test_queue_relay_removed_version_spares_the_video_of_another(void **state)
{
	static const struct {
		const char *name, *version;
		const char *cancelled; /* jobs after it */
	} rows[] = {
		{ "ObjectCreated:Put", "V1", "0" },
		{ "ObjectCreated:Put", "V2", "2" }, /* V1's: replaced */
		{ "ObjectRemoved:Delete", "V1", "2" },
		{ "ObjectRemoved:Delete", "M3", "2" },
		{ "ObjectRemoved:Delete", "V2", "4" },
		{ "ObjectCreated:Put", "V6", "4" },
		{ "ObjectRemoved:DeleteMarkerCreated", "M7", "6" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char id[8];
		struct queue_event e;

		snprintf(id, sizeof(id), "e%zu", i + 1);
		e = created(i + 1, id, KEY);
		e.name = rows[i].name;
		e.version_id = rows[i].version;
		if (strncmp(e.name, "ObjectCreated", 13) != 0)
			e.job_type = NULL;
		assert_int_equal(relay(w, &e, 1), QUEUE_OK);
		assert_sql(w, rows[i].cancelled,
			   "SELECT count(*) FROM job_queue"
			   " WHERE status = 'cancelled'");
	}
	assert_sql(w, "failed object removed",
		   "SELECT analysis_status || ' ' || error FROM videos");
}

static void
test_queue_statements_of_the_main_path_find_their_indexes(void **state)
{
	struct world *w = *state;
	struct queue_event e[3] = { created(1, "e1", KEY),
				    created(2, "e2", "uploads/x.mp4"),
				    created(3, "e3", KEY) };
	struct queue_outcome o = OUTCOME_NONE;
	struct queue_job job;
	struct queue_fence f;
	int64_t deadline = time_mono_us() + 10 * US_PER_S;

	make_intent(w, USER_A, KEY);
	assert_int_equal(relay(w, e, 3), QUEUE_OK);
	assert_true(claim(w, "w1", &job));
	f = fence(&job, "w1");
	assert_int_equal(queue_job_complete(w->q, &f, &o), QUEUE_OK);
	/* a session reports its counts before it has ended */
	queue_close(w->q);
	w->q = NULL;
	while (strcmp(sql(w, "SELECT count(*) FROM pg_stat_activity WHERE"
			     " datname = current_database()"
			     " AND usename = 'reelgate'"),
		      "0") != 0 &&
	       time_mono_us() < deadline)
		usleep(5000);
	/* sequential scans are off: one is left where no index fits */
	assert_sql(w, "0 true",
		   "SELECT sum(seq_scan) || ' ' || bool_and(idx_scan > 0)"
		   " FROM pg_stat_user_tables WHERE relname IN ('videos',"
		   " 'upload_intents', 'clips', 'job_queue')");
}

static void
test_queue_known_events_needs_number_and_id(void **state)
{
	struct world *w = *state;
	struct queue_event e[4] = { created(1, "e1", KEY),
				    created(2, "e2", "uploads/x.mp4"),
				    created(3, "e3", "uploads/y.mp4"),
				    created(4, "e4", "uploads/z.mp4") };
	const struct {
		const char *epoch, *second, *third;
		size_t n;
		uint64_t highest;
	} rows[] = {
		{ EPOCH, "e2", "e3", 4, 3 },
		{ EPOCH, "other2", "other3", 4, 1 }, /* parted behind 1 */
		{ "another epoch", "e2", "e3", 4, 0 },
		{ EPOCH, "e2", "e3", 0, 0 },
	};
	uint64_t highest = 9;

	assert_int_equal(
	    queue_known_events(w->q, DEPLOYMENT, EPOCH, e, 4, &highest),
	    QUEUE_OK);
	assert_int_equal(highest, 0);
	assert_int_equal(relay(w, e, 3), QUEUE_OK);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		e[1].id = rows[i].second;
		e[2].id = rows[i].third;
		assert_int_equal(queue_known_events(w->q, DEPLOYMENT,
						    rows[i].epoch, e, rows[i].n,
						    &highest),
				 QUEUE_OK);
		assert_int_equal(highest, rows[i].highest);
	}
}

/* An event whose rule is about no video: a job with the event in it. */
static struct queue_event
about(uint64_t seq, const char *id, const char *key, const char *payload)
{
	struct queue_event e = created(seq, id, key);

	e.job_type = "webhook_deliver";
	e.payload = payload;
	e.users = false;
	return e;
}

static void
test_queue_relay_rule_of_another_type_makes_a_job_with_the_event(void **state)
{
	struct world *w = *state;
	struct queue_event e[3] = {
		about(1, "e1", "in/a.txt", "{\"key\": \"in/a.txt\"}"),
		about(2, "e2", "in/a.txt", "{\"key\": \"in/a.txt\"}"),
		about(3, "e3", "in/\xc3\xbc", "{\"key\": \"in/\xc3\xbc\"}"),
	};
	struct queue_cursor none = { 0 }, out;

	e[1].name = "ObjectRemoved:Delete";
	e[1].etag = "";
	assert_int_equal(relay(w, e, 3), QUEUE_OK);
	assert_string_equal(counts(w), "0 0 0");
	assert_sql(w, "in/a.txt,in/a.txt,in/\xc3\xbc",
		   "SELECT string_agg(payload ->> 'key', ',' ORDER BY"
		   " payload ->> 'key') FROM job_queue"
		   " WHERE type = 'webhook_deliver' AND priority = 'normal'"
		   " AND status = 'pending' AND user_id IS NULL"
		   " AND video_id IS NULL AND id = job_id(dedupe_key)");
	/* a repeat, from an old cursor and without it */
	assert_int_equal(
	    queue_relay(w->q, DEPLOYMENT, EPOCH, &none, e, 3, &out), QUEUE_OK);
	sql(w, "DELETE FROM relay_cursor");
	assert_int_equal(
	    queue_relay(w->q, DEPLOYMENT, EPOCH, &none, e, 3, &out), QUEUE_OK);
	sql(w, "DELETE FROM relay_cursor; DELETE FROM object_events");
	assert_int_equal(
	    queue_relay(w->q, DEPLOYMENT, EPOCH, &none, e, 3, &out), QUEUE_OK);
	assert_sql(w, "3", "SELECT count(*) FROM job_queue");
}

/* Anybody may name a key of their own bucket uploads/{somebody else}/. */
static void
test_queue_relay_key_of_another_bucket_names_no_user(void **state)
{
	struct world *w = *state;
	struct queue_event e[3] = { created(1, "e1", KEY),
				    created(2, "e2", KEY),
				    created(3, "e3", KEY) };

	e[1].bucket = e[2].bucket = SLICE("elsewhere");
	e[1].users = e[2].users = false;
	assert_int_equal(relay(w, e, 3), QUEUE_OK);
	assert_string_equal(counts(w), "2 3 3");
	assert_sql(w, "elsewhere nobody 3,videos " USER_A " 1",
		   "SELECT string_agg(concat_ws(' ', bucket,"
		   " coalesce(user_id::text, 'nobody'), seq), ','"
		   " ORDER BY bucket) FROM videos");
}

/* Whatever one event of a full batch holds, the others are delivered. */
static void
test_queue_relay_each_poison_alone_is_put_aside(void **state)
{
	struct world *w = *state;
	char *huge = malloc((4 << 20) + 1);
	struct queue_event poison[] = {
		created(0, "p0", "uploads/\xff.mp4"),
		about(0, "p1", "in/\xc3\x28", "{}"),
		about(0, "p2", "in/nul", "{\"a\": \"\\u0000\"}"),
		about(0, "p3", "in/no-json", "{\"a\": "),
		about(0, "p4", "in/no-text", "{\"a\": \"\xff\"}"),
		about(0, "p5", "in/refused", "{\"refuse\": true}"),
		created(0, "p6", "uploads/refused.mp4"),
		created(0, "p7", "uploads/type.mp4"),
		created(0, "p8", "uploads/huge.mp4"),
		created(0, "p9", "uploads/no-rules.mp4"),
		about(0, "p10", "in/no-payload", NULL),
	};
	enum { POISON = ARRAY_LEN(poison), N = 2 * POISON };
	struct queue_event e[N];
	char ids[N][8], keys[N][32];
	struct queue_cursor none = { 0 }, out;

	/* constraints that the rows made of two events violate */
	sql(w, "ALTER TABLE job_queue ADD CONSTRAINT no_refuse CHECK (payload "
	       "->> 'refuse' IS NULL);"
	       "ALTER TABLE videos ADD CONSTRAINT no_key CHECK (s3_key <>"
	       " 'uploads/refused.mp4')");
	memset(huge, 'a', 4 << 20);
	huge[4 << 20] = '\0';
	poison[7].content_type = SLICE("video/\0mp4");
	poison[8].content_type = slice_str(huge); /* beyond an index row */
	sql(w, "CREATE INDEX ON videos (content_type)");
	for (size_t i = 0; i < 4u << 20; i++) /* what does not compress */
		huge[i] = (char)('!' + (i * i * 2654435761u >> 13) % 90);
	poison[9].job_type = NULL;
	poison[9].problem = "no rules";
	for (size_t i = 0; i < N; i++) {
		snprintf(ids[i], sizeof(ids[i]), "e%zu", i);
		snprintf(keys[i], sizeof(keys[i]), "uploads/%zu.mp4", i);
		e[i] = i % 2 ? poison[i / 2] : created(0, ids[i], keys[i]);
		e[i].seq = i + 1;
	}
	assert_int_equal(relay(w, e, N), QUEUE_OK);
	assert_sql(w, "0",
		   "SELECT count(*) FROM object_events"
		   " WHERE (error IS NULL) <> (event_id LIKE 'e%%')");
	assert_sql(w, "11",
		   "SELECT count(*) FROM object_events"
		   " WHERE error IS NOT NULL");
	assert_string_equal(counts(w), "11 11 11");
	assert_sql(w, "0",
		   "SELECT count(*) FROM job_queue"
		   " WHERE type = 'webhook_deliver'");
	assert_sql(w, "no rules",
		   "SELECT error FROM object_events"
		   " WHERE event_id = 'p9'");
	/* mended, they are applied; again, nothing is doubled */
	sql(w, "ALTER TABLE job_queue DROP CONSTRAINT no_refuse;"
	       "ALTER TABLE videos DROP CONSTRAINT no_key");
	for (int i = 0; i < 2; i++) {
		size_t aside;

		assert_int_equal(
		    queue_replay(w->q, DEPLOYMENT, EPOCH, e, N, &aside),
		    QUEUE_OK);
		assert_int_equal(aside, 9);
		assert_string_equal(counts(w), "12 12 12");
		assert_sql(w, "1",
			   "SELECT count(*) FROM job_queue"
			   " WHERE type = 'webhook_deliver'");
	}
	assert_int_equal(
	    queue_relay(w->q, DEPLOYMENT, EPOCH, &none, e, N, &out), QUEUE_OK);
	assert_int_equal(out.seq, N);
	free(huge);
}

static void
test_queue_relay_removal_beside_its_creation_in_a_batch(void **state)
{
	struct world *w = *state;
	struct queue_event e[5] = {
		created(1, "e1", "uploads/gone.mp4"),
		created(2, "e2", "uploads/gone.mp4"),
		created(3, "e3", "uploads/back.mp4"),
		created(4, "e4", "uploads/back.mp4"),
		created(5, "e5", "uploads/back.mp4"),
	};

	e[1].name = e[3].name = "ObjectRemoved:Delete";
	e[1].job_type = e[3].job_type = NULL;
	assert_int_equal(relay(w, e, 5), QUEUE_OK);
	assert_sql(w, "back.mp4 queued 5,gone.mp4 failed 1",
		   "SELECT string_agg(concat_ws(' ', filename, analysis_status,"
		   " seq), ',' ORDER BY filename) FROM videos");
	assert_sql(w, "2",
		   "SELECT count(*) FROM job_queue WHERE status = 'pending'"
		   " AND payload ->> 's3Key' = 'uploads/back.mp4'");
	assert_sql(w, "0",
		   "SELECT count(*) FROM job_queue WHERE status = 'pending'"
		   " AND payload ->> 's3Key' = 'uploads/gone.mp4'");
}

static void
test_queue_resync_makes_what_is_missing(void **state)
{
	struct world *w = *state;
	struct queue_event e[2] = { created(1, "e1", KEY),
				    created(2, "e2", "uploads/x.mp4") };
	struct queue_object o[3] = { object_of(&e[0]), object_of(&e[1]) };
	const bool users[3] = { true, true, false };
	size_t made;

	o[2] = o[1];
	o[2].bucket = "elsewhere";
	o[2].key = KEY;
	o[2].epoch = "another epoch";
	assert_int_equal(relay(w, e, 1), QUEUE_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(queue_resync(w->q, o, users, 3, &made),
				 QUEUE_OK);
		assert_int_equal(made, i ? 0 : 2);
		assert_string_equal(counts(w), "3 3 3");
	}
	/* the events come late */
	assert_int_equal(relay(w, e, 2), QUEUE_OK);
	assert_string_equal(counts(w), "3 3 3");
	assert_sql(w, "1",
		   "SELECT count(*) FROM videos WHERE user_id IS NULL"
		   " AND bucket = 'elsewhere'");
}

/* As after a migration: the same bytes have another sequence in their store.
 */
static void
test_queue_resync_leaves_the_same_bytes_alone(void **state)
{
	struct world *w = *state;
	struct queue_event e[2] = { created(1, "e1", KEY),
				    created(7, "e7", KEY) };
	struct queue_object brought = object_of(&e[0]), other;
	const bool users = true;
	size_t made;

	assert_int_equal(relay(w, e, 1), QUEUE_OK);
	brought.seq = 5;
	assert_int_equal(queue_resync(w->q, &brought, &users, 1, &made),
			 QUEUE_OK);
	assert_int_equal(made, 0);
	assert_string_equal(counts(w), "1 1 1");
	/* other bytes are news, by ETag or by size */
	other = brought;
	other.etag = "0cc175b9c0f1b6a831c399e269772661";
	assert_int_equal(queue_resync(w->q, &other, &users, 1, &made),
			 QUEUE_OK);
	assert_int_equal(made, 1);
	other.seq = 6;
	other.size++;
	assert_int_equal(queue_resync(w->q, &other, &users, 1, &made),
			 QUEUE_OK);
	assert_int_equal(made, 1);
	/* and what was removed in between */
	e[1].name = "ObjectRemoved:Delete";
	e[1].job_type = NULL;
	assert_int_equal(relay(w, &e[1], 1), QUEUE_OK);
	other.seq = 8;
	assert_int_equal(queue_resync(w->q, &other, &users, 1, &made),
			 QUEUE_OK);
	assert_int_equal(made, 1);
}

static void
test_queue_events_cleanup_keeps_what_is_put_aside(void **state)
{
	struct world *w = *state;
	struct queue_event e[4] = { created(1, "e1", KEY),
				    created(2, "e2", "uploads/\xff"),
				    created(3, "e3", "uploads/x.mp4"),
				    created(4, "e4", "uploads/y.mp4") };
	struct queue_cursor at;
	size_t n;

	assert_int_equal(relay(w, e, 3), QUEUE_OK);
	sql(w, "UPDATE object_events SET received_at = now() -"
	       " interval '30 days 1 second'");
	assert_int_equal(relay(w, &e[3], 1), QUEUE_OK);
	sql(w, "UPDATE object_events SET received_at = now() -"
	       " interval '29 days 23 hours' WHERE seq = 4");
	assert_int_equal(queue_events_cleanup(w->q, 30, &n), QUEUE_OK);
	assert_int_equal(n, 2);
	assert_sql(w, "2 4",
		   "SELECT string_agg(seq::text, ' ' ORDER BY seq)"
		   " FROM object_events");
	/* the cursor stays, and with it what was delivered */
	assert_int_equal(queue_cursor_get(w->q, DEPLOYMENT, EPOCH, &at),
			 QUEUE_OK);
	assert_int_equal(at.seq, 4);
	assert_int_equal(relay(w, e, 4), QUEUE_OK);
	assert_string_equal(counts(w), "3 3 3");
}

static void
test_queue_relay_status_names_what_is_put_aside(void **state)
{
	struct world *w = *state;
	struct queue_event e[2] = { created(1, "e1", KEY),
				    created(2, "e2", "uploads/\xff") };
	const char *json;

	assert_int_equal(relay(w, e, 2), QUEUE_OK);
	assert_int_equal(queue_relay_status(w->q, DEPLOYMENT, 10, &w->a, &json),
			 QUEUE_OK);
	assert_non_null(strstr(json, "\"aside\": 1"));
	assert_non_null(strstr(json, "\"seq\": 2"));
	assert_non_null(strstr(json, "22021: invalid byte sequence"));
	assert_non_null(strstr(json, "\"last_seq\": 2"));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_DB(test_queue_relay_event_makes_video_and_jobs),
		TEST_WITH_DB(test_queue_relay_repeated_batch_changes_nothing),
		TEST_WITH_DB(
		    test_queue_relay_failed_batch_leaves_neither_video_nor_job_nor_cursor),
		TEST_WITH_DB(test_queue_relay_other_past_is_refused),
		TEST_WITH_DB(
		    test_queue_relay_poison_is_put_aside_and_the_rest_goes_on),
		TEST_WITH_DB(
		    test_queue_relay_owner_is_of_intent_then_of_key_then_nobody),
		TEST_WITH_DB(
		    test_queue_complete_upload_same_ids_before_and_after_the_event),
		TEST_WITH_DB(
		    test_queue_complete_upload_of_another_user_is_not_found),
		TEST_WITH_DB(
		    test_queue_complete_upload_from_20_threads_beside_the_relay_makes_one),
		TEST_WITH_DB(
		    test_queue_relay_overwrite_begins_anew_and_cancels_the_old),
		TEST_WITH_DB(
		    test_queue_statements_of_the_main_path_find_their_indexes),
		TEST_WITH_DB(
		    test_queue_relay_removed_object_cancels_pending_jobs),
		TEST_WITH_DB(
		    test_queue_relay_removed_version_spares_the_video_of_another),
		TEST_WITH_DB(test_queue_known_events_needs_number_and_id),
		TEST_WITH_DB(
		    test_queue_relay_rule_of_another_type_makes_a_job_with_the_event),
		TEST_WITH_DB(
		    test_queue_relay_key_of_another_bucket_names_no_user),
		TEST_WITH_DB(test_queue_relay_each_poison_alone_is_put_aside),
		TEST_WITH_DB(
		    test_queue_relay_removal_beside_its_creation_in_a_batch),
		TEST_WITH_DB(test_queue_resync_makes_what_is_missing),
		TEST_WITH_DB(test_queue_resync_leaves_the_same_bytes_alone),
		TEST_WITH_DB(test_queue_events_cleanup_keeps_what_is_put_aside),
		TEST_WITH_DB(test_queue_relay_status_names_what_is_put_aside),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests_name("queue_relay", tests, make_template,
					   drop_template);
}
