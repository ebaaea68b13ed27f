/*
 * In whole numbers, 16 bits behind the point. libswscale takes three times
 * as long for this one conversion, which every written picture needs.
 */
#pragma GCC optimize("O3")
#include "processor/media/stills/ycc.h"

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

/* Samples of one row, or of two for chroma. */
struct rows {
	const uint8_t *r[2], *g[2], *b[2];
};

static struct rows
rows_of(const AVFrame *rgb, int y, int h)
{
	struct rows v;

	for (int i = 0; i < 2; i++) {
		int row = y + i < h ? y + i : y;

		v.g[i] = rgb->data[0] + row * rgb->linesize[0];
		v.b[i] = rgb->data[1] + row * rgb->linesize[1];
		v.r[i] = rgb->data[2] + row * rgb->linesize[2];
	}
	return v;
}

static void
luma(const struct ycc *m, uint8_t *restrict to, const uint8_t *r,
     const uint8_t *g, const uint8_t *b, int w)
{
	for (int x = 0; x < w; x++)
		to[x] = (uint8_t)((m->y[0] * r[x] + m->y[1] * g[x] +
				   m->y[2] * b[x] + m->black + (1 << 15)) >>
				  16);
}

static int
sum(const uint8_t *const row[2], int x, int right)
{
	return row[0][x] + row[0][right] + row[1][x] + row[1][right];
}

/* The half is a little less than one, so that pure blue does not become
 * 256. */
static void
chroma(const int m[3], uint8_t *restrict to, const struct rows *v, int w)
{
	for (int x = 0; x < w; x += 2) {
		int right = x + 1 < w ? x + 1 : x;

		to[x / 2] = (uint8_t)((m[0] * sum(v->r, x, right) +
				       m[1] * sum(v->g, x, right) +
				       m[2] * sum(v->b, x, right) +
				       (128 << 18) + (1 << 17) - 1) >>
				      18);
	}
}

void
ycc_from_rgb(AVFrame *dst, int x, int y, const AVFrame *rgb, int w, int h)
{
	const struct ycc *m =
	    dst->format == AV_PIX_FMT_YUV420P ? &limited : &full;
	const int *stride = dst->linesize;

	for (int row = 0; row < h; row += 2) {
		struct rows v = rows_of(rgb, row, h);
		ptrdiff_t at = (y + row) / 2;

		for (int i = 0; i < 2 && row + i < h; i++)
			luma(m, dst->data[0] + (y + row + i) * stride[0] + x,
			     v.r[i], v.g[i], v.b[i], w);
		chroma(m->cb, dst->data[1] + at * stride[1] + x / 2, &v, w);
		chroma(m->cr, dst->data[2] + at * stride[2] + x / 2, &v, w);
	}
}
