/*
 * jobs.h - jobs as rows and documents, for the queue's own files.
 */
#ifndef QUEUE_JOBS_H
#define QUEUE_JOBS_H

#include "queue/pg.h"

/* Of job_queue j LEFT JOIN videos v, in the order queue_read_job() reads. */
#define QUEUE_JOB_COLUMNS                                                 \
	"j.id, j.type, j.payload, j.user_id, j.video_id, v.bucket,"       \
	" v.s3_key, j.priority, j.status, j.attempts, j.max_attempts,"    \
	" j.progress, j.error, j.result, j.cancel_requested_at IS NOT "   \
	"NULL, " PG_US("j.run_at") ", " PG_US("j.created_at") ", " PG_US( \
	    "j.started_at") ", " PG_US("j.completed_at")

/* A pg_reader: out is a struct queue_job. */
void queue_read_job(const PGresult *r, int row, struct arena *a, void *out);
/* The document that video_apply() and clips_apply() read. */
void queue_put_outcome(struct buf *b, const struct queue_outcome *o);

#endif
