/*
 * Every read is inside the slice: nothing here believes a length.
 */
#include "processor/media/encode/nal.h"

#define H264_SLICE 1
#define H264_IDR 5
#define H264_SPS 7
#define H264_PPS 8
#define HEVC_LAST_PICTURE 31 /* types 0..31 are pictures */
#define HEVC_IDR_W_RADL 19
#define HEVC_IDR_N_LP 20
#define AVCC_HEAD 7 /* bytes before the first set's length */
#define SETS_MAX 8

static unsigned
byte_at(struct slice s, size_t i)
{
	return i < s.n ? (unsigned char)s.p[i] : 0;
}

bool
nal_stream_of(struct nal_stream *s, enum AVCodecID codec, struct slice extra)
{
	/* Both configurations begin with version 1, start codes with 0. */
	size_t at = codec == AV_CODEC_ID_H264 ? 4 : 21;

	if ((codec != AV_CODEC_ID_H264 && codec != AV_CODEC_ID_HEVC) ||
	    extra.n < 4)
		return false;
	*s = (struct nal_stream){ .codec = codec };
	if (byte_at(extra, 0) == 1) {
		if (extra.n <= at)
			return false;
		s->length_size = (byte_at(extra, at) & 3) + 1;
	}
	return true;
}

/* Where the next 00 00 01 begins, or the end. */
static size_t
start_code(struct slice s, size_t from)
{
	for (size_t i = from; i + 3 <= s.n; i++)
		if (s.p[i] == 0 && s.p[i + 1] == 0 && s.p[i + 2] == 1)
			return i;
	return s.n;
}

static struct slice
next_by_code(struct slice *rest)
{
	size_t begin = start_code(*rest, 0), end;
	struct slice unit;

	if (begin == rest->n) {
		*rest = SLICE_EMPTY;
		return SLICE_EMPTY;
	}
	begin += 3;
	end = start_code(*rest, begin);
	unit = slice_mem(rest->p + begin, end - begin);
	*rest = slice_from(*rest, end);
	/* A start code of four bytes, or padding, begins with zeros. */
	while (unit.n && unit.p[unit.n - 1] == 0)
		unit.n--;
	return unit;
}

static struct slice
next_by_length(unsigned size, struct slice *rest)
{
	struct slice unit = SLICE_EMPTY;
	size_t n = 0;

	if (rest->n <= size) {
		*rest = SLICE_EMPTY;
		return unit;
	}
	for (unsigned i = 0; i < size; i++)
		n = n << 8 | byte_at(*rest, i);
	*rest = slice_from(*rest, size);
	if (n > rest->n)
		n = 0;
	unit = slice_head(*rest, n);
	*rest = n ? slice_from(*rest, n) : SLICE_EMPTY;
	return unit;
}

struct slice
nal_next(const struct nal_stream *s, struct slice *rest)
{
	return s->length_size ? next_by_length(s->length_size, rest)
			      : next_by_code(rest);
}

bool
nal_is_idr(const struct nal_stream *s, struct slice packet)
{
	struct slice unit;

	while ((unit = nal_next(s, &packet)).n) {
		unsigned first = byte_at(unit, 0), type = first & 31;

		if (s->codec == AV_CODEC_ID_H264) {
			if (type >= H264_SLICE && type <= H264_IDR)
				return type == H264_IDR;
			continue;
		}
		type = first >> 1 & 63;
		if (type <= HEVC_LAST_PICTURE)
			return type == HEVC_IDR_W_RADL || type == HEVC_IDR_N_LP;
	}
	return false;
}

static void
put_number(struct buf *out, size_t n, unsigned bytes)
{
	while (bytes--)
		buf_putc(out, (char)(n >> 8 * bytes & 0xff));
}

void
nal_put_lengths(struct buf *out, struct slice packet)
{
	const struct nal_stream s = { .codec = AV_CODEC_ID_H264 };
	struct slice unit;

	while ((unit = nal_next(&s, &packet)).n) {
		put_number(out, unit.n, 4);
		buf_put(out, unit);
	}
}

/* The sets of one type, each with its length, as the configuration has them;
 * answers how many. */
static size_t
put_sets(struct buf *out, struct slice extradata, unsigned type)
{
	const struct nal_stream s = { .codec = AV_CODEC_ID_H264 };
	struct slice unit;
	size_t n = 0;

	while (n < SETS_MAX && (unit = nal_next(&s, &extradata)).n) {
		if ((byte_at(unit, 0) & 31) != type || unit.n > UINT16_MAX)
			continue;
		put_number(out, unit.n, 2);
		buf_put(out, unit);
		n++;
	}
	return n;
}

bool
nal_put_avcc(struct buf *out, struct slice extradata)
{
	struct buf sps = BUF_INIT, pps = BUF_INIT;
	size_t n_sps, n_pps;

	if (byte_at(extradata, 0) == 1) {
		buf_put(out, extradata);
		return extradata.n > AVCC_HEAD;
	}
	n_sps = put_sets(&sps, extradata, H264_SPS);
	n_pps = put_sets(&pps, extradata, H264_PPS);
	if (n_sps && n_pps && sps.n >= 6) {
		put_number(out, 1, 1);
		/* profile, constraints and level of the first set, which
		 * begins behind its length and type */
		buf_put(out, slice_mem(sps.p + 3, 3));
		put_number(out, 0xfc | 3, 1); /* lengths of four bytes */
		put_number(out, 0xe0 | n_sps, 1);
		buf_put(out, buf_slice(&sps));
		put_number(out, n_pps, 1);
		buf_put(out, buf_slice(&pps));
	}
	buf_release(&sps);
	buf_release(&pps);
	return n_sps && n_pps && buf_ok(out);
}

bool
nal_avc_name(struct slice avcc, char out[16])
{
	if (avcc.n <= AVCC_HEAD || byte_at(avcc, 0) != 1)
		return false;
	snprintf(out, 16, "avc1.%02x%02x%02x", byte_at(avcc, 1),
		 byte_at(avcc, 2), byte_at(avcc, 3));
	return true;
}
