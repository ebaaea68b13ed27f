/*
 * What another S3 says of its objects, as it comes: forms, envelopes, bounds.
 */
#include "gateway/api/posted.h"
#include "base/json_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define S3(event, bucket, key)                                       \
	"{\"eventName\":\"" event "\",\"s3\":{\"bucket\":{\"name\":" \
	"\"" bucket "\"},\"object\":{\"key\":\"" key "\"}}}"
#define RECORDS(r) "{\"Records\":[" r "]}"
#define BRIDGE(type, key)                                                    \
	"{\"detail-type\":\"" type "\",\"source\":\"aws.s3\","               \
	"\"detail\":{\"bucket\":{\"name\":\"b\"},\"object\":{\"key\":\"" key \
	"\",\"etag\":\"e\"}}}"

/* "kind name bucket key url" of each event; or what is wrong. */
static const char *
read_all(const char *text, struct arena *a)
{
	static const char letters[] = "CR-TS?";
	cJSON *doc = json_parse(slice_str(text));
	struct buf b = BUF_INIT;
	struct posted p;
	const char *why, *out;

	assert_non_null(doc);
	why = posted_read(doc, a, &p);
	cJSON_Delete(doc);
	if (why)
		return why;
	for (size_t i = 0; i < p.n; i++) {
		const struct posted_event *e = &p.events[i];

		buf_printf(&b, "%s%c", i ? "; " : "", letters[e->kind]);
		if (e->name)
			buf_printf(&b, " %s", e->name);
		if (e->bucket)
			buf_printf(&b, " %s %s", e->bucket, e->key);
		if (e->url)
			buf_printf(&b, " %s", e->url);
	}
	assert_true(buf_ok(&b) || !b.n);
	out = arena_cstr(a, buf_slice(&b));
	buf_release(&b);
	return out;
}

/* The text as the one member of an object. */
static const char *
wrap(const char *before, const char *name, const char *text, const char *after,
     struct arena *a)
{
	struct buf b = BUF_INIT;
	const char *out;

	buf_puts(&b, before);
	json_open_object(&b, NULL);
	json_put_str(&b, name, text);
	json_close_object(&b);
	buf_puts(&b, after);
	assert_true(buf_ok(&b));
	out = arena_cstr(a, buf_slice(&b));
	buf_release(&b);
	return out;
}

static void
test_posted_forms(void **state)
{
	static const char none[] =
	    "Not a notification of S3, SNS, SQS or EventBridge";
	static const struct {
		const char *text, *events;
	} rows[] = {
		{ RECORDS(S3("ObjectCreated:Put", "b", "uploads/a.mp4")),
		  "C ObjectCreated:Put b uploads/a.mp4" },
		{ RECORDS(S3("s3:ObjectCreated:Post", "b", "k")),
		  "C ObjectCreated:Post b k" },
		{ RECORDS(S3("ObjectRemoved:Delete", "b",
			     "k") "," S3("ObjectRestore:Completed", "b", "k")),
		  "R ObjectRemoved:Delete b k; - ObjectRestore:Completed b k" },
		{ RECORDS(S3("LifecycleExpiration:Delete", "b", "k")),
		  "R LifecycleExpiration:Delete b k" },
		/* decoded, a plus is a blank */
		{ RECORDS(S3("ObjectCreated:Put", "b", "a+b%2Bc%20%C3%BC")),
		  "C ObjectCreated:Put b a b+c \xc3\xbc" },
		{ RECORDS(S3("ObjectCreated:Put", "b", "a%")), "?" },
		{ RECORDS(S3("ObjectCreated:Put", "b", "a%00b")), "?" },
		{ RECORDS(S3("ObjectCreated:Put", "b", "a%FF")), "?" },
		{ RECORDS(S3("ObjectCreated:Put", "b", "")), "?" },
		{ RECORDS(S3("ObjectCreated:Put", "", "k")), "?" },
		{ RECORDS("{\"s3\":{}},{\"eventName\":\"x\"},1,null,[]"),
		  "?; ?; ?; ?; ?" },
		{ RECORDS("{\"eventName\":1,\"s3\":{\"bucket\":1}}"), "?" },
		{ RECORDS(""), "" },
		/* EventBridge does not encode */
		{ BRIDGE("Object Created", "a+b%20c"),
		  "C Object Created b a+b%20c" },
		{ BRIDGE("Object Deleted", "k"), "R Object Deleted b k" },
		{ BRIDGE("Object Tags Added", "k"), "- Object Tags Added b k" },
		{ "{\"detail-type\":\"Object Created\"}", "?" },
		{ "{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\"}",
		  "T s3:TestEvent" },
		{ "{\"Event\":\"other\"}", "?" },
		{ "{\"Type\":\"SubscriptionConfirmation\",\"TopicArn\":\"arn\","
		  "\"SubscribeURL\":\"https://x\"}",
		  "S arn https://x" },
		{ "{\"Type\":\"SubscriptionConfirmation\"}", "S" },
		{ "{\"Type\":\"UnsubscribeConfirmation\"}",
		  "- UnsubscribeConfirmation" },
		{ "{\"Type\":\"Notification\"}", "?" },
		{ "{\"Type\":\"Notification\",\"Message\":\"hello\"}", "?" },
		{ "{\"Type\":\"Notification\",\"Message\":\"{}\"}", "?" },
		{ "{\"Messages\":[{\"Body\":1},{}]}", "?; ?" },
		{ "{\"Messages\":[]}", "" },
		{ "{}", none },
		{ "{\"Records\":{}}", none },
		{ "{\"records\":[]}", none },
		{ "{\"Type\":1}", none },
	};
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(read_all(rows[i].text, &a), rows[i].events);
	arena_release(&a);
}

