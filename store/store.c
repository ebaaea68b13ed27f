/*
 * The wrappers: what holds for every backend is checked here, once.
 */
#include "store/check.h"

#include <stdatomic.h>

#define LIST_KEYS_MAX 1000u
#define REMOVALS_MAX 1000u

#define NEEDS(s, slot)                                 \
	do {                                           \
		if (!(s)->ops->slot)                   \
			return S3_ERR_NOT_IMPLEMENTED; \
	} while (0)

struct slice
store_headers_get(const struct store_headers *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (slice_eq_str(h->v[i].name, name))
			return h->v[i].value;
	return SLICE_EMPTY;
}

const char *
store_space_name(enum store_space s)
{
	static const char *const names[] = { "ok", "soft", "hard" };

	return names[s];
}

/* ---- buckets ---------------------------------------------------------- */

/* After the change, whatever became of it, and before its caller knows. */
static enum s3_error
config_changed(struct store *s, enum s3_error err)
{
	atomic_fetch_add(&s->config_version, 1);
	return err;
}

uint64_t
store_config_version(struct store *s)
{
	uint64_t own = atomic_load(&s->config_version);

	return s->ops->config_version ? own + s->ops->config_version(s) : own;
}

enum s3_error
store_bucket_create(struct store *s, struct slice name, struct slice owner,
		    struct slice region)
{
	NEEDS(s, bucket_create);
	if (!store_bucket_name_valid(name))
		return S3_ERR_INVALID_BUCKET_NAME;
	return config_changed(s, s->ops->bucket_create(s, name, owner, region));
}

enum s3_error
store_bucket_head(struct store *s, struct slice name, struct arena *a,
		  struct store_bucket *out)
{
	NEEDS(s, bucket_head);
	if (!store_bucket_name_valid(name))
		return S3_ERR_NO_SUCH_BUCKET;
	return s->ops->bucket_head(s, name, a, out);
}

enum s3_error
store_bucket_delete(struct store *s, struct slice name)
{
	NEEDS(s, bucket_delete);
	if (!store_bucket_name_valid(name))
		return S3_ERR_NO_SUCH_BUCKET;
	return config_changed(s, s->ops->bucket_delete(s, name));
}

enum s3_error
store_bucket_list(struct store *s, struct slice owner, struct arena *a,
		  struct store_bucket **out, size_t *n)
{
	NEEDS(s, bucket_list);
	return s->ops->bucket_list(s, owner, a, out, n);
}

enum s3_error
store_bucket_versioning(struct store *s, struct slice name,
			enum store_versioning v)
{
	NEEDS(s, bucket_versioning);
	if (!store_bucket_name_valid(name))
		return S3_ERR_NO_SUCH_BUCKET;
	if (v == STORE_UNVERSIONED)
		return S3_ERR_INVALID_ARGUMENT;
	return s->ops->bucket_versioning(s, name, v);
}

enum s3_error
store_config_get(struct store *s, struct slice bucket, enum store_config which,
		 struct arena *a, struct slice *out)
{
	*out = SLICE_EMPTY;
	NEEDS(s, config_get);
	if (!store_bucket_name_valid(bucket))
		return S3_ERR_NO_SUCH_BUCKET;
	return s->ops->config_get(s, bucket, which, a, out);
}

enum s3_error
store_config_put(struct store *s, struct slice bucket, enum store_config which,
		 struct slice document)
{
	NEEDS(s, config_put);
	if (!store_bucket_name_valid(bucket))
		return S3_ERR_NO_SUCH_BUCKET;
	if (document.n > STORE_CONFIG_BYTES_MAX)
		return S3_ERR_INVALID_ARGUMENT;
	return config_changed(s,
			      s->ops->config_put(s, bucket, which, document));
}

/* ---- writing ---------------------------------------------------------- */

/* The bound of one put. */
static uint64_t
size_bound(uint64_t size_max)
{
	return size_max && size_max < STORE_PUT_BYTES_MAX ? size_max
							  : STORE_PUT_BYTES_MAX;
}

static void
put_opened(struct store *s, struct store_put *put, uint64_t size, uint64_t max)
{
	put->store = s;
	put->size = size;
	put->size_max = size < max ? size : max;
	put->written = 0;
}

