/*
 * bench-queue - what the job queue can do, through the functions every program
 * uses: jobs added, run without doing anything, and how long one waits from
 * its commit to its start. One line of JSON per run.
 */
#include "base/hash.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/options.h"
#include "base/timeval.h"
#include "queue/queue.h"
#include "tests/bench/stats.h"

#include <stdatomic.h>

#define TYPE "bench"
#define WORKER "bench-queue"
#define LEASE_S 30
#define BATCH_MAX 1000
#define THREADS_MAX 16
#define SETTLE_MS 20 /* between two jobs that wait alone */

static const char *const types[] = { TYPE, NULL };
static const struct queue_worker self = {
	.name = WORKER, .host = "bench", .types = types, .lease_s = LEASE_S
};

struct bench {
	struct queue *queue;
	size_t jobs, batch, threads;
	const char *priority;
	atomic_size_t done;
	atomic_int failed;
	atomic_bool over;
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

/* ---- run ----------------------------------------------------------------- */

static size_t
run_batch(struct bench *b, struct queue_job *jobs, struct queue_end *ends)
{
	static const struct queue_outcome nothing = { .duration = -1 };
	struct arena a;
	size_t n = 0;

	arena_init(&a, 16u << 20);
	if (!good(b,
		  queue_claim(b->queue, WORKER, types, b->batch, &a, jobs, &n),
		  "claim"))
		n = 0;
	for (size_t i = 0; i < n; i++)
		ends[i] = (struct queue_end){ .id = jobs[i].id,
					      .attempt = jobs[i].attempts,
					      .how = QUEUE_COMPLETED,
					      .outcome = &nothing };
	if (n && good(b, queue_jobs_end(b->queue, WORKER, ends, n), "end"))
		for (size_t i = 0; i < n; i++)
			good(b, ends[i].result, "fence");
	arena_release(&a);
	return n;
}

/* Until nothing is due any more. */
static void *
run_main(void *arg)
{
	struct bench *b = arg;
	struct queue_job *jobs = calloc(b->batch, sizeof(*jobs));
	struct queue_end *ends = calloc(b->batch, sizeof(*ends));
	size_t n = 1;

	while (jobs && ends && n && !atomic_load(&b->failed)) {
		n = run_batch(b, jobs, ends);
		atomic_fetch_add(&b->done, n);
	}
	free(jobs);
	free(ends);
	return NULL;
}

/* The keeper of a processor: one beat each 5 s. */
static void *
beat_main(void *arg)
{
	struct bench *b = arg;
	int64_t due = time_mono_us();

	while (!atomic_load(&b->over)) {
		bench_sleep_ms(50);
		if (time_mono_us() < due)
			continue;
		good(b, queue_worker_beat(b->queue, &self, NULL, 0), "beat");
		due = time_mono_us() + 5 * US_PER_S;
	}
	return NULL;
}

static double
run_all(struct bench *b)
{
	pthread_t keeper;
	double seconds;

	if (!good(b, queue_worker_beat(b->queue, &self, NULL, 0), "beat") ||
	    pthread_create(&keeper, NULL, beat_main, b) != 0)
		return 0;
	seconds = in_threads(b, run_main);
	atomic_store(&b->over, true);
	pthread_join(keeper, NULL);
	good(b, queue_worker_leave(b->queue, WORKER), "leave");
	return seconds;
}

/* ---- wait ---------------------------------------------------------------- */

/* One job at a time, added while the worker listens: from the call that adds
 * it to the job in hand. */
struct wait {
	struct bench *b;
	atomic_llong added_us; /* 0: none on its way */
	struct bench_stats stats;
};

static void *
wait_main(void *arg)
{
	static const char *const channels[] = { "job_queue", NULL };
	struct wait *w = arg;
	struct queue_listener *l = queue_listen(w->b->queue, channels);

	while (l && !atomic_load(&w->b->over)) {
		struct queue_job job;
		struct queue_end end = { .how = QUEUE_COMPLETED };
		struct arena a;
		size_t n = 0;
		int64_t begun;

		if (queue_listener_wait(l, 1000) <= 0)
			continue;
		arena_init(&a, 1 << 20);
		good(w->b,
		     queue_claim(w->b->queue, WORKER, types, 1, &a, &job, &n),
		     "claim");
		begun = time_mono_us();
		if (n) {
			int64_t added = atomic_load(&w->added_us);

			bench_stats_add(&w->stats,
					(uint64_t)(begun - added) * 1000);
			end.id = job.id;
			end.attempt = job.attempts;
			good(w->b, queue_jobs_end(w->b->queue, WORKER, &end, 1),
			     "end");
			atomic_store(&w->added_us, 0);
		}
		arena_release(&a);
	}
	queue_listener_close(l);
	return NULL;
}

static double
wait_all(struct bench *b, struct bench_stats *stats)
{
	struct wait *w = calloc(1, sizeof(*w));
	int64_t begin = time_mono_us();
	pthread_t worker;

	if (!w)
		return 0;
	w->b = b;
	if (!good(b, queue_worker_beat(b->queue, &self, NULL, 0), "beat") ||
	    pthread_create(&worker, NULL, wait_main, w) != 0) {
		free(w);
		return 0;
	}
	bench_sleep_ms(200);
	for (size_t i = 0; i < b->jobs && !atomic_load(&b->failed); i++) {
		struct queue_new_job job = { .type = TYPE };

		atomic_store(&w->added_us, time_mono_us());
		good(b, queue_jobs_add(b->queue, &job, 1), "add");
		while (atomic_load(&w->added_us) && !atomic_load(&b->failed))
			bench_sleep_ms(1);
		bench_sleep_ms(SETTLE_MS + 10);
	}
	atomic_store(&b->over, true);
	pthread_join(worker, NULL);
	*stats = w->stats;
	free(w);
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
		   *threads = NULL, *priority = NULL;
	const struct option options[] = {
		{ "--database", "URL", &database, NULL, "a migrated one" },
		{ "--jobs", "N", &jobs, NULL, "to add, or to wait for" },
		{ "--batch", "N", &batch, NULL, "jobs in one call" },
		{ "--threads", "N", &threads, NULL, "each with a connection" },
		{ "--priority", "WORD", &priority, NULL, "of added jobs" },
	};
	const struct command_line line = {
		.usage = "bench-queue --database URL [OPTION...] add|run|wait",
		.about = "  add   adds jobs\n"
			 "  run   claims and completes all that are due\n"
			 "  wait  adds one job at a time for a worker that "
			 "listens\n",
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
	b.priority = priority;
	b.queue = queue_open(database, (unsigned)b.threads + 2, "bench-queue");
	if (!b.queue)
		return EX_OSERR;
	status = measure(&b, argv[1]);
	queue_close(b.queue);
	return status;
}
