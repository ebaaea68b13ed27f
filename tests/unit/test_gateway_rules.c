/*
 * Notification rules: what is read and written, what is refused and how, and
 * which rule an event finds.
 */
#include "gateway/rules.h"
#include "base/xml_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define ROOT "NotificationConfiguration"
#define OPEN "<" ROOT ">"
#define CLOSE "</" ROOT ">"
#define PUTS "<Event>s3:ObjectCreated:*</Event>"
#define VIDEO "<Queue>arn:reelgate:jobs:::process_video</Queue>"
#define HOOK "<Queue>arn:reelgate:jobs:::webhook_deliver</Queue>"
#define QUEUE(inside) "<QueueConfiguration>" inside "</QueueConfiguration>"
#define FILTER(rules) "<Filter><S3Key>" rules "</S3Key></Filter>"
#define RULE(name, value)                                           \
	"<FilterRule><Name>" name "</Name><Value>" value "</Value>" \
	"</FilterRule>"

static struct arena arena;

static enum s3_error
read_doc(const char *doc, struct notification_rule **rules,
	 struct s3_detail *detail)
{
	*detail = (struct s3_detail){ 0 };
	return rules_read(slice_str(doc), &arena, rules, detail);
}

static const struct notification_rule *
rules_of(const char *doc)
{
	struct notification_rule *rules;
	struct s3_detail detail;

	assert_int_equal(read_doc(doc, &rules, &detail), S3_OK);
	return rules;
}

static void
expect_written(const char *doc, const char *inside)
{
	struct buf xml = BUF_INIT, want = BUF_INIT;

	rules_write(rules_of(doc), &xml);
	xml_prolog(&want);
	xml_open_ns(&want, ROOT, XML_NS_S3);
	buf_puts(&want, inside);
	xml_close(&want, ROOT);
	assert_string_equal(xml.p, want.p);
	buf_release(&xml);
	buf_release(&want);
}

static void
test_rules_write_gives_what_was_read(void **state)
{
	static const char *const same[] = {
		"",
		QUEUE("<Id>a</Id>" VIDEO PUTS),
		QUEUE("<Id>a &amp; &lt;b></Id>" HOOK
		      "<Event>s3:ObjectRemoved:Delete</Event>"
		      "<Event>s3:ObjectTagging:*</Event>" FILTER(
			  RULE("prefix", "in/") RULE("suffix", ".mp4"))),
		QUEUE("<Id>a</Id>" VIDEO PUTS FILTER(RULE("prefix", ""))),
		QUEUE("<Id>a</Id>" VIDEO PUTS FILTER(RULE("prefix", "a/")))
		    QUEUE("<Id>b</Id>" HOOK PUTS FILTER(RULE("prefix", "b/"))),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		struct buf doc = BUF_INIT, want = BUF_INIT;

		buf_printf(&doc, OPEN "%s" CLOSE, same[i]);
		for (const char *p = same[i]; *p; p++)
			if (p[0] == '>' && p > same[i] && p[-1] == 'b')
				buf_puts(&want, "&gt;");
			else
				buf_putc(&want, *p);
		expect_written(doc.p, want.p ? want.p : "");
		buf_release(&doc);
		buf_release(&want);
	}
	/* in any order and case, with blanks */
	expect_written(OPEN QUEUE(PUTS FILTER(RULE("Suffix", ".a") RULE(
			   " PREFIX ", "b")) "<Queue> arn:reelgate:jobs:::"
					     "process_video </Queue><Id>x</Id>")
			   CLOSE,
		       QUEUE("<Id>x</Id>" VIDEO PUTS FILTER(
			   RULE("prefix", "b") RULE("suffix", ".a"))));
}

static void
test_rules_read_makes_ids(void **state)
{
	const struct notification_rule *r = rules_of(
	    OPEN QUEUE(VIDEO PUTS FILTER(RULE("prefix", "a/")))
		QUEUE("<Id/>" VIDEO PUTS FILTER(RULE("prefix", "b/"))) CLOSE);

	(void)state;
	assert_int_equal(r->id.n, 36);
	assert_int_equal(r->next->id.n, 36);
	assert_false(slice_eq(r->id, r->next->id));
}

