/*
 * The broker's side of a worker, against workers that do what a healthy one
 * never does. The test program is its own worker: executed under the worker's
 * name, it acts out the request's "job".
 */
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/timeval.h"
#include "processor/media_run.h"
#include "processor/media_spawn.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- the worker --------------------------------------------------------- */

static void
say(const char *text)
{
	size_t n = strlen(text);
	unsigned char head[4] = { (unsigned char)(n >> 24),
				  (unsigned char)(n >> 16),
				  (unsigned char)(n >> 8), (unsigned char)n };

	if (io_write_all(MEDIA_FD_RESULT, head, 4) != 0 ||
	    io_write_all(MEDIA_FD_RESULT, text, n) != 0)
		_exit(99);
}

/* Of no importance, in no directory of the broker's. */
static void
inspect_standing(void)
{
	char text[16] = "";
	int fd = open("/proc/self/oom_score_adj", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	if (n < 0 || strcmp(text, "1000\n") != 0)
		_exit(30);
	if (getpriority(PRIO_PROCESS, 0) < 5)
		_exit(31);
	if (!getcwd(text, sizeof(text)) || strcmp(text, "/") != 0)
		_exit(32);
}

/* Answers a result only when everything about this process is as promised. */
static void
act_inspect(void)
{
	extern char **environ;
	char line[64];
	int flags;

	if (environ && environ[0])
		_exit(20);
	for (int fd = 0; fd < 1024; fd++) {
		flags = fcntl(fd, F_GETFD);
		if ((flags != -1) != (fd <= MEDIA_FD_RESULT + 1))
			_exit(21); /* one extent more than the first */
	}
	if ((fcntl(MEDIA_FD_INPUT, F_GETFL) & O_ACCMODE) != O_RDONLY)
		_exit(22);
	if (pread(MEDIA_FD_INPUT, line, 5, 0) != 5 ||
	    memcmp(line, "first", 5) != 0 ||
	    pread(MEDIA_FD_RESULT + 1, line, 6, 0) != 6 ||
	    memcmp(line, "second", 6) != 0)
		_exit(23);
	if (getpgrp() != getpid())
		_exit(24);
	inspect_standing();
	flags = openat(MEDIA_FD_OUTPUT, "made", O_CREAT | O_WRONLY, 0600);
	if (flags < 0)
		_exit(25);
	say("{\"type\":\"result\"}");
	_exit(0);
}

#define MANY 1000

/* Every extent is where the request says, and in its order. */
static void
act_many(void)
{
	uint32_t v;

	for (uint32_t i = 0; i < MANY; i++)
		if (pread(i ? MEDIA_FD_RESULT + (int)i : MEDIA_FD_INPUT, &v,
			  sizeof(v), 0) != sizeof(v) ||
		    v != i)
			_exit(26);
	if (fcntl(MEDIA_FD_RESULT + MANY, F_GETFD) != -1)
		_exit(27);
	say("{\"type\":\"result\"}");
	_exit(0);
}

static void
act_hang(void)
{
	signal(SIGTERM, SIG_IGN);
	say("{\"type\":\"progress\",\"percent\":33}");
	for (;;)
		pause();
}

static void
act_garbage(void)
{
	static const char noise[] = "<html>certainly no frame</html>";

	if (io_write_all(MEDIA_FD_RESULT, noise, sizeof(noise)) != 0)
		_exit(99);
	for (;;)
		pause();
}

/* More progress and more log than any pipe holds. */
static void
act_flood(void)
{
	static const char line[] = "a line of log\n";

	for (int i = 0; i < 20000; i++) {
		say("{\"type\":\"progress\",\"percent\":50}");
		if (io_write_all(2, line, sizeof(line) - 1) != 0)
			_exit(99);
	}
	say("{\"type\":\"result\"}");
	_exit(0);
}

static void
act_refuse(void)
{
	say("{\"type\":\"error\",\"code\":\"unsupported_media\","
	    "\"message\":\"a text\"}");
	_exit(0);
}

static void
act_linger(void)
{
	say("{\"type\":\"deadline\",\"duration\":1000}");
	say("{\"type\":\"result\"}");
	for (;;)
		pause();
}

static void
act_result_then_crash(void)
{
	say("{\"type\":\"result\"}");
	raise(SIGSEGV);
}

static void
act_silent(void)
{
	_exit(0);
}

static void
act_policy(void)
{
	raise(SIGSYS);
}

static void
act_limits(void)
{
	raise(SIGXCPU);
}

static void
act_crash(void)
{
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

static const struct {
	const char *job;
	void (*act)(void);
} acts[] = {
	{ "inspect", act_inspect }, { "many", act_many },
	{ "hang", act_hang },	    { "garbage", act_garbage },
	{ "flood", act_flood },	    { "refuse", act_refuse },
	{ "linger", act_linger },   { "crash", act_crash },
	{ "limits", act_limits },   { "policy", act_policy },
	{ "silent", act_silent },   { "late", act_result_then_crash },
};

static int
worker_main(void)
{
	struct buf b = BUF_MAX(MEDIA_REQUEST_MAX);
	char *room = buf_reserve(&b, MEDIA_REQUEST_MAX);
	ssize_t n = read(0, room, MEDIA_REQUEST_MAX);
	cJSON *doc = json_parse(slice_mem(room, n > 0 ? (size_t)n : 0));
	const char *job = json_str(doc, "job");

	for (size_t i = 0; job && i < ARRAY_LEN(acts); i++)
		if (strcmp(job, acts[i].job) == 0)
			acts[i].act();
	return 98;
}

/* ---- the tests ---------------------------------------------------------- */

static int program, out_dir;
static struct store_extent extents[2];
static struct input input = { .extents = extents };
static _Atomic int stop, percent;

static int
file_with(const char *text)
{
	char path[64];
	int fd = memfd_create("input", MFD_CLOEXEC), again;

	if (io_write_all(fd, text, strlen(text)) != 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	close(fd);
	return again;
}

static int
set_up(void **state)
{
	(void)state;
	program = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	out_dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	input.extents[0] = (struct store_extent){ file_with("first"), 0, 5 };
	input.extents[1] = (struct store_extent){ file_with("second"), 0, 6 };
	input.size = 11;
	input.n = 2;
	return program < 0 || out_dir < 0 ? -1 : 0;
}

static enum media_end
run_over(const struct input *in, const char *job, unsigned cap_s,
	 struct frames *f)
{
	const struct media_job m = {
		.program = program,
		.kind = job,
		.id = "1",
		.input = in,
		.out_dir = out_dir,
		.threads = 1,
		.memory_bytes = 1 << 30,
		.cap_s = cap_s,
		.stop = &stop,
		.stop_fd = -1,
		.percent = &percent,
	};

	return media_run(&m, f);
}

static enum media_end
run(const char *job, unsigned cap_s, struct frames *f)
{
	return run_over(&input, job, cap_s, f);
}

static void
test_run_worker_finds_what_was_promised(void **state)
{
	char dir[] = "/tmp/test-media-XXXXXX";
	int saved = out_dir;
	struct frames f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	out_dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* not close-on-exec, as libraries leave them lying about */
	assert_true(dup2(1, 77) == 77);
	assert_int_equal(run("inspect", 30, &f), MEDIA_DONE);
	assert_non_null(f.result);
	frames_release(&f);
	close(77);
	assert_int_equal(unlinkat(out_dir, "made", 0), 0);
	close(out_dir);
	out_dir = saved;
	assert_int_equal(rmdir(dir), 0);
}

static void
test_run_worker_gets_a_descriptor_per_extent(void **state)
{
	struct input many = { .n = MANY };
	struct rlimit old, wide;
	struct frames f;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	wide = old;
	wide.rlim_cur = 3 * MANY + 100;
	if (setrlimit(RLIMIT_NOFILE, &wide) != 0)
		skip();
	many.extents = calloc(MANY, sizeof(*many.extents));
	assert_non_null(many.extents);
	for (uint32_t i = 0; i < MANY; i++) {
		int fd = memfd_create("extent", MFD_CLOEXEC);

		assert_int_equal(pwrite(fd, &i, sizeof(i), 0), sizeof(i));
		many.extents[i] = (struct store_extent){ fd, 0, sizeof(i) };
		many.size += sizeof(i);
	}
	assert_int_equal(run_over(&many, "many", 30, &f), MEDIA_DONE);
	frames_release(&f);
	input_release(&many);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void
test_run_each_end_is_told_apart(void **state)
{
	static const struct {
		const char *job;
		enum media_end end;
	} ends[] = {
		{ "flood", MEDIA_DONE },       { "refuse", MEDIA_REFUSED },
		{ "garbage", MEDIA_PROTOCOL }, { "silent", MEDIA_PROTOCOL },
		{ "crash", MEDIA_CRASH },      { "late", MEDIA_CRASH },
		{ "policy", MEDIA_POLICY },    { "limits", MEDIA_LIMITS },
		{ "unheard-of", MEDIA_CRASH },
	};
	struct frames f;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		assert_int_equal(run(ends[i].job, 30, &f), ends[i].end);
		if (ends[i].end == MEDIA_REFUSED)
			assert_int_equal(f.code, FRAME_UNSUPPORTED_MEDIA);
		frames_release(&f);
	}
}

static void
test_run_deaf_worker_is_killed_at_the_deadline(void **state)
{
	int64_t begun = time_mono_us();
	struct frames f;

	(void)state;
	/* enough for it to say that it runs, and is deaf */
	assert_int_equal(run("hang", 3, &f), MEDIA_TIMEOUT);
	assert_int_equal(percent, 33);
	/* 3 s to the deadline, 2 s from SIGTERM to SIGKILL */
	assert_in_range(time_mono_us() - begun, 4900000, 15000000);
	frames_release(&f);
}

static void *
stop_soon(void *arg)
{
	const struct timespec soon = { .tv_nsec = 200000000 };

	(void)arg;
	nanosleep(&soon, NULL);
	stop = 1;
	return NULL;
}

static void
test_run_stop_ends_the_worker(void **state)
{
	pthread_t thread;
	struct frames f;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, stop_soon, NULL), 0);
	assert_int_equal(run("linger", 30, &f), MEDIA_STOPPED);
	frames_release(&f);
	pthread_join(thread, NULL);
	stop = 0;
}

static void
test_run_unexecutable_program_is_no_start(void **state)
{
	int saved = program;
	struct frames f;

	(void)state;
	program = open("/etc/passwd", O_PATH | O_CLOEXEC);
	assert_int_equal(run("silent", 30, &f), MEDIA_NO_START);
	frames_release(&f);
	close(program);
	program = saved;
}

static void
test_classify_reads_exits(void **state)
{
	struct frames nothing = { 0 }, result = { 0 };

	(void)state;
	result.seen[FRAME_RESULT] = true;
	assert_int_equal(media_classify(CLD_KILLED, SIGSYS, &result),
			 MEDIA_POLICY);
	assert_int_equal(media_classify(CLD_KILLED, SIGKILL, &nothing),
			 MEDIA_LIMITS);
	assert_int_equal(media_classify(CLD_KILLED, SIGXFSZ, &nothing),
			 MEDIA_LIMITS);
	assert_int_equal(media_classify(CLD_DUMPED, SIGABRT, &result),
			 MEDIA_CRASH);
	assert_int_equal(media_classify(CLD_EXITED, 1, &result), MEDIA_CRASH);
	assert_int_equal(media_classify(CLD_EXITED, 0, &result), MEDIA_DONE);
	assert_int_equal(media_classify(CLD_EXITED, 0, &nothing),
			 MEDIA_PROTOCOL);
}

static void
test_deadline_is_bounded_both_ways(void **state)
{
	(void)state;
	assert_int_equal(media_deadline_s(3600, 0, -1), 60);
	assert_int_equal(media_deadline_s(3600, 0, 0), 60);
	assert_int_equal(media_deadline_s(3600, 0, 42.4), 127);
	assert_int_equal(media_deadline_s(3600, 0, 1e9), 3600);
	assert_int_equal(media_deadline_s(10, 0, 1), 10);
	assert_int_equal(media_deadline_s(3600, 20, 42), 840);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_worker_finds_what_was_promised),
		cmocka_unit_test(test_run_worker_gets_a_descriptor_per_extent),
		cmocka_unit_test(test_run_each_end_is_told_apart),
		cmocka_unit_test(
		    test_run_deaf_worker_is_killed_at_the_deadline),
		cmocka_unit_test(test_run_stop_ends_the_worker),
		cmocka_unit_test(test_run_unexecutable_program_is_no_start),
		cmocka_unit_test(test_classify_reads_exits),
		cmocka_unit_test(test_deadline_is_bounded_both_ways),
	};

	if (argc == 1 && strcmp(argv[0], "reelgate-media") == 0)
		return worker_main();
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, set_up, NULL);
}
