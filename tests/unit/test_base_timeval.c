/*
 * Instants and their spellings.
 */
#include "base/timeval.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
	int64_t us;
	const char *amz;
	const char *iso;
	const char *http;
} same[] = {
	{ 0, "19700101T000000Z", "1970-01-01T00:00:00.000Z",
	  "Thu, 01 Jan 1970 00:00:00 GMT" },
	{ 1369353600 * US_PER_S, "20130524T000000Z", "2013-05-24T00:00:00.000Z",
	  "Fri, 24 May 2013 00:00:00 GMT" },
	{ 1709251199 * US_PER_S, "20240229T235959Z", "2024-02-29T23:59:59.000Z",
	  "Thu, 29 Feb 2024 23:59:59 GMT" },
	{ -1 * US_PER_S, "19691231T235959Z", "1969-12-31T23:59:59.000Z",
	  "Wed, 31 Dec 1969 23:59:59 GMT" },
	{ 253402300799 * US_PER_S, "99991231T235959Z",
	  "9999-12-31T23:59:59.000Z", "Fri, 31 Dec 9999 23:59:59 GMT" },
};

static void
test_time_every_spelling(void **state)
{
	char text[TIME_TEXT_MAX];
	int64_t us;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		time_format_amz(same[i].us, text);
		assert_string_equal(text, same[i].amz);
		assert_int_equal(time_parse_amz(slice_str(text), &us), 0);
		assert_true(us == same[i].us);
		time_format_iso(same[i].us, text);
		assert_string_equal(text, same[i].iso);
		time_format_http(same[i].us, text);
		assert_string_equal(text, same[i].http);
		assert_int_equal(time_parse_http(slice_str(text), &us), 0);
		assert_true(us == same[i].us);
	}
}

/* Every day of eight centuries, against the C library's calendar. */
static void
test_time_agrees_with_the_c_library(void **state)
{
	char text[TIME_TEXT_MAX];
	int64_t us;
	struct tm tm;

	(void)state;
	for (time_t t = -400 * 365 * 86400LL; t < 400 * 366 * 86400LL;
	     t += 86399) {
		char want[64];

		assert_non_null(gmtime_r(&t, &tm));
		strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		time_format_http(t * US_PER_S, text);
		assert_string_equal(text, want);
		assert_int_equal(time_parse_http(slice_str(text), &us), 0);
		assert_true(us == t * US_PER_S);
		strftime(want, sizeof(want), "%Y%m%dT%H%M%SZ", &tm);
		time_format_amz(t * US_PER_S, text);
		assert_string_equal(text, want);
	}
}

static void
test_time_fractions_are_cut_not_rounded(void **state)
{
	char text[TIME_TEXT_MAX];

	(void)state;
	time_format_iso(1999999, text);
	assert_string_equal(text, "1970-01-01T00:00:01.999Z");
	time_format_iso(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999Z");
}

static void
test_time_parse_amz_refuses_other_forms(void **state)
{
	static const char *const bad[] = { "",
					   "20130524",
					   "20130524T000000",
					   "20130524t000000Z",
					   "20130524T000000Z ",
					   "20130524T240000Z",
					   "20130524T006000Z",
					   "20130524T000060Z",
					   "20130532T000000Z",
					   "20131324T000000Z",
					   "20130024T000000Z",
					   "20130229T000000Z",
					   "2013-05-24T00:00:00Z",
					   "+0130524T000000Z" };
	int64_t us = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(time_parse_amz(slice_str(bad[i]), &us), -1);
	assert_int_equal(us, 7);
}

static void
test_time_parse_http_refuses_other_forms(void **state)
{
	static const char *const bad[] = { "",
					   "Fri,",
					   "Fri, 24 May 2013 00:00:00",
					   "Fri, 24 May 2013 00:00:00 UTC",
					   "Fri, 24 May 13 00:00:00 GMT",
					   "Friday, 24-May-13 00:00:00 GMT",
					   "Fri, 24 may 2013 00:00:00 GMT",
					   "Fri, 31 Apr 2013 00:00:00 GMT",
					   "Fri, 24 May 2013 00:00:00 GMT " };
	int64_t us = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(time_parse_http(slice_str(bad[i]), &us), -1);
	assert_int_equal(us, 7);
}

static void
test_time_parse_http_takes_a_zero_offset(void **state)
{
	const struct slice text = SLICE("Fri, 24 May 2013 00:00:00 +0000");
	int64_t us;

	(void)state;
	assert_int_equal(time_parse_http(text, &us), 0);
	assert_true(us == 1369353600000000LL);
}

static void
test_time_parse_iso_keeps_microseconds(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} good[] = {
		{ "1970-01-01T00:00:01Z", 1000000 },
		{ "1970-01-01T00:00:01.5Z", 1500000 },
		{ "1970-01-01T00:00:01.000Z", 1000000 },
		{ "1970-01-01T00:00:01.000001Z", 1000001 },
		{ "1970-01-01T00:00:01.123456789Z", 1123456 },
		{ "2013-05-24T00:00:00.999Z", 1369353600999000 },
	};
	int64_t us;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(time_parse_iso(slice_str(good[i].text), &us),
				 0);
		assert_true(us == good[i].us);
	}
}

static void
test_time_parse_iso_refuses_other_forms(void **state)
{
	static const char *const bad[] = { "",
					   "2013-05-24",
					   "2013-05-24T00:00:00",
					   "2013-05-24T00:00:00.Z",
					   "2013-05-24T00:00:00.0000000000Z",
					   "2013-05-24T00:00:00+00:00",
					   "2013-05-24 00:00:00Z",
					   "2013-05-24T00:00:00z",
					   "2013-05-24T00:00:00Z ",
					   "2013-02-29T00:00:00Z",
					   "2013-05-24T24:00:00Z",
					   "20130524T000000Z" };
	int64_t us = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(time_parse_iso(slice_str(bad[i]), &us), -1);
	assert_int_equal(us, 7);
}

static void
test_time_mono_never_goes_back(void **state)
{
	int64_t before = time_mono_us();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t now = time_mono_us();

		assert_true(now >= before);
		before = now;
	}
}

/* By the other clock, decades ahead, it would end at once. */
static void
test_cond_waits_by_the_monotonic_clock(void **state)
{
	int64_t until = time_mono_us() + 20000;
	pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t c;

	(void)state;
	time_cond_init(&c);
	pthread_mutex_lock(&mu);
	while (time_cond_wait(&c, &mu, until))
		continue;
	pthread_mutex_unlock(&mu);
	assert_true(time_mono_us() >= until);
	pthread_cond_destroy(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time_every_spelling),
		cmocka_unit_test(test_time_agrees_with_the_c_library),
		cmocka_unit_test(test_time_fractions_are_cut_not_rounded),
		cmocka_unit_test(test_time_parse_amz_refuses_other_forms),
		cmocka_unit_test(test_time_parse_http_refuses_other_forms),
		cmocka_unit_test(test_time_parse_http_takes_a_zero_offset),
		cmocka_unit_test(test_time_parse_iso_keeps_microseconds),
		cmocka_unit_test(test_time_parse_iso_refuses_other_forms),
		cmocka_unit_test(test_time_mono_never_goes_back),
		cmocka_unit_test(test_cond_waits_by_the_monotonic_clock),
	};

	return cmocka_run_group_tests_name("base_timeval", tests, NULL, NULL);
}
