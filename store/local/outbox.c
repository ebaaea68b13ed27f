/*
 * The outbox: events in commit order, written in the same transaction as the
 * change they tell of, read by the relay, kept for a while after delivery.
 *
 * Retention needs no time per row: two numbers of the state say "all up to
 * retain_seq was delivered before retain_since". When that is older than the
 * retention those rows go and the pair moves on to what was delivered by now,
 * so a row stays between one and two retention times after its delivery.
 */
#include "store/local/local.h"
#include "base/timeval.h"
#include "store/local/bytes.h"

#define EVENTS_MAX 1000u
#define TRIM_MAX 512u

int
outbox_append(struct writer_txn *t, struct slice row)
{
	uint8_t key[8];
	MDB_val k = { sizeof(key), key }, v = { .mv_size = row.n };
	int rc;

	be_put(key, ++t->state->last_seq, 8);
	/* Appending fills the pages, which splitting leaves half empty. */
	rc = mdb_put(t->txn, t->ls->dbi[TABLE_OUTBOX], &k, &v,
		     MDB_APPEND | MDB_RESERVE);
	if (rc == 0)
		memcpy(v.mv_data, row.p, row.n);
	return rc;
}

/* ---- reading ---------------------------------------------------------- */

static enum s3_error
read_rows(MDB_cursor *c, const char *name, uint64_t after, size_t max,
	  struct arena *a, struct store_event *v, size_t *n)
{
	uint8_t from[8];
	MDB_val key = { 8, from }, value;
	int rc;

	be_put(from, after + 1, 8);
	rc = mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);
	while (rc == 0 && *n < max) {
		struct store_event *e = &v[*n];

		if (key.mv_size != 8 ||
		    record_event_decode(slice_mem(value.mv_data, value.mv_size),
					a, e) != 0)
			return local_error(name, MDB_CORRUPTED);
		e->seq = be_get(key.mv_data, 8);
		(*n)++;
		rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
	}
	if (rc != 0 && rc != MDB_NOTFOUND)
		return local_error(name, rc);
	return S3_OK;
}

enum s3_error
local_event_rows(struct local *ls, enum local_table table, uint64_t after,
		 size_t max, struct arena *a, struct store_event **out,
		 size_t *n)
{
	const char *name = local_table_name(table);
	enum s3_error err;
	MDB_cursor *c;
	MDB_txn *txn;
	int rc;

	*n = 0;
	max = max < EVENTS_MAX ? max : EVENTS_MAX;
	*out = arena_array(a, max, sizeof(**out));
	if (!*out)
		return S3_ERR_INTERNAL_ERROR;
	if (after == UINT64_MAX)
		return S3_OK;
	rc = local_read_begin(ls, &txn);
	if (rc != 0)
		return local_error(name, rc);
	rc = mdb_cursor_open(txn, ls->dbi[table], &c);
	if (rc != 0) {
		err = local_error(name, rc);
	} else {
		err = read_rows(c, name, after, max, a, *out, n);
		mdb_cursor_close(c);
	}
	local_read_end(ls, txn);
	return err;
}

enum s3_error
local_events(struct store *s, uint64_t after, size_t max, struct arena *a,
	     struct store_event **out, size_t *n)
{
	return local_event_rows(local_of(s), TABLE_OUTBOX, after, max, a, out,
				n);
}

enum s3_error
local_events_wait(struct store *s, uint64_t after, int timeout_ms)
{
	return writer_wait_seq(local_of(s), after, timeout_ms);
}

/* ---- delivered -------------------------------------------------------- */

struct ack_op {
	struct writer_op op; /* first */
	uint64_t seq;
	uint64_t now_us;
};

static int
run_ack(struct writer_op *op, struct writer_txn *t)
{
	struct ack_op *ack = (struct ack_op *)op;
	struct local_state *st = t->state;

	if (ack->seq > st->last_seq) {
		op->result = S3_ERR_INVALID_ARGUMENT;
		return 0;
	}
	if (ack->seq <= st->acked_seq)
		return 0;
	st->acked_seq = ack->seq;
	if (st->retain_since_us == 0) {
		st->retain_seq = ack->seq;
		st->retain_since_us = ack->now_us;
	}
	return 0;
}

enum s3_error
local_events_ack(struct store *s, uint64_t seq)
{
	struct ack_op ack = { .op.run = run_ack,
			      .seq = seq,
			      .now_us = (uint64_t)time_now_us() };

	return writer_run(local_of(s), &ack.op);
}

/* ---- retention -------------------------------------------------------- */

struct trim_op {
	struct writer_op op; /* first */
	uint64_t now_us;
	bool more;
};

static bool
trim_due(struct local *ls, const struct local_state *st, uint64_t now_us)
{
	return st->retain_since_us &&
	       now_us >= st->retain_since_us + (uint64_t)ls->event_retention_us;
}

static int
run_trim(struct writer_op *op, struct writer_txn *t)
{
	struct trim_op *trim = (struct trim_op *)op;
	struct local_state *st = t->state;
	MDB_cursor *c;
	MDB_val k, v;
	size_t n = 0;
	int rc;

	trim->more = false;
	if (!trim_due(t->ls, st, trim->now_us))
		return 0;
	rc = mdb_cursor_open(t->txn, t->ls->dbi[TABLE_OUTBOX], &c);
	if (rc != 0)
		return rc;
	while (n < TRIM_MAX &&
	       (rc = mdb_cursor_get(c, &k, &v, MDB_FIRST)) == 0 &&
	       be_get(k.mv_data, 8) <= st->retain_seq) {
		rc = mdb_cursor_del(c, 0);
		if (rc != 0)
			break;
		n++;
	}
	mdb_cursor_close(c);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return rc;
	trim->more = n == TRIM_MAX;
	if (trim->more)
		return 0;
	/* On to what was delivered since; nothing new: the next ack begins. */
	st->retain_since_us = st->acked_seq > st->retain_seq ? trim->now_us : 0;
	st->retain_seq = st->acked_seq;
	return 0;
}

enum s3_error
outbox_trim(struct local *ls)
{
	struct trim_op trim = { .op = { .run = run_trim,
					.kind = WRITER_REMOVAL },
				.now_us = (uint64_t)time_now_us() };
	struct local_state st = writer_state(ls);
	enum s3_error err = S3_OK;

	if (!trim_due(ls, &st, trim.now_us))
		return S3_OK;
	do
		err = writer_run(ls, &trim.op);
	while (err == S3_OK && trim.more);
	return err;
}
