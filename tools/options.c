/*
 * Options of all commands, read by tables. Every command answers --help from
 * the same table that parses it, so that the two cannot differ.
 */
#include "tools/command.h"

#include <stdarg.h>

int
complain(int status, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("reelgate: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

static void
print_help(const struct command_line *line)
{
	printf("usage: %s\n\n%s", line->usage, line->about);
	if (line->n_options)
		puts("");
	for (size_t i = 0; i < line->n_options; i++) {
		const struct option *o = &line->options[i];
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s", o->name,
			 o->arg ? " " : "", o->arg ? o->arg : "");
		printf("  %-26s %s\n", left, o->help);
	}
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

static int
usage_error(const struct command_line *line, const char *what, const char *word)
{
	return complain(EX_USAGE, "%s%s%s (usage: %s)", what, word ? " " : "",
			word ? word : "", line->usage);
}

int
options_parse(const struct command_line *line, int argc, char **argv,
	      int *n_args)
{
	bool only_args = false;

	*n_args = 0;
	for (int i = 1; i < argc; i++) {
		const struct option *o;
		const char *value;

		if (only_args || argv[i][0] != '-' || !argv[i][1]) {
			argv[++*n_args] = argv[i];
			continue;
		}
		if (strcmp(argv[i], "--") == 0) {
			only_args = true;
			continue;
		}
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0) {
			print_help(line);
			return EX_OK;
		}
		o = find_option(line, argv[i], &value);
		if (!o)
			return usage_error(line, "unknown option", argv[i]);
		if (!o->arg) {
			if (value)
				return usage_error(line, "no value belongs to",
						   o->name);
			*o->flag = true;
			continue;
		}
		if (!value && i + 1 < argc)
			value = argv[++i];
		if (!value)
			return usage_error(line, "a value is missing for",
					   o->name);
		*o->value = value;
	}
	if (*n_args < line->args_min)
		return usage_error(line, "an argument is missing", NULL);
	if (*n_args > line->args_max)
		return usage_error(
		    line, "one argument too many:", argv[line->args_max + 1]);
	return GO_ON;
}

int
settings_load(struct conf *c, const char *config, const char *data)
{
	char err[CONF_ERROR_MAX];

	if (conf_load(c, config, data, err) == 0)
		return GO_ON;
	return complain(EX_CONFIG, "%s", err);
}

int
parse_duration(const char *text, uint64_t *seconds)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	struct slice number = slice_str(text);
	uint64_t factor = 1;

	for (size_t i = 0; number.n && i < ARRAY_LEN(units); i++) {
		if (number.p[number.n - 1] != units[i].unit)
			continue;
		factor = units[i].seconds;
		number.n--;
		break;
	}
	if (slice_u64(number, seconds) != 0 ||
	    __builtin_mul_overflow(*seconds, factor, seconds))
		return -1;
	return 0;
}
