/*
 * Times in a histogram, and the JSON object made of it. A class is found by
 * the highest set bit and the six bits below it.
 */
#include "tests/bench/stats.h"
#include "base/json_write.h"

#include <errno.h>
#include <sys/resource.h>

#define SUB_BITS 6
#define SUB (1u << SUB_BITS)

static unsigned
class_of(uint64_t ns)
{
	unsigned top, c;

	if (ns < SUB)
		return (unsigned)ns;
	top = 63u - (unsigned)__builtin_clzll(ns);
	c = (top - SUB_BITS + 1) * SUB +
	    (unsigned)((ns >> (top - SUB_BITS)) & (SUB - 1));
	return c < BENCH_CLASSES ? c : BENCH_CLASSES - 1;
}

/* The middle of a class. */
static double
class_ns(unsigned c)
{
	unsigned shift = c / SUB;

	if (shift == 0)
		return c;
	return ((double)(SUB + c % SUB) + 0.5) * (double)(1ull << (shift - 1));
}

void
bench_stats_add(struct bench_stats *s, uint64_t ns)
{
	s->classes[class_of(ns)]++;
	s->requests++;
	if (ns > s->max_ns)
		s->max_ns = ns;
}

void
bench_stats_merge(struct bench_stats *to, const struct bench_stats *s)
{
	to->requests += s->requests;
	to->errors += s->errors;
	to->bytes += s->bytes;
	if (s->max_ns > to->max_ns)
		to->max_ns = s->max_ns;
	for (unsigned c = 0; c < BENCH_CLASSES; c++)
		to->classes[c] += s->classes[c];
}

double
bench_stats_quantile_us(const struct bench_stats *s, double q)
{
	double rank = q * (double)s->requests;
	uint64_t seen = 0;

	for (unsigned c = 0; c < BENCH_CLASSES; c++) {
		seen += s->classes[c];
		if (seen && (double)seen >= rank)
			return class_ns(c) / 1e3;
	}
	return 0;
}

void
bench_result_json(struct buf *b, const struct bench_result *r)
{
	const struct bench_stats *s = &r->stats;

	json_put_u64(b, "requests", s->requests);
	json_put_u64(b, "errors", s->errors);
	json_put_num(b, "seconds", r->seconds);
	json_put_num(b, "ops_s", (double)s->requests / r->seconds);
	json_put_num(b, "mb_s", (double)s->bytes / r->seconds / 1e6);
	json_put_num(b, "p50_us", bench_stats_quantile_us(s, 0.50));
	json_put_num(b, "p95_us", bench_stats_quantile_us(s, 0.95));
	json_put_num(b, "p99_us", bench_stats_quantile_us(s, 0.99));
	json_put_num(b, "max_us", (double)s->max_ns / 1e3);
	json_put_num(b, "cpu_s", r->cpu_s);
}

uint64_t
bench_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

double
bench_cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

void
bench_sleep_ms(uint64_t ms)
{
	struct timespec t = { .tv_sec = (time_t)(ms / 1000),
			      .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}
