/*
 * The housekeeping thread: does what table gc says is due.
 *
 * A blob: when it is due the file is unlinked and only then its rows are
 * deleted; a crash in between repeats an unlink, which is harmless. A reader
 * that opened the file before keeps it, the delay covers those that are about
 * to open it, and an open read of many pieces (read.h) keeps the blobs it
 * names.
 * Whatever is long - extent sets, parts of an upload that is gone - is taken
 * apart in slices, so that no commit waits for it.
 */
#include "base/log.h"
#include "base/timeval.h"
#include "store/local/bytes.h"
#include "store/local/extents.h"
#include "store/local/upload.h"

#include <errno.h>

#define REAP_MAX 256u
#define PERIOD_MAX_US (60 * US_PER_S)
#define WATCH_US US_PER_S

struct due {
	enum record_kind what;
	uint64_t due_us;
	uint64_t id;
	bool kept; /* its file could not be unlinked: later again */
	bool done;
};

struct reap {
	struct writer_op op; /* first */
	size_t n;
	struct due v[REAP_MAX];
};

/* ---- what is due -------------------------------------------------------- */

/*
 * One that makes no sense stays where it is and keeps its file: never unlink
 * what may be named, and never let it stop the others.
 */
static bool
may_unlink(struct local *ls, MDB_txn *txn, uint64_t id)
{
	struct blob_row row;
	int rc = gc_blob_get(ls, txn, id, &row);

	if (rc == 0 && row.refs == 0)
		return true;
	log_error("gc_damaged", "blob %016llx is kept: %s",
		  (unsigned long long)id,
		  rc == 0 ? "it is still referenced" : "its record is damaged");
	return false;
}

static bool
take_due(struct local *ls, MDB_txn *txn, struct slice value, bool held,
	 struct due *d)
{
	uint64_t since;

	if (gc_due_decode(value, &d->what, &since) != 0) {
		log_error("gc_damaged", "a row of table gc is damaged");
		return false;
	}
	if (d->what != RECORD_DUE)
		return true;
	return !held && !reads_need(&ls->reads, d->id, since) &&
	       may_unlink(ls, txn, d->id);
}

static bool
is_held(struct keeper *k)
{
	bool held;

	pthread_mutex_lock(&k->mu);
	held = k->holds > 0;
	pthread_mutex_unlock(&k->mu);
	return held;
}

/*
 * The rows that are due, at most REAP_MAX. The hold is read after the snapshot
 * was taken: a backup that holds later has a later snapshot, in which the
 * blobs found here have no references either.
 */
static int
find_due(struct local *ls, struct reap *p)
{
	uint64_t now = (uint64_t)time_now_us();
	MDB_cursor *c;
	MDB_txn *txn;
	MDB_val k, v;
	bool held;
	int rc = local_read_begin(ls, &txn);

	p->n = 0;
	if (rc != 0)
		return rc;
	held = is_held(&ls->keeper);
	reads_bar(&ls->reads, mdb_txn_id(txn));
	rc = mdb_cursor_open(txn, ls->dbi[TABLE_GC], &c);
	if (rc != 0) {
		local_read_end(ls, txn);
		return rc;
	}
	while (rc == 0 && p->n < REAP_MAX) {
		struct due *d = &p->v[p->n];

		rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
		if (rc == 0 && k.mv_size != 16)
			rc = MDB_CORRUPTED;
		if (rc != 0 || be_get(k.mv_data, 8) > now)
			break;
		*d = (struct due){ .due_us = be_get(k.mv_data, 8),
				   .id =
				       be_get((const char *)k.mv_data + 8, 8) };
		p->n +=
		    take_due(ls, txn, slice_mem(v.mv_data, v.mv_size), held, d);
	}
	mdb_cursor_close(c);
	local_read_end(ls, txn);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* ---- doing it ----------------------------------------------------------- */

static int
do_one(struct writer_txn *t, struct due *d)
{
	int64_t now = time_now_us();

	d->done = true;
	switch (d->what) {
	case RECORD_DUE:
		return gc_blob_forget(t->ls, t->txn, d->id);
	case RECORD_DUE_SET:
		return set_take_apart(t, d->id, now, &d->done);
	case RECORD_DUE_PARTS:
		return upload_drop_parts(t, d->id, now, &d->done);
	default:
		return upload_forget(t, d->id);
	}
}

static int
finish(struct writer_txn *t, const struct due *d)
{
	uint8_t key[16];

	be_put(key, d->due_us, 8);
	be_put(key + 8, d->id, 8);
	return local_row_del(t->ls, t->txn, TABLE_GC, slice_mem(key, 16));
}

static bool
is_long(const struct due *d)
{
	return d->what == RECORD_DUE_SET || d->what == RECORD_DUE_PARTS;
}

static int
run_short(struct writer_op *op, struct writer_txn *t)
{
	struct reap *p = (struct reap *)op;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->n; i++) {
		if (is_long(&p->v[i]) || p->v[i].kept)
			continue;
		rc = do_one(t, &p->v[i]);
		if (rc == 0)
			rc = finish(t, &p->v[i]);
	}
	return rc;
}

