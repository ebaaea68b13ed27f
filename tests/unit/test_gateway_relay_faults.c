/*
 * The relay under faults at each commit point between the store's outbox and
 * PostgreSQL: its backend dies, its process dies, the connection is cut at a
 * chosen message. Whatever happens, once it runs undisturbed there is exactly
 * one job for each object that asks for one, and the cursor is at the last
 * event. The controls break one of the promises this rests on, and the same
 * check must say so.
 */
#include "gateway/relay.h"
#include "store/local/local.h"
#include "tests/unit/pg_proxy.h"
#include "tests/unit/queue_fixture.h"

#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define WAIT_US (30 * US_PER_S)
#define POLL_US 5000
#define RULES                                                            \
	"<NotificationConfiguration>"                                    \
	"<QueueConfiguration><Queue>arn:reelgate:jobs:::process_video"   \
	"</Queue><Event>s3:ObjectCreated:*</Event><Filter><S3Key>"       \
	"<FilterRule><Name>prefix</Name><Value>uploads/</Value>"         \
	"</FilterRule></S3Key></Filter></QueueConfiguration>"            \
	"<QueueConfiguration><Queue>arn:reelgate:jobs:::webhook_deliver" \
	"</Queue><Event>s3:ObjectCreated:*</Event><Filter><S3Key>"       \
	"<FilterRule><Name>prefix</Name><Value>in/</Value></FilterRule>" \
	"</S3Key></Filter></QueueConfiguration></NotificationConfiguration>"

/* In the child that runs the relay: where to die. */
static enum { LIVE, DIE_BEFORE_ACK, DIE_AFTER_ACK } death;

enum s3_error __real_store_events_ack(struct store *s, uint64_t seq);
enum s3_error __wrap_store_events_ack(struct store *s, uint64_t seq);
enum s3_error
__wrap_store_events_ack(struct store *s, uint64_t seq)
{
	enum s3_error err;

	if (death == DIE_BEFORE_ACK)
		raise(SIGKILL);
	err = __real_store_events_ack(s, seq);
	if (death == DIE_AFTER_ACK)
		raise(SIGKILL);
	return err;
}

struct lab {
	struct world *w;
	char dir[64];
	int64_t retention_ms;		/* 0: the store's default */
	unsigned videos, hooks, others; /* objects put so far */
};

/* ---- the store ----------------------------------------------------------- */

static struct store *
open_store(const struct lab *l)
{
	const struct store_local_conf conf = { .data_dir = l->dir,
					       .inline_max = 4096,
					       .map_size = 1 << 30,
					       .max_readers = 32,
					       .event_retention_ms =
						   l->retention_ms };
	char err[512];
	struct store *s = store_open_local(&conf, err);

	if (!s)
		fail_msg("%s", err);
	return s;
}

static void
put(struct store *s, const char *key)
{
	struct store_put_req req = { .bucket = SLICE(BUCKET),
				     .key = slice_str(key),
				     .cond = STORE_COND_NONE };
	struct store_put_final fin = {
		.etag = SLICE("d41d8cd98f00b204e9800998ecf8427e"),
		.note = { .event_name = SLICE("ObjectCreated:Put") }
	};
	struct store_put *p;

	assert_int_equal(store_put_begin(s, &req, &p), S3_OK);
	assert_int_equal(store_put_commit(p, &fin, NULL), S3_OK);
}

/* Some objects for each rule, and some for none. */
static void
put_some(struct lab *l)
{
	struct store *s = open_store(l);
	char key[64];

	for (int i = 0; i < 4; i++) {
		snprintf(key, sizeof(key), "uploads/%u.mp4", l->videos++);
		put(s, key);
		snprintf(key, sizeof(key), "in/%u", l->hooks++);
		put(s, key);
		snprintf(key, sizeof(key), "else/%u", l->others++);
		put(s, key);
	}
	store_close(s);
}

