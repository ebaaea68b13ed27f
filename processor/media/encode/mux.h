/*
 * mux.h - an MP4 with its index in front, written to an open descriptor.
 */
#ifndef PROCESSOR_MEDIA_MUX_H
#define PROCESSOR_MEDIA_MUX_H

#include "processor/media/job.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

struct mux_file {
	int fd;
	int64_t at;
};

struct mux {
	struct mux_file file;
	AVIOContext *io;
	AVFormatContext *fmt;
};

int MUST_CHECK mux_open(struct job *job, struct mux *mux, int fd);
/* A stream of what @encoder makes; NULL after job_fail(). */
AVStream *mux_add(struct job *job, struct mux *mux,
		  const AVCodecContext *encoder);
/* A stream of the packets of @from, as they are. */
AVStream *mux_add_copy(struct job *job, struct mux *mux, const AVStream *from);
/* What a stream says beside its packets. */
enum mux_said {
	MUX_DIRECTION, /* which way up: phones record sideways, players turn */
	MUX_ALL	       /* the light of HDR too */
};
int MUST_CHECK mux_keep_side_data(struct job *job, AVStream *to,
				  const AVStream *from, enum mux_said what);
/* Behind the last mux_add() and before the first packet. */
int MUST_CHECK mux_start(struct job *job, struct mux *mux);
/* Takes the packet's content. */
int MUST_CHECK mux_write(struct job *job, struct mux *mux, AVPacket *packet);
int MUST_CHECK mux_finish(struct job *job, struct mux *mux);
void mux_close(struct mux *mux);

#endif
