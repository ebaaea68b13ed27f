/*
 * packets.h - what the packets of the two chosen streams tell, whatever the
 * headers say: groups of pictures, and how many bits go by at which time.
 */
#ifndef PROCESSOR_MEDIA_PACKETS_H
#define PROCESSOR_MEDIA_PACKETS_H

#include "base/json_write.h"
#include "processor/media/input/source.h"

#define BIT_RATE_POINTS 512

/* A group of pictures begins with a key picture. */
struct gops {
	int64_t n;	       /* begun */
	int64_t frames;	       /* of the running one */
	int64_t key;	       /* its key picture's time stamp */
	double start;	       /* when it began, seconds */
	bool leads;	       /* pictures after the key are shown before it */
	int64_t open;	       /* groups with such pictures */
	int64_t min, max, sum; /* frames of those that ended */
	double longest;	       /* of those, seconds */
};

struct packets {
	int64_t n[2]; /* of video, of sound */
	int64_t bytes[2];
	struct gops gops;
	double step; /* seconds of a point; doubled when they do not suffice */
	double points[2][BIT_RATE_POINTS]; /* bytes */
	size_t n_points;
	double last; /* time of the packet before */
};

void packets_init(struct packets *p);
/* @st: src->video or src->audio. */
void packets_add(struct packets *p, const struct source *src,
		 const AVStream *st, const AVPacket *packet);
/* The member "packets". */
void packets_write(struct buf *b, const struct packets *p,
		   const struct source *src);

#endif
