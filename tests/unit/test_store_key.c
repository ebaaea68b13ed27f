/*
 * The key codec and the walk over tables M and T, against a sorted array.
 * Keys share long heads and have lengths around the cuts, with all bytes but
 * NUL: where an encoding of the order would break.
 */
#include "tests/unit/store_fixture.h"

#include "store/local/index.h"

#define KEYS 3000u
#define HEADS 4u
#define BUCKET_ID 7u

struct entry {
	struct slice key;
	char *bytes;
};

static uint32_t seed = 20260101;

static uint32_t
rnd(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)(seed >> 4) * below) >> 28);
}

static int
by_key(const void *a, const void *b)
{
	return slice_cmp(((const struct entry *)a)->key,
			 ((const struct entry *)b)->key);
}

static size_t
random_length(void)
{
	switch (rnd(4)) {
	case 0:
		return 434 + rnd(13);
	case 1:
		return 874 + rnd(13);
	case 2:
		return 1 + rnd(12);
	default:
		return 1 + rnd(STORE_KEY_MAX);
	}
}

/* A head shared with others, then bytes of its own. */
static struct entry
random_key(char heads[HEADS][STORE_KEY_MAX])
{
	size_t n = random_length(), shared = rnd(3) ? n - rnd(5) % n : 0;
	char *p = malloc(n);

	assert_non_null(p);
	memcpy(p, heads[rnd(HEADS)], shared);
	for (size_t i = shared; i < n; i++)
		p[i] = (char)(rnd(4) ? 1 + rnd(255) : 1 + 254 * rnd(2));
	return (struct entry){ { p, n }, p };
}

static size_t
make_keys(struct entry *v, size_t n)
{
	static char heads[HEADS][STORE_KEY_MAX];
	size_t kept = 0;

	for (size_t i = 0; i < HEADS; i++)
		for (size_t k = 0; k < STORE_KEY_MAX; k++)
			heads[i][k] = (char)(1 + rnd(255));
	/* Two heads that part behind the first cut. */
	memcpy(heads[1], heads[0], KEY_CUT + 2);
	for (size_t i = 0; i < n; i++)
		v[i] = random_key(heads);
	qsort(v, n, sizeof(*v), by_key);
	for (size_t i = 0; i < n; i++) {
		if (kept && slice_eq(v[kept - 1].key, v[i].key))
			free(v[i].bytes);
		else
			v[kept++] = v[i];
	}
	return kept;
}

/* Puts or deletes some of the keys in one transaction, in shuffled order. */
struct bulk {
	struct writer_op op;
	struct entry *v;
	size_t n;
	uint64_t version;
	bool del;
	size_t (*pick)(size_t i);
};

static int
run_bulk(struct writer_op *op, struct writer_txn *t)
{
	struct bulk *b = (struct bulk *)op;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < b->n; i++) {
		/* 7919 is prime and no divisor of n: a permutation */
		size_t at = i * 7919 % b->n;

		if (b->pick && !b->pick(at))
			continue;
		rc = b->del ? index_del(t, BUCKET_ID, b->v[at].key, b->version)
			    : index_put(t, BUCKET_ID, b->v[at].key, b->version,
					b->v[at].key, SLICE_EMPTY);
	}
	return rc;
}

static size_t
odd(size_t i)
{
	return i % 2;
}

static size_t
even(size_t i)
{
	return i % 2 == 0;
}

static void
bulk(struct local *ls, struct entry *v, size_t n, uint64_t version, bool del,
     size_t (*pick)(size_t))
{
	struct bulk b = { .op.run = run_bulk,
			  .v = v,
			  .n = n,
			  .version = version,
			  .del = del,
			  .pick = pick };

	assert_int_equal(writer_run(ls, &b.op), S3_OK);
}

