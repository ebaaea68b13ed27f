/*
 * Reading bytes: from open descriptors (or from memory when they are inline),
 * so that nothing that happens to the key can touch an open read.
 */
#include "store/local/read.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "store/local/extents.h"
#include "store/local/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- the list of reads of many pieces ----------------------------------- */

void
reads_init(struct open_reads *o)
{
	pthread_mutex_init(&o->mu, NULL);
}

void
reads_release(struct open_reads *o)
{
	pthread_mutex_destroy(&o->mu);
}

static void
enlist(struct local_read *r, size_t snapshot)
{
	struct open_reads *o = &r->ls->reads;

	pthread_mutex_lock(&o->mu);
	r->snapshot = snapshot;
	r->stale = snapshot < o->barred;
	r->next = o->first;
	if (o->first)
		o->first->prev = r;
	o->first = r;
	r->listed = true;
	pthread_mutex_unlock(&o->mu);
}

static void
strike(struct local_read *r)
{
	struct open_reads *o = &r->ls->reads;

	pthread_mutex_lock(&o->mu);
	if (r->prev)
		r->prev->next = r->next;
	else
		o->first = r->next;
	if (r->next)
		r->next->prev = r->prev;
	pthread_mutex_unlock(&o->mu);
}

void
reads_bar(struct open_reads *o, size_t snapshot)
{
	pthread_mutex_lock(&o->mu);
	if (snapshot > o->barred)
		o->barred = snapshot;
	pthread_mutex_unlock(&o->mu);
}

static bool
names(const struct local_read *r, uint64_t blob_id)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->at[i].blob_id == blob_id)
			return true;
	return false;
}

bool
reads_need(struct open_reads *o, uint64_t blob_id, uint64_t released)
{
	bool need = false;

	pthread_mutex_lock(&o->mu);
	for (const struct local_read *r = o->first; r && !need; r = r->next)
		need = r->snapshot < released && names(r, blob_id);
	pthread_mutex_unlock(&o->mu);
	return need;
}

/* ---- opening and closing ------------------------------------------------ */

static void
close_all(struct local_read *r)
{
	for (size_t i = 0; r->all && i < r->n; i++)
		if (r->all[i] >= 0)
			close(r->all[i]);
	free(r->all);
	r->all = NULL;
}

void
local_read_close(struct store_read *read)
{
	struct local_read *r = (struct local_read *)read;

	if (r->listed)
		strike(r);
	for (size_t i = 0; i < READ_OPEN_MAX; i++)
		if (r->open[i].fd >= 0)
			close(r->open[i].fd);
	close_all(r);
	if (r->memfd >= 0)
		close(r->memfd);
	free(r->crcs.v);
	free(r);
}

/* Without a piece the bytes are inline, or those of one empty part. */
static struct local_read *
alloc(struct local *ls, const struct record_object *rec, struct slice extents)
{
	size_t n = extents_count(extents);
	struct local_read *r =
	    malloc(sizeof(*r) + (n + 1) * sizeof(r->at[0]) + rec->data.n);
	uint64_t start = 0;

	if (!r)
		return NULL;
	*r = (struct local_read){ .ls = ls, .size = rec->o.size, .n = n };
	r->memfd = -1;
	if (n == 0)
		r->data = (char *)&r->at[1];
	for (size_t i = 0; i < READ_OPEN_MAX; i++)
		r->open[i].fd = -1;
	for (size_t i = 0; i < n; i++) {
		struct record_extent e = record_extent(extents, i);

		r->at[i] = (struct read_piece){ start, e.blob_id, e.offset };
		start += e.length;
	}
	r->at[n].start = start;
	return r;
}

static enum s3_error
new_inline(struct local *ls, const struct record_object *rec,
	   struct local_read **out)
{
	struct local_read *r;

	if (crc32c(0, rec->data.p, rec->data.n) != rec->inline_crc) {
		log_error("object_damaged", "inline bytes fail their CRC-32C");
		return S3_ERR_INTERNAL_ERROR;
	}
	r = alloc(ls, rec, SLICE_EMPTY);
	if (!r)
		return S3_ERR_INTERNAL_ERROR;
	memcpy(r->data, rec->data.p, rec->data.n);
	*out = r;
	return S3_OK;
}

/* All of one piece. */
static int
load_crcs(struct local_read *r, MDB_txn *txn)
{
	uint64_t from = r->at[0].offset;
	int rc = verify_load_crcs(r, txn, 0, from, from + r->size);

	if (rc != MDB_NOTFOUND && rc != MDB_CORRUPTED)
		return rc;
	damage_found(r->ls, DAMAGE_CHECKSUM, r->at[0].blob_id,
		     from / BLOB_BLOCK_BYTES);
	return MDB_CORRUPTED;
}

enum s3_error
read_new(struct local *ls, MDB_txn *txn, const struct record_object *rec,
	 struct local_read **out)
{
	struct slice extents = rec->extents;
	struct buf set = BUF_INIT;
	struct local_read *r;
	int rc = 0;

