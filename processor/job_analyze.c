/*
 * process_video and ai_analysis: one decode for both. The first publishes
 * poster, thumbnails and the analysis document; the second reads that document
 * back, and decodes by itself only when there is none of this analyser.
 */
#include "processor/job.h"
#include "base/io.h"
#include "base/json_shape.h"
#include "base/json_write.h"
#include "base/log.h"

#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#define DOCUMENT_NAME "analysis.json"
#define PERCENT_DECODED 95

/* Runs the worker and checks what it says. */
static int
analyze(struct job_run *run, struct job_media *m, struct result *r)
{
	const char *why;

	if (job_media_run(run, m, "analyze", NULL) != 0)
		return -1;
	if (result_check(m->frames.result, r, &why) != 0) {
		log_warn("media_result", "job %s: bad result: %s", run->job.id,
			 why);
		return job_fail_crash(run, m, MEDIA_PROTOCOL);
	}
	return 0;
}

/* The analysis with what belongs to it: the names of the files and what is
 * known of each picture. */
static const char *
document_of(struct job_run *run, const struct job_media *m,
	    const struct result *r)
{
	static const char *const members[] = { "poster", "thumbnails",
					       "files" };
	cJSON *doc = cJSON_Duplicate(r->analysis.document, true);
	const char *text = NULL;
	bool ok = doc != NULL;

	for (size_t i = 0; ok && i < ARRAY_LEN(members); i++) {
		cJSON *its = cJSON_Duplicate(
		    json_member(m->frames.result, members[i]), true);

		cJSON_DeleteItemFromObjectCaseSensitive(doc, members[i]);
		ok = cJSON_AddItemToObject(doc, members[i], its);
	}
	if (ok)
		text = job_json(run, doc);
	cJSON_Delete(doc);
	return text;
}

/* Beside the files of the worker, which is dead: one of them from here on. */
static int
leave_document(struct job_run *run, const struct job_media *m, struct result *r)
{
	const char *text = document_of(run, m, r);
	int fd =
	    openat(m->dir_fd, DOCUMENT_NAME,
		   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc = fd < 0 || !text ? -1 : io_write_all(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	if (rc != 0)
		return job_fail(run, false, "work_directory");
	r->files[r->n_files++] =
	    (struct result_file){ "analysis", DOCUMENT_NAME };
	run->outcome.analysis_key = job_derived_key(run, m, DOCUMENT_NAME);
	return 0;
}

/* Publishes and lists what was published, as the job's result. */
static int
publish_all(struct job_run *run, struct job_media *m, struct result *r)
{
	struct buf b = BUF_INIT;
	int rc;

	if (r->poster)
		run->outcome.thumbnail_key = job_derived_key(run, m, r->poster);
	json_open_object(&b, NULL);
	json_put_num(&b, "duration", r->duration < 0 ? NAN : r->duration);
	json_put_str(&b, "poster", run->outcome.thumbnail_key);
	json_open_array(&b, "thumbnails");
	for (size_t i = 0; i < r->n_thumbs; i++) {
		const struct result_thumb *t = &r->thumbs[i];

		json_open_object(&b, NULL);
		json_put_str(&b, "key", job_derived_key(run, m, t->file));
		json_put_num(&b, "time", t->time);
		json_put_int(&b, "width", t->width);
		json_put_int(&b, "height", t->height);
		json_close_object(&b);
	}
	json_close_array(&b);
	rc = leave_document(run, m, r);
	if (rc == 0)
		rc = job_publish_files(run, m, r->files, r->n_files);
	json_put_raw(&b, "files", run->outcome.files);
	json_put_str(&b, "analysis", run->outcome.analysis_key);
	json_put_u64(&b, "scenes", r->analysis.scenes);
	json_close_object(&b);
	run->outcome.result = arena_cstr(&run->arena, buf_slice(&b));
	if (rc == 0 && !buf_ok(&b))
		rc = job_fail(run, false, "out_of_memory");
	buf_release(&b);
	return rc;
}

int
job_process_video(struct job_run *run)
{
	struct job_media m;
	struct result r;
	int rc = job_media_open(run, &m);

	if (rc == 0)
		rc = analyze(run, &m, &r);
	if (rc == 0) {
		run->percent = PERCENT_DECODED;
		run->outcome.duration = r.duration;
		run->outcome.width = r.width;
		run->outcome.height = r.height;
		run->outcome.probe = job_json(run, r.probe);
		rc = publish_all(run, &m, &r);
	}
	job_media_close(run, &m);
	return rc;
}

static void
outcome_from(struct job_run *run, const struct analysis *a)
{
	const cJSON *clips =
	    cJSON_GetObjectItemCaseSensitive(a->suggestions, "clips");

	run->outcome.ai_suggestions = job_json(run, a->suggestions);
	run->outcome.segments = job_json(run, a->segments);
	run->outcome.hooks = job_json(run, a->hooks);
	run->outcome.result =
	    arena_printf(&run->arena,
			 "{\"scenes\":%zu,\"segments\":%d,\"hooks\":%d,"
			 "\"suggestions\":%d}",
			 a->scenes, cJSON_GetArraySize(a->segments),
			 cJSON_GetArraySize(a->hooks),
			 cJSON_GetArraySize(clips))
		.p;
}

cJSON *
job_analysis_document(struct job_run *run, const struct job_media *m,
		      struct analysis *a)
{
	const char *key = job_derived_key(run, m, DOCUMENT_NAME), *why;
	struct buf text = BUF_MAX(MEDIA_FRAME_MAX);
	cJSON *doc = NULL;
	enum s3_error err =
	    key ? objects_get_text(&run->objects, run->job.bucket, key, &text)
		: S3_ERR_INTERNAL_ERROR;

	if (err == S3_OK)
		doc = json_parse(buf_slice(&text));
	buf_release(&text);
	if (doc && (analysis_check(doc, a, &why) != 0 ||
		    a->version != MEDIA_ANALYSIS_VERSION)) {
		cJSON_Delete(doc);
		doc = NULL;
	}
	log_debug("analysis_document", "job %s: %s %s", run->job.id,
		  s3_error_info(err)->code, doc ? "used" : "not used");
	return doc;
}

int
job_ai_analysis(struct job_run *run)
{
	struct job_media m;
	struct analysis a;
	struct result r;
	cJSON *doc = NULL;
	int rc = job_media_open(run, &m);

	if (rc == 0)
		doc = job_analysis_document(run, &m, &a);
	if (rc == 0 && !doc) {
		rc = analyze(run, &m, &r);
		if (rc == 0)
			a = r.analysis;
	}
	if (rc == 0)
		outcome_from(run, &a);
	cJSON_Delete(doc);
	job_media_close(run, &m);
	return rc;
}
