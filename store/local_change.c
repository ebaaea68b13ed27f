/*
 * Put and remove inside the writer. Everything read from the map is used or
 * copied before the first put, since LMDB may reuse a page the transaction
 * has changed.
 */
#include "store/local_change.h"
#include "base/encode.h"
#include "base/random.h"
#include "base/timeval.h"

#include <errno.h>

/* What a change finds. */
struct found {
	struct local_bucket bucket;
	bool exists;
	struct record_object old;
	uint64_t version;
};

/* Bucket and current object; a logical failure goes to op.result. */
static int
look(struct change *c, struct writer_txn *t, struct found *f)
{
	struct slice value;
	int rc;

	c->op.result = local_bucket_find(t->ls, t->txn, c->bucket, &f->bucket);
	if (c->op.result != S3_OK)
		return 0;
	rc =
	    index_get(t->ls, t->txn, f->bucket.id, c->key, &f->version, &value);
	f->exists = rc == 0;
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc == 0 && record_object_decode(value, &f->old) != 0)
		rc = MDB_CORRUPTED;
	return rc;
}

static int
encode_event(struct change *c, const struct found *f, int64_t now_us,
	     const struct store_object *made)
{
	struct store_event e = { .time_us = now_us,
				 .event_name =
				     made ? c->note->event_name
					  : SLICE("ObjectRemoved:Delete"),
				 .bucket = c->bucket,
				 .bucket_owner = f->bucket.owner,
				 .key = c->key,
				 .version_id = SLICE("null"),
				 .principal_id = c->note->principal_id,
				 .source_ip = c->note->source_ip,
				 .request_id = c->note->request_id };

	memcpy(e.id, c->event_id, sizeof(e.id));
	if (made) {
		e.size = made->size;
		e.etag = slice_str(made->etag);
		e.content_type =
		    store_headers_get(&made->headers, "content-type");
	}
	record_event_encode(&c->event, &e);
	return buf_ok(&c->event) ? 0 : ENOMEM;
}

/* Copies what retire() needs of the map: the old object's extents. */
static int
keep_extents(struct change *c, const struct found *f)
{
	buf_clear(&c->extents);
	if (f->exists)
		buf_put(&c->extents, f->old.extents);
	return buf_ok(&c->extents) ? 0 : ENOMEM;
}

/* Takes the old object away: record, blob references, counters. */
static int
retire(struct change *c, struct writer_txn *t, struct found *f, int64_t now_us)
{
	int rc = index_del(t, f->bucket.id, c->key, f->version);

	f->old.extents = buf_slice(&c->extents);
	for (size_t i = 0; rc == 0 && i < f->old.n_extents; i++)
		rc = gc_blob_release(t->ls, t->txn,
				     record_object_extent(&f->old, i).blob_id,
				     now_us);
	t->state->objects--;
	t->state->bytes -= f->old.o.size;
	return rc;
}

/* Hybrid clock: milliseconds and a counter; never back, whatever the clock
 * does. */
static uint64_t
next_version(struct local_state *st, int64_t now_us)
{
	uint64_t now = (uint64_t)(now_us / 1000) << 20;

	st->version_clock =
	    now > st->version_clock ? now : st->version_clock + 1;
	return st->version_clock;
}

static int
encode_object(struct change *c, struct writer_txn *t, int64_t now_us)
{
	struct store_object *o = &c->object.o;
	struct record_extent whole = { .length = o->size };

	o->mtime_us = now_us;
	o->seq = t->state->last_seq + 1;
	memcpy(o->epoch, t->ls->epoch, sizeof(o->epoch));
	if (c->blob)
		whole.blob_id = blob_id(c->blob);
	record_object_encode(&c->head, &c->object, &whole, c->blob ? 1 : 0);
	return buf_ok(&c->head) ? 0 : ENOMEM;
}

static int
run_put(struct writer_op *op, struct writer_txn *t)
{
	struct change *c = (struct change *)op;
	struct store_object *o = &c->object.o;
	int64_t now = time_now_us();
	struct found f;
	int rc = look(c, t, &f);

	if (rc != 0 || op->result != S3_OK)
		return rc;
	op->result =
	    store_cond_check(c->cond, f.exists ? &f.old.o : NULL, false);
	if (op->result != S3_OK)
		return 0;
	rc = encode_object(c, t, now);
	if (rc == 0)
		rc = encode_event(c, &f, now, o);
	if (rc == 0)
		rc = keep_extents(c, &f);
	if (rc == 0 && f.exists)
		rc = retire(c, t, &f, now);
	if (rc == 0 && c->blob)
		rc = gc_blob_add(t->ls, t->txn, blob_id(c->blob), o->size,
				 blob_crcs(c->blob));
	if (rc == 0)
		rc = index_put(t, f.bucket.id, c->key,
			       next_version(t->state, now), buf_slice(&c->head),
			       c->data);
	if (rc == 0)
		rc = outbox_append(t, buf_slice(&c->event));
	t->state->objects++;
	t->state->bytes += o->size;
	return rc;
}

static int
run_remove(struct writer_op *op, struct writer_txn *t)
{
	struct change *c = (struct change *)op;
	int64_t now = time_now_us();
	struct found f;
	int rc = look(c, t, &f);

	c->existed = false;
	if (rc != 0 || op->result != S3_OK || !f.exists)
		return rc;
	op->result = store_cond_check(c->cond, &f.old.o, false);
	if (op->result != S3_OK)
		return 0;
	c->existed = true;
	rc = encode_event(c, &f, now, NULL);
	if (rc == 0)
		rc = keep_extents(c, &f);
	if (rc == 0)
		rc = retire(c, t, &f, now);
	if (rc == 0)
		rc = outbox_append(t, buf_slice(&c->event));
	return rc;
}

static enum s3_error
run(struct local *ls, struct change *c,
    int (*how)(struct writer_op *, struct writer_txn *))
{
	uint8_t id[(STORE_EVENT_ID_MAX - 1) / 2];
	enum s3_error err;

	random_bytes(id, sizeof(id));
	hex_encode(id, sizeof(id), c->event_id);
	c->op.run = how;
	c->op.bytes = c->data.n;
	err = writer_run(ls, &c->op);
	buf_release(&c->head);
	buf_release(&c->event);
	buf_release(&c->extents);
	return err;
}

enum s3_error
change_put(struct local *ls, struct change *c)
{
	return run(ls, c, run_put);
}

enum s3_error
local_remove(struct store *s, struct slice bucket, struct store_removal *v,
	     size_t n, const struct store_note *note)
{
	for (size_t i = 0; i < n; i++) {
		struct change c = { .bucket = bucket,
				    .key = v[i].key,
				    .cond = &v[i].cond,
				    .note = note };

		if (v[i].err != S3_OK)
			continue;
		v[i].err = run(local_of(s), &c, run_remove);
		v[i].removed.existed = v[i].err == S3_OK && c.existed;
	}
	return S3_OK;
}
