/*
 * reelgate admin migrate - has the running gateway copy everything from its
 * local store to another S3, or back, and shows how far it is, by its admin
 * socket (gateway/admin.h). The other S3 is described by the settings that the
 * gateway will have, or has had.
 */
#include "base/ini.h"
#include "base/json_write.h"
#include "base/timeval.h"
#include "store/s3_address.h"
#include "tools/admin.h"
#include "tools/command.h"

#include <limits.h>
#include <unistd.h>

#define ANSWER_S 60
#define POLL_MAX_US 500000	/* small moves are soon over */
#define LINE_US (10 * US_PER_S) /* between lines that are no terminal's */

struct move {
	char data[PATH_MAX];
	struct conf conf; /* of the other S3 */
	const char *from, *to, *settings, *bucket, *prefix, *rate;
	bool dry_run, verify_only, remove_extra, remove_source, restart, status,
	    stop;
};

/* ---- asking -------------------------------------------------------------- */

static int
ask(const struct move *m, struct buf *line, cJSON **out)
{
	json_close_object(line);
	return admin_ask(m->data, line, ANSWER_S, out);
}

static int
ask_plain(const struct move *m, const char *command, cJSON **out)
{
	struct buf line = BUF_INIT;

	json_open_object(&line, NULL);
	json_put_str(&line, "command", command);
	return ask(m, &line, out);
}

static int
start(const struct move *m, uint64_t rate)
{
	char endpoint[CONF_ENDPOINT_MAX];
	struct buf line = BUF_INIT;
	cJSON *doc;
	int status;

	s3_address_endpoint(m->conf.s3_endpoint, m->conf.aws_region, endpoint,
			    sizeof(endpoint));
	json_open_object(&line, NULL);
	json_put_str(&line, "command", "migrate start");
	json_put_str(&line, "to", m->to);
	json_put_str(&line, "endpoint", endpoint);
	json_put_str(&line, "region", m->conf.aws_region);
	json_put_str(&line, "access_key", m->conf.aws_access_key_id);
	json_put_str(&line, "secret_key", m->conf.aws_secret_access_key);
	json_put_str(&line, "session_token", m->conf.aws_session_token);
	json_put_str(&line, "addressing_style", m->conf.s3_addressing_style);
	json_put_str(&line, "ca_file", m->conf.s3_ca_file);
	json_put_str(&line, "bucket", m->bucket ? m->bucket : "");
	json_put_str(&line, "prefix", m->prefix ? m->prefix : "");
	json_put_u64(&line, "rate", rate);
	json_put_bool(&line, "dry_run", m->dry_run);
	json_put_bool(&line, "verify_only", m->verify_only);
	json_put_bool(&line, "remove_extra", m->remove_extra);
	json_put_bool(&line, "remove_source", m->remove_source);
	json_put_bool(&line, "restart", m->restart);
	status = ask(m, &line, &doc);
	cJSON_Delete(doc);
	return status;
}

/* ---- showing ------------------------------------------------------------- */

static long long
number(const cJSON *doc, const char *name)
{
	int64_t v = 0;

	(void)json_int(doc, name, &v);
	return v;
}

/* "copying: 10 of 20 objects, 1.0 of 2.0 GB, 12.3 MB/s, 40 s left" */
struct shown {
	struct progress progress;
	int64_t began_us, line_us;
	char phase[16];
	double from_bytes;
};

static void
begin_phase(struct shown *s, const cJSON *doc)
{
	snprintf(s->phase, sizeof(s->phase), "%s", admin_text(doc, "phase"));
	s->began_us = time_mono_us();
	s->from_bytes = (double)number(doc, "bytes");
}

