/*
 * hls_package.h - what a worker says of the renditions it made, checked, and
 * the playlists of RFC 8216 that follow from it. They are written here, from
 * numbers, so that no text of a worker reaches a player.
 */
#ifndef PROCESSOR_HLS_PACKAGE_H
#define PROCESSOR_HLS_PACKAGE_H

#include "base/buf.h"
#include "base/json.h"

#define HLS_VIDEO_MAX 5
#define HLS_SEGMENTS_MAX 50000
#define HLS_MASTER "hls.m3u8"

/* One file: a header, then segments back to back. Views into the frame. */
struct hls_track {
	char file[16];	   /* "hls-0.mp4" */
	char playlist[16]; /* "hls-0.m3u8" */
	const char *codecs;
	int width, height; /* of pictures */
	double frame_rate; /* 0: unknown */
	int channels;	   /* of sound */
	uint64_t header;   /* bytes */
	const cJSON *bytes, *durations;
	uint64_t size; /* of the file: header and segments */
	double duration;
	double longest; /* seconds of a segment */
};

struct hls_package {
	struct hls_track video[HLS_VIDEO_MAX];
	size_t n;
	struct hls_track audio;
	bool has_audio;
};

/* The result frame of "hls". 0, or -1 with the offending member in *why. */
int MUST_CHECK hls_check(const cJSON *frame, struct hls_package *out,
			 const char **why);
/* Byte ranges of one file. */
void hls_put_playlist(struct buf *b, const struct hls_track *t);
/* All renditions, the largest first; sound in a group of its own. */
void hls_put_master(struct buf *b, const struct hls_package *p);

#endif
