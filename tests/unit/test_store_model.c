/*
 * Thousands of random operations on few keys, in all three states of a bucket,
 * against a model that is a plain array. After each one the store must answer
 * as the model does: the version asked for, both listings page by page, the
 * counters. A failure names its seed.
 */
#include "tests/unit/store_fixture.h"

#define KEYS 12u
#define VERSIONS_MAX 4096u
#define STEPS 1500u
#define SEEDS 4u

struct mversion {
	unsigned key;
	char id[STORE_VERSION_ID_MAX];
	bool marker;
	unsigned body; /* seed of its bytes */
	size_t size;
	unsigned tag; /* 0: none */
};

struct model {
	struct fixture *f;
	uint32_t seed;
	struct slice keys[KEYS]; /* sorted */
	enum store_versioning versioning;
	struct mversion *v; /* oldest first */
	size_t n;
	char gone[STORE_VERSION_ID_MAX]; /* an id that was removed */
	uint64_t changes;
};

static uint32_t
rnd(struct model *m, uint32_t below)
{
	m->seed = m->seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)(m->seed >> 4) * below) >> 28);
}

/* ---- keys -------------------------------------------------------------- */

static int
by_bytes(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* Short and long ones, some the beginning of others, around the lengths at
 * which keys are cut. */
static void
make_keys(struct model *m)
{
	static const size_t lengths[KEYS] = { 1,   2,	3,   439, 440,	441,
					      442, 879, 880, 881, 1023, 1024 };
	static const char *const starts[] = { "a", "a/", "a/b/", "b" };

	for (size_t i = 0; i < KEYS; i++) {
		char p[STORE_KEY_MAX];
		const char *start = starts[rnd(m, ARRAY_LEN(starts))];

		for (size_t k = 0; k < sizeof(p); k++)
			p[k] = k % 97 == 96 ? '/' : 'a';
		memcpy(p, start, strlen(start));
		p[lengths[i] - 1] = (char)('a' + rnd(m, 3));
		m->keys[i] = arena_copy(&m->f->a, slice_mem(p, lengths[i]));
	}
	qsort(m->keys, KEYS, sizeof(m->keys[0]), by_bytes);
}

/* ---- the model --------------------------------------------------------- */

/* The newest version of @key below index @end, or -1. */
static long
newest(const struct model *m, unsigned key, size_t end)
{
	for (size_t i = end; i-- > 0;)
		if (m->v[i].key == key)
			return (long)i;
	return -1;
}

static long
find(const struct model *m, unsigned key, const char *id)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].key == key && strcmp(m->v[i].id, id) == 0)
			return (long)i;
	return -1;
}

static void
drop(struct model *m, size_t i)
{
	memcpy(m->gone, m->v[i].id, sizeof(m->gone));
	m->n--;
	memmove(m->v + i, m->v + i + 1, (m->n - i) * sizeof(*m->v));
}

/* A new current version; where it is a null one, in place of the other. */
static void
add(struct model *m, struct mversion v)
{
	if (m->versioning != STORE_VERSIONING_ENABLED) {
		long old = find(m, v.key, "null");

		assert_string_equal(v.id, "null");
		if (old >= 0)
			drop(m, (size_t)old);
	} else {
		assert_int_equal(strlen(v.id), 26);
		assert_int_equal(find(m, v.key, v.id), -1);
	}
	assert_true(m->n < VERSIONS_MAX);
	m->v[m->n++] = v;
}

/* ---- operations -------------------------------------------------------- */

static void
do_put(struct model *m)
{
	static const size_t sizes[] = { 0, 10, 4096, 4097, 20000 };
	struct mversion v = { .key = rnd(m, KEYS),
			      .body = rnd(m, 1000),
			      .size = sizes[rnd(m, ARRAY_LEN(sizes))] };
	char *p = fixture_bytes(v.size, v.body);
	struct store_put_req req = { .bucket = BUCKET,
				     .key = m->keys[v.key],
				     .size = v.size,
				     .cond = STORE_COND_NONE };
	bool absent = rnd(m, 4) == 0;
	long current = newest(m, v.key, m->n);
	bool visible = current >= 0 && !m->v[current].marker;
	struct store_object o;
	enum s3_error err;

	if (absent)
		req.cond.if_none_match = SLICE("*");
	err = fixture_put_req(m->f->s, &req, slice_mem(p, v.size), 20000, &o);
	free(p);
	if (absent && visible) {
		assert_int_equal(err, S3_ERR_PRECONDITION_FAILED);
		return;
	}
	assert_int_equal(err, S3_OK);
	memcpy(v.id, o.version_id, sizeof(v.id));
	add(m, v);
	m->changes++;
}

