/*
 * lane.h - one stream of a cut on its way from decoder to muxer: pictures to
 * H.264, sound to AAC. The cut's start is time 0 of both.
 */
#ifndef PROCESSOR_MEDIA_LANE_H
#define PROCESSOR_MEDIA_LANE_H

#include "processor/media/mux.h"
#include "processor/media/sound.h"
#include "processor/media/source.h"

#include <libavutil/audio_fifo.h>
#include <libswscale/swscale.h>

struct lane {
	struct job *job;
	const struct source *src;
	AVStream *from;
	double start, end; /* seconds of the source */
	AVCodecContext *decoder;
	AVCodecContext *encoder;
	struct mux *mux;
	AVStream *to;
	AVPacket *packet;
	bool done;     /* the end was reached */
	double filled; /* seconds written */
	/* pictures */
	struct SwsContext *sws;
	AVFrame *scaled;
	int64_t last_pts;
	/* sound */
	struct sound_shape shape;
	SwrContext *swr;
	AVFrame *converted;
	AVFrame *block; /* one encoder frame */
	AVAudioFifo *fifo;
	int64_t placed; /* samples in the fifo or behind it */
	int64_t total;	/* samples of the whole cut */
	int64_t sent;	/* samples encoded */
};

/* Decoder, encoder and the muxer's stream. 0 or -1; close in any case. */
int MUST_CHECK lane_open_video(struct lane *lane, struct job *job,
			       const struct source *src, struct mux *mux);
int MUST_CHECK lane_open_audio(struct lane *lane, struct job *job,
			       const struct source *src, struct mux *mux);
void lane_close(struct lane *lane);

/* A decoded frame; what lies outside start..end is dropped. @kept tells. */
int MUST_CHECK lane_video(struct lane *lane, AVFrame *frame, bool *kept);
int MUST_CHECK lane_audio(struct lane *lane, const AVFrame *frame);
/* The last of what was fed out of the encoder. */
int MUST_CHECK lane_flush_video(struct lane *lane);
int MUST_CHECK lane_flush_audio(struct lane *lane);

/* For the lanes themselves: to the encoder and on; NULL drains. */
int MUST_CHECK lane_encode(struct lane *lane, const AVFrame *frame);
int MUST_CHECK lane_open_encoder(struct lane *lane, AVDictionary **options);

#endif
