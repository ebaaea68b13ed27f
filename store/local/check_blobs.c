/*
 * Files against the table blob: each is there with its size and, where asked,
 * its bytes; and none that nobody names.
 */
#include "base/timeval.h"
#include "store/local/blob_walk.h"
#include "store/local/check.h"
#include "store/local/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRESS_US (US_PER_S / 5)

struct blobs {
	struct check *c;
	bool is_backup;
	char *block; /* BLOB_BLOCK_BYTES */
	uint64_t bytes_read;
	int64_t shown_us;
};

static void
show(struct blobs *b, const char *what, uint64_t done, uint64_t of)
{
	int64_t now = time_mono_us();

	if (now - b->shown_us < PROGRESS_US)
		return;
	b->shown_us = now;
	check_progress(b->c, what, done, of);
}

static void
check_bytes(struct blobs *b, int fd, uint64_t id, uint64_t size)
{
	struct check *c = b->c;
	uint64_t blocks = blob_blocks(size);

	for (uint64_t block = 0; block < blocks; block++) {
		enum damage what = DAMAGE_NONE;
		uint32_t crc;

		/* a checksum that is lost is reported with its row */
		if (gc_blob_crcs(&c->ls, c->txn, id, block, 1, &crc) == 0)
			what = verify_block(fd, size, block, crc, b->block,
					    BLOB_BLOCK_BYTES);
		if (what != DAMAGE_NONE)
			check_found_blob(
			    c, id, block, "blob %016llx, block %llu: %s",
			    (unsigned long long)id, (unsigned long long)block,
			    damage_text(what));
		if (what == DAMAGE_SHORT || what == DAMAGE_UNREADABLE)
			return;
		b->bytes_read += blob_block_n(size, block);
		show(b, "bytes", b->bytes_read, c->out->blob_bytes);
	}
}

static void
check_blob(struct blobs *b, int root, uint64_t id, const struct blob_row *row)
{
	char name[BLOB_NAME_MAX];
	struct stat st;
	int fd;

	/* without references it may be unlinked already */
	if (row->refs == 0)
		return;
	blob_file_name(id, name);
	fd = openat(root, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) != 0)
		check_found_blob(b->c, id, CHECK_WHOLE_BLOB,
				 "blob %016llx (blobs/f/%s): %s",
				 (unsigned long long)id, name, strerror(errno));
	else if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != row->size)
		check_found_blob(b->c, id, CHECK_WHOLE_BLOB,
				 "blob %016llx (blobs/f/%s) has %llu bytes, "
				 "its record says %llu",
				 (unsigned long long)id, name,
				 (unsigned long long)st.st_size,
				 (unsigned long long)row->size);
	else if (b->c->conf->bytes)
		check_bytes(b, fd, id, row->size);
	if (fd >= 0)
		close(fd);
}

static void
check_rows(struct blobs *b, int root)
{
	struct check *c = b->c;
	struct blob_row row;
	uint64_t n = 0;

	for (uint64_t id = 0;; id++) {
		int rc = blob_next(&c->ls, c->txn, &id, &row);

		/* reported with its row */
		if (rc == MDB_CORRUPTED)
			continue;
		if (rc != 0)
			return;
		check_blob(b, root, id, &row);
		show(b, "blobs", ++n, c->out->blobs);
	}
}

/*
 * Files of ids that were in flight belong to uploads that a crash ended: the
 * next start removes them. A backup keeps what an interrupted one brought.
 */
static int
visit(void *ctx, int dir, const char *name, bool is_blob, uint64_t id)
{
	struct blobs *b = ctx;
	struct check *c = b->c;
	struct blob_row row;
	struct stat st;
	int rc;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	rc = is_blob ? gc_blob_get(&c->ls, c->txn, id, &row) : MDB_NOTFOUND;
	if (rc != MDB_NOTFOUND)
		return 0;
	c->out->orphans++;
	c->out->orphan_bytes += (uint64_t)st.st_size;
	if (b->is_backup || (is_blob && id >= c->st.blob_settled))
		return 0;
	check_found(c, "orphan", "%.255s below blobs/f belongs to nothing",
		    name);
	return 0;
}

static bool
is_backup(const struct store_fsck_conf *conf)
{
	char path[PATH_MAX];

	return conf->backup &&
	       snprintf(path, sizeof(path), "%s/%s", conf->dir, conf->backup) <
		   (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

int
check_blobs(struct check *c)
{
	struct blobs b = { .c = c,
			   .is_backup = is_backup(c->conf),
			   .block = malloc(BLOB_BLOCK_BYTES) };
	char path[PATH_MAX];
	int root = -1, rc = -1;

	if (b.block && snprintf(path, sizeof(path), "%s/blobs/f",
				c->conf->dir) < (int)sizeof(path))
		root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root >= 0) {
		check_rows(&b, root);
		check_owners(c);
		rc = blob_walk(root, visit, &b);
		close(root);
	}
	free(b.block);
	return rc;
}
