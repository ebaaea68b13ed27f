/*
 * Looking up: the record in one short transaction, and what its bytes need to
 * be read from then on (read.h).
 */
#include "base/log.h"
#include "store/local/extents.h"
#include "store/local/read.h"
#include "store/local/version.h"

#include <errno.h>

#define ATTEMPTS 3 /* a blob may be reclaimed between lookup and open */

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

/* Looks up, fills *out, and prepares *read when asked. */
static enum s3_error
look(struct local *ls, MDB_txn *txn, const struct store_ref *ref,
     const struct store_cond *cond, struct arena *a, struct store_object *out,
     struct local_read **read)
{
	enum s3_error err;
	struct version v;

	err = find(ls, txn, ref, a, out, &v);
	if (err == S3_OK)
		err = store_cond_check(cond, out, true);
	if (err != S3_OK || !read)
		return err;
	return read_new(ls, txn, &v.rec, read);
}

enum s3_error
local_get(struct store *s, const struct store_ref *ref,
	  const struct store_cond *cond, struct arena *a,
	  struct store_object *out, struct store_read **read)
{
	struct local *ls = local_of(s);
	uint64_t missing = UINT64_MAX;

	for (int i = 0; i < ATTEMPTS; i++) {
		struct local_read *r = NULL;
		enum s3_error err;
		MDB_txn *txn;
		int rc = local_read_begin(ls, &txn);

		if (rc != 0)
			return local_error("read", rc);
		err = look(ls, txn, ref, cond, a, out, read ? &r : NULL);
		local_read_end(ls, txn);
		if (err != S3_OK || !read)
			return err;
		if (read_open(r) == 0) {
			*read = &r->base;
			return S3_OK;
		}
		if (!r->stale)
			missing = r->at[0].blob_id;
		if (errno != ENOENT)
			err = local_io_error("open");
		local_read_close(&r->base);
		if (err != S3_OK)
			return err;
	}
	if (missing != UINT64_MAX)
		damage_found(ls, DAMAGE_MISSING, missing, 0);
	return S3_ERR_INTERNAL_ERROR;
}

/* ---- parts ------------------------------------------------------------- */

static enum s3_error
parts_of(struct local *ls, MDB_txn *txn, const struct record_object *rec,
	 uint32_t after, uint32_t max, struct arena *a, struct store_part **out,
	 size_t *n)
{
	uint32_t left = after < rec->o.n_parts ? rec->o.n_parts - after : 0;
	int rc;

	if (max > left)
		max = left;
	*out = arena_array(a, max, sizeof(**out));
	if (!*out)
		return S3_ERR_INTERNAL_ERROR;
	if (max == 0 || !rec->extent_set)
		return S3_OK;
	rc = set_parts(ls, txn, rec->extent_set, after, max, *out, n);
	return rc == 0 ? S3_OK : local_error("parts", rc);
}

enum s3_error
local_get_parts(struct store *s, const struct store_ref *ref, uint32_t after,
		uint32_t max, struct arena *a, struct store_part **out,
		size_t *n)
{
	struct local *ls = local_of(s);
	struct store_object o;
	struct version v;
	enum s3_error err;
	MDB_txn *txn;
	int rc = local_read_begin(ls, &txn);

	if (rc != 0)
		return local_error("read", rc);
	err = find(ls, txn, ref, a, &o, &v);
	if (err == S3_OK)
		err = parts_of(ls, txn, &v.rec, after, max, a, out, n);
	local_read_end(ls, txn);
	return err;
}
