/*
 * Creating the output files while paths still exist.
 */
#include "processor/media/outputs.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void
name_outputs(const struct request *req, struct outputs *out)
{
	size_t n = 0;

	if (req->kind == JOB_ANALYZE) {
		snprintf(out->list[n].name, sizeof(out->list[n].name),
			 "poster.jpg");
		for (n = 1; n < out->n; n++)
			snprintf(out->list[n].name, sizeof(out->list[n].name),
				 "thumb-%zu.jpg", n);
		return;
	}
	for (size_t i = 0; i < req->n_clips; i++) {
		snprintf(out->list[n].name, sizeof(out->list[n].name),
			 "clip-%s.mp4", req->clips[i].id);
		n++;
		snprintf(out->list[n].name, sizeof(out->list[n].name),
			 "clip-%s.jpg", req->clips[i].id);
		n++;
	}
}

int
outputs_open(struct job *job, struct outputs *out)
{
	out->n = job->req.kind == JOB_ANALYZE ? 1 + OUTPUT_THUMBS
					      : 2 * job->req.n_clips;
	out->list = calloc(out->n, sizeof(*out->list));
	if (!out->list)
		return job_fail(job, MEDIA_INTERNAL, "out of memory");
	name_outputs(&job->req, out);
	for (size_t i = 0; i < out->n; i++)
		out->list[i].fd = -1;
	for (size_t i = 0; i < out->n; i++) {
		out->list[i].fd = openat(
		    MEDIA_FD_OUTPUT, out->list[i].name,
		    O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (out->list[i].fd < 0)
			return job_fail(job, MEDIA_INTERNAL,
					"cannot create %s: %s",
					out->list[i].name, strerror(errno));
	}
	/* The directory itself is of no use to anyone from here on. */
	close(MEDIA_FD_OUTPUT);
	return 0;
}

void
outputs_close(struct outputs *out)
{
	for (size_t i = 0; i < out->n && out->list; i++)
		if (out->list[i].fd >= 0)
			close(out->list[i].fd);
	free(out->list);
}

int
output_write(struct job *job, const struct output *out, const void *data,
	     size_t n)
{
	if (ftruncate(out->fd, 0) == 0 &&
	    io_pwrite_all(out->fd, data, n, 0) == 0)
		return 0;
	return job_fail(job, MEDIA_LIMIT, "cannot write %s: %s", out->name,
			strerror(errno));
}
