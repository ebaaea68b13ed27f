/*
 * reelgate-processor: claims jobs, runs one sandboxed worker for each,
 * publishes what comes of it. On SIGTERM it claims nothing more, waits up to
 * 25 s for what runs, gives the rest back and ends; a second signal ends the
 * waiting. What prevents the start is said in one line, status 78.
 */
#include "base/conf.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "processor/control.h"
#include "processor/media_spawn.h"
#include "processor/workdir.h"
#include "processor/worker.h"
#include "version.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define DRAIN_S 25
#define ERR_MAX 512

struct processor {
	struct conf conf;
	struct job_host host;
	int work_lock;
	struct queue *queue;
	struct worker *worker;
	struct control *control;
};

struct options {
	const char *config;
	const char *data;
	bool on_demand;
};

static void
usage(FILE *out)
{
	fputs("usage: reelgate-processor [--config FILE] [--data DIR]\n"
	      "           [--on-demand]\n"
	      "       reelgate-processor --help | --version\n"
	      "Runs the jobs of the queue. With --on-demand only those that\n"
	      "POST /api/jobs/process asks for. Settings: see\n"
	      "docs/configuration.md.\n",
	      out);
}

/* 0 to go on, else the exit status + 1. */
static int
parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "data", required_argument, NULL, 'd' },
		{ "on-demand", no_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'd':
			o->data = optarg;
			break;
		case 'o':
			o->on_demand = true;
			break;
		case 'h':
			usage(stdout);
			return EX_OK + 1;
		case 'v':
			puts("reelgate-processor " REELGATE_VERSION);
			return EX_OK + 1;
		default:
			usage(stderr);
			return EX_USAGE + 1;
		}
	}
	if (optind == argc)
		return 0;
	usage(stderr);
	return EX_USAGE + 1;
}

static int
load_conf(struct conf *c, const struct options *o, char err[ERR_MAX])
{
	char path[PATH_MAX];

	if (conf_load(c, o->config, o->data, err) != 0)
		return -1;
	log_set_level_name(c->log_level);
	if (!c->database_url[0]) {
		snprintf(err, ERR_MAX,
			 "no database: set DATABASE_URL, or run `reelgate up` "
			 "with a private one");
		return -1;
	}
	conf_run_path(c->data, "", path, sizeof(path));
	if (io_mkdirs(path, 0750) != 0) {
		snprintf(err, ERR_MAX, "cannot make %.300s: %s", path,
			 strerror(errno));
		return -1;
	}
	return 0;
}

static int
processor_start(struct processor *p, const struct options *o, char err[ERR_MAX])
{
	struct worker_conf conf = {
		.host = &p->host,
		.slots = (unsigned)p->conf.processor_slots,
		.on_demand = o->on_demand,
	};
	char path[PATH_MAX];

	p->host.conf = &p->conf;
	snprintf(p->host.work_dir, sizeof(p->host.work_dir), "%.4000s/work",
		 p->conf.data);
	conf_run_path(p->conf.data, "lease.sock", p->host.lease_socket,
		      sizeof(p->host.lease_socket));
	p->work_lock = workdir_open(p->host.work_dir, err);
	if (p->work_lock < 0)
		return -1;
	snprintf(err, ERR_MAX, "out of memory");
	/* one connection per slot, keeper, and one to spare */
	p->queue = queue_open(p->conf.database_url, conf.slots + 2,
			      "reelgate-processor");
	if (!p->queue)
		return -1;
	conf.queue = p->queue;
	p->worker = worker_start(&conf, err);
	if (!p->worker)
		return -1;
	conf_run_path(p->conf.data, "processor.sock", path, sizeof(path));
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
	queue_close(p->queue);
	if (p->work_lock >= 0)
		close(p->work_lock);
}

/* Until nothing runs, the time is up, or a second signal comes. */
static void
drain(struct processor *p, const sigset_t *signals)
{
	const struct timespec now = { 0 };

	worker_drain(p->worker);
	for (int tenths = 0; tenths < DRAIN_S * 10; tenths++)
		if (worker_idle(p->worker, 100) ||
		    sigtimedwait(signals, NULL, &now) > 0)
			return;
}

/* Signals are taken by sigwait() alone; every thread inherits the mask. */
static void
block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int
main(int argc, char **argv)
{
	static struct processor p = { .work_lock = -1 }; /* off the stack */
	struct options o = { 0 };
	char err[ERR_MAX] = "";
	sigset_t signals;
	int sig, rc = parse_options(argc, argv, &o);

	if (rc)
		return rc - 1;
	umask(027);
	log_setup("reelgate-processor");
	block_signals(&signals);
	rc = EX_CONFIG;
	if (hash_setup() != 0)
		return rc;
	p.host.media_program = media_program_open(err);
	if (p.host.media_program >= 0 && load_conf(&p.conf, &o, err) == 0 &&
	    processor_start(&p, &o, err) == 0) {
		log_info("ready", "%u jobs at once%s",
			 (unsigned)p.conf.processor_slots,
			 o.on_demand ? ", on demand" : "");
		sigwait(&signals, &sig);
		log_info("stopping", "%s", strsignal(sig));
		drain(&p, &signals);
		rc = EX_OK;
	} else {
		fprintf(stderr, "reelgate-processor: %s\n", err);
	}
	processor_stop(&p);
	conf_release(&p.conf);
	return rc;
}
