/*
 * Copies, renames and parts that are ranges: bytes are shared, references are
 * right, and the source is the one that was described.
 */
#include "tests/unit/store_multipart.h"

static struct store_object
get(struct fixture *f, struct slice key)
{
	struct store_object o;

	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, key), NULL, &f->a, &o, NULL),
	    S3_OK);
	return o;
}

static enum s3_error
try_get(struct fixture *f, struct slice key)
{
	struct store_object o;

	return store_get(f->s, &STORE_REF(BUCKET, key), NULL, &f->a, &o, NULL);
}

/* Of the source as it was described. */
static void
set_source(struct fixture *f, struct store_copy_req *req,
	   const struct store_object *o)
{
	req->source_seq = o->seq;
	req->source_etag = arena_copy(&f->a, slice_str(o->etag));
	req->source_size = o->size;
}

static struct store_copy_req
copy_req(struct fixture *f, struct slice from, struct slice to)
{
	const struct store_object o = get(f, from);
	struct store_copy_req req = { .source = STORE_REF(BUCKET, from),
				      .bucket = BUCKET,
				      .key = to,
				      .cond = STORE_COND_NONE,
				      .keep_checksum = true,
				      .note =
					  fixture_note("ObjectCreated:Copy") };

	set_source(f, &req, &o);
	return req;
}

static void
copy(struct fixture *f, struct slice from, struct slice to)
{
	struct store_copy_req req = copy_req(f, from, to);
	struct store_object o;

	assert_int_equal(store_copy(f->s, &req, &o), S3_OK);
	assert_string_equal(o.etag, get(f, to).etag);
}

static void
removed(struct fixture *f, struct slice key)
{
	struct store_note note = fixture_note("x");

	assert_int_equal(
	    store_remove(f->s, &STORE_REF(BUCKET, key), NULL, &note, NULL),
	    S3_OK);
}

static void
expect_at(struct fixture *f, struct slice key, struct slice body)
{
	struct store_object o;
	struct store_read *r;
	char *p = malloc(body.n + 1);

	assert_non_null(p);
	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, key), NULL, &f->a, &o, &r),
	    S3_OK);
	assert_int_equal(o.size, body.n);
	assert_int_equal(store_read_at(r, 0, p, body.n), S3_OK);
	assert_memory_equal(p, body.p, body.n);
	store_read_close(r);
	free(p);
}

static uint64_t
last_seq(struct fixture *f)
{
	struct store_info info;

	assert_int_equal(store_info(f->s, &info), S3_OK);
	return info.last_seq;
}

static struct store_event
last_event(struct fixture *f)
{
	struct store_event *e;
	size_t n;

	assert_int_equal(store_events(f->s, last_seq(f) - 1, 1, &f->a, &e, &n),
			 S3_OK);
	assert_int_equal(n, 1);
	return e[0];
}

/* An object of three parts at KEY. */
static void
make_three(struct fixture *f, struct three *t, uint16_t alg, bool composite)
{
	struct store_upload_req up = { .checksum_alg = alg,
				       .checksum_composite = composite };
	struct store_complete_part parts[3];
	struct store_complete_result res;
	struct store_complete_req req;
	char id[STORE_UPLOAD_ID_MAX];

	create_req(f, &up, id);
	three_init(t, alg);
	three_send(f, id, t);
	name_parts(t->p, 3, parts);
	req = complete_req(id, parts, 3);
	assert_int_equal(store_upload_complete(f->s, &req, &res), S3_OK);
}

/* ---- copies ------------------------------------------------------------- */

static void
test_copy_shares_the_bytes_of_any_size(void **state)
{
	static const size_t sizes[] = { 0, 1, 4096, 4097, 300000 };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char *p = fixture_bytes(sizes[i], (uint32_t)i);
		struct slice body = { p, sizes[i] };
		size_t files;

		assert_int_equal(fixture_put(f->s, SLICE("a"), body), S3_OK);
		files = fixture_blobs(f);
		copy(f, SLICE("a"), SLICE("b"));
		assert_int_equal(fixture_blobs(f), files);
		fixture_expect(f, SLICE("a"), body);
		fixture_expect(f, SLICE("b"), body);
		expect_sound(f);
		removed(f, SLICE("a"));
		fixture_expect(f, SLICE("b"), body);
		expect_sound(f);
		free(p);
	}
}

