/*
 * store_fixture.h - what the tests of the store share: a store in a directory
 * of its own, puts and gets in one call, comparable bytes.
 *
 * The store is local. Built with FIXTURE_S3 it is the s3 backend, with a
 * gateway behind it and a local store as its journal; tests of the contract
 * are built both ways (Makefile). What the two do differently on purpose is
 * asked with fixture_is_remote and stands in docs/quirks.md.
 */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include "base/hash.h"
#include "base/encode.h"
#include "store/store.h"
#ifdef FIXTURE_S3
#include "tests/unit/store_upstream.h"
#endif

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
	char dir[128];
	struct store_local_conf conf; /* of the store, or of its journal */
#ifdef FIXTURE_S3
	struct upstream upstream;
#endif
	struct store *s;
	struct arena a;
};

#define BUCKET SLICE("videos")
#define OWNER SLICE("root")

#ifdef FIXTURE_S3
#define FIXTURE_REMOTE true
static inline struct store *
fixture_open(struct fixture *f, char err[512])
{
	struct store_s3_conf conf = { .endpoint = f->upstream.url,
				      .ca_file = f->upstream.ca_file,
				      .signer =
					  auth_signer_as(&upstream_signer),
				      .owner = "root",
				      .journal =
					  store_open_local(&f->conf, err) };

	return conf.journal ? store_open_s3(&conf, err) : NULL;
}

static inline int
fixture_begin(struct fixture *f)
{
	return upstream_start(&f->upstream, f->dir);
}

static inline void
fixture_end(struct fixture *f)
{
	upstream_stop(&f->upstream);
}
#else
#define FIXTURE_REMOTE false
static inline struct store *
fixture_open(struct fixture *f, char err[512])
{
	return store_open_local(&f->conf, err);
}

static inline int
fixture_begin(struct fixture *f)
{
	(void)f;
	return 0;
}

static inline void
fixture_end(struct fixture *f)
{
	(void)f;
}
#endif
static const bool fixture_is_remote = FIXTURE_REMOTE;

static inline void
fixture_reopen(struct fixture *f)
{
	char err[512] = "";

	store_close(f->s);
	f->s = fixture_open(f, err);
	if (!f->s)
		fail_msg("open: %s", err);
}

/* A new store with one bucket. An upstream comes with a bucket of its own. */
static inline int
fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm"
			   : getenv("TMPDIR")		 ? getenv("TMPDIR")
							 : "/tmp";

	if (!f || hash_setup() != 0)
		return -1;
	snprintf(f->dir, sizeof(f->dir), "%s/reelgate-store-XXXXXX", base);
	if (!mkdtemp(f->dir))
		return -1;
	arena_init(&f->a, 64u << 20);
	f->conf = (struct store_local_conf){ .data_dir = f->dir,
					     .inline_max = 4096,
					     .map_size = 1ull << 30,
					     .max_readers = 64 };
	*state = f;
	if (fixture_begin(f) != 0)
		return -1;
	fixture_reopen(f);
	if (fixture_is_remote &&
	    store_bucket_delete(f->s, SLICE("socialitix-videos")) != S3_OK)
		return -1;
	if (store_bucket_create(f->s, BUCKET, OWNER, SLICE("us-east-1")) !=
	    S3_OK)
		return -1;
	return 0;
}

static inline int
fixture_remove(const char *path, const struct stat *st, int type,
	       struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int
fixture_teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->s);
	fixture_end(f);
	arena_release(&f->a);
	nftw(f->dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

#define STORE_TEST(f) \
	cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

/* n bytes that depend on the seed. */
static inline char *
fixture_bytes(size_t n, uint32_t seed)
{
	char *p = malloc(n + 1);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525u + 1013904223u;
		p[i] = (char)(seed >> 24);
	}
	p[n] = '\0';
	return p;
}

