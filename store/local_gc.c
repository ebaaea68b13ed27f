/*
 * Reference counts of blobs, delayed reclamation, and the housekeeping thread.
 *
 * The last release of a blob puts a row (due time, id) into table gc in the
 * same transaction. When it is due the keeper unlinks the file and only then
 * deletes its rows: a crash in between repeats an unlink, which is harmless.
 * A reader that opened the file before keeps it; the delay covers those that
 * are about to open it.
 */
#include "store/local.h"
#include "base/log.h"
#include "base/timeval.h"
#include "store/bytes.h"

#include <errno.h>

#define REAP_MAX 256u
#define CRCS_PER_ROW 1024u
#define PERIOD_MAX_US (60 * US_PER_S)

static struct slice
id_key(uint64_t id, uint8_t key[8])
{
	be_put(key, id, 8);
	return slice_mem(key, 8);
}

/* ---- references ------------------------------------------------------- */

struct blob_row {
	uint64_t refs;
	uint64_t size;
};

static int
blob_row_get(struct local *ls, MDB_txn *txn, uint64_t id, struct blob_row *b)
{
	struct record_reader r;
	uint8_t key[8];
	struct slice value;
	int rc = local_row_get(ls, txn, TABLE_BLOB, id_key(id, key), &value);

	if (rc != 0)
		return rc;
	if (record_open(value, RECORD_BLOB, &r, NULL) != 0)
		return MDB_CORRUPTED;
	b->refs = record_get_int(&r, 4);
	b->size = record_get_int(&r, 8);
	return record_done(&r) == 0 ? 0 : MDB_CORRUPTED;
}

/* Seals b and stores it under @key. */
static int
put_sealed(struct local *ls, MDB_txn *txn, enum local_table table,
	   struct slice key, struct buf *b)
{
	int rc = ENOMEM;

	record_end(b);
	if (buf_ok(b))
		rc = local_row_put(ls, txn, table, key, buf_slice(b));
	buf_release(b);
	return rc;
}

static int
blob_row_put(struct local *ls, MDB_txn *txn, uint64_t id, struct blob_row row)
{
	struct buf b = BUF_INIT;
	uint8_t key[8];

	record_begin(&b, RECORD_BLOB);
	record_int(&b, row.refs, 4);
	record_int(&b, row.size, 8);
	return put_sealed(ls, txn, TABLE_BLOB, id_key(id, key), &b);
}

int
gc_blob_add(struct local *ls, MDB_txn *txn, uint64_t id, uint64_t size,
	    struct slice crcs)
{
	int rc = blob_row_put(ls, txn, id, (struct blob_row){ 1, size });

	for (uint64_t block = 0; rc == 0 && crcs.n; block += CRCS_PER_ROW) {
		struct buf b = BUF_INIT;
		uint8_t key[12];

		be_put(key, id, 8);
		be_put(key + 8, block, 4);
		record_begin(&b, RECORD_CRCS);
		buf_put(&b, slice_head(crcs, CRCS_PER_ROW * 4u));
		crcs = slice_from(crcs, CRCS_PER_ROW * 4u);
		rc = put_sealed(ls, txn, TABLE_CRC, slice_mem(key, 12), &b);
	}
	return rc;
}

int
gc_blob_release(struct local *ls, MDB_txn *txn, uint64_t id, int64_t now_us)
{
	struct blob_row row;
	struct buf b = BUF_INIT;
	uint8_t key[16];
	int rc = blob_row_get(ls, txn, id, &row);

	if (rc == 0 && row.refs == 0)
		rc = MDB_CORRUPTED;
	if (rc != 0)
		return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
	row.refs--;
	rc = blob_row_put(ls, txn, id, row);
	if (rc != 0 || row.refs > 0)
		return rc;
	be_put(key, (uint64_t)(now_us + ls->gc_delay_us), 8);
	be_put(key + 8, id, 8);
	record_begin(&b, RECORD_DUE);
	return put_sealed(ls, txn, TABLE_GC, slice_mem(key, 16), &b);
}

/* ---- reaping ---------------------------------------------------------- */

struct reap {
	struct writer_op op; /* first */
	size_t n;
	uint64_t due_us[REAP_MAX];
	uint64_t id[REAP_MAX];
};

/*
 * A due row into *p. One that makes no sense stays where it is and keeps its
 * file: never unlink what may be named, and never let it stop the others.
 */
