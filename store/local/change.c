/*
 * New versions, delete markers and removals inside the writer. Everything
 * read from the map is used or copied by prepare, since LMDB may reuse a page
 * that the transaction has changed.
 *
 * Counters: objects and bytes count every version that is no delete marker.
 */
#include "store/local/change.h"
#include "base/encode.h"
#include "base/random.h"
#include "base/timeval.h"
#include "store/local/extents.h"

#include <errno.h>

/* As AWS has it in the event of a delete marker: MD5 of nothing. */
#define MARKER_ETAG SLICE("d41d8cd98f00b204e9800998ecf8427e")

/* What a change finds. */
struct found {
	struct local_bucket bucket;
	bool exists;
	struct version current;
};

enum s3_error
change_look(struct change *c, struct writer_txn *t, struct local_bucket *out)
{
	enum s3_error err = local_bucket_find(t->ls, t->txn, c->bucket, out);
	struct slice owner = c->note ? c->note->bucket_owner : SLICE_EMPTY;

	if (err == S3_OK && owner.n && !slice_eq(owner, out->owner))
		err = S3_ERR_NO_SUCH_BUCKET;
	c->bucket_id = err == S3_OK ? out->id : 0;
	c->now_us = time_now_us();
	c->made = c->gone = 0;
	buf_clear(&c->event);
	return err;
}

/* Bucket and current version. */
static int
look(struct change *c, struct writer_txn *t, struct found *f,
     enum s3_error *result)
{
	enum s3_error found;
	int rc;

	*result = change_look(c, t, &f->bucket);
	if (*result != S3_OK)
		return 0;
	rc = version_find(t->ls, t->txn, f->bucket.id, c->key, SLICE_EMPTY,
			  &f->current, &found);
	f->exists = rc == 0 && found == S3_OK;
	return rc;
}

/* What conditions see: a delete marker is no object. */
static const struct store_object *
visible(const struct version *v)
{
	return v->rec.o.is_delete_marker ? NULL : &v->rec.o;
}

int
change_event(struct change *c, const struct local_bucket *b, struct slice name,
	     const struct store_object *o, bool is_new)
{
	uint8_t id[(STORE_EVENT_ID_MAX - 1) / 2];
	struct store_event e = { .time_us = c->now_us,
				 .event_name = name,
				 .bucket = c->bucket,
				 .bucket_owner = b->owner,
				 .key = c->key,
				 .version_id = slice_str(o->version_id),
				 .principal_id = c->note->principal_id,
				 .source_ip = c->note->source_ip,
				 .request_id = c->note->request_id };

	random_bytes(id, sizeof(id));
	hex_encode(id, sizeof(id), e.id);
	if (is_new && o->is_delete_marker) {
		e.etag = MARKER_ETAG;
	} else if (is_new) {
		e.size = o->size;
		e.etag = slice_str(o->etag);
		e.content_type = store_headers_get(&o->headers, "content-type");
	}
	record_event_encode(&c->event, &e);
	return buf_ok(&c->event) ? 0 : ENOMEM;
}

/* Marks a version as the one to go; copies what apply needs of the map. */
static int
take_away(struct change *c, const struct version *v)
{
	c->gone = v->number;
	c->old = v->rec;
	buf_clear(&c->extents_of_old);
	buf_put(&c->extents_of_old, v->rec.extents);
	return buf_ok(&c->extents_of_old) ? 0 : ENOMEM;
}

/* Mostly there is no version, or the current one is the null version: no need
 * to search again. */
static int
find_null(struct change *c, struct writer_txn *t, const struct found *f,
	  struct version *out, enum s3_error *result)
{
	*result = S3_ERR_NO_SUCH_VERSION;
	if (!f->exists)
		return 0;
	if (f->current.rec.null_version != f->current.number)
		return version_find(t->ls, t->txn, f->bucket.id, c->key,
				    SLICE(VERSION_NULL), out, result);
	*out = f->current;
	*result = S3_OK;
	return 0;
}

/* A new current version: its number and id; a null one replaces the other. */
static int
put_on_top(struct change *c, struct writer_txn *t, const struct found *f,
	   struct slice event_name)
{
	struct store_object *o = &c->object.o;
	enum s3_error result;
	struct version null;
	int rc = find_null(c, t, f, &null, &result);

	if (rc != 0)
		return rc;
	c->made = version_next(t->state, c->now_us);
	c->object.null_version = result == S3_OK ? null.number : 0;
	if (f->bucket.versioning == STORE_VERSIONING_ENABLED) {
		version_id_new(c->made, o->version_id);
	} else {
		snprintf(o->version_id, sizeof(o->version_id), VERSION_NULL);
		c->object.null_version = c->made;
		if (result == S3_OK)
			rc = take_away(c, &null);
	}
	o->mtime_us = c->now_us;
	return rc == 0 ? change_event(c, &f->bucket, event_name, o, true) : rc;
}

