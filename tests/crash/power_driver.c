/*
 * The program whose trace the power-cut test cuts: a store, all its ways to
 * write, first one after the other, then at random from several threads; it
 * is closed and opened on the way, and blobs and events are reclaimed within
 * milliseconds. Ends with status 1 when the store refuses anything.
 *
 * usage: power_driver DIR SEED WORKERS STEPS [events-late|recover]
 * events-late: a negative control; events are written in a transaction of
 * their own, after the change they tell of.
 * recover: after one that was killed; tells all that it finds, and goes on.
 */
#include "tests/crash/power_see.h"
#include "tests/crash/power_work.h"
#include "base/hash.h"
#include "store/local/bytes.h"
#include "store/local/local.h"

#define INLINE_MAX 4096u
#define STREAM_MIN 8192u /* parts and some objects */

/* ---- events in a transaction of their own -------------------------------- */

static bool events_late;
static struct late {
	struct writer_op op; /* first */
	uint64_t seq;
	struct buf row;
} late[4];
static size_t n_late;

int __real_outbox_append(struct writer_txn *t, struct slice row);
int __wrap_outbox_append(struct writer_txn *t, struct slice row);

/* The linker puts it in the place of outbox_append(). */
int
__wrap_outbox_append(struct writer_txn *t, struct slice row)
{
	struct late *l = &late[n_late];

	if (!events_late)
		return __real_outbox_append(t, row);
	CHECK(n_late++ < ARRAY_LEN(late));
	l->seq = ++t->state->last_seq;
	buf_clear(&l->row);
	buf_put(&l->row, row);
	return 0;
}

static int
run_late(struct writer_op *op, struct writer_txn *t)
{
	struct late *l = (struct late *)op;
	uint8_t key[8];

	be_put(key, l->seq, 8);
	return local_row_put(t->ls, t->txn, TABLE_OUTBOX, slice_mem(key, 8),
			     buf_slice(&l->row));
}

void
write_late_events(struct store *s)
{
	for (size_t i = 0; i < n_late; i++) {
		late[i].op = (struct writer_op){ .run = run_late };
		CHECK(writer_run(local_of(s), &late[i].op) == S3_OK);
	}
	n_late = 0;
}

/* ---- runs -----------------------------------------------------------------
 */

static void *
work(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 0; i < w->steps; i++)
		work_step(w);
	return NULL;
}

static void
init_worker(struct worker *w, unsigned no, unsigned steps, uint32_t seed)
{
	w->no = no;
	w->steps = steps;
	w->seed = seed * 2654435761u + no;
	arena_init(&w->a, 1u << 20);
	for (unsigned i = 0; i < BUCKETS * KEYS; i++) {
		struct key *k = &w->keys[i];

		k->bucket = i / KEYS;
		/* One of them longer than LMDB's names are. */
		snprintf(k->name, sizeof(k->name), "%u-%u%0*u", no, i,
			 i % KEYS ? 1 : 600, i);
	}
}

static void
bucket(struct store *s, const char *name, enum store_versioning v,
       const char *cors)
{
	char item[80], state[80], md5[33];

	snprintf(item, sizeof(item), "b/%s", name);
	power_md5("", 0, md5);
	snprintf(state, sizeof(state), "0 %s", md5);
	tell_item(0, "begin", item, state);
	CHECK(store_bucket_create(s, slice_str(name), SLICE("root"),
				  SLICE("r")) == S3_OK);
	tell_item(0, "ack", item, state);
	if (v != STORE_UNVERSIONED) {
		snprintf(state, sizeof(state), "%d %s", v, md5);
		tell_item(0, "begin", item, state);
		CHECK(store_bucket_versioning(s, slice_str(name), v) == S3_OK);
		tell_item(0, "ack", item, state);
	}
	power_md5(cors, strlen(cors), md5);
	snprintf(state, sizeof(state), "%d %s", v, md5);
	tell_item(0, "begin", item, state);
	CHECK(store_config_put(s, slice_str(name), STORE_CONFIG_CORS,
			       slice_str(cors)) == S3_OK);
	tell_item(0, "ack", item, state);
}

static void
delete_bucket(struct store *s)
{
	bucket(s, "short", STORE_UNVERSIONED, "<none/>");
	tell_item(0, "begin", "b/short", "");
	CHECK(store_bucket_delete(s, SLICE("short")) == S3_OK);
	tell_item(0, "ack", "b/short", "");
}

