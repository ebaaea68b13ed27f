/*
 * Multipart uploads of the store: what store.h promises of each call.
 */
#include "tests/unit/store_multipart.h"

#include "base/timeval.h"

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
	assert_int_equal(store_upload_complete(f->s, &req, &f->a, &res), S3_OK);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SOUND_TEST(test_upload_of_three_parts_becomes_the_object),
	};

	return cmocka_run_group_tests_name("store_multipart", tests, NULL,
					   NULL);
}
