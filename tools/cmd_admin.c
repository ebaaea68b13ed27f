/*
 * reelgate admin - the operator's commands. Each is a row of the table, with a
 * function that reads the whole command line, its own word included.
 */
#include "tools/command.h"
#include "base/buf.h"

static const struct {
	const char *word;
	const char *args;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "info", "", cmd_admin_info,
	  "addresses and health of the running services" },
	{ "jobs", "list|show|retry|cancel|limit|stats", cmd_admin_jobs,
	  "look at jobs and steer them" },
	{ "quarantine", "list|clear", cmd_admin_quarantine,
	  "bytes that crashed the media worker" },
	{ "events", "tail|status|replay|resync", cmd_admin_events,
	  "look at events and have them delivered again" },
	{ "user", "add|list|remove", cmd_admin_accounts, "S3 accounts" },
	{ "key", "add|list|remove", cmd_admin_accounts,
	  "access keys of S3 accounts" },
	{ "scrub", "start|status|stop", cmd_admin_scrub,
	  "look for damaged bytes in the whole store" },
	{ "fsck", "[DIR]", cmd_admin_fsck,
	  "check a store that is not in use, or a backup" },
	{ "backup", "DIR", cmd_admin_backup,
	  "copy a running store, incrementally" },
	{ "restore", "--from DIR", cmd_admin_restore,
	  "make a data directory of a backup" },
	{ "migrate", "--from local --to s3", cmd_admin_migrate,
	  "move everything to another S3, or back, while it is served" },
	{ "new-epoch", "", cmd_admin_new_epoch,
	  "for a store that was restored by other means" },
};

/* The first word that is no option and no value of the common ones. */
static const char *
first_word(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-')
			return argv[i];
		if (strcmp(argv[i], "--data") == 0 ||
		    strcmp(argv[i], "--config") == 0)
			i++;
	}
	return "";
}

/* "reelgate admin", and what is none of the commands. */
static int
help(int argc, char **argv)
{
	struct buf about = BUF_INIT;
	const char *config, *data;
	const struct option options[] = { OPTIONS_COMMON(config, data) };
	struct command_line line = {
		.usage = "reelgate admin COMMAND ... [OPTIONS]",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 1,
		.args_max = argc,
	};
	int n, status;

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		buf_printf(&about, "  %-10s %-30s %s\n", commands[i].word,
			   commands[i].args, commands[i].help);
	buf_put(&about, SLICE("\nreelgate admin COMMAND --help says more of "
			      "each.\n"));
	line.about = buf_ok(&about) ? about.p : "";
	status = options_parse(&line, argc, argv, &n);
	if (status == GO_ON)
		status = complain(EX_USAGE,
				  "\"%s\" is no command of reelgate admin; "
				  "reelgate admin --help lists them",
				  argv[1]);
	buf_release(&about);
	return status;
}

int
cmd_admin(int argc, char **argv)
{
	const char *word = first_word(argc, argv);

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(word, commands[i].word) == 0)
			return commands[i].run(argc, argv);
	return help(argc, argv);
}