static const char *
some_id(struct model *m, unsigned *key)
{
	if (m->n && rnd(m, 4)) {
		const struct mversion *v = &m->v[rnd(m, (uint32_t)m->n)];

		*key = v->key;
		return v->id;
	}
	*key = rnd(m, KEYS);
	return rnd(m, 2) || !m->gone[0] ? "null" : m->gone;
}

static void
do_remove_version(struct model *m)
{
	unsigned key;
	char id[STORE_VERSION_ID_MAX];
	struct store_ref ref = { .bucket = BUCKET };
	struct store_note note = fixture_note("unused");
	struct store_removed r;
	long i;

	snprintf(id, sizeof(id), "%s", some_id(m, &key));
	i = find(m, key, id);
	ref.key = m->keys[key];
	ref.version_id = slice_str(id);
	assert_int_equal(store_remove(m->f->s, &ref, NULL, &note, &r), S3_OK);
	assert_int_equal(r.existed, i >= 0);
	if (i < 0)
		return;
	assert_string_equal(r.version_id, id);
	assert_int_equal(r.is_marker, m->v[i].marker);
	drop(m, (size_t)i);
	m->changes++;
}

static void
do_remove(struct model *m)
{
	unsigned key = rnd(m, KEYS);
	struct store_note note = fixture_note("unused");
	struct mversion v = { .key = key, .marker = true };
	long current = newest(m, key, m->n);
	struct store_removed r;

	assert_int_equal(store_remove(m->f->s, &STORE_REF(BUCKET, m->keys[key]),
				      NULL, &note, &r),
			 S3_OK);
	assert_int_equal(r.existed, current >= 0 && !m->v[current].marker);
	assert_int_equal(r.is_marker, m->versioning != STORE_UNVERSIONED);
	if (m->versioning != STORE_UNVERSIONED) {
		memcpy(v.id, r.version_id, sizeof(v.id));
		add(m, v);
	} else if (current >= 0) {
		drop(m, (size_t)current);
	}
	m->changes += r.existed || r.is_marker;
}

static void
do_tags(struct model *m)
{
	unsigned key, tag = 1 + rnd(m, 1000);
	const char *id = some_id(m, &key);
	struct store_header h = { SLICE("tag"),
				  arena_printf(&m->f->a, "%u", tag) };
	struct store_headers tags = { &h, 1 };
	struct store_ref ref = { BUCKET, m->keys[key], slice_str(id) };
	struct store_note note = fixture_note("ObjectTagging:Put");
	long i = find(m, key, id);
	enum s3_error err = store_tags_put(m->f->s, &ref, &tags, &note, NULL);

	if (i < 0) {
		assert_int_equal(err, S3_ERR_NO_SUCH_VERSION);
	} else if (m->v[i].marker) {
		assert_int_equal(err, S3_ERR_METHOD_NOT_ALLOWED);
	} else {
		assert_int_equal(err, S3_OK);
		m->v[i].tag = tag;
		m->changes++;
	}
}

static void
do_versioning(struct model *m)
{
	m->versioning =
	    rnd(m, 2) ? STORE_VERSIONING_ENABLED : STORE_VERSIONING_SUSPENDED;
	assert_int_equal(
	    store_bucket_versioning(m->f->s, BUCKET, m->versioning), S3_OK);
}

/* ---- checks ------------------------------------------------------------ */

static void
check_object(struct arena *a, const struct mversion *v,
	     const struct store_object *o, struct store_read *r)
{
	char *p = fixture_bytes(v->size, v->body), *q = malloc(v->size + 1);
	struct slice tag = store_headers_get(&o->tags, "tag");

	assert_int_equal(o->size, v->size);
	assert_true(slice_eq(tag, v->tag ? arena_printf(a, "%u", v->tag)
					 : SLICE_EMPTY));
	assert_int_equal(store_read_at(r, 0, q, v->size), S3_OK);
	assert_memory_equal(p, q, v->size);
	store_read_close(r);
	free(p);
	free(q);
}

