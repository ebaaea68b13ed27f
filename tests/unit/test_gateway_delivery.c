/*
 * What the queue is told of events, by the rules of a store that counts how
 * often it is asked for them.
 */
#include "gateway/delivery.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define QUEUE(id, arn, prefix)                                                 \
	"<QueueConfiguration><Id>" id "</Id><Queue>" arn                       \
	"</Queue><Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule>" \
	"<Name>prefix</Name><Value>" prefix                                    \
	"</Value></FilterRule></S3Key></Filter></QueueConfiguration>"

static struct {
	const char *document;
	enum s3_error err;
	unsigned asked;
} config;

static enum s3_error
config_get(struct store *s, struct slice bucket, enum store_config which,
	   struct arena *a, struct slice *out)
{
	(void)s;
	assert_int_equal(which, STORE_CONFIG_NOTIFICATION);
	config.asked++;
	*out = SLICE_EMPTY;
	if (slice_eq_str(bucket, "none"))
		return S3_ERR_NO_SUCH_BUCKET;
	if (config.err == S3_OK && config.document)
		*out = arena_copy(a, slice_str(config.document));
	return config.err;
}

static enum s3_error
config_put(struct store *s, struct slice bucket, enum store_config which,
	   struct slice document)
{
	(void)s, (void)bucket, (void)which, (void)document;
	return S3_OK;
}

static const struct store_ops ops = { .config_get = config_get,
				      .config_put = config_put };

struct lab {
	struct store store;
	struct delivery d;
	struct arena a;
};

static int
setup(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));

	config.document = "<NotificationConfiguration>" QUEUE(
	    "v", "arn:reelgate:jobs:::process_video", "uploads/")
	    QUEUE("h", "arn:minio:sqs::crm:webhook",
		  "in/") "</NotificationConfiguration>";
	config.err = S3_OK;
	config.asked = 0;
	l->store.ops = &ops;
	delivery_init(&l->d, &l->store, "us-east-1", "videos", "d-1");
	arena_init(&l->a, 1 << 20);
	*state = l;
	return 0;
}

static int
teardown(void **state)
{
	struct lab *l = *state;

	delivery_release(&l->d);
	arena_release(&l->a);
	free(l);
	return 0;
}

static struct store_event
created(const char *bucket, const char *key)
{
	return (struct store_event){ .seq = 1,
				     .id = "0011",
				     .event_name = SLICE("ObjectCreated:Put"),
				     .bucket = slice_str(bucket),
				     .key = slice_str(key),
				     .version_id = SLICE("null") };
}

static const struct queue_event *
fill(struct lab *l, const char *bucket, const char *key)
{
	struct store_event e = created(bucket, key);
	const struct queue_event *out = delivery_fill(&l->d, &e, 1, &l->a);

	assert_non_null(out);
	return out;
}

static void
test_delivery_fill_follows_the_rules(void **state)
{
	struct lab *l = *state;
	const struct queue_event *e = fill(l, "videos", "uploads/a.mp4");
	cJSON *doc;

	assert_string_equal(e->job_type, "process_video");
	assert_null(e->payload);
	assert_true(e->users);
	assert_non_null(strstr(e->record, "\"configurationId\":\"v\""));
	assert_false(fill(l, "others", "uploads/a.mp4")->users);
	assert_null(fill(l, "videos", "else/a.mp4")->job_type);
	assert_null(fill(l, "none", "uploads/a.mp4")->job_type);
	e = fill(l, "videos", "in/a");
	assert_string_equal(e->job_type, "webhook_deliver");
	/* the job has what its consumer asked for, the table what is ours */
	assert_non_null(strstr(e->record, "\"eventSource\":\"aws:s3\""));
	doc = json_parse(slice_str(e->payload));
	assert_string_equal(json_str(doc, "endpoint"), "crm");
	assert_string_equal(
	    json_str(cJSON_GetObjectItem(doc, "message"), "Key"),
	    "videos/in/a");
	cJSON_Delete(doc);
}

