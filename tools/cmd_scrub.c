/*
 * reelgate admin scrub - has the running gateway read its whole store and
 * compare it with its checksums, by its admin socket (gateway/admin.h).
 */
#include "base/json_write.h"
#include "base/timeval.h"
#include "tools/admin.h"
#include "tools/command.h"

#include <limits.h>
#include <unistd.h>

#define ANSWER_S 30
#define OWNERS_S 3600 /* the records of all objects are read */
#define POLL_US 500000

struct scrub_command {
	char data[PATH_MAX];
	uint64_t rate;
	bool has_rate;
	bool wait;
};

/* ---- asking ------------------------------------------------------------- */

/* EX_OK with the answer in *out, to be deleted; else after a complaint. */
static int
ask(const struct scrub_command *s, const char *command, bool objects,
    cJSON **out)
{
	struct buf line = BUF_INIT;

	json_open_object(&line, NULL);
	json_put_str(&line, "command", command);
	json_put_bool(&line, "objects", objects);
	if (s->has_rate)
		json_put_u64(&line, "rate", s->rate);
	json_close_object(&line);
	return admin_ask(s->data, &line, objects ? OWNERS_S : ANSWER_S, out);
}

/* ---- printing ----------------------------------------------------------- */

static int64_t
number(const cJSON *doc, const char *name)
{
	int64_t v = 0;

	(void)json_int(doc, name, &v);
	return v;
}

static void
print_object(const cJSON *o)
{
	const char *upload = admin_text(o, "upload_id");

	printf("    %s%s/", *upload ? "part of an open upload of " : "",
	       admin_text(o, "bucket"));
	admin_print_text(slice_str(admin_text(o, "key")));
	if (*upload)
		printf(", upload id %s\n", upload);
	else
		printf(", version %s\n", admin_text(o, "version_id"));
}

/* EX_OK, or EXIT_FAILURE when there is some. */
static int
print_damage(const cJSON *doc)
{
	const cJSON *list = cJSON_GetObjectItem(doc, "damage"), *d, *o;
	int64_t lost = number(doc, "damage_lost");

	if (cJSON_GetArraySize(list) == 0 && !lost) {
		printf("no damage is known\n");
		return EX_OK;
	}
	printf("damaged:\n");
	cJSON_ArrayForEach(d, list)
	{
		printf("  %s, block %lld: %s (found %s)\n",
		       admin_text(d, "place"), (long long)number(d, "block"),
		       admin_text(d, "text"), admin_text(d, "found"));
		cJSON_ArrayForEach(o, cJSON_GetObjectItem(d, "objects"))
		    print_object(o);
		if (json_bool(d, "more_objects", false))
			printf("    and more objects\n");
	}
	if (lost)
		printf("  and %lld more\n", (long long)lost);
	printf("Reading these bytes is refused; other blocks of the objects "
	       "can be read.\nPut each object again from where you have it, or "
	       "delete it; or copy the\nfile back from a backup and scrub "
	       "again. Damage in many places is a failing\ndisk.\n");
	return EXIT_FAILURE;
}

static void
print_status(const cJSON *doc)
{
	bool running = json_bool(doc, "running", false);
	int64_t bytes = number(doc, "bytes"), of = number(doc, "bytes_of");

	printf("%-10s %s\n", "state",
	       !running				   ? "idle"
	       : json_bool(doc, "in_index", false) ? "reading the index"
						   : "reading the blobs");
	printf("%-10s %s\n", "started", admin_text(doc, "started"));
	if (running)
		printf("%-10s %lld of %lld bytes, %lld files\n", "read",
		       (long long)bytes, (long long)of,
		       (long long)number(doc, "blobs"));
	if (running && number(doc, "rate"))
		printf("%-10s %lld bytes/s\n", "rate",
		       (long long)number(doc, "rate"));
	printf("%-10s %s\n%-10s %s\n", "finished", admin_text(doc, "finished"),
	       "next", admin_text(doc, "next"));
}

/* ---- the commands ------------------------------------------------------- */