static void
show(struct shown *s, const cJSON *doc)
{
	double bytes = (double)number(doc, "bytes"),
	       of = (double)number(doc, "bytes_of"), seconds, rate;
	int64_t now = time_mono_us();
	char text[160];
	int n;

	if (strcmp(s->phase, admin_text(doc, "phase")) != 0)
		begin_phase(s, doc);
	seconds = (double)(now - s->began_us) / US_PER_S;
	rate = seconds > 0 ? (bytes - s->from_bytes) / seconds : 0;
	n = snprintf(text, sizeof(text),
		     "%s: %lld of %lld objects, %.1f of %.1f MB, %.1f MB/s",
		     s->phase, number(doc, "objects"),
		     number(doc, "objects_of"), bytes / 1e6, of / 1e6,
		     rate / 1e6);
	if (rate > 0 && of > bytes)
		snprintf(text + n, sizeof(text) - (size_t)n, ", %.0f s left",
			 (of - bytes) / rate);
	if (isatty(STDERR_FILENO)) {
		progress_show(&s->progress, text, (uint64_t)bytes,
			      (uint64_t)of);
	} else if (now - s->line_us >= LINE_US) {
		fprintf(stderr, "%s\n", text);
		s->line_us = now;
	}
}

static void
print_notes(const cJSON *doc)
{
	const cJSON *note;
	long long n = 0;

	cJSON_ArrayForEach(note, cJSON_GetObjectItem(doc, "notes"))
	{
		admin_print_text(slice_str(cJSON_GetStringValue(note)));
		putchar('\n');
		n++;
	}
	if (n >= 20)
		puts("All such lines are in the gateway's log.");
}

/* ---- what came of it ----------------------------------------------------- */

static int
end_of_verify(const cJSON *doc)
{
	long long bad = number(doc, "different") + number(doc, "missing") +
			number(doc, "failed");

	printf("%lld versions compared and equal, %lld different, %lld "
	       "missing, %lld more at the target, %lld could not be read\n",
	       number(doc, "compared"), number(doc, "different"),
	       number(doc, "missing"), number(doc, "extra"),
	       number(doc, "failed"));
	if (number(doc, "freed"))
		printf("%lld of them, with %lld bytes, were deleted from the "
		       "local store: the disk has the room within 15 "
		       "minutes\n",
		       number(doc, "freed"), number(doc, "freed_bytes"));
	return bad ? EXIT_FAILURE : EX_OK;
}

static int
end_of_dry_run(const cJSON *doc)
{
	printf("%lld objects of %lld bytes would be copied, %lld are there "
	       "already, %lld keys are at the target only\n",
	       number(doc, "objects_of"), number(doc, "bytes_of"),
	       number(doc, "same"), number(doc, "extra"));
	return EX_OK;
}

/* What the operator is to do next. */
static void
print_next(const struct move *m, const cJSON *doc)
{
	if (number(doc, "failed"))
		puts("Some keys were not copied: run this again; what is there "
		     "is passed over.");
	else if (json_bool(doc, "switched", false))
		puts("The last pass is done. reelgate admin migrate "
		     "--verify-only compares all bytes.");
	else if (!json_bool(doc, "settled", false))
		puts("Changes came faster than they were copied: run this "
		     "again at a quieter hour.");
	else
		printf("Nothing is left to copy. To switch, set "
		       "REELGATE_BACKEND=%s%s and start the gateway anew; then "
		       "run this command once more, for what was written in "
		       "between.\n",
		       m->to,
		       strcmp(m->to, "s3") == 0
			   ? " with the settings of this S3"
			   : "");
}

static int
end_of_copy(const struct move *m, const cJSON *doc)
{
	printf("%lld objects of %lld bytes copied, %lld removed, %lld were "
	       "there already\n",
	       number(doc, "copied"), number(doc, "copied_bytes"),
	       number(doc, "removed"), number(doc, "same"));
	if (number(doc, "kept"))
		printf("%lld keys were changed since the switch and are left "
		       "as they are\n",
		       number(doc, "kept"));
	if (number(doc, "etags"))
		printf("%lld objects have another ETag now\n",
		       number(doc, "etags"));
	if (number(doc, "extra"))
		printf("%lld keys are at the target only: --restart "
		       "--remove-extra deletes them\n",
		       number(doc, "extra"));
	print_next(m, doc);
	return number(doc, "failed") || (!json_bool(doc, "settled", false) &&
					 !json_bool(doc, "switched", false))
		   ? EXIT_FAILURE
		   : EX_OK;
}

