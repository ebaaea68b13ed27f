/*
 * The LMDB environment: lock, flags, a new index, opening with all tables.
 * Flags are MDB_NOTLS only: every relaxed sync mode of LMDB can lose what was
 * acknowledged. One process owns the environment; the lock on index/ also
 * keeps it from being opened twice in one process, which would break LMDB's
 * own locks silently.
 */
#include "store/local/local.h"
#include "base/io.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TABLES_MAX 32u /* room for tables of later formats */
#define READERS_DEFAULT 1024u
#define EXTRA_MAP_BYTES (1u << 24) /* to write a few rows in */
/* At least what LMDB takes for a reader, and before them. */
#define READER_BYTES 64
#define LOCK_HEAD_BYTES 8192

/*
 * What LMDB shows may be a commit whose meta page is only in memory: a process
 * that was killed in it, or met an error, left it there. One of our own makes
 * it durable before anybody sees it and before a file is unlinked.
 * Returns 0, -1 with a line in err, or what LMDB says.
 */
static int
commit_tables(struct local *ls, struct local_state *st, char err[512])
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(ls->env, NULL, 0, &txn);

	if (rc != 0)
		return rc;
	for (enum local_table t = 0; rc == 0 && t < TABLE_COUNT; t++)
		rc = mdb_dbi_open(txn, local_table_name(t), MDB_CREATE,
				  &ls->dbi[t]);
	if (rc == 0)
		rc = local_identity_load(ls, txn, st, err);
	if (rc == MDB_NOTFOUND) {
		*st = (struct local_state){ 0 };
		rc = local_identity_create(ls, txn);
	} else if (rc == 0) {
		rc = local_state_store(ls, txn, st);
	}
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

/* On a full disk the ballast makes room: what is stored can still be read and
 * deleted then. */
static int
open_tables(struct local *ls, struct local_state *st, char err[512])
{
	int rc = commit_tables(ls, st, err);

	if (local_no_room(ls, rc) && space_drop_ballast(ls))
		rc = commit_tables(ls, st, err);
	if (rc > 0 || rc < -1)
		local_fail(err, "index: %s", mdb_strerror(rc));
	return rc == 0 ? 0 : -1;
}

/*
 * Files without an index are the bytes of an index that was lost. A new one
 * would begin at blob 0 and hide them for good.
 */
static int
check_not_lost(const char *data_dir, char err[512])
{
	char blobs[PATH_MAX];
	struct dirent *e;
	bool any = false;
	DIR *d;

	snprintf(blobs, sizeof(blobs), "%s/blobs/f", data_dir);
	d = opendir(blobs);
	if (!d)
		return 0;
	while ((e = readdir(d)))
		any |= e->d_name[0] != '.';
	closedir(d);
	if (!any)
		return 0;
	return local_fail(
	    err,
	    "%s holds objects but no index: restore the index from a "
	    "backup (docs/backup.md); an empty one would lose them",
	    data_dir);
}

static unsigned
readers_of(const struct store_local_conf *conf)
{
	return conf->max_readers ? conf->max_readers : READERS_DEFAULT;
}

static int
allocate_lock(struct local *ls, off_t size)
{
	int fd = openat(ls->lock_fd, "lock.mdb",
			O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	int rc = fd < 0 ? -1 : fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, size);

	if (fd >= 0)
		close(fd); /* not open yet: LMDB holds no lock to lose */
	return rc;
}

/*
 * LMDB maps its table of readers and leaves holes in it. To write into a hole
 * on a full disk ends a process by SIGBUS; so no hole is left.
 */
static void
fill_lock_file(struct local *ls, const struct store_local_conf *conf)
{
	off_t size = READER_BYTES * (off_t)readers_of(conf) + LOCK_HEAD_BYTES;

	/* Other errors are LMDB's to tell, which opens the file next. */
	if (allocate_lock(ls, size) == 0 || errno != ENOSPC)
		return;
	if (space_drop_ballast(ls) && allocate_lock(ls, size) == 0)
		return;
	log_warn("lock_file", "index/lock.mdb: %s", strerror(ENOSPC));
}

static int
open_env(struct local *ls, const struct store_local_conf *conf,
	 const char *path, unsigned flags, char err[512])
{
	int rc = mdb_env_create(&ls->env), dead;

	if (rc == 0)
		rc = mdb_env_set_mapsize(ls->env, conf->map_size);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(ls->env, TABLES_MAX);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(ls->env, readers_of(conf));
	if (rc == 0)
		rc = mdb_env_open(ls->env, path, MDB_NOTLS | flags, 0640);
	if (rc == 0)
		rc = mdb_reader_check(ls->env, &dead);
	if (rc != 0)
		return local_fail(err, "%s: %s", path, mdb_strerror(rc));
	return 0;
}

