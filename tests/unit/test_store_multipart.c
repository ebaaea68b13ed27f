/*
 * Multipart uploads of the store: what store.h promises of each call.
 */
#include "tests/unit/store_multipart.h"

#include "base/timeval.h"

#include <fcntl.h>

/* ---- the way of an upload ----------------------------------------------- */

static void
test_upload_of_three_parts_becomes_the_object(void **state)
{
	struct fixture *f = *state;
	struct store_complete_part parts[3];
	struct store_complete_result res;
	struct store_complete_req req;
	struct store_object o;
	struct store_part *list;
	char id[STORE_UPLOAD_ID_MAX], md5s[48], etag[33];
	struct three t;
	size_t n;

	create(f, id);
	three_init(&t, 0);
	three_send(f, id, &t);
	name_parts(t.p, 3, parts);
	req = complete_req(id, parts, 3);
	assert_int_equal(store_upload_complete(f->s, &req, &res), S3_OK);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(
		    hex_decode(slice_str(t.p[i].etag), md5s + 16 * i, 16), 0);
	fixture_md5(md5s, 48, etag);
	assert_memory_equal(res.object.etag, etag, 32);
	assert_string_equal(res.object.etag + 32, "-3");
	assert_int_equal(res.size, t.body.n);
	expect_bytes(f, t.body);
	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, KEY), NULL, &f->a, &o, NULL),
	    S3_OK);
	assert_int_equal(o.n_parts, 3);
	assert_string_equal(o.etag, res.object.etag);
	assert_int_equal(store_get_parts(f->s, &STORE_REF(BUCKET, KEY), 0, 1000,
					 &f->a, &list, &n),
			 S3_OK);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(list[i].number, i + 1);
		assert_int_equal(list[i].size, t.p[i].body.n);
	}
	assert_int_equal(list[2].offset, 11 * MIB);
	assert_int_equal(store_get_parts(f->s, &STORE_REF(BUCKET, KEY), 1, 1,
					 &f->a, &list, &n),
			 S3_OK);
	assert_int_equal(n, 1);
	assert_int_equal(list[0].number, 2);
	fixture_reopen(f);
	expect_bytes(f, t.body);
	free(t.bytes);
}

static enum s3_error
complete(struct fixture *f, const char *id, const struct sent *p, size_t n,
	 struct store_complete_result *res)
{
	struct store_complete_part parts[3];
	struct store_complete_req req;

	name_parts(p, n, parts);
	req = complete_req(id, parts, n);
	return store_upload_complete(f->s, &req, res);
}

static void
test_upload_get_tells_what_create_was_told(void **state)
{
	struct fixture *f = *state;
	struct store_header h[] = { { SLICE("content-type"),
				      SLICE("video/mp4") } };
	struct store_header tag[] = { { SLICE("a"), SLICE("b") } };
	struct store_upload_req req = { .headers = { h, 1 },
					.tags = { tag, 1 },
					.storage_class = SLICE("STANDARD_IA"),
					.checksum_alg = HASH_SHA256,
					.checksum_composite = true };
	struct store_complete_result res;
	struct store_object o;
	struct store_upload u;
	/* A part without the upload's checksum only a local store takes. */
	struct sent part = { .number = 1,
			     .body = SLICE("x"),
			     .alg =
				 fixture_is_remote ? HASH_SHA256 : HASH_NONE };
	char id[STORE_UPLOAD_ID_MAX];

	create_req(f, &req, id);
	assert_int_equal(strlen(id), BASE32_TEXT_MAX - 1);
	fixture_reopen(f);
	assert_int_equal(
	    store_upload_get(f->s, BUCKET, KEY, slice_str(id), &f->a, &u),
	    S3_OK);
	assert_string_equal(u.id, id);
	assert_true(slice_eq(u.key, KEY));
	assert_true(slice_eq(u.initiator, OWNER));
	assert_true(slice_eq_str(u.storage_class, "STANDARD_IA"));
	if (!fixture_is_remote) {
		assert_true(u.initiated_us > 0);
		assert_true(
		    slice_eq_str(store_headers_get(&u.headers, "content-type"),
				 "video/mp4"));
		assert_true(slice_eq_str(store_headers_get(&u.tags, "a"), "b"));
	}
	assert_int_equal(u.checksum_alg, HASH_SHA256);
	assert_true(u.checksum_composite);
	/* Nothing can be seen before the completion, all of it after. */
	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, KEY), NULL, &f->a, &o, NULL),
	    S3_ERR_NO_SUCH_KEY);
	assert_int_equal(send_part(f, id, &part), S3_OK);
	assert_int_equal(complete(f, id, &part, 1, &res), S3_OK);
	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, KEY), NULL, &f->a, &o, NULL),
	    S3_OK);
	assert_true(slice_eq_str(o.storage_class, "STANDARD_IA"));
	assert_true(slice_eq_str(store_headers_get(&o.headers, "content-type"),
				 "video/mp4"));
	assert_true(slice_eq_str(store_headers_get(&o.tags, "a"), "b"));
	assert_int_equal(o.checksum_alg, part.alg);
}

/* Every call with an upload id that is not one of this key. */
static void
expect_no_upload(struct fixture *f, struct slice key, struct slice id,
		 enum s3_error abort_answer)
{
	struct store_complete_part part = { .number = 1, .etag = SLICE("x") };
	struct store_part_ref ref = { BUCKET, key, id, 1, 0, NULL };
	struct store_complete_result res;
	struct store_complete_req req;
	struct store_part *list;
	struct store_upload u;
	struct store_put *put;
	char md5[33];
	size_t n;

