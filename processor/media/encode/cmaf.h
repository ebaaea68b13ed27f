/*
 * cmaf.h - one track as a file of CMAF segments (ISO/IEC 23000-19): a header,
 * then segments of one movie fragment each, to be played by byte ranges.
 * Presentation times are those of the packets to the tick. What has to be
 * decoded before 0 (pictures that are shown later, an encoder's run-up) moves
 * the track's own time, and an edit list takes that back. Offsets of
 * presentation below zero would do without, but not every player adds them up
 * the same way.
 */
#ifndef PROCESSOR_MEDIA_CMAF_H
#define PROCESSOR_MEDIA_CMAF_H

#include "processor/media/job.h"
#include "processor/media/encode/nal.h"

#include <libavcodec/avcodec.h>

#define CMAF_SEGMENTS_MAX 50000 /* 24 hours of 2 s have 43,200 */

struct cmaf_sample {
	uint32_t size;
	uint32_t duration;
	uint32_t flags;
	uint32_t offset; /* of presentation behind decoding */
};

struct cmaf_segment {
	uint32_t bytes;
	double duration; /* seconds */
};

struct cmaf {
	struct job *job;
	int fd;
	int64_t at; /* bytes written */
	bool video;
	bool annexb;	 /* packets come with start codes */
	AVRational tick; /* of the packets; the track's timescale is its den */
	char codecs[16]; /* RFC 6381 */
	/* the segment being made */
	struct buf data;
	struct cmaf_sample *samples;
	size_t n_samples, room;
	int64_t first_dts, first_pts, last_dts, end_pts;
	/* What the header needs, which is written with the first packet. */
	AVCodecParameters *par;
	int64_t shift; /* ticks that the track's own time is ahead */
	bool begun;
	/* what was made */
	uint32_t header;
	struct cmaf_segment *segments;
	size_t n_segments;
};

/* H.264 or AAC with its configuration in @par; packets come in @time_base. 0
 * or -1; close in any case. */
int MUST_CHECK cmaf_open(struct job *job, struct cmaf *c, int fd,
			 const AVCodecParameters *par, AVRational time_base);
/* The next in the order of decoding; @cut: a segment begins with it. */
int MUST_CHECK cmaf_add(struct cmaf *c, const AVPacket *packet, bool cut);
/* The last segment. */
int MUST_CHECK cmaf_finish(struct cmaf *c);
void cmaf_close(struct cmaf *c);

#endif
