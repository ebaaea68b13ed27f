/*
 * reelgate admin events - looks at the outbox and the relay of the running
 * gateway, and has events or objects delivered again, by its admin socket
 * (gateway/admin.h).
 */
#include "base/json_write.h"
#include "tools/admin.h"
#include "tools/command.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define ANSWER_S 120
#define FOLLOW_WAIT_MS 10000

struct events_command {
	char data[PATH_MAX];
	const char *lines, *after, *bucket, *prefix;
	bool follow, aside;
	const char *seq; /* of replay */
};

static int64_t
number(const cJSON *doc, const char *name)
{
	int64_t v = 0;

	(void)json_int(doc, name, &v);
	return v;
}

/* The request is begun by the caller and ended here. */
static int
ask(const struct events_command *e, struct buf *request, cJSON **answer)
{
	json_close_object(request);
	return admin_ask(e->data, request, ANSWER_S, answer);
}

static struct buf
command(const char *name)
{
	struct buf b = BUF_INIT;

	json_open_object(&b, NULL);
	json_put_str(&b, "command", name);
	return b;
}

/* ---- tail -----------------------------------------------------------------
 */

/* Prints the records, and says where to go on; false when the output broke. */
static bool
print_records(const cJSON *answer, int64_t *after)
{
	const cJSON *record;

	cJSON_ArrayForEach(record, cJSON_GetObjectItem(answer, "events"))
	{
		char *text = json_text(record);

		if (text)
			puts(text);
		free(text);
	}
	*after = number(answer, "after");
	return fflush(stdout) == 0;
}

static int
tail(const struct events_command *e)
{
	int64_t after = e->after ? strtoll(e->after, NULL, 10) : -1;
	bool more = true;
	int status = EX_OK;

	for (bool first = true; status == EX_OK && more; first = false) {
		struct buf b = command("events tail");
		int64_t from = after;
		cJSON *answer;

		if (after >= 0)
			json_put_int(&b, "after", after);
		if (first && e->lines)
			json_put_int(&b, "max", strtoll(e->lines, NULL, 10));
		else if (!first || e->after)
			json_put_int(&b, "max", 500);
		if (!first)
			json_put_int(&b, "wait_ms",
				     e->follow ? FOLLOW_WAIT_MS : 0);
		status = ask(e, &b, &answer);
		more = status == EX_OK && print_records(answer, &after) &&
		       (e->follow || (e->after && !e->lines && after != from));
		cJSON_Delete(answer);
	}
	return status;
}

/* ---- status ---------------------------------------------------------------
 */

static void
print_aside(const cJSON *database)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, cJSON_GetObjectItem(database, "newest_aside"))
	{
		printf("  %lld %s %s/", (long long)number(e, "seq"),
		       admin_text(e, "event"), admin_text(e, "bucket"));
		admin_print_text(slice_str(admin_text(e, "key")));
		printf("\n      %s\n", admin_text(e, "error"));
	}
}

static void
print_database(const cJSON *database)
{
	const cJSON *c;

	if (!cJSON_IsObject(database)) {
		puts("database:    does not answer");
		return;
	}
	cJSON_ArrayForEach(c, cJSON_GetObjectItem(database, "cursors"))
	{
		printf("cursor:      at event %lld of epoch %s since %s\n",
		       (long long)number(c, "last_seq"), admin_text(c, "epoch"),
		       admin_text(c, "updated"));
	}
	printf("database:    %lld events kept, %lld put aside\n",
	       (long long)number(database, "events"),
	       (long long)number(database, "aside"));
	print_aside(database);
}

/* EXIT_FAILURE when an operator has something to do. */
static int
show_status(const struct events_command *e)
{
	struct buf b = command("events status");
	const cJSON *database;
	cJSON *s;
	int status = ask(e, &b, &s);

	if (status != EX_OK)
		return status;
	database = cJSON_GetObjectItem(s, "database");
	printf("deployment:  %s\n"
	       "epoch:       %s\n"
	       "relay:       %s, %lld events behind\n"
	       "outbox:      events %lld to %lld, delivered up to %lld\n",
	       admin_text(s, "deployment"), admin_text(s, "epoch"),
	       admin_text(s, "state"), (long long)number(s, "lag"),
	       (long long)number(s, "kept_from"),
	       (long long)number(s, "last_seq"),
	       (long long)number(s, "acked_seq"));
	print_database(database);
	if (strcmp(admin_text(s, "state"), "running") != 0 ||
	    !cJSON_IsObject(database) || number(database, "aside"))
		status = EXIT_FAILURE;
	cJSON_Delete(s);
	return status;
}

/* ---- replay ---------------------------------------------------------------
 */

static int
replay_one(const struct events_command *e)
{
	struct buf b = command("events replay");
	cJSON *answer;
	uint64_t seq;
	int status;

	if (slice_u64(slice_str(e->seq), &seq) != 0 || seq > INT64_MAX) {
		buf_release(&b);
		return complain(EX_USAGE, "%s: no number of an event", e->seq);
	}
	json_put_u64(&b, "seq", seq);
	status = ask(e, &b, &answer);
	if (status == EX_OK && json_bool(answer, "aside", false))
		status = complain(EXIT_FAILURE,
				  "event %s is put aside again: reelgate admin "
				  "events status says why",
				  e->seq);
	else if (status == EX_OK)
		printf("event %s is applied\n", e->seq);
	cJSON_Delete(answer);
	return status;
}