	req = complete_req("", &part, 1);
	req.key = key;
	req.upload_id = id;
	assert_int_equal(store_upload_get(f->s, BUCKET, key, id, &f->a, &u),
			 S3_ERR_NO_SUCH_UPLOAD);
	assert_int_equal(try_part(f->s, &ref, SLICE("x"), md5),
			 S3_ERR_NO_SUCH_UPLOAD);
	/* A remote store may learn it with the answer to the bytes. */
	if (!fixture_is_remote)
		assert_int_equal(store_part_begin(f->s, &ref, 1, 0, &put),
				 S3_ERR_NO_SUCH_UPLOAD);
	assert_int_equal(
	    store_part_list(f->s, BUCKET, key, id, 0, 10, &f->a, &list, &n),
	    S3_ERR_NO_SUCH_UPLOAD);
	assert_int_equal(store_upload_complete(f->s, &req, &res),
			 S3_ERR_NO_SUCH_UPLOAD);
	assert_int_equal(store_upload_abort(f->s, BUCKET, key, id),
			 abort_answer);
}

static void
test_upload_ids_of_others_are_none(void **state)
{
	struct fixture *f = *state;
	struct sent part = { .number = 1, .body = SLICE("x") };
	struct store_complete_result res;
	char id[STORE_UPLOAD_ID_MAX], wrong[STORE_UPLOAD_ID_MAX];

	create(f, id);
	assert_int_equal(send_part(f, id, &part), S3_OK);
	expect_no_upload(f, SLICE("other"), slice_str(id),
			 S3_ERR_NO_SUCH_UPLOAD);
	expect_no_upload(f, KEY, SLICE(""), S3_ERR_NO_SUCH_UPLOAD);
	expect_no_upload(f, KEY, SLICE("../../etc"), S3_ERR_NO_SUCH_UPLOAD);
	memcpy(wrong, id, sizeof(wrong)); /* the right number, a guess behind */
	wrong[20] = wrong[20] == 'A' ? 'B' : 'A';
	expect_no_upload(f, KEY, slice_str(wrong), S3_ERR_NO_SUCH_UPLOAD);
	assert_int_equal(complete(f, id, &part, 1, &res), S3_OK);
	expect_no_upload(f, KEY, slice_str(id), S3_OK);
	create(f, id);
	assert_int_equal(store_upload_abort(f->s, BUCKET, KEY, slice_str(id)),
			 S3_OK);
	expect_no_upload(f, KEY, slice_str(id), S3_ERR_NO_SUCH_UPLOAD);
	assert_int_equal(
	    store_upload_abort(f->s, SLICE("absent"), KEY, slice_str(id)),
	    S3_ERR_NO_SUCH_BUCKET);
}

static void
test_parts_are_listed_in_order_and_replaced(void **state)
{
	struct fixture *f = *state;
	struct sent p[] = {
		{ .number = 10000, .body = SLICE("last") },
		{ .number = 2, .body = SLICE("two"), .alg = HASH_CRC32 },
		{ .number = 1, .body = SLICE("one") },
		{ .number = 2, .body = SLICE("two again"), .alg = HASH_CRC32C }
	};
	struct store_part *list;
	char id[STORE_UPLOAD_ID_MAX];
	size_t n;

	create(f, id);
	assert_int_equal(store_part_list(f->s, BUCKET, KEY, slice_str(id), 0,
					 1000, &f->a, &list, &n),
			 S3_OK);
	assert_int_equal(n, 0);
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		assert_int_equal(send_part(f, id, &p[i]), S3_OK);
	assert_int_equal(store_part_list(f->s, BUCKET, KEY, slice_str(id), 0,
					 1000, &f->a, &list, &n),
			 S3_OK);
	assert_int_equal(n, 3);
	assert_int_equal(list[0].number, 1);
	assert_int_equal(list[1].number, 2);
	assert_int_equal(list[1].size, 9);
	assert_string_equal(list[1].etag, p[3].etag);
	assert_int_equal(list[1].checksum_alg, HASH_CRC32C);
	assert_memory_equal(list[1].checksum, p[3].sum, 4);
	assert_true(list[1].mtime_us > 0);
	assert_int_equal(list[2].number, 10000);
	assert_int_equal(store_part_list(f->s, BUCKET, KEY, slice_str(id), 1, 1,
					 &f->a, &list, &n),
			 S3_OK);
	assert_int_equal(n, 1);
	assert_int_equal(list[0].number, 2);
	assert_int_equal(store_part_list(f->s, BUCKET, KEY, slice_str(id),
					 10000, 1000, &f->a, &list, &n),
			 S3_OK);
	assert_int_equal(n, 0);
}

