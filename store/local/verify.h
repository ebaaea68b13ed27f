/*
 * verify.h - blocks of blob files compared with the CRC-32C they were
 * written with: by readers before their bytes go out, and by the scrubber.
 *
 * A block is BLOB_BLOCK_BYTES of a blob, the last one what is left.
 * Threads: any; a read as its owner says.
 */
#ifndef STORE_LOCAL_VERIFY_H
#define STORE_LOCAL_VERIFY_H

#include "store/local/read.h"

/*
 * verify_block - reads a block of a file that is @size bytes long, in pieces
 * of @buffer_n bytes, which divide a block. Buffer and its size are aligned as
 * the descriptor demands. A buffer of BLOB_BLOCK_BYTES then holds the block,
 * with DAMAGE_BYTES too.
 * Returns DAMAGE_NONE, or what is wrong; errno of DAMAGE_UNREADABLE is set.
 */
enum damage verify_block(int fd, uint64_t size, uint64_t block, uint32_t want,
			 char *buffer, size_t buffer_n);

/* Loads the CRCs of bytes [from, to) of the blob of @piece. LMDB code. */
int verify_load_crcs(struct local_read *r, MDB_txn *txn, size_t piece,
		     uint64_t from, uint64_t to);
/* The bytes of an open read that lie in @piece from @skip on. INTERNAL_ERROR
 * when a block that holds some of them is damaged: noted and logged. */
enum s3_error verify_piece(struct local_read *r, size_t piece, uint64_t skip,
			   uint64_t n);

#endif
