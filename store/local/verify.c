/*
 * Verified reads. Before bytes leave, each block that holds some of them is
 * read and compared, unless that was done a moment ago (verified.h): what is
 * sent then comes from the same page cache. Between the comparison and the
 * sending bytes may still change; that window is accepted.
 */
#include "store/local/verify.h"
#include "base/hash.h"
#include "store/local/damage.h"

#include <errno.h>
#include <unistd.h>

#define BUFFER_BYTES 65536u
#define CRCS_MAX 1024u /* loaded at once, of bytes in many pieces */

/* ---- one block ---------------------------------------------------------- */

/* How much came, or -1. */
static ssize_t
read_some(int fd, char *buffer, size_t max, uint64_t at)
{
	ssize_t n;

	do
		n = pread(fd, buffer, max, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n;
}

enum damage
verify_block(int fd, uint64_t size, uint64_t block, uint32_t want, char *buffer,
	     size_t buffer_n)
{
	uint64_t at = block * BLOB_BLOCK_BYTES;
	uint32_t crc = 0;
	size_t whole, done = 0;

	if (at >= size)
		return DAMAGE_SHORT;
	whole = blob_block_n(size, block);
	while (done < whole) {
		size_t in = done % buffer_n, left = whole - done, take;
		ssize_t n =
		    read_some(fd, buffer + in, buffer_n - in, at + done);

		if (n <= 0)
			return n == 0 ? DAMAGE_SHORT : DAMAGE_UNREADABLE;
		take = (size_t)n < left ? (size_t)n : left;
		crc = crc32c(crc, buffer + in, take);
		done += take;
	}
	return crc == want ? DAMAGE_NONE : DAMAGE_BYTES;
}

/* ---- the checksums ------------------------------------------------------ */

int
verify_load_crcs(struct local_read *r, MDB_txn *txn, size_t piece,
		 uint64_t from, uint64_t to)
{
	uint64_t first = from / BLOB_BLOCK_BYTES;
	size_t n = (size_t)((to - 1) / BLOB_BLOCK_BYTES - first + 1);
	uint32_t *v = realloc(r->crcs.v, n * sizeof(*v));
	int rc;

	if (!v)
		return ENOMEM;
	r->crcs.v = v;
	r->crcs.n = 0;
	rc = gc_blob_crcs(r->ls, txn, r->at[piece].blob_id, first, n, v);
	if (rc != 0)
		return rc;
	r->crcs.blob_id = r->at[piece].blob_id;
	r->crcs.first = first;
	r->crcs.n = n;
	return 0;
}

static bool
has_crc(const struct local_read *r, size_t piece, uint64_t block)
{
	return r->crcs.blob_id == r->at[piece].blob_id &&
	       block >= r->crcs.first && block - r->crcs.first < r->crcs.n;
}

/* Of bytes in many pieces they are loaded as they are needed: the read is
 * listed, so the rows stay. */
static int
find_crc(struct local_read *r, size_t piece, uint64_t block, uint32_t *out)
{
	const struct read_piece *at = &r->at[piece];
	uint64_t from = block * BLOB_BLOCK_BYTES;
	uint64_t end = at->offset + (r->at[piece + 1].start - at->start);
	int rc = 0;

	if (end - from > (uint64_t)CRCS_MAX * BLOB_BLOCK_BYTES)
		end = from + (uint64_t)CRCS_MAX * BLOB_BLOCK_BYTES;
	if (!has_crc(r, piece, block)) {
		MDB_txn *txn;

		rc = local_read_begin(r->ls, &txn);
		if (rc != 0)
			return rc;
		rc = verify_load_crcs(r, txn, piece, from, end);
		local_read_end(r->ls, txn);
	}
	if (rc == 0)
		*out = r->crcs.v[block - r->crcs.first];
	return rc;
}

/* ---- blocks of a read --------------------------------------------------- */

struct check {
	struct local_read *r;
	size_t piece;
	struct verified_file file;
	int fd;
	int64_t since_us;
	char *buffer; /* made when it is needed */
};

static enum s3_error
damaged(const struct check *c, enum damage what, uint64_t block)
{
	damage_found(c->r->ls, what, c->file.blob_id, block);
	return S3_ERR_INTERNAL_ERROR;
}

static enum s3_error
check_block(struct check *c, uint64_t block)
{
	enum damage what;
	uint32_t want;
	int rc = find_crc(c->r, c->piece, block, &want);

	if (rc == MDB_NOTFOUND || rc == MDB_CORRUPTED)
		return damaged(c, DAMAGE_CHECKSUM, block);
	if (rc != 0)
		return local_error("crc", rc);
	if (!c->buffer)
		c->buffer = malloc(BUFFER_BYTES);
	if (!c->buffer)
		return S3_ERR_INTERNAL_ERROR;
	what = verify_block(c->fd, c->file.size, block, want, c->buffer,
			    BUFFER_BYTES);
	return what == DAMAGE_NONE ? S3_OK : damaged(c, what, block);
}

/* Blocks [first, last], all of one entry of the memory. */
static enum s3_error
check_group(struct check *c, uint64_t first, uint64_t last)
{
	struct verified *v = &c->r->ls->verified;
	uint64_t group = first / VERIFIED_BLOCKS;
	uint64_t known = verified_get(v, &c->file, group), found = 0;
	enum s3_error err = S3_OK;

	for (uint64_t b = first; err == S3_OK && b <= last; b++) {
		uint64_t bit = 1ull << b % VERIFIED_BLOCKS;

		if (known & bit)
			continue;
		err = check_block(c, b);
		found |= err == S3_OK ? bit : 0;
	}
	verified_add(v, &c->file, group, found, c->since_us);
	return err;
}

/* The last block of @first's entry, or @last when it comes before. */
static uint64_t
end_of_group(uint64_t first, uint64_t last)
{
	uint64_t end = first | (VERIFIED_BLOCKS - 1);

	return end < last ? end : last;
}

/* Its file as it is now. */
static enum s3_error
look_at(struct local_read *r, size_t piece, int *fd, struct verified_file *out)
{
	uint64_t blob_id = r->at[piece].blob_id;
	struct stat st;

	*fd = read_piece_fd(r, piece);
	if (*fd < 0 && errno == ENOENT)
		damage_found(r->ls, DAMAGE_MISSING, blob_id, 0);
	if (*fd < 0 || fstat(*fd, &st) != 0)
		return local_io_error("open");
	verified_describe(out, blob_id, &st);
	return S3_OK;
}

static bool
is_sure(const struct local_read *r, size_t piece, uint64_t first, uint64_t last)
{
	return r->sure.end && r->sure.piece == piece &&
	       first >= r->sure.first && last < r->sure.end &&
	       r->ls->verified.now_us() - r->sure.since_us < VERIFIED_US;
}

enum s3_error
verify_piece(struct local_read *r, size_t piece, uint64_t skip, uint64_t n)
{
	uint64_t at = r->at[piece].offset + skip;
	uint64_t first = at / BLOB_BLOCK_BYTES;
	uint64_t last = (at + n - 1) / BLOB_BLOCK_BYTES;
	struct check c = { .r = r, .piece = piece };
	enum s3_error err;

	if (is_sure(r, piece, first, last))
		return S3_OK;
	c.since_us = r->ls->verified.now_us();
	err = look_at(r, piece, &c.fd, &c.file);
	for (uint64_t b = first, end; err == S3_OK && b <= last; b = end + 1) {
		end = end_of_group(b, last);
		err = check_group(&c, b, end);
	}
	free(c.buffer);
	if (err == S3_OK) {
		r->sure.piece = piece;
		r->sure.first = first;
		r->sure.end = last + 1;
		r->sure.since_us = c.since_us;
	}
	return err;
}

/* ---- for those who send the bytes themselves ---------------------------- */

enum s3_error
local_read_verify(struct store_read *read, uint64_t offset, uint64_t n)
{
	struct local_read *r = (struct local_read *)read;
	enum s3_error err = S3_OK;

	if (offset > r->size || n > r->size - offset)
		return S3_ERR_INTERNAL_ERROR;
	if (r->data)
		return S3_OK; /* compared when the read was made */
	for (size_t i = read_find_piece(r, offset); err == S3_OK && n; i++) {
		uint64_t left = r->at[i + 1].start - offset;
		uint64_t now = left < n ? left : n;

		if (now)
			err = verify_piece(r, i, offset - r->at[i].start, now);
		offset += now;
		n -= now;
	}
	return err;
}

static bool
is_known(struct local_read *r, uint64_t first, uint64_t last)
{
	struct verified_file file;
	int fd;

	if (look_at(r, 0, &fd, &file) != S3_OK)
		return false;
	for (uint64_t b = first, end; b <= last; b = end + 1) {
		uint64_t known =
		    verified_get(&r->ls->verified, &file, b / VERIFIED_BLOCKS);
		uint64_t need;

		end = end_of_group(b, last);
		need = ~0ull >> (VERIFIED_BLOCKS - 1 - (end - b))
				    << b % VERIFIED_BLOCKS;
		if ((known & need) != need)
			return false;
	}
	return true;
}

/* Asked of bytes in one piece; others are read to be sent anyway. */
bool
local_read_is_verified(struct store_read *read, uint64_t offset, uint64_t n)
{
	struct local_read *r = (struct local_read *)read;
	uint64_t first, last;

	if (r->data)
		return true;
	if (r->n != 1 || offset > r->size || n > r->size - offset)
		return false;
	first = (r->at[0].offset + offset) / BLOB_BLOCK_BYTES;
	last = (r->at[0].offset + offset + n - 1) / BLOB_BLOCK_BYTES;
	return is_sure(r, 0, first, last) || is_known(r, first, last);
}

bool
store_read_is_damaged(struct store_read *read)
{
	struct local_read *r = (struct local_read *)read;

	if (!local_only(read->store) || damage_count(r->ls) == 0)
		return false;
	for (size_t i = 0; i < r->n; i++) {
		uint64_t from = r->at[i].offset;
		uint64_t n = r->at[i + 1].start - r->at[i].start;

		if (n && damage_known(r->ls, r->at[i].blob_id,
				      from / BLOB_BLOCK_BYTES,
				      (from + n - 1) / BLOB_BLOCK_BYTES))
			return true;
	}
	return false;
}
