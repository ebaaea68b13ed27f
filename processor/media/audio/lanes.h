/*
 * lanes.h - sums over floats, four at a time. The order of the additions is
 * fixed, so the result is the same wherever it runs.
 */
#ifndef PROCESSOR_MEDIA_LANES_H
#define PROCESSOR_MEDIA_LANES_H

#include <string.h>

typedef float lanes __attribute__((vector_size(16)));

static inline lanes
lanes_load(const float *p)
{
	lanes v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline float
lanes_sum(lanes v)
{
	return (v[0] + v[1]) + (v[2] + v[3]);
}

/* Sum of a[i] * b[i]; @n is a multiple of four. */
static inline float
lanes_dot(const float *a, const float *b, int n)
{
	lanes sum = { 0 };

	for (int i = 0; i < n; i += 4)
		sum += lanes_load(a + i) * lanes_load(b + i);
	return lanes_sum(sum);
}

/* Sum of (a[i] - b[i])²; @n is a multiple of four. */
static inline float
lanes_distance(const float *a, const float *b, int n)
{
	lanes sum = { 0 };

	for (int i = 0; i < n; i += 4) {
		lanes d = lanes_load(a + i) - lanes_load(b + i);

		sum += d * d;
	}
	return lanes_sum(sum);
}

#endif
