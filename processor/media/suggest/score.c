/*
 * The components and their weights. What cannot be known (no sound, no
 * picture) is left out of the mean instead of counting as nothing.
 */
#include "processor/media/suggest/score.h"
#include "processor/media/speech/speech.h"

#include <math.h>

#define QUIET (-50.0) /* LUFS that count as 0 .. */
#define LOUD (-14.0)  /* .. and as 1: what streaming services play at */
#define MOTION_FULL 0.4
#define RISE_FULL 12.0 /* LU above the time before */
#define BEFORE 3.0     /* seconds of "before" */
#define CUTS_PER_S 0.2 /* that count as 1 */
#define STANDS_OUT 0.5

static const struct {
	const char *name;
	double weight;
} parts[SCORE_COMPONENTS] = {
	[SCORE_ENERGY] = { "energy", 0.25 },
	[SCORE_MOTION] = { "motion", 0.30 },
	[SCORE_PACE] = { "pace", 0.15 },
	[SCORE_RISE] = { "rise", 0.10 },
	[SCORE_SOUND] = { "sound", 0.10 },
	[SCORE_SPEECH] = { "speech", 0.10 },
};

static double
clamp01(double v)
{
	return v < 0 ? 0 : v > 1 ? 1 : v; /* NAN stays */
}

double
score_mean(const double *series, size_t n, double from, double to)
{
	size_t first = (size_t)fmax(0, floor(from));
	size_t end = (size_t)fmax(0, ceil(to));
	double sum = 0;
	int count = 0;

	for (size_t i = first; i < end && i < n; i++) {
		if (isnan(series[i]))
			continue;
		sum += series[i];
		count++;
	}
	return count ? sum / count : NAN;
}

double
score_most(const double *series, size_t n, double from, double to)
{
	size_t first = (size_t)fmax(0, floor(from));
	size_t end = (size_t)fmax(0, ceil(to));
	double most = NAN;

	for (size_t i = first; i < end && i < n; i++)
		most = fmax(most, series[i]); /* of NAN, the other */
	return most;
}

static double
silent_share(const struct findings *f, double from, double to)
{
	double sum = 0;

	for (size_t i = 0; i < f->n_silences; i++) {
		double a = fmax(f->silences[i].start, from);
		double b = fmin(f->silences[i].end, to);

		sum += fmax(0, b - a);
	}
	return to > from ? clamp01(sum / (to - from)) : 0;
}

static int
count_cuts(const struct findings *f, double from, double to)
{
	int n = 0;

	for (size_t i = 0; i < f->n_cuts; i++)
		n += f->cuts[i].time >= from && f->cuts[i].time < to;
	return n;
}

struct score
score_span(const struct findings *f, double from, double to)
{
	double before =
	    score_mean(f->loudness, f->n_loudness, from - BEFORE, floor(from));
	struct score s = {
		.loudness = score_mean(f->loudness, f->n_loudness, from, to),
		.motion = score_mean(f->motion, f->n_motion, from, to),
		.cuts = count_cuts(f, from, to),
	};
	double sum = 0, weights = 0;

	s.part[SCORE_ENERGY] = clamp01((s.loudness - QUIET) / (LOUD - QUIET));
	s.part[SCORE_MOTION] = clamp01(s.motion / MOTION_FULL);
	s.part[SCORE_PACE] =
	    f->n_motion ? clamp01(s.cuts / (to - from) / CUTS_PER_S) : NAN;
	s.part[SCORE_RISE] =
	    from < 1 ? NAN : clamp01((s.loudness - before) / RISE_FULL);
	s.part[SCORE_SOUND] =
	    f->n_loudness ? 1 - silent_share(f, from, to) : NAN;
	s.part[SCORE_SPEECH] =
	    f->n_hops && to > from
		? clamp01(speech_seconds(f, from, to) / (to - from))
		: NAN;
	for (int i = 0; i < SCORE_COMPONENTS; i++) {
		if (isnan(s.part[i]))
			continue;
		sum += parts[i].weight * s.part[i];
		weights += parts[i].weight;
	}
	s.total = weights > 0 ? sum / weights : 0;
	return s;
}

void
score_write_parts(struct buf *b, const struct score *s)
{
	json_open_object(b, "components");
	for (int i = 0; i < SCORE_COMPONENTS; i++)
		json_put_num(b, parts[i].name, round_to(s->part[i], 3));
	json_close_object(b);
}

/* The phrase for one part; false when it does not stand out. */
static bool
phrase(char *out, size_t size, const struct score *s, int part)
{
	if (!(s->part[part] >= STANDS_OUT))
		return false;
	switch ((enum component)part) {
	case SCORE_ENERGY:
		snprintf(out, size, "loud (%.1f LUFS)", s->loudness);
		return true;
	case SCORE_MOTION:
		snprintf(out, size, "much motion (%.2f)", s->motion);
		return true;
	case SCORE_PACE:
		snprintf(out, size, "%d cut%s", s->cuts,
			 s->cuts == 1 ? "" : "s");
		return true;
	case SCORE_RISE:
		snprintf(out, size, "louder than before");
		return true;
	case SCORE_SPEECH:
		snprintf(out, size, "speech (%.0f %%)",
			 100 * s->part[SCORE_SPEECH]);
		return true;
	case SCORE_SOUND: /* the normal case is no reason */
	case SCORE_COMPONENTS:
		break;
	}
	return false;
}

void
score_write_reasons(struct buf *b, const struct score *s)
{
	char text[64];

	json_open_array(b, "reasons");
	for (int i = 0; i < SCORE_COMPONENTS; i++)
		if (phrase(text, sizeof(text), s, i))
			json_put_str(b, NULL, text);
	json_close_array(b);
}

void
score_phrase(struct buf *out, const struct score *s)
{
	size_t before = out->n;
	char text[64];

	for (int i = 0; i < SCORE_COMPONENTS; i++)
		if (phrase(text, sizeof(text), s, i))
			buf_printf(out, "%s%s", out->n > before ? ", " : "",
				   text);
	if (out->n == before)
		buf_puts(out, "nothing stands out");
}
