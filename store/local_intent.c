/*
 * Intents in the index: a row each, in the table of that name, until it is
 * settled. The row is the event that is to come, without a sequence; its key
 * is a number of the versions' clock.
 */
#include "store/journal.h"
#include "base/encode.h"
#include "base/random.h"
#include "base/timeval.h"
#include "store/bytes.h"
#include "store/local_version.h"

#define INTENTS_MAX 1000u /* of one call */

/* ---- begun -------------------------------------------------------------- */

struct intend_op {
	struct writer_op op; /* first */
	int64_t now_us;
	struct slice row;
	uint64_t id;
};

static int
run_intend(struct writer_op *op, struct writer_txn *t)
{
	struct intend_op *i = (struct intend_op *)op;
	uint8_t key[8];

	i->id = version_next(t->state, i->now_us);
	be_put(key, i->id, 8);
	return local_row_put(t->ls, t->txn, TABLE_INTENTS, slice_mem(key, 8),
			     i->row);
}

enum s3_error
journal_intend(struct store *journal, const struct store_event *event,
	       struct journal_intent *out)
{
	struct local *ls = local_only(journal);
	uint8_t id[(STORE_EVENT_ID_MAX - 1) / 2];
	struct buf row = BUF_INIT;
	struct intend_op i = { .op = { .run = run_intend,
				       .kind = WRITER_CHANGE } };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (!ls)
		return S3_ERR_NOT_IMPLEMENTED;
	*out = (struct journal_intent){ .event = *event };
	out->event.seq = 0;
	out->event.time_us = i.now_us = time_now_us();
	random_bytes(id, sizeof(id));
	hex_encode(id, sizeof(id), out->event.id);
	record_event_encode(&row, &out->event);
	i.row = buf_slice(&row);
	i.op.bytes = row.n;
	if (buf_ok(&row))
		err = writer_run(ls, &i.op);
	buf_release(&row);
	out->id = err == S3_OK ? i.id : 0;
	return err;
}

/* ---- ended -------------------------------------------------------------- */

struct settle_op {
	struct writer_op op; /* first */
	uint64_t id;
	struct slice row; /* of the event; empty: none */
	uint64_t seq;
};

static int
run_settle(struct writer_op *op, struct writer_txn *t)
{
	struct settle_op *s = (struct settle_op *)op;
	uint8_t key[8];
	int rc;

	s->seq = 0;
	be_put(key, s->id, 8);
	rc = local_row_del(t->ls, t->txn, TABLE_INTENTS, slice_mem(key, 8));
	if (rc == MDB_NOTFOUND)
		return 0; /* settled before */
	if (rc == 0 && s->row.n) {
		rc = outbox_append(t, s->row);
		s->seq = t->state->last_seq;
	}
	return rc;
}

enum s3_error
journal_settle(struct store *journal, uint64_t id,
	       const struct store_event *event, uint64_t *seq)
{
	struct local *ls = local_only(journal);
	struct buf row = BUF_INIT;
	/* It takes the room that the intent had: admitted with it. */
	struct settle_op s = {
		.op = { .run = run_settle, .kind = WRITER_GRANTED }, .id = id
	};
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (!ls)
		return S3_ERR_NOT_IMPLEMENTED;
	if (event)
		record_event_encode(&row, event);
	s.row = buf_slice(&row);
	s.op.bytes = row.n;
	if (buf_ok(&row))
		err = writer_run(ls, &s.op);
	buf_release(&row);
	if (seq)
		*seq = err == S3_OK ? s.seq : 0;
	return err;
}

/* ---- open --------------------------------------------------------------- */

static enum s3_error
read_rows(MDB_cursor *c, uint64_t after, size_t max, struct arena *a,
	  struct journal_intent *v, size_t *n)
{
	uint8_t from[8];
	MDB_val key = { 8, from }, value;
	int rc;

	be_put(from, after + 1, 8);
	rc = mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);
	while (rc == 0 && *n < max) {
		struct journal_intent *i = &v[*n];

		*i = (struct journal_intent){ 0 };
		if (key.mv_size != 8 ||
		    record_event_decode(slice_mem(value.mv_data, value.mv_size),
					a, &i->event) != 0)
			return local_error("intents", MDB_CORRUPTED);
		i->id = be_get(key.mv_data, 8);
		(*n)++;
		rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
	}
	if (rc != 0 && rc != MDB_NOTFOUND)
		return local_error("intents", rc);
	return S3_OK;
}

enum s3_error
journal_intents(struct store *journal, uint64_t after, size_t max,
		struct arena *a, struct journal_intent **out, size_t *n)
{
	struct local *ls = local_only(journal);
	enum s3_error err;
	MDB_cursor *c;
	MDB_txn *txn;
	int rc;

	*n = 0;
	if (!ls)
		return S3_ERR_NOT_IMPLEMENTED;
	max = max < INTENTS_MAX ? max : INTENTS_MAX;
	*out = arena_array(a, max, sizeof(**out));
	if (!*out)
		return S3_ERR_INTERNAL_ERROR;
	if (after == UINT64_MAX)
		return S3_OK;
	rc = local_read_begin(ls, &txn);
	if (rc != 0)
		return local_error("intents", rc);
	rc = mdb_cursor_open(txn, ls->dbi[TABLE_INTENTS], &c);
	if (rc != 0) {
		err = local_error("intents", rc);
	} else {
		err = read_rows(c, after, max, a, *out, n);
		mdb_cursor_close(c);
	}
	local_read_end(ls, txn);
	return err;
}
