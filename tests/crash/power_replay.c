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
#include "tests/crash/power_disk.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_S 20
#define SHOWN 5u
#define TORN_EACH 2u
#define FIRST_RECORDS 40u
#define BY_CHANCE 2u

struct state {
	uint32_t record;
	uint8_t outcome;
	bool before; /* between the change and what the call promised */
	uint32_t seed;
	uint32_t rank; /* low ones are taken first */
	uint32_t place;
};

struct verdict {
	bool done;
	bool bad;
	char text[200];
};

struct run {
	const char *trace_path, *work, *compare, *after_kill;
	size_t max;
	unsigned seed, jobs;
	enum power_lie lie;
	bool must_catch;
	long only;
	const struct power_record **records; /* mapped: no fork copies them */
	size_t n_records, n_ops;
	long kill;	/* or -1 */
	size_t killed;	/* the record that did not return, or SIZE_MAX */
	bool cut_twice; /* the power was cut there, too */
	struct state *states;
	size_t n_states;
	struct verdict *verdicts; /* shared with the workers */
};

static void
fatal(const char *what)
{
	fprintf(stderr, "power_replay: %s\n", what);
	exit(2);
}

/* ---- which states ---------------------------------------------------------
 */

static const char *
data_of(const struct power_record *r)
{
	return (const char *)(r + 1);
}

static bool
is_ack(const struct power_record *r)
{
	return r->kind == POWER_MARK && r->first > 4 &&
	       memcmp(data_of(r), "ack ", 4) == 0;
}

static uint32_t
mix(uint32_t a, uint32_t b)
{
	uint64_t x = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;

	return (uint32_t)(x >> 29);
}

static void
add_state(struct run *r, size_t record, enum power_outcome o, bool before,
	  uint32_t rank)
{
	struct state *s;

	if ((r->n_states & (r->n_states + 1)) == 0) {
		r->states = realloc(r->states,
				    (2 * r->n_states + 1) * sizeof(*r->states));
		if (!r->states)
			fatal("no memory");
	}
	s = &r->states[r->n_states];
	*s = (struct state){ .record = (uint32_t)record,
			     .outcome = (uint8_t)o,
			     .before = before,
			     .place = (uint32_t)r->n_states,
			     .seed = mix((uint32_t)r->n_states, r->seed) };
	s->rank = rank < BY_CHANCE ? rank : BY_CHANCE + s->seed / 2;
	r->n_states++;
}

/* The power is cut from here on. */
static size_t
first_record(const struct run *r)
{
	return r->after_kill ? r->killed + 1 : 0;
}

/* The outcomes that differ from those at the record before. */
static void
add_states_of(struct run *r, size_t i, bool promises)
{
	const struct power_record *rec = r->records[i];
	bool names = rec->kind == POWER_RENAME || rec->kind == POWER_LINK ||
		     rec->kind == POWER_UNLINK || rec->kind == POWER_MKDIR ||
		     (rec->kind == POWER_OPEN && rec->at);
	bool bytes = rec->kind == POWER_WRITE || rec->kind == POWER_TRUNCATE ||
		     rec->kind == POWER_EXTEND ||
		     (rec->kind == POWER_OPEN && (rec->arg & O_TRUNC));
	bool change = names || bytes;

	/* Of a store that is being made, all; then after each commit. */
	uint32_t rank = i < first_record(r) + FIRST_RECORDS ? 0 : BY_CHANCE;
	uint32_t dropped = rec->kind == POWER_WRITE ? 0 : 1;

	if (change)
		add_state(r, i, POWER_KEEP, true, rank);
	if (names)
		add_state(r, i, POWER_NAMES, true, rank);
	if (bytes)
		add_state(r, i, POWER_SIZES, true, rank);
	for (size_t k = 0; change && k < TORN_EACH; k++)
		add_state(r, i, POWER_TORN, true, rank);
	if (!promises && !is_ack(rec))
		return;
	add_state(r, i, POWER_DROP, false, dropped);
	add_state(r, i, POWER_NAMES, false, rank);
	add_state(r, i, POWER_BYTES, false, rank);
	add_state(r, i, POWER_JOURNAL, false, rank);
	for (size_t k = 0; k < TORN_EACH; k++)
		add_state(r, i, POWER_TORN, false, rank);
}

static int
by_rank(const void *a, const void *b)
{
	const struct state *x = a, *y = b;

	return x->rank != y->rank ? (x->rank < y->rank ? -1 : 1)
				  : (x->seed > y->seed) - (x->seed < y->seed);
}

