/*
 * Listings against the plain definition, computed over a sorted array:
 * thousands of random keys, prefixes, delimiters of any length, pages of any
 * size.
 */
#include "tests/unit/store_fixture.h"

/* Over HTTP each key takes its time. */
#define KEYS (fixture_is_remote ? 500u : 2500u)
/* A byte that no text has; over HTTP, where keys are text, the character
 * that comes last. */
#define LAST (fixture_is_remote ? "\xf4\x8f\xbf\xbf" : "\xff")

static uint32_t seed = 4711;

static uint32_t
rnd(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)(seed >> 4) * below) >> 28);
}

/* A word over a small alphabet, so that prefixes and delimiters collide. */
static struct slice
word(struct arena *a, size_t max)
{
	const char *const pieces[] = { "a", "b",  "/",	"//",
				       "-", LAST, "a/", "\xc3\xa9" };
	size_t n = rnd((uint32_t)max + 1);
	struct buf b = BUF_INIT;
	struct slice s;

	while (b.n < n)
		buf_puts(&b, pieces[rnd(ARRAY_LEN(pieces))]);
	/* Now and then longer than LMDB's keys. */
	if (max > 4 && rnd(20) == 0)
		for (int i = 0; i < 450; i++)
			buf_puts(&b, "a");
	s = arena_copy(a, buf_slice(&b));
	buf_release(&b);
	return s;
}

static int
by_bytes(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static size_t
fill(struct fixture *f, struct slice *v)
{
	size_t n = 0, kept = 0;

	while (n < KEYS) {
		v[n] = word(&f->a, 12);
		if (v[n].n == 0)
			continue;
		assert_int_equal(fixture_put(f->s, v[n], v[n]), S3_OK);
		n++;
	}
	qsort(v, n, sizeof(*v), by_bytes);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || !slice_eq(v[kept - 1], v[i]))
			v[kept++] = v[i];
	return kept;
}

struct want {
	struct slice name;
	bool is_prefix;
};

/* The definition: every key that starts with prefix stands for itself, or for
 * its part up to the delimiter; each name beyond start_after once. */
static size_t
define(const struct slice *v, size_t n, const struct store_list_req *req,
       struct want *out)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		struct want w = { v[i], false };
		ptrdiff_t at;

		if (!slice_starts(v[i], req->prefix))
			continue;
		at =
		    slice_find(slice_from(v[i], req->prefix.n), req->delimiter);
		if (req->delimiter.n && at >= 0) {
			w.is_prefix = true;
			w.name = slice_head(v[i], req->prefix.n + (size_t)at +
						      req->delimiter.n);
		}
		if (req->start_after.n &&
		    slice_cmp(w.name, req->start_after) <= 0)
			continue;
		if (req->start_is_prefix &&
		    slice_starts(v[i], req->start_after))
			continue;
		if (found && slice_eq(out[found - 1].name, w.name))
			continue;
		out[found++] = w;
	}
	return found;
}

static void
check_page(const struct store_list_page *page, const struct want *want,
	   size_t n, uint32_t max)
{
	size_t expect = n < max ? n : max;

	/* An endpoint may give less than it was asked for. */
	if (fixture_is_remote && page->n && page->n < expect)
		expect = page->n;
	assert_int_equal(page->n, expect);
	assert_int_equal(page->truncated, max && n > expect);
	for (size_t i = 0; i < expect; i++) {
		assert_true(slice_eq(page->entries[i].name, want[i].name));
		assert_int_equal(page->entries[i].is_prefix, want[i].is_prefix);
		if (!want[i].is_prefix)
			assert_int_equal(page->entries[i].object.size,
					 want[i].name.n);
	}
}

/* From the first page to the last, as a client goes. */
static size_t
check_walk(struct fixture *f, const struct slice *v, size_t n,
	   struct store_list_req req, struct want *want)
{
	struct store_list_page page;
	struct arena a;
	size_t pages = 0;