static void
test_copy_carries_what_it_was_given(void **state)
{
	struct fixture *f = *state;
	struct store_header h[] = { { SLICE("content-type"),
				      SLICE("video/webm") } };
	struct store_header tag[] = { { SLICE("stage"), SLICE("raw") } };
	struct store_copy_req req;
	struct store_object o;
	struct store_event e;

	assert_int_equal(fixture_put(f->s, SLICE("a"), SLICE("bytes")), S3_OK);
	req = copy_req(f, SLICE("a"), SLICE("b"));
	req.headers = (struct store_headers){ h, 1 };
	req.tags = (struct store_headers){ tag, 1 };
	req.storage_class = SLICE("STANDARD_IA");
	req.keep_checksum = false;
	req.checksum_alg = HASH_CRC32C;
	fixture_sum(HASH_CRC32C, SLICE("bytes"), req.checksum);
	assert_int_equal(store_copy(f->s, &req, &o), S3_OK);
	assert_int_equal(o.size, 5);
	assert_int_equal(o.seq, last_seq(f));
	e = last_event(f);
	assert_true(slice_eq_str(e.event_name, "ObjectCreated:Copy"));
	assert_true(slice_eq_str(e.key, "b"));
	assert_int_equal(e.size, 5);
	o = get(f, SLICE("b"));
	assert_true(slice_eq_str(store_headers_get(&o.headers, "content-type"),
				 "video/webm"));
	assert_true(slice_eq_str(store_headers_get(&o.tags, "stage"), "raw"));
	assert_true(slice_eq_str(o.storage_class, "STANDARD_IA"));
	assert_int_equal(o.checksum_alg, HASH_CRC32C);
	assert_memory_equal(o.checksum, req.checksum, 4);
	copy(f, SLICE("b"), SLICE("c"));
	o = get(f, SLICE("c"));
	/* An endpoint tells a type even of what was given none. */
	assert_in_range(o.headers.n, 0, fixture_is_remote);
	assert_false(slice_eq_str(store_headers_get(&o.headers, "content-type"),
				  "video/webm"));
	assert_int_equal(o.tags.n, 0);
	assert_int_equal(o.checksum_alg, HASH_CRC32C);
}

static void
test_copy_onto_itself_keeps_the_bytes(void **state)
{
	struct fixture *f = *state;
	char *p = fixture_bytes(100000, 1);
	struct slice large = { p, 100000 };
	struct three t;

	assert_int_equal(fixture_put(f->s, SLICE("small"), SLICE("x")), S3_OK);
	assert_int_equal(fixture_put(f->s, SLICE("large"), large), S3_OK);
	make_three(f, &t, 0, false);
	copy(f, SLICE("small"), SLICE("small"));
	copy(f, SLICE("large"), SLICE("large"));
	copy(f, KEY, KEY);
	expect_sound(f);
	fixture_expect(f, SLICE("small"), SLICE("x"));
	fixture_expect(f, SLICE("large"), large);
	expect_bytes(f, t.body);
	free(p);
	free(t.bytes);
}

static void
test_copy_of_parts_is_one_reference_more(void **state)
{
	struct fixture *f = *state;
	struct store_object a, b;
	struct store_part *list;
	struct three t;
	size_t n;

	make_three(f, &t, HASH_CRC64NVME, false);
	copy(f, KEY, SLICE("b"));
	expect_sound(f);
	a = get(f, KEY);
	b = get(f, SLICE("b"));
	assert_string_equal(a.etag, b.etag);
	assert_int_equal(b.n_parts, 3);
	assert_int_equal(b.checksum_alg, HASH_CRC64NVME);
	assert_memory_equal(a.checksum, b.checksum, 8);
	assert_int_equal(store_get_parts(f->s, &STORE_REF(BUCKET, SLICE("b")),
					 0, 10, &f->a, &list, &n),
			 S3_OK);
	assert_int_equal(n, 3);
	removed(f, KEY);
	expect_sound(f);
	expect_at(f, SLICE("b"), t.body);
	removed(f, SLICE("b"));
	free(t.bytes);
}