/* Iteration meets exactly those of v that pick() names, in order. */
static void
check_order(struct local *ls, const struct entry *v, size_t n,
	    size_t (*pick)(size_t))
{
	struct index_cursor c;
	MDB_txn *txn;
	size_t at = 0;
	int rc;

	assert_int_equal(local_read_begin(ls, &txn), 0);
	assert_int_equal(index_cursor_open(&c, ls, txn, BUCKET_ID), 0);
	for (rc = index_seek(&c, SLICE_EMPTY); rc == 0; rc = index_next(&c)) {
		while (at < n && pick && !pick(at))
			at++;
		assert_true(at < n);
		assert_true(slice_eq(index_key(&c), v[at].key));
		assert_true(slice_eq(c.value, v[at].key));
		at++;
	}
	assert_int_equal(rc, MDB_NOTFOUND);
	while (at < n && pick && !pick(at))
		at++;
	assert_int_equal(at, n);
	index_cursor_close(&c);
	mdb_txn_abort(txn);
}

static size_t
lower_bound(const struct entry *v, size_t n, struct slice key)
{
	size_t lo = 0;

	while (n) {
		size_t half = n / 2;

		if (slice_cmp(v[lo + half].key, key) < 0) {
			lo += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return lo;
}

/* Seeks to keys, to keys cut short and to keys with one byte changed. */
static void
check_seeks(struct local *ls, const struct entry *v, size_t n)
{
	struct index_cursor c;
	MDB_txn *txn;

	assert_int_equal(local_read_begin(ls, &txn), 0);
	assert_int_equal(index_cursor_open(&c, ls, txn, BUCKET_ID), 0);
	for (size_t i = 0; i < 4000; i++) {
		const struct entry *e = &v[rnd((uint32_t)n)];
		char p[STORE_KEY_MAX];
		struct slice want = { p, e->key.n - rnd(3) % e->key.n };
		size_t at;
		int rc;

		memcpy(p, e->key.p, e->key.n);
		if (rnd(2))
			p[want.n - 1 - rnd(3) % want.n] = (char)(1 + rnd(255));
		at = lower_bound(v, n, want);
		rc = index_seek(&c, want);
		if (at == n) {
			assert_int_equal(rc, MDB_NOTFOUND);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_true(slice_eq(index_key(&c), v[at].key));
	}
	index_cursor_close(&c);
	mdb_txn_abort(txn);
}

static size_t
rows(struct local *ls, enum local_table t)
{
	MDB_stat st;
	MDB_txn *txn;

	assert_int_equal(local_read_begin(ls, &txn), 0);
	assert_int_equal(mdb_stat(txn, ls->dbi[t], &st), 0);
	mdb_txn_abort(txn);
	return st.ms_entries;
}

static void
test_index_keeps_memcmp_order_of_long_keys(void **state)
{
	struct fixture *f = *state;
	struct local *ls = local_of(f->s);
	struct entry *v = calloc(KEYS, sizeof(*v));
	struct slice value;
	uint64_t version;
	MDB_txn *txn;
	size_t n;

	assert_non_null(v);
	n = make_keys(v, KEYS);
	bulk(ls, v, n, 5, false, NULL);
	assert_true(rows(ls, TABLE_GROUP) > n / 4); /* many were cut */
	check_order(ls, v, n, NULL);
	check_seeks(ls, v, n);

	assert_int_equal(local_read_begin(ls, &txn), 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(
		    index_get(ls, txn, BUCKET_ID, v[i].key, &version, &value),
		    0);
		assert_int_equal(version, 5);
		assert_true(slice_eq(value, v[i].key));
	}
	mdb_txn_abort(txn);

	bulk(ls, v, n, 5, true, odd);
	check_order(ls, v, n, even);
	assert_int_equal(local_read_begin(ls, &txn), 0);
	assert_int_equal(
	    index_get(ls, txn, BUCKET_ID, v[1].key, &version, &value),
	    MDB_NOTFOUND);
	mdb_txn_abort(txn);
	bulk(ls, v, n, 5, true, even);
	/* The last member takes its group's pointer along. */
	assert_int_equal(rows(ls, TABLE_OBJECT), 0);
	assert_int_equal(rows(ls, TABLE_GROUP), 0);
	for (size_t i = 0; i < n; i++)
		free(v[i].bytes);
	free(v);
}

static void
test_index_has_the_newest_version_first(void **state)
{
	struct fixture *f = *state;
	struct local *ls = local_of(f->s);
	char text[600];
	struct entry keys[] = { { { text, 3 }, NULL },
				{ { text, 600 }, NULL } };
	struct index_cursor c;
	struct slice value;
	uint64_t version;
	MDB_txn *txn;

	memset(text, 'k', sizeof(text));
	bulk(ls, keys, 2, 10, false, NULL);
	bulk(ls, keys, 2, 12, false, NULL);
	bulk(ls, keys, 2, 11, false, NULL);
	assert_int_equal(local_read_begin(ls, &txn), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(index_get(ls, txn, BUCKET_ID, keys[i].key,
					   &version, &value),
				 0);
		assert_int_equal(version, 12);
	}
	assert_int_equal(index_cursor_open(&c, ls, txn, BUCKET_ID), 0);
	assert_int_equal(index_seek(&c, keys[1].key), 0);
	for (uint64_t want = 12; want >= 10; want--) {
		assert_int_equal(c.version, want);
		assert_true(slice_eq(index_key(&c), keys[1].key));
		assert_int_equal(index_next(&c), want > 10 ? 0 : MDB_NOTFOUND);
	}
	index_cursor_close(&c);
	mdb_txn_abort(txn);
}

static void
test_index_keeps_buckets_apart(void **state)
{
	struct fixture *f = *state;
	struct local *ls = local_of(f->s);
	struct entry keys[] = { { SLICE("a"), NULL }, { SLICE("b"), NULL } };
	struct index_cursor c;
	MDB_txn *txn;

	bulk(ls, keys, 2, 1, false, NULL);
	assert_int_equal(local_read_begin(ls, &txn), 0);
	for (uint32_t id = BUCKET_ID - 1; id <= BUCKET_ID + 1; id += 2) {
		assert_int_equal(index_cursor_open(&c, ls, txn, id), 0);
		assert_int_equal(index_seek(&c, SLICE_EMPTY), MDB_NOTFOUND);
		index_cursor_close(&c);
	}
	mdb_txn_abort(txn);
}

static void
test_key_parse_refuses_what_key_record_never_writes(void **state)
{
	struct key_scope s = key_scope_bucket(1);
	struct key_encoded e;
	struct key_part part;

	(void)state;
	key_record(&e, &s, SLICE("abc"), 9);
	assert_int_equal(key_parse(slice_mem(e.p, e.n), &s, &part), 0);
	assert_false(part.is_pointer);
	assert_int_equal(part.version, 9);
	assert_true(slice_eq_str(part.text, "abc"));
	for (size_t n = 4; n < e.n; n++)
		assert_int_equal(key_parse(slice_mem(e.p, n), &s, &part), -1);
	e.p[3] = 2;
	assert_int_equal(key_parse(slice_mem(e.p, e.n), &s, &part), 1);
	e.p[3] = 1;
	e.p[8] = 7; /* neither record nor pointer */
	assert_int_equal(key_parse(slice_mem(e.p, e.n), &s, &part), -1);
}

static void
test_key_successor_is_above_the_prefix(void **state)
{
	static const struct {
		const char *prefix, *successor;
	} rows_[] = { { "a", "b" },	    { "a/", "a0" },
		      { "a\xff", "b" },	    { "\xff\xff", "" },
		      { "a\x7f", "a\x80" }, { "", "" } };
	char out[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows_); i++) {
		size_t n = key_successor(slice_str(rows_[i].prefix), out);

		assert_true(
		    slice_eq_str(slice_mem(out, n), rows_[i].successor));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_key_parse_refuses_what_key_record_never_writes),
		cmocka_unit_test(test_key_successor_is_above_the_prefix),
		STORE_TEST(test_index_keeps_memcmp_order_of_long_keys),
		STORE_TEST(test_index_has_the_newest_version_first),
		STORE_TEST(test_index_keeps_buckets_apart),
	};

	return cmocka_run_group_tests_name("store_key", tests, NULL, NULL);
}
