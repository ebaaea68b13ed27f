/*
 * reelgate up - everything in order: data directory, PostgreSQL, migrations,
 * gateway, processor; then watches over them until it is told to stop.
 *
 * Everything a service needs to know it gets by its environment, because
 * after the change of user neither --config nor the checkout may be in reach.
 */
#include "tools/command.h"
#include "base/credentials.h"
#include "base/io.h"
#include "base/json.h"
#include "base/rundir.h"
#include "base/timeval.h"
#include "queue/queue.h"
#include "store/s3_address.h"
#include "tools/datadir.h"
#include "tools/health.h"
#include "tools/postgres.h"
#include "tools/program.h"
#include "tools/supervise.h"
#include "version.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#define START_MS 60000
#define READY_MS 120000
#define TROUBLE_US (2 * US_PER_S)
#define DATABASE_TRIES 30

struct up {
	struct datadir dir;
	struct postgres postgres;
	struct program gateway;
	struct program processor;
	struct program media;
	struct supervisor *supervisor;
	char log_dir[PATH_MAX + 8];
	char s3[256];
	char api[256];
	bool no_processor;
	char trouble[128]; /* with the S3 that holds the objects, or "" */
	int64_t trouble_since_us;
	int64_t ask_due_us;
};

/* ---- what the children become -------------------------------------------- */

static void
exec_gateway(void *ctx)
{
	struct up *u = ctx;
	char name[] = "reelgate-gateway", *argv[] = { name, NULL };

	program_exec(&u->gateway, argv);
}

/* The media worker is handed on as an open descriptor: see program.h. */
static void
exec_processor(void *ctx)
{
	struct up *u = ctx;
	char name[] = "reelgate-processor", *argv[] = { name, NULL };
	char number[16];

	snprintf(number, sizeof(number), "%d", u->media.fd);
	if (fcntl(u->media.fd, F_SETFD, 0) == 0 &&
	    setenv("REELGATE_MEDIA_FD", number, 1) == 0)
		program_exec(&u->processor, argv);
}

static void
exec_postgres(void *ctx)
{
	struct up *u = ctx;

	postgres_exec(&u->postgres);
}

enum { POSTGRES, GATEWAY, PROCESSOR };
static struct service services[] = {
	[POSTGRES] = { "postgres", exec_postgres, NULL, SIGINT, SIGQUIT,
		       30000 },
	[GATEWAY] = { "gateway", exec_gateway, NULL, SIGTERM, SIGKILL, 45000 },
	[PROCESSOR] = { "processor", exec_processor, NULL, SIGTERM, SIGKILL,
			40000 },
};

/* ---- the steps ----------------------------------------------------------- */

/* Waits for a step. GO_ON, or the status to end with. */
static int
wait_for(struct up *u, bool (*until)(void *), int timeout_ms, const char *what)
{
	switch (supervisor_run(u->supervisor, until, u, timeout_ms)) {
	case SUPERVISE_DONE:
		return GO_ON;
	case SUPERVISE_STOP:
		return EX_OK;
	case SUPERVISE_FAILED:
		return supervisor_status(u->supervisor);
	case SUPERVISE_TIMEOUT:
		break;
	}
	return complain(EX_TEMPFAIL, "%s within %d s; see %s", what,
			timeout_ms / 1000, u->log_dir);
}

static int
start(struct up *u, int service)
{
	services[service].ctx = u;
	if (supervisor_start(u->supervisor, &services[service]) == 0)
		return GO_ON;
	return complain(EX_OSERR, "cannot start %s: %s", services[service].name,
			strerror(errno));
}

static bool
database_is_ready(void *ctx)
{
	struct up *u = ctx;

	return postgres_ready(&u->postgres,
			      supervisor_pid(u->supervisor, "postgres"));
}

/* Where the private database is, for the services and for other commands. */
static int
publish_database(const struct up *u, const char *url, const char *migrate_url)
{
	struct buf text = BUF_INIT;
	char path[PATH_MAX];
	int status = GO_ON;

	rundir_path(u->dir.path, "database", path, sizeof(path));
	buf_printf(&text, "DATABASE_URL=%s\nDATABASE_MIGRATE_URL=%s\n", url,
		   migrate_url);
	if (!buf_ok(&text) || io_write_file(path, buf_slice(&text), 0600) != 0)
		status = complain(EX_CANTCREAT, "cannot write %s: %s", path,
				  strerror(errno));
	buf_release(&text);
	return status;
}