enum s3_error
store_put_begin(struct store *s, const struct store_put_req *req,
		struct store_put **out)
{
	uint64_t max = size_bound(req->size_max);
	enum s3_error err;

	*out = NULL;
	NEEDS(s, put_begin);
	err = check_object(req->bucket, req->key);
	if (err == S3_OK)
		err = check_headers(&req->headers);
	if (err == S3_OK)
		err = check_headers(&req->tags);
	if (err == S3_OK && req->size != UINT64_MAX && req->size > max)
		err = S3_ERR_ENTITY_TOO_LARGE;
	if (err == S3_OK)
		err = s->ops->put_begin(s, req, out);
	if (err == S3_OK)
		put_opened(s, *out, req->size, max);
	return err;
}

enum s3_error
store_put_write(struct store_put *put, const void *p, size_t n)
{
	if (n > put->size_max - put->written)
		return S3_ERR_ENTITY_TOO_LARGE;
	if (n == 0)
		return S3_OK;
	put->written += n;
	return put->store->ops->put_write(put, p, n);
}

enum s3_error
store_put_commit(struct store_put *put, const struct store_put_final *fin,
		 struct store_object *out)
{
	enum s3_error err = S3_OK;

	if (put->size != UINT64_MAX && put->written != put->size)
		err = S3_ERR_INCOMPLETE_BODY;
	else if (fin->etag.n >= STORE_ETAG_MAX)
		err = S3_ERR_INVALID_ARGUMENT;
	if (err == S3_OK)
		return put->store->ops->put_commit(put, fin, out);
	store_put_abort(put);
	return err;
}

void
store_put_abort(struct store_put *put)
{
	if (put)
		put->store->ops->put_abort(put);
}

/* ---- reading ---------------------------------------------------------- */

enum s3_error
store_get(struct store *s, const struct store_ref *ref,
	  const struct store_cond *cond, struct arena *a,
	  struct store_object *out, struct store_read **read)
{
	enum s3_error err = check_object(ref->bucket, ref->key);

	*out = (struct store_object){ 0 };
	if (read)
		*read = NULL;
	NEEDS(s, get);
	if (err != S3_OK)
		return err;
	err = s->ops->get(s, ref, cond, a, out, read);
	if (err == S3_OK && read)
		(*read)->store = s;
	return err;
}

enum s3_error
store_get_parts(struct store *s, const struct store_ref *ref, uint32_t after,
		uint32_t max, struct arena *a, struct store_part **out,
		size_t *n)
{
	enum s3_error err = check_object(ref->bucket, ref->key);

	*n = 0;
	NEEDS(s, get_parts);
	if (err != S3_OK)
		return err;
	return s->ops->get_parts(s, ref, after, max, a, out, n);
}

void
store_read_want(struct store_read *r, uint64_t offset, uint64_t n)
{
	if (r->store->ops->read_want)
		r->store->ops->read_want(r, offset, n);
}

enum s3_error
store_read_at(struct store_read *r, uint64_t offset, void *p, size_t n)
{
	return n ? r->store->ops->read_at(r, offset, p, n) : S3_OK;
}

enum s3_error
store_read_verify(struct store_read *r, uint64_t offset, uint64_t n)
{
	if (n == 0 || !r->store->ops->read_verify)
		return S3_OK;
	return r->store->ops->read_verify(r, offset, n);
}

bool
store_read_is_verified(struct store_read *r, uint64_t offset, uint64_t n)
{
	if (n == 0 || !r->store->ops->read_is_verified)
		return true;
	return r->store->ops->read_is_verified(r, offset, n);
}

const char *
store_read_memory(struct store_read *r)
{
	return r->store->ops->read_memory ? r->store->ops->read_memory(r)
					  : NULL;
}

enum s3_error
store_read_extents(struct store_read *r, struct store_extent *out, size_t max,
		   size_t *n)
{
	*n = 0;
	NEEDS(r->store, read_extents);
	return r->store->ops->read_extents(r, out, max, n);
}

void
store_read_close(struct store_read *r)
{
	if (r)
		r->store->ops->read_close(r);
}

/* ---- changing ---------------------------------------------------------- */

