/*
 * stream.h - the way of a large blob into its file, past the page cache.
 *
 * Bytes are gathered in aligned buffers, and a thread of the stream writes
 * them with O_DIRECT: that costs a tenth of the processor time of the page
 * cache, and who receives and hashes waits for the disk only when all buffers
 * are full; more than two of them brought nothing. The number of streams at
 * once is bounded, and with it their threads and memory.
 * Threads: one caller per stream.
 */
#ifndef STORE_LOCAL_STREAM_H
#define STORE_LOCAL_STREAM_H

#include "base/slice.h"

#define STREAMS_MAX 8
#define STREAM_BUFFER_BYTES (1u << 20)
#define STREAM_BUFFERS 2

struct blob_stream;

/* Writes into @fd from its beginning; it stays the caller's. NULL where the
 * file system has no O_DIRECT, all streams are taken, or there is no memory or
 * thread: @fd is then as it was. */
struct blob_stream *blob_stream_open(int fd);
/* Copies. 0, or -1 with errno, which may be that of earlier bytes. */
int MUST_CHECK blob_stream_add(struct blob_stream *s, const void *p, size_t n);
/* Ends and frees it. 0 when all bytes are written, else -1 with errno; nothing
 * is synced. */
int MUST_CHECK blob_stream_end(struct blob_stream *s);
/* Frees it, whatever is written; NULL is fine. */
void blob_stream_drop(struct blob_stream *s);

#endif
