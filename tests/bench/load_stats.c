/*
 * Times of requests in a histogram, and the line or JSON object that is made
 * of it. A class is found by the highest set bit and the six bits below it.
 */
#include "tests/bench/load.h"
#include "base/json_write.h"

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
	return c < LOAD_CLASSES ? c : LOAD_CLASSES - 1;
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
load_stats_add(struct load_stats *s, uint64_t ns)
{
	s->classes[class_of(ns)]++;
	s->requests++;
	if (ns > s->max_ns)
		s->max_ns = ns;
}

void
load_stats_merge(struct load_stats *to, const struct load_stats *s)
{
	to->requests += s->requests;
	to->errors += s->errors;
	to->absent += s->absent;
	to->bytes += s->bytes;
	if (s->max_ns > to->max_ns)
		to->max_ns = s->max_ns;
	for (unsigned c = 0; c < LOAD_CLASSES; c++)
		to->classes[c] += s->classes[c];
}

double
load_stats_quantile_us(const struct load_stats *s, double q)
{
	double rank = q * (double)s->requests;
	uint64_t seen = 0;

	for (unsigned c = 0; c < LOAD_CLASSES; c++) {
		seen += s->classes[c];
		if (seen && (double)seen >= rank)
			return class_ns(c) / 1e3;
	}
	return 0;
}

static void
print_json(const struct load_conf *conf, const struct load_result *r)
{
	const struct load_stats *s = &r->stats;
	struct buf b = BUF_INIT;

	json_open_object(&b, NULL);
	json_put_str(&b, "op", load_op_name(conf->op));
	json_put_u64(&b, "size", conf->size);
	json_put_u64(&b, "connections", conf->connections);
	json_put_u64(&b, "requests", s->requests);
	json_put_u64(&b, "errors", s->errors);
	json_put_u64(&b, "absent", s->absent);
	json_put_num(&b, "seconds", r->seconds);
	json_put_num(&b, "ops_s", (double)s->requests / r->seconds);
	json_put_num(&b, "mb_s", (double)s->bytes / r->seconds / 1e6);
	json_put_num(&b, "p50_us", load_stats_quantile_us(s, 0.50));
	json_put_num(&b, "p95_us", load_stats_quantile_us(s, 0.95));
	json_put_num(&b, "p99_us", load_stats_quantile_us(s, 0.99));
	json_put_num(&b, "max_us", (double)s->max_ns / 1e3);
	json_put_num(&b, "client_cpu_s", r->client_cpu_s);
	json_close_object(&b);
	if (buf_ok(&b))
		puts(b.p);
	buf_release(&b);
}

void
load_print(const struct load_conf *conf, const struct load_result *r, bool json)
{
	const struct load_stats *s = &r->stats;

	if (json) {
		print_json(conf, r);
		return;
	}
	printf("%s %llu B x%llu: %.0f ops/s, %.1f MB/s, p50 %.0f us, p95 %.0f "
	       "us, p99 %.0f us, max %.0f us; %llu requests, %llu errors, "
	       "%.2f s, client CPU %.2f s\n",
	       load_op_name(conf->op), (unsigned long long)conf->size,
	       (unsigned long long)conf->connections,
	       (double)s->requests / r->seconds,
	       (double)s->bytes / r->seconds / 1e6,
	       load_stats_quantile_us(s, 0.50), load_stats_quantile_us(s, 0.95),
	       load_stats_quantile_us(s, 0.99), (double)s->max_ns / 1e3,
	       (unsigned long long)s->requests, (unsigned long long)s->errors,
	       r->seconds, r->client_cpu_s);
}
