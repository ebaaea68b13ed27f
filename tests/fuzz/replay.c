/*
 * Runs a fuzz target over the files named: the committed corpus, without
 * libFuzzer, as part of the test run. Prints one TAP line.
 */
#include "base/buf.h"
#include "base/io.h"
#include "tests/fuzz/fuzz.h"

int
main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0];

	for (int i = 1; i < argc; i++) {
		struct buf b = BUF_INIT;
		uint8_t *exact;

		if (io_read_file(argv[i], &b) != 0) {
			printf("not ok - fuzz corpus %s: cannot read %s\n",
			       name, argv[i]);
			return 1;
		}
		/* Of that very size, so that the sanitizer sees an overrun. */
		exact = malloc(b.n ? b.n : 1);
		if (!exact)
			return 1;
		if (b.n)
			memcpy(exact, b.p, b.n);
		LLVMFuzzerTestOneInput(exact, b.n);
		free(exact);
		buf_release(&b);
	}
	printf("%s - fuzz corpus %s: %d inputs\n", argc > 1 ? "ok" : "not ok",
	       name, argc - 1);
	return argc > 1 ? 0 : 1;
}
