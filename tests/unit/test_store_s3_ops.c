/*
 * The s3 backend's operations against a scripted endpoint: what is asked how
 * often, what is made of strange answers, and of those that never came.
 */
#include "base/encode.h"
#include "base/hash.h"
#include "base/log.h"
#include "tests/unit/s3_script.h"

#define OK(call) assert_int_equal((call), S3_OK)
#define IS(err, call) assert_int_equal((call), S3_ERR_##err)

#define BUCKET SLICE("bucket")
#define KEY SLICE("k")
#define NONE "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define MISSING "HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"
#define DENIED "HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n"
#define GONE "HTTP/1.1 204 X\r\n\r\n"
#define HEAD_OF(size, etag)                                            \
	"HTTP/1.1 200 OK\r\nContent-Length: " size "\r\nETag: \"" etag \
	"\"\r\nLast-Modified: Fri, 24 May 2013 00:00:00 GMT\r\n\r\n"

static struct store *store;
static struct arena arena;

/* Answers that are a document get their head here. */
static const char *answers[HTTP_SCRIPT_MAX];
static char documents[HTTP_SCRIPT_MAX][2048];

static void
begin(const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		answers[i] = list[i];
		if (list[i][0] != '<')
			continue;
		snprintf(documents[i], sizeof(documents[i]),
			 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(list[i]), list[i]);
		answers[i] = documents[i];
	}
	store =
	    script_open((struct store_s3_conf){ .owner = "root" }, answers, n);
	arena_init(&arena, 16 << 20);
}

static void
end(size_t requests)
{
	store_close(store);
	script_end(requests);
	arena_release(&arena);
}

#define BEGIN(...)                                                  \
	do {                                                        \
		static const char *const list_[] = { __VA_ARGS__ }; \
		begin(list_, ARRAY_LEN(list_));                     \
	} while (0)

static void
expect(size_t i, const char *text)
{
	if (!asked(i, text))
		fail_msg("request %zu has no \"%s\": %s", i, text,
			 script.request[i].p);
}

/* ---- buckets ------------------------------------------------------------ */

#define ENABLED                                             \
	"<VersioningConfiguration><Status>Enabled</Status>" \
	"</VersioningConfiguration>"
#define IN_EUROPE                                                      \
	"HTTP/1.1 200 OK\r\nx-amz-bucket-region: eu-west-1\r\nContent" \
	"-Length: 0\r\n\r\n"

static enum s3_error
head(struct store_bucket *b)
{
	return store_bucket_head(store, BUCKET, &arena, b);
}

static void
test_bucket_is_asked_for_once(void **state)
{
	struct store_bucket b;

	(void)state;
	BEGIN(IN_EUROPE, ENABLED, NONE, IN_EUROPE,
	      "<GetBucketVersioningResponse/>"); /* as some call it */
	for (int i = 0; i < 3; i++) {
		OK(head(&b));
		assert_int_equal(b.versioning, STORE_VERSIONING_ENABLED);
		assert_true(slice_eq_str(b.region, "eu-west-1"));
		assert_true(slice_eq_str(b.owner, "root"));
	}
	expect(0, "HEAD /bucket/ HTTP/1.1\r\n");
	expect(1, "GET /bucket/?versioning= HTTP/1.1\r\n");
	/* An own change is seen at once. */
	OK(store_bucket_versioning(store, BUCKET, STORE_VERSIONING_SUSPENDED));
	expect(2, "<Status>Suspended</Status>");
	OK(head(&b));
	assert_int_equal(b.versioning, STORE_UNVERSIONED);
	end(5);
}

static void
test_absent_bucket_is_asked_for_again_soon(void **state)
{
	struct store_bucket b;

	(void)state;
	BEGIN(MISSING, IN_EUROPE, ENABLED);
	IS(NO_SUCH_BUCKET, head(&b));
	IS(NO_SUCH_BUCKET, head(&b));
	usleep(1100000);
	OK(head(&b));
	end(3);
}

static void
test_cors_rules_are_asked_for_once(void **state)
{
	struct slice doc;

	(void)state;
	BEGIN("<CORSConfiguration/>", NONE, MISSING);
	for (int i = 0; i < 2; i++) {
		OK(store_config_get(store, BUCKET, STORE_CONFIG_CORS, &arena,
				    &doc));
		assert_true(slice_eq_str(doc, "<CORSConfiguration/>"));
	}
	OK(store_config_put(store, BUCKET, STORE_CONFIG_CORS, SLICE("<x/>")));
	expect(1, "PUT /bucket/?cors= HTTP/1.1\r\n");
	expect(1, "content-md5: ");
	assert_int_not_equal(
	    store_config_get(store, BUCKET, STORE_CONFIG_CORS, &arena, &doc),
	    S3_OK);
	end(3);
}

