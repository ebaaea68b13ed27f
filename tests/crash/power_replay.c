/*
 * The power-cut test: cuts the power at many moments of a recorded trace, in
 * many ways, and checks the store that each cut leaves.
 *
 * usage: power_replay TRACE WORK [options]
 *   -c DIR   first compare what was recorded with the real folder
 *   -n N     at most N states (0: all): at commits first, then at other syncs
 *            and at acknowledgements, then any
 *   -s SEED  for what is left to chance
 *   -j JOBS  processes
 *   -l LIE   file-sync, folder-sync, first-commit or commit-first: a promise
 *            that is not kept
 *   -k N     the N-th of many moments at which the program is killed: leaves
 *            what the page cache has then in WORK/killed, and ends
 *   -p       with -k: the power is cut there, and that is what is left
 *   -r TRACE with -k: of the program that was started there afterwards; the
 *            power is cut while it runs
 *   -x       the cuts must be caught: fails when none is
 *   -o I     state I alone, left behind in WORK
 * Prints one line, and the first violations with the number of their state.
 * Each state is checked in a process of its own, with a deadline.
 */
#include "tests/crash/power_check.h"
#include "tests/crash/power_replay.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_S 20
#define SHOWN 5u

/* ---- one state ------------------------------------------------------------
 */

static _Noreturn void
child(const char *dir, const struct power_expect *e, int out)
{
	char err[512] = "";
	int rc, null = open("/dev/null", O_WRONLY);

	dup2(null, 2);
	alarm(DEADLINE_S);
	rc = power_check(dir, e, err);
	if (rc != 0)
		(void)!write(out, err, strlen(err) + 1);
	_exit(rc != 0);
}

