/*
 * Reading: the record in one short transaction, then the bytes from open
 * descriptors (or from memory when they were inline), so that nothing that
 * happens to the key later can touch an open read.
 */
#include "store/local_version.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define ATTEMPTS 3 /* a blob may be reclaimed between lookup and open */

struct local_read {
	struct store_read base; /* first */
	uint64_t size;
	char *data; /* inline bytes, or NULL */
	int memfd;  /* made on demand */
	size_t n;
	struct store_extent at[];
};

void
local_read_close(struct store_read *read)
{
	struct local_read *r = (struct local_read *)read;

	for (size_t i = 0; i < r->n; i++)
		if (r->at[i].fd >= 0)
			close(r->at[i].fd);
	if (r->memfd >= 0)
		close(r->memfd);
	free(r->data);
	free(r);
}

/* ---- opening ---------------------------------------------------------- */

/* A read with its descriptors still to be opened; uses the map. */
static enum s3_error
read_new(const struct record_object *rec, struct local_read **out)
{
	struct local_read *r;

	if (rec->is_inline &&
	    crc32c(0, rec->data.p, rec->data.n) != rec->inline_crc) {
		log_error("object_damaged", "inline bytes fail their CRC-32C");
		return S3_ERR_INTERNAL_ERROR;
	}
	r = calloc(1, sizeof(*r) + rec->n_extents * sizeof(r->at[0]));
	if (!r)
		return S3_ERR_INTERNAL_ERROR;
	*r = (struct local_read){ .size = rec->o.size,
				  .memfd = -1,
				  .n = rec->n_extents };
	for (size_t i = 0; i < r->n; i++) {
		struct record_extent e = record_object_extent(rec, i);

		r->at[i] = (struct store_extent){ -1, e.offset, e.length };
	}
	if (rec->is_inline) {
		r->data = malloc(rec->data.n + 1);
		if (!r->data) {
			free(r);
			return S3_ERR_INTERNAL_ERROR;
		}
		memcpy(r->data, rec->data.p, rec->data.n);
	}
	*out = r;
	return S3_OK;
}

/* The version named; of a delete marker *out says so. */
static enum s3_error
find(struct local *ls, MDB_txn *txn, const struct store_ref *ref,
     struct arena *a, struct store_object *out, struct version *v)
{
	struct local_bucket b;
	enum s3_error err = local_bucket_find(ls, txn, ref->bucket, &b);
	int rc;

	if (err != S3_OK)
		return err;
	rc = version_find(ls, txn, b.id, ref->key, ref->version_id, v, &err);
	if (rc != 0)
		return local_error("object", rc);
	if (err != S3_OK)
		return err;
	*out = v->rec.o;
	out->is_latest = v->is_latest;
	out->key = arena_copy(a, ref->key);
	out->storage_class = arena_copy(a, v->rec.o.storage_class);
	if (record_headers(v->rec.headers, a, &out->headers) != 0 ||
	    record_headers(v->rec.tags, a, &out->tags) != 0)
		return S3_ERR_INTERNAL_ERROR;
	if (out->is_delete_marker)
		return ref->version_id.n ? S3_ERR_METHOD_NOT_ALLOWED
					 : S3_ERR_NO_SUCH_KEY;
	return S3_OK;
}

/* Looks up, fills *out, and prepares *read when asked. @ids: blob ids, in the
 * arena. */
static enum s3_error
look(struct local *ls, MDB_txn *txn, const struct store_ref *ref,
     const struct store_cond *cond, struct arena *a, struct store_object *out,
     struct local_read **read, uint64_t **ids)
{
	enum s3_error err;
	struct version v;

	err = find(ls, txn, ref, a, out, &v);
	if (err == S3_OK)
		err = store_cond_check(cond, out, true);
	if (err != S3_OK || !read)
		return err;
	*ids = arena_array(a, v.rec.n_extents, sizeof(**ids));
	if (!*ids)
		return S3_ERR_INTERNAL_ERROR;
	for (size_t i = 0; i < v.rec.n_extents; i++)
		(*ids)[i] = record_object_extent(&v.rec, i).blob_id;
	return read_new(&v.rec, read);
}

/* Opens the blobs; -1 with errno. */
static int
open_extents(struct local *ls, struct local_read *r, const uint64_t *ids)
{
	for (size_t i = 0; i < r->n; i++) {
		r->at[i].fd = blob_open(ls, ids[i]);
		if (r->at[i].fd < 0)
			return -1;
	}
	return 0;
}

enum s3_error
local_get(struct store *s, const struct store_ref *ref,
	  const struct store_cond *cond, struct arena *a,
	  struct store_object *out, struct store_read **read)
{
	struct local *ls = local_of(s);

	for (int i = 0; i < ATTEMPTS; i++) {
		struct local_read *r = NULL;
		uint64_t *ids = NULL;
		enum s3_error err;
		MDB_txn *txn;
		int rc = local_read_begin(ls, &txn);

		if (rc != 0)
			return local_error("read", rc);
		err = look(ls, txn, ref, cond, a, out, read ? &r : NULL, &ids);
		mdb_txn_abort(txn);
		if (err != S3_OK || !read)
			return err;
		if (open_extents(ls, r, ids) == 0) {
			*read = &r->base;
			return S3_OK;
		}
		if (errno != ENOENT)
			err = local_io_error("open");
		local_read_close(&r->base);
		if (err != S3_OK)
			return err;
	}
	log_error("object_damaged", "a blob is missing");
	return S3_ERR_INTERNAL_ERROR;
}

/* ---- bytes ------------------------------------------------------------ */

enum s3_error
local_read_at(struct store_read *read, uint64_t offset, void *to, size_t n)
{
	struct local_read *r = (struct local_read *)read;
	char *p = to;

	if (offset > r->size || n > r->size - offset)
		return S3_ERR_INTERNAL_ERROR;
	if (r->data) {
		memcpy(p, r->data + offset, n);
		return S3_OK;
	}
	for (size_t i = 0; n && i < r->n; i++) {
		struct store_extent *e = &r->at[i];
		uint64_t now;

		if (offset >= e->size) {
			offset -= e->size;
			continue;
		}
		now = e->size - offset < n ? e->size - offset : n;
		if (io_pread_all(e->fd, p, now, (off_t)(e->offset + offset)) !=
		    0) {
			log_error("blob_error", "read: %s", strerror(errno));
			return S3_ERR_INTERNAL_ERROR;
		}
		p += now;
		n -= now;
		offset = 0;
	}
	return n == 0 ? S3_OK : S3_ERR_INTERNAL_ERROR;
}

static int
make_memfd(const struct local_read *r)
{
	const int seals =
	    F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	int fd = memfd_create("object", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && (io_pwrite_all(fd, r->data, r->size, 0) != 0 ||
			fcntl(fd, F_ADD_SEALS, seals) != 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

enum s3_error
local_read_extents(struct store_read *read, struct store_extent *out,
		   size_t max, size_t *n)
{
	struct local_read *r = (struct local_read *)read;

	if (max < (r->data ? 1 : r->n))
		return S3_ERR_INTERNAL_ERROR;
	if (!r->data) {
		memcpy(out, r->at, r->n * sizeof(*out));
		*n = r->n;
		return S3_OK;
	}
	if (r->memfd < 0)
		r->memfd = make_memfd(r);
	if (r->memfd < 0) {
		log_error("memfd", "%s", strerror(errno));
		return S3_ERR_INTERNAL_ERROR;
	}
	*out = (struct store_extent){ r->memfd, 0, r->size };
	*n = 1;
	return S3_OK;
}
