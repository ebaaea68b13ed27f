/*
 * Log lines: one JSON object each, whatever the message holds.
 */
#include "base/json.h"
#include "base/log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

/* What @write_log() wrote to stderr. */
static void
capture(void (*write_log)(void), struct buf *out)
{
	FILE *file = tmpfile();
	int saved = dup(2);
	ssize_t n;
	char *at;

	assert_non_null(file);
	assert_int_equal(dup2(fileno(file), 2), 2);
	write_log();
	assert_int_equal(dup2(saved, 2), 2);
	close(saved);
	at = buf_reserve(out, 65536);
	assert_non_null(at);
	n = pread(fileno(file), at, 65536, 0);
	assert_true(n >= 0);
	out->n = (size_t)n;
	fclose(file);
}

static void
write_odd_message(void)
{
	log_info("odd", "%s", "quote \" newline \n byte \xff");
}

static void
test_log_at_writes_one_json_object(void **state)
{
	struct buf out = BUF_INIT;
	struct slice text, line;
	cJSON *doc;

	(void)state;
	capture(write_odd_message, &out);
	text = buf_slice(&out);
	assert_true(slice_cut(&text, '\n', &line));
	assert_int_equal(text.n, 0);
	doc = json_parse(line);
	assert_non_null(doc);
	assert_string_equal(json_str(doc, "level"), "info");
	assert_string_equal(json_str(doc, "program"), "unit");
	assert_string_equal(json_str(doc, "event"), "odd");
	assert_string_equal(json_str(doc, "msg"),
			    "quote \" newline \n byte \xc3\xbf");
	cJSON_Delete(doc);
	buf_release(&out);
}

static void
write_long_message(void)
{
	log_error("long", "%050000d", 7);
}

static void
test_log_at_long_message_is_cut_not_lost(void **state)
{
	struct buf out = BUF_INIT;
	struct slice text, line;
	cJSON *doc;

	(void)state;
	capture(write_long_message, &out);
	text = buf_slice(&out);
	assert_true(slice_cut(&text, '\n', &line));
	doc = json_parse(line);
	assert_non_null(doc);
	assert_true(strlen(json_str(doc, "msg")) > 1000);
	cJSON_Delete(doc);
	buf_release(&out);
}

static void
write_debug_and_fields(void)
{
	log_debug("hidden", "%s", "x");
	log_fields(LOG_INFO, "request", SLICE("\"status\":200"));
}

static void
test_log_level_hides_and_fields_are_members(void **state)
{
	struct buf out = BUF_INIT;
	struct slice text, line;
	int64_t status;
	cJSON *doc;

	(void)state;
	capture(write_debug_and_fields, &out);
	text = buf_slice(&out);
	assert_true(slice_cut(&text, '\n', &line));
	doc = json_parse(line);
	assert_non_null(doc);
	assert_string_equal(json_str(doc, "event"), "request");
	assert_true(json_int(doc, "status", &status));
	assert_int_equal(status, 200);
	cJSON_Delete(doc);
	buf_release(&out);
}

static int
setup(void **state)
{
	(void)state;
	if (setenv("LOG_FORMAT", "json", 1) != 0)
		return -1;
	log_setup("unit");
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_at_writes_one_json_object),
		cmocka_unit_test(test_log_at_long_message_is_cut_not_lost),
		cmocka_unit_test(test_log_level_hides_and_fields_are_members),
	};

	return cmocka_run_group_tests_name("base_log", tests, setup, NULL);
}