static int
scrub_status(const struct scrub_command *s)
{
	cJSON *doc;
	int status = ask(s, "scrub status", true, &doc);

	if (status == EX_OK) {
		print_status(doc);
		if (json_bool(doc, "journal", false))
			admin_print_journal();
		status = print_damage(doc);
	}
	cJSON_Delete(doc);
	return status;
}

static void
show(struct progress *p, const cJSON *doc, int64_t since_us, int64_t from)
{
	int64_t bytes = number(doc, "bytes"), of = number(doc, "bytes_of");
	double s = (double)(time_mono_us() - since_us) / US_PER_S;
	double rate = s > 0 ? (double)(bytes - from) / s : 0;
	char what[96];

	snprintf(what, sizeof(what), "bytes, %.1f MB/s, %.0f s left",
		 rate / 1e6, rate > 0 ? (double)(of - bytes) / rate : 0.0);
	progress_show(p, what, (uint64_t)bytes, (uint64_t)of);
}

/* Until no pass runs; a gateway that ends meanwhile goes on at its start. */
static int
wait_for_end(const struct scrub_command *s)
{
	struct progress p = { .shown = false };
	int64_t since = time_mono_us(), from = -1;
	bool running;

	do {
		cJSON *doc;
		int status;

		usleep(POLL_US);
		status = ask(s, "scrub status", false, &doc);
		running = status == EX_OK && json_bool(doc, "running", false);
		if (from < 0)
			from = number(doc, "bytes");
		if (running)
			show(&p, doc, since, from);
		cJSON_Delete(doc);
		if (status != EX_OK) {
			progress_clear(&p);
			return status;
		}
	} while (running);
	progress_clear(&p);
	return scrub_status(s);
}

static int
scrub_start(const struct scrub_command *s)
{
	cJSON *doc;
	int status = ask(s, "scrub start", false, &doc);

	cJSON_Delete(doc);
	if (status == EX_OK && s->wait)
		return wait_for_end(s);
	if (status == EX_OK)
		printf("started; reelgate admin scrub status shows more\n");
	return status;
}

static int
scrub_stop(const struct scrub_command *s)
{
	cJSON *doc;
	int status = ask(s, "scrub stop", false, &doc);

	cJSON_Delete(doc);
	return status;
}

/* ---- the command line --------------------------------------------------- */

static int
run(const struct scrub_command *s, const char *word)
{
	static const struct {
		const char *word;
		int (*run)(const struct scrub_command *s);
	} commands[] = { { "start", scrub_start },
			 { "status", scrub_status },
			 { "stop", scrub_stop } };

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(word, commands[i].word) == 0)
			return commands[i].run(s);
	return complain(EX_USAGE, "admin scrub %s: start, status or stop",
			word);
}

int
cmd_admin_scrub(int argc, char **argv)
{
	struct scrub_command s = { .wait = false };
	const char *config = NULL, *data = NULL, *rate = NULL;
	const struct option options[] = {
		OPTIONS_COMMON(config, data),
		{ "--rate", "BYTES", &rate, NULL,
		  "start: read so much a second (20M); 0: as fast as it goes; "
		  "the configured rate when absent" },
		{ "--wait", NULL, NULL, &s.wait,
		  "start: show how far it is, and the damage at its end" },
	};
	const struct command_line line = {
		.usage = "reelgate admin scrub start|status|stop [OPTIONS]",
		.about =
		    "  start   read index and blobs, compare them with their "
		    "checksums\n"
		    "  status  how far it is, and which objects are damaged\n"
		    "  stop    end it\n"
		    "Status 1 of start --wait and of status: there is "
		    "damage.\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 2,
		.args_max = 2,
	};
	int n, status = options_parse(&line, argc, argv, &n);

	if (status != GO_ON)
		return status;
	s.has_rate = rate;
	if (rate && conf_parse_size(slice_str(rate), &s.rate) != 0)
		return complain(EX_USAGE, "--rate %s: no size", rate);
	status = settings_data_dir(config, data, s.data, sizeof(s.data));
	return status == GO_ON ? run(&s, argv[2]) : status;
}