enum s3_error
store_remove_many(struct store *s, struct slice bucket, struct store_removal *v,
		  size_t n, const struct store_note *note)
{
	NEEDS(s, remove);
	if (!store_bucket_name_valid(bucket))
		return S3_ERR_NO_SUCH_BUCKET;
	if (n > REMOVALS_MAX)
		return S3_ERR_INVALID_ARGUMENT;
	for (size_t i = 0; i < n; i++) {
		v[i].err = check_key(v[i].key);
		v[i].removed = (struct store_removed){ 0 };
	}
	return s->ops->remove(s, bucket, v, n, note);
}

enum s3_error
store_remove(struct store *s, const struct store_ref *ref,
	     const struct store_cond *cond, const struct store_note *note,
	     struct store_removed *removed)
{
	struct store_removal one = { .key = ref->key,
				     .version_id = ref->version_id,
				     .cond = STORE_COND_NONE };
	enum s3_error err;

	if (cond)
		one.cond = *cond;
	err = store_remove_many(s, ref->bucket, &one, 1, note);
	if (removed)
		*removed = one.removed;
	return err == S3_OK ? one.err : err;
}

enum s3_error
store_tags_put(struct store *s, const struct store_ref *ref,
	       const struct store_headers *tags, const struct store_note *note,
	       struct store_object *out)
{
	enum s3_error err = check_object(ref->bucket, ref->key);

	if (out)
		*out = (struct store_object){ 0 };
	NEEDS(s, tags_put);
	if (err == S3_OK)
		err = check_headers(tags);
	return err == S3_OK ? s->ops->tags_put(s, ref, tags, note, out) : err;
}

enum s3_error
store_copy(struct store *s, const struct store_copy_req *req,
	   struct store_object *out)
{
	enum s3_error err = check_object(req->source.bucket, req->source.key);

	NEEDS(s, copy);
	if (err == S3_OK)
		err = check_object(req->bucket, req->key);
	if (err == S3_OK)
		err = check_headers(&req->headers);
	if (err == S3_OK)
		err = check_headers(&req->tags);
	return err == S3_OK ? s->ops->copy(s, req, out) : err;
}

/* ---- lists ------------------------------------------------------------- */

enum s3_error
store_list(struct store *s, const struct store_list_req *req, struct arena *a,
	   struct store_list_page *out)
{
	*out = (struct store_list_page){ 0 };
	NEEDS(s, list);
	if (!store_bucket_name_valid(req->bucket))
		return S3_ERR_NO_SUCH_BUCKET;
	if (req->max_keys > LIST_KEYS_MAX)
		return S3_ERR_INVALID_ARGUMENT;
	return s->ops->list(s, req, a, out);
}

enum s3_error
store_list_versions(struct store *s, const struct store_versions_req *req,
		    struct arena *a, struct store_versions_page *out)
{
	*out = (struct store_versions_page){ 0 };
	NEEDS(s, list_versions);
	if (!store_bucket_name_valid(req->bucket))
		return S3_ERR_NO_SUCH_BUCKET;
	if (req->max_keys > LIST_KEYS_MAX)
		return S3_ERR_INVALID_ARGUMENT;
	return s->ops->list_versions(s, req, a, out);
}

/* ---- multipart uploads ------------------------------------------------- */

enum s3_error
store_upload_create(struct store *s, const struct store_upload_req *req,
		    char id[STORE_UPLOAD_ID_MAX])
{
	enum s3_error err = check_object(req->bucket, req->key);

	NEEDS(s, upload_create);
	if (err == S3_OK)
		err = check_headers(&req->headers);
	if (err == S3_OK)
		err = check_headers(&req->tags);
	return err == S3_OK ? s->ops->upload_create(s, req, id) : err;
}

enum s3_error
store_upload_get(struct store *s, struct slice bucket, struct slice key,
		 struct slice id, struct arena *a, struct store_upload *out)
{
	enum s3_error err = check_object(bucket, key);

	NEEDS(s, upload_get);
	return err == S3_OK ? s->ops->upload_get(s, bucket, key, id, a, out)
			    : err;
}

enum s3_error
store_upload_list(struct store *s, const struct store_uploads_req *req,
		  struct arena *a, struct store_uploads_page *out)
{
	*out = (struct store_uploads_page){ 0 };
	NEEDS(s, upload_list);
	if (!store_bucket_name_valid(req->bucket))
		return S3_ERR_NO_SUCH_BUCKET;
	if (req->max_uploads > LIST_KEYS_MAX)
		return S3_ERR_INVALID_ARGUMENT;
	return s->ops->upload_list(s, req, a, out);
}

