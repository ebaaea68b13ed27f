/*
 * io.h - whole reads and writes, and small files, with every result checked.
 * All return 0 or -1 with errno. Threads: any.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include "base/buf.h"
#include <sys/types.h>

int MUST_CHECK io_write_all(int fd, const void *p, size_t n);
int MUST_CHECK io_pwrite_all(int fd, const void *p, size_t n, off_t at);
/* n bytes or -1; an early end is EIO. */
int MUST_CHECK io_pread_all(int fd, void *p, size_t n, off_t at);
/* The whole of a file of at most b->max (or 1 MiB) bytes. */
int MUST_CHECK io_read_file(const char *path, struct buf *b);
/* Durable replacement: temp file, fsync, rename, fsync of the folder. */
int MUST_CHECK io_write_file(const char *path, struct slice data, mode_t mode);
int MUST_CHECK io_fsync_dir(const char *path);
/* What is left to us on the disk of fd; 0 when nobody knows. */
uint64_t io_free_bytes(int fd);
/* All of its bytes; 0 likewise. */
uint64_t io_total_bytes(int fd);
/* mkdir -p of one path; new folders get @mode, and their names are durable. */
int MUST_CHECK io_mkdirs(const char *path, mode_t mode);

#endif
