/*
 * The group commit: what queues up behind a commit is in the next one, in
 * order, each with its own result; the lag tells how long the oldest has been
 * waiting.
 */
#include "store/local/local.h"
#include "tests/unit/store_fixture.h"

#include <semaphore.h>
#include <time.h>

#define CALLERS 40

/* Writes a row of its own. The first holds up all others in its run. */
struct probe {
	struct writer_op op; /* first */
	struct local *ls;
	uint8_t name;
	bool holds, refuses;
	sem_t running, go;
	size_t transaction; /* that it was in */
	size_t place;	    /* among all that ran */
};

static size_t ran;

static int
run_probe(struct writer_op *op, struct writer_txn *t)
{
	struct probe *x = (struct probe *)op;
	char key[] = { 'r', 'o', 'w', (char)x->name };

	if (x->holds) {
		sem_post(&x->running);
		while (sem_wait(&x->go) != 0)
			;
	}
	x->transaction = mdb_txn_id(t->txn);
	x->place = ran++;
	if (x->refuses) {
		op->result = S3_ERR_ACCESS_DENIED;
		return 0;
	}
	return local_row_put(t->ls, t->txn, TABLE_META, slice_mem(key, 4),
			     SLICE("value"));
}

static void *
call(void *arg)
{
	struct probe *x = arg;

	writer_run(x->ls, &x->op);
	return NULL;
}

static size_t
queued(struct local *ls)
{
	size_t n = 0;

	pthread_mutex_lock(&ls->writer.mu);
	for (struct writer_op *op = ls->writer.head; op; op = op->next)
		n++;
	pthread_mutex_unlock(&ls->writer.mu);
	return n;
}

static void
start(struct fixture *f, struct probe *x, uint8_t name, pthread_t *t)
{
	*x = (struct probe){ .op.run = run_probe,
			     .ls = (struct local *)f->s,
			     .name = name };
	sem_init(&x->running, 0, 0);
	sem_init(&x->go, 0, 0);
	x->holds = name == 0;
	x->refuses = name % 7 == 3;
	assert_int_equal(pthread_create(t, NULL, call, x), 0);
}

static void
test_writer_run_behind_a_commit_gathers_in_one_transaction(void **state)
{
	struct fixture *f = *state;
	struct local *ls = (struct local *)f->s;
	struct probe x[CALLERS];
	pthread_t t[CALLERS];

	ran = 0;
	start(f, &x[0], 0, &t[0]);
	while (sem_wait(&x[0].running) != 0)
		;
	for (uint8_t i = 1; i < CALLERS; i++) {
		start(f, &x[i], i, &t[i]);
		while (queued(ls) < i)
			sched_yield();
	}
	sem_post(&x[0].go);
	for (size_t i = 0; i < CALLERS; i++)
		pthread_join(t[i], NULL);
	for (size_t i = 0; i < CALLERS; i++) {
		assert_int_equal(x[i].place, i);
		assert_int_equal(x[i].transaction,
				 x[0].transaction + (i ? 1 : 0));
		assert_int_equal(x[i].op.result,
				 x[i].refuses ? S3_ERR_ACCESS_DENIED : S3_OK);
	}
}

static void
test_writer_lag_us_of_a_commit_that_hangs_grows_then_ends(void **state)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	struct fixture *f = *state;
	struct local *ls = (struct local *)f->s;
	struct probe x;
	pthread_t t;

	assert_int_equal(writer_lag_us(ls), 0);
	start(f, &x, 0, &t);
	while (sem_wait(&x.running) != 0)
		;
	nanosleep(&pause, NULL);
	assert_true(writer_lag_us(ls) >= 20 * 1000);
	sem_post(&x.go);
	pthread_join(t, NULL);
	assert_int_equal(writer_lag_us(ls), 0);
}

static void *
call_many(void *arg)
{
	struct probe *x = arg;
	size_t wrong = 0;

	for (int i = 0; i < 50; i++)
		wrong += writer_run(x->ls, &x->op) != S3_OK;
	x->place = wrong;
	return NULL;
}

static int
run_count(struct writer_op *op, struct writer_txn *t)
{
	(void)op;
	t->state->last_group++;
	return 0;
}

static void
test_writer_run_from_many_callers_loses_none(void **state)
{
	struct fixture *f = *state;
	struct local *ls = (struct local *)f->s;
	uint64_t before = writer_state(ls).last_group;
	struct probe x[8];
	pthread_t t[8];

	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		x[i] = (struct probe){ .op.run = run_count, .ls = ls };
		assert_int_equal(pthread_create(&t[i], NULL, call_many, &x[i]),
				 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(x); i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(x[i].place, 0);
	}
	assert_int_equal(writer_state(ls).last_group - before, 8 * 50);
	fixture_reopen(f);
	ls = (struct local *)f->s;
	assert_int_equal(writer_state(ls).last_group - before, 8 * 50);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(
		    test_writer_run_behind_a_commit_gathers_in_one_transaction),
		STORE_TEST(
		    test_writer_lag_us_of_a_commit_that_hangs_grows_then_ends),
		STORE_TEST(test_writer_run_from_many_callers_loses_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
