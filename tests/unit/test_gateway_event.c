/*
 * The event record: one golden text per kind, byte for byte.
 */
#include "gateway/event.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct event_context context = { .region = "us-west-2",
					      .rule_id = "reelgate-uploads" };
static const struct event_context minio = { .region = "us-west-2",
					    .rule_id = "Config",
					    .dialect = EVENT_MINIO,
					    .deployment_id = "d-1" };

static struct store_event
sample(void)
{
	return (struct store_event){
		.seq = 0x2a,
		.id = "00112233445566778899aabbccddeeff",
		.time_us = 1369353600123456LL,
		.event_name = SLICE("ObjectCreated:Put"),
		.bucket = SLICE("videos"),
		.bucket_owner = SLICE("owner"),
		.key = SLICE("uploads/u/a b+c\xc3\xa9~*.mp4"),
		.size = 5368709120ull,
		.etag = SLICE("d41d8cd98f00b204e9800998ecf8427e"),
		.version_id = SLICE("null"),
		.principal_id = SLICE("root"),
		.source_ip = SLICE("192.0.2.1"),
		.request_id = SLICE("0123456789ABCDEF"),
	};
}

#define HEAD                                                    \
	"{\"eventVersion\":\"2.1\",\"eventSource\":\"aws:s3\"," \
	"\"awsRegion\":\"us-west-2\","                          \
	"\"eventTime\":\"2013-05-24T00:00:00.123Z\",\"eventName\":\""
#define MIDDLE                                                       \
	"\",\"userIdentity\":{\"principalId\":\"root\"},"            \
	"\"requestParameters\":{\"sourceIPAddress\":\"192.0.2.1\"}," \
	"\"responseElements\":{\"x-amz-request-id\":"                \
	"\"0123456789ABCDEF\"},"                                     \
	"\"s3\":{\"s3SchemaVersion\":\"1.0\","                       \
	"\"configurationId\":\"reelgate-uploads\","                  \
	"\"bucket\":{\"name\":\"videos\","                           \
	"\"ownerIdentity\":{\"principalId\":\"owner\"},"             \
	"\"arn\":\"arn:aws:s3:::videos\"},"                          \
	"\"object\":{\"key\":\"uploads/u/a+b%2Bc%C3%A9~%2A.mp4\","

static void
expect_record(const struct store_event *e, const char *want)
{
	struct buf b = BUF_INIT;
	cJSON *doc;

	event_record(&b, e, &context);
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, want);
	doc = json_parse(buf_slice(&b));
	assert_non_null(doc);
	cJSON_Delete(doc);
	buf_release(&b);
}

static void
test_event_record_created_is_golden(void **state)
{
	struct store_event e = sample();

	(void)state;
	expect_record(&e, HEAD "ObjectCreated:Put" MIDDLE
			       "\"size\":5368709120,\"eTag\":"
			       "\"d41d8cd98f00b204e9800998ecf8427e\","
			       "\"sequencer\":\"000000000000002A\"}}}");
}

static void
test_event_record_removed_has_neither_size_nor_etag(void **state)
{
	struct store_event e = sample();

	(void)state;
	e.event_name = SLICE("ObjectRemoved:Delete");
	e.version_id = SLICE("01ARZ3NDEKTSV4RRFFQ69G5FAV");
	e.seq = UINT64_MAX;
	e.etag = SLICE_EMPTY;
	expect_record(&e, HEAD "ObjectRemoved:Delete" MIDDLE
			       "\"versionId\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\","
			       "\"sequencer\":\"FFFFFFFFFFFFFFFF\"}}}");
}

static void
test_event_record_delete_marker_has_the_etag_of_nothing(void **state)
{
	struct store_event e = sample();

	(void)state;
	e.event_name = SLICE("ObjectRemoved:DeleteMarkerCreated");
	e.version_id = SLICE("01ARZ3NDEKTSV4RRFFQ69G5FAV");
	e.etag = SLICE("d41d8cd98f00b204e9800998ecf8427e");
	e.seq = 7;
	expect_record(&e, HEAD "ObjectRemoved:DeleteMarkerCreated" MIDDLE
			       "\"eTag\":"
			       "\"d41d8cd98f00b204e9800998ecf8427e\","
			       "\"versionId\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\","
			       "\"sequencer\":\"0000000000000007\"}}}");
}

static void
test_event_record_tagging_has_no_size(void **state)
{
	struct store_event e = sample();

	(void)state;
	e.event_name = SLICE("ObjectTagging:Put");
	e.seq = 7;
	expect_record(&e, HEAD "ObjectTagging:Put" MIDDLE "\"eTag\":"
			       "\"d41d8cd98f00b204e9800998ecf8427e\","
			       "\"sequencer\":\"0000000000000007\"}}}");
}

