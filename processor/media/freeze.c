/*
 * Freeze: pictures that differ from the first of them by no more than a
 * thousandth of the scale on average, all planes together, for at least two
 * seconds (the defaults of FFmpeg's freezedetect). Of large pictures, some
 * rows stand for all: a mean over tens of thousands of samples is enough.
 */
#pragma GCC optimize("O3") /* vector code for the sums */
#include "processor/media/analyser.h"
#include "processor/media/plane.h"

#include <math.h>

#define NOISE (0.001 * 256) /* mean difference of samples, 8 bits */
#define LENGTH_MIN 2.0
#define ROWS 64 /* of luma */
#define RUN 1024

struct freeze {
	AVFrame *first; /* a reference */
	double from;	/* its time; NAN: none yet */
	double last;
	double step;
	struct span *spans;
	size_t n_spans;
};

static void freeze_free(void *self);

static void *
freeze_start(const struct source *src)
{
	struct freeze *z = calloc(1, sizeof(*z));

	(void)src;
	if (!z)
		return NULL;
	z->from = NAN;
	z->first = av_frame_alloc();
	z->spans = calloc(SPANS_MAX, sizeof(*z->spans));
	if (z->first && z->spans)
		return z;
	freeze_free(z);
	return NULL;
}

static int
difference(const uint8_t *a, const uint8_t *b, int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++)
		sum += abs(a[i] - b[i]);
	return sum;
}

static int64_t
row_difference(const struct plane *a, const struct plane *b, int y)
{
	uint8_t room_a[RUN], room_b[RUN];
	int64_t sum = 0;

	for (int x = 0; x < a->w; x += RUN) {
		int n = a->w - x < RUN ? a->w - x : RUN;

		sum += difference(plane_bytes(a, x, y, n, room_a),
				  plane_bytes(b, x, y, n, room_b), n);
	}
	return sum;
}

static bool
is_same(const AVFrame *a, const AVFrame *b)
{
	int every = a->height > ROWS ? a->height / ROWS : 1;
	int64_t sum = 0, samples = 0, least;
	struct plane pa, pb;

	if (a->width != b->width || a->height != b->height ||
	    a->format != b->format)
		return false;
	/* Luma alone may already differ too much for all planes together. */
	least = 3 * (int64_t)(NOISE * a->width * (a->height / every + 1));
	for (int c = PLANE_Y; c <= PLANE_V; c++) {
		if (!plane_of(&pa, a, c) || !plane_of(&pb, b, c))
			break;
		for (int y = 0; y < pa.h; y += every) {
			sum += row_difference(&pa, &pb, y);
			samples += pa.w;
			if (sum > least)
				return false;
		}
	}
	return (double)sum <= NOISE * (double)samples;
}

static int
freeze_video(void *self, struct job *job, const struct video_frame *f)
{
	struct freeze *z = self;

	z->step = f->number ? f->time - z->last : 0;
	z->last = f->time;
	if (!isnan(z->from) && is_same(z->first, f->frame))
		return 0;
	spans_add(z->spans, &z->n_spans, z->from, f->time, LENGTH_MIN);
	z->from = f->time;
	av_frame_unref(z->first);
	if (av_frame_ref(z->first, f->frame) != 0)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	return 0;
}

static int
freeze_finish(void *self, struct analysis *a)
{
	struct freeze *z = self;

	spans_add(z->spans, &z->n_spans, z->from, z->last + z->step,
		  LENGTH_MIN);
	spans_write(a->json, "freeze", z->spans, z->n_spans, 3);
	a->found.freezes = z->spans;
	a->found.n_freezes = z->n_spans;
	z->spans = NULL;
	return 0;
}

static void
freeze_free(void *self)
{
	struct freeze *z = self;

	av_frame_free(&z->first);
	free(z->spans);
	free(z);
}

const struct analyser analyser_freeze = {
	.name = "freeze",
	.start = freeze_start,
	.on_video = freeze_video,
	.finish = freeze_finish,
	.free = freeze_free,
};