	do {
		size_t expect = define(v, n, &req, want);

		arena_init(&a, 4u << 20);
		assert_int_equal(store_list(f->s, &req, &a, &page), S3_OK);
		check_page(&page, want, expect, req.max_keys);
		if (page.truncated) {
			req.start_after = arena_copy(&f->a, page.next);
			req.start_is_prefix = page.next_is_prefix;
		}
		arena_release(&a);
		pages++;
	} while (page.truncated && pages < 40);
	return pages;
}

static void
test_list_is_what_the_definition_says(void **state)
{
	static const char *const delimiters[] = { "", "/", "//", "a", "-a" };
	static const uint32_t sizes[] = { 0, 1, 3, 100, 1000 };
	struct fixture *f = *state;
	struct slice *v = calloc(KEYS, sizeof(*v));
	struct want *want = calloc(KEYS, sizeof(*want));
	size_t n, pages = 0;

	assert_non_null(v);
	assert_non_null(want);
	n = fill(f, v);
	for (size_t i = 0; i < 150; i++) {
		struct store_list_req req = {
			.bucket = BUCKET,
			.prefix = rnd(3) ? word(&f->a, 3) : SLICE_EMPTY,
			.delimiter =
			    slice_str(delimiters[rnd(ARRAY_LEN(delimiters))]),
			.start_after = rnd(2)	? SLICE_EMPTY
				       : rnd(2) ? v[rnd((uint32_t)n)]
						: word(&f->a, 4),
			.max_keys = sizes[rnd(ARRAY_LEN(sizes))],
		};

		pages += check_walk(f, v, n, req, want);
	}
	assert_true(pages > 500);
	free(want);
	free(v);
}

static void
test_list_takes_any_bytes_as_bounds(void **state)
{
	struct fixture *f = *state;
	struct store_list_req req = { .bucket = BUCKET, .max_keys = 10 };
	struct store_list_page page;
	char longest[STORE_KEY_MAX + 9];

	memset(longest, 'k', sizeof(longest));
	assert_int_equal(
	    fixture_put(f->s, slice_mem(longest, STORE_KEY_MAX), SLICE("")),
	    S3_OK);
	assert_int_equal(fixture_put(f->s, SLICE("a"), SLICE("")), S3_OK);
	req.start_after = slice_mem(longest, sizeof(longest));
	assert_int_equal(store_list(f->s, &req, &f->a, &page), S3_OK);
	assert_int_equal(page.n, 0);
	req.start_after = slice_mem(longest, STORE_KEY_MAX - 1);
	assert_int_equal(store_list(f->s, &req, &f->a, &page), S3_OK);
	assert_int_equal(page.n, 1);
	req.start_after = (struct slice){ "a\0z", 3 };
	assert_int_equal(store_list(f->s, &req, &f->a, &page), S3_OK);
	assert_int_equal(page.n, 1);
	req.start_after = (struct slice){ "\0", 1 };
	assert_int_equal(store_list(f->s, &req, &f->a, &page), S3_OK);
	assert_int_equal(page.n, 2);
	req.prefix = (struct slice){ "a\0", 2 };
	assert_int_equal(store_list(f->s, &req, &f->a, &page), S3_OK);
	assert_int_equal(page.n, 0);
	req.prefix = slice_mem(longest, sizeof(longest));
	assert_int_equal(store_list(f->s, &req, &f->a, &page), S3_OK);
	assert_int_equal(page.n, 0);
	req.max_keys = 1001;
	assert_int_equal(store_list(f->s, &req, &f->a, &page),
			 S3_ERR_INVALID_ARGUMENT);
	req.max_keys = 1;
	req.bucket = SLICE("absent");
	assert_int_equal(store_list(f->s, &req, &f->a, &page),
			 S3_ERR_NO_SUCH_BUCKET);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_list_is_what_the_definition_says),
		STORE_TEST(test_list_takes_any_bytes_as_bounds),
	};

	return cmocka_run_group_tests_name("store_list", tests, NULL, NULL);
}
