/*
 * Multipart uploads of the store: what store.h promises of each call.
 */
#include "tests/unit/store_fixture.h"

#include "base/timeval.h"

#define MIB (1u << 20)
#define KEY SLICE("movie.mp4")

static void
create_req(struct fixture *f, struct store_upload_req *req,
	   char id[STORE_UPLOAD_ID_MAX])
{
	req->bucket = BUCKET;
	if (!req->key.n)
		req->key = KEY;
	req->initiator = OWNER;
	assert_int_equal(store_upload_create(f->s, req, id), S3_OK);
}

static void
create(struct fixture *f, char id[STORE_UPLOAD_ID_MAX])
{
	struct store_upload_req req = { 0 };

	create_req(f, &req, id);
}

/* What a test knows of a part it sent. */
struct sent {
	uint32_t number;
	struct slice body;
	char etag[33];
	uint16_t alg;
	uint8_t sum[32];
};

static enum s3_error
send_part(struct fixture *f, const char *id, struct sent *p)
{
	struct store_part_ref ref = { BUCKET, KEY, slice_str(id), p->number };
	struct store_put_final fin = { .checksum_alg = p->alg };
	struct store_object o;
	struct store_put *put;
	struct hash h;
	enum s3_error err = store_part_begin(f->s, &ref, p->body.n, 0, &put);

	if (err != S3_OK)
		return err;
	fixture_md5(p->body.p, p->body.n, p->etag);
	fin.etag = slice_str(p->etag);
	if (p->alg) {
		assert_int_equal(hash_init(&h, p->alg), 0);
		hash_update(&h, p->body.p, p->body.n);
		hash_final(&h, p->sum);
		hash_release(&h);
		memcpy(fin.checksum, p->sum, hash_size(p->alg));
	}
	err = store_put_write(put, p->body.p, p->body.n);
	assert_int_equal(err, S3_OK);
	err = store_put_commit(put, &fin, &o);
	if (err == S3_OK) {
		assert_int_equal(o.size, p->body.n);
		assert_string_equal(o.etag, p->etag);
		assert_int_equal(o.checksum_alg, p->alg);
	}
	return err;
}

static struct store_complete_req
complete_req(const char *id, const struct store_complete_part *parts, size_t n)
{
	return (struct store_complete_req){
		.bucket = BUCKET,
		.key = KEY,
		.upload_id = slice_str(id),
		.parts = parts,
		.n_parts = n,
		.size = UINT64_MAX,
		.cond = STORE_COND_NONE,
		.note = fixture_note("ObjectCreated:CompleteMultipartUpload")
	};
}

static void
name_parts(const struct sent *p, size_t n, struct store_complete_part *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (struct store_complete_part){
			.number = p[i].number, .etag = slice_str(p[i].etag)
		};
}

/* The object at KEY has these bytes, however it is read. */
static void
expect_bytes(struct fixture *f, struct slice body)
{
	struct store_object o;
	struct store_read *r;
	char *p = malloc(body.n + 1);

	assert_non_null(p);
	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, KEY), NULL, &f->a, &o, &r),
	    S3_OK);
	assert_int_equal(o.size, body.n);
	assert_int_equal(store_read_at(r, 0, p, body.n), S3_OK);
	assert_memory_equal(p, body.p, body.n);
	for (size_t at = 0; at < body.n; at += 700001) {
		size_t n = body.n - at < 1300003 ? body.n - at : 1300003;

		assert_int_equal(store_read_at(r, at, p, n), S3_OK);
		assert_memory_equal(p, body.p + at, n);
	}
	assert_int_equal(store_read_at(r, 1, p, body.n), S3_ERR_INTERNAL_ERROR);
	store_read_close(r);
	free(p);
}

/* Three parts of 5 MiB, 6 MiB and some bytes, numbered 1, 2, 10000. */
struct three {
	char *bytes;
	struct slice body;
	struct sent p[3];
};

static void
three_init(struct three *t, uint16_t alg)
{
	const size_t sizes[] = { 5 * MIB, 6 * MIB, 12345 };
	const uint32_t numbers[] = { 1, 2, 10000 };
	size_t at = 0;

	*t = (struct three){ 0 };
	t->body.n = sizes[0] + sizes[1] + sizes[2];
	t->body.p = t->bytes = fixture_bytes(t->body.n, 7);
	for (size_t i = 0; i < 3; i++) {
		t->p[i].number = numbers[i];
		t->p[i].body = slice_mem(t->bytes + at, sizes[i]);
		t->p[i].alg = alg;
		at += sizes[i];
	}
}

static void
three_send(struct fixture *f, const char *id, struct three *t)
{
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(send_part(f, id, &t->p[i]), S3_OK);
}

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
		STORE_TEST(test_upload_of_three_parts_becomes_the_object),
	};

	return cmocka_run_group_tests_name("store_multipart", tests, NULL,
					   NULL);
}