enum s3_error
store_upload_abort(struct store *s, struct slice bucket, struct slice key,
		   struct slice id)
{
	enum s3_error err = check_object(bucket, key);

	NEEDS(s, upload_abort);
	return err == S3_OK ? s->ops->upload_abort(s, bucket, key, id) : err;
}

static enum s3_error
check_part(const struct store_part_ref *part)
{
	if (part->number == 0 || part->number > STORE_PARTS_MAX)
		return S3_ERR_INVALID_ARGUMENT;
	return check_object(part->bucket, part->key);
}

enum s3_error
store_part_begin(struct store *s, const struct store_part_ref *part,
		 uint64_t size, uint64_t size_max, struct store_put **out)
{
	uint64_t max = size_bound(size_max);
	enum s3_error err = check_part(part);

	*out = NULL;
	NEEDS(s, part_begin);
	if (err == S3_OK && size != UINT64_MAX && size > max)
		err = S3_ERR_ENTITY_TOO_LARGE;
	if (err == S3_OK)
		err = s->ops->part_begin(s, part, size, out);
	if (err == S3_OK)
		put_opened(s, *out, size, max);
	return err;
}

enum s3_error
store_part_copy(struct store *s, const struct store_part_copy_req *req,
		struct store_part *out)
{
	enum s3_error err = check_part(&req->part);

	NEEDS(s, part_copy);
	if (err == S3_OK)
		err = check_object(req->source.bucket, req->source.key);
	if (err == S3_OK && req->size > size_bound(req->size_max))
		err = S3_ERR_ENTITY_TOO_LARGE;
	return err == S3_OK ? s->ops->part_copy(s, req, out) : err;
}

enum s3_error
store_part_list(struct store *s, struct slice bucket, struct slice key,
		struct slice id, uint32_t after, uint32_t max, struct arena *a,
		struct store_part **out, size_t *n)
{
	enum s3_error err = check_object(bucket, key);

	*n = 0;
	NEEDS(s, part_list);
	if (err != S3_OK)
		return err;
	return s->ops->part_list(s, bucket, key, id, after, max, a, out, n);
}

enum s3_error
store_upload_complete(struct store *s, const struct store_complete_req *req,
		      struct store_complete_result *out)
{
	enum s3_error err = check_object(req->bucket, req->key);

	*out = (struct store_complete_result){ 0 };
	NEEDS(s, upload_complete);
	if (err == S3_OK &&
	    (req->n_parts == 0 || req->n_parts > STORE_PARTS_MAX))
		err = S3_ERR_INVALID_ARGUMENT;
	for (size_t i = 1; err == S3_OK && i < req->n_parts; i++)
		if (req->parts[i].number <= req->parts[i - 1].number)
			err = S3_ERR_INVALID_PART_ORDER;
	if (err == S3_OK &&
	    req->parts[req->n_parts - 1].number > STORE_PARTS_MAX) {
		out->bad.number = req->parts[req->n_parts - 1].number;
		err = S3_ERR_INVALID_PART;
	}
	return err == S3_OK ? s->ops->upload_complete(s, req, out) : err;
}

/* ---- the outbox, the store -------------------------------------------- */

enum s3_error
store_events(struct store *s, uint64_t after, size_t max, struct arena *a,
	     struct store_event **out, size_t *n)
{
	*n = 0;
	NEEDS(s, events);
	return s->ops->events(s, after, max, a, out, n);
}

enum s3_error
store_events_wait(struct store *s, uint64_t after, int timeout_ms)
{
	NEEDS(s, events_wait);
	return s->ops->events_wait(s, after, timeout_ms);
}

enum s3_error
store_events_ack(struct store *s, uint64_t seq)
{
	NEEDS(s, events_ack);
	return s->ops->events_ack(s, seq);
}

enum s3_error
store_info(struct store *s, struct store_info *out)
{
	NEEDS(s, info);
	return s->ops->info(s, out);
}

void
store_halt(struct store *s)
{
	if (s && s->ops->halt)
		s->ops->halt(s);
}

void
store_close(struct store *s)
{
	if (s)
		s->ops->close(s);
}