static void
check_get(struct model *m, struct arena *a)
{
	unsigned key;
	const char *id = some_id(m, &key);
	struct store_ref ref = { BUCKET, m->keys[key], SLICE_EMPTY };
	long top = newest(m, key, m->n), i = top;
	enum s3_error want = S3_ERR_NO_SUCH_KEY, err;
	struct store_object o;
	struct store_read *r;

	if (rnd(m, 2)) {
		ref.version_id = slice_str(id);
		i = find(m, key, id);
		want =
		    i < 0 ? S3_ERR_NO_SUCH_VERSION : S3_ERR_METHOD_NOT_ALLOWED;
	}
	err = store_get(m->f->s, &ref, NULL, a, &o, &r);
	if (i < 0 || m->v[i].marker) {
		assert_int_equal(err, want);
		assert_null(r);
		assert_int_equal(o.is_delete_marker, i >= 0);
	} else {
		assert_int_equal(err, S3_OK);
		check_object(a, &m->v[i], &o, r);
	}
	if (i >= 0) {
		assert_string_equal(o.version_id, m->v[i].id);
		assert_int_equal(o.is_latest, i == top);
	}
}

struct want {
	bool is_prefix;
	struct slice name;
	long version;
};

/* What @key rolls up to below prefix, or the empty slice. */
static struct slice
rolled_up(struct slice key, struct slice prefix, struct slice delimiter)
{
	ptrdiff_t at = slice_find(slice_from(key, prefix.n), delimiter);

	return delimiter.n && at >= 0
		   ? slice_head(key, prefix.n + (size_t)at + delimiter.n)
		   : SLICE_EMPTY;
}

/*
 * The definition of both listings: versions by key, newest first (or only the
 * visible current ones), rolled up, beyond the marker. @older: versions of the
 * marker's key below this index only.
 */
static size_t
define(const struct model *m, const struct store_versions_req *req, bool all,
       struct want *out)
{
	size_t n = 0;

	for (unsigned k = 0; k < KEYS; k++) {
		struct slice key = m->keys[k];
		struct slice common =
		    rolled_up(key, req->prefix, req->delimiter);
		bool at_marker = slice_eq(key, req->key_marker);
		size_t end = m->n;
		long i;

		if (!slice_starts(key, req->prefix))
			continue;
		if (req->marker_is_prefix && slice_starts(key, req->key_marker))
			continue;
		if (slice_cmp(common.n ? common : key, req->key_marker) <= 0 &&
		    !(at_marker && !common.n && req->version_marker.n))
			continue;
		if (at_marker && req->version_marker.n && !common.n) {
			char id[STORE_VERSION_ID_MAX];

			snprintf(id, sizeof(id), "%.*s",
				 SLICE_ARG(req->version_marker));
			i = find(m, k, id);
			assert_true(i >= 0);
			end = (size_t)i;
		}
		while ((i = newest(m, k, end)) >= 0) {
			struct want w = { common.n > 0, common.n ? common : key,
					  i };

			end = (size_t)i;
			if (!all && m->v[i].marker)
				break;
			if (!w.is_prefix || n == 0 ||
			    !slice_eq(out[n - 1].name, common))
				out[n++] = w;
			if (!all || w.is_prefix)
				break;
		}
	}
	return n;
}

static void
check_entries(struct model *m, const struct store_list_entry *e, size_t n,
	      const struct want *want)
{
	for (size_t i = 0; i < n; i++) {
		const struct store_object *o = &e[i].object;
		const struct mversion *v = &m->v[want[i].version];

		assert_int_equal(e[i].is_prefix, want[i].is_prefix);
		assert_true(slice_eq(e[i].name, want[i].name));
		if (want[i].is_prefix)
			continue;
		assert_string_equal(o->version_id, v->id);
		assert_int_equal(o->is_delete_marker, v->marker);
		assert_int_equal(o->size, v->size);
		assert_int_equal(o->is_latest,
				 newest(m, v->key, m->n) == want[i].version);
	}
}

