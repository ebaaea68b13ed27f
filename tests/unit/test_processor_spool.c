/*
 * Objects of a remote store as files without a name; any store is read alike.
 */
#include "base/log.h"
#include "processor/input.h"
#include "tests/unit/store_fixture.h"

#include <signal.h>
#include <sys/resource.h>

#define SIZE (200u << 10)

static enum s3_error
spool(struct fixture *f, const char *dir, uint64_t max, struct input *in)
{
	const _Atomic int stop = 0;

	input_init(in);
	return input_spool(in, f->s, dir, BUCKET.p, "film", max, &stop);
}

static void
test_an_object_is_read_from_a_file_without_a_name(void **state)
{
	struct fixture *f = *state;
	char *bytes = fixture_bytes(SIZE, 1), *got = malloc(SIZE);
	struct input in;

	assert_int_equal(
	    fixture_put(f->s, SLICE("film"), slice_mem(bytes, SIZE)), S3_OK);
	assert_int_equal(spool(f, f->dir, SIZE - 1, &in),
			 S3_ERR_ENTITY_TOO_LARGE);
	input_release(&in);
	assert_int_equal(spool(f, f->dir, SIZE, &in), S3_OK);
	assert_int_equal(in.size, SIZE);
	assert_int_equal(in.n, 1);
	assert_int_equal(pread(in.extents[0].fd, got, SIZE, 0), SIZE);
	assert_memory_equal(got, bytes, SIZE);
	assert_int_equal(write(in.extents[0].fd, "x", 1), -1);
	input_release(&in);
	free(got);
	free(bytes);
}

/* It is not the store that is in the way then. */
static void
test_no_room_for_it_is_told_as_such(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, small;
	char *bytes = fixture_bytes(SIZE, 2);
	struct input in;

	assert_int_equal(
	    fixture_put(f->s, SLICE("film"), slice_mem(bytes, SIZE)), S3_OK);
	free(bytes);
	assert_int_equal(spool(f, "/nowhere", SIZE, &in),
			 S3_ERR_INSUFFICIENT_STORAGE);
	input_release(&in);

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){ SIZE / 2, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(spool(f, f->dir, SIZE, &in),
			 S3_ERR_INSUFFICIENT_STORAGE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(in.n, 0);
	input_release(&in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_an_object_is_read_from_a_file_without_a_name),
		STORE_TEST(test_no_room_for_it_is_told_as_such),
	};

	log_set_level((enum log_level)(LOG_ERROR + 1));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
