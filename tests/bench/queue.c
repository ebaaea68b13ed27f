/*
 * bench-queue - what the job queue can do, through what a processor is made
 * of: jobs added, run by its engine without doing anything, and how long one
 * waits from being added to its start. One line of JSON per run.
 */
#include "base/hash.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/options.h"
#include "base/timeval.h"
#include "processor/worker.h"
#include "tests/bench/stats.h"

#define TYPE "bench"
#define BATCH_MAX 1000
#define THREADS_MAX 16
#define SETTLE_MS 30 /* between two jobs that wait alone */
#define RUN_MAX_S 600
#define ROUND_S 10
#define WAIT_MAX_S 15

struct bench {
	struct queue *queue;
	size_t jobs, batch, threads, seconds;
	const char *priority;
	atomic_size_t done;
	atomic_int failed;
};

static bool
good(struct bench *b, enum queue_error err, const char *what)
{
	if (err)
		fprintf(stderr, "bench-queue: %s: error %d\n", what, (int)err);
	if (err)
		atomic_store(&b->failed, 1);
	return !err;
}

/* Runs body in each thread: seconds until the last has ended. */
static double
in_threads(struct bench *b, void *(*body)(void *))
{
	pthread_t threads[THREADS_MAX];
	int64_t begin = time_mono_us();
	size_t n = 0;

	while (n < b->threads &&
	       pthread_create(&threads[n], NULL, body, b) == 0)
		n++;
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	if (n < b->threads)
		atomic_store(&b->failed, 1);
	return (double)(time_mono_us() - begin) / 1e6;
}

/* ---- add ----------------------------------------------------------------- */

/* Adds batches until as many as wanted are there. */
static void *
add_main(void *arg)
{
	struct bench *b = arg;
	struct queue_new_job *jobs = calloc(b->batch, sizeof(*jobs));

	while (jobs && atomic_fetch_add(&b->done, b->batch) < b->jobs) {
		for (size_t i = 0; i < b->batch; i++)
			jobs[i] = (struct queue_new_job){
				.type = TYPE,
				.payload = "{\"id\":1}",
				.priority = b->priority,
			};
		if (!good(b, queue_jobs_add(b->queue, jobs, b->batch), "add"))
			break;
	}
	free(jobs);
	return NULL;
}

/* ---- the worker: a processor's engine, with a type that does nothing ---- */

static atomic_size_t begun;
static _Atomic int64_t begun_us; /* of the last one */

static int
do_nothing(struct job_run *run)
{
	(void)run;
	atomic_store(&begun_us, time_mono_us());
	atomic_fetch_add(&begun, 1);
	return 0;
}

static struct worker *
start_worker(struct bench *b, struct job_host *host)
{
	static const struct job_type types[] = {
		{ TYPE, JOB_LANE_LIGHT, do_nothing, 0, 60, 1u << 20, 0 },
	};
	const struct worker_conf conf = {
		.host = host,
		.types = types,
		.n_types = ARRAY_LEN(types),
		.light_threads = WORKER_LIGHT_THREADS,
		.light_room = WORKER_LIGHT_ROOM,
	};
	struct worker *w;
	char err[512];

	host->queue = b->queue;
	w = worker_start(&conf, err);
	if (!w) {
		fprintf(stderr, "bench-queue: %s\n", err);
		atomic_store(&b->failed, 1);
	}
	return w;
}

/* Waits until @n jobs were begun; too long is a failure. */
static void
await_begun(struct bench *b, size_t n, int64_t seconds)
{
	int64_t until = time_mono_us() + seconds * US_PER_S;

	while (atomic_load(&begun) < n && !atomic_load(&b->failed)) {
		bench_sleep_ms(1);
		if (time_mono_us() > until)
			atomic_store(&b->failed, 1);
	}
}

/* Waits until @n jobs were begun and all that were have ended. */
static void
await_done(struct bench *b, struct worker *w, size_t n)
{
	await_begun(b, n, RUN_MAX_S);
	if (!worker_idle(w, 10000))
		atomic_store(&b->failed, 1);
}

/* ---- run: from the start of the worker until all are done --------------- */

static double
run_all(struct bench *b)
{
	struct job_host host = { .media_program = -1 };
	int64_t begin = time_mono_us(), end;
	struct worker *w = start_worker(b, &host);

	if (!w)
		return 0;
	await_done(b, w, b->jobs);
	if (atomic_load(&begun) != b->jobs)
		atomic_store(&b->failed, 1);
	end = time_mono_us();
	worker_free(w);
	atomic_store(&b->done, atomic_load(&begun));
	return (double)(end - begin) / 1e6;
}

/* ---- keep: a worker that lives on while rounds of jobs come ------------- */

/* Adds a round of jobs and waits until the worker has done them: seconds. */
static double
round_of_jobs(struct bench *b, struct worker *w)
{
	size_t before = atomic_load(&begun);
	int64_t from = time_mono_us();

	atomic_store(&b->done, 0);
	in_threads(b, add_main);
	await_done(b, w, before + b->jobs);
	return (double)(time_mono_us() - from) / 1e6;
}

