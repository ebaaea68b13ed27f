/*
 * What all lanes share: encoder to muxer, and the release.
 */
#include "processor/media/encode/lane.h"
#include "processor/media/encode/x264.h"

/* A lane's put() when it has a muxer. */
static int
put_to_mux(struct lane *lane, AVPacket *packet)
{
	av_packet_rescale_ts(packet, lane->encoder->time_base,
			     lane->to->time_base);
	packet->stream_index = lane->to->index;
	return mux_write(lane->job, lane->mux, packet);
}

int
lane_attach(struct lane *lane)
{
	if (!lane->mux)
		return 0;
	lane->put = put_to_mux;
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
		rc = lane->encoder->codec_type == AVMEDIA_TYPE_VIDEO
			 ? x264_receive(lane->encoder, lane->packet)
			 : avcodec_receive_packet(lane->encoder, lane->packet);
		if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
			return 0;
		if (rc < 0)
			return job_fail_av(lane->job, rc, "encoding");
		if (lane->put(lane, lane->packet) != 0)
			return -1;
	}
}

void
lane_close(struct lane *lane)
{
	avcodec_free_context(&lane->decoder);
	avcodec_free_context(&lane->encoder);
	av_packet_free(&lane->packet);
	reframe_release(&lane->reframe);
	for (size_t i = 0; i < lane->n_held; i++)
		av_packet_free(&lane->held[i]);
	swr_free(&lane->swr);
	av_frame_free(&lane->converted);
	av_frame_free(&lane->block);
	if (lane->fifo)
		av_audio_fifo_free(lane->fifo);
	*lane = (struct lane){ 0 };
}
