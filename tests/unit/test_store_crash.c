/*
 * Killed at a random moment: a child puts from several threads - keys of their
 * own, versions and delete markers of the same ones, or uploads in parts and
 * copies - and reports each acknowledgement through a pipe; it dies by SIGKILL;
 * then every acknowledged version must be whole, versions must equal events,
 * all references must be right, and no file may be left that none names.
 */
#include "tests/unit/store_multipart.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define ROUNDS 10
#define THREADS 3
#define ACKS_MAX 20000

/* Sizes around inline_max (4096): rows and files mixed. */
static const uint32_t sizes[] = { 10, 4096, 5000, 70000, 1100000 };

#define MARKER UINT32_MAX

struct ack {
	uint32_t round, thread, i;
	uint32_t size; /* or MARKER */
	char version_id[STORE_VERSION_ID_MAX];
};

static bool versioned, by_parts;

static struct slice
key_of(const struct ack *a, char out[64])
{
	if (versioned)
		snprintf(out, 64, "key-%u", a->i % 2);
	else
		snprintf(out, 64, "r%u/t%u/%u", a->round, a->thread, a->i);
	return slice_str(out);
}

static uint32_t
seed_of(const struct ack *a)
{
	return a->round * 1000003u + a->thread * 1009u + a->i;
}

/* The object is copied onto itself. */
static enum s3_error
copy_onto_itself(struct store *s, struct slice key,
		 const struct store_object *made)
{
	struct store_copy_req req = { .source = STORE_REF(BUCKET, key),
				      .source_seq = made->seq,
				      .bucket = BUCKET,
				      .key = key,
				      .cond = STORE_COND_NONE,
				      .note = fixture_note("copy") };

	return store_copy(s, &req, NULL);
}

struct worker {
	struct store *s;
	int pipe;
	uint32_t round, thread;
};

/* A put, or a delete marker; false when it failed. */
static bool
change(struct store *s, struct ack *a)
{
	struct store_note note = fixture_note("unused");
	struct store_put_req req = { .bucket = BUCKET,
				     .size = a->size,
				     .cond = STORE_COND_NONE };
	struct store_removed removed;
	struct store_object o;
	enum s3_error err;
	char key[64], *p;

	req.key = key_of(a, key);
	if (a->size == MARKER) {
		err = store_remove(s, &STORE_REF(BUCKET, req.key), NULL, &note,
				   &removed);
		memcpy(a->version_id, removed.version_id,
		       sizeof(a->version_id));
		return err == S3_OK;
	}
	p = fixture_bytes(a->size, seed_of(a));
	if (by_parts && a->i % 4)
		err = try_upload(s, req.key, slice_mem(p, a->size), &o);
	else
		err =
		    fixture_put_req(s, &req, slice_mem(p, a->size), 65536, &o);
	if (err == S3_OK && by_parts && a->i % 3 == 0)
		err = copy_onto_itself(s, req.key, &o);
	free(p);
	if (err == S3_OK)
		memcpy(a->version_id, o.version_id, sizeof(a->version_id));
	return err == S3_OK;
}

static void *
work(void *arg)
{
	const struct worker *w = arg;

	for (uint32_t i = 0;; i++) {
		struct ack a = { .round = w->round,
				 .thread = w->thread,
				 .i = i,
				 .size = versioned && i % 7 == 6
					     ? MARKER
					     : sizes[i % ARRAY_LEN(sizes)] };

		/* Small enough to arrive in one piece. */
		if (!change(w->s, &a) ||
		    write(w->pipe, &a, sizeof(a)) != (ssize_t)sizeof(a))
			_exit(1);
	}
	return NULL;
}

static void
child(struct fixture *f, int fd, uint32_t round)
{
	struct worker w[THREADS];
	pthread_t t;
	char err[512];
	struct store *s = store_open_local(&f->conf, err);

	if (!s)
		_exit(1);
	for (uint32_t i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ s, fd, round, i };
		if (pthread_create(&t, NULL, work, &w[i]) != 0)
			_exit(1);
	}
	for (;;)
		pause();
}

/* Runs a child until it is killed after @us; adds what it acknowledged. */
static size_t
run_and_kill(struct fixture *f, uint32_t round, useconds_t us, struct ack *acks,
	     size_t n)
{
	int fd[2], status;
	struct ack a;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fd[0]);
		child(f, fd[1], round);
	}
	close(fd[1]);
	usleep(us);
	assert_int_equal(kill(pid, SIGKILL), 0);
	while (n < ACKS_MAX && read(fd[0], &a, sizeof(a)) == sizeof(a))
		acks[n++] = a;
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status)); /* no error before */
	return n;
}