/* A key of any bytes gives JSON of plain ASCII. */
static void
test_event_record_key_of_any_bytes_is_escaped(void **state)
{
	struct store_event e = sample();
	struct buf b = BUF_INIT;
	char key[255];
	cJSON *doc;

	(void)state;
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (char)(i + 1);
	e.key = slice_mem(key, sizeof(key));
	event_record(&b, &e, &context);
	assert_true(buf_ok(&b));
	for (size_t i = 0; i < b.n; i++)
		assert_in_range((unsigned char)b.p[i], 0x20, 0x7e);
	doc = json_parse(buf_slice(&b));
	assert_non_null(doc);
	cJSON_Delete(doc);
	buf_release(&b);
}

#define MINIO_HEAD(name)                                                   \
	"{\"eventVersion\":\"2.0\",\"eventSource\":\"minio:s3\","          \
	"\"awsRegion\":\"us-west-2\","                                     \
	"\"eventTime\":\"2013-05-24T00:00:00.123Z\",\"eventName\":\"" name \
	"\",\"userIdentity\":{\"principalId\":\"root\"},"                  \
	"\"requestParameters\":{\"principalId\":\"root\","                 \
	"\"region\":\"us-west-2\",\"sourceIPAddress\":\"192.0.2.1\"},"     \
	"\"responseElements\":{\"x-amz-request-id\":"                      \
	"\"0123456789ABCDEF\",\"x-minio-deployment-id\":\"d-1\"},"         \
	"\"s3\":{\"s3SchemaVersion\":\"1.0\","                             \
	"\"configurationId\":\"Config\","                                  \
	"\"bucket\":{\"name\":\"videos\","                                 \
	"\"ownerIdentity\":{\"principalId\":\"owner\"},"                   \
	"\"arn\":\"arn:aws:s3:::videos\"},"                                \
	"\"object\":{\"key\":\"uploads/u/a+b%2Bc%C3%A9~%2A.mp4\","
#define MINIO_TAIL                                                            \
	"\"sequencer\":\"000000000000002A\"}},"                               \
	"\"source\":{\"host\":\"192.0.2.1\",\"port\":\"\",\"userAgent\":\"\"" \
	"}}"

static void
expect_message(const struct store_event *e, const struct event_context *c,
	       const char *want)
{
	struct buf b = BUF_INIT;

	event_message(&b, e, c);
	assert_true(buf_ok(&b));
	assert_string_equal(b.p, want);
	buf_release(&b);
}

static void
test_event_message_of_minio_is_golden(void **state)
{
	struct store_event e = sample();

	(void)state;
	e.content_type = SLICE("video/mp4");
	expect_message(
	    &e, &minio,
	    "{\"EventName\":\"s3:ObjectCreated:Put\",\"Key\":"
	    "\"videos/uploads/u/a b+c\xc3\xa9~*.mp4\",\"Records\":[" MINIO_HEAD(
		"s3:ObjectCreated:Put") "\"size\":5368709120,\"eTag\":"
					"\"d41d8cd98f00b204e9800998ecf8427e\","
					"\"contentType\":\"video/mp4\","
					"\"userMetadata\":{\"content-type\":"
					"\"video/mp4\"}," MINIO_TAIL "]}");
	e.event_name = SLICE("ObjectTagging:Delete");
	e.etag = e.content_type = SLICE_EMPTY;
	expect_message(&e, &minio,
		       "{\"EventName\":\"s3:ObjectCreated:DeleteTagging\","
		       "\"Key\":\"videos/uploads/u/a b+c\xc3\xa9~*.mp4\","
		       "\"Records\":[" MINIO_HEAD(
			   "s3:ObjectCreated:DeleteTagging") MINIO_TAIL "]}");
}

static void
test_event_message_of_aws_is_its_records(void **state)
{
	struct store_event e = sample();

	(void)state;
	e.event_name = SLICE("ObjectTagging:Put");
	e.seq = 7;
	expect_message(&e, &context,
		       "{\"Records\":[" HEAD "ObjectTagging:Put" MIDDLE
		       "\"eTag\":\"d41d8cd98f00b204e9800998ecf8427e\","
		       "\"sequencer\":\"0000000000000007\"}}}]}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event_record_created_is_golden),
		cmocka_unit_test(
		    test_event_record_removed_has_neither_size_nor_etag),
		cmocka_unit_test(
		    test_event_record_delete_marker_has_the_etag_of_nothing),
		cmocka_unit_test(test_event_record_tagging_has_no_size),
		cmocka_unit_test(test_event_record_key_of_any_bytes_is_escaped),
		cmocka_unit_test(test_event_message_of_minio_is_golden),
		cmocka_unit_test(test_event_message_of_aws_is_its_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
