/*
 * limit.h - what the machine can do at best: works without a server around
 * them, done with the same sizes, threads and directory as the server's.
 */
#ifndef TESTS_BENCH_LIMIT_H
#define TESTS_BENCH_LIMIT_H

#include "tests/bench/stats.h"

struct limit_conf {
	const char *dir; /* where to write; on the disk that is measured */
	const char *table;
	uint64_t size; /* bytes of a value or file */
	uint64_t threads;
	uint64_t keys; /* different names, used in turn */
	uint64_t time_ms;
};

/* One work in one thread; ctx is the work's own. false: it failed. */
typedef bool (*limit_step)(void *ctx, uint64_t i);

/*
 * limit_repeat - calls @step of each of @n contexts in a thread of its own,
 * with 0, 1, 2 ... of all, until the time is over. Each call counts for
 * @bytes. 0, or -1 when a thread or a step failed.
 */
int MUST_CHECK limit_repeat(const struct limit_conf *conf, limit_step step,
			    void *const *ctx, size_t n, uint64_t bytes,
			    struct bench_result *out);

/* ---- the works: 0, or -1 with a line on stderr -------------------------- */

/* 4 KiB appended to a file, fdatasync. (limit_files.c) */
int limit_append(const struct limit_conf *conf, struct bench_result *out);
/* File, fdatasync, rename, fsync of the directory. */
int limit_files(const struct limit_conf *conf, struct bench_result *out);
/* A large file written and synced at its end. */
int limit_stream(const struct limit_conf *conf, struct bench_result *out);
/* EVP's MD5 of values, one core. (limit.c) */
int limit_md5(const struct limit_conf *conf, struct bench_result *out);
/* Threads that hand a value and an outbox row to one LMDB writer, which
 * commits all that wait together. (limit_lmdb.c) */
int limit_lmdb_put(const struct limit_conf *conf, struct bench_result *out);
/* 1,000 steps of a cursor through a table of an index, from random keys. */
int limit_lmdb_page(const struct limit_conf *conf, struct bench_result *out);
/* libmicrohttpd answering a value from memory, until SIGTERM; prints its
 * port. (limit_mhd.c) */
int limit_mhd(const struct limit_conf *conf, struct bench_result *out);

#endif
