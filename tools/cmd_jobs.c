/*
 * reelgate admin jobs - looks at jobs and steers them, in the database.
 */
#include "base/timeval.h"
#include "queue/queue.h"
#include "tools/command.h"

#define LIST_MAX 100
#define ANSWER_MAX (64u << 20)

struct admin {
	struct conf conf;
	struct queue *queue;
	struct arena arena;
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
	static const char *const statuses[] = { "pending", "processing",
						"completed", "failed",
						"cancelled" };

	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		if (strcmp(word, statuses[i]) == 0)
			return true;
	return false;
}

static int
jobs_list(struct admin *a, const char *status)
{
	enum queue_error error;
	struct queue_job *jobs;
	char created[TIME_TEXT_MAX];
	size_t n;

	if (status && !is_status(status))
		return complain(EX_USAGE,
				"%s: no status of pending, processing, "
				"completed, failed, cancelled",
				status);
	error =
	    queue_job_list(a->queue, status, LIST_MAX, &a->arena, &jobs, &n);
	if (error != QUEUE_OK)
		return report(error, "jobs");
	printf("%-36s  %-14s %-10s %8s %5s  %-24s  %s\n", "id", "type",
	       "status", "attempts", "%", "created", "error");
	for (size_t i = 0; i < n; i++)
		printf("%-36s  %-14s %-10s %4d of %d %5d  %-24s  %s\n",
		       jobs[i].id, jobs[i].type, jobs[i].status,
		       jobs[i].attempts, jobs[i].max_attempts, jobs[i].progress,
		       time_text(jobs[i].created_us, created),
		       jobs[i].error ? jobs[i].error : "");
	return EX_OK;
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
			       time_text(times[i].us, text));
	return EX_OK;
}

static int
jobs_retry(struct admin *a, const char *id)
{
	return report(queue_job_retry(a->queue, id), id);
}

static int
jobs_cancel(struct admin *a, const char *id)
{
	return report(queue_job_cancel(a->queue, id), id);
}

static int
jobs_stats(struct admin *a, const char *unused)
{
	const char *json;
	enum queue_error error = queue_job_stats(a->queue, &a->arena, &json);

	(void)unused;
	if (error == QUEUE_OK)
		puts(json);
	return report(error, "stats");
}

static const struct {
	const char *verb;
	int (*run)(struct admin *a, const char *arg);
	enum { NO_ARG, OPTIONAL_ARG, NEEDS_ARG } arg;
} actions[] = {
	{ "list", jobs_list, OPTIONAL_ARG },
	{ "show", jobs_show, NEEDS_ARG },
	{ "retry", jobs_retry, NEEDS_ARG },
	{ "cancel", jobs_cancel, NEEDS_ARG },
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
	int status;

	if (!a->conf.database_url[0])
		return complain(EX_CONFIG,
				"no database: DATABASE_URL is unset and "
				"reelgate up does not run on %s",
				a->conf.data);
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
	const struct option options[] = { OPTIONS_COMMON(config, data) };
	const struct command_line line = {
		.usage = "reelgate admin jobs list [STATUS] | show ID | "
			 "retry ID | cancel ID | stats",
		.about = "  list [STATUS] the newest jobs, of one status "
			 "or all\n"
			 "  show ID       everything about one job\n"
			 "  retry ID      run a failed job again\n"
			 "  cancel ID     stop a job, or keep it from "
			 "starting\n"
			 "  stats         counts and latencies, as JSON\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 2,
		.args_max = 3,
	};
	struct admin a = { 0 };
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
