/*
 * Failing disks under versions: each call that writes fails once, each in
 * turn, while a versioned and then suspended bucket is written, whole and in
 * parts, copied, tagged, marked and pruned by version id, while leases of ids
 * end, and while the keeper, whose delays are milliseconds here, unlinks what
 * is gone. What was acknowledged stays with exactly its events, what was
 * refused did not happen, and in the end no file is left over.
 */
#include "tests/unit/store_faults.h"

#define KEYS 3u
#define VERSIONS 8
#define MARKER (-1)
#define KEEPER_MS 3

enum what { PUT, UPLOAD, MARK, DROP, COPY, TAGS, ENABLE, SUSPEND, LEASE };

struct op {
	enum what what;
	unsigned key;
	unsigned arg; /* of COPY: from which key, of DROP: which version */
};

static const struct op script[] = {
	{ PUT, 0, 0 },	  { PUT, 0, 0 },  { UPLOAD, 1, 0 }, { MARK, 0, 0 },
	{ COPY, 2, 1 },	  { TAGS, 2, 0 }, { DROP, 0, 1 },   { LEASE, 0, 0 },
	{ UPLOAD, 1, 0 }, { DROP, 0, 0 }, { PUT, 2, 0 },    { SUSPEND, 0, 0 },
	{ PUT, 0, 0 },	  { PUT, 0, 0 },  { MARK, 1, 0 },   { MARK, 1, 0 },
	{ COPY, 2, 0 },	  { PUT, 1, 0 },  { LEASE, 0, 0 },  { ENABLE, 0, 0 },
	{ PUT, 0, 0 },	  { DROP, 0, 1 }, { TAGS, 0, 0 },   { UPLOAD, 2, 0 },
	{ DROP, 1, 0 },
};

/* What lies at a key, newest first. */
struct version_held {
	int body; /* operation that wrote its bytes, from 1, or MARKER */
	int tags;
	bool null;
};

struct held {
	int n;
	struct version_held v[VERSIONS];
};

struct journal {
	struct outcome out; /* first */
	bool bucket;
	enum store_versioning mode;
	struct held held[KEYS];
	uint64_t events;
	/* the operation under way */
	bool is_pending, has_event;
	unsigned key;
	struct held pending;
	enum store_versioning pending_mode;
};

static struct slice
key_of(unsigned k)
{
	static const char names[KEYS][4] = { "k/0", "k/1", "k/2" };

	return slice_str(names[k]);
}

static size_t
size_of(int body)
{
	static const size_t sizes[] = { 100, 5000, 70000 };

	return sizes[body % 3];
}

/* ---- looking --------------------------------------------------------------
 */

static bool
same_version(struct fixture *f, unsigned k, const struct store_object *listed,
	     const struct version_held *want)
{
	struct store_ref ref = { BUCKET, key_of(k),
				 slice_str(listed->version_id) };
	struct slice tags = SLICE_EMPTY;
	struct store_object o;
	struct store_read *r;
	char *bytes, *got;
	bool same;

	if (strcmp(listed->version_id, "null") == 0 ? !want->null : want->null)
		return false;
	if (want->body == MARKER || listed->is_delete_marker)
		return want->body == MARKER && listed->is_delete_marker;
	if (store_get(f->s, &ref, NULL, &f->a, &o, &r) != S3_OK)
		return false;
	if (want->tags)
		tags = arena_printf(&f->a, "%d", want->tags);
	bytes = fixture_bytes(size_of(want->body), (uint32_t)want->body);
	got = malloc(size_of(want->body));
	same = got && o.size == size_of(want->body) &&
	       slice_eq(store_headers_get(&o.tags, "t"), tags) &&
	       store_read_at(r, 0, got, o.size) == S3_OK &&
	       memcmp(got, bytes, o.size) == 0;
	free(bytes);
	free(got);
	store_read_close(r);
	return same;
}

static bool
list(struct fixture *f, unsigned k, struct store_versions_page *page)
{
	struct store_versions_req req = { .bucket = BUCKET,
					  .prefix = key_of(k),
					  .max_keys = 100 };

	return store_list_versions(f->s, &req, &f->a, page) == S3_OK;
}

