/*
 * Three channels (light, yellow against blue, red against green), of each the
 * low half of a cosine transform: the mean and the largest amplitude in the
 * head, the amplitudes as parts of the largest in four bits each.
 */
#include "processor/media/stills/thumbhash.h"

#include <math.h>
#include <stdbool.h>

#define TERMS 7 /* of light along the longer side; of colour 3 */
#define COLOUR_TERMS 3
#define NOISE 1e-9
#define AC_MAX 27 /* of 7 x 7 terms below the diagonal, without the first */

enum { LIGHT, YELLOW, RED, CHANNELS };

struct channel {
	double mean, scale;
	double ac[AC_MAX];
	int n;
};

/* The pixels as channel values, and the cosines of both directions. */
struct image {
	int w, h;
	double value[CHANNELS][THUMBHASH_SIDE * THUMBHASH_SIDE];
	double cos_x[TERMS][THUMBHASH_SIDE];
	double cos_y[TERMS][THUMBHASH_SIDE];
};

static void
read_image(struct image *im, const AVFrame *rgb)
{
	for (int y = 0; y < im->h; y++)
		for (int x = 0; x < im->w; x++) {
			double g =
			    rgb->data[0][y * rgb->linesize[0] + x] / 255.0;
			double b =
			    rgb->data[1][y * rgb->linesize[1] + x] / 255.0;
			double r =
			    rgb->data[2][y * rgb->linesize[2] + x] / 255.0;
			int i = y * im->w + x;

			im->value[LIGHT][i] = (r + g + b) / 3;
			im->value[YELLOW][i] = (r + g) / 2 - b;
			im->value[RED][i] = r - g;
		}
	for (int k = 0; k < TERMS; k++) {
		for (int x = 0; x < im->w; x++)
			im->cos_x[k][x] = cos(M_PI / im->w * k * (x + 0.5));
		for (int y = 0; y < im->h; y++)
			im->cos_y[k][y] = cos(M_PI / im->h * k * (y + 0.5));
	}
}

static double
term(const struct image *im, const double *value, int kx, int ky)
{
	double sum = 0;

	for (int y = 0; y < im->h; y++) {
		const double *row = value + y * im->w;
		double along = 0;

		for (int x = 0; x < im->w; x++)
			along += row[x] * im->cos_x[kx][x];
		sum += along * im->cos_y[ky][y];
	}
	return sum / (im->w * im->h);
}

static void
transform(struct channel *c, const struct image *im, int channel, int nx,
	  int ny)
{
	const double *value = im->value[channel];

	c->mean = term(im, value, 0, 0);
	for (int ky = 0; ky < ny; ky++)
		for (int kx = ky ? 0 : 1; kx * ny + ky * nx < nx * ny; kx++) {
			double f = term(im, value, kx, ky);

			c->scale = fmax(c->scale, fabs(f));
			c->ac[c->n++] = f;
		}
}

/* v of -1..1 (or 0..1 when not signed) as a number 0..most. Many amplitudes
 * are nothing but noise about 0, half way between two numbers: the upper. */
static unsigned
quantise(double v, unsigned most, bool is_signed)
{
	if (is_signed)
		v = 0.5 + 0.5 * v;
	return (unsigned)floor(most * fmin(fmax(v, 0), 1) + 0.5 + NOISE);
}

static int
terms_along(int side, int longer)
{
	long n = lround((double)TERMS * side / longer);

	return n > 1 ? (int)n : 1;
}

size_t
thumbhash(const AVFrame *rgb, uint8_t out[THUMBHASH_MAX])
{
	struct image *im = calloc(1, sizeof(*im));
	struct channel c[CHANNELS] = { 0 };
	int w = rgb->width, h = rgb->height;
	bool wide = w > h;
	int nx = terms_along(w, wide ? w : h),
	    ny = terms_along(h, wide ? w : h);
	unsigned head, sizes;
	size_t nibble = 10; /* the head's */

	if (!im)
		return 0;
	im->w = w;
	im->h = h;
	read_image(im, rgb);
	transform(&c[LIGHT], im, LIGHT, nx > 3 ? nx : 3, ny > 3 ? ny : 3);
	transform(&c[YELLOW], im, YELLOW, COLOUR_TERMS, COLOUR_TERMS);
	transform(&c[RED], im, RED, COLOUR_TERMS, COLOUR_TERMS);
	free(im);
	head = quantise(c[LIGHT].mean, 63, false) |
	       quantise(c[YELLOW].mean, 63, true) << 6 |
	       quantise(c[RED].mean, 63, true) << 12 |
	       quantise(c[LIGHT].scale, 31, false) << 18;
	sizes = (unsigned)(wide ? ny : nx) |
		quantise(c[YELLOW].scale, 63, false) << 3 |
		quantise(c[RED].scale, 63, false) << 9 | (unsigned)wide << 15;
	memset(out, 0, THUMBHASH_MAX);
	for (int i = 0; i < 3; i++)
		out[i] = (uint8_t)(head >> 8 * i);
	for (int i = 0; i < 2; i++)
		out[3 + i] = (uint8_t)(sizes >> 8 * i);
	for (int i = 0; i < CHANNELS; i++)
		for (int k = 0; k < c[i].n; k++, nibble++) {
			/* Of one colour: no noise of the arithmetic. */
			double part =
			    c[i].scale > 1e-6 ? c[i].ac[k] / c[i].scale : 0;

			out[nibble / 2] |= (uint8_t)(quantise(part, 15, true)
						     << 4 * (nibble & 1));
		}
	return (nibble + 1) / 2;
}
