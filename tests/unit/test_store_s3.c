/*
 * The s3 backend against a scripted endpoint: the requests it makes, how it
 * repeats them, what it makes of the answers. Against a real gateway it runs
 * in tests/processor.
 */
#include "base/hash.h"
#include "base/log.h"
#include "tests/unit/s3_script.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"e1\"\r\n\r\n"
#define ERROR(status, code, length)                                   \
	"HTTP/1.1 " status " X\r\nContent-Length: " length "\r\n\r\n" \
	"<Error><Code>" code "</Code></Error>"

static struct store *store;
static struct arena arena;

/* Writes down what it was asked to sign. */
static int
sign(const void *ctx, const struct signer_request *req,
     struct signer_chain *chain, struct buf *out)
{
	size_t lines = 0;

	(void)ctx;
	(void)chain;
	for (size_t i = 0; i < req->headers.n; i++)
		lines += req->headers.p[i] == '\n';
	buf_printf(out, "x-signed: %s %.*s?%.*s %.*s %zu\r\n", req->method,
		   SLICE_ARG(req->path), SLICE_ARG(req->query),
		   SLICE_ARG(slice_head(req->payload_hash, 8)), lines);
	return 0;
}

static void
begin(const char *const *answers, size_t n)
{
	store = script_open((struct store_s3_conf){ .signer.sign = sign },
			    answers, n);
	arena_init(&arena, 1 << 20);
}

static void
end(size_t requests)
{
	store_close(store);
	script_end(requests);
	arena_release(&arena);
}

static enum s3_error
put(const char *key, struct slice data, uint64_t announced,
    struct store_object *out)
{
	const struct store_header type = { SLICE("content-type"),
					   SLICE("image/jpeg") };
	const struct store_put_req req = {
		.bucket = SLICE("bucket"),
		.key = slice_str(key),
		.size = announced,
		.headers = { &type, 1 },
		.cond = STORE_COND_NONE,
	};
	const struct store_put_final fin = { 0 };
	struct store_put *p;
	enum s3_error err = store_put_begin(store, &req, &p);

	assert_int_equal(err, S3_OK);
	for (size_t at = 0; err == S3_OK && at < data.n; at += 1 << 20)
		err = store_put_write(p, data.p + at,
				      data.n - at < 1 << 20 ? data.n - at
							    : 1 << 20);
	assert_int_equal(err, S3_OK);
	return store_put_commit(p, &fin, out);
}

static void
test_put_sends_one_signed_request(void **state)
{
	static const char *const answers[] = { OK };
	struct store_object o;

	(void)state;
	begin(answers, 1);
	assert_int_equal(put("a b/\xc3\xa9.jpg", SLICE("data"), 4, &o), S3_OK);
	assert_string_equal(o.etag, "e1");
	assert_string_equal(o.version_id, "null");
	assert_int_equal(o.size, 4);
	assert_true(asked(0, "PUT /bucket/a%20b/%C3%A9.jpg HTTP/1.1\r\n"));
	assert_true(asked(0, "\r\ncontent-type: image/jpeg\r\n"));
	/* sha256("data") = 3a6eb079... */
	assert_true(asked(0, "/bucket/a%20b/%C3%A9.jpg? 3a6eb079 2\r\n"));
	assert_true(asked(0, "\r\n\r\ndata"));
	end(1);
}

static void
test_put_gives_up_after_five_tries(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n",
		ERROR("503", "SlowDown", "36"),
		OK,
	};

	(void)state;
	begin(answers, 6);
	assert_int_equal(put("k", SLICE("data"), UINT64_MAX, NULL),
			 S3_ERR_SLOW_DOWN);
	end(5);
}

static void
test_put_refusals_are_not_repeated(void **state)
{
	static const char *const answers[] = {
		ERROR("403", "SignatureDoesNotMatch", "49"),
		ERROR("404", "NoSuchBucket", "40"),
		"HTTP/1.1 400 X\r\nContent-Length: 5\r\n\r\n<<<<<",
		ERROR("418", "NeverHeardOf", "40"),
	};
	static const enum s3_error want[] = { S3_ERR_SERVICE_UNAVAILABLE,
					      S3_ERR_NO_SUCH_BUCKET,
					      S3_ERR_INTERNAL_ERROR,
					      S3_ERR_INVALID_REQUEST };

	(void)state;
	begin(answers, ARRAY_LEN(answers));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_int_equal(put("k", SLICE("data"), 4, NULL), want[i]);
	end(ARRAY_LEN(answers));
}

static void
test_put_of_another_length_never_leaves(void **state)
{
	static const char *const answers[] = { OK };

	(void)state;
	begin(answers, 1);
	assert_int_equal(put("k", SLICE("data"), 5, NULL),
			 S3_ERR_INCOMPLETE_BODY);
	end(0);
}

static void
test_remove_tells_whether_it_was_there(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 X\r\n\r\n", /* the bucket is there */
		"!HTTP/1.1 200 X\r\n\r\n<VersioningConfiguration/>",
		"HTTP/1.1 204 X\r\n\r\n",
		"HTTP/1.1 200 X\r\nContent-Length: 7\r\n\r\n",
		"HTTP/1.1 204 X\r\n\r\n",
	};
	struct store_removed removed;

	(void)state;
	begin(answers, 6);
	assert_int_equal(store_remove(store,
				      &STORE_REF(SLICE("bucket"), SLICE("k")),
				      NULL, NULL, &removed),
			 S3_OK);
	assert_false(removed.existed);
	assert_int_equal(store_remove(store,
				      &STORE_REF(SLICE("bucket"), SLICE("k")),
				      NULL, NULL, &removed),
			 S3_OK);
	assert_true(removed.existed);
	assert_true(asked(5, "DELETE /bucket/k HTTP/1.1\r\n"));
	end(6);
}