static int
start_private_database(struct up *u)
{
	struct buf url = BUF_INIT, admin_url = BUF_INIT;
	char err[512];
	int status = start(u, POSTGRES);

	if (status == GO_ON)
		status = wait_for(u, database_is_ready, START_MS,
				  "PostgreSQL was not ready");
	postgres_url(&u->postgres, "reelgate", &url);
	postgres_url(&u->postgres, "postgres", &admin_url);
	if (status == GO_ON && queue_migrate(admin_url.p, "reelgate", err) != 0)
		status = complain(EX_SOFTWARE, "%s", err);
	if (status == GO_ON)
		status = publish_database(u, url.p, admin_url.p);
	if (status == GO_ON)
		setenv("DATABASE_URL", url.p, 1);
	buf_release(&url);
	buf_release(&admin_url);
	return status;
}

/* A database elsewhere may start together with this machine: wait a little. */
static int
migrate_given_database(struct up *u, const struct conf *c)
{
	bool two = c->database_migrate_url[0];
	const char *url = two ? c->database_migrate_url : c->database_url;
	const char *name = two ? "DATABASE_MIGRATE_URL" : "DATABASE_URL";
	char err[512];

	if (!queue_conninfo_is_sound(url))
		return complain(EX_CONFIG,
				"%s is no connection string like "
				"postgresql://user:password@host/database",
				name);
	for (int i = 0; queue_migrate_for(url, c->database_url, err) != 0;
	     i++) {
		int status;

		if (i == DATABASE_TRIES)
			return complain(EX_UNAVAILABLE,
					"the database of %s is not to be had: "
					"%s",
					name, err);
		if (i == 0)
			complain(0, "waiting for the database of %s: %s", name,
				 err);
		status = supervisor_run(u->supervisor, NULL, NULL, 1000);
		if (status != SUPERVISE_TIMEOUT)
			return EX_OK;
	}
	return GO_ON;
}

static bool
gateway_is_up(void *ctx)
{
	struct up *u = ctx;

	return rundir_endpoint(u->dir.path, "S3_ENDPOINT", u->s3,
			       sizeof(u->s3)) == 0 &&
	       rundir_endpoint(u->dir.path, "API_ENDPOINT", u->api,
			       sizeof(u->api)) == 0;
}

/* Is it another S3 alone that is not there? Then all waits for it, and there
 * is nothing that another start would make better. */
static bool
is_trouble_elsewhere(struct up *u, struct slice answer)
{
	cJSON *doc = json_parse(answer);
	const char *trouble = doc ? json_str(doc, "trouble") : NULL;
	const char *schema = doc ? json_str(doc, "migrations") : NULL;
	bool yes = trouble && schema && strcmp(schema, "ok") == 0;

	if (!yes)
		u->trouble_since_us = 0;
	else if (!u->trouble_since_us)
		u->trouble_since_us = time_mono_us();
	if (yes)
		snprintf(u->trouble, sizeof(u->trouble), "%s", trouble);
	cJSON_Delete(doc);
	return yes && time_mono_us() - u->trouble_since_us > TROUBLE_US;
}

static bool
all_is_ready(void *ctx)
{
	struct up *u = ctx;
	struct buf answer = BUF_INIT;
	unsigned status = health_get(u->api, "/health/ready", &answer);
	bool done = status == 200;

	if (done)
		u->trouble[0] = '\0';
	else if (status == 503)
		done = is_trouble_elsewhere(u, buf_slice(&answer));
	buf_release(&answer);
	return done;
}

/* As above, for long: asked but once a second. */
static bool
trouble_is_over(void *ctx)
{
	struct up *u = ctx;

	if (time_mono_us() < u->ask_due_us)
		return false;
	u->ask_due_us = time_mono_us() + US_PER_S;
	return gateway_is_up(u) &&
	       health_get(u->api, "/health/ready", NULL) == 200;
}

static int
wait_for_ready(struct up *u)
{
	int status = wait_for(u, trouble_is_over, -1, NULL);

	if (status == GO_ON) {
		puts("ready");
		fflush(stdout);
	}
	return status;
}

/* With another S3: where that is, and where it is for browsers. */
static void
print_other_s3(const struct conf *c)
{
	struct slice named = conf_s3_public_url(c);
	char endpoint[CONF_ENDPOINT_MAX];

	if (!conf_is_remote(c))
		return;
	s3_address_endpoint(c->s3_endpoint, c->aws_region, endpoint,
			    sizeof(endpoint));
	printf("  objects      bucket %s at %s\n", c->aws_s3_bucket, endpoint);
	if (strcmp(c->s3_mode, "direct") == 0)
		printf(
		    "  direct to    %.*s: browsers must reach it, its bucket "
		    "needs CORS rules\n",
		    SLICE_ARG(named.n ? named : slice_str(endpoint)));
}

static void
print_places(const struct up *u, const struct conf *c)
{
	char credentials[PATH_MAX];

	credentials_path(u->dir.path, credentials, sizeof(credentials));
	printf("  S3 endpoint  %s\n"
	       "  video API    %s\n"
	       "  credentials  %s\n"
	       "  logs         %s\n",
	       u->s3, u->api, credentials, u->log_dir);
	print_other_s3(c);
	if (u->trouble[0])
		printf("not ready: %s; see the log of the gateway\n",
		       u->trouble);
	else
		puts("ready");
	fflush(stdout);
}