struct slice_op {
	struct writer_op op; /* first */
	struct due *d;
};

static int
run_slice(struct writer_op *op, struct writer_txn *t)
{
	struct due *d = ((struct slice_op *)op)->d;
	int rc = do_one(t, d);

	return rc == 0 && d->done ? finish(t, d) : rc;
}

static void
unlink_blobs(struct local *ls, struct reap *p)
{
	uint64_t ids[REAP_MAX];
	bool gone[REAP_MAX];
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].what == RECORD_DUE)
			ids[n++] = p->v[i].id;
	blob_unlink(ls, ids, n, gone);
	n = 0;
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].what == RECORD_DUE)
			p->v[i].kept = !gone[n++];
}

static bool
stopped(struct keeper *k)
{
	bool stop;

	pthread_mutex_lock(&k->mu);
	stop = k->stop;
	pthread_mutex_unlock(&k->mu);
	return stop;
}

/* How many are done; one that fails does not stop the others. */
static size_t
do_all(struct local *ls, struct reap *p)
{
	size_t done = 0;

	p->op = (struct writer_op){ .run = run_short, .kind = WRITER_REMOVAL };
	(void)writer_run(ls, &p->op);
	for (size_t i = 0; i < p->n; i++) {
		struct due *d = &p->v[i];
		struct slice_op one = { .op = { .run = run_slice,
						.kind = WRITER_REMOVAL },
					.d = d };
		enum s3_error err = p->op.result;

		if (is_long(d))
			do
				err = writer_run(ls, &one.op);
			while (err == S3_OK && !d->done &&
			       !stopped(&ls->keeper));
		done += err == S3_OK && !d->kept;
	}
	return done;
}

static void
reap(struct local *ls)
{
	struct reap p;
	size_t done;

	do {
		int rc = find_due(ls, &p);

		if (rc != 0) {
			local_error("gc", rc);
			return;
		}
		if (p.n == 0)
			return;
		unlink_blobs(ls, &p);
		done = do_all(ls, &p);
	} while (done && !stopped(&ls->keeper));
}

/* ---- the thread --------------------------------------------------------- */

static bool
sleep_unless_stopped(struct keeper *k, int64_t us)
{
	int64_t due = time_mono_us() + us;
	bool stop;

	pthread_mutex_lock(&k->mu);
	while (!k->stop && time_cond_wait(&k->wake, &k->mu, due))
		continue;
	stop = k->stop;
	pthread_mutex_unlock(&k->mu);
	return !stop;
}

static void
tend(struct local *ls)
{
	int dead;

	upload_expire(ls);
	reap(ls);
	(void)outbox_trim(ls);
	space_tend(ls);
	mdb_reader_check(ls->env, &dead);
}

static void *
keeper_main(void *arg)
{
	struct local *ls = arg;
	int64_t period =
	    ls->gc_delay_us < PERIOD_MAX_US ? ls->gc_delay_us : PERIOD_MAX_US;
	int64_t due_us = 0;

	do {
		watch_readers(ls);
		if (time_mono_us() < due_us)
			continue;
		tend(ls);
		due_us = time_mono_us() + period;
	} while (sleep_unless_stopped(&ls->keeper,
				      period < WATCH_US ? period : WATCH_US));
	return NULL;
}

int
keeper_start(struct local *ls)
{
	struct keeper *k = &ls->keeper;

	pthread_mutex_init(&k->mu, NULL);
	time_cond_init(&k->wake);
	k->started = pthread_create(&k->thread, NULL, keeper_main, ls) == 0;
	return k->started ? 0 : -1;
}

void
keeper_stop(struct local *ls)
{
	struct keeper *k = &ls->keeper;

	if (!k->started)
		return;
	pthread_mutex_lock(&k->mu);
	k->stop = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->mu);
	pthread_join(k->thread, NULL);
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->mu);
	k->started = false;
}

void
keeper_hold(struct local *ls)
{
	pthread_mutex_lock(&ls->keeper.mu);
	ls->keeper.holds++;
	pthread_mutex_unlock(&ls->keeper.mu);
}

void
keeper_release(struct local *ls)
{
	pthread_mutex_lock(&ls->keeper.mu);
	ls->keeper.holds--;
	pthread_mutex_unlock(&ls->keeper.mu);
}
