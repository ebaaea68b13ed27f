/*
 * All requests of a run, built and signed before it. Keys are PREFIX and eight
 * digits. The order is that of the keys; of a mix, operations and keys are
 * drawn from a fixed sequence, so that two runs do the same.
 */
#include "tests/bench/load.h"
#include "base/encode.h"
#include "base/timeval.h"

#define EXPIRES_S 86400
#define UNSIGNED SLICE("UNSIGNED-PAYLOAD")

static const char *const methods[LOAD_OP_COUNT] = {
	[LOAD_PUT] = "PUT",	  [LOAD_GET] = "GET",  [LOAD_HEAD] = "HEAD",
	[LOAD_DELETE] = "DELETE", [LOAD_LIST] = "GET",
};

static int
body_sha256(const char *block, uint64_t n, char hex[SHA256_HEX_MAX])
{
	uint8_t sum[HASH_BYTES_MAX];
	struct hash h;

	if (hash_init(&h, HASH_SHA256) != 0)
		return -1;
	for (uint64_t at = 0; at < n; at += LOAD_BLOCK_BYTES)
		hash_update(&h, block,
			    n - at < LOAD_BLOCK_BYTES ? n - at
						      : LOAD_BLOCK_BYTES);
	hash_final(&h, sum);
	hash_release(&h);
	hex_encode(sum, SHA256_BYTES, hex);
	return 0;
}

/* ---- one request --------------------------------------------------------- */

static int
sign_request(const struct load_conf *conf, const struct auth_request *req,
	     struct slice payload_hash, struct buf *query, struct buf *lines)
{
	int64_t now_us = time_now_us();

	if (conf->auth == LOAD_AUTH_HEADER)
		return auth_sign(req, &conf->signer, payload_hash, now_us,
				 lines);
	if (conf->auth == LOAD_AUTH_PRESIGNED)
		return auth_presign(req, &conf->signer, EXPIRES_S, now_us,
				    query);
	buf_put(query, req->raw_query);
	return buf_ok(query) ? 0 : -1;
}

int
load_request_build(const struct load_conf *conf,
		   const struct load_request_form *form, struct buf *out)
{
	struct auth_header headers[LOAD_HEADERS_MAX] = { { SLICE("Host"),
							   conf->host } };
	struct auth_request req = { .method = slice_str(form->method),
				    .raw_path = form->path,
				    .raw_query = form->query,
				    .headers = headers,
				    .n_headers = 1 };
	struct buf query = BUF_INIT, lines = BUF_INIT;
	int rc;

	if (form->copy_source.n)
		headers[req.n_headers++] =
		    (struct auth_header){ SLICE("x-amz-copy-source"),
					  form->copy_source };
	rc = sign_request(conf, &req, form->payload_hash, &query, &lines);
	if (conf->auth == LOAD_AUTH_HEADER)
		buf_put(&query, form->query);
	buf_printf(out, "%s %.*s%s%.*s HTTP/1.1\r\n", form->method,
		   SLICE_ARG(form->path), query.n ? "?" : "",
		   SLICE_ARG(buf_slice(&query)));
	for (size_t i = 0; i < req.n_headers; i++)
		buf_printf(out, "%.*s: %.*s\r\n", SLICE_ARG(headers[i].name),
			   SLICE_ARG(headers[i].value));
	buf_put(out, buf_slice(&lines));
	if (strcmp(form->method, "PUT") == 0 ||
	    strcmp(form->method, "POST") == 0)
		buf_printf(out, "Content-Length: %llu\r\n",
			   (unsigned long long)form->body_n);
	buf_puts(out, "\r\n");
	if (!buf_ok(&query) || !buf_ok(&lines) || !buf_ok(out))
		rc = -1;
	buf_release(&query);
	buf_release(&lines);
	return rc;
}

void
load_object_path(const struct load_conf *conf, uint64_t key, struct buf *path)
{
	buf_clear(path);
	buf_printf(path, "/%s/", conf->bucket);
	uri_encode(path, slice_str(conf->prefix), true);
	buf_printf(path, "%08llu", (unsigned long long)key);
}

