/*
 * Rows of the tables, and the transactions they are read in. Idle read
 * transactions are kept: a slot belongs to who takes it out by an exchange.
 */
#include "store/local/local.h"

#include <errno.h>

static const char *const table_names[] = {
#define X(name, text) text,
	LOCAL_TABLES(X)
#undef X
};

const char *
local_table_name(enum local_table t)
{
	return table_names[t];
}

/* ---- read transactions -------------------------------------------------- */

/* An idle one begun anew, or NULL. */
static MDB_txn *
renew_idle(struct local *ls)
{
	for (size_t i = 0; i < ARRAY_LEN(ls->idle); i++) {
		MDB_txn *txn = atomic_load(&ls->idle[i]);

		if (!txn || !(txn = atomic_exchange(&ls->idle[i], NULL)))
			continue;
		if (mdb_txn_renew(txn) == 0)
			return txn;
		mdb_txn_abort(txn);
	}
	return NULL;
}

int
local_read_begin(struct local *ls, MDB_txn **txn)
{
	int rc = 0;

	*txn = renew_idle(ls);
	if (!*txn)
		rc = mdb_txn_begin(ls->env, NULL, MDB_RDONLY, txn);
	local_exit_on_panic(rc);
	return rc;
}

void
local_read_end(struct local *ls, MDB_txn *txn)
{
	mdb_txn_reset(txn);
	for (size_t i = 0; i < ARRAY_LEN(ls->idle); i++) {
		MDB_txn *none = NULL;

		if (!atomic_load(&ls->idle[i]) &&
		    atomic_compare_exchange_strong(&ls->idle[i], &none, txn))
			return;
	}
	mdb_txn_abort(txn);
}

/* ---- rows ---------------------------------------------------------------- */

static MDB_val
val(struct slice s)
{
	/* LMDB takes void * but never writes through it. */
	union {
		const char *in;
		char *out;
	} p = { .in = s.p };

	return (MDB_val){ s.n, p.out };
}

int
local_row_get(struct local *ls, MDB_txn *txn, enum local_table t,
	      struct slice key, struct slice *value)
{
	MDB_val k = val(key), v;
	int rc = mdb_get(txn, ls->dbi[t], &k, &v);

	if (rc == 0)
		*value = slice_mem(v.mv_data, v.mv_size);
	return rc;
}

int
local_row_put(struct local *ls, MDB_txn *txn, enum local_table t,
	      struct slice key, struct slice value)
{
	MDB_val k = val(key), v = val(value);

	return mdb_put(txn, ls->dbi[t], &k, &v, 0);
}

int
local_record_put(struct local *ls, MDB_txn *txn, enum local_table t,
		 struct slice key, struct buf *record)
{
	int rc = ENOMEM;

	record_end(record);
	if (buf_ok(record))
		rc = local_row_put(ls, txn, t, key, buf_slice(record));
	buf_release(record);
	return rc;
}

int
local_row_del(struct local *ls, MDB_txn *txn, enum local_table t,
	      struct slice key)
{
	MDB_val k = val(key);

	return mdb_del(txn, ls->dbi[t], &k, NULL);
}
