/*
 * Where the samples of a component lie, for every pixel format of the
 * decoders we open.
 */
#pragma GCC optimize("O3") /* vector code for rows that must be narrowed */
#include "processor/media/input/plane.h"

#include <libavutil/pixdesc.h>

#define SIDE_MAX 65536
#define UNREADABLE                                                            \
	(AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BE | \
	 AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_BITSTREAM)

bool
plane_of(struct plane *out, const AVFrame *frame, int component)
{
	static const int of_rgb[] = {
		[PLANE_Y] = 1, [PLANE_U] = 0, [PLANE_V] = 2
	};
	const AVPixFmtDescriptor *d =
	    av_pix_fmt_desc_get((enum AVPixelFormat)frame->format);
	const AVComponentDescriptor *c;
	bool rgb;

	if (!d || d->flags & UNREADABLE ||
	    (component != PLANE_Y && d->nb_components < 3))
		return false;
	rgb = d->flags & AV_PIX_FMT_FLAG_RGB;
	c = &d->comp[rgb ? of_rgb[component] : component];
	*out = (struct plane){
		.p = frame->data[c->plane] + c->offset,
		.stride = frame->linesize[c->plane],
		.w = frame->width,
		.h = frame->height,
		.step = c->step,
		.wide = c->depth > 8,
		.shift = c->shift + (c->depth > 8 ? c->depth - 8 : 0),
	};
	if (!rgb && component != PLANE_Y) {
		out->w = AV_CEIL_RSHIFT(out->w, d->log2_chroma_w);
		out->h = AV_CEIL_RSHIFT(out->h, d->log2_chroma_h);
	}
	return frame->data[c->plane] && out->w > 0 && out->w <= SIDE_MAX &&
	       out->h > 0 && out->h <= SIDE_MAX && c->depth >= 8 &&
	       c->depth <= 16;
}

const uint8_t *
plane_bytes(const struct plane *v, int x, int y, int n, uint8_t *room)
{
	const uint8_t *row = v->p + y * v->stride + (ptrdiff_t)x * v->step;

	if (v->step == 1 && !v->wide)
		return row;
	if (v->wide)
		for (int i = 0; i < n; i++)
			room[i] = plane_high_byte(row + i * v->step, v->shift);
	else
		for (int i = 0; i < n; i++)
			room[i] = row[i * v->step];
	return room;
}
