/*
 * reelgate admin user|key - S3 accounts of a running gateway, by its admin
 * socket (gateway/admin.h). Needs the data directory and the gateway's uid,
 * and neither database nor credentials.
 */
#include "tools/command.h"
#include "base/hash.h"
#include "base/json_write.h"
#include "tools/admin.h"

#include <limits.h>

#define ANSWER_S 30
#define SECRET_LINE_MAX 1024

struct options {
	const char *config;
	const char *data;
	const char *access_key;
	const char *secret_key;
	const char *id;
	const char *display_name;
};

/* ---- printing ------------------------------------------------------------ */

/* A secret is shown where it is new to whoever reads this. */
static void
print_made(const cJSON *doc, const struct options *o)
{
	printf("%-15s %s\n%-15s %s\n%-15s %s\n%-15s %s\n%-15s %s\n", "name",
	       admin_text(doc, "name"), "id", admin_text(doc, "id"),
	       "account number", admin_text(doc, "number"), "display name",
	       admin_text(doc, "display_name"), "access key",
	       admin_text(doc, "access_key"));
	if (!o->secret_key)
		printf("%-15s %s\n", "secret key",
		       admin_text(doc, "secret_key"));
}

static void
print_users(const cJSON *doc, const struct options *o)
{
	const cJSON *user;

	(void)o;
	printf("%-20s %-12s %4s  %-24s  %-64s  %s\n", "name", "number", "keys",
	       "created", "id", "display name");
	cJSON_ArrayForEach(user, cJSON_GetObjectItem(doc, "users"))
	{
		printf("%-20s %-12s %4d  %-24s  %-64s  %s\n",
		       admin_text(user, "name"), admin_text(user, "number"),
		       cJSON_GetArraySize(cJSON_GetObjectItem(user, "keys")),
		       admin_text(user, "created"), admin_text(user, "id"),
		       admin_text(user, "display_name"));
	}
}

static void
print_keys(const cJSON *doc, const struct options *o)
{
	const cJSON *user, *key;

	(void)o;
	printf("%-24s  %s\n", "created", "access key");
	cJSON_ArrayForEach(user, cJSON_GetObjectItem(doc, "users"))
	    cJSON_ArrayForEach(key, cJSON_GetObjectItem(user, "keys"))
		printf("%-24s  %s\n", admin_text(key, "created"),
		       admin_text(key, "access_key"));
}

/* ---- the commands -------------------------------------------------------- */

#define ONLY_COMMON 2
#define WITH_PAIR 4
#define WITH_ALL 6

static const struct action {
	const char *words[2];
	const char *command; /* of the socket's protocol */
	const char *args;
	const char *help;
	int n_args;
	size_t n_options;
	void (*print)(const cJSON *answer, const struct options *o);
} actions[] = {
	{ { "user", "add" },
	  "user add",
	  "NAME",
	  "make an account with a key",
	  1,
	  WITH_ALL,
	  print_made },
	{ { "user", "list" },
	  "user list",
	  "",
	  "all accounts, root first",
	  0,
	  ONLY_COMMON,
	  print_users },
	{ { "user", "remove" },
	  "user remove",
	  "NAME",
	  "remove an account that owns no bucket",
	  1,
	  ONLY_COMMON,
	  NULL },
	{ { "key", "add" },
	  "key add",
	  "USER",
	  "another key for an account",
	  1,
	  WITH_PAIR,
	  print_made },
	{ { "key", "list" },
	  "user list",
	  "USER",
	  "the access keys of an account",
	  1,
	  ONLY_COMMON,
	  print_keys },
	{ { "key", "remove" },
	  "key remove",
	  "USER ACCESS_KEY",
	  "remove a key; it is refused from then on",
	  2,
	  ONLY_COMMON,
	  NULL },
};

/* ---- asking the gateway -------------------------------------------------- */

/* The first line of standard input, which is not seen by ps. */
static int
read_secret(char out[SECRET_LINE_MAX])
{
	char *end;

	if (!fgets(out, SECRET_LINE_MAX, stdin))
		return complain(EX_NOINPUT,
				"--secret-key -: no line on standard input");
	end = out + strcspn(out, "\r\n");
	if (!*end && end - out == SECRET_LINE_MAX - 1)
		return complain(EX_DATAERR, "--secret-key -: line too long");
	*end = '\0';
	return GO_ON;
}

