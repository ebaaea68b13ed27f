/*
 * bench-load: an S3 load generator. Reads its command line by one table,
 * builds all requests, runs them, prints one line or one JSON object.
 * Ends with status 1 when an answer was wrong: a figure made of errors is none.
 */
#include "tests/bench/load.h"
#include "base/json_write.h"
#include "base/options.h"

#include <netdb.h>
#include <signal.h>
#include <sys/sysinfo.h>

static const char *const op_names[] = {
	[LOAD_PUT] = "put",	      [LOAD_GET] = "get",
	[LOAD_HEAD] = "head",	      [LOAD_DELETE] = "delete",
	[LOAD_LIST] = "list",	      [LOAD_MIXED] = "mixed",
	[LOAD_COMPLETE] = "complete", [LOAD_COPY] = "copy",
};

struct words { /* options as they were written */
	const char *op, *mix, *auth, *payload, *region, *access_key;
	const char *size, *keys, *connections, *threads, *count, *seconds;
	const char *warmup, *max_keys, *list_prefixes, *parts;
	bool json;
};

static int
refuse(const char *what, const char *value)
{
	fprintf(stderr, "bench-load: %s: %s\n", what, value);
	return -1;
}

static int
read_number(const char *name, const char *text, uint64_t least, uint64_t *out)
{
	if (slice_u64(slice_str(text), out) != 0 || *out < least)
		return refuse(name, text);
	return 0;
}

/* "1.5" */
static int
read_seconds(const char *name, const char *text, uint64_t *ms)
{
	char *end;
	double s = strtod(text, &end);

	if (end == text || *end || s < 0 || s > 1e6)
		return refuse(name, text);
	*ms = (uint64_t)(s * 1000);
	return 0;
}

/* The index of a word in a list, or -1. */
static int
find_word(struct slice word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq_str(word, list[i]))
			return (int)i;
	return -1;
}

static int
choose(const char *name, const char *text, const char *const *list, size_t n)
{
	int i = find_word(slice_str(text), list, n);

	return i < 0 ? refuse(name, text) : i;
}

/* "get=70,put=30" */
static int
read_mix(struct load_conf *conf, const char *text)
{
	struct slice rest = slice_str(text), item, name;
	uint64_t weight, sum = 0;

	while (slice_cut(&rest, ',', &item)) {
		int op;

		if (!slice_cut(&item, '=', &name) || !item.p ||
		    slice_u64(item, &weight) != 0 || weight > 1000000)
			return refuse("--mix", text);
		op = find_word(name, op_names, LOAD_OP_COUNT);
		if (op < 0)
			return refuse("--mix", text);
		conf->mix[op] = (unsigned)weight;
		sum += weight;
	}
	return sum ? 0 : refuse("--mix", text);
}

/* http://host:port, and nothing behind it. */
static int
read_url(struct load_conf *conf)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	struct slice rest = slice_str(conf->url), host;
	struct buf name = BUF_INIT;
	ptrdiff_t colon;
	int rc;

	if (!slice_starts(rest, SLICE("http://")))
		return refuse("--url is not http://", conf->url);
	rest = slice_from(rest, 7);
	(void)slice_cut(&rest, '/', &conf->host);
	colon = slice_chr(conf->host, ':');
	host = colon < 0 ? conf->host : slice_head(conf->host, (size_t)colon);
	buf_put(&name, host);
	buf_putc(&name, '\0');
	if (colon >= 0)
		buf_put(&name, slice_from(conf->host, (size_t)colon + 1));
	else
		buf_puts(&name, "80");
	if (!buf_ok(&name))
		return -1;
	rc = getaddrinfo(name.p, name.p + host.n + 1, &hints, &found);
	buf_release(&name);
	if (rc != 0)
		return refuse(gai_strerror(rc), conf->url);
	memcpy(&conf->address, found->ai_addr, found->ai_addrlen);
	conf->address_n = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static int
read_keys(struct load_conf *conf, const struct words *w)
{
	const char *secret = getenv("AWS_SECRET_ACCESS_KEY");
	const char *access =
	    w->access_key ? w->access_key : getenv("AWS_ACCESS_KEY_ID");

	if (conf->auth == LOAD_AUTH_NONE)
		return 0;
	if (!access || !secret)
		return refuse("no key pair", "AWS_ACCESS_KEY_ID and "
					     "AWS_SECRET_ACCESS_KEY");
	conf->signer = (struct auth_signer){ .access_key = slice_str(access),
					     .secret_key = slice_str(secret),
					     .region = slice_str(w->region),
					     .service = "s3" };
	return 0;
}

