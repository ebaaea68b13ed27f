/*
 * The check of a store that nobody has open, or of a backup. Opens the index
 * for reading alone and goes on behind whatever is wrong, so that one run
 * tells all.
 */
#include "store/local/check.h"
#include "store/local/recount.h"

#include <errno.h>
#include <unistd.h>

static void
found_reference(void *ctx, const char *line)
{
	check_found(ctx, "reference", "%s", line);
}

static int
check_references(struct check *c)
{
	check_progress(c, "references", 0, 0);
	return recount_all(&c->ls, c->txn, true, found_reference, c);
}

/* LMDB's own words where a page made no sense. */
static int
run(struct check *c, char err[512])
{
	static int (*const steps[])(struct check *) = { check_index,
							check_references };

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int rc = steps[i](c);

		if (rc == ENOMEM) {
			snprintf(err, 512, "out of memory");
			return -1;
		}
		if (rc != 0)
			check_found(c, "index", "the index is damaged: %s",
				    mdb_strerror(rc));
	}
	if (c->conf->index_only || check_blobs(c) == 0)
		return 0;
	snprintf(err, 512, "%.400s/blobs: %s", c->conf->dir, strerror(errno));
	return -1;
}

int
store_fsck(const struct store_fsck_conf *conf, struct store_fsck_result *out,
	   char err[512])
{
	struct check c = { .conf = conf, .out = out, .ls.lock_fd = -1 };
	int rc;

	*out = (struct store_fsck_result){ 0 };
	rc = local_meta_open_readonly(&c.ls, conf->dir, &c.st, err);
	if (rc > 0) {
		check_found(&c, "index", "%s", err);
		rc = 0;
	} else if (rc == 0) {
		rc = mdb_txn_begin(c.ls.env, NULL, MDB_RDONLY, &c.txn);
		if (rc == 0) {
			rc = run(&c, err);
			mdb_txn_abort(c.txn);
		} else {
			snprintf(err, 512, "%.300s/index: %s", conf->dir,
				 mdb_strerror(rc));
			rc = -1;
		}
	}
	local_meta_close(&c.ls);
	buf_release(&c.buckets);
	buf_release(&c.groups);
	buf_release(&c.damaged);
	return rc;
}
