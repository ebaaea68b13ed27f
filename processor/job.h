/*
 * job.h - one run of one job: what it needs, what it may be told meanwhile,
 * and what comes of it.
 *
 * A job function runs in its own thread and either fills in run->outcome and
 * answers 0, or answers -1 by one of the job_fail functions. It looks at
 * run->stop between long steps. Only `percent` and `stop` are touched by
 * other threads.
 */
#ifndef PROCESSOR_JOB_H
#define PROCESSOR_JOB_H

#include "base/conf.h"
#include "processor/frames.h"
#include "processor/media_run.h"
#include "processor/objects.h"
#include "queue/queue.h"

#include <stdatomic.h>

/* Why a run has to end early. */
enum job_stop { JOB_GO, JOB_LOST, JOB_CANCELLED, JOB_SHUTDOWN };

/* What all runs share, read-only. */
struct job_host {
	const struct conf *conf;
	int media_program;
	char work_dir[4096];
	char lease_socket[4096];
	size_t extents_max; /* of one input: a descriptor each */
};

struct job_run {
	const struct job_host *host;
	struct queue_job job;
	struct arena arena; /* of job and outcome */
	uint64_t output_max;
	_Atomic int percent;
	_Atomic int stop; /* enum job_stop */
	int stop_fd;	  /* eventfd: readable once stop is set */
	struct objects objects;

	struct queue_outcome outcome;
	char error[200]; /* one word a person can look up, or a few */
	bool permanent;
};

typedef int (*job_function)(struct job_run *run);
struct job_type {
	const char *name;
	job_function function;
	uint64_t output_max;
};
extern const struct job_type job_types[];
extern const size_t job_types_n;
#define JOB(type, function, output_max) int function(struct job_run *run);
#include "processor/jobs.def"
#undef JOB

/* Can inputs be opened? An attempt is not to be spent on a gateway that is
 * away; a store on another host is asked by the job itself. */
bool job_gateway_answers(const struct job_host *host);
/* Runs run->job to its end (not settled). 0 or -1; -1 with run->stop set
 * means: ended early. */
int MUST_CHECK job_execute(struct job_run *run);

/* ---- for job functions -------------------------------------------------- */

/* All answer -1. The first: tried again later unless @permanent. */
int job_fail(struct job_run *run, bool permanent, const char *error);
/* What the store said to @what. */
int job_fail_store(struct job_run *run, enum s3_error err, const char *what);

/* A worker's run over the video's bytes: its input, its output directory. */
struct job_media {
	struct input input;
	char dir[4200];
	int dir_fd;
	struct frames frames;
	uint64_t published; /* bytes */
};
/* Leases the input. 0 or -1; end with job_media_close() in both cases. */
int MUST_CHECK job_media_open(struct job_run *run, struct job_media *m);
/* Runs the worker; m->frames.result is there on 0. */
int MUST_CHECK job_media_run(struct job_run *run, struct job_media *m,
			     const char *job, const char *clips);
void job_media_close(struct job_run *run, struct job_media *m);
/* Checks an output and puts it under @key. 0 or -1. */
int MUST_CHECK job_publish(struct job_run *run, struct job_media *m,
			   const char *name, int kind, const char *key);
/* derived/{video}/{hash of the input's bytes and the analyser}/@name, in the
 * run's arena: the same bytes have the same keys at every attempt. */
const char *job_derived_key(struct job_run *run, const struct job_media *m,
			    const char *name);
/* JSON text in the run's arena. */
const char *job_json(struct job_run *run, const cJSON *doc);

#endif
