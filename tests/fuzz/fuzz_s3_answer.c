/*
 * Answers of another S3 endpoint: each operation of the s3 backend is given
 * the input as the document that every request of it is answered with. The
 * first byte chooses the operation, the second how much is asked for.
 *
 * What is believed keeps the form that was promised: no more entries than
 * were asked for, in order, beyond the marker. Nothing goes on for ever: the
 * requests of one operation are counted.
 *
 * s3_request_run() and s3_get() are replaced by the linker (Makefile).
 */
#include "store/s3/s3.h"
#include "base/log.h"
#include "tests/fuzz/fuzz.h"

#define REQUESTS_MAX 120

static struct slice document;
static unsigned requests;

enum s3_error __wrap_s3_request_run(struct s3_remote *r,
				    const struct s3_call *call,
				    struct http_client_answer *out);
enum s3_error __wrap_s3_get(struct store *s, const struct store_ref *ref,
			    const struct store_cond *cond, struct arena *a,
			    struct store_object *out, struct store_read **read);

enum s3_error
__wrap_s3_request_run(struct s3_remote *r, const struct s3_call *call,
		      struct http_client_answer *out)
{
	(void)r;
	REQUIRE(++requests < REQUESTS_MAX);
	*out = (struct http_client_answer){ .status = 200 };
	buf_puts(&out->headers, "x-amz-version-id: v1\n");
	if (strcmp(call->method, "HEAD") != 0)
		buf_put(&out->body, document);
	return S3_OK;
}

enum s3_error
__wrap_s3_get(struct store *s, const struct store_ref *ref,
	      const struct store_cond *cond, struct arena *a,
	      struct store_object *out, struct store_read **read)
{
	(void)s, (void)cond, (void)a, (void)read;
	*out = (struct store_object){ .key = ref->key, .size = 4 };
	memcpy(out->etag, "e", 2);
	return S3_OK;
}

/* ---- lists -------------------------------------------------------------- */

static void
check_entries(const struct store_list_entry *v, size_t n, uint32_t max,
	      struct slice after, bool versions)
{
	REQUIRE(n <= max);
	for (size_t i = 0; i < n; i++) {
		int order = i ? slice_cmp(v[i - 1].name, v[i].name) : -1;

		REQUIRE(v[i].name.n > 0);
		REQUIRE(order < 0 || (order == 0 && versions));
		REQUIRE(versions || slice_cmp(v[i].name, after) > 0);
	}
}

static void
fuzz_list(struct store *s, uint32_t max, struct arena *a)
{
	struct store_list_req req = { .bucket = SLICE("bucket"),
				      .delimiter = SLICE("/"),
				      .start_after = SLICE("a/"),
				      .start_is_prefix = max & 1,
				      .max_keys = max };
	struct store_list_page page;

	if (store_list(s, &req, a, &page) != S3_OK)
		return;
	check_entries(page.entries, page.n, max, req.start_after, false);
	REQUIRE(!page.truncated || page.next.n);
}

static void
fuzz_versions(struct store *s, uint32_t max, struct arena *a)
{
	struct store_versions_req req = { .bucket = SLICE("bucket"),
					  .key_marker = SLICE("a"),
					  .version_marker = SLICE("v"),
					  .max_keys = max };
	struct store_versions_page page;

	if (store_list_versions(s, &req, a, &page) == S3_OK)
		check_entries(page.entries, page.n, max, req.key_marker, true);
}

static void
fuzz_uploads(struct store *s, uint32_t max, struct arena *a)
{
	struct store_uploads_req req = { .bucket = SLICE("bucket"),
					 .max_uploads = max };
	struct store_uploads_page page;

	if (store_upload_list(s, &req, a, &page) != S3_OK)
		return;
	REQUIRE(page.n <= max);
	for (size_t i = 0; i < page.n; i++)
		REQUIRE(memchr(page.entries[i].upload.id, '\0',
			       STORE_UPLOAD_ID_MAX));
}

static void
fuzz_buckets(struct store *s, uint32_t max, struct arena *a)
{
	struct store_bucket *v, one;
	struct slice doc;
	size_t n;

	(void)max;
	if (store_bucket_list(s, SLICE_EMPTY, a, &v, &n) == S3_OK)
		for (size_t i = 1; i < n; i++)
			REQUIRE(slice_cmp(v[i - 1].name, v[i].name) < 0);
	if (store_bucket_head(s, SLICE("bucket"), a, &one) == S3_OK)
		REQUIRE(one.versioning <= STORE_VERSIONING_SUSPENDED);
	(void)!store_config_get(s, SLICE("bucket"), STORE_CONFIG_TAGGING, a,
				&doc);
}

