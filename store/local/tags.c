/*
 * Tags: the record of a version written anew in its place. All of it is
 * copied first, since it lies in the page that changes.
 */
#include "store/local/change.h"

#include <errno.h>

struct tags_op {
	struct writer_op op; /* first */
	struct change change;
	const struct store_headers *tags;
	struct arena copies;
};

/* The version as it will be written. */
static int
copy_version(struct tags_op *p, const struct version *v)
{
	struct change *c = &p->change;
	struct arena *a = &p->copies;

	c->made = v->number;
	c->object = v->rec;
	c->object.o.is_latest = v->is_latest;
	c->object.extents = arena_copy(a, v->rec.extents);
	c->object.data = arena_copy(a, v->rec.data);
	c->object.o.storage_class = arena_copy(a, v->rec.o.storage_class);
	c->object.o.tags = *p->tags;
	if (record_headers(v->rec.headers, a, &c->object.o.headers) != 0)
		return a->err ? ENOMEM : MDB_CORRUPTED;
	return a->err ? ENOMEM : 0;
}

static int
run_tags(struct writer_op *op, struct writer_txn *t)
{
	struct tags_op *p = (struct tags_op *)op;
	struct change *c = &p->change;
	struct local_bucket bucket;
	struct version v;
	int rc;

	arena_release(&p->copies);
	arena_init(&p->copies, SIZE_MAX);
	c->object = (struct record_object){ 0 };
	op->result = change_look(c, t, &bucket);
	if (op->result != S3_OK)
		return 0;
	rc = version_find(t->ls, t->txn, bucket.id, c->key, c->version_id, &v,
			  &op->result);
	if (rc != 0 || op->result != S3_OK)
		return rc;
	rc = copy_version(p, &v);
	if (c->object.o.is_delete_marker)
		op->result = c->version_id.n ? S3_ERR_METHOD_NOT_ALLOWED
					     : S3_ERR_NO_SUCH_KEY;
	if (rc != 0 || op->result != S3_OK)
		return rc;
	rc = change_event(c, &bucket, c->note->event_name, &c->object.o, true);
	return rc == 0 ? change_apply(c, t) : rc;
}

enum s3_error
local_tags_put(struct store *s, const struct store_ref *ref,
	       const struct store_headers *tags, const struct store_note *note,
	       struct store_object *out)
{
	struct tags_op p = { .op = { .run = run_tags,
				     .bytes = local_of(s)->inline_max,
				     .kind = tags->n ? WRITER_CHANGE
						     : WRITER_REMOVAL },
			     .change = { .bucket = ref->bucket,
					 .key = ref->key,
					 .version_id = ref->version_id,
					 .note = note,
					 .rewrite = true },
			     .tags = tags };
	enum s3_error err = writer_run(local_of(s), &p.op);

	if (out && (err == S3_OK || p.change.object.o.is_delete_marker))
		change_made(&p.change, out);
	change_release(&p.change);
	arena_release(&p.copies);
	return err;
}