static int
read_words(struct load_conf *conf, const struct words *w)
{
	static const char *const auths[] = { "header", "presigned", "none" };
	static const char *const payloads[] = { "unsigned", "signed" };
	const struct {
		const char *name, *text;
		uint64_t least;
		uint64_t *out;
	} numbers[] = {
		{ "--size", w->size, 0, &conf->size },
		{ "--keys", w->keys, 1, &conf->keys },
		{ "--connections", w->connections, 1, &conf->connections },
		{ "--threads", w->threads, 0, &conf->threads },
		{ "--count", w->count, 0, &conf->count },
		{ "--max-keys", w->max_keys, 0, &conf->max_keys },
		{ "--list-prefixes", w->list_prefixes, 0,
		  &conf->list_prefixes },
		{ "--parts", w->parts, 1, &conf->parts },
	};
	int op = choose("--op", w->op, op_names, ARRAY_LEN(op_names));
	int auth = choose("--auth", w->auth, auths, ARRAY_LEN(auths));
	int payload =
	    choose("--payload", w->payload, payloads, ARRAY_LEN(payloads));

	if (op < 0 || auth < 0 || payload < 0)
		return -1;
	conf->op = (enum load_op)op;
	conf->auth = (enum load_auth)auth;
	conf->payload_signed = payload == 1 && auth == LOAD_AUTH_HEADER;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (read_number(numbers[i].name, numbers[i].text,
				numbers[i].least, numbers[i].out) != 0)
			return -1;
	if (conf->threads == 0)
		conf->threads = (uint64_t)get_nprocs();
	if (conf->threads > conf->connections)
		conf->threads = conf->connections;
	if (read_seconds("--seconds", w->seconds, &conf->seconds_ms) != 0 ||
	    read_seconds("--warmup", w->warmup, &conf->warmup_ms) != 0 ||
	    read_mix(conf, w->mix) != 0 || read_keys(conf, w) != 0)
		return -1;
	return read_url(conf);
}

static int
parse(int argc, char **argv, struct load_conf *conf, struct words *w)
{
	const struct option options[] = {
		{ "--url", "URL", &conf->url, NULL, "http://HOST:PORT" },
		{ "--bucket", "NAME", &conf->bucket, NULL, "bench" },
		{ "--create-bucket", NULL, NULL, &conf->create_bucket,
		  "make it first; fine when it is there" },
		{ "--op", "OP", &w->op, NULL,
		  "put, get, head, delete, list, mixed, complete, copy" },
		{ "--mix", "WEIGHTS", &w->mix, NULL,
		  "of mixed: get=60,put=25,head=10,delete=5" },
		{ "--size", "BYTES", &w->size, NULL, "of an object, 4096" },
		{ "--connections", "N", &w->connections, NULL, "1" },
		{ "--threads", "N", &w->threads, NULL,
		  "that serve them, one a CPU" },
		{ "--seconds", "S", &w->seconds, NULL, "how long, 5" },
		{ "--count", "N", &w->count, NULL,
		  "requests, instead of seconds" },
		{ "--warmup", "S", &w->warmup, NULL, "uncounted before, 0.5" },
		{ "--prefix", "TEXT", &conf->prefix, NULL,
		  "of keys, which end in eight digits" },
		{ "--keys", "N", &w->keys, NULL,
		  "different keys, used in turn, 1000" },
		{ "--auth", "HOW", &w->auth, NULL, "header, presigned, none" },
		{ "--payload", "HOW", &w->payload, NULL,
		  "signed (SHA-256) or unsigned" },
		{ "--access-key", "KEY", &w->access_key, NULL,
		  "else AWS_ACCESS_KEY_ID; the secret is\n"
		  "                             AWS_SECRET_ACCESS_KEY" },
		{ "--region", "NAME", &w->region, NULL, "us-east-1" },
		{ "--max-keys", "N", &w->max_keys, NULL, "of list, 1000" },
		{ "--delimiter", "TEXT", &conf->delimiter, NULL, "of list" },
		{ "--list-prefixes", "N", &w->list_prefixes, NULL,
		  "list below PREFIX000/, 001/ ... in turn" },
		{ "--parts", "N", &w->parts, NULL,
		  "of size bytes, for complete and copy, 1000" },
		{ "--upload-parts", NULL, NULL, &conf->upload_parts,
		  "else parts are copies of one object" },
		{ "--json", NULL, NULL, &w->json, "print a JSON object" },
	};
	const struct command_line line = {
		.usage = "bench-load --url URL --op OP [options]",
		.about = "Measures an S3 server. All requests are signed "
			 "before the clock starts.\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
	};
	int n, status = options_parse(&line, argc, argv, &n);

	if (status != GO_ON)
		return status;
	if (!conf->url || !w->op) {
		fprintf(stderr, "bench-load: --url and --op are needed\n");
		return EX_USAGE;
	}
	return read_words(conf, w) == 0 ? GO_ON : EX_USAGE;
}