struct totals {
	uint64_t versions, objects, bytes, files;
};

static struct totals
list_all(struct fixture *f)
{
	struct store_versions_req req = { .bucket = BUCKET, .max_keys = 1000 };
	struct store_versions_page page;
	struct totals t = { 0 };

	do {
		assert_int_equal(store_list_versions(f->s, &req, &f->a, &page),
				 S3_OK);
		for (size_t i = 0; i < page.n; i++) {
			const struct store_object *o = &page.entries[i].object;

			t.versions++;
			t.objects += !o->is_delete_marker;
			t.bytes += o->size;
			t.files += o->size > f->conf.inline_max;
		}
		req.key_marker = page.next_key;
		req.version_marker = page.next_version;
	} while (page.truncated);
	return t;
}

static uint64_t
count_events(struct fixture *f)
{
	struct store_event *e;
	uint64_t seen = 0;
	size_t n;

	do {
		assert_int_equal(store_events(f->s, seen, 1000, &f->a, &e, &n),
				 S3_OK);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(e[i].seq, ++seen);
	} while (n);
	return seen;
}

static void
expect_acked(struct fixture *f, const struct ack *a)
{
	char key[64], *p, *q;
	struct store_ref ref = { BUCKET, key_of(a, key),
				 slice_str(a->version_id) };
	struct store_object o;
	struct store_read *r;
	enum s3_error err = store_get(f->s, &ref, NULL, &f->a, &o, &r);

	if (a->size == MARKER) {
		assert_int_equal(err, S3_ERR_METHOD_NOT_ALLOWED);
		return;
	}
	assert_int_equal(err, S3_OK);
	assert_int_equal(o.size, a->size);
	p = fixture_bytes(a->size, seed_of(a));
	q = malloc(a->size);
	assert_int_equal(store_read_at(r, 0, q, a->size), S3_OK);
	assert_memory_equal(p, q, a->size);
	store_read_close(r);
	free(p);
	free(q);
}

static void
check(struct fixture *f, const struct ack *acks, size_t from, size_t n)
{
	struct store_info info;
	struct totals t;

	fixture_reopen(f);
	for (size_t i = from; i < n; i++)
		expect_acked(f, &acks[i]);
	t = list_all(f);
	assert_true(t.versions >= n);
	assert_int_equal(store_info(f->s, &info), S3_OK);
	assert_int_equal(info.objects, t.objects);
	assert_int_equal(info.bytes, t.bytes);
	if (by_parts) {
		assert_true(count_events(f) >= t.versions);
	} else {
		assert_int_equal(count_events(f), t.versions);
		assert_int_equal(fixture_blobs(f), t.files);
	}
	expect_no_stray_blobs(f);
	expect_sound(f);
	arena_release(&f->a);
	store_close(f->s);
	f->s = NULL;
}

static void
kill_again_and_again(struct fixture *f)
{
	struct ack *acks = calloc(ACKS_MAX, sizeof(*acks));
	uint32_t seed = (uint32_t)getpid();
	size_t n = 0;

	assert_non_null(acks);
	store_close(f->s);
	f->s = NULL;
	/* a busy machine may need longer to come so far */
	for (uint32_t round = 0;
	     round < ROUNDS || (n <= ROUNDS && round < 5 * ROUNDS); round++) {
		size_t before = n;
		uint32_t longer = 1 + round / ROUNDS;

		seed = seed * 1664525u + 1013904223u;
		n = run_and_kill(
		    f, round, longer * (5000 + (seed >> 8) % 100000), acks, n);
		check(f, acks, before, n);
	}
	/* A run that acknowledged nothing would prove nothing. */
	assert_true(n > ROUNDS);
	free(acks);
}

static void
test_acknowledged_objects_survive_sigkill(void **state)
{
	versioned = by_parts = false;
	kill_again_and_again(*state);
}

static void
test_acknowledged_uploads_survive_sigkill(void **state)
{
	versioned = false;
	by_parts = true;
	kill_again_and_again(*state);
}

static void
test_acknowledged_versions_survive_sigkill(void **state)
{
	struct fixture *f = *state;

	versioned = true;
	by_parts = false;
	assert_int_equal(
	    store_bucket_versioning(f->s, BUCKET, STORE_VERSIONING_ENABLED),
	    S3_OK);
	kill_again_and_again(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_acknowledged_objects_survive_sigkill),
		STORE_TEST(test_acknowledged_versions_survive_sigkill),
		STORE_TEST(test_acknowledged_uploads_survive_sigkill),
	};

	return cmocka_run_group_tests_name("store_crash", tests, NULL, NULL);
}
