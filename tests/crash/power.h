/*
 * power.h - the trace of a program's changes to its data directory: written by
 * power_record.c (LD_PRELOAD), read by power_replay.c.
 *
 * A trace is a row of records, each a struct power_record and what it names:
 * `first` bytes and then `second` bytes. Paths are relative to the data
 * directory, which itself is "". Zeros fill up to the next multiple of 8. The
 * order of records is the order in which the calls happened: one lock holds
 * each call and its record together.
 */
#ifndef TESTS_CRASH_POWER_H
#define TESTS_CRASH_POWER_H

#include <stdint.h>
#include <stddef.h>

enum power_kind {
	POWER_OPEN,	/* first: path; arg: flags; at: 1 when it was made */
	POWER_CLOSE,	/* fd */
	POWER_DUP,	/* fd; arg: the new one */
	POWER_WRITE,	/* fd, at; first: the bytes */
	POWER_TRUNCATE, /* fd, at: the size */
	POWER_EXTEND,	/* fd, at: the size that it has at least */
	POWER_SYNC,	/* fd: fsync or fdatasync */
	POWER_SYNCFS,
	POWER_RENAME, /* first: from; second: to */
	POWER_LINK,   /* likewise */
	POWER_UNLINK, /* first: path of a file or an empty folder */
	POWER_MKDIR,  /* first: path */
	POWER_MAPPED, /* fd: written through memory, its bytes are unknown */
	POWER_MARK    /* first: text of the program itself */
};

struct power_record {
	uint32_t kind;
	int32_t fd;
	int32_t arg;
	uint32_t first;
	uint32_t second;
	uint32_t unused;
	uint64_t at;
};

static inline size_t
power_record_size(const struct power_record *r)
{
	return sizeof(*r) + ((size_t)r->first + r->second + 7) / 8 * 8;
}

/* Writes a mark; absent when the recorder is not loaded. */
void power_mark(const char *text, size_t n) __attribute__((weak));

#endif