	if (rec->is_inline)
		return new_inline(ls, rec, out);
	if (rec->extent_set) {
		rc = set_extents(ls, txn, rec->extent_set, &set);
		extents = buf_slice(&set);
	}
	r = rc == 0 ? alloc(ls, rec, extents) : NULL;
	buf_release(&set);
	if (rc != 0)
		return local_error("extents", rc);
	if (!r)
		return S3_ERR_INTERNAL_ERROR;
	if (r->at[r->n].start != r->size)
		rc = MDB_CORRUPTED;
	if (rc == 0 && r->n == 1 && r->size)
		rc = load_crcs(r, txn);
	if (rc != 0) {
		local_read_close(&r->base);
		return local_error("extents", rc);
	}
	if (r->n > 1)
		enlist(r, mdb_txn_id(txn));
	*out = r;
	return S3_OK;
}

int
read_piece_fd(struct local_read *r, size_t piece)
{
	size_t slot = piece % READ_OPEN_MAX;

	if (r->open[slot].fd >= 0 && r->open[slot].piece == piece)
		return r->open[slot].fd;
	if (r->open[slot].fd >= 0)
		close(r->open[slot].fd);
	r->open[slot].fd = blob_open(r->ls, r->at[piece].blob_id);
	r->open[slot].piece = piece;
	return r->open[slot].fd;
}

int
read_open(struct local_read *r)
{
	if (r->stale) {
		errno = ENOENT;
		return -1;
	}
	return r->n == 0 || read_piece_fd(r, 0) >= 0 ? 0 : -1;
}

/* ---- bytes -------------------------------------------------------------- */

size_t
read_find_piece(const struct local_read *r, uint64_t offset)
{
	size_t lo = 0, hi = r->n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->at[mid].start <= offset)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

enum s3_error
local_read_at(struct store_read *read, uint64_t offset, void *to, size_t n)
{
	struct local_read *r = (struct local_read *)read;
	char *p = to;

	if (offset > r->size || n > r->size - offset)
		return S3_ERR_INTERNAL_ERROR;
	if (r->data) {
		memcpy(p, r->data + offset, n);
		return S3_OK;
	}
	for (size_t i = n ? read_find_piece(r, offset) : 0; n; i++) {
		uint64_t skip = offset - r->at[i].start;
		uint64_t left = r->at[i + 1].start - offset;
		size_t now = left < n ? (size_t)left : n;
		enum s3_error err = verify_piece(r, i, skip, now);
		int fd = err == S3_OK ? read_piece_fd(r, i) : -1;

		if (err != S3_OK)
			return err;
		if (fd < 0)
			return local_io_error("open");
		if (io_pread_all(fd, p, now, (off_t)(r->at[i].offset + skip)) !=
		    0)
			return local_io_error("read");
		p += now;
		offset += now;
		n -= now;
	}
	return S3_OK;
}

const char *
local_read_memory(struct store_read *read)
{
	return ((struct local_read *)read)->data;
}

/* ---- for readers outside the process ------------------------------------ */

static int
make_memfd(const struct local_read *r)
{
	const int seals =
	    F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	int fd = memfd_create("object", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && (io_pwrite_all(fd, r->data, r->size, 0) != 0 ||
			fcntl(fd, F_ADD_SEALS, seals) != 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static enum s3_error
inline_extent(struct local_read *r, struct store_extent *out)
{
	if (r->memfd < 0)
		r->memfd = make_memfd(r);
	if (r->memfd < 0) {
		log_error("memfd", "%s", strerror(errno));
		return S3_ERR_INTERNAL_ERROR;
	}
	*out = (struct store_extent){ r->memfd, 0, r->size };
	return S3_OK;
}

/* Descriptors of all pieces. */
static enum s3_error
open_all(struct local_read *r)
{
	r->all = malloc(r->n * sizeof(*r->all));
	if (!r->all)
		return S3_ERR_INTERNAL_ERROR;
	for (size_t i = 0; i < r->n; i++)
		r->all[i] = -1;
	for (size_t i = 0; i < r->n; i++) {
		r->all[i] = blob_open(r->ls, r->at[i].blob_id);
		if (r->all[i] < 0) {
			enum s3_error err = local_io_error("open");

			close_all(r);
			return err;
		}
	}
	return S3_OK;
}

enum s3_error
local_read_extents(struct store_read *read, struct store_extent *out,
		   size_t max, size_t *n)
{
	struct local_read *r = (struct local_read *)read;
	enum s3_error err = S3_OK;

	*n = r->data ? 1 : r->n;
	if (max < *n)
		return S3_ERR_INTERNAL_ERROR;
	if (r->data)
		return inline_extent(r, out);
	if (r->n > 1 && !r->all)
		err = open_all(r);
	for (size_t i = 0; err == S3_OK && i < r->n; i++)
		out[i] = (struct store_extent){
			r->n > 1 ? r->all[i] : read_piece_fd(r, 0),
			r->at[i].offset, r->at[i + 1].start - r->at[i].start
		};
	return err;
}