static void
test_open_refuses_what_is_no_endpoint(void **state)
{
	static const char *const bad[] = {
		"127.0.0.1:9000",   "ftp://host",	"http://",
		"http://user@host", "http://host/path", "http://host?x",
		"http://ho st"
	};
	struct store_s3_conf conf = { .signer = { .sign = sign } };
	char err[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		conf.endpoint = bad[i];
		err[0] = '\0';
		assert_null(store_open_s3(&conf, err));
		assert_true(err[0] != '\0');
	}
}

static void
test_info_is_not_implemented(void **state)
{
	static const char *const answers[] = { OK };
	struct store_info info;

	(void)state;
	begin(answers, 1);
	assert_int_equal(store_info(store, &info), S3_ERR_NOT_IMPLEMENTED);
	end(0);
}

static enum s3_error
list(const char *after, struct store_list_page *page)
{
	const struct store_list_req req = { .bucket = SLICE("bucket"),
					    .prefix = SLICE("d/"),
					    .start_after = slice_str(after),
					    .max_keys = 2 };

	return store_list(store, &req, &arena, page);
}

#define PAGE                                                              \
	"<ListBucketResult><IsTruncated>true</IsTruncated>"               \
	"<EncodingType>url</EncodingType><Contents>"                      \
	"<Key>d/a%20b</Key><LastModified>2024-01-02T03:04:05.000Z"        \
	"</LastModified><Size>7</Size></Contents><Contents><Key>d/%C3%A9" \
	"</Key><Size>0</Size></Contents></ListBucketResult>"

static void
test_list_reads_keys_times_and_where_to_go_on(void **state)
{
	static char answer[600];
	const char *const answers[] = { answer };
	struct store_list_page page;

	(void)state;
	snprintf(answer, sizeof(answer),
		 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
		 sizeof(PAGE) - 1, PAGE);
	begin(answers, 1);
	assert_int_equal(list("d/a a", &page), S3_OK);
	assert_true(asked(0, "GET /bucket/?encoding-type=url&list-type=2"
			     "&max-keys=2&prefix=d%2F&start-after=d%2Fa%20a "
			     "HTTP/1.1\r\n"));
	/* the query is signed, not as a part of the path */
	assert_true(asked(0, "/bucket/?encoding-type=url&"));
	assert_int_equal(page.n, 2);
	assert_true(page.truncated);
	assert_true(slice_eq_str(page.entries[0].name, "d/a b"));
	assert_int_equal(page.entries[0].object.size, 7);
	assert_int_equal(page.entries[0].object.mtime_us,
			 1704164645LL * 1000000);
	assert_true(slice_eq_str(page.next, "d/\xc3\xa9"));
	end(1);
}

#define KEY "<Contents><Key>a</Key></Contents>"

static void
test_list_refuses_an_answer_that_is_none(void **state)
{
	static const char *const bodies[] = {
		"<ListBucketResult>" KEY KEY KEY "</ListBucketResult>",
		"<ListBucketResult><IsTruncated>true</IsTruncated>"
		"</ListBucketResult>",
		"<ListBucketResult><EncodingType>url</EncodingType>"
		"<Contents><Key>%zz</Key></Contents>"
		"</ListBucketResult>",
		"<Other/>",
		"no XML at all",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		char answer[300];
		const char *const answers[] = { answer };
		struct store_list_page page;

		snprintf(answer, sizeof(answer),
			 "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(bodies[i]), bodies[i]);
		begin(answers, 1);
		assert_int_equal(list("", &page), S3_ERR_INTERNAL_ERROR);
		end(1);
	}
}

static void
test_upload_abort_names_the_upload(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n",
		ERROR("404", "NoSuchUpload", "40"),
	};

	(void)state;
	begin(answers, 2);
	assert_int_equal(store_upload_abort(store, SLICE("bucket"), SLICE("k"),
					    SLICE("a+b")),
			 S3_OK);
	assert_true(asked(0, "DELETE /bucket/k?uploadId=a%2Bb HTTP/1.1\r\n"));
	assert_int_equal(
	    store_upload_abort(store, SLICE("bucket"), SLICE("k"), SLICE("a")),
	    S3_ERR_NO_SUCH_UPLOAD);
	end(2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_sends_one_signed_request),
		cmocka_unit_test(test_put_gives_up_after_five_tries),
		cmocka_unit_test(test_put_refusals_are_not_repeated),
		cmocka_unit_test(test_put_of_another_length_never_leaves),
		cmocka_unit_test(test_remove_tells_whether_it_was_there),
		cmocka_unit_test(test_open_refuses_what_is_no_endpoint),
		cmocka_unit_test(test_list_reads_keys_times_and_where_to_go_on),
		cmocka_unit_test(test_list_refuses_an_answer_that_is_none),
		cmocka_unit_test(test_upload_abort_names_the_upload),
		cmocka_unit_test(test_info_is_not_implemented),
	};

	log_set_level(LOG_ERROR);
	if (hash_setup() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
