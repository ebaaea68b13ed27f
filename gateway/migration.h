/*
 * migration.h - the one migration that a running gateway may have: between its
 * local store, which with REELGATE_BACKEND=s3 is the journal, and another S3.
 * It runs in a thread of its own, beside the service, until it is done.
 * Threads: any.
 */
#ifndef GATEWAY_MIGRATION_H
#define GATEWAY_MIGRATION_H

#include "base/conf.h"
#include "gateway/migrate/migrate.h"
#include "queue/queue.h"

struct migration;
struct migration_ask {
	bool to_s3; /* else from there */
	const char *endpoint;
	const char *region;
	const char *access_key;
	const char *secret_key;
	const char *session_token;    /* "": none */
	const char *addressing_style; /* as S3_ADDRESSING_STYLE */
	const char *ca_file;	      /* "": the system's */
	struct slice bucket;	      /* empty: all */
	struct slice prefix;
	uint64_t rate;
	bool dry_run, verify_only, remove_extra, restart, remove_source;
};

/* @served: what the gateway serves, by these settings; @queue: the videos of
 * its objects. All outlive it. */
struct migration *migration_new(struct store *served, const struct conf *conf,
				struct queue *queue);
void migration_free(struct migration *m); /* stops it; NULL is fine */
/* 0, or -1 with one line in err: it runs already, no such endpoint. */
int MUST_CHECK migration_start(struct migration *m,
			       const struct migration_ask *ask, char err[512]);
void migration_stop(struct migration *m);
/* Of the one that runs, or ran last. @switched: the target is served. */
void migration_status(struct migration *m, struct migrate_status *out,
		      bool *switched);

#endif
