/*
 * The storyboard in the one pass.
 */
#include "processor/media/pass/analyser.h"
#include "processor/media/stills/storyboard.h"

static void *
pass_start(const struct source *src)
{
	return storyboard_new(src);
}

static int
pass_video(void *self, struct job *job, const struct video_frame *f)
{
	return storyboard_show(self, job, f->frame, f->time);
}

static int
pass_finish(void *self, struct analysis *a)
{
	return storyboard_finish(self, a->job, a->out, a->found.duration,
				 a->json);
}

static void
pass_free(void *self)
{
	storyboard_free(self);
}

const struct analyser analyser_storyboard = {
	.name = "storyboard",
	.start = pass_start,
	.on_video = pass_video,
	.finish = pass_finish,
	.free = pass_free,
};
