/*
 * Black: at least 98 % of the luma samples are no brighter than a tenth of
 * the way from black to white, for at least two seconds (the defaults of
 * FFmpeg's blackdetect). The samples themselves are counted, but only of
 * pictures whose grid is dark enough for that to be possible.
 */
#pragma GCC optimize("O3") /* vector code for the count */
#include "processor/media/pass/analyser.h"
#include "processor/media/input/plane.h"

#include <math.h>

#define LEVEL 0.10
#define BRIGHT_SHARE 0.02 /* of the samples */
#define LENGTH_MIN 2.0
#define RUN 1024

struct black {
	double from; /* NAN: not black */
	double last; /* time of the last picture .. */
	double step; /* .. and how long after the one before */
	struct span *spans;
	size_t n_spans;
};

static void *
black_start(const struct source *src)
{
	struct black *b = calloc(1, sizeof(*b));

	(void)src;
	if (!b)
		return NULL;
	b->from = NAN;
	b->spans = calloc(SPANS_MAX, sizeof(*b->spans));
	if (b->spans)
		return b;
	free(b);
	return NULL;
}

static bool
is_full_range(const AVFrame *frame)
{
	switch (frame->format) {
	case AV_PIX_FMT_YUVJ420P:
	case AV_PIX_FMT_YUVJ422P:
	case AV_PIX_FMT_YUVJ444P:
	case AV_PIX_FMT_YUVJ440P:
	case AV_PIX_FMT_YUVJ411P:
		return true;
	default:
		return frame->color_range == AVCOL_RANGE_JPEG ||
		       frame->colorspace == AVCOL_SPC_RGB;
	}
}

/* The brightest 8-bit value that is black. */
static int
black_level(const AVFrame *frame)
{
	return (int)(is_full_range(frame) ? LEVEL * 255
					  : 16 + LEVEL * (235 - 16));
}

static int
count_brighter(const uint8_t *p, int n, int level)
{
	int count = 0;

	for (int i = 0; i < n; i++)
		count += p[i] > level;
	return count;
}

static bool
is_black(const struct video_frame *f)
{
	int level = black_level(f->frame);
	/* The mean of a black picture; twice the bright ones, because the
	 * grid does not read every row. */
	double mean_max = level + 2 * BRIGHT_SHARE * 255;
	uint8_t room[RUN];
	struct plane v;
	int64_t left;

	if (f->grid->mean > mean_max || !plane_of(&v, f->frame, PLANE_Y))
		return false;
	left = (int64_t)(BRIGHT_SHARE * v.w * v.h);
	for (int y = 0; y < v.h && left >= 0; y++)
		for (int x = 0; x < v.w; x += RUN) {
			int n = v.w - x < RUN ? v.w - x : RUN;

			left -= count_brighter(plane_bytes(&v, x, y, n, room),
					       n, level);
		}
	return left >= 0;
}

static int
black_video(void *self, struct job *job, const struct video_frame *f)
{
	struct black *b = self;

	(void)job;
	b->step = f->number ? f->time - b->last : 0;
	b->last = f->time;
	if (!is_black(f)) {
		spans_add(b->spans, &b->n_spans, b->from, f->time, LENGTH_MIN);
		b->from = NAN;
	} else if (isnan(b->from)) {
		b->from = f->time;
	}
	return 0;
}

static int
black_finish(void *self, struct analysis *a)
{
	struct black *b = self;

	spans_add(b->spans, &b->n_spans, b->from, b->last + b->step,
		  LENGTH_MIN);
	spans_write(a->json, "black", b->spans, b->n_spans, 3);
	a->found.blacks = b->spans;
	a->found.n_blacks = b->n_spans;
	b->spans = NULL;
	return 0;
}

static void
black_free(void *self)
{
	struct black *b = self;

	free(b->spans);
	free(b);
}

const struct analyser analyser_black = {
	.name = "black",
	.start = black_start,
	.on_video = black_video,
	.finish = black_finish,
	.free = black_free,
};
