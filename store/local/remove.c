/*
 * Removals: all of one call in one operation of the writer, so that they share
 * its commit; each has its own outcome.
 */
#include "store/check.h"
#include "store/local/change.h"

#define REMOVAL_BYTES 1024u /* roughly, a marker and its event */

struct remove_op {
	struct writer_op op; /* first */
	struct store_removal *v;
	size_t n;
	struct change change; /* of one after the other */
};

static int
remove_one(struct remove_op *r, struct store_removal *v, struct writer_txn *t)
{
	struct change *c = &r->change;
	int rc;

	c->key = v->key;
	c->version_id = v->version_id;
	c->cond = &v->cond;
	rc = change_prepare_remove(c, t, &v->err);
	if (rc == 0 && v->err == S3_OK)
		rc = change_apply(c, t);
	v->removed = c->removed;
	return rc;
}

static int
run_remove(struct writer_op *op, struct writer_txn *t)
{
	struct remove_op *r = (struct remove_op *)op;
	struct local_bucket bucket;
	int rc = 0;

	op->result = change_look(&r->change, t, &bucket);
	if (op->result != S3_OK)
		return 0;
	/* Those with a bad key have their error already. */
	for (size_t i = 0; rc == 0 && i < r->n; i++)
		if (check_key(r->v[i].key) == S3_OK)
			rc = remove_one(r, &r->v[i], t);
	return rc;
}

enum s3_error
local_remove(struct store *s, struct slice bucket, struct store_removal *v,
	     size_t n, const struct store_note *note)
{
	struct remove_op r = { .op = { .run = run_remove,
				       .bytes = n * REMOVAL_BYTES,
				       .kind = WRITER_REMOVAL },
			       .v = v,
			       .n = n,
			       .change = { .bucket = bucket, .note = note } };
	enum s3_error err = writer_run(local_of(s), &r.op);

	change_release(&r.change);
	return err;
}
