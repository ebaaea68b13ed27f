/*
 * command.h - the commands of `reelgate` and what they share: messages,
 * settings, times. A command is a function of its own arguments
 * (argv[0] is its name) that returns the exit status of sysexits.h. Threads:
 * one.
 */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include "base/conf.h"
#include "base/options.h"

int cmd_up(int argc, char **argv);
int cmd_gateway(int argc, char **argv);
int cmd_processor(int argc, char **argv);
int cmd_migrate(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_presign(int argc, char **argv);
int cmd_admin(int argc, char **argv);
/* `reelgate admin ...`, by the table in cmd_admin.c: argv[0] is "admin", and
 * the command's own word stands among the arguments. */
int cmd_admin_info(int argc, char **argv);
int cmd_admin_jobs(int argc, char **argv);
int cmd_admin_quarantine(int argc, char **argv);
int cmd_admin_events(int argc, char **argv);
int cmd_admin_accounts(int argc, char **argv); /* `user` and `key` */
int cmd_admin_scrub(int argc, char **argv);
int cmd_admin_fsck(int argc, char **argv);
int cmd_admin_migrate(int argc, char **argv);
int cmd_admin_backup(int argc, char **argv);
int cmd_admin_restore(int argc, char **argv);
int cmd_admin_new_epoch(int argc, char **argv);

/* One line on stderr, "reelgate: " before it; returns @status. */
int complain(int status, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Seconds of "90", "15m", "1h" or "7d": 0, or -1. */
int MUST_CHECK parse_duration(const char *text, uint64_t *seconds);

/* conf_load() with a complaint: GO_ON, or EX_CONFIG. */
int MUST_CHECK settings_load(struct conf *c, const char *config,
			     const char *data);
/* That there is a database, else with a complaint EX_CONFIG. */
int MUST_CHECK settings_need_database(const struct conf *c);
/* conf_data_dir() with a complaint: GO_ON, or EX_CONFIG. */
int MUST_CHECK settings_data_dir(const char *config, const char *data,
				 char *out, size_t size);

#endif