/* PUT /bucket; 409: it is there. */
static int
create_bucket(const struct load_conf *conf)
{
	struct buf path = BUF_INIT, head = BUF_INIT;
	struct load_request r = { .op = LOAD_PUT };
	struct load_conn *c = calloc(1, sizeof(*c));
	int rc = -1;

	buf_printf(&path, "/%s", conf->bucket);
	if (c &&
	    load_request_build(conf,
			       &(struct load_request_form){
				   .method = "PUT",
				   .path = buf_slice(&path),
				   .payload_hash = SLICE("UNSIGNED-PAYLOAD") },
			       &head) == 0 &&
	    load_conn_open(c, conf, NULL, true) == 0) {
		r.head = buf_slice(&head);
		load_conn_begin(c, &r, NULL);
		if (load_conn_step(c) == STEP_DONE &&
		    (c->status == 200 || c->status == 409))
			rc = 0;
		load_conn_close(c);
	}
	if (rc != 0)
		fprintf(stderr, "bench-load: bucket %s: status %d%s\n",
			conf->bucket, c ? c->status : 0,
			c && c->status ? "" : ", no answer");
	free(c);
	buf_release(&path);
	buf_release(&head);
	return rc;
}

static void
print(const struct load_conf *conf, const struct bench_result *r,
      uint64_t entries, bool json)
{
	const struct bench_stats *s = &r->stats;
	struct buf b = BUF_INIT;

	if (json) {
		json_open_object(&b, NULL);
		json_put_str(&b, "op", op_names[conf->op]);
		json_put_u64(&b, "size", conf->size);
		json_put_u64(&b, "connections", conf->connections);
		if (conf->op == LOAD_LIST)
			json_put_u64(&b, "entries", entries);
		bench_result_json(&b, r);
		json_close_object(&b);
	} else {
		buf_printf(
		    &b,
		    "%s %llu B x%llu: %.0f ops/s, %.1f MB/s, p50 %.0f us, "
		    "p95 %.0f us, p99 %.0f us, max %.0f us; %llu requests, "
		    "%llu errors, %.2f s, client CPU %.2f s",
		    op_names[conf->op], (unsigned long long)conf->size,
		    (unsigned long long)conf->connections,
		    (double)s->requests / r->seconds,
		    (double)s->bytes / r->seconds / 1e6,
		    bench_stats_quantile_us(s, 0.50),
		    bench_stats_quantile_us(s, 0.95),
		    bench_stats_quantile_us(s, 0.99), (double)s->max_ns / 1e3,
		    (unsigned long long)s->requests,
		    (unsigned long long)s->errors, r->seconds, r->cpu_s);
	}
	if (buf_ok(&b))
		puts(b.p);
	buf_release(&b);
}

static int
measure(const struct load_conf *conf, const struct load_plan *plan,
	uint64_t *entries, struct bench_result *out)
{
	if (conf->op == LOAD_COMPLETE || conf->op == LOAD_COPY)
		return load_large(conf, plan->block, out);
	if (conf->op == LOAD_LIST && load_list_once(conf, plan, entries) != 0)
		return -1;
	return load_run(conf, plan, out);
}

int
main(int argc, char **argv)
{
	struct load_conf conf = { .bucket = "bench",
				  .prefix = "",
				  .delimiter = "" };
	struct words w = { .mix = "get=60,put=25,head=10,delete=5",
			   .auth = "header",
			   .payload = "signed",
			   .region = "us-east-1",
			   .size = "4096",
			   .keys = "1000",
			   .connections = "1",
			   .threads = "0",
			   .count = "0",
			   .seconds = "5",
			   .warmup = "0.5",
			   .max_keys = "1000",
			   .list_prefixes = "0",
			   .parts = "1000" };
	struct load_plan plan = { 0 };
	uint64_t entries = 0;
	static struct bench_result result; /* 20 KiB: not for a stack */
	int status = parse(argc, argv, &conf, &w);

	if (status != GO_ON)
		return status;
	signal(SIGPIPE, SIG_IGN);
	status = EXIT_FAILURE;
	if (hash_setup() != 0 ||
	    (conf.create_bucket && create_bucket(&conf) != 0))
		return status;
	if (load_plan_build(&conf, &plan) != 0)
		fprintf(stderr, "bench-load: the requests cannot be built\n");
	else if (measure(&conf, &plan, &entries, &result) == 0) {
		print(&conf, &result, entries, w.json);
		if (!result.stats.requests && !result.stats.errors)
			fputs("bench-load: no answer in time\n", stderr);
		else if (!result.stats.errors)
			status = EXIT_SUCCESS;
	}
	load_plan_release(&plan);
	return status;
}
