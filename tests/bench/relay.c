/*
 * bench-relay: how many events a second the relay brings from a store's outbox
 * into PostgreSQL. Fills a store of its own, then runs the real relay on it.
 * The server is named by REELGATE_TEST_PG, a superuser's connection string
 * (tests/lib/with-pg bench-relay ...).
 */
#include "base/hash.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/options.h"
#include "gateway/relay.h"
#include "tests/bench/stats.h"

#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS 64
#define BUCKET SLICE("videos")
#define BODY_MD5 SLICE("d41d8cd98f00b204e9800998ecf8427e")
#define RULE(arn)                                                    \
	"<NotificationConfiguration><QueueConfiguration><Queue>" arn \
	"</Queue><Event>s3:ObjectCreated:*</Event>"                  \
	"</QueueConfiguration></NotificationConfiguration>"

static const struct {
	const char *name, *document;
} rules[] = {
	{ "video", RULE("arn:reelgate:jobs:::process_video") },
	{ "event", RULE("arn:reelgate:jobs:::webhook_deliver") },
	{ "none", "<NotificationConfiguration/>" },
};

struct fill {
	struct store *store;
	uint64_t n;
	_Atomic uint64_t next;
	_Atomic bool failed;
};

static bool
put(struct store *s, uint64_t i)
{
	static const struct store_header headers[] = {
		{ { "content-type", 12 }, { "video/mp4", 9 } },
	};
	char key[128];
	struct store_put_req req = { .bucket = BUCKET,
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

	snprintf(key, sizeof(key),
		 "uploads/aaaaaaaa-0000-4000-8000-00000000000a/%012llu-"
		 "holiday.mp4",
		 (unsigned long long)i);
	req.key = slice_str(key);
	return store_put_begin(s, &req, &p) == S3_OK &&
	       store_put_commit(p, &fin, NULL) == S3_OK;
}

static void *
fill_some(void *arg)
{
	struct fill *f = arg;
	uint64_t i;

	while (!atomic_load(&f->failed) &&
	       (i = atomic_fetch_add(&f->next, 1)) < f->n)
		if (!put(f->store, i))
			atomic_store(&f->failed, true);
	return NULL;
}

static bool
fill(struct store *s, uint64_t n, const char *document)
{
	struct fill f = { .store = s, .n = n };
	pthread_t threads[THREADS];
	size_t started = 0;

	if (store_bucket_create(s, BUCKET, SLICE("root"), SLICE("us-east-1")) !=
		S3_OK ||
	    store_config_put(s, BUCKET, STORE_CONFIG_NOTIFICATION,
			     slice_str(document)) != S3_OK)
		return false;
	while (started < THREADS &&
	       pthread_create(&threads[started], NULL, fill_some, &f) == 0)
		started++;
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return started && !atomic_load(&f.failed);
}

/* Until all is delivered; seconds, < 0 when the relay gave up. */
static double
run_relay(const struct relay_conf *conf)
{
	uint64_t from = bench_now_ns();
	struct relay_status now;
	char err[512];
	struct relay *r = relay_start(conf, err);
	double seconds = -1;

	if (!r) {
		fprintf(stderr, "bench-relay: %s\n", err);
		return -1;
	}
	do {
		bench_sleep_ms(5);
		relay_status(r, &now);
	} while (now.state != RELAY_STOPPED && now.acked_seq < now.last_seq);
	if (now.state != RELAY_STOPPED)
		seconds = (double)(bench_now_ns() - from) / 1e9;
	relay_stop(r);
	return seconds;
}

static int
print(uint64_t n, double seconds)
{
	struct buf b = BUF_INIT;

	if (seconds < 0)
		return EXIT_FAILURE;
	json_open_object(&b, NULL);
	json_put_u64(&b, "events", n);
	json_put_num(&b, "seconds", seconds);
	json_put_num(&b, "events_s", (double)n / seconds);
	json_close_object(&b);
	if (buf_ok(&b))
		puts(b.p);
	buf_release(&b);
	return EXIT_SUCCESS;
}

static int
measure(struct store *s, const char *conninfo, uint64_t n, const char *document)
{
	struct relay_conf conf = { .store = s,
				   .region = "us-east-1",
				   .bucket = "videos" };
	char err[512];
	int status = EXIT_FAILURE;

	if (!fill(s, n, document)) {
		fputs("bench-relay: cannot fill the store\n", stderr);
		return status;
	}
	if (queue_migrate(conninfo, NULL, err) != 0) {
		fprintf(stderr, "bench-relay: %s\n", err);
		return status;
	}
	conf.queue = queue_open(conninfo, 4, "bench-relay");
	if (conf.queue)
		status = print(n, run_relay(&conf));
	queue_close(conf.queue);
	return status;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int
main(int argc, char **argv)
{
	const char *events = "20000", *rule = "video";
	const struct option options[] = {
		{ "--events", "N", &events, NULL, "20000" },
		{ "--rule", "KIND", &rule, NULL,
		  "video, event (a job with the event each), none" },
	};
	const struct command_line line = {
		.usage = "bench-relay [--events N] [--rule KIND]",
		.about = "Measures the relay.\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
	};
	char dir[] = "/dev/shm/bench-relay-XXXXXX", err[512];
	struct store_local_conf conf = { .data_dir = dir,
					 .inline_max = 65536,
					 .map_size = 1ull << 34 };
	const char *document = NULL;
	struct store *s;
	uint64_t n;
	int i, status = options_parse(&line, argc, argv, &i);

	if (status != GO_ON)
		return status;
	for (size_t k = 0; k < ARRAY_LEN(rules); k++)
		if (strcmp(rule, rules[k].name) == 0)
			document = rules[k].document;
	if (!document || slice_u64(slice_str(events), &n) != 0 || n == 0 ||
	    !getenv("REELGATE_TEST_PG") || hash_setup() != 0 || !mkdtemp(dir)) {
		fputs("bench-relay: see --help; run it by tests/lib/with-pg\n",
		      stderr);
		return EX_USAGE;
	}
	log_set_level(LOG_WARN);
	s = store_open_local(&conf, err);
	status = EXIT_FAILURE;
	if (s)
		status = measure(s, getenv("REELGATE_TEST_PG"), n, document);
	else
		fprintf(stderr, "bench-relay: %s\n", err);
	store_close(s);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return status;
}
