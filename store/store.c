/*
 * The wrappers: what holds for every backend is checked here, once. Limits
 * and names: Amazon S3 User Guide, "Bucket naming rules" and "Naming Amazon
 * S3 objects".
 */
#include "store/store.h"

#define HEADERS_MAX 32768u /* all names and values of an object */
#define HEADERS_COUNT_MAX 512u
#define LIST_KEYS_MAX 1000u

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

/* ---- names ------------------------------------------------------------ */

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Four groups of digits: formatted as an IPv4 address. */
static bool
looks_like_ipv4(struct slice name)
{
	struct slice group;
	uint64_t v;
	size_t n = 0;

	while (slice_cut(&name, '.', &group)) {
		if (group.n > 3 || slice_u64(group, &v) != 0)
			return false;
		n++;
	}
	return n == 4;
}

bool
store_bucket_name_valid(struct slice name)
{
	static const char *const prefixes[] = { "xn--", "sthree-",
						"amzn-s3-demo-" };
	static const char *const suffixes[] = { "-s3alias", "--ol-s3", ".mrap",
						"--x-s3", "--table-s3" };

	if (name.n < 3 || name.n > STORE_BUCKET_MAX || !is_alnum(name.p[0]) ||
	    !is_alnum(name.p[name.n - 1]))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!is_alnum(name.p[i]) && name.p[i] != '.' &&
		    name.p[i] != '-')
			return false;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (slice_starts(name, slice_str(prefixes[i])))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (slice_ends(name, slice_str(suffixes[i])))
			return false;
	return slice_find(name, SLICE("..")) < 0 && !looks_like_ipv4(name);
}

static enum s3_error
check_key(struct slice key)
{
	if (key.n > STORE_KEY_MAX)
		return S3_ERR_KEY_TOO_LONG;
	if (key.n == 0 || slice_chr(key, '\0') >= 0)
		return S3_ERR_INVALID_ARGUMENT;
	return S3_OK;
}

/* A name no bucket can have is a bucket that is not there. */
static enum s3_error
check_object(struct slice bucket, struct slice key)
{
	return store_bucket_name_valid(bucket) ? check_key(key)
					       : S3_ERR_NO_SUCH_BUCKET;
}

static enum s3_error
check_headers(const struct store_headers *h)
{
	size_t n = 0;

	if (h->n > HEADERS_COUNT_MAX)
		return S3_ERR_METADATA_TOO_LARGE;
	for (size_t i = 0; i < h->n; i++) {
		if (h->v[i].name.n > HEADERS_MAX ||
		    h->v[i].value.n > HEADERS_MAX)
			return S3_ERR_METADATA_TOO_LARGE;
		n += h->v[i].name.n + h->v[i].value.n;
		if (n > HEADERS_MAX)
			return S3_ERR_METADATA_TOO_LARGE;
	}
	return S3_OK;
}

/* ---- buckets ---------------------------------------------------------- */

enum s3_error
store_bucket_create(struct store *s, struct slice name, struct slice owner,
		    struct slice region)
{
	NEEDS(s, bucket_create);
	if (!store_bucket_name_valid(name))
		return S3_ERR_INVALID_BUCKET_NAME;
	return s->ops->bucket_create(s, name, owner, region);
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
	return s->ops->bucket_delete(s, name);
}

enum s3_error
store_bucket_list(struct store *s, struct slice owner, struct arena *a,
		  struct store_bucket **out, size_t *n)
{
	NEEDS(s, bucket_list);
	return s->ops->bucket_list(s, owner, a, out, n);
}

/* ---- writing ---------------------------------------------------------- */

enum s3_error
store_put_begin(struct store *s, const struct store_put_req *req,
		struct store_put **out)
{
	uint64_t max = req->size_max && req->size_max < STORE_PUT_BYTES_MAX
			   ? req->size_max
			   : STORE_PUT_BYTES_MAX;
	enum s3_error err;

	*out = NULL;
	NEEDS(s, put_begin);
	err = check_object(req->bucket, req->key);
	if (err == S3_OK)
		err = check_headers(&req->headers);
	if (err == S3_OK && req->size != UINT64_MAX && req->size > max)
		err = S3_ERR_ENTITY_TOO_LARGE;
	if (err == S3_OK)
		err = s->ops->put_begin(s, req, out);
	if (err != S3_OK)
		return err;
	(*out)->store = s;
	(*out)->size = req->size;
	(*out)->size_max = req->size < max ? req->size : max;
	(*out)->written = 0;
	return S3_OK;
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
store_get(struct store *s, struct slice bucket, struct slice key,
	  const struct store_cond *cond, struct arena *a,
	  struct store_object *out, struct store_read **read)
{
	enum s3_error err = check_object(bucket, key);

	if (read)
		*read = NULL;
	NEEDS(s, get);
	if (err != S3_OK)
		return err;
	err = s->ops->get(s, bucket, key, cond, a, out, read);
	if (err == S3_OK && read)
		(*read)->store = s;
	return err;
}

enum s3_error
store_read_at(struct store_read *r, uint64_t offset, void *p, size_t n)
{
	return n ? r->store->ops->read_at(r, offset, p, n) : S3_OK;
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

enum s3_error
store_remove(struct store *s, struct slice bucket, struct slice key,
	     const struct store_cond *cond, const struct store_note *note,
	     bool *existed)
{
	bool unused;
	enum s3_error err = check_object(bucket, key);

	if (!existed)
		existed = &unused;
	*existed = false;
	NEEDS(s, remove);
	return err == S3_OK
		   ? s->ops->remove(s, bucket, key, cond, note, existed)
		   : err;
}

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
store_close(struct store *s)
{
	if (s)
		s->ops->close(s);
}