/* The record is written anew; its set stays. */
static void
test_tags_of_an_object_of_parts(void **state)
{
	struct fixture *f = *state;
	struct store_header tag[] = { { SLICE("stage"), SLICE("cut") } };
	struct store_headers tags = { tag, 1 };
	struct store_note note = fixture_note("ObjectTagging:Put");
	struct store_copy_req req;
	struct store_object o;
	struct three t;

	make_three(f, &t, 0, false);
	req = copy_req(f, KEY, SLICE("b"));
	assert_int_equal(
	    store_tags_put(f->s, &STORE_REF(BUCKET, KEY), &tags, &note, NULL),
	    S3_OK);
	expect_bytes(f, t.body);
	o = get(f, KEY);
	assert_true(slice_eq_str(store_headers_get(&o.tags, "stage"), "cut"));
	assert_int_equal(o.n_parts, 3);
	/* still the object that was described */
	assert_int_equal(store_copy(f->s, &req, NULL), S3_OK);
	free(t.bytes);
}

static void
test_copy_refuses_a_source_that_changed(void **state)
{
	struct fixture *f = *state;
	struct store_copy_req req;
	uint64_t seq;

	assert_int_equal(fixture_put(f->s, SLICE("a"), SLICE("1")), S3_OK);
	req = copy_req(f, SLICE("a"), SLICE("b"));
	assert_int_equal(fixture_put(f->s, SLICE("a"), SLICE("2")), S3_OK);
	seq = last_seq(f);
	assert_int_equal(store_copy(f->s, &req, NULL),
			 S3_ERR_OPERATION_ABORTED);
	removed(f, SLICE("a"));
	assert_int_equal(store_copy(f->s, &req, NULL), S3_ERR_NO_SUCH_KEY);
	assert_int_equal(try_get(f, SLICE("b")), S3_ERR_NO_SUCH_KEY);
	assert_int_equal(last_seq(f), seq + 1);
	req.source.bucket = SLICE("no-such-bucket");
	assert_int_equal(store_copy(f->s, &req, NULL), S3_ERR_NO_SUCH_BUCKET);
}

static void
test_copy_obeys_conditions_and_bounds_of_the_target(void **state)
{
	struct fixture *f = *state;
	struct store_copy_req req;

	assert_int_equal(fixture_put(f->s, SLICE("a"), SLICE("12")), S3_OK);
	assert_int_equal(fixture_put(f->s, SLICE("b"), SLICE("3")), S3_OK);
	req = copy_req(f, SLICE("a"), SLICE("b"));
	req.cond.if_none_match = SLICE("*");
	assert_int_equal(store_copy(f->s, &req, NULL),
			 S3_ERR_PRECONDITION_FAILED);
	req.cond.if_none_match = SLICE_EMPTY;
	req.size_max = 1;
	assert_int_equal(store_copy(f->s, &req, NULL), S3_ERR_ENTITY_TOO_LARGE);
	req.size_max = 2;
	assert_int_equal(store_copy(f->s, &req, NULL), S3_OK);
	fixture_expect(f, SLICE("b"), SLICE("12"));
	req.key = SLICE_EMPTY;
	assert_int_equal(store_copy(f->s, &req, NULL), S3_ERR_INVALID_ARGUMENT);
}

static void
test_copy_takes_the_version_named(void **state)
{
	struct fixture *f = *state;
	struct store_note note = fixture_note("x");
	struct store_removed marker;
	struct store_object first;
	struct store_copy_req req;

	assert_int_equal(
	    store_bucket_versioning(f->s, BUCKET, STORE_VERSIONING_ENABLED),
	    S3_OK);
	assert_int_equal(fixture_put(f->s, SLICE("a"), SLICE("old")), S3_OK);
	first = get(f, SLICE("a"));
	assert_int_equal(fixture_put(f->s, SLICE("a"), SLICE("new")), S3_OK);
	req = copy_req(f, SLICE("a"), SLICE("b"));
	req.source.version_id = slice_str(first.version_id);
	assert_int_equal(store_copy(f->s, &req, NULL),
			 S3_ERR_OPERATION_ABORTED);
	set_source(f, &req, &first);
	assert_int_equal(store_copy(f->s, &req, NULL), S3_OK);
	fixture_expect(f, SLICE("b"), SLICE("old"));
	assert_int_equal(store_remove(f->s, &STORE_REF(BUCKET, SLICE("a")),
				      NULL, &note, &marker),
			 S3_OK);
	req.source.version_id = SLICE_EMPTY;
	assert_int_equal(store_copy(f->s, &req, NULL), S3_ERR_NO_SUCH_KEY);
	req.source.version_id = slice_str(marker.version_id);
	assert_int_equal(store_copy(f->s, &req, NULL),
			 S3_ERR_METHOD_NOT_ALLOWED);
	req.source.version_id = SLICE("nonsense");
	assert_int_equal(store_copy(f->s, &req, NULL), S3_ERR_INVALID_ARGUMENT);
}