static void
test_delivery_fill_reads_rules_once_for_each_change(void **state)
{
	struct lab *l = *state;

	for (int i = 0; i < 5; i++) {
		fill(l, "videos", "uploads/a.mp4");
		fill(l, "others", "uploads/a.mp4");
		fill(l, "none", "uploads/a.mp4");
	}
	assert_int_equal(config.asked, 3);
	config.document = NULL;
	assert_int_equal(store_config_put(&l->store, SLICE("videos"),
					  STORE_CONFIG_NOTIFICATION,
					  SLICE_EMPTY),
			 S3_OK);
	assert_null(fill(l, "videos", "uploads/a.mp4")->job_type);
	assert_int_equal(config.asked, 4);
}

static void
test_delivery_fill_tells_unreadable_rules_and_tries_again(void **state)
{
	static const struct {
		enum s3_error err;
		const char *document;
	} bad[] = { { S3_ERR_INTERNAL_ERROR, NULL },
		    { S3_OK, "<Unknown/>" },
		    { S3_OK, "<NotificationConfiguration>" QUEUE(
				 "x", "arn:reelgate:jobs:::of_another_release",
				 "") "</NotificationConfiguration>" } };
	struct lab *l = *state;
	const char *good = config.document;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct queue_event *e;

		config.err = bad[i].err;
		config.document = bad[i].document;
		e = fill(l, "videos", "uploads/a.mp4");
		assert_null(e->job_type);
		assert_non_null(e->problem);
	}
	config.err = S3_OK;
	config.document = good;
	assert_null(fill(l, "videos", "uploads/a.mp4")->problem);
	assert_string_equal(fill(l, "videos", "uploads/a.mp4")->job_type,
			    "process_video");
}

/* Rules that cannot be read are read for each event. */
static void
test_delivery_fill_bounds_what_unreadable_rules_take(void **state)
{
	struct lab *l = *state;
	struct buf doc = BUF_INIT;

	buf_puts(&doc, "<NotificationConfiguration>");
	for (int i = 0; i < 200; i++) /* too many */
		buf_puts(&doc, QUEUE("", "arn:reelgate:jobs:::process_video",
				     "uploads/"));
	buf_puts(&doc, "</NotificationConfiguration>");
	config.document = doc.p;
	for (int i = 0; i < 600; i++) {
		assert_non_null(fill(l, "videos", "uploads/a.mp4")->problem);
		arena_release(&l->a);
		assert_in_range(l->d.rules.arena.used, 1, 33 << 20);
	}
	buf_release(&doc);
}

static void
test_delivery_fill_takes_no_shortage_for_unreadable_rules(void **state)
{
	struct lab *l = *state;
	struct store_event e = created("videos", "uploads/a.mp4");

	l->d.rules.arena.max = 1000;
	assert_null(delivery_fill(&l->d, &e, 1, &l->a));
	assert_string_equal(fill(l, "videos", "uploads/a.mp4")->job_type,
			    "process_video");
}

static void
test_delivery_fill_keeps_many_buckets_apart(void **state)
{
	struct lab *l = *state;
	char bucket[32];

	for (int round = 0; round < 2; round++)
		for (unsigned i = 0; i < 500; i++) {
			snprintf(bucket, sizeof(bucket), "bucket%u",
				 i * 7919 % 500);
			assert_non_null(
			    fill(l, bucket, "uploads/a.mp4")->job_type);
			arena_release(&l->a);
			arena_init(&l->a, 1 << 20);
		}
	assert_int_equal(config.asked, 500);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_delivery_fill_follows_the_rules),
		TEST(test_delivery_fill_reads_rules_once_for_each_change),
		TEST(test_delivery_fill_tells_unreadable_rules_and_tries_again),
		TEST(test_delivery_fill_bounds_what_unreadable_rules_take),
		TEST(test_delivery_fill_takes_no_shortage_for_unreadable_rules),
		TEST(test_delivery_fill_keeps_many_buckets_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