/* DATA/index, locked; its path is left in @path. */
static int
lock_index(struct local *ls, const char *data_dir, char path[PATH_MAX],
	   bool make, char err[512])
{
	if (snprintf(path, PATH_MAX, "%s/index", data_dir) >= PATH_MAX)
		return local_fail(err, "the data directory's name is too long");
	if (make && io_mkdirs(path, 0750) != 0)
		return local_fail(err, "%s: %s", path, strerror(errno));
	ls->lock_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ls->lock_fd < 0)
		return local_fail(err, "%s: %s", path, strerror(errno));
	if (flock(ls->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return local_fail(
		    err,
		    errno == EWOULDBLOCK ? "%s is in use by another process%s"
					 : "%s cannot be locked%s",
		    data_dir, make ? "" : ": stop it, or take a backup");
	return 0;
}

/*
 * A new index is made under another name, and gets its own when all of it is
 * durable: LMDB does not open a file of which a power cut left a part.
 */
static int
make_index(struct local *ls, const struct store_local_conf *conf,
	   struct local_state *st, char err[512])
{
	char path[PATH_MAX];
	int rc;

	if (faccessat(ls->lock_fd, "data.mdb", F_OK, 0) == 0)
		return 0;
	if (errno != ENOENT)
		return local_fail(err, "%s: %s", conf->data_dir,
				  strerror(errno));
	if (check_not_lost(conf->data_dir, err) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/index/new.mdb", conf->data_dir);
	(void)unlink(path);
	rc = open_env(ls, conf, path, MDB_NOSUBDIR | MDB_NOLOCK, err);
	if (rc == 0)
		rc = open_tables(ls, st, err);
	mdb_env_close(ls->env);
	ls->env = NULL;
	if (rc == 0 &&
	    (renameat(ls->lock_fd, "new.mdb", ls->lock_fd, "data.mdb") != 0 ||
	     fsync(ls->lock_fd) != 0))
		rc = local_fail(err, "%.400s: %s", path, strerror(errno));
	return rc;
}

int
local_meta_open(struct local *ls, const struct store_local_conf *conf,
		struct local_state *st, char err[512])
{
	char path[PATH_MAX];

	if (lock_index(ls, conf->data_dir, path, true, err) != 0)
		return -1;
	fill_lock_file(ls, conf);
	if (make_index(ls, conf, st, err) != 0 ||
	    open_env(ls, conf, path, 0, err) != 0 ||
	    open_tables(ls, st, err) != 0)
		return -1;
	/* The names of LMDB's files, and of index/ itself. */
	if (fsync(ls->lock_fd) != 0 || io_fsync_dir(conf->data_dir) != 0)
		return local_fail(err, "%s: %s", conf->data_dir,
				  strerror(errno));
	return 0;
}

/* ---- for reading alone -------------------------------------------------- */

static int
open_tables_readonly(struct local *ls, struct local_state *st, char err[512])
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(ls->env, NULL, MDB_RDONLY, &txn);

	if (rc != 0)
		return local_fail(err, "index: %s", mdb_strerror(rc));
	for (enum local_table t = 0; rc == 0 && t < TABLE_COUNT; t++) {
		rc = mdb_dbi_open(txn, local_table_name(t), 0, &ls->dbi[t]);
		if (rc == MDB_NOTFOUND && t == TABLE_INTENTS) {
			ls->dbi[t] = 0; /* of a store from before it */
			rc = 0;
		}
		if (rc != 0)
			local_fail(err, "table %s: %s", local_table_name(t),
				   mdb_strerror(rc));
	}
	if (rc == 0) {
		rc = local_identity_load(ls, txn, st, err);
		if (rc == MDB_NOTFOUND)
			local_fail(err, "table meta has no format");
	}
	/* Handles of tables outlive only a transaction that is committed. */
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	return rc == 0 ? 0 : 1;
}

static int
open_file(struct local *ls, const char *file, unsigned flags,
	  struct local_state *st, char err[512])
{
	struct stat file_stat;
	int rc;

	if (stat(file, &file_stat) != 0)
		return local_fail(err, "%s: %s", file, strerror(errno));
	rc = mdb_env_create(&ls->env);
	if (rc == 0)
		rc = mdb_env_set_mapsize(ls->env, (size_t)file_stat.st_size +
						      EXTRA_MAP_BYTES);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(ls->env, TABLES_MAX);
	if (rc == 0)
		rc = mdb_env_open(ls->env, file,
				  flags | MDB_NOLOCK | MDB_NOTLS | MDB_NOSUBDIR,
				  0);
	if (rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH ||
	    rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND) {
		local_fail(err, "%s: %s", file, mdb_strerror(rc));
		return 1;
	}
	if (rc != 0)
		return local_fail(err, "%s: %s", file, mdb_strerror(rc));
	return open_tables_readonly(ls, st, err);
}

int
local_meta_open_file(struct local *ls, const char *file, struct local_state *st,
		     char err[512])
{
	return open_file(ls, file, MDB_RDONLY, st, err);
}

int
local_meta_open_alone(struct local *ls, const char *file,
		      struct local_state *st, char err[512])
{
	return open_file(ls, file, 0, st, err);
}

int
local_meta_open_readonly(struct local *ls, const char *data_dir,
			 struct local_state *st, char err[512])
{
	char path[PATH_MAX], file[PATH_MAX + 16];

	if (lock_index(ls, data_dir, path, false, err) != 0)
		return -1;
	snprintf(file, sizeof(file), "%s/data.mdb", path);
	return local_meta_open_file(ls, file, st, err);
}

void
local_meta_close(struct local *ls)
{
	for (size_t i = 0; i < ARRAY_LEN(ls->idle); i++)
		mdb_txn_abort(atomic_exchange(&ls->idle[i], NULL));
	if (ls->env)
		mdb_env_close(ls->env);
	if (ls->lock_fd >= 0)
		close(ls->lock_fd);
	ls->env = NULL;
	ls->lock_fd = -1;
}
