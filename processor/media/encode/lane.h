/*
 * lane.h - one stream of a cut on its way to the muxer: pictures to H.264,
 * sound to AAC, or the packets as they are. The cut's start is time 0 of all.
 */
#ifndef PROCESSOR_MEDIA_LANE_H
#define PROCESSOR_MEDIA_LANE_H

#include "processor/media/encode/mux.h"
#include "processor/media/audio/sound.h"
#include "processor/media/encode/reframe.h"
#include "processor/media/input/source.h"

#include <libavutil/audio_fifo.h>

#define LANE_HELD_MAX 32 /* packets behind the end that may be needed */

struct lane {
	struct job *job;
	const struct source *src;
	AVStream *from;
	double start, end; /* seconds of the source */
	AVCodecContext *decoder;
	AVCodecContext *encoder; /* NULL: packets as they are */
	struct mux *mux;
	AVStream *to;
	AVPacket *packet;
	bool done;     /* the end was reached */
	double filled; /* seconds written */
	/* What is made of it, in the encoder's time base; takes the packet's
	 * content. 0 or -1. */
	int (*put)(struct lane *lane, AVPacket *packet);
	void *sink; /* of put() */
	/* pictures */
	struct reframe reframe;
	int64_t last_pts;
	/* packets as they are */
	bool begun;
	AVPacket *held[LANE_HELD_MAX];
	size_t n_held;
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

/* Decoder, encoder and the muxer's stream; start, end and, of pictures, the
 * plan of reframe are set. 0 or -1; close in any case. */
int MUST_CHECK lane_open_video(struct lane *lane, struct job *job,
			       const struct source *src, struct mux *mux);
/* The same; with @mux NULL, put and sink are set too. */
int MUST_CHECK lane_open_audio(struct lane *lane, struct job *job,
			       const struct source *src, struct mux *mux);
void lane_close(struct lane *lane);

/* A decoded frame; what lies outside start..end is dropped. *kept: the picture
 * as it was encoded, valid until the next one, or NULL. */
int MUST_CHECK lane_video(struct lane *lane, const AVFrame *frame,
			  AVFrame **kept);
int MUST_CHECK lane_audio(struct lane *lane, const AVFrame *frame);
/* The last of what was fed out of the encoder. */
int MUST_CHECK lane_flush_video(struct lane *lane);
int MUST_CHECK lane_flush_audio(struct lane *lane);

/*
 * Packets as they are (lane_copy.c), from those with lane->from of the time
 * lane->start on: of video its first is an IDR of that very time, of sound
 * the one before the start is taken too, for the decoder's run-up. What lies
 * at or behind the end is dropped, unless what is kept needs it.
 */
int MUST_CHECK lane_open_copy(struct lane *lane, struct job *job,
			      const struct source *src, AVStream *from,
			      struct mux *mux);
int MUST_CHECK lane_copy(struct lane *lane, const AVPacket *packet);
/* Can this sound be copied into an MP4 that everybody plays? */
bool lane_can_copy_audio(const AVStream *st);

/* For the lanes themselves: to the encoder and on; NULL drains. */
int MUST_CHECK lane_encode(struct lane *lane, const AVFrame *frame);
/* The opened encoder's stream in the muxer, where there is one. */
int MUST_CHECK lane_attach(struct lane *lane);

#endif
