/*
 * supervise.h - services: programs that are started, watched, logged,
 * started again when they die, and stopped in the opposite order.
 *
 * What a service prints goes, line by line, to LOG_DIR/NAME.log (kept below
 * 16 MiB, one older file beside it); its warnings and errors are shown as one
 * line each on the terminal. Children die with this process.
 * Threads: one, the one that made the supervisor.
 */
#ifndef TOOLS_SUPERVISE_H
#define TOOLS_SUPERVISE_H

#include <stdbool.h>
#include <sys/types.h>

struct service {
	const char *name; /* in messages and the log's name */
	/* Runs in the child; returns only on failure, with errno. */
	void (*exec)(void *ctx);
	void *ctx;
	int stop_signal; /* asks it to end: SIGTERM, SIGINT */
	int kill_signal; /* when it does not, within stop_ms */
	int stop_ms;
};

enum supervise_end {
	SUPERVISE_DONE,	   /* the condition holds */
	SUPERVISE_TIMEOUT, /* it did not in time */
	SUPERVISE_STOP,	   /* SIGTERM, SIGINT or SIGHUP came */
	SUPERVISE_FAILED   /* a service cannot run: its line was shown */
};

struct supervisor;
/* Takes over the signals. NULL with errno. @log_dir must outlive it. */
struct supervisor *supervisor_new(const char *log_dir);
/* Stops what still runs. NULL is fine. */
void supervisor_free(struct supervisor *s);

/* 0, or -1 with errno. The service must outlive the supervisor. */
int MUST_CHECK supervisor_start(struct supervisor *s,
				const struct service *service);
/* The process of a service now, 0 when none runs. */
pid_t supervisor_pid(const struct supervisor *s, const char *name);

/*
 * supervisor_run - watches until @until(ctx) holds (asked 20 times a second;
 * NULL: never) or timeout_ms is over (-1: never). Before supervisor_settle()
 * a service that ends is SUPERVISE_FAILED; after it, it is started again
 * after 0.2 s to 10 s, unless it ends with EX_CONFIG.
 */
enum supervise_end supervisor_run(struct supervisor *s,
				  bool (*until)(void *ctx), void *ctx,
				  int timeout_ms);
void supervisor_settle(struct supervisor *s);
/* The exit status to end with after SUPERVISE_FAILED. */
int supervisor_status(const struct supervisor *s);
/*
 * supervisor_stop - asks every service to end, the last started first, each
 * after the one before is gone. A further SIGINT or SIGTERM hurries it.
 */
void supervisor_stop(struct supervisor *s);

#endif