static int
replay_aside(const struct events_command *e)
{
	int64_t after = 0, seen = 0, aside = 0, gone = 0, some;
	int status;

	do {
		struct buf b = command("events replay");
		cJSON *answer;

		json_put_int(&b, "after", after);
		status = ask(e, &b, &answer);
		if (status != EX_OK)
			return status;
		some = number(answer, "seen");
		seen += some;
		aside += number(answer, "aside");
		gone += number(answer, "gone");
		after = number(answer, "after");
		cJSON_Delete(answer);
	} while (some);
	printf("%lld put aside, %lld of them applied now\n", (long long)seen,
	       (long long)(seen - aside - gone));
	if (gone)
		printf("%lld are no longer in the outbox: events resync makes "
		       "what they would have made\n",
		       (long long)gone);
	return aside || gone ? EXIT_FAILURE : EX_OK;
}

/* ---- resync ---------------------------------------------------------------
 */

static int
resync_bucket(const struct events_command *e, const char *bucket)
{
	struct progress progress = { 0 };
	uint64_t seen = 0, matched = 0, made = 0;
	cJSON *answer = NULL;
	bool more = true;
	int status = EX_OK;

	while (status == EX_OK && more) {
		struct buf b = command("events resync");
		const char *after = answer ? json_str(answer, "after") : NULL;

		json_put_str(&b, "bucket", bucket);
		json_put_str(&b, "prefix", e->prefix ? e->prefix : "");
		json_put_str(&b, "after", after ? after : "");
		cJSON_Delete(answer);
		status = ask(e, &b, &answer);
		seen += (uint64_t)number(answer, "seen");
		matched += (uint64_t)number(answer, "matched");
		made += (uint64_t)number(answer, "made");
		more = answer && json_str(answer, "after");
		progress_show(&progress, bucket, seen, 0);
	}
	cJSON_Delete(answer);
	progress_clear(&progress);
	if (status == EX_OK)
		printf("%s: %llu objects, %llu are to have a video, %llu had "
		       "none\n",
		       bucket, (unsigned long long)seen,
		       (unsigned long long)matched, (unsigned long long)made);
	return status;
}

static int
resync(const struct events_command *e)
{
	struct buf b = command("events resync");
	const cJSON *bucket;
	cJSON *answer;
	int status;

	if (e->bucket) {
		buf_release(&b);
		return resync_bucket(e, e->bucket);
	}
	status = ask(e, &b, &answer);
	cJSON_ArrayForEach(bucket, cJSON_GetObjectItem(answer, "buckets"))
	{
		if (status == EX_OK && cJSON_IsString(bucket))
			status = resync_bucket(e, bucket->valuestring);
	}
	cJSON_Delete(answer);
	return status;
}

/* ---- the command line -----------------------------------------------------
 */

static bool
is_number(const char *s)
{
	uint64_t v;

	return !s || (slice_u64(slice_str(s), &v) == 0 && v <= INT64_MAX);
}

static int
run(struct events_command *e, const char *verb, const char *usage)
{
	static const struct {
		const char *verb;
		int (*run)(const struct events_command *e);
	} verbs[] = {
		{ "tail", tail },
		{ "status", show_status },
		{ "resync", resync },
	};

	if (!is_number(e->lines) || !is_number(e->after))
		return complain(EX_USAGE, "usage: %s", usage);
	if (strcmp(verb, "replay") == 0 && e->aside == !e->seq)
		return e->aside ? replay_aside(e) : replay_one(e);
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (strcmp(verb, verbs[i].verb) == 0 && !e->seq && !e->aside)
			return verbs[i].run(e);
	return complain(EX_USAGE, "usage: %s", usage);
}

int
cmd_admin_events(int argc, char **argv)
{
	struct events_command e = { 0 };
	const char *config = NULL, *data = NULL;
	const struct option options[] = {
		OPTIONS_COMMON(config, data),
		{ "--lines", "N", &e.lines, NULL,
		  "tail: so many at most, up to 500; 10 when --after is "
		  "absent" },
		{ "--after", "SEQ", &e.after, NULL,
		  "tail: all behind that event" },
		{ "--follow", NULL, NULL, &e.follow,
		  "tail: wait for more, until interrupted" },
		{ "--aside", NULL, NULL, &e.aside,
		  "replay: every event that was put aside" },
		{ "--bucket", "NAME", &e.bucket, NULL,
		  "resync: that bucket; else all whose rules make videos" },
		{ "--prefix", "TEXT", &e.prefix, NULL,
		  "resync: keys that begin so" },
	};
	const struct command_line line = {
		.usage = "reelgate admin events tail|status|replay|resync "
			 "[SEQ] [OPTIONS]",
		.about =
		    "  tail        print events of the outbox, one JSON record "
		    "a line\n"
		    "  status      how far the relay is, and what was put "
		    "aside\n"
		    "  replay SEQ  apply a delivered event anew; --aside: all "
		    "put aside\n"
		    "  resync      give videos and jobs to objects that have "
		    "none\n"
		    "Status 1 of status: the relay does not run, or events are "
		    "put aside; of\n"
		    "replay: some could not be applied.\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 2,
		.args_max = 3,
	};
	int n, status = options_parse(&line, argc, argv, &n);

	if (status != GO_ON)
		return status;
	e.seq = n > 2 ? argv[3] : NULL;
	status = settings_data_dir(config, data, e.data, sizeof(e.data));
	return status == GO_ON ? run(&e, argv[2], line.usage) : status;
}
