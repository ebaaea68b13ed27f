/*
 * Records of uploads, parts and sets: what was written comes back, and a
 * flipped bit is noticed.
 */
#include "tests/unit/store_fixture.h"

#include "store/local/upload_record.h"

static struct record_upload
sample(void)
{
	static const struct store_header h[] = {
		{ { "content-type", 12 }, { "video/mp4", 9 } },
	};

	return (struct record_upload){
		.bucket_id = 7,
		.key = SLICE("a/b.mp4"),
		.id = SLICE("01ARZ3NDEKTSV4RRFFQ69G5FAV"),
		.u = { .initiated_us = 1234567890123456,
		       .initiator = SLICE("root"),
		       .storage_class = SLICE("STANDARD_IA"),
		       .checksum_alg = HASH_CRC64NVME,
		       .checksum_composite = true,
		       .headers = { h, 1 } },
	};
}

static struct record_part
sample_part(struct buf *extents)
{
	struct record_part part = {
		.p = { .size = 5000,
		       .mtime_us = 99,
		       .checksum_alg = HASH_CRC32,
		       .checksum = { 1, 2, 3, 4 } },
		.md5 = { 0xde, 0xad },
	};

	record_put_extent(extents, &(struct record_extent){ 5, 6, 7 });
	record_put_extent(extents, &(struct record_extent){ 8, 9, 10 });
	part.extents = buf_slice(extents);
	return part;
}

static void
test_upload_comes_back_as_written(void **state)
{
	struct record_upload in = sample(), out;
	struct store_headers h;
	struct buf b = BUF_INIT;
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	record_upload_encode(&b, &in);
	assert_int_equal(record_upload_decode(buf_slice(&b), &out), 0);
	assert_false(out.completed);
	assert_int_equal(out.bucket_id, 7);
	assert_true(slice_eq(out.key, in.key));
	assert_true(slice_eq(out.id, in.id));
	assert_int_equal(out.u.initiated_us, in.u.initiated_us);
	assert_true(slice_eq(out.u.initiator, in.u.initiator));
	assert_true(slice_eq(out.u.storage_class, in.u.storage_class));
	assert_int_equal(out.u.checksum_alg, HASH_CRC64NVME);
	assert_true(out.u.checksum_composite);
	assert_int_equal(record_headers(out.headers, &a, &h), 0);
	assert_int_equal(h.n, 1);
	assert_int_equal(record_headers(out.tags, &a, &h), 0);
	assert_int_equal(h.n, 0);
	arena_release(&a);
	buf_release(&b);
}

static void
test_completed_upload_comes_back_as_written(void **state)
{
	struct record_upload in = sample(), out;
	struct record_object object = { .o = { .size = 12, .n_parts = 3 } };
	struct buf b = BUF_INIT, o = BUF_INIT;
	char digest[PARTS_DIGEST_BYTES];

	(void)state;
	memset(digest, 'd', sizeof(digest));
	in.digest = slice_mem(digest, sizeof(digest));
	snprintf(object.o.etag, sizeof(object.o.etag), "etag-3");
	record_object_encode(&o, &object);
	record_completed_encode(&b, &in, buf_slice(&o));
	assert_int_equal(record_upload_decode(buf_slice(&b), &out), 0);
	assert_true(out.completed);
	assert_true(slice_eq(out.digest, in.digest));
	assert_string_equal(out.object.o.etag, "etag-3");
	assert_int_equal(out.object.o.size, 12);
	/* a digest of another length is none */
	in.digest.n--;
	record_completed_encode(&b, &in, buf_slice(&o));
	assert_int_equal(record_upload_decode(buf_slice(&b), &out), -1);
	buf_release(&b);
	buf_release(&o);
}

static void
test_part_comes_back_as_written(void **state)
{
	struct buf b = BUF_INIT, extents = BUF_INIT;
	struct record_part in = sample_part(&extents), out;
	struct record_extent e;

	(void)state;
	record_part_encode(&b, &in);
	assert_int_equal(record_part_decode(buf_slice(&b), &out), 0);
	assert_int_equal(out.p.size, 5000);
	assert_int_equal(out.p.mtime_us, 99);
	assert_string_equal(out.p.etag, "dead0000000000000000000000000000");
	assert_int_equal(out.p.checksum_alg, HASH_CRC32);
	assert_memory_equal(out.p.checksum, in.p.checksum, 4);
	assert_int_equal(out.extents.n, 2 * RECORD_EXTENT_BYTES);
	e = record_extent(out.extents, 1);
	assert_int_equal(e.blob_id, 8);
	assert_int_equal(e.offset, 9);
	assert_int_equal(e.length, 10);
	in.extents.n--; /* half an extent */
	record_part_encode(&b, &in);
	assert_int_equal(record_part_decode(buf_slice(&b), &out), -1);
	in.extents.n++;
	in.p.checksum_alg = HASH_ALG_COUNT - 1;
	record_part_encode(&b, &in);
	b.p[6 + 8 + 8 + 16 + 1] = HASH_ALG_COUNT; /* no such algorithm */
	assert_int_equal(record_part_decode(buf_slice(&b), &out), -1);
	buf_release(&b);
	buf_release(&extents);
}

