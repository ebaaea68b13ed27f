/*
 * What S3 makes of a Range header: one satisfiable range or the whole object;
 * only a well-formed range beyond the end is an error. The suffix of an empty
 * object is the whole of it.
 */
#include "gateway/s3/range.h"

/* Digits; a number beyond 64 bits is as good as the largest. */
static int
parse(struct slice digits, uint64_t *out)
{
	for (size_t i = 0; i < digits.n; i++)
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return -1;
	if (digits.n == 0)
		return -1;
	if (slice_u64(digits, out) != 0)
		*out = UINT64_MAX;
	return 0;
}

static enum range_kind
suffix(struct slice digits, uint64_t size, uint64_t *offset, uint64_t *n)
{
	if (parse(digits, n) != 0)
		return RANGE_WHOLE;
	if (*n == 0)
		return RANGE_UNSATISFIABLE;
	if (size == 0)
		return RANGE_WHOLE;
	if (*n > size)
		*n = size;
	*offset = size - *n;
	return RANGE_PART;
}

enum range_kind
range_parse(struct slice header, uint64_t size, uint64_t *offset, uint64_t *n)
{
	const struct slice unit = SLICE("bytes=");
	struct slice rest = slice_trim(slice_from(header, unit.n)), first;
	uint64_t last = UINT64_MAX;

	if (!slice_ieq(slice_head(header, unit.n), unit) ||
	    slice_chr(rest, '-') < 0)
		return RANGE_WHOLE;
	(void)slice_cut(&rest, '-', &first);
	if (first.n == 0)
		return suffix(rest, size, offset, n);
	if (parse(first, offset) != 0 || (rest.n && parse(rest, &last) != 0) ||
	    last < *offset)
		return RANGE_WHOLE;
	if (*offset >= size)
		return RANGE_UNSATISFIABLE;
	if (last >= size)
		last = size - 1;
	*n = last - *offset + 1;
	return RANGE_PART;
}
