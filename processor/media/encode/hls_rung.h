/*
 * hls_rung.h - one rendition of the pictures: encoded in its size, or the
 * source's own packets. All renditions begin their segments at the same times.
 */
#ifndef PROCESSOR_MEDIA_HLS_RUNG_H
#define PROCESSOR_MEDIA_HLS_RUNG_H

#include "processor/media/encode/cmaf.h"
#include "processor/media/encode/hls_plan.h"
#include "processor/media/encode/reframe.h"

struct hls_rung {
	struct job *job;
	const struct source *src;
	const struct hls_plan *plan;
	struct reframe reframe;
	AVCodecContext *encoder; /* NULL: packets as they are */
	AVPacket *packet;
	struct cmaf file;
	int w, h;
	double next;	  /* where the next segment begins */
	int64_t last_pts; /* sent to the encoder */
};

/* Opens rendition @i of the plan, written to @fd. 0 or -1; close in any
 * case. */
int MUST_CHECK hls_rung_open(struct hls_rung *r, struct job *job,
			     const struct source *src,
			     const struct hls_plan *plan, size_t i, int fd);
/* A picture to be shown at @t; @key: a segment begins with it. */
int MUST_CHECK hls_rung_encode(struct hls_rung *r, const AVFrame *frame,
			       double t, bool key);
int MUST_CHECK hls_rung_copy(struct hls_rung *r, const AVPacket *packet);
/* What is still in the encoder, and the last segment. */
int MUST_CHECK hls_rung_finish(struct hls_rung *r);
void hls_rung_close(struct hls_rung *r);

#endif
