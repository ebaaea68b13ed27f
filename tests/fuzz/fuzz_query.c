/*
 * The canonical query of SigV4: whatever order the parameters come in it is
 * the same, and it is its own canonical form.
 */
#include "auth/sigv4.h"
#include "tests/fuzz/fuzz.h"

static int
canonical(struct slice raw, struct arena *a, struct buf *out)
{
	struct sigv4_query q;
	int rc = sigv4_query_parse(raw, a, &q);

	if (rc == 0)
		sigv4_query_put(out, &q);
	return rc;
}

/* The parameters, last first. */
static void
reverse(struct slice raw, struct buf *out)
{
	struct slice rest = raw, item;
	size_t end = raw.n;

	for (size_t i = raw.n; i-- > 0;) {
		if (raw.p[i] != '&')
			continue;
		buf_put(out, slice_mem(raw.p + i + 1, end - i - 1));
		buf_putc(out, '&');
		end = i;
	}
	slice_cut(&rest, '&', &item);
	buf_put(out, item);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once = BUF_INIT, twice = BUF_INIT, backwards = BUF_INIT;
	struct slice raw = slice_mem(data, size);
	struct buf reversed = BUF_INIT;
	struct arena a;

	arena_init(&a, 8 << 20);
	if (canonical(raw, &a, &once) == 0) {
		REQUIRE(canonical(buf_slice(&once), &a, &twice) == 0);
		REQUIRE(slice_eq(buf_slice(&once), buf_slice(&twice)));
		reverse(raw, &reversed);
		REQUIRE(canonical(buf_slice(&reversed), &a, &backwards) == 0);
		REQUIRE(slice_eq(buf_slice(&once), buf_slice(&backwards)));
	} else {
		REQUIRE(slice_chr(raw, '%') >= 0 || a.err);
	}
	arena_release(&a);
	buf_release(&once);
	buf_release(&twice);
	buf_release(&backwards);
	buf_release(&reversed);
	return 0;
}
