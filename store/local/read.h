/*
 * read.h - the bytes of an object that is being read.
 *
 * Bytes in one piece: one descriptor, opened before the caller gets the read.
 * In many: descriptors are opened as they are needed, a few at a time, and the
 * read is listed so that the keeper leaves the blobs alone it may still open.
 */
#ifndef STORE_LOCAL_READ_H
#define STORE_LOCAL_READ_H

#include "store/local/local.h"

#define READ_OPEN_MAX 4u /* descriptors of a read of many pieces */

/* Where a piece of the object lies; the last entry only ends the one before */
struct read_piece {
	uint64_t start; /* in the object */
	uint64_t blob_id;
	uint64_t offset; /* in the blob */
};

struct local_read {
	struct store_read base; /* first */
	struct local *ls;
	uint64_t size;
	char *data; /* inline bytes, behind at[]; or NULL */
	int memfd;  /* made on demand */
	struct {
		size_t piece;
		int fd; /* -1: none */
	} open[READ_OPEN_MAX];
	/* CRCs of blocks [first, first + n) of a blob: of bytes in one piece
	 * all there are, since its rows may go while the read is open */
	struct {
		uint64_t blob_id;
		uint64_t first;
		size_t n;
		uint32_t *v; /* owned */
	} crcs;
	/* what was verified last: blocks [first, end) of a piece */
	struct {
		size_t piece;
		uint64_t first, end;
		int64_t since_us;
	} sure;
	int *all; /* descriptors of all pieces, for those outside; or NULL */
	/* listed in ls->reads */
	bool listed;
	size_t snapshot; /* number of the transaction that found it */
	bool stale;	 /* too old when it was listed: blobs may be gone */
	struct local_read *prev, *next;
	size_t n;
	struct read_piece at[]; /* n + 1 */
};

/* A read with its descriptors still to be opened; uses the map. */
enum s3_error read_new(struct local *ls, MDB_txn *txn,
		       const struct record_object *rec,
		       struct local_read **out);
/* A descriptor of a piece: kept open, one of few; -1 with errno. */
int read_piece_fd(struct local_read *r, size_t piece);
/* The piece that holds @offset, which lies in the object. */
size_t read_find_piece(const struct local_read *r, uint64_t offset);
/* 0 or -1 with errno: ENOENT when a blob went between look-up and now. */
int read_open(struct local_read *r);

#endif
