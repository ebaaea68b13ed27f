/*
 * Blob files: blobs/f/<hi>/<mid>/<id>, named by a counter, never by key.
 *
 * Ids come in leases of 4096, recorded in the index before use; a lease is one
 * directory. A file is in flight until its fate is settled, and the index
 * always knows a lower bound of the ids in flight: after a crash only files
 * from there on can be orphans, so no start scans everything.
 * A directory is synced once for all files created in it so far: the first
 * that waits syncs for the others.
 */
#include "store/local.h"
#include "store/bytes.h"

#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LEASE_IDS 4096u
#define BLOCK_BYTES (1u << 20) /* of one CRC */
#define NAME_MAX_BYTES 64

/* A directory with files in flight, or the current one. */
struct blob_dir {
	struct blob_dir *next;
	uint64_t no; /* id / LEASE_IDS */
	int fd;
	unsigned users;
	uint64_t created, synced; /* counts of directory entries */
	bool syncing;
	bool failed; /* an fsync failed: its dirty state is lost for good */
};

struct blob_file {
	struct local *ls;
	struct blob_file *next; /* in flight */
	struct blob_dir *dir;
	uint64_t id;
	uint64_t size;
	uint64_t entry; /* its number among dir->created */
	int fd;
	uint32_t crc; /* of the block being filled */
	struct buf crcs;
};

/* ---- names ------------------------------------------------------------ */

/* "<hi>/<mid>" of directory @no, and "<hi>/<mid>/<id>" below blobs/f. */
static void
dir_name(uint64_t no, char out[NAME_MAX_BYTES])
{
	snprintf(out, NAME_MAX_BYTES, "%010llx/%03x",
		 (unsigned long long)(no >> 12), (unsigned)(no & 0xfff));
}

static void
file_name(uint64_t id, char out[NAME_MAX_BYTES])
{
	char dir[NAME_MAX_BYTES / 2];

	snprintf(dir, sizeof(dir), "%010llx/%03x",
		 (unsigned long long)(id / LEASE_IDS >> 12),
		 (unsigned)(id / LEASE_IDS & 0xfff));
	snprintf(out, NAME_MAX_BYTES, "%s/%016llx", dir,
		 (unsigned long long)id);
}

/* ---- space ------------------------------------------------------------ */

uint64_t
blob_free_bytes(struct local *ls)
{
	struct statvfs v;

	if (fstatvfs(ls->blobs.root, &v) != 0)
		return 0;
	return (uint64_t)v.f_bavail * v.f_frsize;
}

enum s3_error
blob_reserve(struct local *ls, uint64_t size)
{
	struct blob_space *b = &ls->blobs;
	uint64_t free_bytes = blob_free_bytes(ls), need;
	enum s3_error err = S3_OK;

	pthread_mutex_lock(&b->mu);
	if (__builtin_add_overflow(ls->min_free_bytes, b->reserved, &need) ||
	    __builtin_add_overflow(need, size, &need) || free_bytes < need)
		err = S3_ERR_INSUFFICIENT_STORAGE;
	else
		b->reserved += size;
	pthread_mutex_unlock(&b->mu);
	return err;
}

void
blob_unreserve(struct local *ls, uint64_t size)
{
	pthread_mutex_lock(&ls->blobs.mu);
	ls->blobs.reserved -= size;
	pthread_mutex_unlock(&ls->blobs.mu);
}

/* ---- leases ----------------------------------------------------------- */

struct lease_op {
	struct writer_op op; /* first */
	uint64_t settled;
	uint64_t end;
};

static int
run_lease(struct writer_op *op, struct writer_txn *t)
{
	struct lease_op *l = (struct lease_op *)op;

	t->state->blob_settled = l->settled;
	t->state->blob_end = l->end;
	return 0;
}

/* The lowest id in flight, else the next to be given; lock held. */
static uint64_t
settled_below(const struct blob_space *b)
{
	uint64_t lo = b->next_id;

	for (const struct blob_file *f = b->flying; f; f = f->next)
		if (f->id < lo)
			lo = f->id;
	return lo;
}