static bool
shows(struct fixture *f, unsigned k, const struct held *h)
{
	struct store_versions_page page;

	if (!list(f, k, &page) || page.n != (size_t)h->n)
		return false;
	for (size_t i = 0; i < page.n; i++)
		if (!same_version(f, k, &page.entries[i].object, &h->v[i]))
			return false;
	return true;
}

static bool
shows_mode(struct fixture *f, enum store_versioning mode)
{
	struct store_bucket b;

	return store_bucket_head(f->s, BUCKET, &f->a, &b) == S3_OK &&
	       b.versioning == mode;
}

/* ---- what an operation will have made ---------------------------------------
 */

static void
drop(struct held *h, int i)
{
	memmove(&h->v[i], &h->v[i + 1],
		sizeof(h->v[0]) * (size_t)(h->n - i - 1));
	h->n--;
}

/* A null version takes the place of the one before. */
static void
put_on_top(struct journal *j, struct held *h, struct version_held v)
{
	v.null = j->mode != STORE_VERSIONING_ENABLED;
	for (int i = 0; v.null && i < h->n; i++)
		if (h->v[i].null)
			drop(h, i--);
	EXPECT(j, h->n < VERSIONS);
	memmove(&h->v[1], &h->v[0], sizeof(h->v[0]) * (size_t)h->n);
	h->v[0] = v;
	h->n++;
}

/* False: there is nothing to do it to, since something was refused. */
static bool
foresee(struct journal *j, const struct op *op, int i)
{
	const struct held *from = &j->held[op->arg % KEYS];
	struct held *h = &j->pending;

	j->key = op->key;
	j->pending_mode = j->mode;
	*h = j->held[op->key];
	j->has_event = op->what < ENABLE;
	switch (op->what) {
	case PUT:
	case UPLOAD:
		put_on_top(j, h, (struct version_held){ .body = i + 1 });
		return true;
	case MARK:
		put_on_top(j, h, (struct version_held){ .body = MARKER });
		return true;
	case COPY:
		if (from->n == 0 || from->v[0].body == MARKER)
			return false;
		put_on_top(j, h,
			   (struct version_held){ .body = from->v[0].body });
		return true;
	case DROP:
		if ((int)op->arg >= h->n)
			return false;
		drop(h, (int)op->arg);
		return true;
	case TAGS:
		if (h->n == 0 || h->v[0].body == MARKER)
			return false;
		h->v[0].tags++;
		return true;
	default:
		j->pending_mode = op->what == SUSPEND
				      ? STORE_VERSIONING_SUSPENDED
				      : STORE_VERSIONING_ENABLED;
		return true;
	}
}

/* ---- doing it ---------------------------------------------------------------
 */

static enum s3_error
remove_one(struct fixture *f, const struct op *op)
{
	struct store_note note = fixture_note("ObjectRemoved:Delete");
	struct store_ref ref = STORE_REF(BUCKET, key_of(op->key));
	struct store_versions_page page;

	if (op->what == DROP) {
		if (!list(f, op->key, &page) || page.n <= op->arg)
			return S3_ERR_INTERNAL_ERROR;
		ref.version_id =
		    slice_str(page.entries[op->arg].object.version_id);
	}
	return store_remove(f->s, &ref, NULL, &note, NULL);
}

/* What is left of the lease is passed over: the next blob needs another. */
static void
end_lease(struct fixture *f)
{
	struct blob_space *b = &local_of(f->s)->blobs;

	pthread_mutex_lock(&b->mu);
	b->next_id = b->end_id;
	pthread_mutex_unlock(&b->mu);
}

static enum s3_error
perform(struct fixture *f, const struct journal *j, const struct op *op, int i)
{
	switch (op->what) {
	case PUT:
	case UPLOAD:
		return fault_write(f, op->what == UPLOAD, key_of(op->key),
				   i + 1, size_of(i + 1));
	case COPY:
		return fault_copy(f, key_of(op->arg), key_of(op->key), false);
	case TAGS:
		return fault_tag(f, key_of(op->key), j->pending.v[0].tags);
	case MARK:
	case DROP:
		return remove_one(f, op);
	default:
		return store_bucket_versioning(f->s, BUCKET, j->pending_mode);
	}
}

