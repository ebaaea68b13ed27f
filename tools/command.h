/*
 * command.h - the commands of `reelgate` and what they share: options, the
 * settings, messages. A command is a function of its own arguments
 * (argv[0] is its name) that returns the exit status of sysexits.h. Threads:
 * one.
 */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include "base/conf.h"

#include <sysexits.h> /* the exit statuses */

int cmd_up(int argc, char **argv);
int cmd_gateway(int argc, char **argv);
int cmd_processor(int argc, char **argv);
int cmd_migrate(int argc, char **argv);
int cmd_token(int argc, char **argv);
int cmd_presign(int argc, char **argv);
int cmd_admin(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_help(int argc, char **argv);

/* An option: a flag, or one with an argument ("--data DIR", "--data=DIR"). */
struct option {
	const char *name;   /* "--data" */
	const char *arg;    /* "DIR"; NULL: a flag */
	const char **value; /* set when it has an argument */
	bool *flag;	    /* set otherwise */
	const char *help;
};

struct command_line {
	const char *usage; /* "reelgate token --user UUID [--ttl TIME]" */
	const char *about; /* lines for --help, ending in a newline */
	const struct option *options;
	size_t n_options;
	int args_min, args_max; /* arguments that are no options */
};

/* The two options every command takes; use them first in the table. */
#define OPTIONS_COMMON(config, data)                             \
	{ "--config", "FILE", &(config), NULL,                   \
	  "settings: see conf/reelgate.conf" },                  \
	{                                                        \
		"--data", "DIR", &(data), NULL, "data directory" \
	}

#define GO_ON (-1)
/*
 * options_parse - reads argv by the table; "--" ends the options. Arguments
 * that are no options are moved to argv[1..*n_args].
 * Returns GO_ON, or the status to end with: EX_OK after --help, EX_USAGE
 * after one line about what is wrong.
 */
int MUST_CHECK options_parse(const struct command_line *line, int argc,
			     char **argv, int *n_args);

/* One line on stderr, "reelgate: " before it; returns @status. */
int complain(int status, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Seconds of "90", "15m", "1h" or "7d": 0, or -1. */
int MUST_CHECK parse_duration(const char *text, uint64_t *seconds);

/* conf_load() with a complaint: GO_ON, or EX_CONFIG. */
int MUST_CHECK settings_load(struct conf *c, const char *config,
			     const char *data);

#endif
