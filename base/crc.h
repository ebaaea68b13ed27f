/*
 * crc.h - what base/hash.h needs beyond isa-l: CRC-64/NVME, and the CRC of
 * two pieces of data from the CRCs of each. Private to base/hash.c.
 *
 * All CRCs here are reflected, with all ones in and out.
 * Threads: crc64nvme_setup() before any; all else any.
 */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include "base/slice.h"

#define CRC32_POLY 0xedb88320u
#define CRC32C_POLY 0x82f63b78u
#define CRC64NVME_POLY 0x9a6c9329ac4bc9b5u

void crc64nvme_setup(void);
/* Continues a CRC: start with 0. */
uint64_t crc64nvme(uint64_t crc, const void *p, size_t n);
/* The same by table, which the other falls back on. */
uint64_t crc64nvme_by_table(uint64_t crc, const void *p, size_t n);

/*
 * crc_combine - the CRC of a followed by b, of n_b bytes, in O(log n_b).
 * @poly: the reflected polynomial; @width: 32 or 64 bits.
 */
uint64_t crc_combine(uint64_t poly, unsigned width, uint64_t crc_a,
		     uint64_t crc_b, uint64_t n_b);

#endif
