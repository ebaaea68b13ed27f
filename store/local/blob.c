/*
 * Blob files: named by a counter, never by key; written, made durable, settled
 * or unlinked. A directory is synced once for all entries that changed so far:
 * the first that waits syncs for the others.
 */
#include "store/local/blob.h"
#include "base/hash.h"
#include "base/io.h"
#include "store/local/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define ALLOCATE_MIN (1u << 20)
#define WINDOW_BYTES (2u << 20) /* of early writeback */

enum s3_error
blob_create(struct local *ls, struct blob_file **out)
{
	struct blob_file *f = calloc(1, sizeof(*f));
	char name[BLOB_NAME_MAX];
	enum s3_error err;

	if (!f)
		return S3_ERR_INTERNAL_ERROR;
	*f = (struct blob_file){ .ls = ls, .fd = -1 };
	err = blob_space_enter(ls, f);
	if (err != S3_OK) {
		free(f);
		return err;
	}
	blob_file_name(f->id, name);
	f->fd =
	    openat(ls->blobs.root, name,
		   O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (f->fd < 0) {
		err = local_io_error("create");
		blob_settle(f, BLOB_DROPPED);
		return err;
	}
	pthread_mutex_lock(&ls->blobs.mu);
	f->entry = ++f->dir->changes;
	pthread_mutex_unlock(&ls->blobs.mu);
	*out = f;
	return S3_OK;
}

bool
blob_expect(struct blob_file *f, uint64_t size)
{
	bool allocated =
	    size > ALLOCATE_MIN &&
	    fallocate(f->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0;

	if (size >= f->ls->stream_min)
		f->stream = blob_stream_open(f->fd);
	return allocated;
}

/* Continues the CRC of the current block, closing it when it is full. */
static void
add_crc(struct blob_file *f, const char *p, size_t n)
{
	while (n) {
		size_t room = BLOB_BLOCK_BYTES - f->size % BLOB_BLOCK_BYTES;
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

/*
 * Has the disk begin with what was written, so that the sync at the end finds
 * little left. That promises nothing: what could not be written, and is not,
 * the sync tells.
 */
static enum s3_error
start_writeback(struct blob_file *f)
{
	uint64_t from = f->written_back, n = f->size - from;

	if (n < WINDOW_BYTES)
		return S3_OK;
	if (sync_file_range(f->fd, (off_t)from, (off_t)n,
			    SYNC_FILE_RANGE_WRITE) != 0)
		return local_io_error("writeback");
	f->written_back = f->size;
	return S3_OK;
}

enum s3_error
blob_append(struct blob_file *f, const void *p, size_t n)
{
	if ((f->stream ? blob_stream_add(f->stream, p, n)
		       : io_pwrite_all(f->fd, p, n, (off_t)f->size)) != 0)
		return local_io_error("write");
	add_crc(f, p, n);
	return f->stream ? S3_OK : start_writeback(f);
}

/* Waits until the change of f's directory entry is durable, or syncs for all.
 */
static enum s3_error
sync_entry(struct blob_file *f)
{
	struct blob_space *b = &f->ls->blobs;
	struct blob_dir *dir = f->dir;
	bool failed;

	pthread_mutex_lock(&b->mu);
	while (dir->synced < f->entry && !dir->failed) {
		uint64_t upto = dir->changes;
		int rc;

		if (dir->syncing) {
			pthread_cond_wait(&b->changed, &b->mu);
			continue;
		}
		dir->syncing = true;
		pthread_mutex_unlock(&b->mu);
		rc = fsync(dir->fd);
		if (rc != 0)
			local_io_error("sync of a directory");
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

	if (f->size % BLOB_BLOCK_BYTES)
		record_int(&f->crcs, f->crc, 4);
	if (!buf_ok(&f->crcs))
		return S3_ERR_INTERNAL_ERROR;
	rc = f->stream ? blob_stream_end(f->stream) : 0;
	f->stream = NULL;
	if (rc != 0)
		return local_io_error("write");
	rc = fdatasync(fd);
	f->fd = -1;
	if (rc != 0) {
		enum s3_error err = local_io_error("sync");

		close(fd);
		return err;
	}
	if (close(fd) != 0)
		return local_io_error("close");
	return sync_entry(f);
}

uint64_t
blob_id(const struct blob_file *f)
{
	return f->id;
}

void
blob_extent(const struct blob_file *f, struct buf *to)
{
	record_put_extent(
	    to, &(struct record_extent){ .blob_id = f->id, .length = f->size });
}

struct slice
blob_crcs(const struct blob_file *f)
{
	return buf_slice(&f->crcs);
}

/*
 * Takes the file's name away for good: the lowest id in flight goes beyond it,
 * so no start would look for it again.
 */
static bool
drop(struct blob_file *f)
{
	struct blob_space *b = &f->ls->blobs;
	char name[BLOB_NAME_MAX];

	blob_file_name(f->id, name);
	if (unlinkat(b->root, name, 0) != 0)
		return errno == ENOENT;
	pthread_mutex_lock(&b->mu);
	f->entry = ++f->dir->changes;
	pthread_mutex_unlock(&b->mu);
	return sync_entry(f) == S3_OK;
}

void
blob_settle(struct blob_file *f, enum blob_fate fate)
{
	if (!f)
		return;
	blob_stream_drop(f->stream);
	f->stream = NULL;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	buf_release(&f->crcs);
	/* One that cannot be unlinked stays in flight: the next start does. */
	if (fate == BLOB_DROPPED && !drop(f))
		return;
	blob_space_leave(f->ls, f);
	free(f);
}

int
blob_open(struct local *ls, uint64_t id)
{
	char name[BLOB_NAME_MAX];

	blob_file_name(id, name);
	return openat(ls->blobs.root, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

static int
sync_dir_of(struct local *ls, uint64_t id)
{
	char name[BLOB_NAME_MAX];
	int fd, rc;

	blob_dir_name(id / LEASE_IDS, name);
	fd = openat(ls->blobs.root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

void
blob_unlink(struct local *ls, const uint64_t *ids, size_t n, bool *gone)
{
	char name[BLOB_NAME_MAX];
	size_t first = 0; /* in the directory of ids[i] */

	for (size_t i = 0; i < n; i++) {
		blob_file_name(ids[i], name);
		gone[i] =
		    unlinkat(ls->blobs.root, name, 0) == 0 || errno == ENOENT;
		if (!gone[i])
			local_io_error("unlink");
		if (i + 1 < n && ids[i] / LEASE_IDS == ids[i + 1] / LEASE_IDS)
			continue;
		if (sync_dir_of(ls, ids[i]) != 0) {
			local_io_error("sync of a directory");
			memset(gone + first, 0, i + 1 - first);
		}
		first = i + 1;
	}
}
