/*
 * From Host and request target to bucket, key and query: first line Host,
 * second the target. A key that was accepted is UTF-8 without NUL, and is
 * read again from its own encoding.
 */
#include "base/encode.h"
#include "gateway/http/exchange.h"
#include "gateway/s3/s3.h"
#include "tests/fuzz/fuzz.h"

static struct s3_world world = { .hosts = { "s3.example.org",
					    "s3.localhost:9000", NULL } };

/* Where a refusal says what would be allowed. */
static struct http_exchange exchange;

static enum s3_error
parse(struct http_request *http, struct s3_request *rq, struct slice host,
      struct slice target)
{
	struct http_header *h;
	const char *why;

	*http = (struct http_request){ .n_headers = 1, .exchange = &exchange };
	answer_init(&exchange.answer);
	*rq = (struct s3_request){ .http = http, .world = &world };
	arena_init(&http->arena, 8 << 20);
	http->method = SLICE("GET");
	h = arena_alloc(&http->arena, sizeof(*h));
	REQUIRE(h);
	*h = (struct http_header){ SLICE("Host"), host };
	http->headers = h;
	if (framing_check(http, target, &why) != 0)
		return S3_ERR_BAD_REQUEST;
	REQUIRE(http->raw_path.n && http->raw_path.p[0] == '/');
	return s3_request_parse(rq);
}

static void
check_text(struct slice s)
{
	for (size_t i = 0, n; i < s.n; i += n) {
		n = slice_utf8(s, i);
		REQUIRE(n && s.p[i]);
	}
}

/* The same bucket and key, as a client would spell them. */
static void
check_again(const struct s3_request *first)
{
	struct http_request http;
	struct s3_request rq;
	struct buf b = BUF_INIT;

	buf_puts(&b, "/");
	uri_encode(&b, first->bucket, false);
	buf_puts(&b, "/");
	uri_encode(&b, first->key, true);
	REQUIRE(parse(&http, &rq, SLICE("h"), buf_slice(&b)) == S3_OK);
	REQUIRE(slice_eq(rq.bucket, first->bucket));
	REQUIRE(slice_eq(rq.key, first->key));
	arena_release(&http.arena);
	buf_release(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice target = slice_mem(data, size), host;
	struct http_request http;
	struct s3_request rq;

	slice_cut(&target, '\n', &host);
	if (parse(&http, &rq, host, target) == S3_OK) {
		REQUIRE(rq.key.n <= STORE_KEY_MAX);
		check_text(rq.key);
		for (size_t i = 0; i < rq.n_params; i++) {
			check_text(rq.params[i].name);
			check_text(rq.params[i].value);
		}
		REQUIRE((s3_route(&rq) == S3_OK) == (rq.op != NULL));
		/* A bucket of the Host may be no name at all. */
		if (rq.key.n && !rq.bucket_in_host)
			check_again(&rq);
	}
	arena_release(&http.arena);
	return 0;
}
