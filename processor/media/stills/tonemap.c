/*
 * Everything that depends on one value is a table: code to light, light to
 * gain, light to sRGB. What is left per sample are multiplications.
 */
#pragma GCC optimize("O3")
#include "processor/media/stills/tonemap.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include <libavutil/mastering_display_metadata.h>

#define CODES 65536
#define WHITE_CODE 65280.0 /* 255 * 256: what libswscale makes of white */
#define GAINS 4096	   /* over the fourth root of light: fine in the dark */
#define TONES 16384

struct tonemap {
	bool hlg;
	float matrix[3][3]; /* primaries of the source to BT.709 */
	float luma[3];	    /* for HLG's system gamma */
	float light[CODES]; /* nits; HLG: of the scene, 0..1 */
	float gain[GAINS];  /* to 1 = white */
	uint8_t srgb[TONES];
};

/* ---- transfer functions: SMPTE ST 2084, BT.2100 table 5, IEC 61966-2-1 -- */

static double
pq_from_nits(double nits)
{
	const double m1 = 2610.0 / 16384, m2 = 2523.0 / 32;
	const double c1 = 3424.0 / 4096, c2 = 2413.0 / 128, c3 = 2392.0 / 128;
	double y = pow(fmax(nits, 0) / TONEMAP_MAX, m1);

	return pow((c1 + c2 * y) / (1 + c3 * y), m2);
}

static double
nits_from_pq(double code)
{
	const double m1 = 2610.0 / 16384, m2 = 2523.0 / 32;
	const double c1 = 3424.0 / 4096, c2 = 2413.0 / 128, c3 = 2392.0 / 128;
	double e = pow(fmax(code, 0), 1 / m2);

	return TONEMAP_MAX * pow(fmax(e - c1, 0) / (c2 - c3 * e), 1 / m1);
}

static double
scene_from_hlg(double code)
{
	const double a = 0.17883277, b = 0.28466892, c = 0.55991073;

	return code <= 0.5 ? code * code / 3 : (exp((code - c) / a) + b) / 12;
}

static double
srgb_from_light(double v)
{
	return v <= 0.0031308 ? 12.92 * v : 1.055 * pow(v, 1 / 2.4) - 0.055;
}

/* BT.2390-11, section 5.4.1, black at 0: a Hermite spline behind the knee. */
static double
tone(double nits, double peak)
{
	double top = pq_from_nits(peak);
	double e = fmin(pq_from_nits(nits) / top, 1);
	double white = pq_from_nits(TONEMAP_WHITE) / top;
	double knee = 1.5 * white - 0.5;
	double t, t2, t3;

	if (white >= 1 || e <= knee)
		return nits;
	t = (e - knee) / (1 - knee);
	t2 = t * t;
	t3 = t2 * t;
	return nits_from_pq(top * ((2 * t3 - 3 * t2 + 1) * knee +
				   (t3 - 2 * t2 + t) * (1 - knee) +
				   (3 * t2 - 2 * t3) * white));
}

/* ---- what the source says ----------------------------------------------- */

static const struct primaries {
	enum AVColorPrimaries id;
	float matrix[3][3]; /* to BT.709 */
	float luma[3];
} known_primaries[] = {
	/* The first is the usual one, for sources that do not tell. */
	{ AVCOL_PRI_BT2020,
	  { { 1.6605f, -0.5876f, -0.0728f },
	    { -0.1246f, 1.1329f, -0.0083f },
	    { -0.0182f, -0.1006f, 1.1187f } },
	  { 0.2627f, 0.6780f, 0.0593f } },
	{ AVCOL_PRI_SMPTE432,
	  { { 1.2249f, -0.2249f, 0 },
	    { -0.0420f, 1.0420f, 0 },
	    { -0.0196f, -0.0786f, 1.0983f } },
	  { 0.2290f, 0.6917f, 0.0793f } },
	{ AVCOL_PRI_BT709,
	  { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } },
	  { 0.2126f, 0.7152f, 0.0722f } },
};

static const struct primaries *
primaries_of(const AVFrame *frame)
{
	for (size_t i = 0; i < ARRAY_LEN(known_primaries); i++)
		if (known_primaries[i].id == frame->color_primaries)
			return &known_primaries[i];
	return &known_primaries[0];
}

