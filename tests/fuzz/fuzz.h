/*
 * fuzz.h - what all fuzz targets share. A target answers 0 whatever comes in;
 * a broken property aborts, in every build.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(property)                                                  \
	do {                                                               \
		if (!(property)) {                                         \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, \
				#property);                                \
			abort();                                           \
		}                                                          \
	} while (0)

static inline void
fuzz_setup(void)
{
	static bool done;

	if (!done && hash_setup() != 0)
		abort();
	done = true;
}

#endif
