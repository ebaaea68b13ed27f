/*
 * Intents in the index: a row each, in the table of that name, until it is
 * settled. The row is the event that is to come, without a sequence; its key
 * is a number of the versions' clock.
 */
#include "store/journal.h"
#include "base/encode.h"
#include "base/random.h"
#include "base/timeval.h"
#include "store/local/bytes.h"
#include "store/local/version.h"

/* ---- begun -------------------------------------------------------------- */

struct intend_op {
	struct writer_op op; /* first */
	int64_t now_us;
	struct buf row;
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
			     buf_slice(&i->row));
}

static bool
begin(struct intend_op *i, const struct store_event *event,
      struct journal_intent *out)
{
	uint8_t id[(STORE_EVENT_ID_MAX - 1) / 2];

	*i = (struct intend_op){ .op = { .run = run_intend,
					 .kind = WRITER_CHANGE },
				 .now_us = time_now_us() };
	*out = (struct journal_intent){ .event = *event };
	out->event.seq = 0;
	out->event.time_us = i->now_us;
	random_bytes(id, sizeof(id));
	hex_encode(id, sizeof(id), out->event.id);
	record_event_encode(&i->row, &out->event);
	i->op.bytes = i->row.n;
	return buf_ok(&i->row);
}

enum s3_error
journal_intend(struct store *journal, const struct store_event *events,
	       size_t n, struct journal_intent *out)
{
	struct local *ls = local_only(journal);
	struct intend_op *v = calloc(n, sizeof(*v));
	struct writer_op **ops = calloc(n, sizeof(*ops));
	enum s3_error err = S3_OK;

	if (!v || !ops)
		err = S3_ERR_INTERNAL_ERROR;
	if (!ls)
		err = S3_ERR_NOT_IMPLEMENTED;
	for (size_t i = 0; err == S3_OK && i < n; i++) {
		ops[i] = &v[i].op;
		if (!begin(&v[i], &events[i], &out[i]))
			err = S3_ERR_INTERNAL_ERROR;
	}
	if (err == S3_OK) {
		writer_run_all(ls, ops, n);
		for (size_t i = n; i-- > 0;) {
			if (ops[i]->result == S3_OK)
				out[i].id = v[i].id;
			else
				err = ops[i]->result;
		}
	}
	for (size_t i = 0; v && i < n; i++)
		buf_release(&v[i].row);
	free(v);
	free(ops);
	return err;
}

/* ---- ended -------------------------------------------------------------- */

/* It takes the room that the intent had: admitted with it. */
struct settle_op {
	struct writer_op op; /* first */
	uint64_t id;
	struct buf row; /* of the event; empty: none */
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
		rc = outbox_append(t, buf_slice(&s->row));
		s->seq = t->state->last_seq;
	}
	return rc;
}

static enum s3_error
settle_all(struct local *ls, struct journal_end *ends, size_t n,
	   struct settle_op *v, struct writer_op **ops)
{
	for (size_t i = 0; i < n; i++) {
		v[i].op.run = run_settle;
		v[i].op.kind = WRITER_GRANTED;
		v[i].id = ends[i].id;
		if (ends[i].event)
			record_event_encode(&v[i].row, ends[i].event);
		if (!buf_ok(&v[i].row))
			return S3_ERR_INTERNAL_ERROR;
		v[i].op.bytes = v[i].row.n;
		ops[i] = &v[i].op;
	}
	writer_run_all(ls, ops, n);
	for (size_t i = 0; i < n; i++) {
		ends[i].err = ops[i]->result;
		ends[i].seq = ends[i].err == S3_OK ? v[i].seq : 0;
	}
	return S3_OK;
}

void
journal_settle_all(struct store *journal, struct journal_end *ends, size_t n)
{
	struct local *ls = local_only(journal);
	struct settle_op *v = calloc(n, sizeof(*v));
	struct writer_op **ops = calloc(n, sizeof(*ops));
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (!ls)
		err = S3_ERR_NOT_IMPLEMENTED;
	else if (v && ops)
		err = settle_all(ls, ends, n, v, ops);
	for (size_t i = 0; i < n; i++) {
		if (err != S3_OK) {
			ends[i].err = err;
			ends[i].seq = 0;
		}
		if (v)
			buf_release(&v[i].row);
	}
	free(v);
	free(ops);
}

enum s3_error
journal_settle(struct store *journal, uint64_t id,
	       const struct store_event *event, uint64_t *seq)
{
	struct journal_end end = { .id = id, .event = event };

	journal_settle_all(journal, &end, 1);
	if (seq)
		*seq = end.seq;
	return end.err;
}

/* ---- open --------------------------------------------------------------- */

enum s3_error
journal_intents(struct store *journal, uint64_t after, size_t max,
		struct arena *a, struct journal_intent **out, size_t *n)
{
	struct local *ls = local_only(journal);
	struct store_event *rows;
	enum s3_error err;

	*n = 0;
	if (!ls)
		return S3_ERR_NOT_IMPLEMENTED;
	err = local_event_rows(ls, TABLE_INTENTS, after, max, a, &rows, n);
	if (err != S3_OK)
		return err;
	*out = arena_array(a, *n, sizeof(**out));
	for (size_t i = 0; *out && i < *n; i++) {
		(*out)[i] = (struct journal_intent){ rows[i].seq, rows[i] };
		(*out)[i].event.seq = 0;
	}
	return *out ? S3_OK : S3_ERR_INTERNAL_ERROR;
}