/* "list-type=2&max-keys=1000&prefix=..." of the i-th LIST. */
static void
list_query(const struct load_conf *conf, uint64_t i, struct buf *query)
{
	buf_printf(query, "list-type=2&max-keys=%llu&prefix=",
		   (unsigned long long)conf->max_keys);
	uri_encode(query, slice_str(conf->prefix), false);
	if (conf->list_prefixes)
		buf_printf(query, "%03llu%%2F",
			   (unsigned long long)(i % conf->list_prefixes));
	if (*conf->delimiter) {
		buf_puts(query, "&delimiter=");
		uri_encode(query, slice_str(conf->delimiter), false);
	}
}

/* ---- all of them --------------------------------------------------------- */

static enum load_op
draw(const struct load_conf *conf, uint64_t *x)
{
	uint64_t sum = 0, at;
	unsigned op;

	if (conf->op != LOAD_MIXED)
		return conf->op;
	for (op = 0; op < LOAD_OP_COUNT; op++)
		sum += conf->mix[op];
	at = bench_random(x) % sum;
	for (op = 0; at >= conf->mix[op]; op++)
		at -= conf->mix[op];
	return (enum load_op)op;
}

static int
add_request(const struct load_conf *conf, enum load_op op, uint64_t i,
	    struct slice body_hash, struct load_plan *plan,
	    struct load_request *out)
{
	struct buf path = BUF_INIT, query = BUF_INIT;
	struct load_request_form form = { .method = methods[op],
					  .payload_hash = UNSIGNED };
	size_t from = plan->heads.n;
	int rc;

	if (op == LOAD_PUT) {
		form.body_n = conf->size;
		form.payload_hash = body_hash;
	}
	if (op == LOAD_LIST) {
		list_query(conf, i, &query);
		buf_printf(&path, "/%s", conf->bucket);
	} else {
		load_object_path(conf, i, &path);
	}
	form.path = buf_slice(&path);
	form.query = buf_slice(&query);
	rc = load_request_build(conf, &form, &plan->heads);
	if (!buf_ok(&path) || !buf_ok(&query))
		rc = -1;
	/* an offset as yet: the buffer moves while it grows */
	*out = (struct load_request){
		.head = { NULL, plan->heads.n - from },
		.body_n = form.body_n,
		.op = op,
	};
	buf_release(&path);
	buf_release(&query);
	return rc;
}

int
load_plan_build(const struct load_conf *conf, struct load_plan *plan)
{
	char hex[SHA256_HEX_MAX];
	struct slice body_hash = UNSIGNED;
	uint64_t x = 2463534242ull;
	size_t at = 0;

	*plan = (struct load_plan){ .block = bench_data(LOAD_BLOCK_BYTES),
				    .v = calloc(conf->keys, sizeof(*plan->v)) };
	if (!plan->block || !plan->v)
		return -1;
	if (conf->payload_signed) {
		if (body_sha256(plan->block, conf->size, hex) != 0)
			return -1;
		body_hash = slice_str(hex);
	}
	if (conf->op > LOAD_MIXED)
		return 0; /* each of its requests depends on the one before */
	for (plan->n = 0; plan->n < conf->keys; plan->n++) {
		enum load_op op = draw(conf, &x);
		uint64_t key = conf->op == LOAD_MIXED
				   ? bench_random(&x) % conf->keys
				   : plan->n;

		if (add_request(conf, op, key, body_hash, plan,
				&plan->v[plan->n]) != 0)
			return -1;
	}
	for (size_t i = 0; i < plan->n; i++) {
		plan->v[i].head.p = plan->heads.p + at;
		at += plan->v[i].head.n;
	}
	return 0;
}

void
load_plan_release(struct load_plan *plan)
{
	buf_release(&plan->heads);
	free(plan->v);
	free(plan->block);
}
