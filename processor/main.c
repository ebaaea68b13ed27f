/*
 * reelgate-processor: claims jobs, runs one sandboxed worker for each,
 * publishes what comes of it. On SIGTERM it claims nothing more, waits up to
 * 25 s for what runs, gives the rest back and ends; a second signal ends the
 * waiting. What prevents the start is said in one line, status 78.
 */
#include "base/conf.h"
#include "base/log.h"
#include "base/options.h"
#include "base/random.h"
#include "base/rundir.h"
#include "base/service.h"
#include "processor/control.h"
#include "processor/media_spawn.h"
#include "processor/webhook.h"
#include "processor/workdir.h"
#include "processor/worker.h"
#include "version.h"

#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

#define DRAIN_S 25
#define PLAN_AFTER_S 60
#define PLAN_SPREAD_S 240
#define ERR_MAX 512
#define OTHER_FILES 256 /* database, sockets, pipes, outputs */

struct processor {
	struct conf conf;
	struct job_host host;
	struct job_type types[JOB_TYPES_MAX];
	struct webhooks webhooks;
	int work_lock;
	struct worker *worker;
	struct control *control;
};

struct options {
	const char *config;
	const char *data;
	bool on_demand;
};

static int
parse_options(int argc, char **argv, struct options *o)
{
	const struct option options[] = {
		OPTIONS_COMMON(o->config, o->data),
		{ "--on-demand", NULL, NULL, &o->on_demand,
		  "run only what POST /api/jobs/process asks for" },
	};
	const struct command_line line = {
		.usage = "reelgate-processor [--config FILE] [--data DIR] "
			 "[--on-demand]",
		.about =
		    "Runs the jobs of the queue, in two lanes: media jobs\n"
		    "(process_video, ai_analysis, generate_clips) in a child\n"
		    "process each, REELGATE_PROCESSOR_SLOTS at once; light "
		    "ones\n"
		    "in threads. Any number of processors may share a queue,\n"
		    "each with a data directory of its own.\n"
		    "SIGTERM: begins nothing more, gives running jobs 25 s, "
		    "gives\n"
		    "the rest back; a second one ends the waiting. Exit "
		    "status:\n"
		    "0 after that, 64 wrong usage, 78 what prevents the "
		    "start.\n"
		    "Settings: docs/configuration.md. Jobs: docs/queue.md.\n",
		.version = "reelgate-processor " REELGATE_VERSION,
		.options = options,
		.n_options = ARRAY_LEN(options),
	};
	int n;

	return options_parse(&line, argc, argv, &n);
}

static int
load_conf(struct conf *c, const struct options *o, char err[ERR_MAX])
{
	if (conf_load(c, o->config, o->data, err) != 0)
		return -1;
	log_set_level_name(c->log_level);
	if (!c->database_url[0]) {
		snprintf(err, ERR_MAX,
			 "no database: set DATABASE_URL, or run `reelgate up` "
			 "with a private one");
		return -1;
	}
	return rundir_make(c->data, err);
}

/*
 * An input has a descriptor per extent, here and twice for a moment in the
 * child that becomes its worker. How many extents it may have follows from
 * how many descriptors this process gets; all else is read over HTTP.
 */
static size_t
allow_files(unsigned slots)
{
	const rlim_t want =
	    OTHER_FILES + (rlim_t)(slots + 2) * MEDIA_EXTENTS_MAX;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1;
	if (limit.rlim_cur < want) {
		limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			return 1;
	}
	if (limit.rlim_cur >= want)
		return MEDIA_EXTENTS_MAX;
	return limit.rlim_cur > OTHER_FILES + slots + 2
		   ? (size_t)(limit.rlim_cur - OTHER_FILES) / (slots + 2)
		   : 1;
}

/* Soon after the start, but not of all processors at once. */
static unsigned
plan_after_s(void)
{
	uint32_t r;

	random_bytes(&r, sizeof(r));
	return PLAN_AFTER_S + r % PLAN_SPREAD_S;
}

static int
processor_start(struct processor *p, const struct options *o, char err[ERR_MAX])
{
	struct worker_conf conf = {
		.host = &p->host,
		.types = p->types,
		.n_types = job_types_load(&p->conf, p->types),
		.slots = (unsigned)p->conf.processor_slots,
		.light_threads = WORKER_LIGHT_THREADS,
		.light_room = WORKER_LIGHT_ROOM,
		.on_demand = o->on_demand,
		.plan_after_s = o->on_demand ? 0 : plan_after_s(),
		.announce = webhooks_announce,
	};
	char path[PATH_MAX];

	if (webhooks_load(&p->webhooks, &p->conf, err) != 0 ||
	    webhooks_types(&p->webhooks, p->types, &conf.n_types, err) != 0)
		return -1;
	p->host.conf = &p->conf;
	p->host.webhooks = &p->webhooks;
	p->host.extents_max = allow_files(conf.slots);
	snprintf(p->host.work_dir, sizeof(p->host.work_dir), "%.4000s/work",
		 p->conf.data);
	rundir_path(p->conf.data, "lease.sock", p->host.lease_socket,
		    sizeof(p->host.lease_socket));
	p->work_lock = workdir_open(p->host.work_dir, err);
	if (p->work_lock < 0)
		return -1;
	snprintf(err, ERR_MAX, "out of memory");
	p->host.queue = queue_open(p->conf.database_url, WORKER_CONNECTIONS,
				   "reelgate-processor");
	if (!p->host.queue)
		return -1;
	p->worker = worker_start(&conf, err);
	if (!p->worker)
		return -1;
	rundir_path(p->conf.data, "processor.sock", path, sizeof(path));
	p->control = control_start(p->worker, path, err);
	return p->control ? 0 : -1;
}

static void
processor_stop(struct processor *p)
{
	if (p->worker)
		worker_stop(p->worker);
	control_stop(p->control);
	worker_free(p->worker);
	queue_close(p->host.queue);
	webhooks_release(&p->webhooks);
	if (p->work_lock >= 0)
		close(p->work_lock);
}

/* Until nothing runs, the time is up, or a second signal comes. */
static void
drain(struct worker *w)
{
	worker_drain(w);
	for (int tenths = 0; tenths < DRAIN_S * 10; tenths++)
		if (worker_idle(w, 100) || service_hurried())
			return;
}

int
main(int argc, char **argv)
{
	static struct processor p = { .work_lock = -1 }; /* off the stack */
	struct options o = { 0 };
	char err[ERR_MAX] = "";
	int status = parse_options(argc, argv, &o);
	bool started;

	if (status == GO_ON)
		status = service_begin("reelgate-processor");
	if (status != GO_ON)
		return status;
	p.host.media_program = media_program_open(err);
	started = p.host.media_program >= 0 &&
		  load_conf(&p.conf, &o, err) == 0 &&
		  processor_start(&p, &o, err) == 0;
	if (started) {
		log_info("ready", "%u jobs at once%s",
			 (unsigned)p.conf.processor_slots,
			 o.on_demand ? ", on demand" : "");
		service_wait();
		drain(p.worker);
	}
	processor_stop(&p);
	conf_release(&p.conf);
	return started ? EX_OK : service_refused(err);
}
