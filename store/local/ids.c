/*
 * Ids and directories of blobs, and what a crash left behind.
 *
 * Ids come in leases of 4096, recorded in the index before use; a lease is one
 * directory, blobs/f/<hi>/<mid>. A file is in flight until its fate is
 * settled, and the index always knows a lower bound of the ids in flight:
 * after a crash only files from there on can be orphans, so no start scans
 * everything.
 */
#include "store/local/blob.h"
#include "base/io.h"
#include "base/log.h"
#include "store/local/bytes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- names ------------------------------------------------------------ */

void
blob_dir_name(uint64_t no, char out[BLOB_NAME_MAX])
{
	snprintf(out, BLOB_NAME_MAX, "%010llx/%03x",
		 (unsigned long long)(no >> 12), (unsigned)(no & 0xfff));
}

void
blob_file_name(uint64_t id, char out[BLOB_NAME_MAX])
{
	uint64_t no = id / LEASE_IDS;

	snprintf(out, BLOB_NAME_MAX, "%010llx/%03x/%016llx",
		 (unsigned long long)(no >> 12), (unsigned)(no & 0xfff),
		 (unsigned long long)id);
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
	char name[BLOB_NAME_MAX], *slash;
	int hi = -1, fd = -1;

	blob_dir_name(no, name);
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
		err = local_io_error("directory");
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

enum s3_error
blob_space_enter(struct local *ls, struct blob_file *f)
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

void
blob_space_leave(struct local *ls, struct blob_file *f)
{
	struct blob_space *b = &ls->blobs;
	struct blob_file **at = &b->flying;

	pthread_mutex_lock(&b->mu);
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	dir_put(b, f->dir);
	pthread_mutex_unlock(&b->mu);
}

/* ---- opening and closing ---------------------------------------------- */

/* Unlinks files of directory @no with from <= id that no row names. */
static int
drop_orphans(struct local *ls, MDB_txn *txn, uint64_t no, uint64_t from)
{
	char name[BLOB_NAME_MAX];
	struct dirent *e;
	size_t dropped = 0;
	DIR *d;
	int fd, rc;

	blob_dir_name(no, name);
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
		else
			local_io_error("unlink of an unfinished upload");
	}
	rc = dropped ? fsync(dirfd(d)) : 0;
	closedir(d);
	if (dropped)
		log_info("orphans_dropped", "%zu unfinished uploads", dropped);
	return rc;
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
	local_read_end(ls, txn);
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
