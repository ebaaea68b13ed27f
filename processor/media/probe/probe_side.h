/*
 * probe_side.h - what a stream carries beside its parameters: how to turn and
 * to project its pictures, how bright their master was, what a decoder needs.
 */
#ifndef PROCESSOR_MEDIA_PROBE_SIDE_H
#define PROCESSOR_MEDIA_PROBE_SIDE_H

#include "base/json_write.h"

#include <libavformat/avformat.h>

/* The member "side_data_list", unless it would be empty. */
void probe_put_side(struct buf *b, const AVStream *st);

#endif
