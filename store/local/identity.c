/*
 * The rows of table meta: the format the store has, whose it is, and the state
 * that each commit writes anew.
 */
#include "base/random.h"
#include "store/local/local.h"

/* ---- the state -------------------------------------------------------- */

#define STATE_FIELDS (sizeof(struct local_state) / sizeof(uint64_t))

int
local_state_store(struct local *ls, MDB_txn *txn, const struct local_state *st)
{
	struct buf b = BUF_INIT;
	uint64_t v[STATE_FIELDS];

	memcpy(v, st, sizeof(v));
	record_begin(&b, RECORD_STATE);
	for (size_t i = 0; i < STATE_FIELDS; i++)
		record_int(&b, v[i], 8);
	return local_record_put(ls, txn, TABLE_META, SLICE("state"), &b);
}

static int
state_decode(struct slice value, struct local_state *st)
{
	struct record_reader r;
	uint64_t v[STATE_FIELDS];

	if (record_open(value, RECORD_STATE, &r, NULL) != 0)
		return -1;
	for (size_t i = 0; i < STATE_FIELDS; i++)
		v[i] = record_get_int(&r, 8);
	memcpy(st, v, sizeof(v));
	return record_done(&r);
}

int
local_state_load(struct local *ls, MDB_txn *txn, struct local_state *st)
{
	struct slice value;
	int rc = local_row_get(ls, txn, TABLE_META, SLICE("state"), &value);

	return rc == 0 && state_decode(value, st) != 0 ? MDB_CORRUPTED : rc;
}

/* ---- format and identity ----------------------------------------------- */

int
local_identity_store(struct local *ls, MDB_txn *txn)
{
	struct buf b = BUF_INIT;

	record_begin(&b, RECORD_IDENTITY);
	record_bytes(&b, slice_str(ls->deployment_id));
	record_bytes(&b, slice_str(ls->epoch));
	for (size_t i = 0; i < ls->n_pasts; i++) {
		record_bytes(&b, slice_str(ls->pasts[i].epoch));
		record_int(&b, ls->pasts[i].last_seq, 8);
	}
	return local_record_put(ls, txn, TABLE_META, SLICE("identity"), &b);
}

int
local_identity_create(struct local *ls, MDB_txn *txn)
{
	struct local_state st = { 0 };
	struct buf b = BUF_INIT;
	int rc;

	uuid_new(ls->deployment_id);
	uuid_new(ls->epoch);
	record_begin(&b, RECORD_FORMAT_MARK);
	rc = local_record_put(ls, txn, TABLE_META, SLICE("format"), &b);
	if (rc == 0)
		rc = local_identity_store(ls, txn);
	if (rc == 0)
		rc = local_state_store(ls, txn, &st);
	return rc;
}

static int
copy_uuid(struct record_reader *r, char out[40])
{
	struct slice s = record_get_bytes(r);

	if (!uuid_valid(s))
		return -1;
	snprintf(out, 40, "%.*s", SLICE_ARG(s));
	return 0;
}

static int
identity_decode(struct local *ls, struct slice value)
{
	struct record_reader r;

	ls->n_pasts = 0;
	if (record_open(value, RECORD_IDENTITY, &r, NULL) != 0 ||
	    copy_uuid(&r, ls->deployment_id) != 0 ||
	    copy_uuid(&r, ls->epoch) != 0)
		return -1;
	while (r.rest.n && !r.err) {
		struct store_past *past = &ls->pasts[ls->n_pasts];

		if (ls->n_pasts == LOCAL_PASTS_MAX ||
		    copy_uuid(&r, past->epoch) != 0)
			return -1;
		past->last_seq = record_get_int(&r, 8);
		ls->n_pasts++;
	}
	return record_done(&r);
}

static int
check_format(struct slice format, char err[512])
{
	if (format.n && (uint8_t)format.p[0] == RECORD_FORMAT)
		return 0;
	return local_fail(err,
			  "the store has format version %u, this program knows "
			  "version %u: use the program that wrote it",
			  format.n ? (uint8_t)format.p[0] : 0u, RECORD_FORMAT);
}

int
local_identity_load(struct local *ls, MDB_txn *txn, struct local_state *st,
		    char err[512])
{
	struct record_reader r;
	struct slice v;
	int rc = local_row_get(ls, txn, TABLE_META, SLICE("format"), &v);

	if (rc == MDB_NOTFOUND)
		return rc;
	if (rc != 0)
		return local_fail(err, "index: %s", mdb_strerror(rc));
	if (check_format(v, err) != 0)
		return -1;
	if (record_open(v, RECORD_FORMAT_MARK, &r, NULL) != 0 ||
	    local_row_get(ls, txn, TABLE_META, SLICE("identity"), &v) != 0 ||
	    identity_decode(ls, v) != 0 || local_state_load(ls, txn, st) != 0)
		return local_fail(err,
				  "the store's index is damaged (table meta)");
	return 0;
}
