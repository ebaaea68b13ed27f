/*
 * One way to convert sound, for the analysers and for clips.
 */
#include "processor/media/audio/sound.h"

#include <errno.h>

int
sound_prepare(struct job *job, AVFrame *f, const struct sound_shape *shape,
	      int n)
{
	int rc = 0;

	av_frame_unref(f);
	f->format = shape->format;
	f->sample_rate = shape->rate;
	f->nb_samples = n;
	av_channel_layout_default(&f->ch_layout, shape->channels);
	if (n)
		rc = av_frame_get_buffer(f, 0);
	return rc < 0 ? job_fail_av(job, rc, "sound") : 0;
}

int
sound_convert(struct job *job, SwrContext **swr, AVFrame *out,
	      const struct sound_shape *shape, const AVFrame *in)
{
	int rc;

	if (!*swr)
		*swr = swr_alloc();
	if (!*swr)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	if (sound_prepare(job, out, shape, 0) != 0)
		return -1;
	rc = swr_convert_frame(*swr, out, in);
	if (rc == AVERROR_INPUT_CHANGED) {
		/* Closed, it takes the new shape of the stream. */
		swr_close(*swr);
		if (sound_prepare(job, out, shape, 0) != 0)
			return -1;
		rc = swr_convert_frame(*swr, out, in);
	}
	return rc < 0 ? job_fail_av(job, rc, "converting sound") : 0;
}