static void
check_cut(const char *dir, const struct power_expect *e, struct verdict *v)
{
	int pipes[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe(pipes) != 0)
		replay_fatal(strerror(errno));
	pid = fork();
	if (pid < 0)
		replay_fatal(strerror(errno));
	if (pid == 0)
		child(dir, e, pipes[1]);
	close(pipes[1]);
	n = read(pipes[0], v->text, sizeof(v->text) - 1);
	close(pipes[0]);
	if (waitpid(pid, &status, 0) != pid)
		replay_fatal(strerror(errno));
	v->bad = status != 0;
	v->done = true;
	if (WIFSIGNALED(status))
		snprintf(v->text, sizeof(v->text), "ended by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (v->bad && n <= 0)
		snprintf(v->text, sizeof(v->text), "ended with status %d",
			 WEXITSTATUS(status));
}

static void
do_state(struct run *r, const struct power_disk *d,
	 const struct power_expect *e, size_t i, unsigned worker)
{
	const struct state *s = &r->states[i];
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/cut-%u", r->work, worker);
	replay_remove(path);
	power_disk_cut(d, s->outcome, s->seed, path);
	check_cut(path, e, &r->verdicts[i]);
	if (r->only < 0)
		replay_remove(path);
}

static void
hear(struct power_expect *e, const struct power_record *rec)
{
	if (rec->kind == POWER_MARK &&
	    power_expect_mark(e, slice_mem(replay_data(rec), rec->first)) != 0)
		replay_fatal("a mark that cannot be read");
}

/* Every worker walks the whole trace, and does each jobs-th state. */
static void
work(struct run *r, unsigned worker)
{
	struct power_disk *d = power_disk_new(r->lie);
	struct power_expect e = { 0 };
	size_t next = 0;

	for (size_t i = 0; i < r->n_records && next < r->n_states; i++) {
		const struct power_record *rec = r->records[i];

		power_disk_begin(d, rec, replay_data(rec));
		for (int before = 1; before >= 0; before--) {
			if (!before) {
				replay_end(r, &d, i);
				hear(&e, rec);
			}
			while (next < r->n_states &&
			       r->states[next].record == i &&
			       r->states[next].before == before) {
				if (r->only >= 0 ? (size_t)r->only == next
						 : next % r->jobs == worker)
					do_state(r, d, &e, next, worker);
				next++;
			}
		}
	}
	power_expect_release(&e);
	power_disk_free(d);
}

/* ---- the whole ------------------------------------------------------------
 */

static void
compare_real(struct run *r)
{
	struct power_disk *d = power_disk_new(POWER_HONEST);
	char err[512];

	for (size_t i = 0; i < r->n_records; i++) {
		power_disk_begin(d, r->records[i], replay_data(r->records[i]));
		replay_end(r, &d, i);
	}
	if (power_disk_compare(d, r->compare, err) != 0)
		replay_fatal(err);
	power_disk_free(d);
}

static void
run_workers(struct run *r)
{
	int status;

	for (unsigned w = 0; w < r->jobs; w++) {
		pid_t pid = fork();

		if (pid < 0)
			replay_fatal(strerror(errno));
		if (pid == 0) {
			work(r, w);
			_exit(0);
		}
	}
	for (unsigned w = 0; w < r->jobs; w++)
		if (wait(&status) < 0 || status != 0)
			replay_fatal("a worker failed");
}

static int
report(const struct run *r)
{
	size_t done = 0, bad = 0;

	for (size_t i = 0; i < r->n_states; i++) {
		const struct verdict *v = &r->verdicts[i];
		const struct state *s = &r->states[i];

		done += v->done;
		bad += v->bad;
		if (v->bad && bad <= (r->must_catch ? 1 : SHOWN))
			printf("  state %zu, %s record %u, %s: %s\n", i,
			       s->before ? "in" : "after", s->record,
			       power_outcome_names[s->outcome], v->text);
	}
	if (r->must_catch)
		printf("caught in %zu of %zu crash states\n", bad, done);
	else
		printf("%zu operations, %zu crash states, %zu violations\n",
		       r->n_ops, done, bad);
	return r->must_catch ? bad == 0 : bad != 0;
}

static enum power_lie
lie_of(const char *name)
{
	static const struct {
		const char *name;
		enum power_lie lie;
	} lies[] = { { "file-sync", POWER_NO_FILE_SYNC },
		     { "folder-sync", POWER_NO_FOLDER_SYNC },
		     { "first-commit", POWER_NO_FIRST_COMMIT },
		     { "commit-first", POWER_COMMIT_FIRST } };

	for (size_t i = 0; i < ARRAY_LEN(lies); i++)
		if (strcmp(name, lies[i].name) == 0)
			return lies[i].lie;
	replay_fatal("-l file-sync, folder-sync, first-commit or commit-first");
	return POWER_HONEST;
}

static void
options(struct run *r, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "c:n:s:j:l:k:pr:xo:")) != -1) {
		unsigned long n = optarg ? strtoul(optarg, NULL, 10) : 0;

		switch (c) {
		case 'c':
			r->compare = optarg;
			break;
		case 'n':
			r->max = n;
			break;
		case 's':
			r->seed = (unsigned)n;
			break;
		case 'j':
			r->jobs = (unsigned)n;
			break;
		case 'l':
			r->lie = lie_of(optarg);
			break;
		case 'k':
			r->kill = (long)n;
			break;
		case 'p':
			r->cut_twice = true;
			break;
		case 'r':
			r->after_kill = optarg;
			break;
		case 'x':
			r->must_catch = true;
			break;
		case 'o':
			r->only = (long)n;
			break;
		default:
			replay_fatal("see the head of power_replay.c");
		}
	}
	if (argc - optind != 2 || r->jobs == 0)
		replay_fatal("TRACE and WORK are needed");
	r->trace_path = argv[optind];
	r->work = argv[optind + 1];
}

int
main(int argc, char **argv)
{
	static struct run r = {
		.seed = 1, .jobs = 2, .only = -1, .kill = -1, .killed = SIZE_MAX
	};

	options(&r, argc, argv);
	/* Large blocks of the children come zeroed, not from our heap, which
	 * would be copied for each of them. */
	mallopt(M_MMAP_THRESHOLD, 64 << 10);
	if (hash_setup() != 0)
		replay_fatal("no MD5");
	if (mkdir(r.work, 0750) != 0 && errno != EEXIST)
		replay_fatal(r.work);
	replay_read(&r, r.trace_path);
	if (r.kill >= 0)
		replay_choose_kill(&r);
	if (r.kill >= 0 && !r.after_kill) {
		replay_leave_killed(&r);
		return 0;
	}
	if (r.after_kill)
		replay_read(&r, r.after_kill);
	if (r.compare)
		compare_real(&r);
	replay_choose_states(&r);
	r.verdicts =
	    mmap(NULL, (r.n_states + 1) * sizeof(*r.verdicts),
		 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r.verdicts == MAP_FAILED)
		replay_fatal(strerror(errno));
	fflush(stdout);
	run_workers(&r);
	return report(&r);
}
