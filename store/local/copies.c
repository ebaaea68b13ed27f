/*
 * Backup and restore: an index, and the blobs it names, from one folder to
 * another. Blobs never change, so only those are copied that are not there.
 *
 * A blob is written as <id>.new and gets its name once all of them are on
 * disk, by one syncfs(): under its own name a blob is always whole. The index
 * follows, then what it does not name is removed. So at any moment the index
 * in place has all its blobs.
 */
#include "base/io.h"
#include "store/care.h"
#include "store/local/blob_walk.h"
#include "store/local/damage.h"
#include "store/local/epoch.h"
#include "store/local/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(STORE_LOCAL_FORMAT == RECORD_FORMAT, "two names of one number");

#define NEW_NAME_MAX (BLOB_NAME_MAX + 8)

struct store_copies {
	struct store_copies_conf conf;
	struct store_copies_result result;
	struct local ls; /* the index that is copied */
	MDB_txn *txn;
	struct local_state st;
	int index;	  /* conf.to/index, locked */
	int new_file;	  /* the new index in it */
	int from, to;	  /* blobs/f of both */
	char *block;	  /* BLOB_BLOCK_BYTES */
	struct buf fresh; /* ids that are there as <id>.new, uint64_t */
};

static void PRINTF_LIKE(2, 3)
    damaged(struct store_copies *c, const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	c->result.damaged++;
	c->conf.damaged(c->conf.ctx, line);
}

static void
show(struct store_copies *c, const char *what, uint64_t done, uint64_t of)
{
	if (c->conf.progress)
		c->conf.progress(c->conf.ctx, what, done, of);
}

/* ---- folders ------------------------------------------------------------ */

/* Opened, and made with @make; a descriptor, or -1 with a line in err. */
static int
open_below(const char *dir, const char *name, bool make, char err[512])
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >=
	    (int)sizeof(path))
		return local_fail(err, "%.400s: its name is too long", dir);
	if (make && io_mkdirs(path, 0750) != 0)
		return local_fail(err, "cannot make %.400s: %s", path,
				  strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		local_fail(err, "%.400s: %s", path, strerror(errno));
	return fd;
}

static struct store_copies *
copies_new(const struct store_copies_conf *conf, char err[512])
{
	struct store_copies *c = calloc(1, sizeof(*c));
	char *block = malloc(BLOB_BLOCK_BYTES);

	if (!c || !block) {
		free(c);
		free(block);
		local_fail(err, "out of memory");
		return NULL;
	}
	*c = (struct store_copies){ .conf = *conf,
				    .ls.lock_fd = -1,
				    .index = -1,
				    .new_file = -1,
				    .from = -1,
				    .to = -1,
				    .block = block };
	return c;
}

void
store_copies_close(struct store_copies *c)
{
	if (!c)
		return;
	if (c->txn)
		mdb_txn_abort(c->txn);
	local_meta_close(&c->ls);
	for (size_t i = 0; i < 4; i++) {
		int fd = (int[]){ c->new_file, c->from, c->to, c->index }[i];

		if (fd >= 0)
			close(fd);
	}
	buf_release(&c->fresh);
	free(c->block);
	free(c);
}

const struct store_copies_result *
store_copies_result(const struct store_copies *c)
{
	return &c->result;
}