static void
test_part_refuses_numbers_sizes_and_a_late_commit(void **state)
{
	struct fixture *f = *state;
	struct store_put_final fin = {
		.etag = SLICE("900150983cd24fb0d6963f7d28e17f72")
	};
	struct store_part_ref ref = { BUCKET, KEY, SLICE_EMPTY, 1, 0, NULL };
	struct store_put *put;
	char id[STORE_UPLOAD_ID_MAX];

	create(f, id);
	ref.upload_id = slice_str(id);
	ref.number = 0;
	assert_int_equal(store_part_begin(f->s, &ref, 1, 0, &put),
			 S3_ERR_INVALID_ARGUMENT);
	ref.number = 10001;
	assert_int_equal(store_part_begin(f->s, &ref, 1, 0, &put),
			 S3_ERR_INVALID_ARGUMENT);
	ref.number = 1;
	assert_int_equal(store_part_begin(f->s, &ref, 4, 3, &put),
			 S3_ERR_ENTITY_TOO_LARGE);
	assert_int_equal(
	    store_part_begin(f->s, &ref, STORE_PUT_BYTES_MAX + 1, 0, &put),
	    S3_ERR_ENTITY_TOO_LARGE);
	assert_int_equal(store_part_begin(f->s, &ref, 4, 0, &put), S3_OK);
	assert_int_equal(store_put_write(put, "abc", 3), S3_OK);
	assert_int_equal(store_put_commit(put, &fin, NULL),
			 S3_ERR_INCOMPLETE_BODY);
	assert_int_equal(store_part_begin(f->s, &ref, 3, 0, &put), S3_OK);
	assert_int_equal(store_put_write(put, "abc", 3), S3_OK);
	assert_int_equal(store_upload_abort(f->s, BUCKET, KEY, slice_str(id)),
			 S3_OK);
	assert_int_equal(store_put_commit(put, &fin, NULL),
			 S3_ERR_NO_SUCH_UPLOAD);
	assert_int_equal(fixture_blobs(f), 0);
}

/* ---- completion --------------------------------------------------------- */

static void
test_complete_says_which_part_is_wrong(void **state)
{
	struct fixture *f = *state;
	struct store_complete_part parts[3];
	struct store_complete_result res;
	struct store_complete_req req;
	struct store_object o;
	char id[STORE_UPLOAD_ID_MAX];
	struct three t;

	create(f, id);
	three_init(&t, HASH_CRC32);
	three_send(f, id, &t);
	name_parts(t.p, 3, parts);
	req = complete_req(id, parts, 3);
	parts[1].number = 3; /* never sent */
	assert_int_equal(store_upload_complete(f->s, &req, &res),
			 S3_ERR_INVALID_PART);
	assert_int_equal(res.bad.number, 3);
	parts[1].number = 1;
	assert_int_equal(store_upload_complete(f->s, &req, &res),
			 S3_ERR_INVALID_PART_ORDER);
	parts[1].number = 2;
	parts[2].number = 65536 + 10000; /* its row's key has 16 bits */
	assert_int_equal(store_upload_complete(f->s, &req, &res),
			 S3_ERR_INVALID_PART);
	parts[2].number = 10000;
	parts[1].etag = slice_str(t.p[0].etag);
	assert_int_equal(store_upload_complete(f->s, &req, &res),
			 S3_ERR_INVALID_PART);
	assert_int_equal(res.bad.number, 2);
	parts[1].etag = slice_str(t.p[1].etag);
	parts[2].checksum_alg = HASH_CRC32;
	memcpy(parts[2].checksum, t.p[1].sum, 4);
	assert_int_equal(store_upload_complete(f->s, &req, &res),
			 S3_ERR_BAD_DIGEST);
	assert_int_equal(res.bad.number, 10000);
	memcpy(parts[2].checksum, t.p[2].sum, 4);
	req.size = t.body.n + 1;
	assert_int_equal(store_upload_complete(f->s, &req, &res),
			 S3_ERR_INVALID_REQUEST);
	assert_int_equal(res.size, t.body.n);
	req.size = t.body.n;
	req.size_max = t.body.n - 1;
	assert_int_equal(store_upload_complete(f->s, &req, &res),
			 S3_ERR_ENTITY_TOO_LARGE);
	req.size_max = t.body.n;
	/* S3 knows no If-Match: * of writes. */
	req.cond.if_match = fixture_is_remote ? SLICE("\"x\"") : SLICE("*");
	assert_int_equal(store_upload_complete(f->s, &req, &res),
			 S3_ERR_NO_SUCH_KEY);
	req.cond.if_match = SLICE_EMPTY;
	req.checksum_alg = HASH_CRC32;
	assert_int_equal(store_upload_complete(f->s, &req, &res),
			 S3_ERR_BAD_DIGEST);
	assert_int_equal(res.bad.number, 0);
	req.checksum_alg = HASH_NONE;
	req.n_parts = 0;
	assert_int_equal(store_upload_complete(f->s, &req, &res),
			 S3_ERR_INVALID_ARGUMENT);
	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, KEY), NULL, &f->a, &o, NULL),
	    S3_ERR_NO_SUCH_KEY);
	expect_sound(f);
	req.n_parts = 3; /* no harm was done */
	assert_int_equal(store_upload_complete(f->s, &req, &res), S3_OK);
	expect_bytes(f, t.body);
	free(t.bytes);
}

static void
test_complete_wants_five_mebibytes_but_of_the_last(void **state)
{
	struct fixture *f = *state;
	struct store_complete_result res;
	char id[STORE_UPLOAD_ID_MAX];
	char *p = fixture_bytes(5 * MIB, 1);
	struct sent parts[] = {
		{ .number = 1, .body = { p, 5 * MIB - 1 } },
		{ .number = 2, .body = { p, 1 } },
	};

	create(f, id);
	assert_int_equal(send_part(f, id, &parts[0]), S3_OK);
	assert_int_equal(send_part(f, id, &parts[1]), S3_OK);
	assert_int_equal(complete(f, id, parts, 2, &res),
			 S3_ERR_ENTITY_TOO_SMALL);
	assert_int_equal(res.bad.number, 1);
	assert_int_equal(res.bad.size, 5 * MIB - 1);
	assert_string_equal(res.bad.etag, parts[0].etag);
	parts[0].body.n++;
	assert_int_equal(send_part(f, id, &parts[0]), S3_OK);
	assert_int_equal(complete(f, id, parts, 2, &res), S3_OK);
	free(p);
}

