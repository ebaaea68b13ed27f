/*
 * Sound, by sample count: sample i of the cut is the one at start + i / rate.
 * Gaps of the source become silence, overlaps are dropped, so that sound and
 * picture stay together to the end.
 */
#include "processor/media/encode/lane.h"

#include <math.h>

#define GAP 0.05 /* seconds that the stamps may be off before it is a gap */
#define CHUNK 4096

/* A rate the AAC encoder knows: the stream's own, or 48 kHz. */
static int
pick_rate(const AVCodec *codec, int rate)
{
	for (const int *r = codec->supported_samplerates; r && *r; r++)
		if (*r == rate)
			return rate;
	return 48000;
}

static int
describe(struct lane *lane, const AVCodec *codec)
{
	AVCodecContext *enc = lane->encoder;
	const AVCodecParameters *par = lane->from->codecpar;
	int rc;

	lane->shape = (struct sound_shape){
		.format = AV_SAMPLE_FMT_FLTP,
		.rate = pick_rate(codec, par->sample_rate),
		.channels = par->ch_layout.nb_channels == 1 ? 1 : 2,
	};
	enc->sample_fmt = lane->shape.format;
	enc->sample_rate = lane->shape.rate;
	av_channel_layout_default(&enc->ch_layout, lane->shape.channels);
	enc->bit_rate = lane->shape.channels == 1 ? 96000 : 160000;
	enc->time_base = (AVRational){ 1, lane->shape.rate };
	enc->thread_count = 1;
	enc->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	rc = avcodec_open2(enc, codec, NULL);
	if (rc < 0)
		return job_fail_av(lane->job, rc, "opening the encoder");
	return lane_attach(lane);
}

int
lane_open_audio(struct lane *lane, struct job *job, const struct source *src,
		struct mux *mux)
{
	const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_AAC);

	lane->job = job;
	lane->src = src;
	lane->mux = mux;
	lane->from = src->audio;
	lane->packet = av_packet_alloc();
	lane->converted = av_frame_alloc();
	lane->block = av_frame_alloc();
	lane->encoder = avcodec_alloc_context3(codec);
	if (!lane->packet || !lane->converted || !lane->block || !lane->encoder)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	if (source_decoder(job, lane->from, &lane->decoder) != 0 ||
	    describe(lane, codec) != 0)
		return -1;
	lane->total = llround((lane->end - lane->start) * lane->shape.rate);
	lane->fifo = av_audio_fifo_alloc(lane->shape.format,
					 lane->shape.channels, CHUNK);
	return lane->fifo ? 0 : job_fail(job, MEDIA_LIMIT, "out of memory");
}

/* Samples from the fifo to the encoder, whole frames or all (@rest). */
static int
drain(struct lane *lane, bool rest)
{
	int size = lane->encoder->frame_size;

	for (;;) {
		int n = av_audio_fifo_size(lane->fifo);

		if (n == 0 || (n < size && !rest))
			return 0;
		if (n > size)
			n = size;
		if (sound_prepare(lane->job, lane->block, &lane->shape, n) != 0)
			return -1;
		if (av_audio_fifo_read(lane->fifo,
				       (void **)lane->block->extended_data,
				       n) != n)
			return job_fail(lane->job, MEDIA_INTERNAL,
					"the sound buffer is short");
		lane->block->pts = lane->sent;
		lane->sent += n;
		if (lane_encode(lane, lane->block) != 0)
			return -1;
	}
}

/* @n samples of f from @skip on into the fifo. */
static int
place(struct lane *lane, const AVFrame *f, int skip, int n)
{
	void *planes[2];

	if (n <= 0)
		return 0;
	for (int c = 0; c < lane->shape.channels; c++)
		planes[c] = f->extended_data[c] + (size_t)skip * sizeof(float);
	if (av_audio_fifo_write(lane->fifo, planes, n) != n)
		return job_fail(lane->job, MEDIA_LIMIT, "out of memory");
	lane->placed += n;
	return drain(lane, false);
}

static int
place_silence(struct lane *lane, int64_t n)
{
	while (n > 0) {
		int part = n < CHUNK ? (int)n : CHUNK;

		if (sound_prepare(lane->job, lane->block, &lane->shape, part) !=
		    0)
			return -1;
		av_samples_set_silence(lane->block->extended_data, 0, part,
				       lane->shape.channels,
				       lane->shape.format);
		if (place(lane, lane->block, 0, part) != 0)
			return -1;
		n -= part;
	}
	return 0;
}

int
lane_audio(struct lane *lane, const AVFrame *frame)
{
	double t =
	    source_time(lane->src, lane->from, frame->best_effort_timestamp);
	int rate = lane->shape.rate;
	int64_t at, n, skip = 0;

	if (frame->ch_layout.nb_channels <= 0 || frame->sample_rate <= 0)
		return 0;
	if (!isnan(t) && t >= lane->end) {
		lane->done = true;
		return 0;
	}
	if (sound_convert(lane->job, &lane->swr, lane->converted, &lane->shape,
			  frame) != 0)
		return -1;
	n = lane->converted->nb_samples;
	at = isnan(t) ? lane->placed : llround((t - lane->start) * rate);
	/* Once the sound runs, small jitter of the stamps is ignored. */
	if (lane->placed > 0 && llabs(at - lane->placed) < llround(GAP * rate))
		at = lane->placed;
	if (at < lane->placed)
		skip = lane->placed - at;
	else if (place_silence(lane, (at < lane->total ? at : lane->total) -
					 lane->placed) != 0)
		return -1;
	if (skip > n)
		skip = n;
	if (n - skip > lane->total - lane->placed)
		n = lane->total - lane->placed + skip;
	if (place(lane, lane->converted, (int)skip, (int)(n - skip)) != 0)
		return -1;
	lane->filled = (double)lane->placed / rate;
	lane->done = lane->placed >= lane->total;
	return 0;
}

int
lane_flush_audio(struct lane *lane)
{
	return drain(lane, true) == 0 ? lane_encode(lane, NULL) : -1;
}
