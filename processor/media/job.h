/*
 * job.h - one job of the worker: the request, the result channel, the first
 * failure and the deadline. Everything else of the worker gets a struct job.
 *
 * The first failure wins: job_fail() keeps it and answers -1, so callers just
 * pass -1 up. Threads: the main thread only, but job_late() is safe anywhere.
 */
#ifndef PROCESSOR_MEDIA_JOB_H
#define PROCESSOR_MEDIA_JOB_H

#include "base/json_write.h"
#include "processor/media_protocol.h"

/* In the order of job.c's table of names. */
enum media_code {
	MEDIA_OK,
	MEDIA_UNSUPPORTED,
	MEDIA_CORRUPT,
	MEDIA_LIMIT,
	MEDIA_INTERNAL
};

/* Seconds beyond any file, and small enough that sums cannot overflow. */
#define JOB_SECONDS_MAX 1e6

/* A run of the input, from start on: bytes offset .. offset+size of fd. */
struct extent {
	int fd;
	int64_t start;
	int64_t offset;
	int64_t size;
};

enum clip_aspect { CLIP_ORIGINAL, CLIP_VERTICAL, CLIP_SQUARE };

struct clip_request {
	char id[MEDIA_ID_MAX + 1];
	double start; /* seconds */
	double end;
	bool copy; /* the packets as they are, where that goes */
	enum clip_aspect aspect;
	double center_x; /* of a reframed picture, 0..1 */
};

struct media_kind; /* kinds.h */

struct request {
	const struct media_kind *kind;
	int64_t size;
	struct extent *extents;
	size_t n_extents;
	int threads;
	int64_t memory_bytes;
	double deadline_s;
	struct clip_request *clips;
	size_t n_clips;
	double *times; /* of "thumbnails": seconds, rising */
	size_t n_times;
	bool key_frames; /* the ones before do */
};

struct job {
	struct request req;
	int64_t deadline_us; /* monotonic */
	int64_t progress_us; /* of the last progress frame */
	bool read_failed;    /* the input's bytes, not what they say */
	enum media_code code;
	char message[200];
};

/* Reads fd 0 to its end and checks every member. 0 or -1 (job->code). */
int MUST_CHECK job_read_request(struct job *job);
/* The same of a text. */
int MUST_CHECK job_take_request(struct job *job, struct slice text);
void job_release(struct job *job);

int job_fail(struct job *job, enum media_code code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* The same for an error of libav; @what was being done. */
int job_fail_av(struct job *job, int averror, const char *what);
bool job_late(const struct job *job);

/* Frames of the protocol. Progress is dropped when it comes too often. */
void job_send_progress(struct job *job, double fraction);
void job_send_deadline(double duration);
/* The last frame: a document begun with job_begin_result(). 0 or -1. */
int MUST_CHECK job_send_result(struct job *job, struct buf *result);
void job_send_error(struct job *job);
/* Opens the object of a result frame in the empty @b. */
void job_begin_result(struct buf *b);

/* Rounded to @decimals, so that it prints short; NAN stays NAN (null). */
double round_to(double v, int decimals);

#endif