static void
test_complete_of_one_empty_part(void **state)
{
	struct fixture *f = *state;
	struct sent part = { .number = 7, .body = SLICE("") };
	struct store_complete_result res;
	struct store_part *list;
	char id[STORE_UPLOAD_ID_MAX];
	size_t n;

	create(f, id);
	assert_int_equal(send_part(f, id, &part), S3_OK);
	assert_int_equal(complete(f, id, &part, 1, &res), S3_OK);
	assert_int_equal(res.object.size, 0);
	expect_bytes(f, SLICE(""));
	assert_int_equal(store_get_parts(f->s, &STORE_REF(BUCKET, KEY), 0, 10,
					 &f->a, &list, &n),
			 S3_OK);
	assert_int_equal(n, 1);
	assert_int_equal(list[0].size, 0);
}

static void
test_complete_repeated_answers_the_same(void **state)
{
	struct fixture *f = *state;
	struct store_complete_result first, again;
	struct store_info before, after;
	struct sent p[] = { { .number = 1, .body = SLICE("a") },
			    { .number = 2, .body = SLICE("b") } };
	char id[STORE_UPLOAD_ID_MAX];

	create(f, id);
	assert_int_equal(send_part(f, id, &p[0]), S3_OK);
	assert_int_equal(send_part(f, id, &p[1]), S3_OK);
	assert_int_equal(complete(f, id, p, 1, &first), S3_OK);
	assert_int_equal(store_info(f->s, &before), S3_OK);
	fixture_reopen(f);
	assert_int_equal(complete(f, id, p, 1, &again), S3_OK);
	assert_string_equal(first.object.etag, again.object.etag);
	assert_string_equal(first.object.version_id, again.object.version_id);
	assert_int_equal(first.object.mtime_us, again.object.mtime_us);
	assert_int_equal(first.object.size, again.object.size);
	if (!fixture_is_remote) /* it does not know which it was */
		assert_int_equal(first.object.seq, again.object.seq);
	assert_int_equal(store_info(f->s, &after), S3_OK);
	assert_int_equal(before.last_seq, after.last_seq); /* no event */
	assert_int_equal(complete(f, id, p + 1, 1, &again),
			 S3_ERR_NO_SUCH_UPLOAD); /* other parts */
}

static void
test_complete_makes_versions(void **state)
{
	struct fixture *f = *state;
	struct store_complete_result a, b;
	struct store_object o;
	struct sent p = { .number = 1, .body = SLICE("one") };
	char id[STORE_UPLOAD_ID_MAX];

	assert_int_equal(
	    store_bucket_versioning(f->s, BUCKET, STORE_VERSIONING_ENABLED),
	    S3_OK);
	create(f, id);
	assert_int_equal(send_part(f, id, &p), S3_OK);
	assert_int_equal(complete(f, id, &p, 1, &a), S3_OK);
	create(f, id);
	p.body = SLICE("two");
	assert_int_equal(send_part(f, id, &p), S3_OK);
	assert_int_equal(complete(f, id, &p, 1, &b), S3_OK);
	assert_string_not_equal(a.object.version_id, b.object.version_id);
	expect_bytes(f, SLICE("two"));
	assert_int_equal(
	    store_get(f->s,
		      &(struct store_ref){ BUCKET, KEY,
					   slice_str(a.object.version_id) },
		      NULL, &f->a, &o, NULL),
	    S3_OK);
	assert_string_equal(o.etag, a.object.etag);
}

static void
test_completion_has_one_event(void **state)
{
	struct fixture *f = *state;
	struct store_complete_result res;
	struct store_event *e;
	struct sent p = { .number = 1, .body = SLICE("abc") };
	char id[STORE_UPLOAD_ID_MAX];
	size_t n;

	create(f, id);
	assert_int_equal(send_part(f, id, &p), S3_OK);
	assert_int_equal(complete(f, id, &p, 1, &res), S3_OK);
	assert_int_equal(store_events(f->s, 0, 10, &f->a, &e, &n), S3_OK);
	assert_int_equal(n, 1);
	assert_int_equal(e[0].seq, res.object.seq);
	assert_true(slice_eq_str(e[0].event_name,
				 "ObjectCreated:CompleteMultipartUpload"));
	assert_int_equal(e[0].size, 3);
	assert_true(slice_eq_str(e[0].etag, res.object.etag));
}

/* ---- checksums of the whole --------------------------------------------- */

