/*
 * The matrix of ISO/IEC 14496-12, 8.3.2: a point (p, q) of the decoded
 * picture is shown at (a p + c q, b p + d q) up to a shift. Of a turn by
 * quarters only the signs matter.
 */
#include "processor/media/input/turn.h"

#include <stdlib.h>

#include <libavutil/pixdesc.h>

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

static void
turn_plane(AVFrame *dst, const AVFrame *src, int plane, int w, int h,
	   struct turn t)
{
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
turn_picture(AVFrame *dst, const AVFrame *src, struct turn t)
{
	const AVPixFmtDescriptor *d =
	    av_pix_fmt_desc_get((enum AVPixelFormat)dst->format);

	for (int plane = 0; plane < 3; plane++)
		turn_plane(dst, src, plane,
			   dst->width >> (plane ? d->log2_chroma_w : 0),
			   dst->height >> (plane ? d->log2_chroma_h : 0), t);
}