static int
end(const struct move *m, const cJSON *doc)
{
	const char *phase = admin_text(doc, "phase");

	print_notes(doc);
	if (strcmp(phase, "failed") == 0)
		return complain(EXIT_FAILURE, "%s", admin_text(doc, "reason"));
	if (strcmp(phase, "stopped") == 0)
		return complain(EX_TEMPFAIL,
				"the migration was stopped; the next goes on "
				"where it was");
	if (strcmp(phase, "done") != 0)
		return complain(EX_TEMPFAIL,
				"the gateway was started anew meanwhile: run "
				"this again, it goes on where it was");
	return m->verify_only || m->remove_source ? end_of_verify(doc)
	       : m->dry_run			  ? end_of_dry_run(doc)
						  : end_of_copy(m, doc);
}

static int
watch(const struct move *m)
{
	struct shown s = { .line_us = time_mono_us() };
	useconds_t poll_us = 10000;
	bool running = true;
	cJSON *doc = NULL;
	int status = EX_OK;

	while (status == EX_OK && running) {
		cJSON_Delete(doc);
		status = ask_plain(m, "migrate status", &doc);
		running = status == EX_OK && json_bool(doc, "running", false);
		if (running) {
			show(&s, doc);
			usleep(poll_us);
			poll_us = 2 * poll_us < POLL_MAX_US ? 2 * poll_us
							    : POLL_MAX_US;
		}
	}
	progress_clear(&s.progress);
	if (status == EX_OK)
		status = end(m, doc);
	cJSON_Delete(doc);
	return status;
}

static int
print_status(const struct move *m)
{
	const cJSON *item;
	cJSON *doc;
	int status = ask_plain(m, "migrate status", &doc);

	cJSON_ArrayForEach(item, doc)
	{
		if (cJSON_IsNumber(item))
			printf("%-13s %.0f\n", item->string, item->valuedouble);
		else if (cJSON_IsString(item))
			printf("%-13s %s\n", item->string, item->valuestring);
	}
	if (status == EX_OK)
		print_notes(doc);
	cJSON_Delete(doc);
	return status;
}

/* ---- the other S3 -------------------------------------------------------- */

struct row {
	struct conf *conf;
	char err[CONF_ERROR_MAX];
};

static int
set_row(void *ctx, struct slice name, struct slice value)
{
	struct row *r = ctx;
	char text[64];

	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(slice_head(name, 63)));
	return conf_set(r->conf, text, value, r->err);
}

/* Of the file alone: the environment, and what it does not say, are the
 * running gateway's. */
static int
read_settings(struct move *m)
{
	static const struct {
		const char *name, *fallback;
	} names[] = {
		{ "AWS_ACCESS_KEY_ID", "" }, { "AWS_SECRET_ACCESS_KEY", "" },
		{ "AWS_SESSION_TOKEN", "" }, { "AWS_REGION", "us-east-1" },
		{ "S3_ENDPOINT", "" },	     { "S3_ADDRESSING_STYLE", "auto" },
		{ "S3_CA_FILE", "" }
	};
	struct row r = { .conf = &m->conf };
	char err[CONF_ERROR_MAX] = "";
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(names); i++)
		rc = conf_set(&m->conf, names[i].name,
			      slice_str(names[i].fallback), r.err);
	if (rc == 0)
		rc = ini_read(m->settings, set_row, &r, err, sizeof(err));
	if (rc == 0)
		return GO_ON;
	return complain(EX_CONFIG, "%s: %s", m->settings,
			r.err[0] ? r.err : err);
}