static void
put_request(struct buf *line, const struct action *a, char **args,
	    const struct options *o, const char *secret)
{
	const struct {
		const char *name;
		const char *value;
	} members[] = {
		{ "command", a->command },
		{ "name", a->n_args > 0 ? args[0] : NULL },
		{ "id", o->id },
		{ "display_name", o->display_name },
		{ "access_key", a->n_args > 1 ? args[1] : o->access_key },
		{ "secret_key", secret },
	};

	buf_reserve(line, 4096); /* a secret is not to be moved about */
	json_open_object(line, NULL);
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (members[i].value)
			json_put_str(line, members[i].name, members[i].value);
	json_close_object(line);
}

static int
ask(const struct action *a, char **args, const struct options *o,
    const char *data, const char *secret)
{
	struct buf line = BUF_INIT;
	cJSON *answer;
	int status;

	put_request(&line, a, args, o, secret);
	status = admin_ask(data, &line, ANSWER_S, &answer);
	if (status == EX_OK && a->print)
		a->print(answer, o);
	json_wipe(answer, "secret_key");
	cJSON_Delete(answer);
	return status;
}

static int
run(const struct action *a, char **args, const struct options *o)
{
	char secret[SECRET_LINE_MAX], data[PATH_MAX];
	const char *secret_key = o->secret_key;
	int status = settings_data_dir(o->config, o->data, data, sizeof(data));

	if (status != GO_ON)
		return status;
	if (!o->access_key != !o->secret_key)
		return complain(EX_USAGE, "give both --access-key and "
					  "--secret-key, or neither");
	if (secret_key && strcmp(secret_key, "-") == 0) {
		status = read_secret(secret);
		secret_key = secret;
	}
	if (status == GO_ON)
		status = ask(a, args, o, data, secret_key);
	secret_wipe(secret, sizeof(secret));
	return status;
}

/* ---- the command line ---------------------------------------------------- */

/* The first two words that are no options; every option here has a value. */
static void
find_words(int argc, char **argv, const char *words[2])
{
	int n = 0;

	words[0] = words[1] = "";
	for (int i = 1; i < argc && n < 2; i++) {
		if (argv[i][0] != '-')
			words[n++] = argv[i];
		else if (!strchr(argv[i], '=') &&
			 strncmp(argv[i], "--", 2) == 0)
			i++;
	}
}

static const struct action *
find_action(const char *const words[2])
{
	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (strcmp(words[0], actions[i].words[0]) == 0 &&
		    strcmp(words[1], actions[i].words[1]) == 0)
			return &actions[i];
	return NULL;
}

/* "reelgate admin user", and what is none of its verbs. */
static int
help_group(int argc, char **argv)
{
	struct buf about = BUF_INIT;
	const char *config, *data;
	const struct option options[] = { OPTIONS_COMMON(config, data) };
	struct command_line line = {
		.usage = "reelgate admin user|key add|list|remove ...",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 2,
		.args_max = 2,
	};
	int n, status;

	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		const struct action *a = &actions[i];

		buf_printf(&about, "  %-4s %-6s %-15s  %s\n", a->words[0],
			   a->words[1], a->args, a->help);
	}
	line.about = buf_ok(&about) ? about.p : "";
	status = options_parse(&line, argc, argv, &n);
	if (status == GO_ON)
		status = complain(EX_USAGE, "usage: %s", line.usage);
	buf_release(&about);
	return status;
}

int
cmd_admin_accounts(int argc, char **argv)
{
	struct options o = { 0 };
	const struct option options[] = {
		OPTIONS_COMMON(o.config, o.data),
		{ "--access-key", "KEY", &o.access_key, NULL,
		  "3 to 128 of A-Z a-z 0-9 . _ -; made up when absent" },
		{ "--secret-key", "SECRET", &o.secret_key, NULL,
		  "8 to 127 characters; - reads it from standard input, where "
		  "ps does not see it" },
		{ "--id", "ID", &o.id, NULL,
		  "canonical id: 1 to 64 of A-Z a-z 0-9 _ -; made up when "
		  "absent" },
		{ "--display-name", "TEXT", &o.display_name, NULL,
		  "shown as the owner of buckets; NAME when absent" },
	};
	char usage[128], about[128];
	struct command_line line = { .usage = usage,
				     .about = about,
				     .options = options };
	const struct action *a;
	const char *words[2];
	int n, status;

	find_words(argc, argv, words);
	a = find_action(words);
	if (!a)
		return help_group(argc, argv);
	snprintf(usage, sizeof(usage), "reelgate admin %s %s %s%s[OPTIONS]",
		 a->words[0], a->words[1], a->args, *a->args ? " " : "");
	snprintf(about, sizeof(about), "  %s\n", a->help);
	line.n_options = a->n_options;
	line.args_min = line.args_max = 2 + a->n_args;
	status = options_parse(&line, argc, argv, &n);
	return status == GO_ON ? run(a, argv + 3, &o) : status;
}
