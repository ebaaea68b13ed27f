/* A lane computes what hashing in line does, however the bytes come; lanes are
 * bounded and given back. */
#include "base/hash_lane.h"
#include "base/md5_lanes.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define STREAM_BYTES (3u << 20)

static char *stream;

static int
setup(void **state)
{
	uint32_t x = 12345;

	(void)state;
	stream = malloc(STREAM_BYTES);
	for (size_t i = 0; stream && i < STREAM_BYTES; i++)
		stream[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
	return stream ? hash_setup() : -1;
}

static int
teardown(void **state)
{
	(void)state;
	free(stream);
	return 0;
}

static void
digest_in_line(size_t n, uint8_t out[HASH_BYTES_MAX])
{
	struct hash h;

	assert_int_equal(hash_init(&h, HASH_MD5), 0);
	hash_update(&h, stream, n);
	hash_final(&h, out);
	hash_release(&h);
}

/* n bytes in pieces of @piece; false when there is no lane. */
static bool
digest_in_lane(size_t n, size_t piece, uint8_t out[HASH_BYTES_MAX])
{
	struct hash_lane *l = hash_lane_open();

	for (size_t at = 0; l && at < n; at += piece)
		hash_lane_add(l, stream + at, n - at < piece ? n - at : piece);
	hash_lane_close(l, out);
	return l != NULL;
}

static void
test_hash_lane_any_pieces_gives_the_digest(void **state)
{
	static const struct {
		size_t n, piece;
	} cases[] = {
		{ 0, 1 },
		{ 1, 1 },
		{ 70000, 7 },
		{ 1u << 20, 1u << 20 },		/* the ring, exactly */
		{ (1u << 20) + 1, 65479 },	/* and one more */
		{ STREAM_BYTES, 65479 },	/* as the server hands it out */
		{ STREAM_BYTES - 5, 600001 },	/* more than half the ring */
		{ STREAM_BYTES, STREAM_BYTES }, /* more than the ring */
	};
	uint8_t want[HASH_BYTES_MAX], got[HASH_BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		digest_in_line(cases[i].n, want);
		assert_true(digest_in_lane(cases[i].n, cases[i].piece, got));
		assert_memory_equal(got, want, MD5_BYTES);
	}
}

static void
test_hash_lane_open_all_lanes_answers_null_until_one_closes(void **state)
{
	struct hash_lane *l[1000];
	size_t n = 0, most = (size_t)sysconf(_SC_NPROCESSORS_ONLN) * MD5_LANES;

	(void)state;
	while (n < ARRAY_LEN(l) && (l[n] = hash_lane_open()) != NULL)
		n++;
	assert_in_range(n, MD5_LANES, most);
	hash_lane_close(l[0], NULL);
	l[0] = hash_lane_open();
	assert_non_null(l[0]);
	for (size_t i = 0; i < n; i++)
		hash_lane_close(l[i], NULL);
}

/* Streams of different lengths, fed in turn, so that some end early. */
static void
test_hash_lane_streams_in_turn_are_hashed_together(void **state)
{
	static const size_t length[] = { 1u << 20, 0,	   777777,
					 65536,	   16384,  STREAM_BYTES,
					 16383,	   2000000 };
	uint8_t want[HASH_BYTES_MAX], got[MD5_BYTES];
	struct hash_lane *l[ARRAY_LEN(length)];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(length); i++) {
		l[i] = hash_lane_open();
		assert_non_null(l[i]);
	}
	for (size_t at = 0; at < STREAM_BYTES; at += 50000)
		for (size_t i = 0; i < ARRAY_LEN(length); i++)
			if (at < length[i])
				hash_lane_add(l[i], stream + at,
					      length[i] - at < 50000
						  ? length[i] - at
						  : 50000);
	for (size_t i = 0; i < ARRAY_LEN(length); i++) {
		hash_lane_close(l[i], got);
		digest_in_line(length[i], want);
		assert_memory_equal(got, want, MD5_BYTES);
	}
}

/* One that sends nothing does not hold up the others. */
static void
test_hash_lane_stream_that_stands_still_is_not_waited_for(void **state)
{
	struct hash_lane *still = hash_lane_open();
	uint8_t want[HASH_BYTES_MAX], got[HASH_BYTES_MAX];

	(void)state;
	assert_non_null(still);
	hash_lane_add(still, stream, 100);
	assert_true(digest_in_lane(STREAM_BYTES, 16301, got));
	digest_in_line(STREAM_BYTES, want);
	assert_memory_equal(got, want, MD5_BYTES);
	hash_lane_close(still, got);
	digest_in_line(100, want);
	assert_memory_equal(got, want, MD5_BYTES);
}

static void *
digest_again_and_again(void *arg)
{
	uint8_t want[HASH_BYTES_MAX], got[HASH_BYTES_MAX];
	size_t piece = *(size_t *)arg, wrong = 0;

	digest_in_line(STREAM_BYTES, want);
	for (int i = 0; i < 5; i++)
		if (digest_in_lane(STREAM_BYTES, piece, got) &&
		    memcmp(got, want, MD5_BYTES) != 0)
			wrong++;
	*(size_t *)arg = wrong;
	return NULL;
}

static void
test_hash_lane_streams_at_once_do_not_mix(void **state)
{
	size_t arg[] = { 1000,	 65479, 131072, 600001,
			 200000, 65536, 16384,	90000 };
	pthread_t t[ARRAY_LEN(arg)];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(arg); i++)
		assert_int_equal(pthread_create(&t[i], NULL,
						digest_again_and_again,
						&arg[i]),
				 0);
	for (size_t i = 0; i < ARRAY_LEN(arg); i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(arg[i], 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash_lane_any_pieces_gives_the_digest),
		cmocka_unit_test(
		    test_hash_lane_open_all_lanes_answers_null_until_one_closes),
		cmocka_unit_test(
		    test_hash_lane_streams_in_turn_are_hashed_together),
		cmocka_unit_test(
		    test_hash_lane_stream_that_stands_still_is_not_waited_for),
		cmocka_unit_test(test_hash_lane_streams_at_once_do_not_mix),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