/* ---- uploads ------------------------------------------------------------ */

static void
fuzz_parts(struct store *s, uint32_t max, struct arena *a)
{
	struct slice bucket = SLICE("bucket"), key = SLICE("k");
	struct store_upload upload;
	struct store_part *v;
	char id[STORE_UPLOAD_ID_MAX];
	struct store_upload_req req = { .bucket = bucket, .key = key };
	size_t n;

	if (store_part_list(s, bucket, key, SLICE("id"), 1, max, a, &v, &n) ==
	    S3_OK) {
		REQUIRE(n <= max);
		for (size_t i = 0; i < n; i++)
			REQUIRE(v[i].number > (i ? v[i - 1].number : 1) &&
				v[i].number <= STORE_PARTS_MAX);
	}
	if (store_upload_get(s, bucket, key, SLICE("id"), a, &upload) == S3_OK)
		REQUIRE(strcmp(upload.id, "id") == 0);
	if (store_upload_create(s, &req, id) == S3_OK)
		REQUIRE(id[0] && memchr(id, '\0', sizeof(id)));
}

static void
fuzz_complete(struct store *s, uint32_t max, struct arena *a)
{
	static const struct store_complete_part parts[] = {
		{ .number = 1,
		  .etag = { "11111111111111111111111111111111", 32 } },
		{ .number = 2,
		  .etag = { "22222222222222222222222222222222", 32 } },
	};
	struct store_complete_req req = { .bucket = SLICE("bucket"),
					  .key = SLICE("k"),
					  .upload_id = SLICE("id"),
					  .parts = parts,
					  .n_parts = 1 + max % 2,
					  .size = UINT64_MAX,
					  .cond = STORE_COND_NONE };
	struct store_complete_result result;

	(void)a;
	if (store_upload_complete(s, &req, &result) != S3_OK)
		REQUIRE(result.bad.number <= STORE_PARTS_MAX);
}

/* ---- changes ------------------------------------------------------------ */

static void
fuzz_copy(struct store *s, uint32_t max, struct arena *a)
{
	struct store_copy_req req = { .source = STORE_REF(SLICE("bucket"),
							  SLICE("a")),
				      .source_etag = SLICE("e"),
				      .source_size = 4,
				      .bucket = SLICE("bucket"),
				      .key = SLICE("b"),
				      .cond = STORE_COND_NONE };
	struct store_part_copy_req part = {
		.part = { SLICE("bucket"), SLICE("k"), SLICE("id"), 1 },
		.source = STORE_REF(SLICE("bucket"), SLICE("a")),
		.source_etag = SLICE("e"),
		.source_size = 4,
		.size = 4,
	};
	struct store_object made;
	struct store_part out;

	(void)max, (void)a;
	if (store_copy(s, &req, &made) == S3_OK)
		REQUIRE(memchr(made.etag, '\0', sizeof(made.etag)));
	if (store_part_copy(s, &part, &out) == S3_OK)
		REQUIRE(out.number == 1 && out.etag[0]);
}

static void
fuzz_remove(struct store *s, uint32_t max, struct arena *a)
{
	struct store_removal v[] = {
		{ .key = SLICE("a"), .cond = STORE_COND_NONE },
		{ .key = SLICE("a"), .cond = STORE_COND_NONE },
		{ .key = SLICE("b"),
		  .version_id = SLICE("v"),
		  .cond = STORE_COND_NONE },
	};

	(void)max, (void)a;
	if (store_remove_many(s, SLICE("bucket"), v, ARRAY_LEN(v), NULL) !=
	    S3_OK)
		return;
	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		REQUIRE(memchr(v[i].removed.version_id, '\0',
			       STORE_VERSION_ID_MAX));
}

static struct store *
open_store(void)
{
	const struct store_s3_conf conf = { .endpoint = "http://127.0.0.1:1",
					    .owner = "root" };
	char err[512];
	struct store *s = store_open_s3(&conf, err);

	REQUIRE(s);
	return s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const targets[])(struct store *, uint32_t,
				       struct arena *) = {
		fuzz_list,  fuzz_versions, fuzz_uploads, fuzz_buckets,
		fuzz_parts, fuzz_complete, fuzz_copy,	 fuzz_remove,
	};
	struct store *s;
	struct arena a;

	fuzz_setup();
	if (size < 2)
		return 0;
	log_set_level(LOG_ERROR + 1);
	s = open_store();
	requests = 0;
	document = slice_mem(data + 2, size - 2);
	arena_init(&a, 32u << 20);
	targets[data[0] % ARRAY_LEN(targets)](s, 1 + data[1] % 16, &a);
	arena_release(&a);
	store_close(s);
	return 0;
}
