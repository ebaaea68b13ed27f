/*
 * bench-limit: one work by its name, measured for some seconds, printed as a
 * JSON object.
 */
#include "tests/bench/limit.h"
#include "base/hash.h"
#include "base/json_write.h"
#include "base/options.h"

#include <pthread.h>
#include <stdatomic.h>

static const struct work {
	const char *name;
	int (*run)(const struct limit_conf *, struct bench_result *);
	const char *help;
} works[] = {
	{ "append", limit_append, "append and fdatasync, one thread" },
	{ "files", limit_files,
	  "file, fdatasync, rename, fsync of the directory" },
	{ "stream", limit_stream, "one large file, fdatasync at its end" },
	{ "md5", limit_md5, "MD5 by OpenSSL, one core" },
	{ "lmdb-put", limit_lmdb_put,
	  "values and outbox rows through one LMDB writer" },
	{ "lmdb-page", limit_lmdb_page,
	  "1,000 steps of a cursor; --dir is an index" },
	{ "mhd", limit_mhd, "serve a value from memory until SIGTERM" },
};

/* ---- repeating in threads ------------------------------------------------ */

struct repeat {
	limit_step step;
	void *ctx;
	uint64_t bytes;
	_Atomic uint64_t *next;
	_Atomic bool *stop;
	pthread_t thread;
	bool failed;
	struct bench_stats stats;
};

static void *
repeat(void *arg)
{
	struct repeat *r = arg;

	while (!atomic_load(r->stop)) {
		uint64_t from = bench_now_ns();

		if (!r->step(r->ctx, atomic_fetch_add(r->next, 1))) {
			r->failed = true;
			break;
		}
		bench_stats_add(&r->stats, bench_now_ns() - from);
		r->stats.bytes += r->bytes;
	}
	return NULL;
}

int
limit_repeat(const struct limit_conf *conf, limit_step step, void *const *ctx,
	     size_t n, uint64_t bytes, struct bench_result *out)
{
	struct repeat *r = calloc(n, sizeof(*r));
	_Atomic uint64_t next = 0;
	_Atomic bool stop = false;
	size_t started = 0;
	uint64_t begin = bench_now_ns();
	double cpu = bench_cpu_s();
	bool failed = !r;

	for (; r && started < n; started++) {
		r[started] = (struct repeat){ .step = step,
					      .ctx = ctx[started],
					      .bytes = bytes,
					      .next = &next,
					      .stop = &stop };
		if (pthread_create(&r[started].thread, NULL, repeat,
				   &r[started]) != 0)
			break;
	}
	failed |= started < n;
	if (!failed)
		bench_sleep_ms(conf->time_ms);
	atomic_store(&stop, true);
	for (size_t i = 0; i < started; i++) {
		pthread_join(r[i].thread, NULL);
		bench_stats_merge(&out->stats, &r[i].stats);
		failed |= r[i].failed;
	}
	out->seconds = (double)(bench_now_ns() - begin) / 1e9;
	out->cpu_s = bench_cpu_s() - cpu;
	free(r);
	return failed ? -1 : 0;
}

/* ---- MD5 ----------------------------------------------------------------- */

struct md5_work {
	char *data;
	size_t n;
};

static bool
md5_step(void *ctx, uint64_t i)
{
	const struct md5_work *w = ctx;
	uint8_t sum[HASH_BYTES_MAX];
	struct hash h;

	(void)i;
	if (hash_init(&h, HASH_MD5) != 0)
		return false;
	hash_update(&h, w->data, w->n);
	hash_final(&h, sum);
	hash_release(&h);
	return true;
}

int
limit_md5(const struct limit_conf *conf, struct bench_result *out)
{
	struct md5_work w = { .data = bench_data(conf->size), .n = conf->size };
	void *ctx = &w;
	int rc = w.data ? limit_repeat(conf, md5_step, &ctx, 1, w.n, out) : -1;

	free(w.data);
	return rc;
}

/* ---- the command line ---------------------------------------------------- */

static const struct work *
find_work(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(works); i++)
		if (strcmp(works[i].name, name) == 0)
			return &works[i];
	return NULL;
}

static int
parse(int argc, char **argv, struct limit_conf *conf, const struct work **work)
{
	const char *size = "4096", *threads = "1", *keys = "1000",
		   *seconds = "3";
	const struct option options[] = {
		{ "--dir", "DIR", &conf->dir, NULL, "where to write" },
		{ "--table", "NAME", &conf->table, NULL, "of lmdb-page" },
		{ "--size", "BYTES", &size, NULL, "of a value, 4096" },
		{ "--threads", "N", &threads, NULL, "1" },
		{ "--keys", "N", &keys, NULL, "names used in turn, 1000" },
		{ "--seconds", "S", &seconds, NULL, "how long, 3" },
	};
	struct buf about = BUF_INIT;
	struct command_line line = { .usage = "bench-limit WORK [options]",
				     .options = options,
				     .n_options = ARRAY_LEN(options),
				     .args_min = 1,
				     .args_max = 1 };
	char *end;
	int n, status;

	buf_puts(&about, "Measures a work of the machine itself:\n");
	for (size_t i = 0; i < ARRAY_LEN(works); i++)
		buf_printf(&about, "  %-10s %s\n", works[i].name,
			   works[i].help);
	line.about = buf_ok(&about) ? about.p : "";
	status = options_parse(&line, argc, argv, &n);
	buf_release(&about);
	if (status != GO_ON)
		return status;
	*work = find_work(argv[1]);
	conf->time_ms = (uint64_t)(strtod(seconds, &end) * 1000);
	if (*work && !*end && slice_u64(slice_str(size), &conf->size) == 0 &&
	    conf->size && slice_u64(slice_str(threads), &conf->threads) == 0 &&
	    conf->threads && slice_u64(slice_str(keys), &conf->keys) == 0 &&
	    conf->keys)
		return GO_ON;
	fprintf(stderr, "bench-limit: see --help\n");
	return EX_USAGE;
}

int
main(int argc, char **argv)
{
	static struct bench_result result;
	struct limit_conf conf = { .dir = ".", .table = "M" };
	const struct work *work;
	struct buf b = BUF_INIT;
	int status = parse(argc, argv, &conf, &work);

	if (status != GO_ON)
		return status;
	if (hash_setup() != 0 || work->run(&conf, &result) != 0)
		return EXIT_FAILURE;
	json_open_object(&b, NULL);
	json_put_str(&b, "work", work->name);
	bench_result_json(&b, &result);
	json_close_object(&b);
	if (buf_ok(&b))
		puts(b.p);
	buf_release(&b);
	return EXIT_SUCCESS;
}
