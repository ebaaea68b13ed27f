/*
 * auth_verify() over any request. The input is text: method, path, query and
 * header lines. A request whose signature the fuzzer cannot know is never
 * accepted as signed; the same request presigned by us is.
 */
#include "auth/auth.h"
#include "base/random.h"
#include "base/timeval.h"
#include "tests/fuzz/fuzz.h"

#define NOW_US (1369353600 * US_PER_S)
#define HEADERS_MAX 24

static uint8_t secret[20]; /* fresh in each run: no input can hold it */

static int
lookup(void *ctx, struct slice access_key, struct auth_key *out)
{
	(void)ctx;
	if (!slice_eq_str(access_key, "AKIAIOSFODNN7EXAMPLE"))
		return -1;
	*out = (struct auth_key){ .account_id = "1" };
	for (size_t i = 0; i < sizeof(secret); i++)
		out->secret[i] = (char)('a' + secret[i] % 26);
	return 0;
}

static enum s3_error
verify(const struct auth_request *req, struct auth_identity *id)
{
	static const char *const hosts[] = { "s3.example.org", NULL };
	const struct auth_keys keys = { lookup, NULL };
	const struct auth_policy policy = { .service = "s3",
					    .public_hosts = hosts,
					    .now_us = NOW_US };
	struct s3_detail detail = { 0 };
	struct arena a;
	enum s3_error err;

	*id = (struct auth_identity){ 0 };
	arena_init(&a, 1 << 20);
	err = auth_verify(req, &keys, &policy, &a, id, &detail);
	for (size_t i = 0; i < detail.n; i++) {
		struct slice copy = arena_copy(&a, detail.extra[i].value);

		REQUIRE(a.err || copy.n == detail.extra[i].value.n);
	}
	arena_release(&a);
	return err;
}

/* What was presigned is accepted, unless the request itself says otherwise. */
static void
check_presigned(struct auth_request req)
{
	const struct auth_header host = { SLICE("host"), SLICE("a:9000") };
	struct auth_identity id;
	struct auth_key key;
	struct auth_signer signer = { .access_key =
					  SLICE("AKIAIOSFODNN7EXAMPLE"),
				      .region = SLICE("eu-west-1"),
				      .service = "s3" };
	struct buf query = BUF_INIT;

	REQUIRE(lookup(NULL, signer.access_key, &key) == 0);
	signer.secret_key = slice_str(key.secret);
	req.headers = &host;
	req.n_headers = 1;
	if (slice_find(req.raw_query, SLICE("%")) < 0 &&
	    slice_find(req.raw_query, SLICE("mz-")) < 0 &&
	    slice_find(req.raw_query, SLICE("Signature")) < 0 &&
	    req.raw_query.n < 4096 &&
	    auth_presign(&req, &signer, 60, NOW_US, &query) == 0) {
		req.raw_query = buf_slice(&query);
		REQUIRE(verify(&req, &id) == S3_OK);
		REQUIRE(id.kind == AUTH_PRESIGNED);
	}
	buf_release(&query);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_mem(data, size), line;
	struct auth_header headers[HEADERS_MAX];
	struct auth_request req = { .headers = headers };
	struct auth_identity id;

	fuzz_setup();
	if (!secret[0])
		random_bytes(secret, sizeof(secret));
	slice_cut(&rest, '\n', &req.method);
	slice_cut(&rest, '\n', &req.raw_path);
	slice_cut(&rest, '\n', &req.raw_query);
	while (req.n_headers < HEADERS_MAX && slice_cut(&rest, '\n', &line)) {
		struct auth_header *h = &headers[req.n_headers++];

		slice_cut(&line, ':', &h->name);
		h->value = line.p ? slice_trim(line) : SLICE_EMPTY;
	}
	if (verify(&req, &id) == S3_OK)
		REQUIRE(id.kind == AUTH_ANONYMOUS);
	check_presigned(req);
	return 0;
}
