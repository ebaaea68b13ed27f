/*
 * admin_command.h - one command of the admin socket, between its server
 * (admin.c) and the files with the commands (admin_*.c). A new command is a
 * function declared here and a row of the table in admin.c; what it asks and
 * answers stands in admin.h.
 *
 * Threads: each peer has its own, so a command may take its time, and two may
 * run at once.
 */
#ifndef GATEWAY_ADMIN_COMMAND_H
#define GATEWAY_ADMIN_COMMAND_H

#include "gateway/admin.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "store/care.h"

struct admin_command {
	const struct admin_conf *conf;
	struct store *store;
	struct accounts *accounts;
	const cJSON *request;
	struct buf *answer; /* inside the document's braces */
	struct arena arena;
	int fd;	    /* of the peer, for commands that wait for it */
	int stop;   /* readable once the gateway is to end: poll it */
	int passed; /* descriptor that came with the request, or -1 */
	char err[512];
};

/* A text of the request; empty when absent. */
struct slice admin_argument(const struct admin_command *c, const char *name);

/*
 * admin_answer_early - sends what c->answer holds as the answer, and leaves it
 * empty: for commands that go on while the peer waits or works. One that has
 * sent its answer returns 0 and sends no other. 0 or -1: the peer is gone.
 */
int MUST_CHECK admin_answer_early(struct admin_command *c);

/* The commands: 0 with the answer's members, or -1 with one line in c->err. */
int admin_user_add(struct admin_command *c);
int admin_user_list(struct admin_command *c);
int admin_user_remove(struct admin_command *c);
int admin_key_add(struct admin_command *c);
int admin_key_remove(struct admin_command *c);
int admin_backup(struct admin_command *c);
int admin_scrub_start(struct admin_command *c);
int admin_scrub_stop(struct admin_command *c);
int admin_scrub_status(struct admin_command *c);
int admin_migrate_start(struct admin_command *c);
int admin_migrate_stop(struct admin_command *c);
int admin_migrate_status(struct admin_command *c);
int admin_events_tail(struct admin_command *c);
int admin_events_status(struct admin_command *c);
int admin_events_replay(struct admin_command *c); /* admin_replay.c */
int admin_events_resync(struct admin_command *c); /* admin_resync.c */

#endif
