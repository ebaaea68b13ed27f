/*
 * Hard cuts: the change between two pictures (global motion taken out) that
 * stands out of its neighbours by a ratio, unless the picture before or after
 * comes back within a few frames (a flash). Fades: a run of pictures of one
 * colour that no hard cut explains.
 */
#include "processor/media/analyser.h"

#include <math.h>

#define SIDE 3	/* neighbours on each side of a candidate */
#define FLASH 3 /* longest flash in pictures */
#define KEEP (SIDE + FLASH + 2)
#define CHANGE_MIN 7.0	  /* grey levels: less is never a cut */
#define RATIO_MIN 3.5	  /* times the mean of the neighbours */
#define NEIGHBOUR_MIN 1.0 /* a still picture has no change to compare to */
#define BACK 0.4	  /* of the change: "the same picture again" */
#define SCENE_MIN 0.25	  /* seconds between two cuts */
#define BLANK_DEV 3.0	  /* standard deviation of a picture of one colour */

struct slot {
	struct grid grid;
	double change;
	double time;
};

struct scenes {
	struct slot ring[KEEP]; /* picture n is in ring[n % KEEP] */
	int64_t seen;
	struct cut *cuts;
	size_t n_cuts;
	struct cut *fades;
	size_t n_fades;
	int64_t blank_from; /* first picture of the running blank; -1: none */
	double blank_time;
	bool blank_sudden; /* it began with a jump: a flash or a cut */
};

static struct slot *
slot(struct scenes *s, int64_t n)
{
	return &s->ring[n % KEEP];
}

static void *
scenes_start(const struct source *src)
{
	struct scenes *s = calloc(1, sizeof(*s));

	(void)src;
	if (!s)
		return NULL;
	s->blank_from = -1;
	s->cuts = calloc(CUTS_MAX, sizeof(*s->cuts));
	s->fades = calloc(CUTS_MAX, sizeof(*s->fades));
	if (s->cuts && s->fades)
		return s;
	free(s->cuts);
	free(s->fades);
	free(s);
	return NULL;
}

static bool
same_again(struct scenes *s, int64_t a, int64_t b, double change)
{
	return grid_compare(&slot(s, a)->grid, &slot(s, b)->grid).residual <
	       BACK * change;
}

/* Picture n begins or ends a flash. */
static bool
is_flash(struct scenes *s, int64_t n, double change)
{
	for (int64_t k = 1; k <= FLASH; k++) {
		if (n + k < s->seen && same_again(s, n - 1, n + k, change))
			return true;
		if (n - 1 - k >= 0 && n - 1 - k > s->seen - 1 - KEEP &&
		    same_again(s, n - 1 - k, n, change))
			return true;
	}
	return false;
}

/* Mean change around n, of the pictures that exist. */
static double
neighbours(struct scenes *s, int64_t n)
{
	double sum = 0;
	int count = 0;

	for (int64_t i = n - SIDE; i <= n + SIDE; i++) {
		if (i < 1 || i >= s->seen || i == n)
			continue;
		sum += slot(s, i)->change;
		count++;
	}
	return fmax(count ? sum / count : 0, NEIGHBOUR_MIN);
}

static void
add_cut(struct cut *list, size_t *n, struct cut cut)
{
	if (*n < CUTS_MAX &&
	    (*n == 0 || cut.time - list[*n - 1].time >= SCENE_MIN))
		list[(*n)++] = cut;
}

/* Decides picture n, once SIDE more have been seen or no more will come. */
static void
decide(struct scenes *s, int64_t n)
{
	double change, ratio;

	if (n < 1)
		return;
	change = slot(s, n)->change;
	ratio = change / neighbours(s, n);
	if (change < CHANGE_MIN || ratio < RATIO_MIN || is_flash(s, n, change))
		return;
	add_cut(s->cuts, &s->n_cuts,
		(struct cut){
		    .time = slot(s, n)->time,
		    .frame = n,
		    /* Half each for how large and how sudden. */
		    .confidence = fmin(change / 20, 1) / 2 +
				  fmin(ratio / (3 * RATIO_MIN), 1) / 2,
		});
}

