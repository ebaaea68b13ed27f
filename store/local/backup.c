/*
 * The gateway's half of a backup: a copy of the index, and the blobs it names
 * held back from being unlinked. Whoever copies them reads the files itself.
 */
#include "store/care.h"
#include "store/local/local.h"

#include <errno.h>

enum s3_error
store_backup_begin(struct store *s, int fd)
{
	struct local *ls = local_only(s);
	int rc;

	if (!ls)
		return S3_ERR_NOT_IMPLEMENTED;
	keeper_hold(ls);
	rc = mdb_env_copyfd2(ls->env, fd, MDB_CP_COMPACT);
	local_exit_on_panic(rc);
	if (rc == 0)
		return S3_OK;
	keeper_release(ls);
	return local_error("copy of the index", rc);
}

void
store_backup_end(struct store *s)
{
	struct local *ls = local_only(s);

	if (ls)
		keeper_release(ls);
}