static int
by_place(const void *a, const void *b)
{
	const struct state *x = a, *y = b;

	return (x->place > y->place) - (x->place < y->place);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
remove_all(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
first_cut(const struct run *r, const struct power_disk *d, const char *path)
{
	uint32_t seed = mix((uint32_t)r->killed, r->seed);

	remove_all(path);
	power_disk_cut(d,
		       r->cut_twice
			   ? (enum power_outcome)(seed / 8 % POWER_OUTCOMES)
			   : POWER_KEEP,
		       seed, path);
}

/* The end of a record, unless all ended in it. */
static void
end(const struct run *r, struct power_disk **d, size_t i)
{
	char path[PATH_MAX];

	if (i != r->killed) {
		power_disk_end(*d, r->records[i]);
	} else if (!r->cut_twice) {
		power_disk_kill(*d);
	} else {
		snprintf(path, sizeof(path), "%s/first-%d", r->work,
			 (int)getpid());
		first_cut(r, *d, path);
		power_disk_free(*d);
		*d = power_disk_load(r->lie, path);
		remove_all(path);
	}
}

/* Those of one rank by chance: over the whole trace. */
static void
choose_states(struct run *r)
{
	struct power_disk *d = power_disk_new(POWER_HONEST);

	for (size_t i = 0; i < r->n_records; i++) {
		const struct power_record *rec = r->records[i];

		power_disk_begin(d, rec, data_of(rec));
		if (i >= first_record(r))
			add_states_of(r, i, power_disk_promises(d, rec));
		end(r, &d, i);
	}
	power_disk_free(d);
	qsort(r->states, r->n_states, sizeof(*r->states), by_rank);
	if (r->max && r->n_states > r->max)
		r->n_states = r->max;
	qsort(r->states, r->n_states, sizeof(*r->states), by_place);
}

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
		fatal(strerror(errno));
	pid = fork();
	if (pid < 0)
		fatal(strerror(errno));
	if (pid == 0)
		child(dir, e, pipes[1]);
	close(pipes[1]);
	n = read(pipes[0], v->text, sizeof(v->text) - 1);
	close(pipes[0]);
	if (waitpid(pid, &status, 0) != pid)
		fatal(strerror(errno));
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
	remove_all(path);
	power_disk_cut(d, s->outcome, s->seed, path);
	check_cut(path, e, &r->verdicts[i]);
	if (r->only < 0)
		remove_all(path);
}

static void
hear(struct power_expect *e, const struct power_record *rec)
{
	if (rec->kind == POWER_MARK &&
	    power_expect_mark(e, slice_mem(data_of(rec), rec->first)) != 0)
		fatal("a mark that cannot be read");
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

		power_disk_begin(d, rec, data_of(rec));
		for (int before = 1; before >= 0; before--) {
			if (!before) {
				end(r, &d, i);
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
read_trace(struct run *r, const char *path)
{
	const struct power_record *rec;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	const char *p;
	size_t n;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0)
		fatal(path);
	n = (size_t)st.st_size;
	p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		fatal(strerror(errno));
	close(fd);
	r->records = realloc(r->records,
			     (r->n_records + n / sizeof(*rec)) * sizeof(rec));
	if (!r->records)
		fatal("no memory");
	for (size_t at = 0; at < n; at += power_record_size(rec)) {
		rec = (const void *)(p + at);
		if (n - at < sizeof(*rec) || n - at < power_record_size(rec))
			fatal("the trace ends in a record");
		r->records[r->n_records++] = rec;
		r->n_ops += rec->kind != POWER_MARK;
	}
}

/* Every other one in the commit of the index, all others anywhere. */
static void
choose_kill(struct run *r)
{
	size_t *at = calloc(r->n_records + 1, sizeof(*at)), n = 0;
	struct power_disk *d = power_disk_new(POWER_HONEST);

	if (!at)
		fatal("no memory");
	for (size_t i = 0; i < r->n_records; i++) {
		const struct power_record *rec = r->records[i];
		bool commit =
		    rec->kind == POWER_WRITE && power_disk_promises(d, rec);

		power_disk_begin(d, rec, data_of(rec));
		power_disk_end(d, rec);
		if (commit || (r->kill % 2 && rec->kind != POWER_MARK))
			at[n++] = i;
	}
	power_disk_free(d);
	if (n == 0)
		fatal("nothing to be killed in");
	r->killed = at[mix((uint32_t)r->kill, r->seed) % n];
	r->n_records = r->killed + 1;
	free(at);
}

static void
leave_killed(const struct run *r)
{
	struct power_disk *d = power_disk_new(POWER_HONEST);
	char path[PATH_MAX];

	for (size_t i = 0; i <= r->killed; i++) {
		power_disk_begin(d, r->records[i], data_of(r->records[i]));
		if (i < r->killed)
			power_disk_end(d, r->records[i]);
	}
	snprintf(path, sizeof(path), "%s/killed", r->work);
	first_cut(r, d, path);
	power_disk_free(d);
}

static void
compare_real(struct run *r)
{
	struct power_disk *d = power_disk_new(POWER_HONEST);
	char err[512];

	for (size_t i = 0; i < r->n_records; i++) {
		power_disk_begin(d, r->records[i], data_of(r->records[i]));
		end(r, &d, i);
	}
	if (power_disk_compare(d, r->compare, err) != 0)
		fatal(err);
	power_disk_free(d);
}

static void
run_workers(struct run *r)
{
	int status;

	for (unsigned w = 0; w < r->jobs; w++) {
		pid_t pid = fork();

		if (pid < 0)
			fatal(strerror(errno));
		if (pid == 0) {
			work(r, w);
			_exit(0);
		}
	}
	for (unsigned w = 0; w < r->jobs; w++)
		if (wait(&status) < 0 || status != 0)
			fatal("a worker failed");
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
	fatal("-l file-sync, folder-sync, first-commit or commit-first");
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
			fatal("see the head of power_replay.c");
		}
	}
	if (argc - optind != 2 || r->jobs == 0)
		fatal("TRACE and WORK are needed");
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
		fatal("no MD5");
	if (mkdir(r.work, 0750) != 0 && errno != EEXIST)
		fatal(r.work);
	read_trace(&r, r.trace_path);
	if (r.kill >= 0)
		choose_kill(&r);
	if (r.kill >= 0 && !r.after_kill) {
		leave_killed(&r);
		return 0;
	}
	if (r.after_kill)
		read_trace(&r, r.after_kill);
	if (r.compare)
		compare_real(&r);
	choose_states(&r);
	r.verdicts =
	    mmap(NULL, (r.n_states + 1) * sizeof(*r.verdicts),
		 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r.verdicts == MAP_FAILED)
		fatal(strerror(errno));
	fflush(stdout);
	run_workers(&r);
	return report(&r);
}