static void
deliver_events(struct store *s)
{
	struct store_info info;
	char state[32];

	CHECK(store_info(s, &info) == S3_OK);
	snprintf(state, sizeof(state), "%llu",
		 (unsigned long long)info.last_seq);
	tell_item(0, "begin", "acked", state);
	CHECK(store_events_ack(s, info.last_seq) == S3_OK);
	tell_item(0, "ack", "acked", state);
	usleep(20000); /* until they are trimmed */
}

static struct store *
open_store(const char *dir)
{
	struct store_local_conf conf = { .data_dir = dir,
					 .inline_max = INLINE_MAX,
					 .map_size = 1ull << 30,
					 .max_readers = 64,
					 .stream_min = STREAM_MIN,
					 .gc_delay_ms = 3,
					 .event_retention_ms = 5,
					 .completed_keep_ms = 20 };
	char err[512];
	struct store *s = store_open_local(&conf, err);

	if (!s)
		fprintf(stderr, "power_driver: %s\n", err);
	CHECK(s);
	return s;
}

static struct accounts *
open_accounts(const char *dir)
{
	char err[512];
	struct accounts *a = power_accounts(dir, err);

	CHECK(a);
	return a;
}

static void
together(struct worker *w, unsigned n, struct store *s)
{
	for (unsigned i = 0; i < n; i++) {
		w[i].s = s;
		CHECK(pthread_create(&w[i].thread, NULL, work, &w[i]) == 0);
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(w[i].thread, NULL);
}

static void
tell_seen(struct store *s, const char *dir)
{
	struct buf b = BUF_INIT;
	struct power_found f;
	char err[512];

	power_found_init(&f, s, err);
	CHECK(power_see(&f, dir) == 0);
	buf_puts(&b, "seen 0\n");
	for (size_t i = 0; i < f.n; i++)
		buf_printf(&b, "0\t%.*s\t%.*s\n", SLICE_ARG(f.v[i].name),
			   SLICE_ARG(f.v[i].state));
	CHECK(buf_ok(&b));
	if (power_mark)
		power_mark(b.p, b.n);
	buf_release(&b);
	power_found_release(&f);
}

/* Keys of its own, as worker 7, where the buckets were all made. */
static void
recover(struct worker *w, const char *dir, unsigned steps, uint32_t seed)
{
	struct store_info info;

	init_worker(w, POWER_WORKERS - 1, steps, seed);
	unique_from(1000000);
	w->accounts = open_accounts(dir);
	w->s = open_store(dir);
	tell_seen(w->s, dir);
	CHECK(store_info(w->s, &info) == S3_OK);
	if (info.objects)
		together(w, 1, w->s);
	usleep(10000); /* for the keeper */
	store_close(w->s);
	accounts_close(w->accounts);
}

int
main(int argc, char **argv)
{
	struct worker *w;
	unsigned n, steps, seed;

	CHECK(argc >= 5 && hash_setup() == 0);
	seed = (unsigned)strtoul(argv[2], NULL, 10);
	n = (unsigned)strtoul(argv[3], NULL, 10);
	steps = (unsigned)strtoul(argv[4], NULL, 10);
	events_late = argc > 5 && strcmp(argv[5], "events-late") == 0;
	w = calloc(POWER_WORKERS, sizeof(*w));
	CHECK(w && n >= 1 && n <= POWER_WORKERS);
	if (argc > 5 && strcmp(argv[5], "recover") == 0) {
		recover(w, argv[1], steps, seed);
		return 0;
	}
	for (unsigned i = 0; i < n; i++)
		init_worker(&w[i], i, steps, seed);
	for (unsigned i = 0; i < n; i++)
		w[i].accounts = i ? w->accounts : open_accounts(argv[1]);
	w->s = open_store(argv[1]);
	bucket(w->s, bucket_names[0], STORE_UNVERSIONED, "<a/>");
	bucket(w->s, bucket_names[1], STORE_VERSIONING_ENABLED, "<b/>");
	bucket(w->s, bucket_names[2], STORE_VERSIONING_SUSPENDED, "<c/>");
	work_script(w);
	store_close(w->s);
	together(w, n, w->s = open_store(argv[1]));
	deliver_events(w->s);
	together(w, 1, w->s);
	store_close(w->s);
	w->s = open_store(argv[1]);
	deliver_events(w->s);
	delete_bucket(w->s);
	together(w, n, w->s);
	store_close(w->s);
	accounts_close(w->accounts);
	free(w);
	return 0;
}