static void
test_bucket_of_ours_is_not_made_twice(void **state)
{
	(void)state;
	BEGIN(IN_EUROPE, ENABLED, DENIED, DENIED, MISSING, NONE);
	IS(BUCKET_ALREADY_OWNED_BY_YOU,
	   store_bucket_create(store, BUCKET, SLICE("root"), SLICE_EMPTY));
	IS(BUCKET_ALREADY_EXISTS,
	   store_bucket_create(store, BUCKET, SLICE("root"), SLICE_EMPTY));
	OK(store_bucket_create(store, BUCKET, SLICE("root"),
			       SLICE("eu-west-1")));
	expect(5, "PUT /bucket/ HTTP/1.1\r\n");
	expect(5, "<LocationConstraint>eu-west-1</LocationConstraint>");
	end(6);
}

/* Only a journal can say that it is another's. */
static void
test_bucket_of_another_account_needs_a_journal(void **state)
{
	(void)state;
	BEGIN(MISSING);
	IS(NOT_IMPLEMENTED,
	   store_bucket_create(store, BUCKET, SLICE("eve"), SLICE_EMPTY));
	end(1);
}

#define BUCKETS(names, more)                                        \
	"<ListAllMyBucketsResult><Buckets>" names "</Buckets>" more \
	"</ListAllMyBucketsResult>"
#define NAME(name) "<Bucket><Name>" name "</Name></Bucket>"
#define TOKEN "<ContinuationToken>t+1</ContinuationToken>"

static void
test_buckets_come_in_pages(void **state)
{
	struct store_bucket *v;
	size_t n;

	(void)state;
	BEGIN(BUCKETS(NAME("aaa") NAME("bbb"), TOKEN), BUCKETS(NAME("ccc"), ""),
	      BUCKETS(NAME("bbb") NAME("aaa"), ""), BUCKETS(NAME("aaa"), TOKEN),
	      BUCKETS(NAME("aaa"), TOKEN));
	OK(store_bucket_list(store, SLICE_EMPTY, &arena, &v, &n));
	assert_int_equal(n, 3);
	assert_true(slice_eq_str(v[2].name, "ccc"));
	expect(0, "GET /?max-buckets=10000 HTTP/1.1\r\n");
	expect(1, "GET /?continuation-token=t%2B1&max-buckets=10000 ");
	/* Who knows no pages may know no order. */
	OK(store_bucket_list(store, SLICE_EMPTY, &arena, &v, &n));
	assert_int_equal(n, 2);
	assert_true(slice_eq_str(v[0].name, "aaa"));
	/* The same page again and again. */
	IS(INTERNAL_ERROR,
	   store_bucket_list(store, SLICE_EMPTY, &arena, &v, &n));
	end(5);
}

/* ---- lists -------------------------------------------------------------- */

#define LIST(more)                                                \
	"<ListBucketResult><EncodingType>url</EncodingType>" more \
	"</ListBucketResult>"
#define ITEM(key) "<Contents><Key>" key "</Key><Size>1</Size></Contents>"
#define PREFIX(p) "<CommonPrefixes><Prefix>" p "</Prefix></CommonPrefixes>"
#define MORE                              \
	"<IsTruncated>true</IsTruncated>" \
	"<NextContinuationToken>t</NextContinuationToken>"

static struct store_list_req
list_req(const char *after, bool is_prefix)
{
	return (struct store_list_req){ .bucket = BUCKET,
					.delimiter = SLICE("/"),
					.start_after = slice_str(after),
					.start_is_prefix = is_prefix,
					.max_keys = 3 };
}

static void
test_list_merges_keys_and_prefixes(void **state)
{
	struct store_list_req req = list_req("", false);
	struct store_list_page page;

	(void)state;
	BEGIN(LIST(ITEM("a") ITEM("c%2Bd") PREFIX("b%20/") MORE));
	OK(store_list(store, &req, &arena, &page));
	assert_int_equal(page.n, 3);
	assert_true(page.entries[1].is_prefix);
	assert_true(slice_eq_str(page.entries[1].name, "b /"));
	assert_true(slice_eq_str(page.next, "c+d"));
	assert_false(page.next_is_prefix);
	end(1);
}