static inline void
fixture_md5(const void *p, size_t n, char out[33])
{
	struct hash h;
	uint8_t sum[HASH_BYTES_MAX];

	assert_int_equal(hash_init(&h, HASH_MD5), 0);
	hash_update(&h, p, n);
	hash_final(&h, sum);
	hash_release(&h);
	hex_encode(sum, MD5_BYTES, out);
}

static inline struct store_note
fixture_note(const char *event)
{
	return (struct store_note){ .event_name = slice_str(event),
				    .principal_id = SLICE("tester"),
				    .source_ip = SLICE("127.0.0.1"),
				    .request_id = SLICE("REQ1") };
}

/* A whole put, written in pieces of @step bytes. */
static inline enum s3_error
fixture_put_req(struct store *s, struct store_put_req *req, struct slice body,
		size_t step, struct store_object *out)
{
	struct store_put_final fin = { .note =
					   fixture_note("ObjectCreated:Put") };
	struct store_put *put;
	char md5[33];
	enum s3_error err = store_put_begin(s, req, &put);

	if (err != S3_OK)
		return err;
	fixture_md5(body.p, body.n, md5);
	fin.etag = slice_str(md5);
	for (size_t at = 0; err == S3_OK && at < body.n; at += step)
		err = store_put_write(put, body.p + at,
				      body.n - at < step ? body.n - at : step);
	if (err != S3_OK) {
		store_put_abort(put);
		return err;
	}
	return store_put_commit(put, &fin, out);
}

static inline enum s3_error
fixture_put(struct store *s, struct slice key, struct slice body)
{
	struct store_put_req req = { .bucket = BUCKET,
				     .key = key,
				     .size = body.n,
				     .cond = STORE_COND_NONE };

	return fixture_put_req(s, &req, body, 65536, NULL);
}

/* An endpoint tells times in seconds, and none of a put. */
static inline void
fixture_same_time(int64_t a, int64_t b)
{
	if (fixture_is_remote)
		assert_in_range(a - b + 2000000, 0, 4000000);
	else
		assert_int_equal(a, b);
}

/* How many objects the bucket shows; a local store counts them. */
static inline void
fixture_expect_objects(struct fixture *f, size_t n)
{
	struct store_list_req req = { .bucket = BUCKET, .max_keys = 1000 };
	struct store_list_page page;
	struct store_info info;

	assert_int_equal(store_list(f->s, &req, &f->a, &page), S3_OK);
	assert_int_equal(page.n, n);
	assert_int_equal(store_info(f->s, &info), S3_OK);
	assert_int_equal(info.objects, fixture_is_remote ? STORE_UNKNOWN : n);
}

static inline void
fixture_sum(enum hash_alg alg, struct slice data, uint8_t out[HASH_BYTES_MAX])
{
	struct hash h;

	assert_int_equal(hash_init(&h, alg), 0);
	hash_update(&h, data.p, data.n);
	hash_final(&h, out);
	hash_release(&h);
}

/* The object at @key has exactly these bytes. */
static inline void
fixture_expect(struct fixture *f, struct slice key, struct slice body)
{
	struct store_object o;
	struct store_read *r;
	char *p = malloc(body.n + 1), md5[33];

	assert_non_null(p);
	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, key), NULL, &f->a, &o, &r),
	    S3_OK);
	assert_int_equal(o.size, body.n);
	assert_int_equal(store_read_at(r, 0, p, body.n), S3_OK);
	assert_memory_equal(p, body.p, body.n);
	fixture_md5(body.p, body.n, md5);
	assert_string_equal(o.etag, md5);
	store_read_close(r);
	free(p);
}

static size_t fixture_files;

static inline int
fixture_count(const char *path, const struct stat *st, int type,
	      struct FTW *ftw)
{
	(void)path;
	(void)st;
	(void)ftw;
	fixture_files += type == FTW_F;
	return 0;
}

/* Files below blobs/. */
static inline size_t
fixture_blobs(const struct fixture *f)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/blobs", f->dir);
	fixture_files = 0;
	nftw(path, fixture_count, 16, FTW_PHYS);
	return fixture_files;
}

#endif
