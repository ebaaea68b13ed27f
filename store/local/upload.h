/*
 * upload.h - multipart uploads in the index.
 *   table upload   number (8)               -> the upload, open or completed
 *   table part     number (8) | part (2)    -> a part of an open upload
 *   tables M, T    by key, in a scope of their own beside the bucket's objects
 * The number comes from the clock of the versions, and an upload id begins
 * with it, so an id leads to its row. A completed upload stays for some days
 * to answer a repeated completion.
 * Threads: as the transaction.
 */
#ifndef STORE_LOCAL_UPLOAD_H
#define STORE_LOCAL_UPLOAD_H

#include "store/local/index.h"
#include "store/local/upload_record.h"

/* Where the uploads of a bucket are listed by key: their "version" is the
 * complement of the number, so that the oldest comes first. */
#define UPLOAD_SCOPE_BIT (1u << 31)
static inline uint32_t
upload_scope(uint32_t bucket_id)
{
	return bucket_id | UPLOAD_SCOPE_BIT;
}

struct upload_found {
	struct local_bucket bucket;
	uint64_t number;
	struct record_upload row; /* in the map */
};

/* S3_OK for an open one. NO_SUCH_BUCKET, NO_SUCH_UPLOAD; row.completed is set
 * when it once was and is remembered. */
enum s3_error upload_find(struct local *ls, MDB_txn *txn, struct slice bucket,
			  struct slice key, struct slice id,
			  struct upload_found *out);
int upload_row_get(struct local *ls, MDB_txn *txn, uint64_t number,
		   struct record_upload *out);
int upload_row_put(struct writer_txn *t, uint64_t number, struct slice row);

/* Takes an open upload out of the list by key; its parts are left to the
 * keeper, its row to the caller. LMDB codes. */
int upload_unlist(struct writer_txn *t, uint32_t bucket_id, struct slice key,
		  uint64_t number, int64_t now_us);
/* The keeper's: parts of an upload that is gone, a slice at a time ... */
int upload_drop_parts(struct writer_txn *t, uint64_t number, int64_t now_us,
		      bool *done);
/* ... a completed upload past its days ... */
int upload_forget(struct writer_txn *t, uint64_t number);
/* ... and uploads of deleted buckets, or older than they may get. */
void upload_expire(struct local *ls);

/* ---- parts -------------------------------------------------------------- */

int part_row_get(struct local *ls, MDB_txn *txn, uint64_t upload,
		 uint32_t number, struct slice *value);
int part_row_del(struct writer_txn *t, uint64_t upload, uint32_t number);

/* A part that is ready to be recorded. */
struct part_put {
	struct writer_op op; /* first */
	struct slice bucket, key, upload_id;
	struct record_part part;      /* mtime is set by the run */
	const struct blob_file *blob; /* its bytes, or NULL */
	/* Runs before the first write: fills part.extents from elsewhere;
	 * LMDB code, a logical failure in op.result. NULL: nothing to do. */
	int (*find)(struct part_put *p, struct writer_txn *t);
	/* scratch */
	struct buf row, extents, old;
};
/* Records p->part, replacing that of its number. */
enum s3_error part_put_run(struct local *ls, struct part_put *p);

#endif