/* A round each ROUND_S until the time is over; that of the last one. */
static double
keep_all(struct bench *b)
{
	struct job_host host = { .media_program = -1 };
	int64_t begin = time_mono_us(), next = begin;
	struct worker *w = start_worker(b, &host);
	double seconds = 0;

	while (w && !atomic_load(&b->failed)) {
		seconds = round_of_jobs(b, w);
		next += ROUND_S * US_PER_S;
		if (next - begin > (int64_t)b->seconds * US_PER_S)
			break;
		while (time_mono_us() < next)
			bench_sleep_ms(10);
	}
	worker_free(w);
	atomic_store(&b->done, b->jobs);
	return seconds;
}

/* ---- wait: one job at a time, from the call that adds it to its start --- */

static double
wait_all(struct bench *b, struct bench_stats *stats)
{
	struct job_host host = { .media_program = -1 };
	int64_t begin = time_mono_us();
	struct worker *w = start_worker(b, &host);

	if (!w)
		return 0;
	bench_sleep_ms(500); /* it listens */
	for (size_t i = 0; i < b->jobs && !atomic_load(&b->failed); i++) {
		struct queue_new_job job = { .type = TYPE };
		int64_t added = time_mono_us();

		good(b, queue_jobs_add(b->queue, &job, 1), "add");
		await_begun(b, i + 1, WAIT_MAX_S);
		bench_stats_add(
		    stats, (uint64_t)(atomic_load(&begun_us) - added) * 1000);
		bench_sleep_ms(SETTLE_MS);
	}
	worker_free(w);
	return (double)(time_mono_us() - begin) / 1e6;
}

/* ---- command line ---------------------------------------------------------
 */

static size_t
number(const char *text, size_t otherwise, size_t max)
{
	uint64_t v;

	if (!text || slice_u64(slice_str(text), &v) != 0 || v == 0)
		return otherwise;
	return v < max ? (size_t)v : max;
}

static int
measure(struct bench *b, const char *what)
{
	struct bench_result *r = calloc(1, sizeof(*r));
	struct buf out = BUF_INIT;
	double cpu = bench_cpu_s();

	if (!r)
		return EX_OSERR;
	if (strcmp(what, "add") == 0)
		r->seconds = in_threads(b, add_main);
	else if (strcmp(what, "run") == 0)
		r->seconds = run_all(b);
	else if (strcmp(what, "keep") == 0)
		r->seconds = keep_all(b);
	else if (strcmp(what, "wait") == 0)
		r->seconds = wait_all(b, &r->stats);
	else
		atomic_store(&b->failed, 1);
	r->cpu_s = bench_cpu_s() - cpu;
	json_open_object(&out, NULL);
	json_put_u64(&out, "jobs", b->done ? b->done : r->stats.requests);
	json_put_num(&out, "seconds", r->seconds);
	json_put_num(&out, "cpu_s", r->cpu_s);
	if (r->stats.requests) {
		json_put_num(&out, "p50_us",
			     bench_stats_quantile_us(&r->stats, 0.5));
		json_put_num(&out, "p95_us",
			     bench_stats_quantile_us(&r->stats, 0.95));
	}
	json_close_object(&out);
	if (buf_ok(&out) && !b->failed)
		puts(out.p);
	buf_release(&out);
	free(r);
	return b->failed ? EXIT_FAILURE : EX_OK;
}

int
main(int argc, char **argv)
{
	const char *database = NULL, *jobs = NULL, *batch = NULL,
		   *threads = NULL, *priority = NULL, *seconds = NULL;
	const struct option options[] = {
		{ "--database", "URL", &database, NULL, "a migrated one" },
		{ "--jobs", "N", &jobs, NULL, "to add, run or wait for" },
		{ "--batch", "N", &batch, NULL, "jobs added in one call" },
		{ "--threads", "N", &threads, NULL, "that add" },
		{ "--seconds", "N", &seconds, NULL, "to keep on" },
		{ "--priority", "WORD", &priority, NULL, "of added jobs" },
	};
	const struct command_line line = {
		.usage =
		    "bench-queue --database URL [OPTION...] add|run|keep|wait",
		.about = "  add   adds jobs\n"
			 "  run   a processor's engine completes them\n"
			 "  keep  an engine lives on while rounds of "
			 "jobs are added: the last one\n"
			 "  wait  adds one job at a time for an engine\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 1,
		.args_max = 1,
	};
	struct bench b = { 0 };
	int n, status = options_parse(&line, argc, argv, &n);

	if (status != GO_ON)
		return status;
	if (!database) {
		fprintf(stderr, "bench-queue: --database is missing\n");
		return EX_USAGE;
	}
	log_set_level(LOG_WARN);
	if (hash_setup() != 0)
		return EX_SOFTWARE;
	b.jobs = number(jobs, 1000, SIZE_MAX);
	b.batch = number(batch, 500, BATCH_MAX);
	b.threads = number(threads, 2, THREADS_MAX);
	b.seconds = number(seconds, 30, 86400);
	b.priority = priority;
	b.queue = queue_open(database, (unsigned)b.threads + WORKER_CONNECTIONS,
			     "bench-queue");
	if (!b.queue)
		return EX_OSERR;
	status = measure(&b, argv[1]);
	queue_close(b.queue);
	return status;
}
