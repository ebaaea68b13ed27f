/*
 * The matrix of ISO/IEC 14496-12, 8.3.2: a point (p, q) of the decoded
 * picture is shown at (a p + c q, b p + d q) up to a shift. Of a turn by
 * quarters only the signs matter.
 */
#include "processor/media/turn.h"

#include <stdlib.h>

enum { A = 0, B = 1, C = 3, D = 4, MATRIX = 9 };

struct turn
turn_of(const AVStream *st)
{
	size_t size = 0;
	const int32_t *m =
	    st ? (const int32_t *)(const void *)av_stream_get_side_data(
		     st, AV_PKT_DATA_DISPLAYMATRIX, &size)
	       : NULL;
	bool transpose;

	if (!m || size < MATRIX * sizeof(*m))
		return (struct turn){ 0 };
	transpose = llabs(m[B]) + llabs(m[C]) > llabs(m[A]) + llabs(m[D]);
	return (struct turn){
		.transpose = transpose,
		.mirror_x = m[transpose ? C : A] < 0,
		.mirror_y = m[transpose ? B : D] < 0,
	};
}

bool
turn_needed(struct turn t)
{
	return t.transpose || t.mirror_x || t.mirror_y;
}

void
turn_rgb(AVFrame *dst, const AVFrame *src, struct turn t)
{
	for (int y = 0; y < dst->height; y++) {
		uint8_t *to = dst->data[0] + y * dst->linesize[0];
		int v = t.mirror_y ? dst->height - 1 - y : y;

		for (int x = 0; x < dst->width; x++, to += 3) {
			int u = t.mirror_x ? dst->width - 1 - x : x;
			const uint8_t *from =
			    t.transpose
				? src->data[0] + u * src->linesize[0] + 3 * v
				: src->data[0] + v * src->linesize[0] + 3 * u;

			to[0] = from[0];
			to[1] = from[1];
			to[2] = from[2];
		}
	}
}

static void
turn_plane(AVFrame *dst, const AVFrame *src, int plane, struct turn t)
{
	int w = plane ? dst->width / 2 : dst->width;
	int h = plane ? dst->height / 2 : dst->height;
	ptrdiff_t stride = src->linesize[plane];

	for (int y = 0; y < h; y++) {
		uint8_t *to = dst->data[plane] + y * dst->linesize[plane];
		int v = t.mirror_y ? h - 1 - y : y;

		for (int x = 0; x < w; x++) {
			int u = t.mirror_x ? w - 1 - x : x;

			to[x] = t.transpose ? src->data[plane][u * stride + v]
					    : src->data[plane][v * stride + u];
		}
	}
}

void
turn_yuv(AVFrame *dst, const AVFrame *src, struct turn t)
{
	for (int plane = 0; plane < 3; plane++)
		turn_plane(dst, src, plane, t);
}
