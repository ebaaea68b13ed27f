/*
 * package_hls: the renditions that a worker made, and playlists that are
 * written here from what it says of them. Every attempt makes the same names.
 */
#include "processor/job.h"
#include "base/io.h"
#include "base/json_write.h"
#include "base/log.h"
#include "processor/hls_package.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PACE 20 /* seconds of work for one of the film, on a poor day */
#define FILES_MAX (2 * (HLS_VIDEO_MAX + 1) + 1)

struct files {
	struct result_file list[FILES_MAX];
	size_t n;
};

/* Beside the files of the worker, which is dead. */
static int
leave_text(struct job_run *run, const struct job_media *m, const char *name,
	   struct buf *text)
{
	int fd =
	    openat(m->dir_fd, name,
		   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc =
	    fd < 0 || !buf_ok(text) ? -1 : io_write_all(fd, text->p, text->n);

	if (fd >= 0)
		close(fd);
	buf_release(text);
	return rc == 0 ? 0 : job_fail(run, false, "work_directory");
}

/* A file must be as long as its segments: a player asks for ranges of it. */
static bool
is_whole(const struct job_media *m, const struct hls_track *t)
{
	struct stat st;

	return fstatat(m->dir_fd, t->file, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == t->size;
}

static int
add_track(struct job_run *run, const struct job_media *m,
	  const struct hls_track *t, struct files *f)
{
	struct buf text = BUF_INIT;

	if (!is_whole(m, t)) {
		log_warn("media_output", "job %s: %s is not what was said",
			 run->job.id, t->file);
		return job_fail_crash(run, m, MEDIA_PROTOCOL);
	}
	hls_put_playlist(&text, t);
	f->list[f->n++] = (struct result_file){ "hls_media", t->file };
	f->list[f->n++] = (struct result_file){ "hls_playlist", t->playlist };
	return leave_text(run, m, t->playlist, &text);
}

static int
publish(struct job_run *run, struct job_media *m, const struct hls_package *p)
{
	struct files f = { 0 };
	struct buf text = BUF_INIT;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < p->n; i++)
		rc = add_track(run, m, &p->video[i], &f);
	if (rc == 0 && p->has_audio)
		rc = add_track(run, m, &p->audio, &f);
	if (rc != 0)
		return -1;
	hls_put_master(&text, p);
	f.list[f.n++] = (struct result_file){ "hls", HLS_MASTER };
	if (leave_text(run, m, HLS_MASTER, &text) != 0)
		return -1;
	return job_publish_files(run, m, f.list, f.n);
}

static const char *
summary(struct job_run *run, const struct hls_package *p)
{
	struct buf b = BUF_INIT;
	const char *text;

	json_open_object(&b, NULL);
	json_put_str(&b, "master", HLS_MASTER);
	json_open_array(&b, "renditions");
	for (size_t i = 0; i < p->n; i++) {
		json_open_object(&b, NULL);
		json_put_str(&b, "file", p->video[i].file);
		json_put_int(&b, "width", p->video[i].width);
		json_put_int(&b, "height", p->video[i].height);
		json_put_u64(&b, "size", p->video[i].size);
		json_close_object(&b);
	}
	json_close_array(&b);
	json_put_raw(&b, "files", run->outcome.files);
	json_close_object(&b);
	text = buf_ok(&b) ? arena_cstr(&run->arena, buf_slice(&b)) : NULL;
	buf_release(&b);
	return text;
}

int
job_package_hls(struct job_run *run)
{
	struct hls_package p;
	struct job_media m;
	const char *why;
	int rc = job_media_open(run, &m);

	m.pace = PACE;
	if (rc == 0)
		rc = job_media_run(run, &m, "hls", NULL);
	if (rc == 0 && hls_check(m.frames.result, &p, &why) != 0) {
		log_warn("media_result", "job %s: bad result: %s", run->job.id,
			 why);
		rc = job_fail_crash(run, &m, MEDIA_PROTOCOL);
	}
	if (rc == 0)
		rc = publish(run, &m, &p);
	if (rc == 0) {
		run->outcome.result = summary(run, &p);
		if (!run->outcome.result)
			rc = job_fail(run, false, "out_of_memory");
	}
	job_media_close(run, &m);
	return rc;
}