/* Makes the directory and what leads to it durable; a descriptor or -1. */
static int
make_dir(int root, uint64_t no)
{
	char name[NAME_MAX_BYTES], *slash;
	int hi = -1, fd = -1;

	dir_name(no, name);
	slash = strchr(name, '/');
	*slash = '\0';
	if (mkdirat(root, name, 0750) != 0 && errno != EEXIST)
		return -1;
	hi = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (hi < 0 || fsync(root) != 0)
		goto out;
	if (mkdirat(hi, slash + 1, 0750) != 0 && errno != EEXIST)
		goto out;
	if (fsync(hi) == 0)
		fd = openat(hi, slash + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
out:
	if (hi >= 0)
		close(hi);
	return fd;
}

static void
dir_put(struct blob_space *b, struct blob_dir *dir)
{
	struct blob_dir **at = &b->dirs;

	if (--dir->users > 0)
		return;
	while (*at != dir)
		at = &(*at)->next;
	*at = dir->next;
	close(dir->fd);
	free(dir);
}

/*
 * Takes the next lease: the directory first, then the index, then use. Called
 * with the lock held and b->leasing set; releases the lock meanwhile.
 */
static enum s3_error
take_lease(struct local *ls)
{
	struct blob_space *b = &ls->blobs;
	uint64_t start = b->end_id;
	struct lease_op l = { .op.run = run_lease,
			      .settled = settled_below(b),
			      .end = (start / LEASE_IDS + 1) * LEASE_IDS };
	struct blob_dir *dir = calloc(1, sizeof(*dir));
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (!dir)
		return err;
	pthread_mutex_unlock(&b->mu);
	*dir = (struct blob_dir){ .no = start / LEASE_IDS, .users = 1 };
	dir->fd = make_dir(b->root, dir->no);
	if (dir->fd >= 0)
		err = writer_run(ls, &l.op);
	else
		log_error("blob_dir", "%s", strerror(errno));
	pthread_mutex_lock(&b->mu);
	if (err != S3_OK) {
		if (dir->fd >= 0)
			close(dir->fd);
		free(dir);
		return err;
	}
	if (b->current)
		dir_put(b, b->current);
	dir->next = b->dirs;
	b->dirs = b->current = dir;
	b->next_id = start;
	b->end_id = l.end;
	return S3_OK;
}

/* Gives f an id and a place among the files in flight. */
static enum s3_error
take_id(struct local *ls, struct blob_file *f)
{
	struct blob_space *b = &ls->blobs;
	enum s3_error err = S3_OK;

	pthread_mutex_lock(&b->mu);
	while (err == S3_OK &&
	       (!b->current || b->current->failed || b->next_id == b->end_id)) {
		if (b->leasing) {
			pthread_cond_wait(&b->changed, &b->mu);
			continue;
		}
		b->leasing = true;
		err = take_lease(ls);
		b->leasing = false;
		pthread_cond_broadcast(&b->changed);
	}
	if (err == S3_OK) {
		f->id = b->next_id++;
		f->dir = b->current;
		f->dir->users++;
		f->next = b->flying;
		b->flying = f;
	}
	pthread_mutex_unlock(&b->mu);
	return err;
}

/* ---- one file --------------------------------------------------------- */

static enum s3_error
io_error(const char *what)
{
	int e = errno;

	log_error("blob_error", "%s: %s", what, strerror(e));
	return e == ENOSPC || e == EDQUOT ? S3_ERR_INSUFFICIENT_STORAGE
					  : S3_ERR_INTERNAL_ERROR;
}

enum s3_error
blob_create(struct local *ls, struct blob_file **out)
{
	struct blob_file *f = calloc(1, sizeof(*f));
	char name[NAME_MAX_BYTES];
	enum s3_error err;

	if (!f)
		return S3_ERR_INTERNAL_ERROR;
	*f = (struct blob_file){ .ls = ls, .fd = -1 };
	err = take_id(ls, f);
	if (err != S3_OK) {
		free(f);
		return err;
	}
	file_name(f->id, name);
	f->fd =
	    openat(ls->blobs.root, name,
		   O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (f->fd < 0) {
		err = io_error("create");
		blob_settle(f, BLOB_DROPPED);
		return err;
	}
	pthread_mutex_lock(&ls->blobs.mu);
	f->entry = ++f->dir->created;
	pthread_mutex_unlock(&ls->blobs.mu);
	*out = f;
	return S3_OK;
}

bool
blob_allocate(struct blob_file *f, uint64_t size)
{
	return fallocate(f->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0;
}

/* Continues the CRC of the current block, closing it when it is full. */
static void
add_crc(struct blob_file *f, const char *p, size_t n)
{
	while (n) {
		size_t room = BLOCK_BYTES - f->size % BLOCK_BYTES;
		size_t now = n < room ? n : room;

		f->crc = crc32c(f->crc, p, now);
		f->size += now;
		if (now == room) {
			record_int(&f->crcs, f->crc, 4);
			f->crc = 0;
		}
		p += now;
		n -= now;
	}
}

enum s3_error
blob_append(struct blob_file *f, const void *p, size_t n)
{
	if (io_pwrite_all(f->fd, p, n, (off_t)f->size) != 0)
		return io_error("write");
	add_crc(f, p, n);
	return S3_OK;
}

/* Waits until the directory entry of f is durable, or syncs it for all. */
static enum s3_error
sync_entry(struct blob_file *f)
{
	struct blob_space *b = &f->ls->blobs;
	struct blob_dir *dir = f->dir;
	bool failed;

	pthread_mutex_lock(&b->mu);
	while (dir->synced < f->entry && !dir->failed) {
		uint64_t upto = dir->created;
		int rc;

		if (dir->syncing) {
			pthread_cond_wait(&b->changed, &b->mu);
			continue;
		}
		dir->syncing = true;
		pthread_mutex_unlock(&b->mu);
		rc = fsync(dir->fd);
		if (rc != 0)
			io_error("sync of a directory");
		pthread_mutex_lock(&b->mu);
		dir->syncing = false;
		if (rc == 0)
			dir->synced = upto;
		else
			dir->failed = true;
		pthread_cond_broadcast(&b->changed);
	}
	failed = dir->synced < f->entry;
	pthread_mutex_unlock(&b->mu);
	return failed ? S3_ERR_INTERNAL_ERROR : S3_OK;
}

enum s3_error
blob_sync(struct blob_file *f)
{
	int fd = f->fd, rc;

	if (f->size % BLOCK_BYTES)
		record_int(&f->crcs, f->crc, 4);
	if (!buf_ok(&f->crcs))
		return S3_ERR_INTERNAL_ERROR;
	rc = fdatasync(fd);
	f->fd = -1;
	if (rc != 0) {
		enum s3_error err = io_error("sync");

		close(fd);
		return err;
	}
	if (close(fd) != 0)
		return io_error("close");
	return sync_entry(f);
}

uint64_t
blob_id(const struct blob_file *f)
{
	return f->id;
}

struct slice
blob_crcs(const struct blob_file *f)
{
	return buf_slice(&f->crcs);
}

void
blob_settle(struct blob_file *f, enum blob_fate fate)
{
	struct blob_space *b;
	struct blob_file **at;
	char name[NAME_MAX_BYTES];

	if (!f)
		return;
	b = &f->ls->blobs;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	buf_release(&f->crcs);
	file_name(f->id, name);
	if (fate == BLOB_DROPPED && unlinkat(b->root, name, 0) != 0 &&
	    errno != ENOENT)
		fate = BLOB_UNKNOWN;
	/* An unknown one stays in flight: the next start looks at it. */
	if (fate == BLOB_UNKNOWN)
		return;
	pthread_mutex_lock(&b->mu);
	for (at = &b->flying; *at != f; at = &(*at)->next)
		;
	*at = f->next;
	dir_put(b, f->dir);
	pthread_mutex_unlock(&b->mu);
	free(f);
}

int
blob_open(struct local *ls, uint64_t id)
{
	char name[NAME_MAX_BYTES];

	file_name(id, name);
	return openat(ls->blobs.root, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

static int
sync_dir_of(struct local *ls, uint64_t id)
{
	char name[NAME_MAX_BYTES];
	int fd, rc;

	dir_name(id / LEASE_IDS, name);
	fd = openat(ls->blobs.root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

int
blob_unlink(struct local *ls, const uint64_t *ids, size_t n)
{
	char name[NAME_MAX_BYTES];

	for (size_t i = 0; i < n; i++) {
		file_name(ids[i], name);
		if (unlinkat(ls->blobs.root, name, 0) != 0 && errno != ENOENT)
			return -1;
		if ((i + 1 == n ||
		     ids[i] / LEASE_IDS != ids[i + 1] / LEASE_IDS) &&
		    sync_dir_of(ls, ids[i]) != 0)
			return -1;
	}
	return 0;
}

/* ---- opening and closing ---------------------------------------------- */

/* Unlinks files of directory @no with from <= id that no row names. */
static int
drop_orphans(struct local *ls, MDB_txn *txn, uint64_t no, uint64_t from)
{
	char name[NAME_MAX_BYTES];
	struct dirent *e;
	size_t dropped = 0;
	DIR *d;
	int fd;

	dir_name(no, name);
	fd = openat(ls->blobs.root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -1;
	}
	while ((e = readdir(d))) {
		char *end;
		uint64_t id = strtoull(e->d_name, &end, 16);
		uint8_t key[8];
		struct slice row;

		if (end != e->d_name + 16 || *end || id < from)
			continue;
		be_put(key, id, 8);
		if (local_row_get(ls, txn, TABLE_BLOB, slice_mem(key, 8),
				  &row) != MDB_NOTFOUND)
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0) == 0)
			dropped++;
	}
	closedir(d);
	if (dropped)
		log_info("orphans_dropped", "%zu unfinished uploads", dropped);
	return 0;
}

int
blob_space_open(struct local *ls, const char *data_dir, char err[512])
{
	struct blob_space *b = &ls->blobs;
	struct local_state st = writer_state(ls);
	char path[PATH_MAX];
	MDB_txn *txn;
	int rc;

	pthread_mutex_init(&b->mu, NULL);
	pthread_cond_init(&b->changed, NULL);
	b->next_id = b->end_id = st.blob_end;
	snprintf(path, sizeof(path), "%s/blobs/f", data_dir);
	rc = io_mkdirs(path, 0750);
	if (rc == 0)
		b->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rc != 0 || b->root < 0) {
		snprintf(err, 512, "%.400s: %s", path, strerror(errno));
		return -1;
	}
	snprintf(path, sizeof(path), "%s/blobs", data_dir);
	if (io_fsync_dir(path) != 0 || local_read_begin(ls, &txn) != 0) {
		snprintf(err, 512, "%.400s cannot be read", path);
		return -1;
	}
	for (uint64_t id = st.blob_settled; rc == 0 && id < st.blob_end;
	     id = (id / LEASE_IDS + 1) * LEASE_IDS)
		rc = drop_orphans(ls, txn, id / LEASE_IDS, st.blob_settled);
	mdb_txn_abort(txn);
	if (rc != 0)
		snprintf(err, 512, "%.400s: %s", path, strerror(errno));
	return rc;
}

void
blob_space_close(struct local *ls)
{
	struct blob_space *b = &ls->blobs;
	struct lease_op l = { .op.run = run_lease };
	struct blob_file *next;

	if (b->root < 0)
		return;
	/* What is left of the lease goes back; a failure only costs the next
	 * start a look at one directory. */
	l.settled = settled_below(b);
	l.end = b->next_id;
	if (b->current && writer_run(ls, &l.op) != S3_OK)
		log_warn("lease_kept", "the id lease stays open");
	for (struct blob_file *f = b->flying; f; f = next) {
		next = f->next;
		dir_put(b, f->dir);
		free(f);
	}
	if (b->current)
		dir_put(b, b->current);
	close(b->root);
	b->root = -1;
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->mu);
}