/* conf.to/index with a lock that a check and another backup respect. */
static int
open_target(struct store_copies *c, char err[512])
{
	c->index = open_below(c->conf.to, "index", true, err);
	if (c->index < 0)
		return -1;
	if (flock(c->index, LOCK_EX | LOCK_NB) != 0)
		return local_fail(err, "%.400s is in use by another process",
				  c->conf.to);
	c->new_file =
	    openat(c->index, "data.mdb.new",
		   O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (c->new_file < 0)
		return local_fail(err, "%.400s/index: %s", c->conf.to,
				  strerror(errno));
	return 0;
}

/* The index that says what to copy. */
static int
open_index(struct store_copies *c, const char *name, char err[512])
{
	char path[PATH_MAX];
	int rc;

	if (snprintf(path, sizeof(path), "%s/index/%s", c->conf.to, name) >=
	    (int)sizeof(path))
		return local_fail(err, "%.400s: its name is too long",
				  c->conf.to);
	if (local_meta_open_file(&c->ls, path, &c->st, err) != 0)
		return -1;
	epoch_identity(&c->ls, &c->st, &c->result.identity);
	rc = mdb_txn_begin(c->ls.env, NULL, MDB_RDONLY, &c->txn);
	return rc == 0 ? 0 : local_fail(err, "%s: %s", path, mdb_strerror(rc));
}

static void
close_index(struct store_copies *c)
{
	if (c->txn)
		mdb_txn_abort(c->txn);
	c->txn = NULL;
	local_meta_close(&c->ls);
}

/* ---- one blob ----------------------------------------------------------- */

static bool
is_there(struct store_copies *c, const char *name, uint64_t size)
{
	struct stat st;

	return fstatat(c->to, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

/* Its folder may be new. */
static int
create(struct store_copies *c, const char *name)
{
	const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
	char dir[NEW_NAME_MAX];
	int fd = openat(c->to, name, flags, 0640);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	snprintf(dir, sizeof(dir), "%s", name);
	for (char *p = strchr(dir, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdirat(c->to, dir, 0750) != 0 && errno != EEXIST)
			return -1;
		*p = '/';
	}
	return openat(c->to, name, flags, 0640);
}

/* Into c->block, also where its bytes are not those that were written. */
static enum damage
read_block(struct store_copies *c, int fd, uint64_t id, uint64_t size,
	   uint64_t block)
{
	uint32_t want = 0;
	int rc = gc_blob_crcs(&c->ls, c->txn, id, block, 1, &want);
	enum damage what =
	    verify_block(fd, size, block, want, c->block, BLOB_BLOCK_BYTES);

	if (rc != 0 && (what == DAMAGE_NONE || what == DAMAGE_BYTES))
		return DAMAGE_CHECKSUM;
	return what;
}

/* 1: the source ends early or cannot be read. */
static int
copy_bytes(struct store_copies *c, int from, int to, uint64_t id, uint64_t size)
{
	uint64_t blocks = blob_blocks(size);
	bool told = false;

	for (uint64_t block = 0; block < blocks; block++) {
		enum damage what = read_block(c, from, id, size, block);
		size_t n = blob_block_n(size, block);

		if (what != DAMAGE_NONE && !told)
			damaged(c, "blob %016llx, block %llu: %s",
				(unsigned long long)id,
				(unsigned long long)block, damage_text(what));
		told |= what != DAMAGE_NONE;
		if (what == DAMAGE_SHORT || what == DAMAGE_UNREADABLE)
			return 1;
		if (io_write_all(to, c->block, n) != 0)
			return -1;
		c->result.copied_bytes += n;
		show(c, "bytes copied", c->result.copied_bytes, 0);
	}
	return 0;
}

static int
copy_blob(struct store_copies *c, uint64_t id, uint64_t size, char err[512])
{
	char name[BLOB_NAME_MAX], fresh[NEW_NAME_MAX];
	int from, to, rc = -1;

	blob_file_name(id, name);
	snprintf(fresh, sizeof(fresh), "%s.new", name);
	from = openat(c->from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (from < 0 && errno != ENOENT && errno != EIO)
		return local_fail(err, "%.300s/blobs/f/%s: %s", c->conf.from,
				  name, strerror(errno));
	if (from < 0) {
		damaged(c, "blob %016llx: %s", (unsigned long long)id,
			strerror(errno));
		return 0;
	}
	to = create(c, fresh);
	if (to >= 0)
		rc = copy_bytes(c, from, to, id, size);
	if (to >= 0 && close(to) != 0 && rc == 0)
		rc = -1;
	if (rc < 0)
		local_fail(err, "%.300s/blobs/f/%s: %s", c->conf.to, fresh,
			   strerror(errno));
	if (rc != 0)
		(void)unlinkat(c->to, fresh, 0);
	close(from);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	c->result.copied++;
	buf_add(&c->fresh, &id, sizeof(id));
	return 0;
}

/* ---- all of them -------------------------------------------------------- */

static int
copy_missing(struct store_copies *c, char err[512])
{
	char name[BLOB_NAME_MAX];
	struct blob_row row;
	int rc;

	for (uint64_t id = 0;; id++) {
		rc = blob_next(&c->ls, c->txn, &id, &row);
		if (rc == MDB_NOTFOUND)
			return 0;
		if (rc != 0)
			return local_fail(
			    err, "the index is damaged: see reelgate admin "
				 "fsck");
		if (row.refs == 0)
			continue; /* may be unlinked already */
		c->result.blobs++;
		c->result.blob_bytes += row.size;
		blob_file_name(id, name);
		if (!is_there(c, name, row.size) &&
		    copy_blob(c, id, row.size, err) != 0)
			return -1;
	}
}

/* Since Linux 5.8 syncfs() tells of every write that failed. */
static int
name_fresh(struct store_copies *c, char err[512])
{
	size_t n = c->fresh.n / sizeof(uint64_t);

	show(c, "writing to disk", 0, 0);
	if (!buf_ok(&c->fresh))
		return local_fail(err, "out of memory");
	if (syncfs(c->to) != 0)
		return local_fail(err, "%.400s: %s", c->conf.to,
				  strerror(errno));
	for (size_t i = 0; i < n; i++) {
		char name[BLOB_NAME_MAX], fresh[NEW_NAME_MAX];
		uint64_t id;

		memcpy(&id, c->fresh.p + i * sizeof(id), sizeof(id));
		blob_file_name(id, name);
		snprintf(fresh, sizeof(fresh), "%s.new", name);
		if (renameat(c->to, fresh, c->to, name) != 0)
			return local_fail(err, "%.300s/blobs/f/%s: %s",
					  c->conf.to, name, strerror(errno));
	}
	if (n && syncfs(c->to) != 0)
		return local_fail(err, "%.400s: %s", c->conf.to,
				  strerror(errno));
	return 0;
}

static int
copy_blobs(struct store_copies *c, char err[512])
{
	c->from = open_below(c->conf.from, "blobs/f", false, err);
	if (c->from < 0)
		return -1;
	c->to = open_below(c->conf.to, "blobs/f", true, err);
	if (c->to < 0 || copy_missing(c, err) != 0)
		return -1;
	return name_fresh(c, err);
}

/* What the index does not name goes, and what an interrupted run left. */
static int
prune(void *ctx, int dir, const char *name, bool is_blob, uint64_t id)
{
	struct store_copies *c = ctx;
	struct blob_row row;
	size_t n = strlen(name);
	int rc;

	if (is_blob) {
		rc = gc_blob_get(&c->ls, c->txn, id, &row);
		if (rc != MDB_NOTFOUND && (rc != 0 || row.refs > 0))
			return 0;
	} else if (n != 20 || strcmp(name + 16, ".new") != 0) {
		return 0;
	}
	if (unlinkat(dir, name, 0) != 0)
		return -1;
	c->result.removed++;
	return 0;
}

/* The file at conf.to/index/data.mdb.new takes its place for good. */
static int
place_index(struct store_copies *c, char err[512])
{
	if (fsync(c->new_file) != 0 ||
	    renameat(c->index, "data.mdb.new", c->index, "data.mdb") != 0 ||
	    fsync(c->index) != 0 || io_fsync_dir(c->conf.to) != 0)
		return local_fail(err, "%.400s/index: %s", c->conf.to,
				  strerror(errno));
	return 0;
}

/* ---- a backup ----------------------------------------------------------- */

struct store_copies *
store_backup_open(const struct store_copies_conf *conf, char err[512])
{
	struct store_copies *c = copies_new(conf, err);

	if (c && open_target(c, err) == 0)
		return c;
	store_copies_close(c);
	return NULL;
}

int
store_backup_fd(const struct store_copies *c)
{
	return c->new_file;
}

int
store_backup_blobs(struct store_copies *c, char err[512])
{
	if (open_index(c, "data.mdb.new", err) != 0)
		return -1;
	return c->conf.index_only ? 0 : copy_blobs(c, err);
}

int
store_backup_finish(struct store_copies *c, char err[512])
{
	if (place_index(c, err) != 0)
		return -1;
	if (c->conf.index_only || blob_walk(c->to, prune, c) == 0)
		return 0;
	return local_fail(err, "%.400s/blobs: %s", c->conf.to, strerror(errno));
}

/* ---- a restore ---------------------------------------------------------- */

static int
copy_index(struct store_copies *c, char err[512])
{
	char path[PATH_MAX];
	ssize_t n = -1;
	int from;

	if (snprintf(path, sizeof(path), "%s/index/data.mdb", c->conf.from) >=
	    (int)sizeof(path))
		return local_fail(err, "%.400s: its name is too long",
				  c->conf.from);
	from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return local_fail(err, "%.400s holds no backup: %s",
				  c->conf.from, strerror(errno));
	while ((n = read(from, c->block, BLOB_BLOCK_BYTES)) > 0)
		if (io_write_all(c->new_file, c->block, (size_t)n) != 0)
			break;
	if (n != 0)
		local_fail(err, "the copy of %.300s: %s", path,
			   strerror(errno));
	close(from);
	return n == 0 ? 0 : -1;
}

static int
begin_epoch(struct store_copies *c, char err[512])
{
	char path[PATH_MAX];
	int rc;

	close_index(c);
	snprintf(path, sizeof(path), "%s/index/data.mdb.new", c->conf.to);
	if (local_meta_open_alone(&c->ls, path, &c->st, err) != 0)
		return -1;
	rc = epoch_begin(&c->ls, c->conf.to, &c->st, err);
	epoch_identity(&c->ls, &c->st, &c->result.identity);
	close_index(c);
	return rc;
}

int
store_restore(const struct store_copies_conf *conf,
	      struct store_copies_result *out, char err[512])
{
	struct store_copies *c = copies_new(conf, err);
	int rc = -1;

	if (c && open_target(c, err) == 0 && copy_index(c, err) == 0 &&
	    store_backup_blobs(c, err) == 0 && begin_epoch(c, err) == 0)
		rc = place_index(c, err);
	if (rc == 0)
		*out = c->result;
	store_copies_close(c);
	return rc;
}
