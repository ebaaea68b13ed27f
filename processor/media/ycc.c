/*
 * In whole numbers, 16 bits behind the point. libswscale takes three times
 * as long for this one conversion, which every written picture needs.
 */
#pragma GCC optimize("O3")
#include "processor/media/ycc.h"

struct ycc {
	int y[3], black;
	int cb[3], cr[3];
};

static const struct ycc full = { .y = { 19595, 38470, 7471 },
				 .black = 0,
				 .cb = { -11059, -21709, 32768 },
				 .cr = { 32768, -27439, -5329 } };
/* The same by 219/255 and 224/255. */
static const struct ycc limited = { .y = { 16829, 33039, 6416 },
				    .black = 16 << 16,
				    .cb = { -9714, -19070, 28784 },
				    .cr = { 28784, -24103, -4681 } };

static uint8_t
luma(const struct ycc *m, const uint8_t *p)
{
	return (uint8_t)((m->y[0] * p[0] + m->y[1] * p[1] + m->y[2] * p[2] +
			  m->black + (1 << 15)) >>
			 16);
}

/* Of sums over four pixels. The half is a little less than one, so that pure
 * blue does not become 256. */
static uint8_t
chroma(const int row[3], const int sum[3])
{
	return (uint8_t)((row[0] * sum[0] + row[1] * sum[1] + row[2] * sum[2] +
			  (128 << 18) + (1 << 17) - 1) >>
			 18);
}

/* Two rows of pixels; the second may be the first. */
static void
convert_rows(const struct ycc *m, uint8_t *y0, uint8_t *y1, uint8_t *cb,
	     uint8_t *cr, const uint8_t *p0, const uint8_t *p1, int w)
{
	for (int x = 0; x < w; x += 2) {
		int right = x + 1 < w ? 3 : 0;
		int sum[3];

		for (int i = 0; i < 3; i++)
			sum[i] = p0[i] + p0[right + i] + p1[i] + p1[right + i];
		y0[x] = luma(m, p0);
		y1[x] = luma(m, p1);
		if (right) {
			y0[x + 1] = luma(m, p0 + 3);
			y1[x + 1] = luma(m, p1 + 3);
		}
		cb[x / 2] = chroma(m->cb, sum);
		cr[x / 2] = chroma(m->cr, sum);
		p0 += 6;
		p1 += 6;
	}
}

void
ycc_from_rgb(AVFrame *dst, int x, int y, const AVFrame *rgb, int w, int h)
{
	const struct ycc *m =
	    dst->format == AV_PIX_FMT_YUV420P ? &limited : &full;
	const int *stride = dst->linesize;

	for (int row = 0; row < h; row += 2) {
		int below = row + 1 < h;
		const uint8_t *from = rgb->data[0] + row * rgb->linesize[0];
		uint8_t *to = dst->data[0] + (y + row) * stride[0] + x;
		ptrdiff_t at = (y + row) / 2;

		convert_rows(m, to, below ? to + stride[0] : to,
			     dst->data[1] + at * stride[1] + x / 2,
			     dst->data[2] + at * stride[2] + x / 2, from,
			     below ? from + rgb->linesize[0] : from, w);
	}
}
