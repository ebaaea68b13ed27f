/*
 * Freeze: pictures that differ from the first of them by no more than a
 * thousandth of the scale on average, all planes together, for at least two
 * seconds (the defaults of FFmpeg's freezedetect).
 *
 * A mean cannot be less than that of the sketches' cells, so of most pictures
 * those tell enough. For the others parts of some rows of samples, spread over
 * the picture, stand for all of it.
 */
#pragma GCC optimize("O3") /* vector code for the sums */
#include "processor/media/pass/analyser.h"
#include "processor/media/input/plane.h"

#include <math.h>

#define NOISE (0.001 * 256) /* mean difference of samples, 8 bits */
#define LENGTH_MIN 2.0
#define ROWS 48	 /* of luma */
#define PARTS 8	 /* of a row; the even ones count, then the odd ones */
#define RUN 1024 /* samples at a time */

struct freeze {
	AVFrame *first; /* a reference */
	struct sketch sketch;
	double from; /* its time; NAN: none yet */
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

/* @share: how many samples a plane of chroma has to one of luma. */
static bool
sketches_differ(const struct sketch *a, const struct sketch *b, double share)
{
	int n = b->w * b->h, cn = b->cw * b->ch;
	double sum;

	if (a->w != b->w || a->h != b->h || a->cw != b->cw || a->ch != b->ch)
		return true;
	sum = (double)difference(a->y, b->y, n) / n;
	if (cn)
		sum +=
		    share *
		    (difference(a->u, b->u, cn) + difference(a->v, b->v, cn)) /
		    cn;
	return sum > NOISE * (1 + 2 * share);
}

static int
part_of(const struct plane *v)
{
	return v->w / PARTS < RUN ? v->w / PARTS + 1 : RUN;
}

/* Rows lie apart: they come from memory sooner when asked for early. */
static void
fetch_row(const struct plane *v, int y, bool odd)
{
	const uint8_t *row = v->p + y * v->stride;
	int part = part_of(v);

	if (y >= v->h)
		return;
	for (int from = odd ? part : 0; from < v->w; from += 2 * part)
		for (int x = from; x < from + part && x < v->w;
		     x += 64 / v->step)
			__builtin_prefetch(row + x * v->step);
}

static int64_t
row_difference(const struct plane *a, const struct plane *b, int y, bool odd,
	       int64_t *samples)
{
	uint8_t room_a[RUN], room_b[RUN];
	int part = part_of(a);
	int64_t sum = 0;

	for (int x = odd ? part : 0; x < a->w; x += 2 * part) {
		int n = a->w - x < part ? a->w - x : part;

		sum += difference(plane_bytes(a, x, y, n, room_a),
				  plane_bytes(b, x, y, n, room_b), n);
		*samples += n;
	}
	return sum;
}

static bool
rows_differ(const AVFrame *a, const AVFrame *b)
{
	int every = a->height > ROWS ? a->height / ROWS : 1;
	int64_t sum = 0, samples = 0;
	struct plane pa, pb;

	for (int c = PLANE_Y; c <= PLANE_V; c++) {
		if (!plane_of(&pa, a, c) || !plane_of(&pb, b, c))
			break;
		for (int y = 0; y < pa.h; y += every) {
			bool odd = y / every & 1;

			fetch_row(&pa, y + every, !odd);
			fetch_row(&pb, y + every, !odd);
			sum += row_difference(&pa, &pb, y, odd, &samples);
		}
	}
	return (double)sum > NOISE * (double)samples;
}

static bool
is_same(const struct freeze *z, const struct video_frame *f)
{
	const AVFrame *a = z->first, *b = f->frame;
	struct plane y, u;
	double share = 0;

	if (a->width != b->width || a->height != b->height ||
	    a->format != b->format || !plane_of(&y, b, PLANE_Y))
		return false;
	if (plane_of(&u, b, PLANE_U))
		share = ((double)u.w * u.h) / ((double)y.w * y.h);
	return !sketches_differ(&z->sketch, &f->grid->sketch, share) &&
	       !rows_differ(a, b);
}

static int
freeze_video(void *self, struct job *job, const struct video_frame *f)
{
	struct freeze *z = self;

	z->step = f->number ? f->time - z->last : 0;
	z->last = f->time;
	/* As the picture before to the last cell: what held of that, holds. */
	if (!isnan(z->from) && (f->change.raw <= 0 || is_same(z, f)))
		return 0;
	spans_add(z->spans, &z->n_spans, z->from, f->time, LENGTH_MIN);
	z->from = f->time;
	z->sketch = f->grid->sketch;
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
