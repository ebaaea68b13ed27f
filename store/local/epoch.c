/*
 * A new epoch, for a store that was brought back to an earlier state: its next
 * events are not those that the database knows under the same numbers.
 *
 * Files newer than the index may lie beside it, when the index alone was
 * restored. Their ids are passed over: they are left as they are, and no new
 * blob gets their names.
 */
#include "base/random.h"
#include "store/care.h"
#include "store/local/blob_walk.h"
#include "store/local/epoch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

/* ---- ids in use --------------------------------------------------------- */

static int
visit(void *ctx, int dir, const char *name, bool is_blob, uint64_t id)
{
	uint64_t *end = ctx;

	(void)dir;
	(void)name;
	if (is_blob && id >= *end)
		*end = (id / LEASE_IDS + 1) * LEASE_IDS;
	return 0;
}

/* No folder is no blob. */
static int
pass_files(const char *data_dir, struct local_state *st, char err[512])
{
	uint64_t end = st->blob_end;
	char path[PATH_MAX];
	int root, rc;

	if (snprintf(path, sizeof(path), "%s/blobs/f", data_dir) >=
	    (int)sizeof(path))
		path[0] = '\0';
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = root < 0 ? (errno == ENOENT ? 0 : -1)
		      : blob_walk(root, visit, &end);
	if (rc != 0)
		snprintf(err, 512, "%.400s: %s", path, strerror(errno));
	if (root >= 0)
		close(root);
	/* the next start looks for no orphans among them */
	st->blob_settled = st->blob_end = end;
	return rc;
}

/* ---- the row ------------------------------------------------------------ */

/* Epochs whose events have all left the outbox are forgotten. */
static int
end_epoch(struct local *ls, const struct local_state *st, char err[512])
{
	size_t kept = 0;

	for (size_t i = 0; i < ls->n_pasts; i++)
		if (ls->pasts[i].last_seq > st->retain_seq)
			ls->pasts[kept++] = ls->pasts[i];
	if (kept == LOCAL_PASTS_MAX) {
		snprintf(err, 512,
			 "the outbox holds events of %u epochs already: start "
			 "the gateway with its database first",
			 LOCAL_PASTS_MAX);
		return -1;
	}
	memcpy(ls->pasts[kept].epoch, ls->epoch, sizeof(ls->epoch));
	ls->pasts[kept].last_seq = st->last_seq;
	ls->n_pasts = kept + 1;
	uuid_new(ls->epoch);
	return 0;
}

int
epoch_begin(struct local *ls, const char *data_dir, struct local_state *st,
	    char err[512])
{
	MDB_txn *txn;
	int rc;

	if (pass_files(data_dir, st, err) != 0 || end_epoch(ls, st, err) != 0)
		return -1;
	rc = mdb_txn_begin(ls->env, NULL, 0, &txn);
	if (rc == 0) {
		rc = local_identity_store(ls, txn);
		if (rc == 0)
			rc = local_state_store(ls, txn, st);
		if (rc == 0)
			rc = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
	}
	if (rc == 0)
		return 0;
	snprintf(err, 512, "index: %s", mdb_strerror(rc));
	return -1;
}

int
store_new_epoch(const char *data_dir, struct store_identity *out, char err[512])
{
	const struct store_local_conf conf = { .data_dir = data_dir };
	struct local ls = { .lock_fd = -1 };
	struct local_state st;
	char path[PATH_MAX];
	int rc = -1;

	/* opening would make what is not there */
	if (snprintf(path, sizeof(path), "%s/index/data.mdb", data_dir) >=
		(int)sizeof(path) ||
	    access(path, F_OK) != 0)
		snprintf(err, 512, "%.400s holds no index", data_dir);
	else if (local_meta_open(&ls, &conf, &st, err) == 0)
		rc = epoch_begin(&ls, data_dir, &st, err);
	if (rc == 0)
		epoch_identity(&ls, &st, out);
	local_meta_close(&ls);
	return rc;
}

void
epoch_identity(const struct local *ls, const struct local_state *st,
	       struct store_identity *out)
{
	*out = (struct store_identity){ .last_seq = st->last_seq,
					.objects = st->objects,
					.bytes = st->bytes };
	memcpy(out->deployment_id, ls->deployment_id,
	       sizeof(out->deployment_id));
	memcpy(out->epoch, ls->epoch, sizeof(out->epoch));
}
