/*
 * stats.h - what the programs of the benchmark share: times of requests or
 * works, what is printed of them, and bytes to send or write.
 */
#ifndef TESTS_BENCH_STATS_H
#define TESTS_BENCH_STATS_H

#include "base/buf.h"

/* Classes of 1/64 of a power of two: percentiles are right to 1.6 %. */
#define BENCH_CLASSES (64u * 40u)
struct bench_stats {
	uint64_t requests;
	uint64_t errors;
	uint64_t bytes; /* of bodies, sent and received */
	uint64_t max_ns;
	uint64_t classes[BENCH_CLASSES];
};

struct bench_result { /* 20 KiB: not for a stack */
	struct bench_stats stats;
	double seconds;
	double cpu_s; /* of this process */
};

void bench_stats_add(struct bench_stats *s, uint64_t ns);
void bench_stats_merge(struct bench_stats *to, const struct bench_stats *s);
/* q (0..1) of all requests took at most this. */
double bench_stats_quantile_us(const struct bench_stats *s, double q);
/* Members of an open object: ops_s, mb_s, p50_us, ... */
void bench_result_json(struct buf *b, const struct bench_result *r);

uint64_t bench_now_ns(void); /* monotonic */
double bench_cpu_s(void);
void bench_sleep_ms(uint64_t ms);

/* ---- data.c -------------------------------------------------------------- */

/* xorshift64, repeatable; *x is not 0. */
uint64_t bench_random(uint64_t *x);
/* n such bytes, for free(); NULL on memory shortage. */
char *bench_data(size_t n);

#endif
