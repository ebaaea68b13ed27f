/*
 * What the jobs of a video have in common: the bytes of its object, the
 * sandboxed worker's run over them and how its end is judged, publishing.
 */
#include "processor/job.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/json_write.h"
#include "base/log.h"
#include "processor/outputs.h"
#include "processor/workdir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIMITS_MAX 2 /* runs; a file that takes too much gets no third */

/* ---- input and worker --------------------------------------------------- */

/* A store named by hand is on another host, or may be. */
static bool
objects_are_remote(const struct conf *c)
{
	return c->s3_endpoint[0] || conf_is_remote(c);
}

bool
job_gateway_answers(const struct job_host *host)
{
	return objects_are_remote(host->conf)
		   ? objects_answer(host->conf)
		   : input_gateway_answers(host->lease_socket);
}

static int
open_input(struct job_run *run, struct job_media *m)
{
	const struct conf *c = run->host->conf;
	enum s3_error err = S3_ERR_ENTITY_TOO_LARGE;

	if (!objects_are_remote(c))
		err = input_lease(&m->input, run->host->lease_socket,
				  run->job.bucket, run->job.s3_key,
				  run->host->extents_max);
	/* In more pieces than there are descriptors for: read it as if it lay
	 * elsewhere. */
	if (err == S3_ERR_ENTITY_TOO_LARGE && !objects_are_remote(c))
		log_debug("input_spooled", "job %s: more than %zu extents",
			  run->job.id, run->host->extents_max);
	if (err == S3_ERR_ENTITY_TOO_LARGE)
		err = input_spool(&m->input, run->objects.store,
				  run->host->work_dir, run->job.bucket,
				  run->job.s3_key, c->max_upload_bytes,
				  &run->stop);
	/* of this disk, not of the store's */
	if (err == S3_ERR_INSUFFICIENT_STORAGE)
		return job_fail(run, false, "work_directory");
	return err == S3_OK ? 0 : job_fail_store(run, err, "input");
}

static int
make_dir(struct job_run *run, struct job_media *m)
{
	snprintf(m->dir, sizeof(m->dir), "%s/%s-%d", run->host->work_dir,
		 run->job.id, run->job.attempts);
	if (mkdir(m->dir, 0700) == 0)
		m->dir_fd = open(m->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->dir_fd >= 0)
		return 0;
	log_error("work_dir", "%s: %s", m->dir, strerror(errno));
	return job_fail(run, false, "work_directory");
}

int
job_media_open(struct job_run *run, struct job_media *m)
{
	*m = (struct job_media){ .dir_fd = -1 };
	input_init(&m->input);
	frames_init(&m->frames);
	if (!run->job.video_id || !run->job.bucket || !run->job.s3_key)
		return job_fail(run, true, "job_without_video");
	if (job_open_objects(run) != 0 || make_dir(run, m) != 0)
		return -1;
	return open_input(run, m);
}

void
job_media_close(struct job_run *run, struct job_media *m)
{
	(void)run;
	if (m->dir_fd >= 0)
		close(m->dir_fd);
	if (m->dir[0])
		workdir_remove(m->dir);
	frames_release(&m->frames);
	input_release(&m->input);
}

/* How a worker's end is judged: its own refusals are facts of the file; a
 * limit may have been the load of the machine, once. */
static int
fail_media(struct job_run *run, const struct job_media *m, enum media_end end)
{
	const struct frames *f = &m->frames;
	bool again = run->job.attempts < LIMITS_MAX;

	switch (end) {
	case MEDIA_NO_START:
		return job_fail(run, false, media_end_name(end));
	case MEDIA_POLICY:
	case MEDIA_CRASH:
	case MEDIA_PROTOCOL:
		return job_fail_crash(run, m, end);
	case MEDIA_REFUSED:
		break;
	default:
		return job_fail(run, !again, media_end_name(end));
	}
	log_info("media_refused", "job %s: %s: %s", run->job.id,
		 frame_code_name(f->code), f->message);
	switch (f->code) {
	case FRAME_UNSUPPORTED_MEDIA:
	case FRAME_CORRUPT_MEDIA:
		return job_fail(run, true, frame_code_name(f->code));
	case FRAME_LIMIT_EXCEEDED:
		return job_fail(run, !again, frame_code_name(f->code));
	case FRAME_INTERNAL:
		break;
	}
	return job_fail(run, false, "worker_internal");
}

static unsigned
worker_threads(const struct conf *c)
{
	long n = c->media_threads ? (long)c->media_threads
				  : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > 64 ? 64 : (unsigned)n;
}

int
job_media_run(struct job_run *run, struct job_media *m, const char *kind,
	      const char *members)
{
	const struct conf *c = run->host->conf;
	const struct media_job media = {
		.program = run->host->media_program,
		.kind = kind,
		.id = run->job.id,
		.members = members,
		.input = &m->input,
		.out_dir = m->dir_fd,
		.threads = worker_threads(c),
		.memory_bytes = run->type->memory_max,
		.cap_s = run->type->timeout_s,
		.pace = m->pace,
		.stop = &run->stop,
		.stop_fd = run->stop_fd,
		.percent = &run->percent,
	};
	enum media_end end;

	frames_release(&m->frames);
	if (job_quarantine_ask(run, m) != 0)
		return -1;
	end = media_run(&media, &m->frames);
	return end == MEDIA_DONE ? 0 : fail_media(run, m, end);
}

/* ---- outputs ------------------------------------------------------------ */

int
job_publish(struct job_run *run, struct job_media *m, const char *name,
	    const char *key)
{
	enum output_kind kind = key ? output_kind_of(key) : OUTPUT_KINDS;
	struct output o;
	const char *why;
	enum s3_error err;

	if (run->stop != JOB_GO)
		return job_fail(run, false, "stopped");
	if (output_open(m->dir_fd, name, kind,
			run->type->output_max - m->published, &o, &why) != 0) {
		log_warn("media_output", "job %s: bad output: %s", run->job.id,
			 why);
		return job_fail_crash(run, m, MEDIA_PROTOCOL);
	}
	m->published += o.size;
	err = objects_put_file(&run->objects, run->job.bucket, key,
			       output_content_type(kind), o.fd, o.size);
	output_close(&o);
	return err == S3_OK ? 0 : job_fail_store(run, err, "publish");
}

int
job_publish_files(struct job_run *run, struct job_media *m,
		  const struct result_file *files, size_t n)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	json_open_array(&b, NULL);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		const char *key = job_derived_key(run, m, files[i].file);
		uint64_t before = m->published;

		rc = job_publish(run, m, files[i].file, key);
		json_open_object(&b, NULL);
		json_put_str(&b, "name", files[i].file);
		json_put_str(&b, "role", files[i].role);
		json_put_str(&b, "key", key);
		json_put_u64(&b, "size", m->published - before);
		json_close_object(&b);
	}
	json_close_array(&b);
	run->outcome.files = arena_cstr(&run->arena, buf_slice(&b));
	if (rc == 0 && (!buf_ok(&b) || !run->outcome.files))
		rc = job_fail(run, false, "out_of_memory");
	buf_release(&b);
	return rc;
}

const char *
job_derived_key(struct job_run *run, const struct job_media *m,
		const char *name)
{
	char text[128], hex[SHA256_HEX_MAX];
	int n =
	    snprintf(text, sizeof(text), "%s:%llu:%d", m->input.etag,
		     (unsigned long long)m->input.size, MEDIA_ANALYSIS_VERSION);

	sha256_hex(text, (size_t)n, hex);
	return arena_printf(&run->arena, "derived/%s/%.32s/%s",
			    run->job.video_id, hex, name)
	    .p;
}
