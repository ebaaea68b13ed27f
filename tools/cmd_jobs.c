/*
 * reelgate admin jobs - looks at jobs and steers them, in the database.
 */
#include "base/json.h"
#include "base/timeval.h"
#include "queue/queue.h"
#include "tools/command.h"

#define LIST_MAX "100"
#define ANSWER_MAX (64u << 20)

struct admin {
	struct conf conf;
	struct queue *queue;
	struct arena arena;
	/* options */
	const char *type, *video, *user, *older, *newer, *limit, *max;
	bool all, json;
};

static int
report(enum queue_error error, const char *what)
{
	static const struct {
		enum queue_error error;
		int status;
		const char *text;
	} table[] = {
		{ QUEUE_NOT_FOUND, EXIT_FAILURE, "there is no such job" },
		{ QUEUE_CONFLICT, EXIT_FAILURE,
		  "its status does not allow that" },
		{ QUEUE_UNAVAILABLE, EX_UNAVAILABLE,
		  "the database does not answer: does reelgate up run?" },
	};

	if (error == QUEUE_OK)
		return EX_OK;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].error == error)
			return complain(table[i].status, "%s: %s", what,
					table[i].text);
	return complain(EX_SOFTWARE, "%s: the database refused", what);
}

static const char *
time_text(int64_t us, char out[TIME_TEXT_MAX])
{
	if (us)
		time_format_iso(us, out);
	else
		snprintf(out, TIME_TEXT_MAX, "-");
	return out;
}

static bool
is_status(const char *word)
{
	static const char *const statuses[] = { "pending",   "processing",
						"completed", "failed",
						"cancelled", "dead" };

	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (strcmp(word, statuses[i]) == 0)
			return true;
	return false;
}

/* --older and --newer, as the instants before and after which jobs were made;
 * GO_ON, or EX_USAGE after a complaint. */
static int
read_age(const char *option, const char *text, int64_t *us)
{
	uint64_t seconds;

	if (!text)
		return GO_ON;
	if (parse_duration(text, &seconds) != 0)
		return complain(EX_USAGE, "%s: no time like 90, 15m, 1h or 7d",
				option);
	*us = time_now_us() - (int64_t)seconds * US_PER_S;
	return GO_ON;
}

static int
read_filter(const struct admin *a, const char *status,
	    struct queue_job_filter *f)
{
	uint64_t limit;
	int rc;

	*f = (struct queue_job_filter){ .status = status,
					.type = a->type,
					.video_id = a->video,
					.user_id = a->user };
	if (status && !is_status(status))
		return complain(EX_USAGE,
				"%s: no status of pending, processing, "
				"completed, failed, cancelled, dead",
				status);
	if (slice_u64(slice_str(a->limit ? a->limit : LIST_MAX), &limit) != 0 ||
	    limit == 0 || limit > UINT32_MAX)
		return complain(EX_USAGE, "--limit: no number above 0");
	f->limit = (uint32_t)limit;
	rc = read_age("--older", a->older, &f->created_before_us);
	return rc == GO_ON ? read_age("--newer", a->newer, &f->created_after_us)
			   : rc;
}

static int
jobs_list(struct admin *a, const char *status)
{
	enum queue_error error;
	struct queue_job_filter filter;
	struct queue_job *jobs;
	char created[TIME_TEXT_MAX];
	size_t n;
	int rc = read_filter(a, status, &filter);

	if (rc != GO_ON)
		return rc;
	error = queue_job_list(a->queue, &filter, &a->arena, &jobs, &n);
	if (error == QUEUE_NOT_FOUND)
		return complain(EX_USAGE, "--video, --user: no UUID");
	if (error != QUEUE_OK)
		return report(error, "jobs");
	printf("%-36s  %-15s %-10s %8s %5s  %-24s  %s\n", "id", "type",
	       "status", "attempts", "%", "created", "error");
	for (size_t i = 0; i < n; i++)
		printf("%-36s  %-15s %-10s %4d of %d %5d  %-24s  %s\n",
		       jobs[i].id, jobs[i].type, jobs[i].status,
		       jobs[i].attempts, jobs[i].max_attempts, jobs[i].progress,
		       time_text(jobs[i].created_us, created),
		       jobs[i].error ? jobs[i].error : "");
	return EX_OK;
}

