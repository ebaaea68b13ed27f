/*
 * postgres.h - the private PostgreSQL of `reelgate up`: a cluster in
 * DATA/postgres that listens on a unix socket only and knows its users by the
 * operating system (peer authentication, no password). Threads: one.
 */
#ifndef TOOLS_POSTGRES_H
#define TOOLS_POSTGRES_H

#include "base/buf.h"

#include <limits.h>
#include <sys/types.h>

struct postgres {
	char data[PATH_MAX]; /* the cluster */
	char run[PATH_MAX];  /* the folder of the socket */
	char log[PATH_MAX];  /* what making the cluster printed */
};

/*
 * postgres_prepare - makes the cluster with its database `reelgate` when it
 * is absent: whole or not at all. Call as the user that will run it.
 * 0, or -1 with one line in err (512 bytes).
 */
int MUST_CHECK postgres_prepare(struct postgres *p, const char *data_dir,
				char err[512]);
/* Becomes the server; returns only on failure. @p: struct postgres. */
void postgres_exec(void *p);
/* Whether the server with this process id accepts connections. */
bool postgres_ready(const struct postgres *p, pid_t pid);
/* Appends the connection URL of a role: "reelgate", or "postgres". */
void postgres_url(const struct postgres *p, const char *role, struct buf *out);

#endif
