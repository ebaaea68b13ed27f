/*
 * power_replay.h - one run of the replayer, in two files: power_states.c has
 * the trace and chooses in which of its moments and how the power is cut,
 * power_replay.c does it and judges. Whatever goes wrong ends the program.
 * Threads: one; the workers are processes.
 */
#ifndef TESTS_CRASH_POWER_REPLAY_H
#define TESTS_CRASH_POWER_REPLAY_H

#include "tests/crash/power_disk.h"

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

static inline const char *
replay_data(const struct power_record *r)
{
	return (const char *)(r + 1);
}

_Noreturn void replay_fatal(const char *what);
/* A folder and all in it. */
void replay_remove(const char *path);

/* Appends the records of a trace. */
void replay_read(struct run *r, const char *path);
/* The end of a record, unless all ended in it. */
void replay_end(const struct run *r, struct power_disk **d, size_t i);
/* In which record the program is killed: the last one from now on. */
void replay_choose_kill(struct run *r);
/* What that kill, or a cut then, leaves in WORK/killed. */
void replay_leave_killed(const struct run *r);
/* Fills states, in the order of their records. */
void replay_choose_states(struct run *r);

#endif