static void
test_complete_full_object_checksum_is_that_of_the_bytes(void **state)
{
	static const uint16_t algs[] = { HASH_CRC32, HASH_CRC32C,
					 HASH_CRC64NVME };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		struct store_upload_req up = { .checksum_alg = algs[i] };
		struct store_complete_part parts[3];
		struct store_complete_result res;
		struct store_complete_req req;
		uint8_t sum[HASH_BYTES_MAX];
		char id[STORE_UPLOAD_ID_MAX];
		struct store_part *list;
		struct three t;
		struct hash h;
		size_t n;

		create_req(f, &up, id);
		three_init(&t, algs[i]);
		three_send(f, id, &t);
		assert_int_equal(hash_init(&h, algs[i]), 0);
		hash_update(&h, t.body.p, t.body.n);
		hash_final(&h, sum);
		hash_release(&h);
		name_parts(t.p, 3, parts);
		req = complete_req(id, parts, 3);
		req.checksum_alg = algs[i];
		memcpy(req.checksum, sum, sizeof(req.checksum));
		assert_int_equal(store_upload_complete(f->s, &req, &res),
				 S3_OK);
		assert_int_equal(res.object.checksum_alg, algs[i]);
		assert_false(res.object.checksum_composite);
		assert_memory_equal(res.object.checksum, sum,
				    hash_size(algs[i]));
		assert_int_equal(store_get_parts(f->s, &STORE_REF(BUCKET, KEY),
						 0, 10, &f->a, &list, &n),
				 S3_OK);
		assert_int_equal(list[1].checksum_alg, algs[i]);
		assert_memory_equal(list[1].checksum, t.p[1].sum,
				    hash_size(algs[i]));
		free(t.bytes);
	}
}

static void
test_complete_composite_checksum_is_over_the_parts(void **state)
{
	static const uint16_t algs[] = { HASH_SHA1, HASH_SHA256, HASH_CRC32 };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(algs); i++) {
		struct store_upload_req up = { .checksum_alg = algs[i],
					       .checksum_composite = true };
		struct store_complete_result res;
		uint8_t sum[HASH_BYTES_MAX];
		char id[STORE_UPLOAD_ID_MAX];
		struct three t;
		struct hash h;

		create_req(f, &up, id);
		three_init(&t, algs[i]);
		three_send(f, id, &t);
		assert_int_equal(hash_init(&h, algs[i]), 0);
		for (size_t k = 0; k < 3; k++)
			hash_update(&h, t.p[k].sum, hash_size(algs[i]));
		hash_final(&h, sum);
		hash_release(&h);
		assert_int_equal(complete(f, id, t.p, 3, &res), S3_OK);
		assert_int_equal(res.object.checksum_alg, algs[i]);
		assert_true(res.object.checksum_composite);
		assert_memory_equal(res.object.checksum, sum,
				    hash_size(algs[i]));
		free(t.bytes);
	}
}

/* ---- lists of uploads ---------------------------------------------------- */

static void
list_uploads(struct fixture *f, const struct store_uploads_req *req,
	     struct store_uploads_page *page)
{
	assert_int_equal(store_upload_list(f->s, req, &f->a, page), S3_OK);
}

static void
test_uploads_are_listed_by_key_then_by_age(void **state)
{
	/* keys over 440 bytes are cut in the index */
	static char longer[600];
	struct fixture *f = *state;
	const char *keys[] = { "b", "a/1", "a/2", "b", longer, "b", "a/1" };
	char ids[ARRAY_LEN(keys)][STORE_UPLOAD_ID_MAX];
	static const size_t order[] = { 1, 6, 2, 0, 3, 5, 4 };
	struct store_uploads_req req = { .bucket = BUCKET,
					 .max_uploads = 1000 };
	struct store_uploads_page page;

	memset(longer, 'c', sizeof(longer) - 1);
	assert_int_equal(fixture_put(f->s, SLICE("a/0"), SLICE("x")), S3_OK);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct store_upload_req up = { .key = slice_str(keys[i]) };

		create_req(f, &up, ids[i]);
	}
	list_uploads(f, &req, &page);
	assert_int_equal(page.n, ARRAY_LEN(keys));
	assert_false(page.truncated);
	for (size_t i = 0; i < page.n; i++) {
		assert_true(slice_eq_str(page.entries[i].name, keys[order[i]]));
		assert_string_equal(page.entries[i].upload.id, ids[order[i]]);
		assert_true(slice_eq(page.entries[i].upload.initiator, OWNER));
	}
	/* one at a time */
	req.max_uploads = 1;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		list_uploads(f, &req, &page);
		assert_int_equal(page.n, 1);
		assert_string_equal(page.entries[0].upload.id, ids[order[i]]);
		assert_int_equal(page.truncated, i + 1 < ARRAY_LEN(keys));
		req.key_marker = page.next_key;
		req.upload_marker = page.next_upload;
	}
	/* without an upload id the marker stands for all of its key */
	req = (struct store_uploads_req){ .bucket = BUCKET,
					  .key_marker = SLICE("a/2"),
					  .max_uploads = 1000 };
	list_uploads(f, &req, &page);
	assert_int_equal(page.n, 4);
	/* common prefixes */
	req = (struct store_uploads_req){ .bucket = BUCKET,
					  .delimiter = SLICE("/"),
					  .max_uploads = 1 };
	list_uploads(f, &req, &page);
	assert_int_equal(page.n, 1);
	assert_true(page.entries[0].is_prefix);
	assert_true(slice_eq_str(page.next_key, "a/"));
	assert_int_equal(page.next_upload.n, 0);
	req.key_marker = page.next_key;
	req.marker_is_prefix = true;
	list_uploads(f, &req, &page);
	assert_true(slice_eq_str(page.entries[0].name, "b"));
	req = (struct store_uploads_req){ .bucket = BUCKET,
					  .prefix = SLICE("a/"),
					  .max_uploads = 1000 };
	list_uploads(f, &req, &page);
	assert_int_equal(page.n, 3);
}

