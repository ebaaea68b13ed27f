/*
 * reelgate admin quarantine - bytes that crashed the media worker: which are
 * held back, and letting them in again.
 */
#include "base/timeval.h"
#include "queue/queue.h"
#include "tools/command.h"

#define ANSWER_MAX (4u << 20)

static int
report(enum queue_error error, const char *what)
{
	if (error == QUEUE_OK)
		return EX_OK;
	if (error == QUEUE_NOT_FOUND)
		return complain(EXIT_FAILURE, "%s: nothing of this ETag", what);
	if (error == QUEUE_UNAVAILABLE)
		return complain(EX_UNAVAILABLE,
				"the database does not answer: does reelgate "
				"up run?");
	return complain(EX_SOFTWARE, "%s: the database refused", what);
}

static int
list(struct queue *q)
{
	struct queue_quarantine *rows;
	char at[TIME_TEXT_MAX];
	struct arena a;
	size_t n;
	int status;

	arena_init(&a, ANSWER_MAX);
	status = report(queue_quarantine_list(q, &a, &rows, &n), "list");
	for (size_t i = 0; status == EX_OK && i < n; i++) {
		const struct queue_quarantine *r = &rows[i];

		if (i == 0)
			printf("%-36s %12s %-5s %7s %7s  %-24s %-16s %s\n",
			       "etag", "size", "held", "crashes", "refused",
			       "last", "reason", "job");
		time_format_iso(r->last_us, at);
		printf("%-36s %12llu %-5s %7d %7llu  %-24s %-16s %s\n",
		       r->bytes.etag, (unsigned long long)r->bytes.size,
		       r->held ? "yes" : "no", r->crashes,
		       (unsigned long long)r->refused, at, r->reason,
		       r->job_id ? r->job_id : "-");
	}
	arena_release(&a);
	return status;
}

static int
clear(struct queue *q, const char *etag)
{
	size_t n;
	int status = report(queue_quarantine_clear(q, etag, &n), "clear");

	if (status == EX_OK)
		printf("%zu cleared\n", n);
	return status;
}

int
cmd_admin_quarantine(int argc, char **argv)
{
	const char *config = NULL, *data = NULL, *etag;
	struct conf conf = { 0 };
	struct queue *q = NULL;
	bool all = false, clears;
	const struct option options[] = {
		OPTIONS_COMMON(config, data),
		{ "--all", NULL, NULL, &all, "clear: everything" },
	};
	const struct command_line line = {
		.usage = "reelgate admin quarantine list | clear ETAG",
		.about =
		    "  list         bytes that crashed the media worker; from\n"
		    "               the second crash on they are held: no "
		    "worker\n"
		    "               reads them, their jobs fail as "
		    "quarantined\n"
		    "  clear ETAG   let them in again; --all for everything.\n"
		    "               Their jobs: reelgate admin jobs retry\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 2,
		.args_max = 3,
	};
	int n, status = options_parse(&line, argc, argv, &n);

	if (status != GO_ON)
		return status;
	etag = n > 2 ? argv[3] : NULL;
	clears = strcmp(argv[2], "clear") == 0;
	if (clears ? !etag == !all
		   : strcmp(argv[2], "list") != 0 || etag || all)
		return complain(EX_USAGE, "usage: %s", line.usage);
	status = settings_load(&conf, config, data);
	if (status == GO_ON)
		status = settings_need_database(&conf);
	if (status == GO_ON) {
		q = queue_open(conf.database_url, 1, "reelgate-admin");
		status = !q	  ? complain(EX_OSERR, "out of memory")
			 : clears ? clear(q, etag)
				  : list(q);
	}
	queue_close(q);
	conf_release(&conf);
	return status;
}
