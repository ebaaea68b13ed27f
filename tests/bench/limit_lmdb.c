/*
 * What LMDB can do under the same duties: one writer thread, default sync
 * flags, every transaction holding all that waits: for each put a value of an
 * object with its record, and a row of the outbox; the state row once.
 *
 * Shared state: struct group, under its mutex. The LMDB transaction belongs to
 * the writer alone.
 */
#include "tests/bench/limit.h"

#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <sys/stat.h>

#define RECORD_BYTES 190 /* an object's record, before its inline bytes */
#define EVENT_BYTES 200
#define STATE_BYTES 110
#define MAP_BYTES (64ull << 30)
#define PAGE_STEPS 1000

struct put {
	struct put *next;
	pthread_cond_t woken;
	bool done;
	uint64_t key;
	struct group *group;
};

struct group {
	pthread_mutex_t mu;
	pthread_cond_t work;
	struct put *head, **tail;
	bool stop;
	int rc;
	MDB_env *env;
	MDB_dbi objects, outbox, meta;
	uint64_t seq;
	char *value;
	size_t value_n;
	uint64_t keys;
	pthread_t thread;
};

static void
put_be(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

/* The key as the store spells it: bucket (4), name, NUL, version (8). */
static int
put_one(struct group *g, MDB_txn *txn, uint64_t number)
{
	uint8_t seq[8], key[4 + 8 + 1 + 8] = { 0 };
	static const char event[EVENT_BYTES];
	char name[24];
	MDB_val k = { sizeof(key), key };
	MDB_val v = { g->value_n, g->value };
	int rc;

	snprintf(name, sizeof(name), "%08llu",
		 (unsigned long long)(number % g->keys));
	memcpy(key + 4, name, 8);
	rc = mdb_put(txn, g->objects, &k, &v, 0);
	if (rc != 0)
		return rc;
	put_be(seq, ++g->seq);
	k = (MDB_val){ sizeof(seq), seq };
	v = (MDB_val){ sizeof(event), (void *)(uintptr_t)event };
	return mdb_put(txn, g->outbox, &k, &v, MDB_APPEND);
}

static int
commit_all(struct group *g, const struct put *batch)
{
	char state[STATE_BYTES] = { 0 };
	MDB_val k = { 5, state }, v = { sizeof(state), state };
	MDB_txn *txn;
	int rc = mdb_txn_begin(g->env, NULL, 0, &txn);

	if (rc != 0)
		return rc;
	for (; rc == 0 && batch; batch = batch->next)
		rc = put_one(g, txn, batch->key);
	if (rc == 0)
		rc = mdb_put(txn, g->meta, &k, &v, 0);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

static void *
write_groups(void *arg)
{
	struct group *g = arg;

	pthread_mutex_lock(&g->mu);
	for (;;) {
		struct put *batch;
		int rc;

		while (!g->head && !g->stop)
			pthread_cond_wait(&g->work, &g->mu);
		if (!g->head)
			break;
		batch = g->head;
		g->head = NULL;
		g->tail = &g->head;
		pthread_mutex_unlock(&g->mu);
		rc = commit_all(g, batch);
		pthread_mutex_lock(&g->mu);
		if (rc != 0)
			g->rc = rc;
		while (batch) {
			struct put *next = batch->next;

			batch->done = true;
			pthread_cond_signal(&batch->woken);
			batch = next;
		}
	}
	pthread_mutex_unlock(&g->mu);
	return NULL;
}

static bool
put_step(void *ctx, uint64_t i)
{
	struct put *p = ctx;
	struct group *g = p->group;
	bool ok;

	p->key = i;
	p->next = NULL;
	p->done = false;
	pthread_mutex_lock(&g->mu);
	if (!g->head)
		pthread_cond_signal(&g->work);
	*g->tail = p;
	g->tail = &p->next;
	while (!p->done)
		pthread_cond_wait(&p->woken, &g->mu);
	ok = g->rc == 0;
	pthread_mutex_unlock(&g->mu);
	return ok;
}

/* ---- opening ------------------------------------------------------------- */

static int
open_env(const char *dir, unsigned flags, MDB_env **env)
{
	int rc = mdb_env_create(env);

	if (rc == 0)
		rc = mdb_env_set_mapsize(*env, MAP_BYTES);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(*env, 32);
	if (rc == 0)
		rc = mdb_env_open(*env, dir, MDB_NOTLS | flags, 0644);
	return rc;
}

static int
open_group(const struct limit_conf *conf, struct group *g)
{
	const struct {
		const char *name;
		MDB_dbi *out;
	} tables[] = { { "M", &g->objects },
		       { "outbox", &g->outbox },
		       { "meta", &g->meta } };
	MDB_txn *txn;
	int rc;

	if (mkdir(conf->dir, 0755) != 0 && errno != EEXIST)
		return errno;
	rc = open_env(conf->dir, 0, &g->env);
	if (rc == 0)
		rc = mdb_txn_begin(g->env, NULL, 0, &txn);
	if (rc != 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(tables); i++)
		rc = mdb_dbi_open(txn, tables[i].name, MDB_CREATE,
				  tables[i].out);
	/* what a run before left */
	if (rc == 0)
		rc = mdb_drop(txn, g->outbox, 0);
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

static int
tell(int rc)
{
	if (rc != 0)
		fprintf(stderr, "bench-limit: %s\n", mdb_strerror(rc));
	return rc ? -1 : 0;
}

int
limit_lmdb_put(const struct limit_conf *conf, struct bench_result *out)
{
	struct group g = { .mu = PTHREAD_MUTEX_INITIALIZER,
			   .work = PTHREAD_COND_INITIALIZER,
			   .keys = conf->keys,
			   .value_n = conf->size + RECORD_BYTES };
	struct put *puts = calloc(conf->threads, sizeof(*puts));
	void **ctx = calloc(conf->threads, sizeof(*ctx));
	int rc = ENOMEM;

	g.tail = &g.head;
	g.value = bench_data(g.value_n);
	if (puts && ctx && g.value)
		rc = open_group(conf, &g);
	for (size_t i = 0; rc == 0 && i < conf->threads; i++) {
		puts[i].group = &g;
		pthread_cond_init(&puts[i].woken, NULL);
		ctx[i] = &puts[i];
	}
	if (rc == 0)
		rc = pthread_create(&g.thread, NULL, write_groups, &g);
	if (rc == 0) {
		if (limit_repeat(conf, put_step, ctx, conf->threads, conf->size,
				 out) != 0)
			rc = EIO;
		pthread_mutex_lock(&g.mu);
		g.stop = true;
		pthread_cond_signal(&g.work);
		pthread_mutex_unlock(&g.mu);
		pthread_join(g.thread, NULL);
		if (g.rc != 0)
			rc = g.rc;
	}
	mdb_env_close(g.env);
	free(g.value);
	free(ctx);
	free(puts);
	return tell(rc);
}

/* ---- a page by a cursor -------------------------------------------------- */

struct page {
	MDB_env *env;
	MDB_dbi table;
	MDB_txn *txn;
	uint8_t bucket[4]; /* that the index is full of */
	uint64_t x;	   /* random numbers */
	uint64_t keys;
	uint64_t key_bytes, value_bytes, rows;
};

/* A page as a LIST reads it: a read transaction, a seek, 1,000 records whose
 * keys and values are looked at where they lie. */
static bool
page_step(void *ctx, uint64_t i)
{
	struct page *p = ctx;
	char name[24];
	uint8_t from[4 + 8 + 4];
	MDB_val k, v;
	MDB_cursor *c = NULL;
	int rc;

	(void)i;
	snprintf(
	    name, sizeof(name), "%03llu/",
	    (unsigned long long)(bench_random(&p->x) % (p->keys / PAGE_STEPS)));
	memcpy(from, p->bucket, sizeof(p->bucket));
	memcpy(from + 4, name, 4);
	k = (MDB_val){ 8, from };
	if (mdb_txn_renew(p->txn) != 0)
		return false;
	rc = mdb_cursor_open(p->txn, p->table, &c);
	if (rc == 0)
		rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
	for (int n = 1; rc == 0; n++) {
		p->key_bytes += k.mv_size;
		p->value_bytes += v.mv_size;
		p->rows++;
		if (n == PAGE_STEPS)
			break;
		rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(c);
	mdb_txn_reset(p->txn);
	return rc == 0;
}

/* The keys are those of the bucket that was made last. */
static int
find_bucket(struct page *p)
{
	MDB_cursor *c;
	MDB_val k, v;
	int rc = mdb_cursor_open(p->txn, p->table, &c);

	if (rc != 0)
		return rc;
	rc = mdb_cursor_get(c, &k, &v, MDB_LAST);
	if (rc == 0 && k.mv_size >= sizeof(p->bucket))
		memcpy(p->bucket, k.mv_data, sizeof(p->bucket));
	mdb_cursor_close(c);
	return rc;
}

int
limit_lmdb_page(const struct limit_conf *conf, struct bench_result *out)
{
	struct page p = { .x = 1, .keys = conf->keys };
	void *ctx = &p;
	int rc = EINVAL;

	if (conf->keys >= PAGE_STEPS)
		rc = open_env(conf->dir, MDB_RDONLY, &p.env);
	if (rc == 0)
		rc = mdb_txn_begin(p.env, NULL, MDB_RDONLY, &p.txn);
	if (rc == 0)
		rc = mdb_dbi_open(p.txn, conf->table, 0, &p.table);
	if (rc == 0)
		rc = find_bucket(&p);
	if (rc == 0) /* which keeps the table open */
		rc = mdb_txn_commit(p.txn);
	if (rc == 0)
		rc = mdb_txn_begin(p.env, NULL, MDB_RDONLY, &p.txn);
	if (rc == 0) {
		mdb_txn_reset(p.txn);
		if (limit_repeat(conf, page_step, &ctx, 1, 0, out) != 0)
			rc = MDB_NOTFOUND;
		if (p.rows)
			fprintf(stderr,
				"bench-limit: %llu bytes a key, %llu a value\n",
				(unsigned long long)(p.key_bytes / p.rows),
				(unsigned long long)(p.value_bytes / p.rows));
		mdb_txn_abort(p.txn);
	}
	mdb_env_close(p.env);
	return tell(rc);
}