/* Of the display on which it was graded: by the frame, else the container. */
static double
peak_of(const AVFrame *frame, const AVStream *st)
{
	const AVFrameSideData *side = av_frame_get_side_data(
	    frame, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA);
	size_t size = side ? side->size : 0;
	const AVMasteringDisplayMetadata *m =
	    (const void *)(side
			       ? side->data
			       : av_stream_get_side_data(
				     st, AV_PKT_DATA_MASTERING_DISPLAY_METADATA,
				     &size));
	double peak;

	if (frame->color_trc != AVCOL_TRC_SMPTE2084 || !m ||
	    size < sizeof(*m) || !m->has_luminance || m->max_luminance.den == 0)
		return TONEMAP_PEAK;
	peak = av_q2d(m->max_luminance);
	return peak >= 1 ? fmin(peak, TONEMAP_MAX) : TONEMAP_PEAK;
}

bool
tonemap_needed(const AVFrame *frame)
{
	return frame->color_trc == AVCOL_TRC_SMPTE2084 ||
	       frame->color_trc == AVCOL_TRC_ARIB_STD_B67;
}

/* ---- the tables --------------------------------------------------------- */

struct tonemap *
tonemap_new(const AVFrame *frame, const AVStream *st)
{
	struct tonemap *t = calloc(1, sizeof(*t));
	const struct primaries *p = primaries_of(frame);
	double peak = peak_of(frame, st);

	if (!t)
		return NULL;
	t->hlg = frame->color_trc == AVCOL_TRC_ARIB_STD_B67;
	memcpy(t->matrix, p->matrix, sizeof(t->matrix));
	memcpy(t->luma, p->luma, sizeof(t->luma));
	for (int i = 0; i < CODES; i++) {
		double code = fmin(i / WHITE_CODE, 1);

		t->light[i] =
		    (float)(t->hlg ? scene_from_hlg(code) : nits_from_pq(code));
	}
	for (int i = 0; i < GAINS; i++) {
		double nits = TONEMAP_MAX * pow(fmax(i, 1) / (GAINS - 1.0), 4);

		t->gain[i] = (float)(tone(nits, peak) / nits / TONEMAP_WHITE);
	}
	for (int i = 0; i < TONES; i++)
		t->srgb[i] =
		    (uint8_t)lround(255 * srgb_from_light(i / (TONES - 1.0)));
	return t;
}

void
tonemap_free(struct tonemap *t)
{
	free(t);
}

static uint8_t
to_srgb(const struct tonemap *t, const float row[3], const float v[3])
{
	float x = row[0] * v[0] + row[1] * v[1] + row[2] * v[2];

	x = x < 0 ? 0 : x > 1 ? 1 : x;
	return t->srgb[(int)(x * (TONES - 1) + 0.5f)];
}

static void
map_sample(const struct tonemap *t, uint8_t to[3],
	   const uint16_t *const from[3], int x)
{
	float v[3], most, gain;

	for (int i = 0; i < 3; i++)
		v[i] = t->light[from[i][x]];
	gain = 1;
	if (t->hlg) /* BT.2100: the display's gamma of 1.2 at 1000 nits */
		gain = (float)TONEMAP_PEAK *
		       powf(t->luma[0] * v[0] + t->luma[1] * v[1] +
				t->luma[2] * v[2],
			    0.2f);
	most = fmaxf(fmaxf(v[0], v[1]), v[2]) * gain;
	most = sqrtf(sqrtf(fminf(most / (float)TONEMAP_MAX, 1)));
	gain *= t->gain[(int)(most * (GAINS - 1) + 0.5f)];
	for (int i = 0; i < 3; i++)
		v[i] *= gain;
	for (int i = 0; i < 3; i++)
		to[i] = to_srgb(t, t->matrix[i], v);
}

static const uint16_t *
row_of(const AVFrame *wide, int plane, int y)
{
	return (const uint16_t *)(const void *)(wide->data[plane] +
						y * wide->linesize[plane]);
}

void
tonemap_apply(const struct tonemap *t, AVFrame *gbr, const AVFrame *wide)
{
	for (int y = 0; y < wide->height; y++) {
		const uint16_t *from[3] = { row_of(wide, 2, y),
					    row_of(wide, 0, y),
					    row_of(wide, 1, y) };
		uint8_t *g = gbr->data[0] + y * gbr->linesize[0];
		uint8_t *b = gbr->data[1] + y * gbr->linesize[1];
		uint8_t *r = gbr->data[2] + y * gbr->linesize[2];

		for (int x = 0; x < wide->width; x++) {
			uint8_t to[3];

			map_sample(t, to, from, x);
			r[x] = to[0];
			g[x] = to[1];
			b[x] = to[2];
		}
	}
}