static void
operate(struct fixture *f, struct journal *j, const struct op *op, int i)
{
	enum s3_error err;

	if (op->what == LEASE) {
		end_lease(f);
		return;
	}
	if (!foresee(j, op, i))
		return;
	j->is_pending = true;
	err = perform(f, j, op, i);
	if (err == S3_OK) {
		j->held[op->key] = j->pending;
		j->mode = j->pending_mode;
		j->events += j->has_event;
	} else {
		j->out.refused++;
		EXPECT(j, refusal_fits(err));
	}
	j->is_pending = false;
	EXPECT(j, j->out.refused <= 1);
	EXPECT(j, shows_mode(f, j->mode));
	for (unsigned k = 0; k < KEYS; k++)
		EXPECT(j, shows(f, k, &j->held[k]));
}

/* Does table gc still have rows? */
static bool
keeper_is_busy(struct fixture *f)
{
	struct local *ls = local_of(f->s);
	MDB_stat st = { 0 };
	MDB_txn *txn;

	if (local_read_begin(ls, &txn) != 0)
		return true;
	if (mdb_stat(txn, ls->dbi[TABLE_GC], &st) != 0)
		st.ms_entries = 1;
	mdb_txn_abort(txn);
	return st.ms_entries > 0;
}

static void
child(struct fixture *f, void *journal, const void *unused)
{
	struct journal *j = journal;

	(void)unused;
	child_open(f, &j->out);
	j->mode = STORE_VERSIONING_ENABLED;
	if (store_bucket_create(f->s, BUCKET, OWNER, SLICE("r")) != S3_OK ||
	    store_bucket_versioning(f->s, BUCKET, j->mode) != S3_OK)
		child_refused(f, &j->out);
	j->bucket = true;
	for (int i = 0; i < (int)ARRAY_LEN(script); i++) {
		operate(f, j, &script[i], i);
		j->out.hit = hit;
	}
	for (int i = 0; i < 5000 && keeper_is_busy(f); i++)
		usleep(1000);
	EXPECT(j, !keeper_is_busy(f));
	EXPECT(j, fixture_blobs(f) == blob_rows(f));
	store_close(f->s);
	j->out.hit = hit;
	_exit(0);
}

/* ---- the next start ---------------------------------------------------------
 */

static void
check(struct fixture *f, const void *journal, bool died)
{
	const struct journal *j = journal;
	bool both = died && j->is_pending, old = true, new = both;
	size_t n;

	fixture_reopen(f);
	for (unsigned k = 0; j->bucket && k < KEYS; k++) {
		old = old && shows(f, k, &j->held[k]);
		new =
		    new &&shows(f, k, k == j->key ? &j->pending : &j->held[k]);
	}
	old = old && (!j->bucket || shows_mode(f, j->mode));
	new = new &&shows_mode(f, j->pending_mode);
	n = expect_events(f);
	if (!(old && n == j->events) && !(new &&n == j->events + j->has_event))
		fail_msg("%zu events, %zu acknowledged; as before %d, as after "
			 "%d",
			 n, (size_t)j->events, old, new);
	expect_sound(f);
	expect_clean(f);
	arena_release(&f->a);
}

static const struct trial trial = { sizeof(struct journal), child, check };

static void
test_one_failure_costs_one_request(void **state)
{
	static const struct {
		struct plan plan;
		bool may_panic;
	} plans[] = {
		{ { .calls = PWRITE, .error = EIO }, true },
		{ { .calls = WRITEV, .error = 0 }, false },
		{ { .calls = FDATASYNC, .error = EIO }, false },
		{ { .calls = FSYNC, .error = EIO }, false },
		{ { .calls = CREATE, .error = EMFILE }, false },
		{ { .calls = UNLINK, .error = EIO }, false },
	};
	struct fixture *f = *state;

	f->conf.gc_delay_ms = f->conf.completed_keep_ms = KEEPER_MS;
	for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
		unsigned panics = trial_all(f, &trial, &plans[i].plan, NULL);

		assert_true((panics > 0) == plans[i].may_panic);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_one_failure_costs_one_request),
	};

	return cmocka_run_group_tests_name("store_faults_versions", tests, NULL,
					   NULL);
}
