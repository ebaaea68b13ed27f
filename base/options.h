/*
 * options.h - the command line of every program, read by a table. --help is
 * printed from the same table that parses, so that the two cannot differ.
 * Threads: one.
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/slice.h"

#include <sysexits.h> /* the exit statuses */

/* An option: a flag, or one with an argument ("--data DIR", "--data=DIR"). */
struct option {
	const char *name;   /* "--data" */
	const char *arg;    /* "DIR"; NULL: a flag */
	const char **value; /* set when it has an argument */
	bool *flag;	    /* set otherwise */
	const char *help;
};

struct command_line {
	const char *usage;   /* "reelgate token --user UUID [--ttl TIME]" */
	const char *about;   /* lines for --help, ending in a newline */
	const char *version; /* what --version prints; NULL: no such option */
	const struct option *options;
	size_t n_options;
	int args_min, args_max; /* arguments that are no options */
};

/* The two options every program takes; use them first in the table. */
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
 * Returns GO_ON, or the status to end with: EX_OK after --help or --version,
 * EX_USAGE after one line about what is wrong.
 */
int MUST_CHECK options_parse(const struct command_line *line, int argc,
			     char **argv, int *n_args);

#endif