static void
lab_begin(struct lab *l, struct world *w)
{
	struct store *s;

	*l = (struct lab){ .w = w };
	snprintf(l->dir, sizeof(l->dir), "%s/relay-faults-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(l->dir));
	s = open_store(l);
	assert_int_equal(store_bucket_create(s, SLICE(BUCKET), SLICE("root"),
					     SLICE("us-east-1")),
			 S3_OK);
	assert_int_equal(store_config_put(s, SLICE(BUCKET),
					  STORE_CONFIG_NOTIFICATION,
					  SLICE(RULES)),
			 S3_OK);
	store_close(s);
	put_some(l);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void
lab_end(struct lab *l)
{
	nftw(l->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- the relay ------------------------------------------------------------
 */

/* In a process of its own, until all is delivered. */
static pid_t
spawn_relay(const struct lab *l, const char *conninfo)
{
	struct relay_conf conf = { .region = "us-east-1", .bucket = BUCKET };
	int64_t deadline = time_mono_us() + WAIT_US;
	struct relay_status now;
	struct relay *r;
	char err[512];
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	conf.store = open_store(l);
	conf.queue = queue_open(conninfo, 2, "relay");
	r = relay_start(&conf, err);
	if (!r)
		_exit(2);
	do {
		usleep(POLL_US);
		relay_status(r, &now);
	} while (now.acked_seq < now.last_seq && time_mono_us() < deadline);
	relay_stop(r);
	queue_close(conf.queue);
	store_close(conf.store);
	_exit(now.acked_seq < now.last_seq ? 3 : 0);
}

/* 0: all is delivered; a signal's number: it was killed. */
static int
relay_end(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return WTERMSIG(status);
	assert_int_equal(WEXITSTATUS(status), 0);
	return 0;
}

static void
run_relay(const struct lab *l)
{
	assert_int_equal(relay_end(spawn_relay(l, l->w->conninfo)), 0);
}

/* ---- the check ------------------------------------------------------------
 */

/* "" when each object has what its rule says, each once, and the cursor is at
 * the last event; else what is wrong. */
static const char *
verdict(const struct lab *l)
{
	unsigned last = l->videos + l->hooks + l->others;

	return sql(l->w,
		   "SELECT concat_ws(' ',"
		   " CASE WHEN (SELECT count(*) FROM videos) <> %u"
		   "  THEN 'videos' END,"
		   " CASE WHEN (SELECT count(DISTINCT payload ->> 's3Key')"
		   "  FROM job_queue WHERE type = 'process_video') <> %u OR"
		   "  (SELECT count(*) FROM job_queue"
		   "   WHERE type = 'process_video') <> %u OR"
		   "  (SELECT count(*) FROM job_queue"
		   "   WHERE type = 'ai_analysis') <> %u"
		   "  THEN 'jobs' END,"
		   " CASE WHEN (SELECT count(DISTINCT payload ->> 'key')"
		   "  FROM job_queue WHERE type = 'webhook_deliver') <> %u OR"
		   "  (SELECT count(*) FROM job_queue"
		   "   WHERE type = 'webhook_deliver') <> %u"
		   "  THEN 'hooks' END,"
		   " CASE WHEN (SELECT count(*) FROM object_events"
		   "  WHERE error IS NULL) <> %u THEN 'events' END,"
		   " CASE WHEN (SELECT count(*) FROM relay_cursor c"
		   "  JOIN object_events e ON e.epoch = c.epoch"
		   "   AND e.seq = c.last_seq AND e.event_id = c.last_event_id"
		   "  WHERE c.last_seq = %u) <> 1 THEN 'cursor' END)",
		   l->videos, l->videos, l->videos, l->videos, l->hooks,
		   l->hooks, last, last);
}

/* After the fault: a run without, more objects, another run. */
static void
recovers(struct lab *l, const char *point)
{
	run_relay(l);
	if (*verdict(l))
		fail_msg("%s: wrong are %s", point, l->w->text);
	put_some(l);
	run_relay(l);
	if (*verdict(l))
		fail_msg("%s: afterwards wrong are %s", point, l->w->text);
}

/* ---- faults inside the transaction --------------------------------------- */

#define ON(when) "CREATE TRIGGER fault " when " EXECUTE FUNCTION fault()"
static const struct {
	const char *point;
	const char *trigger;
} points[] = {
	{ "before the cursor is locked",
	  ON("BEFORE INSERT ON relay_cursor FOR EACH ROW") },
	{ "between the lock and the events",
	  ON("BEFORE INSERT ON object_events FOR EACH STATEMENT") },
	{ "between two events", ON("BEFORE INSERT ON object_events FOR EACH ROW"
				   " WHEN (NEW.seq = 7)") },
	{ "between events and videos",
	  ON("BEFORE INSERT ON videos FOR EACH STATEMENT") },
	{ "between videos and jobs",
	  ON("BEFORE INSERT ON job_queue FOR EACH STATEMENT") },
	{ "between the jobs of a video",
	  ON("BEFORE INSERT ON job_queue FOR EACH ROW"
	     " WHEN (NEW.type = 'ai_analysis')") },
	{ "between two jobs of events",
	  ON("BEFORE INSERT ON job_queue FOR EACH ROW"
	     " WHEN (NEW.payload ->> 'key' = 'in/2')") },
	{ "between jobs and cursor",
	  ON("BEFORE UPDATE ON relay_cursor FOR EACH ROW") },
	{ "between cursor and commit",
	  ON("AFTER UPDATE ON relay_cursor FOR EACH ROW") },
	{ "in the commit",
	  "CREATE CONSTRAINT TRIGGER fault AFTER UPDATE ON relay_cursor"
	  " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
	  " EXECUTE FUNCTION fault()" },
};

/* The first to come to the point does that, the others nothing; a sequence
 * counts, because no rollback turns it back. */
static void
make_fault(struct world *w, const char *trigger, const char *action)
{
	sql(w,
	    "CREATE SEQUENCE faults;"
	    "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql"
	    " SECURITY DEFINER AS $$ BEGIN"
	    " IF nextval('faults') = 1 THEN PERFORM %s; END IF;"
	    " RETURN NEW; END $$; %s",
	    action, trigger);
}

/* Fails unless the point was reached: a fault that never came proves nothing.
 */
static void
assert_came(struct world *w, const char *point)
{
	if (strcmp(sql(w, "SELECT is_called FROM faults"), "t") != 0)
		fail_msg("%s: was never reached", point);
}

static void
test_relay_recovers_when_its_backend_dies(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		struct lab l;

		if (i > 0)
			setup(state);
		lab_begin(&l, *state);
		make_fault(l.w, points[i].trigger,
			   "pg_terminate_backend(pg_backend_pid()),"
			   " pg_sleep(60)");
		run_relay(&l); /* the same process goes on */
		assert_came(l.w, points[i].point);
		recovers(&l, points[i].point);
		lab_end(&l);
		if (i + 1 < ARRAY_LEN(points))
			teardown(state);
	}
}

/* Kills the relay while its backend waits at the point, then the backend. */
static void
kill_at_the_point(struct lab *l, pid_t pid, const char *point)
{
	static const char waits[] =
	    "SELECT count(*) FROM pg_stat_activity"
	    " WHERE datname = current_database() AND wait_event = 'PgSleep'";
	int64_t deadline = time_mono_us() + WAIT_US;

	while (strcmp(sql(l->w, "%s", waits), "1") != 0) {
		if (time_mono_us() > deadline)
			fail_msg("%s: was never reached", point);
		usleep(POLL_US);
	}
	kill(pid, SIGKILL);
	assert_int_equal(relay_end(pid), SIGKILL);
	sql(l->w, "SELECT count(pg_terminate_backend(pid, 5000))"
		  " FROM pg_stat_activity WHERE datname = current_database()"
		  " AND wait_event = 'PgSleep'");
}

static void
test_relay_recovers_when_its_process_dies(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		struct lab l;

		if (i > 0)
			setup(state);
		lab_begin(&l, *state);
		make_fault(l.w, points[i].trigger, "pg_sleep(60)");
		kill_at_the_point(&l, spawn_relay(&l, l.w->conninfo),
				  points[i].point);
		recovers(&l, points[i].point);
		lab_end(&l);
		if (i + 1 < ARRAY_LEN(points))
			teardown(state);
	}
}

/* ---- faults of the connection ---------------------------------------------
 */

static const struct {
	const char *point;
	struct pg_cut cut;
} cuts[] = {
	{ "the batch is not sent", { true, 'B', "relay_batch", NULL } },
	{ "the batch's answer is lost", { false, 'D', "", "relay_batch" } },
	/* The end of the pipeline commits; it is answered by ReadyForQuery. */
	{ "the commit is not sent", { true, 'S', "", "relay_batch" } },
	{ "the commit's answer is lost", { false, 'Z', "", "relay_batch" } },
};

static void
test_relay_recovers_from_a_cut_connection(void **state)
{
	const char *pg = getenv("REELGATE_TEST_PG");
	char dir[80], socket_path[108];

	assert_int_equal(sscanf(pg, "host=%79s", dir), 1);
	snprintf(socket_path, sizeof(socket_path), "%s/.s.PGSQL.5432", dir);
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		struct pg_proxy proxy;
		char conninfo[512];
		struct lab l;

		if (i > 0)
			setup(state);
		lab_begin(&l, *state);
		assert_true(pg_proxy_start(&proxy, socket_path, &cuts[i].cut));
		snprintf(conninfo, sizeof(conninfo),
			 "host=127.0.0.1 port=%u dbname=%s user=reelgate"
			 " sslmode=disable gssencmode=disable",
			 proxy.port, l.w->name);
		assert_int_equal(relay_end(spawn_relay(&l, conninfo)), 0);
		if (!proxy.done)
			fail_msg("%s: was never reached", cuts[i].point);
		pg_proxy_stop(&proxy);
		recovers(&l, cuts[i].point);
		lab_end(&l);
		if (i + 1 < ARRAY_LEN(cuts))
			teardown(state);
	}
}

/* ---- faults between commit and acknowledgement ----------------------------
 */

static void
dies_at_the_acknowledgement(void **state, int where, const char *point)
{
	struct lab l;
	pid_t pid;

	lab_begin(&l, *state);
	death = where;
	pid = spawn_relay(&l, l.w->conninfo);
	death = LIVE;
	assert_int_equal(relay_end(pid), SIGKILL);
	recovers(&l, point);
	lab_end(&l);
}

static void
test_relay_recovers_when_killed_before_the_acknowledgement(void **state)
{
	dies_at_the_acknowledgement(state, DIE_BEFORE_ACK,
				    "before the acknowledgement");
}

static void
test_relay_recovers_when_killed_after_the_acknowledgement(void **state)
{
	dies_at_the_acknowledgement(state, DIE_AFTER_ACK,
				    "after the acknowledgement");
}

/* ---- a database that is too slow for a whole batch -------------------------
 */

static void
test_relay_goes_on_in_smaller_batches(void **state)
{
	struct lab l;

	lab_begin(&l, *state);
	sql(l.w, "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$"
		 " BEGIN IF (SELECT count(*) FROM added) > 3 THEN"
		 "  RAISE 'takes too long' USING ERRCODE = '57014';"
		 " END IF; RETURN NULL; END $$;"
		 "CREATE TRIGGER slow AFTER INSERT ON object_events"
		 " REFERENCING NEW TABLE AS added FOR EACH STATEMENT"
		 " EXECUTE FUNCTION slow()");
	recovers(&l, "batches that take too long");
	lab_end(&l);
}

/* ---- controls -------------------------------------------------------------
 */

/* A store that forgets events before they were delivered. */
static void
test_check_catches_an_outbox_trimmed_early(void **state)
{
	struct lab l;
	struct store *s;
	struct store_info info;

	lab_begin(&l, *state);
	l.retention_ms = 1;
	s = open_store(&l);
	assert_int_equal(store_info(s, &info), S3_OK);
	assert_int_equal(__real_store_events_ack(s, info.last_seq), S3_OK);
	usleep(3000); /* longer than it keeps delivered events now */
	assert_int_equal(outbox_trim(local_of(s)), S3_OK);
	store_close(s);
	put_some(&l);
	run_relay(&l);
	assert_string_equal(verdict(&l), "videos jobs hooks events");
	lab_end(&l);
}

/* A database that does not keep the cursor. */
static void
test_check_catches_a_cursor_that_stands(void **state)
{
	struct lab l;

	lab_begin(&l, *state);
	sql(l.w, "CREATE FUNCTION stand() RETURNS trigger LANGUAGE plpgsql AS"
		 " 'BEGIN RETURN OLD; END';"
		 "CREATE TRIGGER stand BEFORE UPDATE ON relay_cursor"
		 " FOR EACH ROW EXECUTE FUNCTION stand()");
	run_relay(&l);
	/* what was delivered is not doubled even so: events have their rows */
	assert_string_equal(verdict(&l), "cursor");
	put_some(&l);
	run_relay(&l);
	assert_string_equal(verdict(&l), "cursor");
	lab_end(&l);
}

/* Neither cursor nor the rows that know what was delivered. */
static void
test_check_catches_deleted_dedupe_rows(void **state)
{
	struct lab l;

	lab_begin(&l, *state);
	run_relay(&l);
	assert_string_equal(verdict(&l), "");
	/* the cursor alone is enough to know */
	sql(l.w, "DELETE FROM object_events;"
		 "UPDATE job_queue SET dedupe_key = NULL,"
		 " id = gen_random_uuid(), parent_id = NULL;"
		 "UPDATE videos SET content = NULL, seq = 0");
	put_some(&l);
	run_relay(&l);
	assert_string_equal(verdict(&l), "events");
	sql(l.w, "DELETE FROM relay_cursor; DELETE FROM object_events;"
		 "UPDATE job_queue SET dedupe_key = NULL,"
		 " id = gen_random_uuid(), parent_id = NULL;"
		 "UPDATE videos SET content = NULL, seq = 0");
	put_some(&l);
	run_relay(&l);
	assert_string_equal(verdict(&l), "jobs hooks");
	lab_end(&l);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_DB(test_relay_recovers_when_its_backend_dies),
		TEST_WITH_DB(test_relay_recovers_when_its_process_dies),
		TEST_WITH_DB(test_relay_recovers_from_a_cut_connection),
		TEST_WITH_DB(
		    test_relay_recovers_when_killed_before_the_acknowledgement),
		TEST_WITH_DB(
		    test_relay_recovers_when_killed_after_the_acknowledgement),
		TEST_WITH_DB(test_relay_goes_on_in_smaller_batches),
		TEST_WITH_DB(test_check_catches_an_outbox_trimmed_early),
		TEST_WITH_DB(test_check_catches_a_cursor_that_stands),
		TEST_WITH_DB(test_check_catches_deleted_dedupe_rows),
	};

	(void)argc;
	fixture_start(argv);
	return cmocka_run_group_tests_name("relay_faults", tests, make_template,
					   drop_template);
}
