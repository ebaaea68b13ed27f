/*
 * Loudness by EBU R128: integrated, range, true peak of the whole, and the
 * greatest momentary loudness (400 ms window, every 100 ms) of each second.
 */
#include "processor/media/analyser.h"

#include <ebur128.h>
#include <math.h>

#define HOP 0.1 /* seconds between two looks at the momentary loudness */
#define QUIETEST (-70.0) /* LUFS: the gate of R128; below is no sound */

struct loudness {
	ebur128_state *r128;
	int channels;
	int hop_left; /* samples to the next look */
	double *series;
	size_t n;
};

static void *
loudness_start(const struct source *src)
{
	(void)src;
	return calloc(1, sizeof(struct loudness));
}

static int
open_meter(struct loudness *l, struct job *job, const struct audio_block *b)
{
	l->r128 = ebur128_init((unsigned)b->channels, (unsigned long)b->rate,
			       EBUR128_MODE_I | EBUR128_MODE_LRA |
				   EBUR128_MODE_TRUE_PEAK | EBUR128_MODE_M);
	if (!l->r128)
		return job_fail(job, MEDIA_LIMIT,
				"no loudness meter for "
				"this sound");
	l->channels = b->channels;
	l->hop_left = (int)fmax(1, b->rate * HOP);
	return 0;
}

/* The second that ends at @time gets the loudness of now, if greater. */
static int
look(struct loudness *l, struct job *job, double time)
{
	double m = NAN;
	double *place =
	    series_at(&l->series, &l->n, (size_t)fmax(0, time - HOP / 2));

	if (!place)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	if (ebur128_loudness_momentary(l->r128, &m) != 0)
		return 0;
	*place = fmax(*place, fmax(m, QUIETEST)); /* of NAN, the other */
	return 0;
}

static int
loudness_audio(void *self, struct job *job, const struct audio_block *b)
{
	struct loudness *l = self;
	int done = 0;

	if (!l->r128 && open_meter(l, job, b) != 0)
		return -1;
	while (done < b->n) {
		int n = b->n - done < l->hop_left ? b->n - done : l->hop_left;

		if (ebur128_add_frames_float(
			l->r128, b->samples + (ptrdiff_t)done * b->channels,
			(size_t)n) != 0)
			return job_fail(job, MEDIA_LIMIT, "out of memory");
		done += n;
		l->hop_left -= n;
		if (l->hop_left)
			continue;
		l->hop_left = (int)fmax(1, b->rate * HOP);
		if (look(l, job, b->time + (double)done / b->rate) != 0)
			return -1;
	}
	return 0;
}

static double
true_peak(const struct loudness *l)
{
	double peak = 0, p;

	for (int c = 0; c < l->channels; c++)
		if (ebur128_true_peak(l->r128, (unsigned)c, &p) == 0)
			peak = fmax(peak, p);
	return peak > 0 ? 20 * log10(peak) : NAN;
}

static int
loudness_finish(void *self, struct analysis *a)
{
	struct loudness *l = self;
	struct findings *f = &a->found;
	double range = NAN;

	f->integrated = NAN;
	if (!l->r128) {
		json_put_null(a->json, "loudness");
		return 0;
	}
	ebur128_loudness_global(l->r128, &f->integrated);
	ebur128_loudness_range(l->r128, &range);
	json_open_object(a->json, "loudness");
	json_put_num(a->json, "integrated", round_to(f->integrated, 2));
	json_put_num(a->json, "range", round_to(range, 2));
	json_put_num(a->json, "true_peak", round_to(true_peak(l), 2));
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

	if (l->r128)
		ebur128_destroy(&l->r128);
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