static void
take_due(struct local *ls, MDB_txn *txn, struct slice key, struct reap *p)
{
	uint64_t id = be_get(key.p + 8, 8);
	struct blob_row row;
	int rc = blob_row_get(ls, txn, id, &row);

	if (rc != 0 || row.refs > 0) {
		log_error("gc_damaged", "blob %016llx is kept: %s",
			  (unsigned long long)id,
			  rc == 0 ? "it is still referenced"
				  : "its record is damaged");
		return;
	}
	p->due_us[p->n] = be_get(key.p, 8);
	p->id[p->n] = id;
	p->n++;
}

/* The rows that are due, at most REAP_MAX. */
static int
find_due(struct local *ls, struct reap *p)
{
	uint64_t now = (uint64_t)time_now_us();
	MDB_cursor *c;
	MDB_txn *txn;
	MDB_val k, v;
	int rc = local_read_begin(ls, &txn);

	p->n = 0;
	if (rc != 0)
		return rc;
	rc = mdb_cursor_open(txn, ls->dbi[TABLE_GC], &c);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	while (rc == 0 && p->n < REAP_MAX) {
		rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
		if (rc == 0 && k.mv_size != 16)
			rc = MDB_CORRUPTED;
		if (rc != 0 || be_get(k.mv_data, 8) > now)
			break;
		take_due(ls, txn, slice_mem(k.mv_data, 16), p);
	}
	mdb_cursor_close(c);
	mdb_txn_abort(txn);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int
delete_crcs(struct writer_txn *t, uint64_t id, uint64_t size)
{
	uint64_t blocks = (size >> 20) + 1;
	uint8_t key[12];

	be_put(key, id, 8);
	for (uint64_t block = 0; block < blocks; block += CRCS_PER_ROW) {
		int rc;

		be_put(key + 8, block, 4);
		rc =
		    local_row_del(t->ls, t->txn, TABLE_CRC, slice_mem(key, 12));
		if (rc != 0 && rc != MDB_NOTFOUND)
			return rc;
	}
	return 0;
}

static int
run_reap(struct writer_op *op, struct writer_txn *t)
{
	struct reap *p = (struct reap *)op;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->n; i++) {
		struct blob_row row;
		uint8_t key[16];

		rc = blob_row_get(t->ls, t->txn, p->id[i], &row);
		if (rc == 0)
			rc = delete_crcs(t, p->id[i], row.size);
		if (rc == 0)
			rc = local_row_del(t->ls, t->txn, TABLE_BLOB,
					   id_key(p->id[i], key));
		be_put(key, p->due_us[i], 8);
		be_put(key + 8, p->id[i], 8);
		if (rc == 0)
			rc = local_row_del(t->ls, t->txn, TABLE_GC,
					   slice_mem(key, 16));
	}
	return rc;
}

static void
reap(struct local *ls)
{
	struct reap p;
	enum s3_error err;

	do {
		int rc = find_due(ls, &p);

		if (rc != 0) {
			local_error("gc", rc);
			return;
		}
		if (p.n == 0)
			return;
		if (blob_unlink(ls, p.id, p.n) != 0) {
			log_error("gc_unlink", "%s", strerror(errno));
			return;
		}
		p.op = (struct writer_op){ .run = run_reap };
		err = writer_run(ls, &p.op);
	} while (err == S3_OK && p.n == REAP_MAX);
}

/* ---- the housekeeping thread ------------------------------------------ */

static bool
sleep_unless_stopped(struct keeper *k, int64_t us)
{
	int64_t due = time_mono_us() + us;
	struct timespec until = { due / US_PER_S, due % US_PER_S * 1000 };
	bool stop;
	int rc = 0;

	pthread_mutex_lock(&k->mu);
	while (!k->stop && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&k->wake, &k->mu, &until);
	stop = k->stop;
	pthread_mutex_unlock(&k->mu);
	return !stop;
}

static void *
keeper_main(void *arg)
{
	struct local *ls = arg;
	int64_t period =
	    ls->gc_delay_us < PERIOD_MAX_US ? ls->gc_delay_us : PERIOD_MAX_US;
	int dead;

	do {
		reap(ls);
		(void)outbox_trim(ls);
		mdb_reader_check(ls->env, &dead);
	} while (sleep_unless_stopped(&ls->keeper, period));
	return NULL;
}

int
keeper_start(struct local *ls)
{
	struct keeper *k = &ls->keeper;
	pthread_condattr_t mono;

	pthread_mutex_init(&k->mu, NULL);
	pthread_condattr_init(&mono);
	pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	pthread_cond_init(&k->wake, &mono);
	pthread_condattr_destroy(&mono);
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
