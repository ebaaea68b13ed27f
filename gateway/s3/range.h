/*
 * range.h - the Range header of one range (RFC 9110 §14.1.2).
 */
#ifndef GATEWAY_S3_RANGE_H
#define GATEWAY_S3_RANGE_H

#include "base/slice.h"

enum range_kind {
	RANGE_WHOLE, /* absent, several ranges, or malformed: ignored */
	RANGE_PART,
	RANGE_UNSATISFIABLE
};

/* For an object of size bytes; offset and n are filled for RANGE_PART. */
enum range_kind range_parse(struct slice header, uint64_t size,
			    uint64_t *offset, uint64_t *n);

#endif