/* What went wrong, run after run. */
static void
print_history(struct admin *a, const char *id)
{
	const char *errors = NULL, *worker = NULL;
	const cJSON *run;
	cJSON *list;
	int64_t attempt;

	if (queue_job_history(a->queue, id, &a->arena, &errors, &worker) !=
	    QUEUE_OK)
		return;
	if (worker)
		printf("%-10s %s\n", "worker", worker);
	list = json_parse(slice_str(errors));
	cJSON_ArrayForEach(run, list)
	{
		const char *at = json_str(run, "at");
		const char *said = json_str(run, "error");

		if (json_int(run, "attempt", &attempt))
			printf("%-10s %lld at %s: %s\n", "try",
			       (long long)attempt, at ? at : "-",
			       said ? said : "-");
	}
	cJSON_Delete(list);
}

static int
jobs_show(struct admin *a, const char *id)
{
	char text[TIME_TEXT_MAX];
	struct queue_job j = { 0 };
	enum queue_error error = queue_job_get(a->queue, id, &a->arena, &j);
	const struct {
		const char *name;
		const char *value;
	} texts[] = { { "type", j.type },	  { "status", j.status },
		      { "priority", j.priority }, { "user", j.user_id },
		      { "video", j.video_id },	  { "bucket", j.bucket },
		      { "key", j.s3_key },	  { "payload", j.payload },
		      { "result", j.result },	  { "error", j.error } };
	const struct {
		const char *name;
		int64_t us;
	} times[] = { { "created", j.created_us },
		      { "due", j.run_at_us },
		      { "started", j.started_us },
		      { "completed", j.completed_us } };

	if (error != QUEUE_OK)
		return report(error, id);
	printf("%-10s %s\n%-10s %d of %d\n%-10s %d %%\n", "id", j.id,
	       "attempts", j.attempts, j.max_attempts, "progress", j.progress);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].value)
			printf("%-10s %s\n", texts[i].name, texts[i].value);
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		if (times[i].us)
			printf("%-10s %s\n", times[i].name,
			       times[i].us == INT64_MAX
				   ? "after the job it waits for"
				   : time_text(times[i].us, text));
	print_history(a, j.id);
	return EX_OK;
}

static int
jobs_retry(struct admin *a, const char *id)
{
	enum queue_error error;
	size_t n;

	if (!id == !a->all)
		return complain(EX_USAGE, "retry: an ID, or --all");
	if (id)
		return report(queue_job_retry(a->queue, id), id);
	error = queue_jobs_retry(a->queue, a->type, &n);
	if (error == QUEUE_OK)
		printf("%zu jobs\n", n);
	return report(error, "retry");
}

static int
jobs_cancel(struct admin *a, const char *id)
{
	return report(queue_job_cancel(a->queue, id), id);
}

/* A limit for a type over all processors. */
static int
jobs_limit(struct admin *a, const char *type)
{
	uint64_t max = 0;
	bool none = a->max && strcmp(a->max, "none") == 0;

	if (!a->max || (!none && (slice_u64(slice_str(a->max), &max) != 0 ||
				  max > INT32_MAX)))
		return complain(EX_USAGE, "limit: --max N or --max none");
	return report(queue_job_limit(a->queue, type, none ? -1 : (int)max),
		      type);
}

static double
number_of(const cJSON *object, const char *name)
{
	double v;

	return json_num(object, name, &v) ? v : 0;
}

static void
print_stats(const cJSON *stats)
{
	static const char *const statuses[] = { "pending", "processing",
						"completed", "failed",
						"cancelled" };
	static const struct {
		const char *name, *what;
	} figures[] = {
		{ "workers", "processors" },
		{ "leases_expired", "processors that fell silent" },
		{ "failed_for_good", "jobs failed for good" },
		{ "events_put_aside", "events put aside" },
		{ "dead_rows", "rows for the vacuum" },
	};
	const cJSON *counts = cJSON_GetObjectItem(stats, "counts");
	const cJSON *due = cJSON_GetObjectItem(stats, "oldest_due_seconds");
	const cJSON *took = cJSON_GetObjectItem(stats, "duration_seconds");
	const cJSON *limits = cJSON_GetObjectItem(stats, "limits");
	const cJSON *type;
	int64_t limit;

	printf("%-16s", "type");
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		printf(" %10s", statuses[i]);
	printf(" %9s %8s %8s %6s\n", "due for", "p50", "p95", "limit");
	cJSON_ArrayForEach(type, counts)
	{
		const cJSON *its = cJSON_GetObjectItem(took, type->string);

		printf("%-16s", type->string);
		for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
			printf(" %10.0f", number_of(type, statuses[i]));
		printf(" %8.0fs %7.1fs %7.1fs", number_of(due, type->string),
		       number_of(its, "p50"), number_of(its, "p95"));
		if (json_int(limits, type->string, &limit))
			printf(" %6lld\n", (long long)limit);
		else
			printf(" %6s\n", "-");
	}
	for (size_t i = 0; i < ARRAY_LEN(figures); i++)
		printf("%.0f %s\n", number_of(stats, figures[i].name),
		       figures[i].what);
}