static void
test_rows_of_a_set_come_back_as_written(void **state)
{
	struct store_part in[SET_ROW_PARTS], out[SET_ROW_PARTS];
	struct record_set set = { 3, 200, 64, 1ull << 40 }, again;
	struct buf b = BUF_INIT;
	uint64_t offset = 1000;
	size_t n;

	(void)state;
	for (size_t i = 0; i < SET_ROW_PARTS; i++) {
		in[i] = (struct store_part){ .offset = offset,
					     .size = i * 3,
					     .checksum_alg =
						 i % 2 ? HASH_SHA256 : 0 };
		memset(in[i].checksum, i % 2 ? (int)i : 0, 32);
		offset += in[i].size;
	}
	record_parts_encode(&b, in, SET_ROW_PARTS);
	assert_int_equal(record_parts_decode(buf_slice(&b), out, &n), 0);
	assert_int_equal(n, SET_ROW_PARTS);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(out[i].offset, in[i].offset);
		assert_int_equal(out[i].size, in[i].size);
		assert_int_equal(out[i].checksum_alg, in[i].checksum_alg);
		assert_memory_equal(out[i].checksum, in[i].checksum, 32);
	}
	record_set_encode(&b, &set);
	assert_int_equal(record_set_decode(buf_slice(&b), &again), 0);
	assert_memory_equal(&set, &again, sizeof(set));
	buf_release(&b);
}

static bool
decodes(struct slice value)
{
	struct store_part parts[SET_ROW_PARTS];
	struct record_upload u;
	struct record_part p;
	struct record_set s;
	struct slice extents;
	size_t n;

	return record_upload_decode(value, &u) == 0 ||
	       record_part_decode(value, &p) == 0 ||
	       record_set_decode(value, &s) == 0 ||
	       record_extents_decode(value, &extents) == 0 ||
	       record_parts_decode(value, parts, &n) == 0;
}

/* Bits and lengths: nothing that was touched is taken for a record. */
static void
expect_all_noticed(struct buf *b)
{
	assert_true(decodes(buf_slice(b)));
	for (size_t i = 0; i < b->n * 8; i++) {
		b->p[i / 8] = (char)(b->p[i / 8] ^ 1 << i % 8);
		assert_false(decodes(buf_slice(b)));
		b->p[i / 8] = (char)(b->p[i / 8] ^ 1 << i % 8);
	}
	for (size_t n = 0; n < b->n; n++)
		assert_false(decodes(slice_mem(b->p, n)));
	buf_release(b);
}

static void
test_every_flipped_bit_is_noticed(void **state)
{
	struct buf b = BUF_INIT, extents = BUF_INIT;
	struct record_upload u = sample();
	struct record_part p = sample_part(&extents);

	(void)state;
	record_upload_encode(&b, &u);
	expect_all_noticed(&b);
	record_part_encode(&b, &p);
	expect_all_noticed(&b);
	record_set_encode(&b, &(struct record_set){ 1, 2, 3, 4 });
	expect_all_noticed(&b);
	record_extents_encode(&b, p.extents);
	expect_all_noticed(&b);
	record_parts_encode(&b, &p.p, 1);
	expect_all_noticed(&b);
	buf_release(&extents);
}

/* Bodies that no program wrote, under a right CRC: by another version, or by
 * whoever can write to the disk. */
static void
test_sealed_nonsense_is_refused_or_read_within_its_bounds(void **state)
{
	static const enum record_kind kinds[] = {
		RECORD_OBJECT, RECORD_UPLOAD,  RECORD_COMPLETED, RECORD_PART,
		RECORD_SET,    RECORD_EXTENTS, RECORD_PARTS
	};
	struct store_part parts[SET_ROW_PARTS];
	struct record_object object = { 0 };
	struct record_upload upload;
	struct buf valid = BUF_INIT, b = BUF_INIT;
	struct store_headers h;
	struct record_part part;
	struct record_set set;
	struct slice extents;
	struct arena a;
	uint32_t seed = 1;
	size_t n, read = 0;

	(void)state;
	record_object_encode(&valid, &object);
	for (unsigned i = 0; i < 100000; i++) {
		struct slice body = slice_mem(valid.p + 6, valid.n - 10), v;

		record_begin(&b, kinds[i % ARRAY_LEN(kinds)]);
		if (i % ARRAY_LEN(kinds) == 0) { /* one byte is wrong */
			buf_put(&b, body);
			seed = seed * 1664525u + 1013904223u;
			b.p[6 + (seed >> 8) % body.n] = (char)(seed >> 3);
		} else {
			for (n = (seed >> 10) % 90; n; n--) {
				seed = seed * 1664525u + 1013904223u;
				record_int(&b, seed >> 30 ? 0 : seed >> 20, 1);
			}
			seed = seed * 1664525u + 1013904223u;
		}
		record_end(&b);
		assert_true(buf_ok(&b));
		v = buf_slice(&b);
		arena_init(&a, 65536);
		if (record_object_decode(v, &object) == 0) {
			read++;
			read += record_headers(object.headers, &a, &h) == 0;
			read += record_headers(object.tags, &a, &h) == 0;
			assert_true(object.o.checksum_alg < HASH_ALG_COUNT);
		}
		if (record_upload_decode(v, &upload) == 0 && !upload.completed)
			read += record_headers(upload.headers, &a, &h) == 0;
		if (record_part_decode(v, &part) == 0)
			read += part.extents.n / RECORD_EXTENT_BYTES;
		read += record_set_decode(v, &set) == 0;
		if (record_extents_decode(v, &extents) == 0)
			read += extents.n / RECORD_EXTENT_BYTES;
		if (record_parts_decode(v, parts, &n) == 0)
			assert_true(n <= SET_ROW_PARTS);
		arena_release(&a);
	}
	assert_true(read > 100);
	buf_release(&valid);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_upload_comes_back_as_written),
		cmocka_unit_test(test_completed_upload_comes_back_as_written),
		cmocka_unit_test(test_part_comes_back_as_written),
		cmocka_unit_test(test_rows_of_a_set_come_back_as_written),
		cmocka_unit_test(test_every_flipped_bit_is_noticed),
		cmocka_unit_test(
		    test_sealed_nonsense_is_refused_or_read_within_its_bounds),
	};

	return cmocka_run_group_tests_name("store_upload_record", tests, NULL,
					   NULL);
}