/* Past all keys of a prefix one begins behind the last that can be: some may
 * be behind even that, and bring the prefix again. */
static void
test_list_goes_past_a_prefix(void **state)
{
	struct store_list_req req = list_req("a/", true);
	struct store_list_page page;

	(void)state;
	BEGIN(LIST(PREFIX("a/") MORE), LIST(ITEM("b")));
	OK(store_list(store, &req, &arena, &page));
	expect(0, "start-after=a%2F%F4%8F%BF%BF ");
	expect(1, "continuation-token=t&");
	assert_int_equal(page.n, 1);
	assert_true(slice_eq_str(page.entries[0].name, "b"));
	assert_false(page.truncated);
	end(2);
}

/* Each is one request, an INTERNAL_ERROR, and no more requests. */
static void
test_strange_pages_are_refused(void **state)
{
	static const char *const pages[] = {
		LIST(ITEM("a") ITEM("b") ITEM("c") ITEM("d")),
		LIST(ITEM("b") ITEM("a") MORE),
		LIST(ITEM("a") ITEM("")),
		LIST(PREFIX("a/") PREFIX("a/")),
		LIST(MORE),
		LIST(ITEM("%f0%28")),
		LIST("<IsTruncated>perhaps</IsTruncated>"),
		LIST("<EncodingType>rot13</EncodingType>"),
		"<ListBucketResult><Contents></ListBucketResult>",
		"<Error><Code>NoSuchKey</Code></Error>",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		struct store_list_req req = list_req("", false);
		struct store_list_page page;

		begin(&pages[i], 1);
		if (store_list(store, &req, &arena, &page) !=
		    S3_ERR_INTERNAL_ERROR)
			fail_msg("%s", pages[i]);
		end(1);
	}
}

/* With nothing behind it, it is put in order here. */
static void
test_last_page_may_be_in_any_order(void **state)
{
	struct store_list_req req = list_req("", false);
	struct store_list_page page;

	(void)state;
	BEGIN(LIST(ITEM("b") ITEM("a") PREFIX("aa/")));
	OK(store_list(store, &req, &arena, &page));
	assert_int_equal(page.n, 3);
	assert_true(slice_eq_str(page.entries[0].name, "a"));
	assert_true(slice_eq_str(page.entries[1].name, "aa/"));
	assert_true(slice_eq_str(page.entries[2].name, "b"));
	end(1);
}

static void
test_list_that_shows_nothing_new_ends(void **state)
{
	struct store_list_req req = list_req("a/", true);
	struct store_list_page page;

	(void)state;
	BEGIN(LIST(PREFIX("a/") MORE), LIST(PREFIX("a/") MORE),
	      LIST(PREFIX("a/") MORE), LIST(PREFIX("a/") MORE));
	IS(INTERNAL_ERROR, store_list(store, &req, &arena, &page));
	end(4);
}

#define VERSION(kind, key, id)                                      \
	"<" kind "><Key>" key "</Key><VersionId>" id "</VersionId>" \
	"<IsLatest>false</IsLatest></" kind ">"

static void
test_versions_and_markers_are_told_apart(void **state)
{
	struct store_versions_req req = { .bucket = BUCKET,
					  .key_marker = SLICE("a"),
					  .version_marker = SLICE("v9"),
					  .max_keys = 10 };
	struct store_versions_page page;

	(void)state;
	BEGIN("<ListVersionsResult>" VERSION("Version", "a", "v1")
		  VERSION("DeleteMarker", "a", "v0")
		      VERSION("Version", "b", "null") "</ListVersionsResult>");
	OK(store_list_versions(store, &req, &arena, &page));
	expect(0, "key-marker=a&max-keys=10&prefix=&version-id-marker=v9"
		  "&versions= ");
	assert_int_equal(page.n, 3);
	assert_false(page.entries[0].object.is_delete_marker);
	assert_true(page.entries[1].object.is_delete_marker);
	assert_string_equal(page.entries[2].object.version_id, "null");
	assert_true(slice_eq_str(page.next_key, "b"));
	assert_true(slice_eq_str(page.next_version, "null"));
	end(1);
}

/* ---- uploads ------------------------------------------------------------ */