/*
 * A blank run that neither begins nor ends the file, and comes and goes
 * without a jump, is a fade through it.
 */
static void
follow_blank(struct scenes *s, const struct video_frame *f)
{
	bool blank = f->grid->dev < BLANK_DEV;
	bool sudden = f->change.residual >= CHANGE_MIN;

	if (blank && s->blank_from < 0) {
		s->blank_from = f->number;
		s->blank_time = f->time;
		s->blank_sudden = sudden;
	} else if (!blank && s->blank_from >= 0) {
		if (s->blank_from > 0 && !s->blank_sudden && !sudden)
			add_cut(s->fades, &s->n_fades,
				(struct cut){
				    .time = (s->blank_time + f->time) / 2,
				    .frame = (s->blank_from + f->number) / 2,
				    .confidence = 0.5,
				    .fade = true });
		s->blank_from = -1;
	}
}

static int
scenes_video(void *self, struct job *job, const struct video_frame *f)
{
	struct scenes *s = self;
	struct slot *here = slot(s, f->number);

	(void)job;
	here->grid = *f->grid;
	here->change = f->change.residual;
	here->time = f->time;
	s->seen = f->number + 1;
	follow_blank(s, f);
	decide(s, f->number - SIDE);
	return 0;
}

/* Fades that lie between cuts join them; one beside a cut is that cut. */
static void
merge_fades(struct scenes *s)
{
	size_t n = s->n_cuts, at = 0;

	for (size_t i = 0; i < s->n_fades; i++) {
		bool beside = false;

		while (at < n && s->cuts[at].time < s->fades[i].time - 1)
			at++;
		for (size_t k = at;
		     k < n && s->cuts[k].time <= s->fades[i].time + 1; k++)
			beside = true;
		if (!beside && s->n_cuts < CUTS_MAX)
			s->cuts[s->n_cuts++] = s->fades[i];
	}
}

static int
by_time(const void *a, const void *b)
{
	const struct cut *x = a, *y = b;

	return (x->time > y->time) - (x->time < y->time);
}

static void
write_scene(struct buf *b, const struct cut *begin, double end)
{
	json_open_object(b, NULL);
	json_put_num(b, "start", round_to(begin ? begin->time : 0, 3));
	json_put_num(b, "end", round_to(end, 3));
	json_put_int(b, "frame", begin ? begin->frame : 0);
	json_put_str(b, "transition",
		     !begin	   ? NULL
		     : begin->fade ? "fade"
				   : "cut");
	json_put_num(b, "confidence",
		     begin ? round_to(begin->confidence, 3) : NAN);
	json_close_object(b);
}

static int
scenes_finish(void *self, struct analysis *a)
{
	struct scenes *s = self;
	struct findings *f = &a->found;

	for (int64_t n = s->seen - SIDE; n < s->seen; n++)
		decide(s, n);
	merge_fades(s);
	qsort(s->cuts, s->n_cuts, sizeof(*s->cuts), by_time);
	json_open_array(a->json, "scenes");
	for (size_t i = 0; s->seen && i <= s->n_cuts; i++)
		write_scene(a->json, i ? &s->cuts[i - 1] : NULL,
			    i < s->n_cuts ? s->cuts[i].time : f->duration);
	json_close_array(a->json);
	f->cuts = s->cuts;
	f->n_cuts = s->n_cuts;
	s->cuts = NULL;
	return 0;
}

static void
scenes_free(void *self)
{
	struct scenes *s = self;

	free(s->cuts);
	free(s->fades);
	free(s);
}

const struct analyser analyser_scenes = {
	.name = "scenes",
	.start = scenes_start,
	.on_video = scenes_video,
	.finish = scenes_finish,
	.free = scenes_free,
};
