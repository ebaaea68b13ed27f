/*
 * store_damage.h - what the tests of verification and of the scrubber share:
 * the files of an object, and ways to harm them behind the store's back.
 */
#ifndef TESTS_STORE_DAMAGE_H
#define TESTS_STORE_DAMAGE_H

#include "tests/unit/store_multipart.h"

#include "store/local/read.h"

#include <fcntl.h>

static inline struct store_read *
open_read(struct fixture *f, struct slice key)
{
	struct store_object o;
	struct store_read *r;

	assert_int_equal(
	    store_get(f->s, &STORE_REF(BUCKET, key), NULL, &f->a, &o, &r),
	    S3_OK);
	return r;
}

static inline uint64_t
blob_of(struct fixture *f, struct slice key, size_t piece)
{
	struct store_read *r = open_read(f, key);
	uint64_t id = ((struct local_read *)r)->at[piece].blob_id;

	store_read_close(r);
	return id;
}

struct blob_path {
	char text[256];
};

static inline struct blob_path
path_of_blob(const struct fixture *f, uint64_t id)
{
	struct blob_path p;

	snprintf(p.text, sizeof(p.text), "%s/blobs/f/%010llx/%03llx/%016llx",
		 f->dir, (unsigned long long)(id >> 24),
		 (unsigned long long)(id >> 12 & 0xfff),
		 (unsigned long long)id);
	return p;
}

/* Inverts a byte, as another program would. */
static inline void
flip_file(const char *path, uint64_t at)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char c;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, (off_t)at), 1);
	c = (char)~c;
	assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
	close(fd);
}

static inline void
flip(struct fixture *f, struct slice key, size_t piece, uint64_t at)
{
	flip_file(path_of_blob(f, blob_of(f, key, piece)).text, at);
}

/* An object of @n bytes in one file. */
static inline char *
put_file(struct fixture *f, struct slice key, size_t n, uint32_t seed)
{
	char *p = fixture_bytes(n, seed);

	assert_int_equal(fixture_put(f->s, key, slice_mem(p, n)), S3_OK);
	return p;
}

/* An object of @n parts of @size bytes each, at KEY. */
static inline char *
put_parts(struct fixture *f, uint32_t n, size_t size, uint32_t seed)
{
	char *p = fixture_bytes(n * size, seed), id[STORE_UPLOAD_ID_MAX];
	struct store_complete_part *parts = calloc(n, sizeof(*parts));
	struct sent *sent = calloc(n, sizeof(*sent));
	struct store_complete_req req;
	struct store_complete_result result;

	assert_true(parts && sent);
	create(f, id);
	for (uint32_t i = 0; i < n; i++) {
		sent[i] =
		    (struct sent){ .number = i + 1,
				   .body = slice_mem(p + i * size, size) };
		assert_int_equal(send_part(f, id, &sent[i]), S3_OK);
	}
	name_parts(sent, n, parts);
	req = complete_req(id, parts, n);
	assert_int_equal(store_upload_complete(f->s, &req, &result), S3_OK);
	free(parts);
	free(sent);
	return p;
}

static inline enum s3_error
read_range(struct fixture *f, struct slice key, uint64_t offset, size_t n,
	   const char *want)
{
	struct store_read *r = open_read(f, key);
	char *p = malloc(n + 1);
	enum s3_error err;

	assert_non_null(p);
	err = store_read_at(r, offset, p, n);
	if (err == S3_OK)
		assert_memory_equal(p, want + offset, n);
	store_read_close(r);
	free(p);
	return err;
}

#endif