#define ETAG_1 "11111111111111111111111111111111"
#define ETAG_2 "22222222222222222222222222222222"
#define PART(n, etag, size)                                 \
	"<Part><PartNumber>" n "</PartNumber><ETag>\"" etag \
	"\"</ETag><Size>" size "</Size></Part>"
#define PARTS(more) "<ListPartsResult>" more "</ListPartsResult>"
#define BOTH PARTS(PART("1", ETAG_1, "5242880") PART("2", ETAG_2, "7"))
#define NO_UPLOAD                                      \
	"HTTP/1.1 404 X\r\nContent-Length: 44\r\n\r\n" \
	"<Error><Code>NoSuchUpload</Code></Error>    "

/* ---- what an upload began with ------------------------------------------ */

#define BEGUN(headers)                                             \
	"HTTP/1.1 200 OK\r\n" headers "Content-Length: 92\r\n\r\n" \
	"<InitiateMultipartUploadResult><UploadId>u/1</UploadId>"  \
	"</InitiateMultipartUploadResult>     "

static enum s3_error
look(struct store_upload *out)
{
	return store_upload_get(store, BUCKET, KEY, SLICE("u/1"), &arena, out);
}

static void
begin_upload(void)
{
	const struct store_upload_req req = { .bucket = BUCKET,
					      .key = KEY,
					      .storage_class = SLICE("GLACIER"),
					      .checksum_alg = HASH_SHA256,
					      .checksum_composite = true };
	char id[STORE_UPLOAD_ID_MAX];

	OK(store_upload_create(store, &req, id));
	assert_string_equal(id, "u/1");
}

static void
test_upload_is_not_asked_for_what_it_began_with(void **state)
{
	struct store_upload u;

	(void)state;
	BEGIN(BEGUN("x-amz-checksum-algorithm: SHA256\r\n"
		    "x-amz-checksum-type: COMPOSITE\r\n"),
	      NONE, NO_UPLOAD);
	begin_upload();
	for (int i = 0; i < 3; i++) {
		OK(look(&u));
		assert_int_equal(u.checksum_alg, HASH_SHA256);
		assert_true(u.checksum_composite);
		assert_true(slice_eq_str(u.storage_class, "GLACIER"));
		assert_string_equal(u.id, "u/1");
	}
	OK(store_upload_abort(store, BUCKET, KEY, SLICE("u/1")));
	IS(NO_SUCH_UPLOAD, look(&u));
	expect(2, "GET /bucket/k?max-parts=1&");
	end(3);
}

/* Another gateway's, or of an endpoint that says nothing of checksums. */
static void
test_upload_of_others_is_asked_for_once(void **state)
{
	struct store_upload u;

	(void)state;
	BEGIN(BEGUN(""),
	      PARTS("<StorageClass>GLACIER</StorageClass>"
		    "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm>"),
	      NO_UPLOAD, NO_UPLOAD, NO_UPLOAD);
	begin_upload();
	for (int i = 0; i < 3; i++) {
		OK(look(&u));
		assert_int_equal(u.checksum_alg, HASH_CRC32);
		assert_false(u.checksum_composite);
		assert_true(slice_eq_str(u.storage_class, "GLACIER"));
	}
	/* what is not there is not known, and no key stands for another */
	IS(NO_SUCH_UPLOAD, store_upload_get(store, BUCKET, SLICE("k2"),
					    SLICE("u/1"), &arena, &u));
	IS(NO_SUCH_UPLOAD,
	   store_upload_get(store, BUCKET, KEY, SLICE("u/2"), &arena, &u));
	IS(NO_SUCH_UPLOAD,
	   store_upload_get(store, BUCKET, KEY, SLICE("u/2"), &arena, &u));
	end(5);
}

static char etag_of_both[STORE_ETAG_MAX];
static char head_of_both[256];

static void
make_etag(void)
{
	char bytes[32], hex[33];
	struct hash h;
	uint8_t sum[HASH_BYTES_MAX];

	memset(bytes, 0x11, 16);
	memset(bytes + 16, 0x22, 16);
	assert_int_equal(hash_init(&h, HASH_MD5), 0);
	hash_update(&h, bytes, sizeof(bytes));
	hash_final(&h, sum);
	hash_release(&h);
	hex_encode(sum, MD5_BYTES, hex);
	snprintf(etag_of_both, sizeof(etag_of_both), "%s-2", hex);
	snprintf(head_of_both, sizeof(head_of_both), HEAD_OF("5242887", "%s"),
		 etag_of_both);
}