/* ---- renames ------------------------------------------------------------ */

static void
test_rename_moves_in_one_step_with_both_events(void **state)
{
	struct fixture *f = *state;
	struct store_copy_req req;
	struct store_event *e;
	struct three t;
	uint64_t seq;
	size_t n;

	make_three(f, &t, 0, false);
	assert_int_equal(fixture_put(f->s, SLICE("b"), SLICE("old")), S3_OK);
	seq = last_seq(f);
	req = copy_req(f, KEY, SLICE("b"));
	req.rename = true;
	req.note = fixture_note("ObjectCreated:Put");
	assert_int_equal(store_copy(f->s, &req, NULL), S3_OK);
	expect_at(f, SLICE("b"), t.body);
	assert_int_equal(try_get(f, KEY), S3_ERR_NO_SUCH_KEY);
	assert_int_equal(store_events(f->s, seq, 10, &f->a, &e, &n), S3_OK);
	assert_int_equal(n, 2);
	assert_true(slice_eq_str(e[0].event_name, "ObjectCreated:Put"));
	assert_true(slice_eq_str(e[0].key, "b"));
	assert_true(slice_eq_str(e[1].event_name, "ObjectRemoved:Delete"));
	assert_true(slice_eq(e[1].key, KEY));
	assert_string_not_equal(e[0].id, e[1].id);
	free(t.bytes);
}

static void
test_rename_refuses_itself_and_other_buckets(void **state)
{
	struct fixture *f = *state;
	struct store_object described, other;
	struct store_copy_req req;

	assert_int_equal(
	    store_bucket_create(f->s, SLICE("other"), OWNER, SLICE("")), S3_OK);
	assert_int_equal(fixture_put(f->s, SLICE("a"), SLICE("x")), S3_OK);
	req = copy_req(f, SLICE("a"), SLICE("a"));
	req.rename = true;
	assert_int_equal(store_copy(f->s, &req, NULL), S3_ERR_INVALID_REQUEST);
	req.key = SLICE("b");
	req.bucket = SLICE("other");
	assert_int_equal(store_copy(f->s, &req, NULL), S3_ERR_INVALID_ARGUMENT);
	req.bucket = BUCKET;
	described = get(f, SLICE("a"));
	other = described;
	other.seq++;
	other.etag[0] ^= 1;
	set_source(f, &req, &other);
	assert_int_equal(store_copy(f->s, &req, NULL),
			 S3_ERR_OPERATION_ABORTED);
	fixture_expect(f, SLICE("a"), SLICE("x"));
	set_source(f, &req, &described);
	assert_int_equal(store_copy(f->s, &req, NULL), S3_OK);
	fixture_expect(f, SLICE("b"), SLICE("x"));
}

/* ---- parts -------------------------------------------------------------- */

static enum s3_error
copy_part(struct fixture *f, const char *id, uint32_t number, struct slice from,
	  uint64_t offset, struct slice range, char etag[33])
{
	const struct store_object o = get(f, from);
	struct store_part_copy_req req = {
		.part = { BUCKET, KEY, slice_str(id), number },
		.source = STORE_REF(BUCKET, from),
		.source_seq = o.seq,
		.source_etag = slice_str(o.etag),
		.source_size = o.size,
		.offset = offset,
		.size = range.n,
	};
	struct store_part out;
	enum s3_error err;

	fixture_md5(range.p, range.n, etag);
	req.etag = slice_str(etag);
	err = store_part_copy(f->s, &req, &out);
	if (err == S3_OK) {
		assert_int_equal(out.number, number);
		assert_int_equal(out.size, range.n);
		assert_string_equal(out.etag, etag);
		assert_true(out.mtime_us > 0);
	}
	return err;
}

/* Ranges of an object of parts, across their borders, become parts of the
 * next object, again and again; what lies side by side is joined. */