static void
test_upload_list_leaves_out_what_ended(void **state)
{
	struct fixture *f = *state;
	struct store_uploads_req req = { .bucket = BUCKET,
					 .max_uploads = 1000 };
	struct sent part = { .number = 1, .body = SLICE("x") };
	struct store_complete_result res;
	struct store_uploads_page page;
	char a[STORE_UPLOAD_ID_MAX], b[STORE_UPLOAD_ID_MAX];

	create(f, a);
	create(f, b);
	assert_int_equal(send_part(f, a, &part), S3_OK);
	assert_int_equal(complete(f, a, &part, 1, &res), S3_OK);
	list_uploads(f, &req, &page);
	assert_int_equal(page.n, 1);
	assert_string_equal(page.entries[0].upload.id, b);
	assert_int_equal(store_upload_abort(f->s, BUCKET, KEY, slice_str(b)),
			 S3_OK);
	list_uploads(f, &req, &page);
	assert_int_equal(page.n, 0);
	req.upload_marker = SLICE("nonsense");
	req.key_marker = KEY;
	assert_int_equal(store_upload_list(f->s, &req, &f->a, &page),
			 S3_ERR_INVALID_ARGUMENT);
	req.bucket = SLICE("absent");
	req.upload_marker = SLICE_EMPTY;
	assert_int_equal(store_upload_list(f->s, &req, &f->a, &page),
			 S3_ERR_NO_SUCH_BUCKET);
}

/* ---- of a local store alone --------------------------------------------- */

#ifndef FIXTURE_S3
/* What lies on its disk, and when it goes. */

static void
test_complete_drops_the_parts_not_named(void **state)
{
	struct fixture *f = *state;
	struct store_complete_result res;
	char id[STORE_UPLOAD_ID_MAX];
	struct three t;

	f->conf.gc_delay_ms = 1;
	fixture_reopen(f);
	create(f, id);
	three_init(&t, 0);
	three_send(f, id, &t);
	assert_int_equal(complete(f, id, &t.p[1], 1, &res), S3_OK);
	expect_sound(f);
	for (int i = 0; i < 5000 && fixture_blobs(f) > 1; i++)
		usleep(1000);
	assert_int_equal(fixture_blobs(f), 1);
	expect_bytes(f, t.p[1].body);
	free(t.bytes);
}

static void
test_completions_are_forgotten_in_time(void **state)
{
	struct fixture *f = *state;
	struct store_complete_result res;
	struct sent p = { .number = 1, .body = SLICE("a") };
	char id[STORE_UPLOAD_ID_MAX];
	enum s3_error err = S3_OK;

	f->conf.gc_delay_ms = 1;
	f->conf.completed_keep_ms = 1;
	fixture_reopen(f);
	create(f, id);
	assert_int_equal(send_part(f, id, &p), S3_OK);
	assert_int_equal(complete(f, id, &p, 1, &res), S3_OK);
	for (int i = 0; i < 5000 && err == S3_OK; i++) {
		err = complete(f, id, &p, 1, &res);
		usleep(1000);
	}
	assert_int_equal(err, S3_ERR_NO_SUCH_UPLOAD);
}

/* Until no blob is left; the keeper passes every millisecond. */
static void
wait_for_blobs(struct fixture *f, size_t n)
{
	for (int i = 0; i < 10000 && fixture_blobs(f) != n; i++)
		usleep(1000);
	assert_int_equal(fixture_blobs(f), n);
	expect_sound(f);
}

static void
test_abort_gives_the_space_back(void **state)
{
	struct fixture *f = *state;
	char id[STORE_UPLOAD_ID_MAX];

	f->conf.gc_delay_ms = 1;
	fixture_reopen(f);
	create(f, id);
	for (uint32_t i = 1; i <= 300; i++) { /* more than one slice */
		struct sent p = { .number = i, .body = SLICE("x") };

		assert_int_equal(send_part(f, id, &p), S3_OK);
	}
	assert_int_equal(fixture_blobs(f), 300);
	assert_int_equal(store_upload_abort(f->s, BUCKET, KEY, slice_str(id)),
			 S3_OK);
	wait_for_blobs(f, 0);
}

static void
test_uploads_of_a_deleted_bucket_end(void **state)
{
	struct fixture *f = *state;
	struct sent p = { .number = 1, .body = SLICE("x") };
	struct store_uploads_req req = { .bucket = BUCKET, .max_uploads = 10 };
	struct store_uploads_page page;
	char id[STORE_UPLOAD_ID_MAX];

	f->conf.gc_delay_ms = 1;
	fixture_reopen(f);
	create(f, id);
	assert_int_equal(send_part(f, id, &p), S3_OK);
	assert_int_equal(store_bucket_delete(f->s, BUCKET), S3_OK);
	assert_int_equal(send_part(f, id, &p), S3_ERR_NO_SUCH_BUCKET);
	assert_int_equal(store_bucket_create(f->s, BUCKET, OWNER, SLICE("")),
			 S3_OK);
	assert_int_equal(send_part(f, id, &p), S3_ERR_NO_SUCH_UPLOAD);
	wait_for_blobs(f, 0);
	/* those of others stay */
	create(f, id);
	assert_int_equal(send_part(f, id, &p), S3_OK);
	usleep(20000);
	list_uploads(f, &req, &page);
	assert_int_equal(page.n, 1);
	assert_int_equal(fixture_blobs(f), 1);
}

