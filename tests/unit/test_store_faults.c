/*
 * Failing and full disks: every system call that writes fails once, each in
 * turn, in a child that puts, copies, renames, tags and deletes, whole or in
 * parts; other plans let them all fail until the disk is "healed". What was
 * acknowledged stays, what was refused did not happen, the next request works
 * again, no file is left over. The process may end only with status 70, after
 * a write of LMDB's meta page.
 */
#include "tests/unit/store_faults.h"

/* ---- the child -------------------------------------------------------- */

#define KEYS 4u
#define NOTHING 0

enum what { PUT, UPLOAD, REMOVE, COPY, RENAME, PART_COPY, TAGS };

struct op {
	enum what what;
	unsigned key;
	unsigned from; /* of a copy */
};

/* The disk is well again from the operation @healed_at on. */
struct script {
	const struct op *ops;
	int n;
	int healed_at;
};

static const struct op writes[] = {
	{ UPLOAD, 0, 0 }, { PUT, 1, 0 },    { PUT, 2, 0 },    { UPLOAD, 3, 0 },
	{ REMOVE, 0, 0 }, { PUT, 1, 0 },    { UPLOAD, 2, 0 }, { PUT, 3, 0 },
	{ PUT, 0, 0 },	  { REMOVE, 1, 0 }, { PUT, 2, 0 },    { PUT, 3, 0 },
	{ UPLOAD, 0, 0 }, { PUT, 1, 0 },
};

/* Of a blob, inline bytes, and a set of extents. */
static const struct op copies[] = {
	{ PUT, 0, 0 },	{ PART_COPY, 1, 0 }, { PUT, 2, 0 },
	{ COPY, 3, 2 }, { PART_COPY, 0, 2 }, { RENAME, 2, 1 },
	{ TAGS, 2, 0 }, { COPY, 1, 2 },	     { REMOVE, 2, 0 },
	{ COPY, 0, 1 }, { TAGS, 3, 0 },	     { RENAME, 3, 1 },
};

static const struct script scripts[] = {
	{ writes, ARRAY_LEN(writes), 9 },
	{ copies, ARRAY_LEN(copies), 8 },
};

/* What lies at a key: the number of the operation that
 * wrote its bytes, from 1, and how often it was tagged. */
struct held {
	int body; /* or NOTHING */
	int tags;
};

struct journal {
	struct outcome out; /* first */
	struct held held[KEYS], pending[KEYS];
	bool is_pending[KEYS];
	bool bucket;
};

static struct slice
key_of(unsigned k)
{
	static const char names[KEYS][4] = { "k/0", "k/1", "k/2", "k/3" };

	return slice_str(names[k]);
}

static size_t
size_of(int body)
{
	static const size_t sizes[] = { 100, 5000, 70000 };

	/* One is large enough for its room to be allocated at once, and to be
	 * written past the page cache. */
	return body == 7 ? 1100000 : sizes[body % 3];
}

static bool
has_bytes(struct store_read *r, struct held h)
{
	size_t n = size_of(h.body);
	char *want = fixture_bytes(n, (uint32_t)h.body), *got = malloc(n);
	bool same = got && store_read_at(r, 0, got, n) == S3_OK &&
		    memcmp(want, got, n) == 0;

	free(want);
	free(got);
	return same;
}

static bool
shows(struct fixture *f, unsigned k, struct held h)
{
	struct slice tags = SLICE_EMPTY;
	struct store_object o;
	struct store_read *r;
	enum s3_error err =
	    store_get(f->s, &STORE_REF(BUCKET, key_of(k)), NULL, &f->a, &o, &r);
	bool same;

	if (err == S3_ERR_NO_SUCH_KEY)
		return h.body == NOTHING;
	if (err != S3_OK)
		return false;
	if (h.tags)
		tags = arena_printf(&f->a, "%d", h.tags);
	same = h.body != NOTHING && o.size == size_of(h.body) &&
	       slice_eq(store_headers_get(&o.tags, "t"), tags) &&
	       has_bytes(r, h);
	store_read_close(r);
	return same;
}