static struct store_cond complete_cond = STORE_COND_NONE;

static enum s3_error
complete(struct store_complete_result *out)
{
	static const struct store_complete_part parts[] = {
		{ .number = 1, .etag = { ETAG_1, 32 } },
		{ .number = 2, .etag = { ETAG_2, 32 } },
	};
	const struct store_complete_req req = {
		.bucket = BUCKET,
		.key = KEY,
		.upload_id = SLICE("u/1"),
		.parts = parts,
		.n_parts = 2,
		.size = UINT64_MAX,
		.cond = complete_cond,
	};

	return store_upload_complete(store, &req, out);
}

static void
test_complete_names_the_parts_and_looks_at_the_object(void **state)
{
	static char result[256];
	const char *list[] = { BOTH, result, head_of_both };
	struct store_complete_result r;

	(void)state;
	snprintf(result, sizeof(result),
		 "<CompleteMultipartUploadResult><ETag>\"%s\"</ETag>"
		 "</CompleteMultipartUploadResult>",
		 etag_of_both);
	begin(list, 3);
	OK(complete(&r));
	expect(0, "GET /bucket/k?max-parts=1000&part-number-marker=0"
		  "&uploadId=u%2F1 ");
	expect(1, "POST /bucket/k?uploadId=u%2F1 ");
	expect(1, "<PartNumber>2</PartNumber><ETag>" ETAG_2 "</ETag>");
	assert_string_equal(r.object.etag, etag_of_both);
	assert_int_equal(r.object.size, 5242887);
	assert_int_equal(r.object.mtime_us, 1369353600ll * 1000000);
	assert_int_equal(r.object.n_parts, 2);
	end(3);
}

/* What the list of parts does not tell, the endpoint compares by itself. */
static void
test_complete_passes_checksums_that_the_list_has_not(void **state)
{
	static const struct store_complete_part part = {
		.number = 1,
		.etag = { ETAG_1, 32 },
		.checksum_alg = HASH_CRC32C,
		.checksum = { 1, 2, 3, 4 },
	};
	const struct store_complete_req req = { .bucket = BUCKET,
						.key = KEY,
						.upload_id = SLICE("u"),
						.parts = &part,
						.n_parts = 1,
						.size = UINT64_MAX,
						.cond = STORE_COND_NONE };
	struct store_complete_result r;

	(void)state;
	BEGIN(PARTS(PART("1", ETAG_1, "7")),
	      "<CompleteMultipartUploadResult><ETag>\"e\"</ETag>"
	      "</CompleteMultipartUploadResult>",
	      HEAD_OF("7", "e"));
	OK(store_upload_complete(store, &req, &r));
	expect(1, "<ChecksumCRC32C>AQIDBA==</ChecksumCRC32C>");
	end(3);
}

/* Some endpoints know none of a completion. */
static void
test_complete_asks_for_its_conditions(void **state)
{
	struct store_complete_result r;

	(void)state;
	complete_cond.if_none_match = SLICE("*");
	BEGIN(BOTH, HEAD_OF("4", "e9"));
	IS(PRECONDITION_FAILED, complete(&r));
	complete_cond.if_none_match = SLICE_EMPTY;
	end(2);
}

static void
test_complete_fails_late_with_an_error_inside_200(void **state)
{
	struct store_complete_result r;

	(void)state;
	BEGIN(BOTH, "<?xml version=\"1.0\"?>\n    <Error>"
		    "<Code>EntityTooSmall</Code></Error>");
	IS(ENTITY_TOO_SMALL, complete(&r));
	end(2);
}

static void
test_complete_that_fails_late_is_repeated(void **state)
{
	static char result[256];
	const char *list[] = { BOTH,
			       "<Error><Code>InternalError</Code></Error>",
			       result, head_of_both };
	struct store_complete_result r;

	(void)state;
	snprintf(result, sizeof(result),
		 "<CompleteMultipartUploadResult><ETag>\"%s\"</ETag>"
		 "</CompleteMultipartUploadResult>",
		 etag_of_both);
	begin(list, 4);
	OK(complete(&r));
	expect(2, "POST /bucket/k?uploadId=u%2F1 ");
	end(4);
}