static int
run_services(struct up *u, const struct conf *c)
{
	int status = c->database_url[0] ? migrate_given_database(u, c)
					: start_private_database(u);

	if (status == GO_ON)
		status = start(u, GATEWAY);
	if (status == GO_ON)
		status = wait_for(u, gateway_is_up, START_MS,
				  "the gateway did not listen");
	if (status == GO_ON && !u->no_processor)
		status = start(u, PROCESSOR);
	if (status == GO_ON)
		status = wait_for(u, all_is_ready, READY_MS,
				  "the services were not ready");
	if (status != GO_ON)
		return status;
	supervisor_settle(u->supervisor);
	print_places(u, c);
	if (u->trouble[0])
		status = wait_for_ready(u);
	return status == GO_ON ? wait_for(u, NULL, -1, NULL) : status;
}

/* ---- before and after ---------------------------------------------------- */

static int
open_programs(struct up *u)
{
	char err[512];

	if (program_open(&u->gateway, "reelgate-gateway", err) != 0 ||
	    (!u->no_processor &&
	     (program_open(&u->processor, "reelgate-processor", err) != 0 ||
	      program_open(&u->media, "reelgate-media", err) != 0)))
		return complain(EX_UNAVAILABLE, "%s", err);
	return GO_ON;
}

/* What the last `up` said of itself no longer holds. */
static void
forget_last_start(const struct up *u)
{
	static const char *const names[] = { "database", "endpoints" };
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		rundir_path(u->dir.path, names[i], path, sizeof(path));
		unlink(path);
	}
}

static int
up(struct up *u)
{
	struct conf c = { 0 };
	char err[CONF_ERROR_MAX];
	int status = EX_CONFIG;

	if (datadir_open(&u->dir, err) != 0)
		return complain(EX_CONFIG, "%s", err);
	snprintf(u->log_dir, sizeof(u->log_dir), "%s/log", u->dir.path);
	printf("Reelgate " REELGATE_VERSION " on %s\n", u->dir.path);
	forget_last_start(u);
	if (conf_load(&c, NULL, u->dir.path, err) != 0) {
		complain(status, "%s", err);
		goto out;
	}
	if (!c.database_url[0] &&
	    postgres_prepare(&u->postgres, u->dir.path, err) != 0) {
		complain(status, "%s", err);
		goto out;
	}
	u->supervisor = supervisor_new(u->log_dir);
	if (!u->supervisor) {
		status = complain(EX_OSERR, "%s", strerror(errno));
		goto out;
	}
	status = run_services(u, &c);
	puts("stopping");
	supervisor_free(u->supervisor);
	forget_last_start(u);
	if (status == EX_OK)
		puts("stopped");
out:
	conf_release(&c);
	datadir_close(&u->dir);
	return status;
}

int
cmd_up(int argc, char **argv)
{
	const char *config = NULL, *data = NULL, *s3 = NULL, *api = NULL;
	static struct up u = { .gateway.fd = -1,
			       .processor.fd = -1,
			       .media.fd = -1 };
	const struct option options[] = {
		OPTIONS_COMMON(config, data),
		{ "--s3-listen", "ADDR:PORT", &s3, NULL,
		  "S3 address, 127.0.0.1:9000; port 0: a free one" },
		{ "--api-listen", "ADDR:PORT", &api, NULL,
		  "video API address, 127.0.0.1:9001" },
		{ "--no-processor", NULL, NULL, &u.no_processor,
		  "start no media processor" },
	};
	const struct command_line line = {
		.usage = "reelgate up [--data DIR] [--config FILE] "
			 "[--s3-listen ADDR:PORT] [--api-listen ADDR:PORT]",
		.about = "Starts PostgreSQL, the gateway and the processor, "
			 "starts again what dies,\nand stops all of it on "
			 "Ctrl-C. Prints \"ready\" when everything answers.\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
	};
	char err[CONF_ERROR_MAX];
	int n, status = options_parse(&line, argc, argv, &n);

	if (status != GO_ON)
		return status;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (conf_data_dir(config, data, u.dir.path, sizeof(u.dir.path), err) !=
		0 ||
	    (config && conf_file_to_env(config, err) != 0))
		return complain(EX_CONFIG, "%s", err);
	if ((s3 && setenv("REELGATE_S3_LISTEN", s3, 1) != 0) ||
	    (api && setenv("REELGATE_API_LISTEN", api, 1) != 0) ||
	    setenv("REELGATE_DATA", u.dir.path, 1) != 0)
		return complain(EX_OSERR, "%s", strerror(errno));
	status = open_programs(&u);
	if (status == GO_ON)
		status = up(&u);
	program_close(&u.gateway);
	program_close(&u.processor);
	program_close(&u.media);
	return status;
}
