/*
 * Work on a video that its user asked for (POST /api/videos/{id}/tasks): one
 * run of the worker that leaves files.
 */
#include "processor/job.h"
#include "base/json_shape.h"
#include "base/json_write.h"
#include "base/log.h"

/* What the worker is asked for, by type of job. */
static const char *
kind_of(const char *type)
{
	static const struct {
		const char *type;
		const char *kind;
	} rows[] = {
		{ "transcribe", "captions" },
		{ "generate_thumbnails", "thumbnails" },
		{ "generate_storyboard", "storyboard" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].type, type) == 0)
			return rows[i].kind;
	return NULL;
}

static int
publish(struct job_run *run, struct job_media *m)
{
	struct result r;
	const char *why;

	if (result_check_files(m->frames.result, &r, &why) != 0) {
		log_warn("media_result", "job %s: bad result: %s", run->job.id,
			 why);
		return job_fail(run, run->job.attempts > 1,
				media_end_name(MEDIA_PROTOCOL));
	}
	if (job_publish_files(run, m, r.files, r.n_files) != 0)
		return -1;
	run->outcome.result =
	    arena_printf(&run->arena, "{\"files\":%s}", run->outcome.files).p;
	return 0;
}

int
job_media_task(struct job_run *run)
{
	cJSON *payload = json_parse(slice_str(run->job.payload));
	const cJSON *options = json_member(payload, "options");
	const char *kind = kind_of(run->job.type);
	const char *members = NULL;
	struct job_media m;
	int rc;

	if (cJSON_IsObject(options))
		members = job_json(run, options);
	cJSON_Delete(payload);
	if (!kind || !members)
		return job_fail(run, true, "bad_payload");
	rc = job_media_open(run, &m);
	if (rc == 0)
		rc = job_media_run(run, &m, kind, members);
	if (rc == 0)
		rc = publish(run, &m);
	job_media_close(run, &m);
	return rc;
}
