/*
 * Units of H.264 and HEVC: the first byte chooses the codec, the next the
 * bytes of extradata, the rest is a packet. Units lie within the packet.
 */
#include "processor/media/encode/nal.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_mem(data, size), extra, rest, unit;
	struct buf lengths = BUF_INIT, config = BUF_INIT;
	enum AVCodecID codec;
	struct nal_stream s;
	char name[16];

	if (in.n < 2)
		return 0;
	codec = in.p[0] & 1 ? AV_CODEC_ID_H264 : AV_CODEC_ID_HEVC;
	extra = slice_head(slice_from(in, 2), (uint8_t)in.p[1]);
	rest = slice_from(in, 2 + extra.n);
	nal_put_lengths(&lengths, rest);
	if (nal_put_avcc(&config, extra) && buf_ok(&config))
		(void)nal_avc_name(buf_slice(&config), name);
	buf_release(&lengths);
	buf_release(&config);
	if (!nal_stream_of(&s, codec, extra))
		return 0;
	(void)nal_is_idr(&s, rest);
	while ((unit = nal_next(&s, &rest)).n) {
		REQUIRE(unit.p >= in.p);
		REQUIRE(unit.p + unit.n <= in.p + in.n);
	}
	return 0;
}
