/*
 * Killed at a random moment: a child puts and deletes from several threads
 * and reports each acknowledgement through a pipe; it dies by SIGKILL; then
 * every acknowledged object must be whole, objects must equal events, and no
 * file may be left that no object names.
 */
#include "tests/unit/store_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define ROUNDS 10
#define THREADS 3
#define ACKS_MAX 20000

/* Sizes around inline_max (4096): rows and files mixed. */
static const uint32_t sizes[] = { 10, 4096, 5000, 70000, 1100000 };

struct ack {
	uint32_t round, thread, i, size;
};

static struct slice
key_of(const struct ack *a, char out[64])
{
	snprintf(out, 64, "r%u/t%u/%u", a->round, a->thread, a->i);
	return slice_str(out);
}

static uint32_t
seed_of(const struct ack *a)
{
	return a->round * 1000003u + a->thread * 1009u + a->i;
}

struct worker {
	struct store *s;
	int pipe;
	uint32_t round, thread;
};

static void *
work(void *arg)
{
	const struct worker *w = arg;

	for (uint32_t i = 0;; i++) {
		struct ack a = { w->round, w->thread, i,
				 sizes[i % ARRAY_LEN(sizes)] };
		char key[64], *p = fixture_bytes(a.size, seed_of(&a));

		if (fixture_put(w->s, key_of(&a, key), slice_mem(p, a.size)) !=
		    S3_OK)
			_exit(1);
		/* Small enough to arrive in one piece. */
		if (write(w->pipe, &a, sizeof(a)) != (ssize_t)sizeof(a))
			_exit(1);
		free(p);
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
	uint64_t objects, bytes, files;
};

static struct totals
list_all(struct fixture *f)
{
	struct store_list_req req = { .bucket = BUCKET, .max_keys = 1000 };
	struct store_list_page page;
	struct totals t = { 0 };

	do {
		assert_int_equal(store_list(f->s, &req, &f->a, &page), S3_OK);
		for (size_t i = 0; i < page.n; i++) {
			t.objects++;
			t.bytes += page.entries[i].object.size;
			t.files +=
			    page.entries[i].object.size > f->conf.inline_max;
		}
		req.start_after = page.next;
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
check(struct fixture *f, const struct ack *acks, size_t from, size_t n)
{
	struct store_info info;
	struct totals t;

	fixture_reopen(f);
	for (size_t i = from; i < n; i++) {
		char key[64],
		    *p = fixture_bytes(acks[i].size, seed_of(&acks[i]));

		fixture_expect(f, key_of(&acks[i], key),
			       slice_mem(p, acks[i].size));
		free(p);
	}
	t = list_all(f);
	assert_true(t.objects >= n);
	assert_int_equal(store_info(f->s, &info), S3_OK);
	assert_int_equal(info.objects, t.objects);
	assert_int_equal(info.bytes, t.bytes);
	assert_int_equal(count_events(f), t.objects);
	assert_int_equal(fixture_blobs(f), t.files);
	arena_release(&f->a);
	store_close(f->s);
	f->s = NULL;
}

static void
test_acknowledged_objects_survive_sigkill(void **state)
{
	struct fixture *f = *state;
	struct ack *acks = calloc(ACKS_MAX, sizeof(*acks));
	uint32_t seed = (uint32_t)getpid();
	size_t n = 0;

	assert_non_null(acks);
	store_close(f->s);
	f->s = NULL;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		size_t before = n;

		seed = seed * 1664525u + 1013904223u;
		n = run_and_kill(f, round, 5000 + (seed >> 8) % 100000, acks,
				 n);
		check(f, acks, before, n);
	}
	/* A run that acknowledged nothing would prove nothing. */
	assert_true(n > ROUNDS);
	free(acks);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_acknowledged_objects_survive_sigkill),
	};

	return cmocka_run_group_tests_name("store_crash", tests, NULL, NULL);
}