static int
load_settings(struct move *m, const char *config)
{
	int status = settings_load(&m->conf, config, m->data);

	if (status == GO_ON && m->settings)
		status = read_settings(m);
	if (status != GO_ON)
		return status;
	if (!m->conf.aws_access_key_id[0] || !m->conf.aws_secret_access_key[0])
		return complain(EX_CONFIG,
				"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
				"of the other S3 are needed: name the file of "
				"its settings with --settings");
	return GO_ON;
}

/* ---- the command line ---------------------------------------------------- */

static int
check_sides(const struct move *m)
{
	const char *from = m->from ? m->from : "", *to = m->to ? m->to : "";

	if ((strcmp(from, "local") == 0 && strcmp(to, "s3") == 0) ||
	    (strcmp(from, "s3") == 0 && strcmp(to, "local") == 0))
		return GO_ON;
	return complain(EX_USAGE, "--from local --to s3, or --from s3 --to "
				  "local");
}

static int
run(struct move *m, const char *config)
{
	uint64_t rate = 0;
	cJSON *doc = NULL;
	int status;

	if (m->status)
		return print_status(m);
	if (m->stop) {
		status = ask_plain(m, "migrate stop", &doc);
		cJSON_Delete(doc);
		return status;
	}
	status = check_sides(m);
	if (status != GO_ON)
		return status;
	if (m->rate && conf_parse_size(slice_str(m->rate), &rate) != 0)
		return complain(EX_USAGE, "--rate %s: no size", m->rate);
	status = load_settings(m, config);
	if (status == GO_ON)
		status = start(m, rate);
	return status == EX_OK ? watch(m) : status;
}

int
cmd_admin_migrate(int argc, char **argv)
{
	static struct move m;
	const char *config = NULL, *data = NULL;
	const struct option options[] = {
		OPTIONS_COMMON(config, data),
		{ "--from", "SIDE", &m.from, NULL, "local or s3" },
		{ "--to", "SIDE", &m.to, NULL, "the other one" },
		{ "--settings", "FILE", &m.settings, NULL,
		  "settings of the other S3: AWS_ACCESS_KEY_ID, "
		  "AWS_SECRET_ACCESS_KEY, AWS_REGION, S3_ENDPOINT; else the "
		  "configuration's" },
		{ "--bucket", "NAME", &m.bucket, NULL, "this bucket only" },
		{ "--prefix", "TEXT", &m.prefix, NULL,
		  "keys that begin with it only" },
		{ "--rate", "BYTES", &m.rate, NULL,
		  "copy so much a second (20M) at most" },
		{ "--dry-run", NULL, NULL, &m.dry_run,
		  "count what would be copied" },
		{ "--verify-only", NULL, NULL, &m.verify_only,
		  "read both sides and compare" },
		{ "--remove-extra", NULL, NULL, &m.remove_extra,
		  "delete keys at the target that the source has not" },
		{ "--remove-source", NULL, NULL, &m.remove_source,
		  "after the switch to s3: compare as --verify-only does, and "
		  "delete from the local store what is equal there" },
		{ "--restart", NULL, NULL, &m.restart,
		  "look at everything again" },
		{ "--status", NULL, NULL, &m.status, "how far it is" },
		{ "--stop", NULL, NULL, &m.stop,
		  "end it; the next goes on where it was" },
	};
	const struct command_line line = {
		.usage = "reelgate admin migrate --from local --to s3 "
			 "[OPTIONS]",
		.about =
		    "Copies everything from the local store to another S3, or "
		    "back (--from s3\n--to local), while the gateway serves "
		    "on. May be interrupted at any point: the\ngateway goes "
		    "on, and after a crash the next run takes it up. See "
		    "docs/migrate.md.\nEnds with status 1 when something was "
		    "not copied, or is different.\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 1,
		.args_max = 1,
	};
	int n, status = options_parse(&line, argc, argv, &n);

	if (status == GO_ON)
		status =
		    settings_data_dir(config, data, m.data, sizeof(m.data));
	if (status == GO_ON)
		status = run(&m, config);
	conf_release(&m.conf);
	return status;
}