static void
test_parts_copied_from_ranges_of_parts(void **state)
{
	struct fixture *f = *state;
	struct three t;

	make_three(f, &t, 0, false);
	for (int round = 0; round < 3; round++) {
		const size_t cuts[] = { 0, 5 * MIB + 17, 10 * MIB + 100,
					t.body.n };
		struct store_complete_part parts[3];
		struct store_complete_result res;
		struct store_complete_req req;
		char id[STORE_UPLOAD_ID_MAX], etags[3][33];

		create(f, id);
		for (uint32_t i = 0; i < 3; i++) {
			struct slice range = slice_mem(t.body.p + cuts[i],
						       cuts[i + 1] - cuts[i]);

			/* A part may be sent twice. */
			for (int twice = 0; twice < 2; twice++)
				assert_int_equal(copy_part(f, id, i + 1, KEY,
							   cuts[i], range,
							   etags[i]),
						 S3_OK);
			parts[i] = (struct store_complete_part){
				.number = i + 1, .etag = slice_str(etags[i])
			};
		}
		expect_sound(f);
		req = complete_req(id, parts, 3);
		assert_int_equal(store_upload_complete(f->s, &req, &res),
				 S3_OK);
		expect_sound(f);
		expect_bytes(f, t.body);
	}
	free(t.bytes);
}

static void
test_part_copied_from_an_inline_object(void **state)
{
	struct fixture *f = *state;
	struct store_complete_part part = { .number = 3 };
	struct store_complete_result res;
	struct store_complete_req req;
	char id[STORE_UPLOAD_ID_MAX], etag[33];

	assert_int_equal(fixture_put(f->s, SLICE("a"), SLICE("0123456789")),
			 S3_OK);
	create(f, id);
	assert_int_equal(
	    copy_part(f, id, 3, SLICE("a"), 2, SLICE("2345"), etag), S3_OK);
	removed(f, SLICE("a"));
	part.etag = slice_str(etag);
	req = complete_req(id, &part, 1);
	assert_int_equal(store_upload_complete(f->s, &req, &res), S3_OK);
	expect_bytes(f, SLICE("2345"));
}

static void
test_part_copy_refuses_what_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct store_part_copy_req req;
	struct store_object big, other;
	struct store_part out;
	char id[STORE_UPLOAD_ID_MAX], etag[33];
	char *p = fixture_bytes(100000, 3);

	assert_int_equal(fixture_put(f->s, SLICE("a"), SLICE("0123")), S3_OK);
	assert_int_equal(fixture_put(f->s, SLICE("big"), slice_mem(p, 100000)),
			 S3_OK);
	create(f, id);
	assert_int_equal(copy_part(f, id, 1, SLICE("a"), 3, SLICE("34"), etag),
			 S3_ERR_INVALID_ARGUMENT);
	assert_int_equal(
	    copy_part(f, id, 1, SLICE("a"), UINT64_MAX, SLICE("3"), etag),
	    S3_ERR_INVALID_ARGUMENT);
	assert_int_equal(
	    copy_part(f, id, 1, SLICE("big"), 99999, slice_mem(p, 2), etag),
	    S3_ERR_INVALID_ARGUMENT);
	assert_int_equal(copy_part(f, id, 0, SLICE("a"), 0, SLICE("0"), etag),
			 S3_ERR_INVALID_ARGUMENT);
	big = other = get(f, SLICE("big"));
	other.etag[0] ^= 1;
	req = (struct store_part_copy_req){
		.part = { BUCKET, KEY, slice_str(id), 1 },
		.source = STORE_REF(BUCKET, SLICE("big")),
		.source_seq = big.seq + 1,
		.source_etag = slice_str(other.etag),
		.source_size = big.size,
		.size = 5,
		.etag = slice_str(etag),
	};
	assert_int_equal(store_part_copy(f->s, &req, &out),
			 S3_ERR_OPERATION_ABORTED);
	req.source_seq--;
	req.source_etag = slice_str(big.etag);
	req.size_max = 4;
	assert_int_equal(store_part_copy(f->s, &req, &out),
			 S3_ERR_ENTITY_TOO_LARGE);
	req.size_max = 0;
	req.part.upload_id = SLICE("00000000000000000000000000");
	assert_int_equal(store_part_copy(f->s, &req, &out),
			 S3_ERR_NO_SUCH_UPLOAD);
	req.part.upload_id = slice_str(id);
	req.source.key = SLICE("absent");
	assert_int_equal(store_part_copy(f->s, &req, &out), S3_ERR_NO_SUCH_KEY);
	free(p);
}

