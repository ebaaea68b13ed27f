/*
 * Bytes that crash the worker are run twice and never again: what looks like
 * an attack or a bug may be bad luck once. The count is kept by content, in
 * the database, so that the same upload under another name, or another job
 * over it, finds the door closed.
 */
#include "processor/job.h"
#include "base/log.h"

static struct queue_bytes
bytes_of(const struct job_media *m)
{
	return (struct queue_bytes){ m->input.etag, m->input.size };
}

int
job_quarantine_ask(struct job_run *run, const struct job_media *m)
{
	struct queue_bytes bytes = bytes_of(m);
	bool held;
	enum queue_error err =
	    queue_quarantine_ask(run->host->queue, &bytes, &held);

	if (err != QUEUE_OK)
		return job_fail(run, false, "database");
	if (!held)
		return 0;
	log_warn("quarantine_refused", "job %s: etag %s, %llu bytes",
		 run->job.id, bytes.etag, (unsigned long long)bytes.size);
	return job_fail(run, true, "quarantined");
}

int
job_fail_crash(struct job_run *run, const struct job_media *m,
	       enum media_end end)
{
	struct queue_bytes bytes = bytes_of(m);
	bool held = false;
	enum queue_error err = queue_quarantine_note(
	    run->host->queue, &bytes, media_end_name(end), run->job.id, &held);

	if (held)
		log_warn("quarantine_held",
			 "job %s: %s: etag %s, %llu bytes are not read again "
			 "before an operator lifts it",
			 run->job.id, media_end_name(end), bytes.etag,
			 (unsigned long long)bytes.size);
	/* A database that cannot count must not mean runs without end. */
	return job_fail(run, held || (err && run->job.attempts > 1),
			media_end_name(end));
}
