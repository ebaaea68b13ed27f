/*
 * bench-fill: many small objects, put through the store itself, for what only
 * shows in a full index. A tenth of a millisecond each: many threads share one
 * commit. The gateway must not run; the bucket must be there.
 * Keys are 000/000000, 000/000001 ...: prefixes with equally many keys.
 */
#include "base/hash.h"
#include "base/options.h"
#include "store/store.h"
#include "tests/bench/stats.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 256 /* as many as one commit takes */
#define STACK_BYTES (256u << 10)
#define TRIES 120 /* of a put that is refused for the disk is slow */
#define PAUSE_MS 500
#define BODY SLICE("0123456789abcdef0123456789abcdef")
#define BODY_MD5 SLICE("8516ac99dc60603295de7bdb6a153530")

struct fill {
	struct store *store;
	struct slice bucket;
	uint64_t keys;
	uint64_t prefixes;
	_Atomic uint64_t next;
	_Atomic int failed; /* enum s3_error */
};

static enum s3_error
put(const struct fill *f, uint64_t i)
{
	static const struct store_header headers[] = {
		{ { "content-type", 12 }, { "binary/octet-stream", 19 } },
	};
	char key[32];
	struct store_put_req req = { .bucket = f->bucket,
				     .size = BODY.n,
				     .headers = { headers, 1 },
				     .cond = STORE_COND_NONE };
	struct store_put_final fin = {
		.etag = BODY_MD5,
		.note = { .event_name = SLICE("ObjectCreated:Put"),
			  .principal_id = SLICE("root"),
			  .source_ip = SLICE("127.0.0.1"),
			  .request_id = SLICE("0123456789ABCDEF") }
	};
	struct store_put *p;
	enum s3_error err;
	uint64_t below = f->keys / f->prefixes;
	int n = snprintf(key, sizeof(key), "%03llu/%06llu",
			 (unsigned long long)(i / below),
			 (unsigned long long)(i % below));

	req.key = slice_mem(key, (size_t)n);
	err = store_put_begin(f->store, &req, &p);
	if (err != S3_OK)
		return err;
	err = store_put_write(p, BODY.p, BODY.n);
	if (err != S3_OK) {
		store_put_abort(p);
		return err;
	}
	return store_put_commit(p, &fin, NULL);
}

/* As a client does that is told to come back later. */
static enum s3_error
put_patiently(const struct fill *f, uint64_t i)
{
	enum s3_error err = put(f, i);

	for (int n = 1; err == S3_ERR_SLOW_DOWN && n < TRIES; n++) {
		bench_sleep_ms(PAUSE_MS);
		err = put(f, i);
	}
	return err;
}

static void *
work(void *arg)
{
	struct fill *f = arg;
	uint64_t i;

	while (!atomic_load(&f->failed) &&
	       (i = atomic_fetch_add(&f->next, 1)) < f->keys) {
		enum s3_error err = put_patiently(f, i);

		if (err != S3_OK)
			atomic_store(&f->failed, (int)err);
	}
	return NULL;
}

static int
fill(struct fill *f)
{
	pthread_t threads[THREADS];
	pthread_attr_t attr;
	size_t started = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	while (started < THREADS &&
	       pthread_create(&threads[started], &attr, work, f) == 0)
		started++;
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_attr_destroy(&attr);
	if (started && !atomic_load(&f->failed))
		return 0;
	fprintf(stderr, "bench-fill: %s\n",
		s3_error_info((enum s3_error)atomic_load(&f->failed))->code);
	return -1;
}

int
main(int argc, char **argv)
{
	const char *data = NULL, *bucket = "bench";
	const char *keys = "1000000", *prefixes = "1000";
	const struct option options[] = {
		{ "--data", "DIR", &data, NULL, "data directory" },
		{ "--bucket", "NAME", &bucket, NULL, "bench" },
		{ "--keys", "N", &keys, NULL, "objects, 1000000" },
		{ "--prefixes", "N", &prefixes, NULL, "1000" },
	};
	const struct command_line line = {
		.usage = "bench-fill --data DIR [--bucket NAME] [--keys N]",
		.about = "Puts small objects into a bucket of a store that no "
			 "gateway has open.\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
	};
	struct store_local_conf conf = { .inline_max = 65536,
					 .map_size = 1ull << 40 };
	struct fill f = { 0 };
	char err[512];
	int n, status = options_parse(&line, argc, argv, &n);

	if (status != GO_ON)
		return status;
	if (!data || slice_u64(slice_str(keys), &f.keys) != 0 ||
	    slice_u64(slice_str(prefixes), &f.prefixes) != 0 ||
	    f.prefixes == 0 || f.keys == 0 || f.keys % f.prefixes ||
	    hash_setup() != 0) {
		fprintf(stderr, "bench-fill: see --help\n");
		return EX_USAGE;
	}
	conf.data_dir = data;
	f.bucket = slice_str(bucket);
	f.store = store_open_local(&conf, err);
	if (!f.store) {
		fprintf(stderr, "bench-fill: %s\n", err);
		return EXIT_FAILURE;
	}
	status = fill(&f) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	store_close(f.store);
	return status;
}
