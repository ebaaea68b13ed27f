/*
 * What all job functions have in common: the table of types, how failures are
 * judged, the store, running.
 */
#include "processor/job.h"
#include "base/log.h"

size_t
job_types_load(const struct conf *c, struct job_type *types)
{
	static const struct job_type table[] = {
#define JOB(name, lane, function, concurrency, timeout_s, memory, output) \
	{ name,	     JOB_LANE_##lane, function, concurrency,              \
	  timeout_s, memory,	      output },
#include "processor/jobs.def"
#undef JOB
	};

	_Static_assert(ARRAY_LEN(table) <= JOB_TYPES_MAX, "JOB_TYPES_MAX");
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		types[i] = table[i];
		if (!types[i].timeout_s)
			types[i].timeout_s = (unsigned)c->media_timeout_s;
		if (!types[i].memory_max)
			types[i].memory_max = c->media_memory_bytes;
	}
	return ARRAY_LEN(table);
}

/* ---- failures ----------------------------------------------------------- */

int
job_fail(struct job_run *run, bool permanent, const char *error)
{
	snprintf(run->error, sizeof(run->error), "%s", error);
	run->permanent = permanent;
	return -1;
}

int
job_fail_store(struct job_run *run, enum s3_error err, const char *what)
{
	static const struct {
		enum s3_error err;
		const char *error;
	} permanent[] = {
		{ S3_ERR_NO_SUCH_KEY, "object_missing" },
		{ S3_ERR_NO_SUCH_BUCKET, "bucket_missing" },
		{ S3_ERR_ENTITY_TOO_LARGE, "object_too_large" },
		{ S3_ERR_BAD_DIGEST, "object_damaged" },
	};

	log_warn("job_store", "job %s: %s: %s", run->job.id, what,
		 s3_error_info(err)->code);
	for (size_t i = 0; i < ARRAY_LEN(permanent); i++)
		if (permanent[i].err == err)
			return job_fail(run, true, permanent[i].error);
	return job_fail(run, false, "store_unavailable");
}

/* ---- the store ---------------------------------------------------------- */

int
job_open_objects(struct job_run *run)
{
	char why[512];

	if (objects_open(&run->objects, run->host->conf, why) == 0)
		return 0;
	log_warn("objects", "job %s: %s", run->job.id, why);
	return job_fail(run, false, "store_unavailable");
}

const char *
job_json(struct job_run *run, const cJSON *doc)
{
	char *text = doc ? json_text(doc) : NULL;
	const char *copy =
	    text ? arena_cstr(&run->arena, slice_str(text)) : NULL;

	free(text);
	return copy;
}

/* ---- running ------------------------------------------------------------ */

int
job_execute(struct job_run *run)
{
	int rc;

	run->outcome = (struct queue_outcome){ .duration = -1 };
	rc = run->type->function(run);
	objects_close(&run->objects);
	if (rc == 0 && run->arena.err)
		rc = job_fail(run, false, "out_of_memory");
	return rc;
}
