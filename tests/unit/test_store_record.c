/*
 * Sealed records: what goes in comes out, and no damage goes unnoticed.
 */
#include "tests/unit/store_fixture.h"

#include "store/local/record.h"

static struct store_header headers[] = {
	{ { "content-type", 12 }, { "video/mp4", 9 } },
	{ { "x-amz-meta-empty", 16 }, { "", 0 } },
};

static struct record_object
sample(void)
{
	return (struct record_object){
		.o = { .size = 5,
		       .mtime_us = -1,
		       .etag = "0123",
		       .version_id = "null",
		       .seq = UINT64_MAX,
		       .epoch = "11111111-2222-4333-8444-555555555555",
		       .headers = { headers, ARRAY_LEN(headers) },
		       .checksum_alg = HASH_SHA256,
		       .checksum = { 1, 2, 3 } },
		.is_inline = true,
		.inline_crc = 0xdeadbeef,
	};
}

static void
test_object_comes_back_as_written(void **state)
{
	struct record_object in = sample(), out;
	const struct record_extent e[] = { { 1, 2, 3 }, { 4, 5, UINT64_MAX } };
	struct buf b = BUF_INIT, extents = BUF_INIT;
	struct store_headers h;
	struct arena a;

	(void)state;
	arena_init(&a, 65536);
	for (size_t i = 0; i < ARRAY_LEN(e); i++)
		record_put_extent(&extents, &e[i]);
	in.extents = buf_slice(&extents);
	record_object_encode(&b, &in);
	buf_puts(&b, "bytes");
	assert_true(buf_ok(&b));
	assert_int_equal(record_object_decode(buf_slice(&b), &out), 0);
	assert_true(slice_eq_str(out.data, "bytes"));
	assert_int_equal(out.inline_crc, in.inline_crc);
	assert_true(slice_eq(out.extents, in.extents));
	assert_int_equal(record_extent(out.extents, 1).blob_id, 4);
	assert_true(record_extent(out.extents, 1).length == UINT64_MAX);
	assert_int_equal(record_headers(out.headers, &a, &h), 0);
	assert_int_equal(h.n, 2);
	assert_true(slice_eq_str(h.v[0].value, "video/mp4"));
	assert_int_equal(h.v[1].value.n, 0);
	in.o.headers = out.o.headers = (struct store_headers){ 0 };
	assert_memory_equal(in.o.checksum, out.o.checksum, 32);
	assert_string_equal(in.o.epoch, out.o.epoch);
	assert_string_equal(in.o.etag, out.o.etag);
	assert_true(out.o.seq == UINT64_MAX && out.o.mtime_us == -1);
	arena_release(&a);
	buf_release(&extents);
	buf_release(&b);
}

static void
test_every_flipped_bit_is_noticed(void **state)
{
	struct record_object in = sample(), out;
	struct buf b = BUF_INIT;
	size_t sealed;

	(void)state;
	record_object_encode(&b, &in);
	sealed = b.n;
	buf_puts(&b, "bytes");
	for (size_t bit = 0; bit < sealed * 8; bit++) {
		b.p[bit / 8] = (char)(b.p[bit / 8] ^ (1 << bit % 8));
		if (record_object_decode(buf_slice(&b), &out) == 0)
			fail_msg("bit %zu", bit);
		b.p[bit / 8] = (char)(b.p[bit / 8] ^ (1 << bit % 8));
	}
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(record_object_decode(slice_mem(b.p, n), &out),
				 -1);
	buf_putc(&b, 'x');
	assert_int_equal(record_object_decode(buf_slice(&b), &out), -1);
	buf_release(&b);
}

static void
test_event_comes_back_as_written(void **state)
{
	struct store_event in = { .id = "0123456789abcdef0123456789abcdef",
				  .time_us = 77,
				  .event_name = SLICE("ObjectCreated:Put"),
				  .bucket = SLICE("b"),
				  .key = SLICE("k\xff"),
				  .size = 9,
				  .etag = SLICE("e"),
				  .request_id = SLICE("r") },
			   out = { 0 };
	struct buf b = BUF_INIT;
	struct arena a;

	(void)state;
	arena_init(&a, 65536);
	record_event_encode(&b, &in);
	assert_int_equal(record_event_decode(buf_slice(&b), &a, &out), 0);
	assert_string_equal(out.id, in.id);
	assert_int_equal(out.time_us, 77);
	assert_int_equal(out.size, 9);
	assert_true(slice_eq(out.event_name, in.event_name));
	assert_true(slice_eq(out.key, in.key));
	assert_true(slice_eq(out.request_id, in.request_id));
	assert_int_equal(out.content_type.n, 0);
	b.p[b.n / 2] ^= 1;
	assert_int_equal(record_event_decode(buf_slice(&b), &a, &out), -1);
	arena_release(&a);
	buf_release(&b);
}

static void
test_reader_never_passes_the_end(void **state)
{
	struct record_reader r;
	struct buf b = BUF_INIT;

	(void)state;
	record_begin(&b, RECORD_BLOB);
	record_int(&b, 1000, 2); /* a length that is not there */
	record_end(&b);
	assert_int_equal(record_open(buf_slice(&b), RECORD_DUE, &r, NULL), -1);
	assert_int_equal(record_open(buf_slice(&b), RECORD_BLOB, &r, NULL), 0);
	assert_int_equal(record_get_bytes(&r).n, 0);
	assert_int_equal(record_get_int(&r, 8), 0);
	assert_int_equal(record_done(&r), -1);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_object_comes_back_as_written),
		cmocka_unit_test(test_every_flipped_bit_is_noticed),
		cmocka_unit_test(test_event_comes_back_as_written),
		cmocka_unit_test(test_reader_never_passes_the_end),
	};

	return cmocka_run_group_tests_name("store_record", tests, NULL, NULL);
}