static void
test_posted_envelopes_stand_in_one_another(void **state)
{
	static const char event[] =
	    RECORDS(S3("ObjectCreated:Put", "b", "a+b"));
	static const char read[] = "C ObjectCreated:Put b a b";
	struct arena a;
	const char *sns, *text = event;

	(void)state;
	arena_init(&a, 1 << 20);
	sns = wrap("", "Message", event, "", &a);
	assert_string_equal(
	    read_all(wrap("{\"Records\":[", "body", event, "]}", &a), &a),
	    read);
	assert_string_equal(read_all(wrap("{\"Records\":[{\"Sns\":", "Message",
					  event, "}]}", &a),
				     &a),
			    read);
	assert_string_equal(
	    read_all(wrap("{\"Messages\":[", "Body", event, "]}", &a), &a),
	    read);
	/* SNS in an SQS message in Lambda's event */
	sns = arena_printf(&a, "{\"Type\":\"Notification\",%s", sns + 1).p;
	assert_string_equal(read_all(sns, &a), read);
	assert_string_equal(
	    read_all(wrap("{\"Records\":[", "body", sns, "]}", &a), &a), read);
	for (int depth = 0; depth <= POSTED_DEPTH_MAX; depth++) {
		assert_string_equal(read_all(text, &a), read);
		text = wrap("", "Body", text, "", &a);
	}
	assert_string_equal(read_all(text, &a), "?");
	assert_false(a.err);
	arena_release(&a);
}

static void
test_posted_bounds(void **state)
{
	static const char too_many[] = "Too many events in one request";
	struct arena a;

	(void)state;
	arena_init(&a, 8 << 20);
	for (int form = 0; form < 2; form++) {
		for (size_t n = POSTED_MAX; n <= POSTED_MAX + 1; n++) {
			struct buf b = BUF_INIT;
			const char *events;

			buf_puts(&b, "{\"Records\":[");
			for (size_t i = 0; i < n; i++)
				buf_printf(&b, "%s%s", i ? "," : "",
					   form ? "{\"body\":\"{}\"}" : "{}");
			buf_puts(&b, "]}");
			events = read_all(b.p, &a);
			if (n == POSTED_MAX)
				assert_int_equal(strlen(events), 3 * n - 2);
			else
				assert_string_equal(events, too_many);
			buf_release(&b);
		}
	}
	assert_false(a.err);
	arena_release(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_posted_forms),
		cmocka_unit_test(test_posted_envelopes_stand_in_one_another),
		cmocka_unit_test(test_posted_bounds),
	};

	return cmocka_run_group_tests_name("gateway_posted", tests, NULL, NULL);
}
