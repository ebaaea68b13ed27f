/*
 * What both lanes share: encoder to muxer, and the release.
 */
#include "processor/media/lane.h"

int
lane_open_encoder(struct lane *lane, AVDictionary **options)
{
	int rc;

	if (lane->mux->fmt->oformat->flags & AVFMT_GLOBALHEADER)
		lane->encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	rc = avcodec_open2(lane->encoder, NULL, options);
	if (rc < 0)
		return job_fail_av(lane->job, rc, "opening the encoder");
	lane->to = mux_add(lane->job, lane->mux, lane->encoder);
	return lane->to ? 0 : -1;
}

int
lane_encode(struct lane *lane, const AVFrame *frame)
{
	int rc = avcodec_send_frame(lane->encoder, frame);

	if (rc < 0)
		return job_fail_av(lane->job, rc, "encoding");
	for (;;) {
		rc = avcodec_receive_packet(lane->encoder, lane->packet);
		if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
			return 0;
		if (rc < 0)
			return job_fail_av(lane->job, rc, "encoding");
		/* x264 tells no durations; the last one needs its own. */
		if (lane->encoder->codec_type == AVMEDIA_TYPE_VIDEO)
			lane->packet->duration =
			    av_rescale_q(1, av_inv_q(lane->encoder->framerate),
					 lane->encoder->time_base);
		av_packet_rescale_ts(lane->packet, lane->encoder->time_base,
				     lane->to->time_base);
		lane->packet->stream_index = lane->to->index;
		if (mux_write(lane->job, lane->mux, lane->packet) != 0)
			return -1;
	}
}

void
lane_close(struct lane *lane)
{
	avcodec_free_context(&lane->decoder);
	avcodec_free_context(&lane->encoder);
	av_packet_free(&lane->packet);
	sws_freeContext(lane->sws);
	av_frame_free(&lane->scaled);
	swr_free(&lane->swr);
	av_frame_free(&lane->converted);
	av_frame_free(&lane->block);
	if (lane->fifo)
		av_audio_fifo_free(lane->fifo);
	*lane = (struct lane){ 0 };
}
