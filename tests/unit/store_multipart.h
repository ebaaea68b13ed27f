/*
 * store_multipart.h - what the tests of uploads and copies share: parts sent
 * in one call, objects compared piece by piece, references counted anew.
 */
#ifndef TESTS_STORE_MULTIPART_H
#define TESTS_STORE_MULTIPART_H

#include "tests/unit/store_fixture.h"

#include "store/care.h"
#include "store/local/recount.h"

#define MIB (1u << 20)
#define KEY SLICE("movie.mp4")

static inline void
create_req(struct fixture *f, struct store_upload_req *req,
	   char id[STORE_UPLOAD_ID_MAX])
{
	req->bucket = BUCKET;
	if (!req->key.n)
		req->key = KEY;
	req->initiator = OWNER;
	assert_int_equal(store_upload_create(f->s, req, id), S3_OK);
}

static inline void
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

static inline enum s3_error
send_part(struct fixture *f, const char *id, struct sent *p)
{
	struct store_part_ref ref = { BUCKET,	 KEY,	 slice_str(id),
				      p->number, p->alg, NULL };
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

static inline struct store_complete_req
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

static inline void
name_parts(const struct sent *p, size_t n, struct store_complete_part *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (struct store_complete_part){
			.number = p[i].number, .etag = slice_str(p[i].etag)
		};
}

/* The object at KEY has these bytes, however it is read. */
static inline void
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
	assert_int_equal(store_read_at(r, 0, p, body.n + 1),
			 S3_ERR_INTERNAL_ERROR);
	store_read_close(r);
	free(p);
}

/* One part, in one call; for children that must not assert. */
static inline enum s3_error
try_part(struct store *s, const struct store_part_ref *ref, struct slice body,
	 char md5[33])
{
	struct store_put_final fin = { .note = { .event_name = SLICE_EMPTY } };
	struct store_put *put;
	enum s3_error err = store_part_begin(s, ref, body.n, 0, &put);

	if (err != S3_OK)
		return err;
	fixture_md5(body.p, body.n, md5);
	fin.etag = slice_str(md5);
	err = store_put_write(put, body.p, body.n);
	if (err == S3_OK)
		return store_put_commit(put, &fin, NULL);
	store_put_abort(put);
	return err;
}

/* A whole upload: one part that is sent twice, and one that is not named. */
static inline enum s3_error
try_upload(struct store *s, struct slice key, struct slice body,
	   struct store_object *out)
{
	struct store_upload_req up = { .bucket = BUCKET,
				       .key = key,
				       .initiator = OWNER };
	struct store_part_ref ref = { BUCKET, key, SLICE_EMPTY, 7, 0, NULL };
	struct store_complete_part part = { .number = 7 };
	struct store_complete_result res;
	struct store_complete_req req;
	char id[STORE_UPLOAD_ID_MAX], md5[33];
	enum s3_error err = store_upload_create(s, &up, id);

	ref.upload_id = slice_str(id);
	if (err == S3_OK)
		err = try_part(s, &ref, SLICE("not these bytes"), md5);
	ref.number = 8;
	if (err == S3_OK)
		err = try_part(s, &ref, SLICE("not this part"), md5);
	ref.number = 7;
	if (err == S3_OK)
		err = try_part(s, &ref, body, md5);
	if (err != S3_OK)
		return err;
	part.etag = slice_str(md5);
	req = complete_req(id, &part, 1);
	req.key = key;
	err = store_upload_complete(s, &req, &res);
	if (err == S3_OK)
		*out = res.object;
	return err;
}

#ifdef FIXTURE_S3
/* How an endpoint keeps its bytes, nobody sees. */
static inline void
expect_sound(struct fixture *f)
{
	(void)f;
}
#define SOUND_TEST STORE_TEST
#else
/* Every reference count is right. */
static inline void
expect_sound(struct fixture *f)
{
	struct buf report = BUF_INIT;
	size_t n = 0;

	assert_int_equal(local_recount(local_of(f->s), &report, &n), 0);
	if (n)
		fail_msg("%s", report.p);
	buf_release(&report);
}

/* Blob files and their rows are the same in number. */
static inline void
expect_no_stray_blobs(struct fixture *f)
{
	struct local *ls = local_of(f->s);
	MDB_stat st;
	MDB_txn *txn;

	assert_int_equal(local_read_begin(ls, &txn), 0);
	assert_int_equal(mdb_stat(txn, ls->dbi[TABLE_BLOB], &st), 0);
	mdb_txn_abort(txn);
	assert_int_equal(fixture_blobs(f), st.ms_entries);
}

static inline void
fail_finding(void *ctx, const struct store_finding *f)
{
	(void)ctx;
	fail_msg("%s: %.*s %s", f->kind, SLICE_ARG(f->key), f->text);
}

/* The whole store is, closed, down to the checksums of its bytes. */
static inline void
expect_clean(struct fixture *f)
{
	const struct store_fsck_conf conf = { .dir = f->dir,
					      .bytes = true,
					      .found = fail_finding };
	struct store_fsck_result r;
	char err[512] = "";

	store_close(f->s);
	f->s = NULL;
	if (store_fsck(&conf, &r, err) != 0)
		fail_msg("%s", err);
}

static inline int
sound_teardown(void **state)
{
	expect_sound(*state);
	expect_clean(*state);
	return fixture_teardown(state);
}

/* The references are right after it, too. */
#define SOUND_TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, sound_teardown)
#endif

/* Three parts of 5 MiB, 6 MiB and some bytes, numbered 1, 2, 10000. */
struct three {
	char *bytes;
	struct slice body;
	struct sent p[3];
};

static inline void
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

static inline void
three_send(struct fixture *f, const char *id, struct three *t)
{
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(send_part(f, id, &t->p[i]), S3_OK);
}

#endif
