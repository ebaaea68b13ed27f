/*
 * Loudness by EBU R128: integrated, range, true peak of the whole, the
 * greatest momentary (400 ms) and short-term (3 s) loudness, and the greatest
 * momentary loudness of each second.
 */
#include "processor/media/pass/analyser.h"
#include "processor/media/audio/r128.h"

#include <math.h>

#define QUIETEST (-70.0) /* LUFS: the gate of R128; below is no sound */

struct loudness {
	struct r128 *meter;
	double momentary_max;
	double short_term_max;
	double *series;
	size_t n;
};

static void *
loudness_start(const struct source *src)
{
	struct loudness *l = calloc(1, sizeof(*l));

	(void)src;
	if (l)
		l->momentary_max = l->short_term_max = -INFINITY;
	return l;
}

/* The second that ends at @time gets the loudness of now, if greater. */
static int
look(struct loudness *l, struct job *job, double time)
{
	double *place = series_at(
	    &l->series, &l->n, (size_t)fmax(0, time - R128_STEP_MS / 2000.0));
	double momentary = r128_momentary(l->meter);

	if (!place)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	l->momentary_max = fmax(l->momentary_max, momentary);
	l->short_term_max = fmax(l->short_term_max, r128_short_term(l->meter));
	/* fmax of NAN is the other. */
	*place = fmax(*place, fmax(momentary, QUIETEST));
	return 0;
}

static int
loudness_audio(void *self, struct job *job, const struct audio_block *b)
{
	struct loudness *l = self;
	int done = 0;

	if (!l->meter)
		l->meter = r128_new(b->rate, b->channels);
	while (l->meter && done < b->n) {
		bool step;
		int n = r128_add(l->meter,
				 b->samples + (ptrdiff_t)done * b->channels,
				 b->n - done, &step);

		if (n < 0)
			break;
		done += n;
		if (step && look(l, job, b->time + (double)done / b->rate) != 0)
			return -1;
	}
	return done == b->n ? 0 : job_fail(job, MEDIA_LIMIT, "out of memory");
}

/* Digital silence has no level: NAN. */
static double
level(double db)
{
	return isinf(db) ? NAN : round_to(db, 2);
}

static int
loudness_finish(void *self, struct analysis *a)
{
	struct loudness *l = self;
	struct findings *f = &a->found;

	f->integrated = NAN;
	if (!l->meter) {
		json_put_null(a->json, "loudness");
		return 0;
	}
	f->integrated = r128_integrated(l->meter);
	json_open_object(a->json, "loudness");
	json_put_num(a->json, "integrated", round_to(f->integrated, 2));
	json_put_num(a->json, "range", round_to(r128_range(l->meter), 2));
	json_put_num(a->json, "true_peak",
		     level(20 * log10(r128_true_peak(l->meter))));
	json_put_num(a->json, "momentary_max", level(l->momentary_max));
	json_put_num(a->json, "short_term_max", level(l->short_term_max));
	series_write(a->json, "momentary", l->series, l->n, 1);
	json_close_object(a->json);
	f->loudness = l->series;
	f->n_loudness = l->n;
	l->series = NULL;
	return 0;
}

static void
loudness_free(void *self)
{
	struct loudness *l = self;

	r128_free(l->meter);
	free(l->series);
	free(l);
}

const struct analyser analyser_loudness = {
	.name = "loudness",
	.start = loudness_start,
	.on_audio = loudness_audio,
	.finish = loudness_finish,
	.free = loudness_free,
};
