/*
 * One pass over argv, in place: options are taken out, arguments move to the
 * front.
 */
#include "base/options.h"

#include <string.h>

static void
print_row(const char *name, const char *arg, const char *help)
{
	char left[64];

	snprintf(left, sizeof(left), "%s%s%s", name, arg ? " " : "",
		 arg ? arg : "");
	printf("  %-26s %s\n", left, help);
}

static void
print_help(const struct command_line *line)
{
	printf("usage: %s\n\n%s", line->usage, line->about);
	if (line->n_options || line->version)
		puts("");
	for (size_t i = 0; i < line->n_options; i++)
		print_row(line->options[i].name, line->options[i].arg,
			  line->options[i].help);
	if (line->version)
		print_row("--version", NULL, "print the version");
}

/* The option that the word names, with "=value" or without. */
static const struct option *
find_option(const struct command_line *line, const char *word,
	    const char **value)
{
	for (size_t i = 0; i < line->n_options; i++) {
		const struct option *o = &line->options[i];
		size_t n = strlen(o->name);

		if (strncmp(word, o->name, n) != 0)
			continue;
		if (word[n] == '\0' || word[n] == '=') {
			*value = word[n] ? word + n + 1 : NULL;
			return o;
		}
	}
	return NULL;
}

/* The first word of the usage is the program's name. */
static int
usage_error(const struct command_line *line, const char *what, const char *word)
{
	fprintf(stderr, "%.*s: %s%s%s (usage: %s)\n",
		(int)strcspn(line->usage, " "), line->usage, what,
		word ? " " : "", word ? word : "", line->usage);
	return EX_USAGE;
}

/* Takes the option at argv[*i], and its value. GO_ON or EX_USAGE. */
static int
take_option(const struct command_line *line, int argc, char **argv, int *i)
{
	const char *value;
	const struct option *o = find_option(line, argv[*i], &value);

	if (!o)
		return usage_error(line, "unknown option", argv[*i]);
	if (!o->arg && value)
		return usage_error(line, "no value belongs to", o->name);
	if (!o->arg) {
		*o->flag = true;
		return GO_ON;
	}
	if (!value && *i + 1 < argc)
		value = argv[++*i];
	if (!value)
		return usage_error(line, "a value is missing for", o->name);
	*o->value = value;
	return GO_ON;
}

int
options_parse(const struct command_line *line, int argc, char **argv,
	      int *n_args)
{
	bool only_args = false;
	int status = GO_ON;

	*n_args = 0;
	for (int i = 1; i < argc && status == GO_ON; i++) {
		const char *word = argv[i];

		if (only_args || word[0] != '-' || !word[1]) {
			argv[++*n_args] = argv[i];
		} else if (strcmp(word, "--") == 0) {
			only_args = true;
		} else if (strcmp(word, "--help") == 0 ||
			   strcmp(word, "-h") == 0) {
			print_help(line);
			return EX_OK;
		} else if (line->version && strcmp(word, "--version") == 0) {
			puts(line->version);
			return EX_OK;
		} else {
			status = take_option(line, argc, argv, &i);
		}
	}
	if (status != GO_ON)
		return status;
	if (*n_args < line->args_min)
		return usage_error(line, "an argument is missing", NULL);
	if (*n_args > line->args_max)
		return usage_error(
		    line, "one argument too many:", argv[line->args_max + 1]);
	return GO_ON;
}