static int
jobs_stats(struct admin *a, const char *unused)
{
	const char *text;
	enum queue_error error = queue_job_stats(a->queue, &a->arena, &text);
	cJSON *stats;

	(void)unused;
	if (error != QUEUE_OK)
		return report(error, "stats");
	if (a->json) {
		puts(text);
		return EX_OK;
	}
	stats = json_parse(slice_str(text));
	if (!stats)
		return complain(EX_SOFTWARE, "stats: no JSON");
	print_stats(stats);
	cJSON_Delete(stats);
	return EX_OK;
}

static const struct {
	const char *verb;
	int (*run)(struct admin *a, const char *arg);
	enum { NO_ARG, OPTIONAL_ARG, NEEDS_ARG } arg;
} actions[] = {
	{ "list", jobs_list, OPTIONAL_ARG },
	{ "show", jobs_show, NEEDS_ARG },
	{ "retry", jobs_retry, OPTIONAL_ARG },
	{ "cancel", jobs_cancel, NEEDS_ARG },
	{ "limit", jobs_limit, NEEDS_ARG },
	{ "stats", jobs_stats, NO_ARG },
};

/* The row of the verb, when it has the argument it needs and no other. */
static size_t
find_action(const char *verb, const char *arg)
{
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (strcmp(verb, actions[i].verb) != 0)
			continue;
		if (arg ? actions[i].arg == NO_ARG
			: actions[i].arg == NEEDS_ARG)
			break;
		return i;
	}
	return ARRAY_LEN(actions);
}

static int
run_action(struct admin *a, size_t action, const char *arg)
{
	int status = settings_need_database(&a->conf);

	if (status != GO_ON)
		return status;
	a->queue = queue_open(a->conf.database_url, 1, "reelgate-admin");
	if (!a->queue)
		return complain(EX_OSERR, "out of memory");
	arena_init(&a->arena, ANSWER_MAX);
	status = actions[action].run(a, arg);
	queue_close(a->queue);
	arena_release(&a->arena);
	return status;
}

int
cmd_admin_jobs(int argc, char **argv)
{
	const char *config = NULL, *data = NULL, *arg;
	struct admin a = { 0 };
	const struct option options[] = {
		OPTIONS_COMMON(config, data),
		{ "--type", "TYPE", &a.type, NULL,
		  "list, retry: of this type" },
		{ "--video", "ID", &a.video, NULL, "list: of this video" },
		{ "--user", "ID", &a.user, NULL, "list: of this user" },
		{ "--older", "TIME", &a.older, NULL,
		  "list: made longer ago than 90, 15m, 1h, 7d" },
		{ "--newer", "TIME", &a.newer, NULL, "list: made since" },
		{ "--limit", "N", &a.limit, NULL,
		  "list: so many, else " LIST_MAX },
		{ "--all", NULL, NULL, &a.all,
		  "retry: all that failed for good" },
		{ "--max", "N", &a.max, NULL,
		  "limit: so many at once, or none" },
		{ "--json", NULL, NULL, &a.json, "stats: as JSON" },
	};
	const struct command_line line = {
		.usage = "reelgate admin jobs list [STATUS] | show ID | "
			 "retry ID | cancel ID | limit TYPE | stats",
		.about =
		    "  list [STATUS] the newest jobs, of one status, of those\n"
		    "                that failed for good (dead), or all\n"
		    "  show ID       everything about one job and its tries\n"
		    "  retry ID      run a failed job again; --all for those\n"
		    "                that failed for good\n"
		    "  cancel ID     stop a job, or keep it from starting\n"
		    "  limit TYPE    how many run at once over all processors\n"
		    "  stats         counts and latencies\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 2,
		.args_max = 3,
	};
	size_t action;
	int n, status = options_parse(&line, argc, argv, &n);

	if (status != GO_ON)
		return status;
	arg = n > 2 ? argv[3] : NULL;
	action = find_action(argv[2], arg);
	if (action == ARRAY_LEN(actions))
		return complain(EX_USAGE, "usage: %s", line.usage);
	status = settings_load(&a.conf, config, data);
	if (status == GO_ON)
		status = run_action(&a, action, arg);
	conf_release(&a.conf);
	return status;
}
