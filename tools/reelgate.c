/*
 * reelgate - the front command, in git's manner: `reelgate COMMAND ...`.
 * Every command is a row of the table and a file cmd_*.c.
 */
#include "base/hash.h"
#include "base/log.h"
#include "tools/command.h"
#include "version.h"

#include <signal.h>

static int cmd_version(int argc, char **argv);
static int cmd_help(int argc, char **argv);

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "up", cmd_up, "start everything and keep it running" },
	{ "gateway", cmd_gateway, "run the S3 and API server alone" },
	{ "processor", cmd_processor, "run the media processor alone" },
	{ "migrate", cmd_migrate, "bring the database schema up to date" },
	{ "token", cmd_token, "print a user token for the video API" },
	{ "presign", cmd_presign, "print a presigned URL or upload form" },
	{ "admin", cmd_admin, "look at and steer jobs, services and accounts" },
	{ "version", cmd_version, "print the version" },
	{ "help", cmd_help, "print this, or the help of one command" },
};

static int
cmd_version(int argc, char **argv)
{
	static const struct command_line line = {
		.usage = "reelgate version",
		.about = "Prints the version of this program.\n",
	};
	int n, status = options_parse(&line, argc, argv, &n);

	if (status != GO_ON)
		return status;
	puts("reelgate " REELGATE_VERSION);
	return EX_OK;
}

static void
print_commands(FILE *out)
{
	fputs("usage: reelgate COMMAND [OPTIONS]\n\n", out);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name,
			commands[i].help);
	fputs("\nreelgate COMMAND --help says more of each.\n", out);
}

/* How many single edits lie between two short words (Levenshtein). */
static size_t
distance(const char *a, const char *b)
{
	size_t row[32], n = strlen(b);

	if (n >= ARRAY_LEN(row))
		return n;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			size_t best = diagonal + (a[i] != b[j]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j + 1] + 1 < best)
				best = row[j + 1] + 1;
			diagonal = row[j + 1];
			row[j + 1] = best;
		}
	}
	return row[n];
}

static int
unknown_command(const char *word)
{
	const char *nearest = NULL;
	size_t best = 3;

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		size_t d = distance(word, commands[i].name);

		if (d < best) {
			best = d;
			nearest = commands[i].name;
		}
	}
	if (nearest)
		return complain(EX_USAGE,
				"\"%s\" is no command; did you mean \"%s\"?",
				word, nearest);
	return complain(EX_USAGE,
			"\"%s\" is no command; reelgate help lists them", word);
}

static int
run_command(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			return commands[i].run(argc, argv);
	return unknown_command(argv[0]);
}

static int
cmd_help(int argc, char **argv)
{
	char help[] = "--help";
	char *words[5] = { NULL }; /* "admin user add --help" */
	int n = 0;

	if (argc < 2 || argv[1][0] == '-' || strcmp(argv[1], "help") == 0) {
		print_commands(stdout);
		return EX_OK;
	}
	while (n < 3 && n + 1 < argc) {
		words[n] = argv[n + 1];
		n++;
	}
	words[n++] = help;
	return run_command(n, words);
}

int
main(int argc, char **argv)
{
	int status;

	log_setup("reelgate");
	log_set_level(LOG_WARN);
	signal(SIGPIPE, SIG_IGN);
	if (hash_setup() != 0)
		return EX_SOFTWARE;
	if (argc < 2) {
		print_commands(stderr);
		return EX_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return cmd_help(1, argv);
	if (strcmp(argv[1], "--version") == 0)
		return cmd_version(1, argv);
	status = run_command(argc - 1, argv + 1);
	if (fflush(stdout) != 0 && status == EX_OK)
		return complain(EX_IOERR, "cannot write the answer");
	return status;
}
