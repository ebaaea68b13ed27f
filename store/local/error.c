/*
 * Failures of LMDB and of system calls: logged where they are met, and
 * translated for the client.
 */
#include "base/io.h"
#include "base/log.h"
#include "store/local/local.h"

#include <errno.h>
#include <stdarg.h>
#include <sysexits.h>
#include <unistd.h>

#define COMMIT_BYTES (8u << 20) /* what one may need, by far */

static bool
is_full(int rc)
{
	return rc == MDB_MAP_FULL || rc == ENOSPC || rc == EDQUOT;
}

bool
local_no_room(struct local *ls, int mdb_rc)
{
	return is_full(mdb_rc) ||
	       (mdb_rc == EIO && io_free_bytes(ls->lock_fd) < COMMIT_BYTES);
}

enum s3_error
local_error(const char *what, int rc)
{
	/* Our own records answer MDB_CORRUPTED too. */
	log_error("index_error", "%s: %s", what,
		  rc == MDB_CORRUPTED ? "damaged page or record"
				      : mdb_strerror(rc));
	if (is_full(rc))
		return S3_ERR_INSUFFICIENT_STORAGE;
	if (rc == MDB_READERS_FULL)
		return S3_ERR_SLOW_DOWN;
	return S3_ERR_INTERNAL_ERROR;
}

enum s3_error
local_io_error(const char *what)
{
	int e = errno;

	log_error("blob_error", "%s: %s", what, strerror(e));
	if (is_full(e))
		return S3_ERR_INSUFFICIENT_STORAGE;
	if (e == EMFILE || e == ENFILE)
		return S3_ERR_SLOW_DOWN;
	return S3_ERR_INTERNAL_ERROR;
}

void
local_exit_on_panic(int rc)
{
	if (rc != MDB_PANIC)
		return;
	log_error("index_panic", "the index refuses all work: exiting");
	_exit(EX_SOFTWARE);
}

int
local_fail(char err[512], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, 512, fmt, ap);
	va_end(ap);
	return -1;
}