int
change_prepare_put(struct change *c, struct writer_txn *t,
		   enum s3_error *result)
{
	struct found f;
	int rc = look(c, t, &f, result);

	if (rc != 0 || *result != S3_OK)
		return rc;
	*result = store_cond_check(
	    c->cond, f.exists ? visible(&f.current) : NULL, false);
	return *result == S3_OK ? put_on_top(c, t, &f, c->note->event_name) : 0;
}

/* ---- removal ---------------------------------------------------------- */

/* For good: the version named, or the object of an unversioned bucket. */
static int
remove_version(struct change *c, const struct found *f, const struct version *v)
{
	struct store_removed *r = &c->removed;
	int rc = take_away(c, v);

	r->existed = true;
	r->is_marker = v->rec.o.is_delete_marker;
	if (c->version_id.n)
		memcpy(r->version_id, v->rec.o.version_id,
		       sizeof(r->version_id));
	return rc == 0
		   ? change_event(c, &f->bucket, SLICE("ObjectRemoved:Delete"),
				  &v->rec.o, false)
		   : rc;
}

static int
remove_named(struct change *c, struct writer_txn *t, const struct found *f,
	     enum s3_error *result)
{
	struct version v;
	int rc = version_find(t->ls, t->txn, f->bucket.id, c->key,
			      c->version_id, &v, result);

	if (rc != 0)
		return rc;
	if (*result == S3_ERR_NO_SUCH_VERSION) {
		*result = S3_OK;
		return 0;
	}
	if (*result == S3_OK)
		*result = store_cond_check(c->cond, visible(&v), false);
	return *result == S3_OK ? remove_version(c, f, &v) : 0;
}

static int
put_marker(struct change *c, struct writer_txn *t, const struct found *f)
{
	struct store_removed *r = &c->removed;
	int rc;

	r->existed = f->exists && !f->current.rec.o.is_delete_marker;
	r->is_marker = true;
	c->object = (struct record_object){ .o.is_delete_marker = true };
	rc = put_on_top(c, t, f, SLICE("ObjectRemoved:DeleteMarkerCreated"));
	memcpy(r->version_id, c->object.o.version_id, sizeof(r->version_id));
	return rc;
}

int
change_prepare_remove(struct change *c, struct writer_txn *t,
		      enum s3_error *result)
{
	struct found f;
	int rc = look(c, t, &f, result);

	c->removed = (struct store_removed){ 0 };
	if (rc != 0 || *result != S3_OK)
		return rc;
	if (c->version_id.n)
		return remove_named(c, t, &f, result);
	*result = store_cond_check(
	    c->cond, f.exists ? visible(&f.current) : NULL, false);
	if (*result != S3_OK)
		return 0;
	if (f.bucket.versioning != STORE_UNVERSIONED)
		return put_marker(c, t, &f);
	return f.exists ? remove_version(c, &f, &f.current) : 0;
}

/* ---- apply ------------------------------------------------------------ */

static void
count_new(struct change *c, struct writer_txn *t)
{
	struct store_object *o = &c->object.o;

	o->seq = t->state->last_seq + 1;
	memcpy(o->epoch, t->ls->epoch, sizeof(o->epoch));
	if (!o->is_delete_marker) {
		t->state->objects++;
		t->state->bytes += o->size;
	}
}

static int
write_record(struct change *c, struct writer_txn *t)
{
	if (!c->rewrite)
		count_new(c, t);
	record_object_encode(&c->record, &c->object);
	if (!buf_ok(&c->record))
		return ENOMEM;
	return index_put(t, c->bucket_id, c->key, c->made,
			 buf_slice(&c->record), c->object.data);
}

/* Record, blob references and counters of the version that goes. */
static int
retire(struct change *c, struct writer_txn *t)
{
	const struct record_object *old = &c->old;
	int rc = index_del(t, c->bucket_id, c->key, c->gone);

	if (rc == 0)
		rc = extents_release(t, buf_slice(&c->extents_of_old),
				     c->now_us);
	if (rc == 0 && old->extent_set)
		rc = set_release(t, old->extent_set, c->now_us);
	if (!old->o.is_delete_marker) {
		t->state->objects--;
		t->state->bytes -= old->o.size;
	}
	return rc;
}

int
change_apply(struct change *c, struct writer_txn *t)
{
	int rc = 0;

	if (c->made)
		rc = write_record(c, t);
	if (rc == 0 && c->gone)
		rc = retire(c, t);
	if (rc == 0 && c->event.n)
		rc = outbox_append(t, buf_slice(&c->event));
	return rc;
}

void
change_made(const struct change *c, struct store_object *out)
{
	*out = c->object.o;
	out->is_latest |= !c->rewrite;
	out->storage_class = SLICE_EMPTY;
	out->headers = out->tags = (struct store_headers){ 0 };
}

void
change_release(struct change *c)
{
	buf_release(&c->record);
	buf_release(&c->event);
	buf_release(&c->extents_of_old);
}
