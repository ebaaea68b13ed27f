/*
 * Where a copy may begin: at a picture of the asked time that is an IDR by its
 * own bytes. What the container marks as a key frame may be an open one, whose
 * neighbours would show a broken beginning.
 */
#include "processor/media/encode/cut.h"
#include "processor/media/encode/nal.h"

#include <math.h>

static const char no_times[] = "the pictures have no time stamps";

#define LOOK_AHEAD 1.0 /* seconds of decoding time behind the start */

static double
half_a_picture(const struct source *src)
{
	AVRational fps = av_guess_frame_rate(src->fmt, src->video, NULL);

	return fps.num > 0 && fps.den > 0 ? 0.5 / av_q2d(fps) : 0.02;
}

/* NULL when @packet is where to begin; *sure: it decides. */
static const char *
judge(const struct source *src, const struct nal_stream *nal,
      const AVPacket *packet, double start, bool *sure)
{
	double t = source_time(src, src->video, packet->pts);

	*sure = true;
	if (packet->pts == AV_NOPTS_VALUE)
		return no_times;
	if (fabs(t - start) > half_a_picture(src)) {
		*sure = source_time(src, src->video, packet->dts) >
			start + LOOK_AHEAD;
	} else if (packet->flags & AV_PKT_FLAG_KEY) {
		/* Behind a seek the first are unknown in some formats. */
		if (packet->dts == AV_NOPTS_VALUE)
			return no_times;
		return nal_is_idr(nal,
				  slice_mem(packet->data, (size_t)packet->size))
			   ? NULL
			   : "the key frame at the start is an open one";
	}
	return "no key frame lies at the start";
}

static const char *
look(struct source *src, const struct nal_stream *nal, AVPacket *packet,
     double start, double *at)
{
	const char *why = "no key frame lies at the start";
	bool sure = false;

	while (!sure && av_read_frame(src->fmt, packet) >= 0) {
		if (packet->stream_index == src->video->index) {
			why = judge(src, nal, packet, start, &sure);
			*at = source_time(src, src->video, packet->pts);
		}
		av_packet_unref(packet);
	}
	return why;
}

const char *
cut_copy_start(struct job *job, struct source *src,
	       const struct clip_request *clip, double *start)
{
	const AVCodecParameters *par = src->video ? src->video->codecpar : NULL;
	struct nal_stream nal;
	AVPacket *packet;
	const char *why;
	double at = 0;

	if (!par)
		return "there are no pictures";
	if (clip->aspect != CLIP_ORIGINAL)
		return "a reframed picture has to be encoded";
	if (par->extradata_size <= 0 ||
	    !nal_stream_of(
		&nal, par->codec_id,
		slice_mem(par->extradata, (size_t)par->extradata_size)))
		return "only H.264 and HEVC are copied";
	if (cut_seek(job, src, clip->start) != 0)
		return "";
	packet = av_packet_alloc();
	if (!packet) {
		job_fail(job, MEDIA_LIMIT, "out of memory");
		return "";
	}
	why = look(src, &nal, packet, clip->start, &at);
	av_packet_free(&packet);
	if (!why)
		*start = at;
	return why;
}
