/*
 * Logs of services: lines, sizes, what is remembered.
 */
#include "tools/service_log.h"
#include "base/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64];
static struct service_log l;

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test-log-XXXXXX");
	return mkdtemp(dir) && service_log_open(&l, dir, "child") == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	char old[PATH_MAX + 4];

	(void)state;
	service_log_close(&l);
	snprintf(old, sizeof(old), "%s.1", l.path);
	unlink(old);
	unlink(l.path);
	return rmdir(dir);
}

static void
feed(const char *text)
{
	service_log_feed(&l, text, strlen(text));
}

static void
test_service_log_feed_joins_pieces_of_lines(void **state)
{
	struct buf text = BUF_INIT;

	(void)state;
	feed("{\"level\":\"err");
	assert_string_equal(l.last_error, "");
	feed("or\",\"event\":\"x\",\"msg\":\"no space\"}\nplain\nla");
	assert_string_equal(l.last_error, "no space");
	service_log_flush(&l);
	assert_int_equal(io_read_file(l.path, &text), 0);
	assert_true(slice_ends(buf_slice(&text), SLICE("}\nplain\nla\n")));
	buf_release(&text);
}

static void
test_service_log_feed_remembers_why_a_program_ended(void **state)
{
	(void)state;
	feed("reelgate-gateway: port 9000 is in use\n");
	assert_string_equal(l.last_error, "port 9000 is in use");
	feed("2026-01-01 UTC [7] FATAL:  could not create lock file\n");
	assert_string_equal(l.last_error, "could not create lock file");
	feed("{\"level\":\"info\",\"event\":\"ready\"}\nnoise\n");
	assert_string_equal(l.last_error, "could not create lock file");
}

static void
test_service_log_feed_bounds_the_file(void **state)
{
	char line[1024];
	char old[PATH_MAX + 4];
	struct stat st;

	(void)state;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < 20 * 1024; i++)
		service_log_feed(&l, line, sizeof(line));
	snprintf(old, sizeof(old), "%s.1", l.path);
	assert_int_equal(stat(l.path, &st), 0);
	assert_true(st.st_size < 5 << 20);
	assert_int_equal(stat(old, &st), 0);
	assert_true(st.st_size < 17 << 20);
}

static void
test_service_log_feed_cuts_endless_lines(void **state)
{
	struct stat st;
	char piece[1000];

	(void)state;
	memset(piece, 'x', sizeof(piece));
	for (int i = 0; i < 100; i++)
		service_log_feed(&l, piece, sizeof(piece));
	assert_int_equal(stat(l.path, &st), 0);
	assert_true(st.st_size >= 90000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_service_log_feed_joins_pieces_of_lines, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    test_service_log_feed_remembers_why_a_program_ended, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    test_service_log_feed_bounds_the_file, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_service_log_feed_cuts_endless_lines, setup, teardown),
	};

	return cmocka_run_group_tests_name("tools_service_log", tests, NULL,
					   NULL);
}