static void
test_rules_read_targets(void **state)
{
	static const struct {
		const char *arn, *job, *endpoint;
		enum event_dialect dialect;
	} rows[] = {
		{ "arn:reelgate:jobs:::process_video", "process_video", "",
		  EVENT_AWS },
		{ "arn:reelgate:jobs:::webhook_deliver", "webhook_deliver", "",
		  EVENT_AWS },
		{ "arn:reelgate:jobs:::webhook_deliver:crm", "webhook_deliver",
		  "crm", EVENT_AWS },
		{ "arn:minio:sqs::primary:webhook", "webhook_deliver",
		  "primary", EVENT_MINIO },
		{ "arn:minio:sqs:us-east-1:_:webhook", "webhook_deliver", "_",
		  EVENT_MINIO },
		{ "arn:reelgate:jobs:::", NULL, NULL, EVENT_AWS },
		{ "arn:reelgate:jobs:::make_coffee", NULL, NULL, EVENT_AWS },
		{ "arn:reelgate:jobs:::ai_analysis", NULL, NULL, EVENT_AWS },
		{ "arn:reelgate:jobs:::process_video:x", NULL, NULL,
		  EVENT_AWS },
		{ "arn:reelgate:jobs:::process_video:", NULL, NULL, EVENT_AWS },
		{ "arn:reelgate:jobs:::webhook_deliver:", NULL, NULL,
		  EVENT_AWS },
		{ "arn:reelgate:jobs:::webhook_deliver:a:b", NULL, NULL,
		  EVENT_AWS },
		{ "arn:reelgate:jobs:::webhook_deliver:a b", NULL, NULL,
		  EVENT_AWS },
		{ "arn:minio:sqs::primary:amqp", NULL, NULL, EVENT_AWS },
		{ "arn:minio:sqs:::webhook", NULL, NULL, EVENT_AWS },
		{ "arn:minio:sqs::primary:webhook:x", NULL, NULL, EVENT_AWS },
		{ "arn:aws:sqs:us-east-1:111122223333:q", NULL, NULL,
		  EVENT_AWS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct notification_rule *r;
		struct s3_detail detail;
		char doc[512];

		snprintf(doc, sizeof(doc),
			 OPEN QUEUE("<Queue>%s</Queue>" PUTS) CLOSE,
			 rows[i].arn);
		if (rows[i].job) {
			assert_int_equal(read_doc(doc, &r, &detail), S3_OK);
			assert_string_equal(r->job_type, rows[i].job);
			assert_true(
			    slice_eq_str(r->endpoint, rows[i].endpoint));
			assert_int_equal(r->dialect, rows[i].dialect);
			continue;
		}
		assert_int_equal(read_doc(doc, &r, &detail),
				 S3_ERR_INVALID_ARGUMENT);
		assert_null(r);
		assert_string_equal(detail.message,
				    "Unable to validate the following "
				    "destination configurations");
		assert_string_equal(detail.extra[0].name, "ArgumentName1");
		assert_true(slice_eq_str(detail.extra[0].value, rows[i].arn));
	}
}

static void
test_rules_read_refuses_what_is_no_such_document(void **state)
{
	static const char *const docs[] = {
		"",
		"x",
		OPEN,
		"<Other/>",
		OPEN "<Unknown/>" CLOSE,
		OPEN QUEUE("") CLOSE,
		OPEN QUEUE(VIDEO) CLOSE,
		OPEN QUEUE(PUTS) CLOSE,
		OPEN QUEUE(VIDEO VIDEO PUTS) CLOSE,
		OPEN QUEUE(VIDEO PUTS "<Id>a</Id><Id>b</Id>") CLOSE,
		OPEN QUEUE(VIDEO PUTS "<More/>") CLOSE,
		OPEN QUEUE(VIDEO PUTS FILTER(
		    "<FilterRule><Name>prefix</Name></FilterRule>")) CLOSE,
		OPEN QUEUE(VIDEO PUTS FILTER(
		    "<FilterRule><Value>a</Value></FilterRule>")) CLOSE,
		"<!DOCTYPE a>" OPEN CLOSE,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(docs); i++) {
		struct notification_rule *r;
		struct s3_detail detail;

		assert_int_equal(read_doc(docs[i], &r, &detail),
				 S3_ERR_MALFORMED_XML);
	}
}

static void
test_rules_find_by_event_and_key(void **state)
{
	const struct notification_rule *rules =
	    rules_of(OPEN QUEUE("<Id>v</Id>" VIDEO PUTS FILTER(
		RULE("prefix", "uploads/") RULE("suffix", ".mp4")))
			 QUEUE("<Id>d</Id>" HOOK
			       "<Event>s3:ObjectRemoved:*</Event>" FILTER(
				   RULE("prefix", "uploads/")))
			     QUEUE("<Id>p</Id>" HOOK
				   "<Event>s3:ObjectCreated:Put</Event>" FILTER(
				       RULE("suffix", ".txt"))) CLOSE);
	const struct {
		const char *event, *key, *id;
	} rows[] = {
		{ "ObjectCreated:Put", "uploads/u/a.mp4", "v" },
		{ "ObjectCreated:Copy", "uploads/.mp4", "v" },
		{ "ObjectCreated:CompleteMultipartUpload", "uploads/x.mp4",
		  "v" },
		{ "ObjectCreated:Put", "uploads.mp4", NULL },
		{ "ObjectCreated:Put", "uploads/a.mov", NULL },
		{ "ObjectTagging:Put", "uploads/a.mp4", NULL },
		{ "ObjectRemoved:Delete", "uploads/a.mp4", "d" },
		{ "ObjectRemoved:DeleteMarkerCreated", "uploads/", "d" },
		{ "ObjectCreated:Put", "a.txt", "p" },
		{ "ObjectCreated:Post", "a.txt", NULL },
		{ "ObjectCreated:*", "a.txt", NULL },
		{ "Unheard:Of", "uploads/a.mp4", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct notification_rule *r = rules_find(
		    rules, slice_str(rows[i].event), slice_str(rows[i].key));

		if (rows[i].id)
			assert_true(r && slice_eq_str(r->id, rows[i].id));
		else
			assert_null(r);
	}
	assert_non_null(rules_find_video(rules, SLICE("uploads/a.mp4")));
	assert_null(rules_find_video(rules, SLICE("a.txt")));
	assert_null(rules_find(NULL, SLICE("ObjectCreated:Put"), SLICE("a")));
}

static void
test_event_names_rule_knows_awss_names(void **state)
{
	static const struct {
		const char *name;
		unsigned events; /* in it */
	} rows[] = {
		{ "s3:ObjectCreated:*", 4 },
		{ "s3:ObjectCreated:Put", 1 },
		{ "s3:ObjectRemoved:*", 2 },
		{ "s3:ObjectRestore:*", 3 },
		{ "s3:Replication:*", 4 },
		{ "s3:LifecycleExpiration:*", 2 },
		{ "s3:ObjectTagging:*", 2 },
		{ "s3:ObjectAnnotation:*", 2 },
		{ "s3:ObjectAcl:Put", 1 },
		{ "s3:LifecycleTransition", 1 },
		{ "s3:IntelligentTiering", 1 },
		{ "s3:ReducedRedundancyLostObject", 1 },
		{ "s3:ObjectAcl:*", 0 },
		{ "s3:*", 0 },
		{ "s3:", 0 },
		{ "", 0 },
		{ "*", 0 },
		{ "s3::*", 0 },
		{ "s3:Object:*", 0 },
		{ "s3:LifecycleTransition:*", 0 },
		{ "ObjectCreated:Put", 0 },
		{ "s3:ObjectCreated:put", 0 },
		{ "s3:ObjectAccessed:*", 0 },
		{ "s3:TestEvent", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(__builtin_popcountll(
				     event_names_rule(slice_str(rows[i].name))),
				 rows[i].events);
}

static int
make_arena(void **state)
{
	(void)state;
	arena_init(&arena, 16 << 20);
	return 0;
}

static int
drop_arena(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_write_gives_what_was_read),
		cmocka_unit_test(test_rules_read_makes_ids),
		cmocka_unit_test(test_rules_read_targets),
		cmocka_unit_test(
		    test_rules_read_refuses_what_is_no_such_document),
		cmocka_unit_test(test_rules_find_by_event_and_key),
		cmocka_unit_test(test_event_names_rule_knows_awss_names),
	};

	return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
