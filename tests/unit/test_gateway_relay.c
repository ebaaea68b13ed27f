/*
 * The notification rules: which events make which jobs.
 */
#include "gateway/relay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void
test_relay_job_type_follows_the_rules(void **state)
{
	const struct {
		const char *event, *bucket, *key, *job;
	} rows[] = {
		{ "ObjectCreated:Put", "videos", "uploads/u/a.mp4",
		  "process_video" },
		{ "ObjectCreated:Copy", "videos", "uploads/", "process_video" },
		{ "ObjectCreated:CompleteMultipartUpload", "videos",
		  "uploads/x", "process_video" },
		{ "ObjectRemoved:Delete", "videos", "uploads/u/a.mp4", NULL },
		{ "ObjectCreated:Put", "videos", "derived/u/a.mp4", NULL },
		{ "ObjectCreated:Put", "videos", "uploads", NULL },
		{ "ObjectCreated:Put", "videos2", "uploads/u/a.mp4", NULL },
		{ "ObjectCreated:Put", "", "uploads/u/a.mp4", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct store_event e = { .event_name = slice_str(rows[i].event),
					 .bucket = slice_str(rows[i].bucket),
					 .key = slice_str(rows[i].key) };
		const char *rule = NULL;
		const char *job = relay_job_type(&e, "videos", &rule);

		if (rows[i].job) {
			assert_string_equal(job, rows[i].job);
			assert_string_equal(rule, "reelgate-uploads");
		} else {
			assert_null(job);
			assert_null(rule);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_relay_job_type_follows_the_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