static void
test_old_uploads_end_when_configured(void **state)
{
	struct fixture *f = *state;
	struct sent p = { .number = 1, .body = SLICE("x") };
	struct store_complete_result res;
	char id[STORE_UPLOAD_ID_MAX], done[STORE_UPLOAD_ID_MAX];

	create(f, done);
	assert_int_equal(send_part(f, done, &p), S3_OK);
	assert_int_equal(complete(f, done, &p, 1, &res), S3_OK);
	create(f, id);
	assert_int_equal(send_part(f, id, &p), S3_OK);
	f->conf.gc_delay_ms = 1;
	f->conf.upload_age_max_ms = 1;
	fixture_reopen(f);
	wait_for_blobs(f, 1); /* that of the object */
	expect_no_upload(f, KEY, slice_str(id), S3_ERR_NO_SUCH_UPLOAD);
	assert_int_equal(complete(f, done, &p, 1, &res), S3_OK);
}

static void
test_read_of_parts_stays_whole_after_removal(void **state)
{
	struct fixture *f = *state;
	struct store_note note = fixture_note("x");
	struct store_complete_result res;
	struct store_object o;
	struct store_read *r;
	char id[STORE_UPLOAD_ID_MAX], *p;
	struct three t;

	f->conf.gc_delay_ms = 1;
	fixture_reopen(f);
	create(f, id);
	three_init(&t, 0);
	three_send(f, id, &t);
	assert_int_equal(complete(f, id, t.p, 3, &res), S3_OK);
	p = malloc(t.body.n);
	assert_non_null(p);
	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, KEY), NULL, &f->a, &o, &r),
	    S3_OK);
	assert_int_equal(
	    store_remove(f->s, &STORE_REF(BUCKET, KEY), NULL, &note, NULL),
	    S3_OK);
	/* The keeper takes what the read does not name, though released later.
	 */
	assert_int_equal(
	    fixture_put(f->s, SLICE("other"), slice_head(t.body, 10000)),
	    S3_OK);
	assert_int_equal(fixture_blobs(f), 4);
	assert_int_equal(store_remove(f->s, &STORE_REF(BUCKET, SLICE("other")),
				      NULL, &note, NULL),
			 S3_OK);
	wait_for_blobs(f, 3);
	assert_int_equal(store_read_at(r, 0, p, t.body.n), S3_OK);
	assert_memory_equal(p, t.body.p, t.body.n);
	store_read_close(r);
	wait_for_blobs(f, 0);
	free(p);
	free(t.bytes);
}

static void
test_extents_of_parts_show_the_bytes(void **state)
{
	struct fixture *f = *state;
	struct store_complete_result res;
	struct store_extent e[3];
	struct store_object o;
	struct store_read *r;
	char id[STORE_UPLOAD_ID_MAX], bytes[100];
	struct three t;
	size_t n;

	create(f, id);
	three_init(&t, 0);
	three_send(f, id, &t);
	assert_int_equal(complete(f, id, t.p, 3, &res), S3_OK);
	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, KEY), NULL, &f->a, &o, &r),
	    S3_OK);
	assert_int_equal(store_read_extents(r, e, 2, &n),
			 S3_ERR_INTERNAL_ERROR);
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(store_read_extents(r, e, 3, &n), S3_OK);
		assert_int_equal(n, 3);
		for (size_t i = 0; i < 3; i++) {
			assert_int_equal(e[i].size, t.p[i].body.n);
			assert_int_equal(
			    pread(e[i].fd, bytes, 100, (off_t)e[i].offset),
			    100);
			assert_memory_equal(bytes, t.p[i].body.p, 100);
		}
	}
	store_read_close(r);
	free(t.bytes);
}

