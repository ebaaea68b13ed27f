/*
 * The group-commit loop. A batch is whatever has queued up, bounded in count
 * and bytes so that one commit stays short; there is no artificial delay: a
 * lone operation commits at once, and the time of a commit is what gathers
 * the next batch.
 */
#include "store/local/local.h"
#include "base/log.h"
#include "base/timeval.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BATCH_OPS 256u
#define BATCH_BYTES (8u << 20)
#define LAG_MAX_US (5 * US_PER_S)
#define NICER 10
#define TURN_NS 100000

/* Of sched_setattr(2), which the C library has from 2.41 on. */
struct scheduling {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

/*
 * A commit that failed before it wrote LMDB's meta page did not happen. One
 * that failed there is known to the disk alone: nobody may be told either
 * answer, and LMDB refuses all work until the index is opened again.
 */
static enum s3_error
commit(struct local *ls, MDB_txn *txn, struct writer_op *ops)
{
	enum s3_error err;
	int rc = mdb_txn_commit(txn), probe;

	if (rc == 0)
		return S3_OK;
	err = local_error("commit", rc);
	probe = mdb_txn_begin(ls->env, NULL, 0, &txn);
	local_exit_on_panic(probe);
	if (probe == 0)
		mdb_txn_abort(txn);
	if (local_no_room(ls, rc))
		err = S3_ERR_INSUFFICIENT_STORAGE;
	for (struct writer_op *op = ops; op; op = op->next)
		op->result = err;
	return err;
}

static void
publish(struct local *ls, const struct local_state *st)
{
	struct writer *w = &ls->writer;

	pthread_mutex_lock(&w->mu);
	if (st->last_seq != w->state.last_seq)
		pthread_cond_broadcast(&w->committed);
	w->state = *st;
	pthread_mutex_unlock(&w->mu);
}

/*
 * One transaction for the operations linked from @ops. Returns 0 when each
 * has its result (also after a failed commit), or the LMDB error of a put:
 * nothing happened then.
 */
static int
attempt(struct local *ls, struct writer_op *ops)
{
	struct local_state st = ls->writer.state;
	struct writer_txn t = { .ls = ls, .state = &st };
	int rc = mdb_txn_begin(ls->env, NULL, 0, &t.txn);

	local_exit_on_panic(rc);
	if (rc != 0)
		return rc;
	for (struct writer_op *op = ops; rc == 0 && op; op = op->next) {
		op->result = S3_OK;
		rc = op->run(op, &t);
	}
	if (rc == 0 && memcmp(&st, &ls->writer.state, sizeof(st)) != 0)
		rc = local_state_store(ls, t.txn, &st);
	if (rc != 0) {
		local_exit_on_panic(rc);
		mdb_txn_abort(t.txn);
		return rc;
	}
	if (commit(ls, t.txn, ops) == S3_OK)
		publish(ls, &st);
	return 0;
}

static void
run_alone(struct local *ls, struct writer_op *op)
{
	struct writer_op *next = op->next;
	int rc;

	op->next = NULL;
	rc = attempt(ls, op);
	if (rc != 0)
		op->result = local_error("write", rc);
	op->next = next;
}

/* The commit had no room, and did not happen. A removal needs less alone, and
 * may use the ballast's; what brings bytes stays refused. */
static void
retry_removal(struct local *ls, struct writer_op *op)
{
	if (op->kind != WRITER_REMOVAL ||
	    op->result != S3_ERR_INSUFFICIENT_STORAGE)
		return;
	run_alone(ls, op);
	if (op->result == S3_ERR_INSUFFICIENT_STORAGE && space_drop_ballast(ls))
		run_alone(ls, op);
}

/* All in one transaction; when a put fails, each in its own, so that only
 * the culprit suffers. */
static void
run_batch(struct local *ls, struct writer_op *ops)
{
	int rc = attempt(ls, ops);

	for (struct writer_op *op = ops; op; op = op->next) {
		if (rc != 0)
			run_alone(ls, op);
		retry_removal(ls, op);
	}
}

/* Cuts the next batch off the queue; called with the lock held. */
static struct writer_op *
take_batch(struct writer *w)
{
	struct writer_op *first = w->head, **at = &w->head;
	size_t n = 0, bytes = 0;

	while (*at && n < BATCH_OPS && (n == 0 || bytes < BATCH_BYTES)) {
		n++;
		bytes += (*at)->bytes;
		at = &(*at)->next;
	}
	w->head = *at;
	if (!w->head)
		w->tail = &w->head;
	*at = NULL;
	return first;
}

/* ---- the thread --------------------------------------------------------- */

/*
 * All who write wait for this thread, which itself mostly waits for the disk.
 * It shall have a processor as soon as the disk is ready: by its priority
 * where that is permitted, and from Linux 6.12 on by asking for short turns.
 */
static void
be_prompt(void)
{
	const int usual = getpriority(PRIO_PROCESS, 0);
	struct scheduling s = { .size = sizeof(s),
				.policy = SCHED_OTHER,
				.nice = usual - NICER,
				.runtime_ns = TURN_NS };

	if (syscall(SYS_sched_setattr, 0, &s, 0) == 0)
		return;
	s.nice = usual;
	if (syscall(SYS_sched_setattr, 0, &s, 0) != 0)
		log_debug("writer_priority", "%s", strerror(errno));
}

/* An operation is gone once its owner has been woken. */
static void
wake(struct writer_op *ops)
{
	struct writer_op *next;

	for (struct writer_op *op = ops; op; op = next) {
		next = op->next;
		sem_post(&op->done);
	}
}

/* Waits for it; NULL when the store closes and nothing is left. */
static struct writer_op *
next_batch(struct writer *w)
{
	struct writer_op *ops = NULL;

	pthread_mutex_lock(&w->mu);
	while (!w->head && !w->stop)
		pthread_cond_wait(&w->queued, &w->mu);
	if (w->head) {
		ops = take_batch(w);
		w->began_us = ops->queued_us;
	}
	pthread_mutex_unlock(&w->mu);
	return ops;
}

static void *
writer_main(void *arg)
{
	struct local *ls = arg;
	struct writer *w = &ls->writer;
	struct writer_op *ops;

	be_prompt();
	while ((ops = next_batch(w))) {
		run_batch(ls, ops);
		pthread_mutex_lock(&w->mu);
		w->began_us = 0;
		pthread_mutex_unlock(&w->mu);
		wake(ops);
	}
	return NULL;
}

/* ---- callers ------------------------------------------------------------ */

static enum s3_error
admit(struct local *ls, enum writer_kind kind)
{
	enum s3_error err = kind == WRITER_GRANTED ? S3_OK : writer_admit(ls);

	return err == S3_OK && kind == WRITER_CHANGE ? space_admit(ls) : err;
}

/* Whether it was let in; its result is there if not. */
static bool
enqueue(struct local *ls, struct writer_op *op)
{
	struct writer *w = &ls->writer;

	op->next = NULL;
	op->queued_us = time_mono_us();
	op->result = admit(ls, op->kind);
	if (op->result != S3_OK)
		return false;
	sem_init(&op->done, 0, 0);
	pthread_mutex_lock(&w->mu);
	assert(!w->stop);
	*w->tail = op;
	w->tail = &op->next;
	pthread_cond_signal(&w->queued);
	pthread_mutex_unlock(&w->mu);
	return true;
}

static void
await(struct writer_op *op)
{
	while (sem_wait(&op->done) != 0)
		assert(errno == EINTR);
	sem_destroy(&op->done);
}

enum s3_error
writer_run(struct local *ls, struct writer_op *op)
{
	if (enqueue(ls, op))
		await(op);
	return op->result;
}

void
writer_run_all(struct local *ls, struct writer_op *const *ops, size_t n)
{
	size_t let_in = 0;

	while (let_in < n && enqueue(ls, ops[let_in]))
		let_in++;
	for (size_t i = 0; i < let_in; i++)
		await(ops[i]);
	/* What holds one up holds up those behind it. */
	for (size_t i = let_in + 1; i < n; i++)
		ops[i]->result = ops[let_in]->result;
}

int64_t
writer_lag_us(struct local *ls)
{
	struct writer *w = &ls->writer;
	int64_t since;

	pthread_mutex_lock(&w->mu);
	since = w->began_us ? w->began_us : w->head ? w->head->queued_us : 0;
	pthread_mutex_unlock(&w->mu);
	return since ? time_mono_us() - since : 0;
}

enum s3_error
writer_admit(struct local *ls)
{
	return writer_lag_us(ls) > LAG_MAX_US ? S3_ERR_SLOW_DOWN : S3_OK;
}

struct local_state
writer_state(struct local *ls)
{
	struct local_state st;

	pthread_mutex_lock(&ls->writer.mu);
	st = ls->writer.state;
	pthread_mutex_unlock(&ls->writer.mu);
	return st;
}

enum s3_error
writer_wait_seq(struct local *ls, uint64_t after, int timeout_ms)
{
	struct writer *w = &ls->writer;
	int64_t due = time_mono_us() + (int64_t)timeout_ms * 1000;
	enum s3_error err = S3_OK;

	pthread_mutex_lock(&w->mu);
	w->waiters++;
	while (!w->stop && w->state.last_seq <= after &&
	       time_cond_wait(&w->committed, &w->mu, due))
		continue;
	if (w->stop)
		err = S3_ERR_SERVICE_UNAVAILABLE;
	w->waiters--;
	pthread_cond_broadcast(&w->committed);
	pthread_mutex_unlock(&w->mu);
	return err;
}

int
writer_start(struct local *ls, const struct local_state *st)
{
	struct writer *w = &ls->writer;

	w->state = *st;
	w->tail = &w->head;
	pthread_mutex_init(&w->mu, NULL);
	time_cond_init(&w->committed);
	pthread_cond_init(&w->queued, NULL);
	w->started = pthread_create(&w->thread, NULL, writer_main, ls) == 0;
	return w->started ? 0 : -1;
}

void
writer_stop(struct local *ls)
{
	struct writer *w = &ls->writer;

	if (!w->started)
		return;
	pthread_mutex_lock(&w->mu);
	assert(!w->head);
	w->stop = true;
	pthread_cond_signal(&w->queued);
	pthread_cond_broadcast(&w->committed);
	while (w->waiters)
		pthread_cond_wait(&w->committed, &w->mu);
	pthread_mutex_unlock(&w->mu);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->queued);
	pthread_cond_destroy(&w->committed);
	pthread_mutex_destroy(&w->mu);
	w->started = false;
}
