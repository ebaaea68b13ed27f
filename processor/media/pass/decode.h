/*
 * decode.h - the one decode pass over the chosen video and audio stream.
 */
#ifndef PROCESSOR_MEDIA_DECODE_H
#define PROCESSOR_MEDIA_DECODE_H

#include "processor/media/pass/analyser.h"
#include "processor/media/pass/packets.h"
#include "processor/media/pass/steps.h"

struct sink {
	const struct analyser *type;
	void *self;
};

struct decoded {
	int64_t frames;
	int64_t samples; /* per channel */
	int64_t errors;	 /* packets and frames that did not decode */
	double end;	 /* seconds, of the longer stream */
	double min_step; /* between two pictures, seconds */
	double max_step;
	struct steps steps;
	int64_t interlaced; /* pictures that say so */
	struct packets packets;
};

/* Shows everything to every sink. 0 or -1. */
int MUST_CHECK decode_run(struct job *job, struct source *src,
			  const struct sink *sinks, size_t n_sinks,
			  struct decoded *out);

#endif
