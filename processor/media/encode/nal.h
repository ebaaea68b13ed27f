/*
 * nal.h - the units inside a packet of H.264 or HEVC, as bytes: what a packet
 * really begins with, whatever its container says, and the two ways in which
 * units are kept apart: start codes, or lengths as MP4 wants them.
 */
#ifndef PROCESSOR_MEDIA_NAL_H
#define PROCESSOR_MEDIA_NAL_H

#include "base/buf.h"

#include <libavcodec/codec_id.h>

struct nal_stream {
	enum AVCodecID codec;
	unsigned length_size; /* bytes of a length; 0: start codes */
};

/* How the packets of a stream with this @extradata are written. false: not
 * H.264 or HEVC, or no extradata to tell by. */
bool nal_stream_of(struct nal_stream *s, enum AVCodecID codec,
		   struct slice extradata);
/* The next unit of *rest, without its start code or length; empty at the end,
 * or where the bytes make no sense. */
struct slice nal_next(const struct nal_stream *s, struct slice *rest);
/* Can decoding begin with this packet and everything shown from it on be
 * decoded? Its first picture is an IDR: not merely intra, nor a key frame
 * with others before it in a player's eyes (open GOP). */
bool nal_is_idr(const struct nal_stream *s, struct slice packet);

/* Units with start codes, appended with lengths of four bytes. */
void nal_put_lengths(struct buf *out, struct slice packet);
/* ISO/IEC 14496-15: the decoder's configuration of H.264 from parameter sets
 * with start codes, appended; copied when it is one already. false: none. */
bool nal_put_avcc(struct buf *out, struct slice extradata);
/* RFC 6381: "avc1.64001f" of a configuration. false: none. */
bool nal_avc_name(struct slice avcc, char out[16]);

#endif
