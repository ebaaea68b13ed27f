/*
 * The trace, and the moments of it: where the program is killed, and which
 * states of the disk are looked at, the ones after commits first.
 */
#include "tests/crash/power_replay.h"
#include "base/slice.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TORN_EACH 2u
#define FIRST_RECORDS 40u
#define BY_CHANCE 2u

_Noreturn void
replay_fatal(const char *what)
{
	fprintf(stderr, "power_replay: %s\n", what);
	exit(2);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
replay_remove(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- the trace --------------------------------------------------------- */

void
replay_read(struct run *r, const char *path)
{
	const struct power_record *rec;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	const char *p;
	size_t n;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0)
		replay_fatal(path);
	n = (size_t)st.st_size;
	p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		replay_fatal(strerror(errno));
	close(fd);
	r->records = realloc(r->records,
			     (r->n_records + n / sizeof(*rec)) * sizeof(rec));
	if (!r->records)
		replay_fatal("no memory");
	for (size_t at = 0; at < n; at += power_record_size(rec)) {
		rec = (const void *)(p + at);
		if (n - at < sizeof(*rec) || n - at < power_record_size(rec))
			replay_fatal("the trace ends in a record");
		r->records[r->n_records++] = rec;
		r->n_ops += rec->kind != POWER_MARK;
	}
}

/* ---- a program that is killed ------------------------------------------- */

static uint32_t
mix(uint32_t a, uint32_t b)
{
	uint64_t x = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;

	return (uint32_t)(x >> 29);
}

static void
first_cut(const struct run *r, const struct power_disk *d, const char *path)
{
	uint32_t seed = mix((uint32_t)r->killed, r->seed);

	replay_remove(path);
	power_disk_cut(d,
		       r->cut_twice
			   ? (enum power_outcome)(seed / 8 % POWER_OUTCOMES)
			   : POWER_KEEP,
		       seed, path);
}

void
replay_end(const struct run *r, struct power_disk **d, size_t i)
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
		replay_remove(path);
	}
}

/* Every other one in the commit of the index, all others anywhere. */
void
replay_choose_kill(struct run *r)
{
	size_t *at = calloc(r->n_records + 1, sizeof(*at)), n = 0;
	struct power_disk *d = power_disk_new(POWER_HONEST);

	if (!at)
		replay_fatal("no memory");
	for (size_t i = 0; i < r->n_records; i++) {
		const struct power_record *rec = r->records[i];
		bool commit =
		    rec->kind == POWER_WRITE && power_disk_promises(d, rec);

		power_disk_begin(d, rec, replay_data(rec));
		power_disk_end(d, rec);
		if (commit || (r->kill % 2 && rec->kind != POWER_MARK))
			at[n++] = i;
	}
	power_disk_free(d);
	if (n == 0)
		replay_fatal("nothing to be killed in");
	r->killed = at[mix((uint32_t)r->kill, r->seed) % n];
	r->n_records = r->killed + 1;
	free(at);
}

void
replay_leave_killed(const struct run *r)
{
	struct power_disk *d = power_disk_new(POWER_HONEST);
	char path[PATH_MAX];

	for (size_t i = 0; i <= r->killed; i++) {
		power_disk_begin(d, r->records[i], replay_data(r->records[i]));
		if (i < r->killed)
			power_disk_end(d, r->records[i]);
	}
	snprintf(path, sizeof(path), "%s/killed", r->work);
	first_cut(r, d, path);
	power_disk_free(d);
}

/* ---- which states -------------------------------------------------------- */

static bool
is_ack(const struct power_record *r)
{
	return r->kind == POWER_MARK && r->first > 4 &&
	       memcmp(replay_data(r), "ack ", 4) == 0;
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
			replay_fatal("no memory");
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

/* Those of one rank by chance: over the whole trace. */
void
replay_choose_states(struct run *r)
{
	struct power_disk *d = power_disk_new(POWER_HONEST);

	for (size_t i = 0; i < r->n_records; i++) {
		const struct power_record *rec = r->records[i];

		power_disk_begin(d, rec, replay_data(rec));
		if (i >= first_record(r))
			add_states_of(r, i, power_disk_promises(d, rec));
		replay_end(r, &d, i);
	}
	power_disk_free(d);
	qsort(r->states, r->n_states, sizeof(*r->states), by_rank);
	if (r->max && r->n_states > r->max)
		r->n_states = r->max;
	qsort(r->states, r->n_states, sizeof(*r->states), by_place);
}