/* ---- of a local store alone --------------------------------------------- */

#ifndef FIXTURE_S3
/* Extents, and ETags that nobody can check. */

/* One part of KEY, from a range; its ETag is made up. */
static enum s3_error
copy_range(struct fixture *f, const char *id, struct store_complete_part *part,
	   struct slice from, uint64_t offset, uint64_t size)
{
	struct store_part_copy_req req = {
		.part = { BUCKET, KEY, slice_str(id), part->number },
		.source = STORE_REF(BUCKET, from),
		.source_seq = get(f, from).seq,
		.source_size = get(f, from).size,
		.offset = offset,
		.size = size,
		.etag = part->etag,
	};
	struct store_part made;

	return store_part_copy(f->s, &req, &made);
}

/* KEY of two parts, each the range of an object. */
static enum s3_error
join(struct fixture *f, struct slice a, uint64_t a_size, struct slice b,
     uint64_t b_offset, uint64_t b_size)
{
	struct store_complete_part parts[] = {
		{ .number = 1,
		  .etag = SLICE("11111111111111111111111111111111") },
		{ .number = 2,
		  .etag = SLICE("22222222222222222222222222222222") },
	};
	struct store_complete_result res;
	struct store_complete_req req;
	char id[STORE_UPLOAD_ID_MAX];
	enum s3_error err;

	create(f, id);
	err = copy_range(f, id, &parts[0], a, 0, a_size);
	if (err == S3_OK)
		err = copy_range(f, id, &parts[1], b, b_offset, b_size);
	req = complete_req(id, parts, 2);
	if (err == S3_OK)
		return store_upload_complete(f->s, &req, &res);
	assert_int_equal(store_upload_abort(f->s, BUCKET, KEY, slice_str(id)),
			 S3_OK);
	return err;
}

/* The pieces at the end of an object are put behind it once more, and again:
 * they double each time, however small they are. */
static void
test_pieces_are_bounded(void **state)
{
	struct fixture *f = *state;
	char *bytes = fixture_bytes(5 * MIB, 9);
	struct slice whole = { bytes, 5 * MIB };
	uint64_t tail = 1;

	assert_int_equal(fixture_put(f->s, SLICE("a"), whole), S3_OK);
	assert_int_equal(join(f, SLICE("a"), whole.n, SLICE("a"), 7, tail),
			 S3_OK);
	for (; tail < 4096; tail *= 2) {
		expect_sound(f);
		assert_int_equal(get(f, KEY).size, whole.n + tail);
		assert_int_equal(
		    join(f, KEY, whole.n + tail, KEY, whole.n, tail), S3_OK);
	}
	assert_int_equal(join(f, KEY, whole.n + tail, KEY, whole.n, tail),
			 S3_ERR_ENTITY_TOO_LARGE);
	assert_int_equal(get(f, KEY).size, whole.n + tail);
	free(bytes);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SOUND_TEST(test_copy_shares_the_bytes_of_any_size),
		SOUND_TEST(test_copy_carries_what_it_was_given),
		SOUND_TEST(test_copy_onto_itself_keeps_the_bytes),
		SOUND_TEST(test_copy_of_parts_is_one_reference_more),
		SOUND_TEST(test_tags_of_an_object_of_parts),
		SOUND_TEST(test_copy_refuses_a_source_that_changed),
		SOUND_TEST(test_copy_obeys_conditions_and_bounds_of_the_target),
		SOUND_TEST(test_copy_takes_the_version_named),
		SOUND_TEST(test_rename_moves_in_one_step_with_both_events),
		SOUND_TEST(test_rename_refuses_itself_and_other_buckets),
		SOUND_TEST(test_parts_copied_from_ranges_of_parts),
		SOUND_TEST(test_part_copied_from_an_inline_object),
		SOUND_TEST(test_part_copy_refuses_what_is_not_there),
#ifndef FIXTURE_S3
		SOUND_TEST(test_pieces_are_bounded),
#endif
	};

	return cmocka_run_group_tests_name("store_copy", tests, NULL, NULL);
}