/* ---- its operations --------------------------------------------------- */

/* An upload of one part, which is all of another object. */
static enum s3_error
upload_copy(struct fixture *f, const struct op *op)
{
	struct store_part_copy_req req = {
		.part = { BUCKET, key_of(op->key), SLICE_EMPTY, 1 },
		.source = STORE_REF(BUCKET, key_of(op->from)),
	};
	struct store_upload_req up = { .bucket = BUCKET,
				       .key = key_of(op->key),
				       .initiator = OWNER };
	char id[STORE_UPLOAD_ID_MAX], md5[33] = "";
	struct store_complete_part named = { .number = 1 };
	struct store_complete_result res;
	struct store_complete_req done;
	struct store_object o;
	struct store_part part;
	enum s3_error err = store_get(f->s, &req.source, NULL, &f->a, &o, NULL);

	memset(md5, '0', 32);
	req.source_seq = o.seq;
	req.size = o.size;
	req.etag = named.etag = slice_str(md5);
	if (err == S3_OK)
		err = store_upload_create(f->s, &up, id);
	req.part.upload_id = slice_str(id);
	if (err == S3_OK)
		err = store_part_copy(f->s, &req, &part);
	if (err != S3_OK)
		return err;
	done = complete_req(id, &named, 1);
	done.key = key_of(op->key);
	return store_upload_complete(f->s, &done, &res);
}

static void
expect_change(struct journal *j, unsigned k, struct held h)
{
	j->pending[k] = h;
	j->is_pending[k] = true;
}

/* What operation @i will have made of the keys. */
static void
foresee(struct journal *j, const struct op *op, int i)
{
	struct held h = { .body = i + 1 };

	switch (op->what) {
	case PUT:
	case UPLOAD:
		break;
	case REMOVE:
		h.body = NOTHING;
		break;
	case TAGS:
		h = j->held[op->key];
		h.tags++;
		break;
	case RENAME:
		expect_change(j, op->from, (struct held){ NOTHING, 0 });
		h.body = j->held[op->from].body;
		break;
	default:
		h.body = j->held[op->from].body;
	}
	expect_change(j, op->key, h);
}

static enum s3_error
perform(struct fixture *f, const struct journal *j, const struct op *op, int i)
{
	struct store_note note = fixture_note("ObjectRemoved:Delete");

	switch (op->what) {
	case PUT:
	case UPLOAD:
		return fault_write(f, op->what == UPLOAD, key_of(op->key),
				   i + 1, size_of(i + 1));
	case REMOVE:
		return store_remove(f->s, &STORE_REF(BUCKET, key_of(op->key)),
				    NULL, &note, NULL);
	case TAGS:
		return fault_tag(f, key_of(op->key), j->pending[op->key].tags);
	case PART_COPY:
		return upload_copy(f, op);
	default:
		return fault_copy(f, key_of(op->from), key_of(op->key),
				  op->what == RENAME);
	}
}

static void
operate(struct fixture *f, struct journal *j, const struct script *script,
	int i)
{
	const struct op *op = &script->ops[i];
	unsigned source = op->what == TAGS ? op->key : op->from;
	enum s3_error err;

	/* Its source was refused. */
	if (op->what > REMOVE && j->held[source].body == NOTHING)
		return;
	foresee(j, op, i);
	err = perform(f, j, op, i);
	for (unsigned k = 0; k < KEYS; k++) {
		if (err == S3_OK && j->is_pending[k])
			j->held[k] = j->pending[k];
		j->is_pending[k] = false;
	}
	if (err == S3_OK) {
		EXPECT(j, plan.at || dirty_n == 0);
	} else {
		j->out.refused++;
		EXPECT(j, refusal_fits(err));
	}
	EXPECT(j, i < script->healed_at || err == S3_OK);
	EXPECT(j, plan.lasts || j->out.refused <= 1);
	for (unsigned k = 0; k < KEYS; k++)
		EXPECT(j, shows(f, k, j->held[k]));
}