/* The endpoint did it, and its answer was lost; the next try finds nothing. */
static void
test_complete_whose_answer_was_lost_succeeds(void **state)
{
	const char *list[] = { BOTH, "!", NO_UPLOAD, head_of_both };
	struct store_complete_result r;

	(void)state;
	begin(list, 4);
	OK(complete(&r));
	assert_string_equal(r.object.etag, etag_of_both);
	end(4);
}

static void
test_complete_repeated_asks_for_the_object(void **state)
{
	const char *done[] = { NO_UPLOAD, head_of_both };
	const char *other[] = { NO_UPLOAD, HEAD_OF("5242887", "other") };
	struct store_complete_result r;

	(void)state;
	begin(done, 2);
	OK(complete(&r));
	assert_int_equal(r.size, 5242887);
	end(2);
	begin(other, 2);
	IS(NO_SUCH_UPLOAD, complete(&r));
	end(2);
}

static void
test_complete_says_what_is_wrong_before_it_asks(void **state)
{
	static const struct {
		const char *list;
		enum s3_error err;
		uint32_t number;
	} rows[] = {
		{ PARTS(PART("1", ETAG_1, "5242880")), S3_ERR_INVALID_PART, 2 },
		{ PARTS(PART("1", ETAG_2, "5242880") PART("2", ETAG_2, "7")),
		  S3_ERR_INVALID_PART, 1 },
		{ PARTS(PART("1", ETAG_1, "5242879") PART("2", ETAG_2, "7")),
		  S3_ERR_ENTITY_TOO_SMALL, 1 },
		{ PARTS(PART("2", ETAG_2, "7") PART("1", ETAG_1, "5242880")),
		  S3_ERR_INTERNAL_ERROR, 0 },
		{ PARTS("<IsTruncated>true</IsTruncated>"),
		  S3_ERR_INTERNAL_ERROR, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct store_complete_result r;

		begin(&rows[i].list, 1);
		assert_int_equal(complete(&r), rows[i].err);
		assert_int_equal(r.bad.number, rows[i].number);
		end(1);
	}
}

/* ---- copies ------------------------------------------------------------- */

static struct store_copy_req
copy_req(void)
{
	return (struct store_copy_req){
		.source = { BUCKET, SLICE("a b"), SLICE("v1") },
		.source_etag = SLICE("e1"),
		.source_size = 4,
		.bucket = BUCKET,
		.key = KEY,
		.keep_checksum = true,
		.cond = STORE_COND_NONE,
	};
}

static void
test_copy_is_pinned_and_says_all(void **state)
{
	static const struct store_header tag = { { "a b", 3 }, { "c&d", 3 } };
	struct store_copy_req req = copy_req();
	struct store_object o;

	(void)state;
	BEGIN("!HTTP/1.1 200 OK\r\nx-amz-checksum-crc32: NSRBwg==-3\r\n\r\n"
	      "<CopyObjectResult><ETag>&quot;e2-3&quot;</ETag>"
	      "</CopyObjectResult>");
	req.tags = (struct store_headers){ &tag, 1 };
	OK(store_copy(store, &req, &o));
	expect(0, "x-amz-copy-source: /bucket/a%20b?versionId=v1\r\n");
	expect(0, "x-amz-copy-source-if-match: \"e1\"\r\n");
	expect(0, "x-amz-metadata-directive: REPLACE\r\n");
	expect(0, "x-amz-tagging: a%20b=c%26d\r\n");
	assert_string_equal(o.etag, "e2-3");
	assert_int_equal(o.n_parts, 3);
	assert_int_equal(o.checksum_alg, HASH_CRC32);
	assert_true(o.checksum_composite);
	assert_int_equal(o.size, 4);
	end(1);
}

/* Whether the source or the target refused, its code does not tell. */
static void
test_copy_asks_why_it_was_refused(void **state)
{
	static const char failed[] =
	    "HTTP/1.1 412 X\r\nContent-Length: 0\r\n\r\n";
	struct store_copy_req req = copy_req();

	(void)state;
	req.source.version_id = SLICE_EMPTY;
	BEGIN(failed, HEAD_OF("4", "e1"), failed, HEAD_OF("4", "e9"), failed,
	      MISSING, "<Error><Code>SlowDown</Code></Error>");
	IS(PRECONDITION_FAILED, store_copy(store, &req, NULL));
	IS(OPERATION_ABORTED, store_copy(store, &req, NULL));
	IS(NO_SUCH_KEY, store_copy(store, &req, NULL));
	IS(SLOW_DOWN, store_copy(store, &req, NULL));
	end(7);
}

#define COPIED_OBJECT "<CopyObjectResult><ETag>\"e1\"</ETag></CopyObjectResult>"

static void
test_rename_removes_what_it_copied_and_no_other(void **state)
{
	struct store_copy_req req = copy_req();

	(void)state;
	req.source.version_id = SLICE_EMPTY;
	req.rename = true;
	BEGIN(COPIED_OBJECT, HEAD_OF("4", "e1"), GONE, COPIED_OBJECT,
	      HEAD_OF("4", "e9"), COPIED_OBJECT, MISSING, NONE, ENABLED);
	OK(store_copy(store, &req, NULL));
	expect(2, "DELETE /bucket/a%20b ");
	expect(2, "if-match: \"e1\"\r\n");
	/* It was replaced in between: the caller looks again. */
	IS(OPERATION_ABORTED, store_copy(store, &req, NULL));
	/* Somebody else removed it. */
	OK(store_copy(store, &req, NULL));
	end(9);
}

static void
test_copy_heeds_dates_of_its_target(void **state)
{
	struct store_copy_req req = copy_req();

	(void)state;
	req.cond.if_unmodified_since_us = 0;
	BEGIN(HEAD_OF("4", "e1"));
	IS(PRECONDITION_FAILED, store_copy(store, &req, NULL));
	end(1);
}

/* Some endpoints do not know conditions of a copy, and would overwrite. */
static void
test_copy_asks_for_the_conditions_of_its_target(void **state)
{
	struct store_copy_req req = copy_req();

	(void)state;
	req.cond.if_none_match = SLICE("*");
	BEGIN(HEAD_OF("4", "e9"), MISSING, NONE, ENABLED, COPIED_OBJECT);
	IS(PRECONDITION_FAILED, store_copy(store, &req, NULL));
	OK(store_copy(store, &req, NULL));
	expect(4, "if-none-match: *\r\n");
	end(5);
}

static void
test_part_copy_names_a_range_only_of_a_part(void **state)
{
	struct store_part_copy_req req = {
		.part = { BUCKET, KEY, SLICE("u"), 3 },
		.source = STORE_REF(BUCKET, SLICE("a")),
		.source_etag = SLICE("e1"),
		.source_size = 10,
		.size = 10,
	};
	struct store_part out;

	(void)state;
#define COPIED "<CopyPartResult><ETag>\"" ETAG_1 "\"</ETag></CopyPartResult>"
	BEGIN(COPIED, COPIED, "<CopyPartResult/>");
	OK(store_part_copy(store, &req, &out));
	assert_string_equal(out.etag, ETAG_1);
	req.offset = 3;
	req.size = 4;
	OK(store_part_copy(store, &req, &out));
	expect(1, "PUT /bucket/k?partNumber=3&uploadId=u ");
	expect(1, "x-amz-copy-source-range: bytes=3-6\r\n");
	assert_int_equal(
	    slice_find(buf_slice(&script.request[0]), SLICE("source-range")),
	    -1);
	IS(INTERNAL_ERROR, store_part_copy(store, &req, &out));
	end(3);
}

/* ---- removals ----------------------------------------------------------- */

static void
test_many_are_removed_in_one_request(void **state)
{
	struct store_removal v[] = {
		{ .key = SLICE("a<b"), .cond = STORE_COND_NONE },
		{ .key = SLICE("c"), .cond = STORE_COND_NONE },
		{ .key = SLICE("d"),
		  .version_id = SLICE("v1"),
		  .cond = STORE_COND_NONE },
	};

	(void)state;
	/* An empty row is how some answer a repetition. */
	BEGIN("<DeleteResult><Deleted></Deleted>"
	      "<Deleted><Key>a&lt;b</Key><DeleteMarker>true"
	      "</DeleteMarker><DeleteMarkerVersionId>m1"
	      "</DeleteMarkerVersionId></Deleted><Error><Key>d</Key>"
	      "<VersionId>v1</VersionId><Code>AccessDenied</Code></Error>"
	      "</DeleteResult>");
	OK(store_remove_many(store, BUCKET, v, ARRAY_LEN(v), NULL));
	expect(0, "POST /bucket/?delete= ");
	expect(0, "<Object><Key>a&lt;b</Key></Object>");
	OK(v[0].err);
	assert_true(v[0].removed.is_marker);
	assert_string_equal(v[0].removed.version_id, "m1");
	IS(INTERNAL_ERROR, v[1].err); /* of which nothing was said */
	IS(ACCESS_DENIED, v[2].err);
	end(1);
}

/* An endpoint may know no ETag there, and would delete what is another by
 * now: it is looked at before. */
static void
test_key_with_an_etag_goes_alone(void **state)
{
	struct store_removal v[] = {
		{ .key = SLICE("a"), .cond = STORE_COND_NONE },
		{ .key = SLICE("b"), .cond = STORE_COND_NONE },
	};

	(void)state;
	v[0].cond.if_match = SLICE("\"e1\"");
	BEGIN(HEAD_OF("4", "e9"),
	      "<DeleteResult><Deleted><Key>b</Key></Deleted></DeleteResult>");
	OK(store_remove_many(store, BUCKET, v, ARRAY_LEN(v), NULL));
	IS(PRECONDITION_FAILED, v[0].err);
	OK(v[1].err);
	expect(0, "HEAD /bucket/a ");
	end(2);
}

/* XML cannot name it. */
static void
test_key_with_control_characters_goes_alone(void **state)
{
	struct store_removal v[] = {
		{ .key = SLICE("a\x01"), .cond = STORE_COND_NONE },
		{ .key = SLICE("b"), .cond = STORE_COND_NONE },
	};

	(void)state;
	BEGIN(HEAD_OF("4", "e"), GONE,
	      "<DeleteResult><Deleted><Key>b</Key></Deleted></DeleteResult>");
	OK(store_remove_many(store, BUCKET, v, ARRAY_LEN(v), NULL));
	expect(1, "DELETE /bucket/a%01 ");
	OK(v[0].err);
	assert_true(v[0].removed.existed);
	OK(v[1].err);
	end(3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bucket_is_asked_for_once),
		cmocka_unit_test(test_absent_bucket_is_asked_for_again_soon),
		cmocka_unit_test(test_cors_rules_are_asked_for_once),
		cmocka_unit_test(test_bucket_of_ours_is_not_made_twice),
		cmocka_unit_test(
		    test_bucket_of_another_account_needs_a_journal),
		cmocka_unit_test(test_buckets_come_in_pages),
		cmocka_unit_test(test_list_merges_keys_and_prefixes),
		cmocka_unit_test(test_list_goes_past_a_prefix),
		cmocka_unit_test(test_strange_pages_are_refused),
		cmocka_unit_test(test_last_page_may_be_in_any_order),
		cmocka_unit_test(test_list_that_shows_nothing_new_ends),
		cmocka_unit_test(test_versions_and_markers_are_told_apart),
		cmocka_unit_test(
		    test_upload_is_not_asked_for_what_it_began_with),
		cmocka_unit_test(test_upload_of_others_is_asked_for_once),
		cmocka_unit_test(
		    test_complete_names_the_parts_and_looks_at_the_object),
		cmocka_unit_test(
		    test_complete_passes_checksums_that_the_list_has_not),
		cmocka_unit_test(test_complete_asks_for_its_conditions),
		cmocka_unit_test(
		    test_complete_fails_late_with_an_error_inside_200),
		cmocka_unit_test(test_complete_that_fails_late_is_repeated),
		cmocka_unit_test(test_complete_whose_answer_was_lost_succeeds),
		cmocka_unit_test(test_complete_repeated_asks_for_the_object),
		cmocka_unit_test(
		    test_complete_says_what_is_wrong_before_it_asks),
		cmocka_unit_test(test_copy_is_pinned_and_says_all),
		cmocka_unit_test(test_copy_asks_why_it_was_refused),
		cmocka_unit_test(
		    test_rename_removes_what_it_copied_and_no_other),
		cmocka_unit_test(test_copy_heeds_dates_of_its_target),
		cmocka_unit_test(
		    test_copy_asks_for_the_conditions_of_its_target),
		cmocka_unit_test(test_part_copy_names_a_range_only_of_a_part),
		cmocka_unit_test(test_many_are_removed_in_one_request),
		cmocka_unit_test(test_key_with_an_etag_goes_alone),
		cmocka_unit_test(test_key_with_control_characters_goes_alone),
	};

	log_set_level(LOG_ERROR + 1);
	if (hash_setup() != 0)
		return 1;
	make_etag();
	return cmocka_run_group_tests_name("store_s3_ops", tests, NULL, NULL);
}
