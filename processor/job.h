/*
 * job.h - one run of one job: what it needs, what it may be told meanwhile,
 * and what comes of it.
 *
 * A job function runs in a thread of its lane. It answers 0 with
 * run->outcome filled in, -1 by one of the job_fail functions, or
 * JOB_HANDED_OFF. It looks at run->stop between long steps, and ends soon
 * after that is set: a failure is judged by that then. Only `percent` and
 * `stop` are touched by other threads.
 */
#ifndef PROCESSOR_JOB_H
#define PROCESSOR_JOB_H

#include "base/conf.h"
#include "processor/frames.h"
#include "processor/media_run.h"
#include "processor/objects.h"
#include "processor/result.h"
#include "queue/queue.h"

#include <stdatomic.h>

/* Why a run has to end early. */
enum job_stop { JOB_GO, JOB_LOST, JOB_CANCELLED, JOB_TIMEOUT, JOB_SHUTDOWN };

/*
 * Where a type runs. MEDIA: as many at once as REELGATE_PROCESSOR_SLOTS says,
 * each in a child process. LIGHT: in a few threads of the processor, fed from
 * a local queue: for what is short, or waits for others with a deadline.
 */
enum job_lane { JOB_LANE_MEDIA, JOB_LANE_LIGHT, JOB_LANES };

struct job_run;
typedef int (*job_function)(struct job_run *run);
/* Of a job function: somebody else ends the job, or has; the processor forgets
 * it. Who that is must have taken it over in the database before. What stands
 * in run->error is told to whoever asked for the run. */
#define JOB_HANDED_OFF 1

/* A row of jobs.def. */
struct job_type {
	const char *name;
	enum job_lane lane;
	job_function function;
	unsigned concurrency; /* at once in one processor; 0: as its lane */
	unsigned timeout_s;   /* of one run */
	uint64_t memory_max;  /* bytes: of a media worker, or of run->arena */
	uint64_t output_max;  /* bytes of files one run may publish */
};
#define JOB_TYPES_MAX 32
/*
 * What this processor can run: jobs.def with the settings in place of its
 * zeros. Fills at most JOB_TYPES_MAX rows and answers how many.
 */
size_t job_types_load(const struct conf *c, struct job_type *types);

struct webhooks;
/* What all runs share, read-only. */
struct job_host {
	const struct conf *conf;
	struct queue *queue;
	const struct webhooks *webhooks;
	int media_program;
	char work_dir[4096];
	char lease_socket[4096];
	size_t extents_max; /* of one input: a descriptor each */
};

struct job_run {
	const struct job_host *host;
	const struct job_type *type;
	const char *worker; /* part of the job's fence */
	struct queue_job job;
	struct arena arena;  /* of the outcome */
	_Atomic int percent; /* 0: none yet */
	_Atomic int stop;    /* enum job_stop */
	int stop_fd;	     /* eventfd: readable once stop is set; LIGHT: -1 */
	struct objects objects;

	struct queue_outcome outcome;
	char error[200]; /* one word a person can look up, or a few */
	bool permanent;
};

#define JOB(name, lane, function, concurrency, timeout_s, memory, output) \
	int function(struct job_run *run);
#include "processor/jobs.def"
#undef JOB
/* Of the types that others run (webhook.h). */
int job_external(struct job_run *run);

/* Can inputs be opened? An attempt is not to be spent while the gateway, or
 * the S3 that holds the objects, is away. */
bool job_gateway_answers(const struct job_host *host);
/* Runs run->job to its end (not settled): what its function answered. */
int MUST_CHECK job_execute(struct job_run *run);

/* ---- for job functions -------------------------------------------------- */

/* All answer -1. The first: tried again later unless @permanent. */
int job_fail(struct job_run *run, bool permanent, const char *error);
/* What the store said to @what. */
int job_fail_store(struct job_run *run, enum s3_error err, const char *what);
/* Opens run->objects, the client of the store; closed by job_execute(). */
int MUST_CHECK job_open_objects(struct job_run *run);
/* JSON text in the run's arena. */
const char *job_json(struct job_run *run, const cJSON *doc);

/* ---- for those with a video (job_media.c) -------------------------------- */
/* A worker's run over the video's bytes: its input, its output directory. */
struct job_media {
	struct input input;
	char dir[4200];
	int dir_fd;
	struct frames frames;
	uint64_t published; /* bytes */
	unsigned pace;	    /* of struct media_job */
};
/* Leases the input of the job's video. 0 or -1; end with job_media_close() in
 * both cases. */
int MUST_CHECK job_media_open(struct job_run *run, struct job_media *m);
/* Runs the worker: kind and members of struct media_job. m->frames.result is
 * there on 0. */
int MUST_CHECK job_media_run(struct job_run *run, struct job_media *m,
			     const char *kind, const char *members);
void job_media_close(struct job_run *run, struct job_media *m);
/* Of bytes that crashed workers before and are not to be read again. 0 or -1.
 */
int MUST_CHECK job_quarantine_ask(struct job_run *run,
				  const struct job_media *m);
/* Answers -1: the worker crashed, broke a rule or the protocol. For good when
 * these bytes have done it before. */
int job_fail_crash(struct job_run *run, const struct job_media *m,
		   enum media_end end);
/* Checks an output, by the kind that the key's extension says, and puts it
 * under @key. 0 or -1. */
int MUST_CHECK job_publish(struct job_run *run, struct job_media *m,
			   const char *name, const char *key);
/* All of them below the input's own folder, into run->outcome.files. */
int MUST_CHECK job_publish_files(struct job_run *run, struct job_media *m,
				 const struct result_file *files, size_t n);
/* The analysis of these bytes by this analyser, as process_video left it; NULL
 * when there is none. Views into it in @a. */
cJSON *job_analysis_document(struct job_run *run, const struct job_media *m,
			     struct analysis *a);
/* derived/{video}/{hash of the input's bytes and the analyser}/@name, in the
 * run's arena: the same bytes have the same keys at every attempt. */
const char *job_derived_key(struct job_run *run, const struct job_media *m,
			    const char *name);
#endif