static void
child(struct fixture *f, void *journal, const void *what)
{
	const struct script *script = what;
	struct journal *j = journal;

	f->conf.stream_min = 1u << 20;
	child_open(f, &j->out);
	if (store_bucket_create(f->s, BUCKET, OWNER, SLICE("r")) != S3_OK)
		child_refused(f, &j->out);
	j->bucket = true;
	for (int i = 0; i < script->n; i++) {
		healed = i >= script->healed_at;
		operate(f, j, script, i);
		j->out.hit = hit;
	}
	/* A file that could not be unlinked waits for the next start. */
	EXPECT(j, plan.calls & UNLINK || fixture_blobs(f) == blob_rows(f));
	healed = false;
	store_close(f->s);
	j->out.hit = hit;
	_exit(0);
}

/* ---- the parent ------------------------------------------------------- */

static void
check_after(struct fixture *f, const void *journal, bool died)
{
	const struct journal *j = journal;
	struct store_info info;
	uint64_t present = 0;

	fixture_reopen(f);
	for (unsigned k = 0; j->bucket && k < KEYS; k++) {
		bool as_acknowledged = shows(f, k, j->held[k]);
		bool as_pending =
		    died && j->is_pending[k] && shows(f, k, j->pending[k]);

		if (!as_acknowledged && !as_pending)
			fail_msg("key %u is neither %d nor %d", k,
				 j->held[k].body, j->pending[k].body);
		present += !shows(f, k, (struct held){ NOTHING, 0 });
	}
	assert_int_equal(store_info(f->s, &info), S3_OK);
	assert_int_equal(info.objects, present);
	(void)expect_events(f);
	assert_int_equal(fixture_blobs(f), blob_rows(f));
	expect_sound(f);
	store_close(f->s);
	f->s = NULL;
	arena_release(&f->a);
}

static const struct trial trial = { sizeof(struct journal), child,
				    check_after };

static unsigned
run_all(struct fixture *f, const struct plan *p)
{
	unsigned panics = 0;

	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		panics += trial_all(f, &trial, p, &scripts[i]);
	return panics;
}

static void
test_one_failure_costs_one_request(void **state)
{
	static const struct {
		struct plan plan;
		bool may_panic;
	} plans[] = {
		{ { .calls = PWRITE, .error = EIO }, true },
		{ { .calls = PWRITE, .error = ENOSPC }, true },
		{ { .calls = PWRITE, .error = 0 }, true },
		{ { .calls = WRITEV, .error = EIO }, false },
		{ { .calls = WRITEV, .error = ENOSPC }, false },
		{ { .calls = WRITEV, .error = 0 }, false },
		{ { .calls = FDATASYNC, .error = EIO }, false },
		{ { .calls = FDATASYNC, .error = ENOSPC }, false },
		{ { .calls = FSYNC, .error = EIO }, false },
		{ { .calls = CREATE, .error = ENOSPC }, false },
		{ { .calls = CREATE, .error = EMFILE }, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
		unsigned panics = run_all(*state, &plans[i].plan);

		assert_true((panics > 0) == plans[i].may_panic);
	}
}

static void
test_service_goes_on_when_the_disk_is_well_again(void **state)
{
	static const struct plan plans[] = {
		{ .calls = PWRITE | WRITEV | CREATE,
		  .error = ENOSPC,
		  .lasts = true },
		{ .calls =
		      PWRITE | WRITEV | FDATASYNC | FSYNC | CREATE | UNLINK,
		  .error = EIO,
		  .lasts = true },
	};

	for (size_t i = 0; i < ARRAY_LEN(plans); i++)
		(void)run_all(*state, &plans[i]);
}

/* POSIX makes no promise about a file whose directory was not synced. */
static void
test_each_new_entry_is_synced_before_the_answer(void **state)
{
	static const struct plan none = { .calls = 0 };

	(void)run_all(*state, &none);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_one_failure_costs_one_request),
		STORE_TEST(test_service_goes_on_when_the_disk_is_well_again),
		STORE_TEST(test_each_new_entry_is_synced_before_the_answer),
	};

	return cmocka_run_group_tests_name("store_faults", tests, NULL, NULL);
}