static size_t
open_files(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

static int64_t
ms_since(int64_t start_us)
{
	return (time_mono_us() - start_us) / 1000;
}

/* Each is a copy of one object of 5 MiB: real sizes, few bytes on disk. */
static void
test_ten_thousand_parts(void **state)
{
	struct fixture *f = *state;
	struct store_note note = fixture_note("x");
	struct store_complete_part *parts =
	    calloc(STORE_PARTS_MAX, sizeof(*parts));
	char *bytes = fixture_bytes(5 * MIB, 5), etag[33];
	char id[STORE_UPLOAD_ID_MAX], window[4096];
	struct store_part_copy_req copy = { .size = 5 * MIB };
	struct store_upload_req up = { .checksum_alg = HASH_CRC64NVME };
	struct store_complete_result res;
	struct store_complete_req req;
	struct store_part part, *list;
	struct store_object o;
	struct store_read *r;
	struct hash h;
	int64_t t;
	size_t n, files;

	assert_non_null(parts);
	f->conf.gc_delay_ms = 1;
	fixture_reopen(f);
	assert_int_equal(
	    fixture_put(f->s, SLICE("a"), slice_mem(bytes, 5 * MIB)), S3_OK);
	assert_int_equal(store_get(f->s, &STORE_REF(BUCKET, SLICE("a")), NULL,
				   &f->a, &o, NULL),
			 S3_OK);
	fixture_md5(bytes, 5 * MIB, etag);
	create_req(f, &up, id);
	copy.part =
	    (struct store_part_ref){ BUCKET, KEY, slice_str(id), 0, 0, NULL };
	copy.source = STORE_REF(BUCKET, SLICE("a"));
	copy.source_seq = o.seq;
	copy.etag = slice_str(etag);
	copy.checksum_alg = HASH_CRC64NVME;
	assert_int_equal(hash_init(&h, HASH_CRC64NVME), 0);
	hash_update(&h, bytes, 5 * MIB);
	hash_final(&h, copy.checksum);
	hash_release(&h);
	t = time_mono_us();
	for (uint32_t i = 0; i < STORE_PARTS_MAX; i++) {
		copy.part.number = i + 1;
		assert_int_equal(store_part_copy(f->s, &copy, &part), S3_OK);
		parts[i] =
		    (struct store_complete_part){ .number = i + 1,
						  .etag = slice_str(etag) };
	}
	print_message("10,000 part copies: %lld ms\n", (long long)ms_since(t));
	req = complete_req(id, parts, STORE_PARTS_MAX);
	t = time_mono_us();
	assert_int_equal(store_upload_complete(f->s, &req, &res), S3_OK);
	print_message("completion: %lld ms\n", (long long)ms_since(t));
	assert_string_equal(res.object.etag + 32, "-10000");
	assert_int_equal(res.size, 10000ull * 5 * MIB);
	expect_sound(f);
	assert_int_equal(store_get_parts(f->s, &STORE_REF(BUCKET, KEY), 9990,
					 100, &f->a, &list, &n),
			 S3_OK);
	assert_int_equal(n, 10);
	assert_int_equal(list[9].number, 10000);
	assert_int_equal(list[9].offset, 9999ull * 5 * MIB);
	files = open_files();
	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, KEY), NULL, &f->a, &o, &r),
	    S3_OK);
	t = time_mono_us();
	for (uint64_t i = 0; i < 5000; i++) {
		uint64_t at = i * 7919 * 1300021 % (o.size - sizeof(window));

		assert_int_equal(store_read_at(r, at, window, sizeof(window)),
				 S3_OK);
		for (size_t k = 0; k < sizeof(window); k += 511)
			assert_int_equal(window[k],
					 bytes[(at + k) % (5 * MIB)]);
	}
	assert_in_range(open_files(), files + 1, files + 4);
	print_message("5,000 reads anywhere: %lld ms\n",
		      (long long)ms_since(t));
	store_read_close(r);
	t = time_mono_us();
	assert_int_equal(
	    store_remove(f->s, &STORE_REF(BUCKET, KEY), NULL, &note, NULL),
	    S3_OK);
	print_message("removal: %lld ms\n", (long long)ms_since(t));
	assert_int_equal(store_remove(f->s, &STORE_REF(BUCKET, SLICE("a")),
				      NULL, &note, NULL),
			 S3_OK);
	wait_for_blobs(f, 0);
	free(bytes);
	free(parts);
}

static void
test_recount_finds_a_wrong_count(void **state)
{
	struct fixture *f = *state;
	struct local *ls = local_of(f->s);
	char *bytes = fixture_bytes(5000, 1);
	struct buf report = BUF_INIT;
	MDB_txn *txn;
	size_t n;

	assert_int_equal(fixture_put(f->s, SLICE("a"), slice_mem(bytes, 5000)),
			 S3_OK);
	assert_int_equal(mdb_txn_begin(ls->env, NULL, 0, &txn), 0);
	assert_int_equal(gc_blob_hold(ls, txn, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	assert_int_equal(local_recount(ls, &report, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(mdb_txn_begin(ls->env, NULL, 0, &txn), 0);
	assert_int_equal(gc_blob_forget(ls, txn, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	assert_int_equal(local_recount(ls, &report, &n), 0);
	assert_int_equal(n, 1);
	assert_non_null(strstr(report.p, "absent"));
	buf_release(&report);
	free(bytes);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SOUND_TEST(test_upload_of_three_parts_becomes_the_object),
		SOUND_TEST(test_upload_get_tells_what_create_was_told),
		SOUND_TEST(test_upload_ids_of_others_are_none),
		SOUND_TEST(test_parts_are_listed_in_order_and_replaced),
		SOUND_TEST(test_part_refuses_numbers_sizes_and_a_late_commit),
		SOUND_TEST(test_complete_says_which_part_is_wrong),
		SOUND_TEST(test_complete_wants_five_mebibytes_but_of_the_last),
		SOUND_TEST(test_complete_of_one_empty_part),
		SOUND_TEST(test_complete_repeated_answers_the_same),
		SOUND_TEST(test_complete_makes_versions),
		SOUND_TEST(test_completion_has_one_event),
		SOUND_TEST(
		    test_complete_full_object_checksum_is_that_of_the_bytes),
		SOUND_TEST(test_complete_composite_checksum_is_over_the_parts),
		SOUND_TEST(test_uploads_are_listed_by_key_then_by_age),
		SOUND_TEST(test_upload_list_leaves_out_what_ended),
#ifndef FIXTURE_S3
		SOUND_TEST(test_complete_drops_the_parts_not_named),
		SOUND_TEST(test_completions_are_forgotten_in_time),
		SOUND_TEST(test_abort_gives_the_space_back),
		SOUND_TEST(test_uploads_of_a_deleted_bucket_end),
		SOUND_TEST(test_old_uploads_end_when_configured),
		SOUND_TEST(test_read_of_parts_stays_whole_after_removal),
		SOUND_TEST(test_extents_of_parts_show_the_bytes),
		SOUND_TEST(test_ten_thousand_parts),
		STORE_TEST(test_recount_finds_a_wrong_count),
#endif
	};

	return cmocka_run_group_tests_name("store_multipart", tests, NULL,
					   NULL);
}