/* One page by @req, and the next ones as a client asks for them. */
static void
check_lists(struct model *m, struct arena *a, struct want *want)
{
	static const char *const prefixes[] = { "", "a", "a/", "a/b", "aaa" };
	static const char *const delimiters[] = { "", "/", "aa", "b/" };
	static const uint32_t sizes[] = { 0, 1, 2, 3, 7, 1000 };
	struct store_versions_req req = {
		.bucket = BUCKET,
		.prefix = slice_str(prefixes[rnd(m, ARRAY_LEN(prefixes))]),
		.delimiter =
		    slice_str(delimiters[rnd(m, ARRAY_LEN(delimiters))]),
		.max_keys = sizes[rnd(m, ARRAY_LEN(sizes))],
	};
	bool all = rnd(m, 3) > 0;
	struct store_versions_page page;

	if (m->n && rnd(m, 2)) {
		const struct mversion *v = &m->v[rnd(m, (uint32_t)m->n)];

		req.key_marker = m->keys[v->key];
		if (all && rnd(m, 2))
			req.version_marker = slice_str(v->id);
	}
	for (unsigned pages = 0; pages < 6; pages++) {
		size_t n = define(m, &req, all, want);
		size_t expect = n < req.max_keys ? n : req.max_keys;

		if (all) {
			assert_int_equal(
			    store_list_versions(m->f->s, &req, a, &page),
			    S3_OK);
		} else {
			struct store_list_page p;
			struct store_list_req r = { .bucket = BUCKET,
						    .prefix = req.prefix,
						    .delimiter = req.delimiter,
						    .start_after =
							req.key_marker,
						    .start_is_prefix =
							req.marker_is_prefix,
						    .max_keys = req.max_keys };

			assert_int_equal(store_list(m->f->s, &r, a, &p), S3_OK);
			page =
			    (struct store_versions_page){ .entries = p.entries,
							  .n = p.n,
							  .truncated =
							      p.truncated,
							  .next_key = p.next };
		}
		assert_int_equal(page.n, expect);
		assert_int_equal(page.truncated, req.max_keys && n > expect);
		check_entries(m, page.entries, page.n, want);
		if (!page.truncated)
			break;
		req.key_marker = page.next_key;
		req.version_marker = page.next_version;
		req.marker_is_prefix = page.entries[page.n - 1].is_prefix;
		assert_int_equal(all && !req.marker_is_prefix,
				 page.next_version.n > 0);
	}
}

static void
check_info(struct model *m)
{
	struct store_info info;
	uint64_t objects = 0, bytes = 0;

	for (size_t i = 0; i < m->n; i++) {
		objects += !m->v[i].marker;
		bytes += m->v[i].size;
	}
	assert_int_equal(store_info(m->f->s, &info), S3_OK);
	assert_int_equal(info.objects, objects);
	assert_int_equal(info.bytes, bytes);
	assert_int_equal(info.last_seq, m->changes);
}

/* ---- the run ----------------------------------------------------------- */

static void
step(struct model *m, struct want *want)
{
	uint32_t what = rnd(m, 100);
	struct arena a;

	if (what < 45)
		do_put(m);
	else if (what < 60)
		do_remove(m);
	else if (what < 85)
		do_remove_version(m);
	else if (what < 97)
		do_tags(m);
	else if (m->changes > 100) /* a while of each bucket unversioned */
		do_versioning(m);
	arena_init(&a, 8u << 20);
	check_get(m, &a);
	check_lists(m, &a, want);
	check_info(m);
	arena_release(&a);
}

static void
run(struct fixture *f, uint32_t seed)
{
	struct model m = { .f = f, .seed = seed };
	struct want *want = calloc(VERSIONS_MAX, sizeof(*want));

	print_message("seed %u\n", seed);
	m.v = calloc(VERSIONS_MAX, sizeof(*m.v));
	assert_non_null(m.v);
	assert_non_null(want);
	make_keys(&m);
	for (unsigned i = 0; i < STEPS; i++) {
		step(&m, want);
		if (i % 500 == 499)
			fixture_reopen(f);
	}
	/* A version keeps its bucket, to the last. */
	while (m.n) {
		struct mversion v = m.v[m.n / 2];
		struct store_ref ref = { BUCKET, m.keys[v.key],
					 slice_str(v.id) };
		struct store_note note = fixture_note("unused");

		assert_int_equal(store_bucket_delete(f->s, BUCKET),
				 S3_ERR_BUCKET_NOT_EMPTY);
		assert_int_equal(store_remove(f->s, &ref, NULL, &note, NULL),
				 S3_OK);
		drop(&m, m.n / 2);
		m.changes++;
		check_info(&m);
	}
	assert_int_equal(store_bucket_delete(f->s, BUCKET), S3_OK);
	free(m.v);
	free(want);
}

static void
test_store_does_what_the_model_does(void **state)
{
	const char *given = getenv("SEED");
	uint32_t first = given ? (uint32_t)strtoul(given, NULL, 10) : 1;

	(void)state;
	for (uint32_t i = 0; i < (given ? 1 : SEEDS); i++) {
		void *fresh = NULL;

		assert_int_equal(fixture_setup(&fresh), 0);
		run(fresh, first + i);
		assert_int_equal(fixture_teardown(&fresh), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_store_does_what_the_model_does),
	};

	return cmocka_run_group_tests_name("store_model", tests, NULL, NULL);
}
