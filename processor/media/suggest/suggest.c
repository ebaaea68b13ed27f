/*
 * Segments: equal windows of about five seconds, each scored. Clips: windows
 * of the usual lengths that begin at a cut or where a silence or black ends,
 * never in black, end at one if possible, scored as a whole with their first
 * seconds counted extra; the best that do not overlap.
 */
#include "processor/media/suggest/suggest.h"
#include "processor/media/suggest/hooks.h"
#include "processor/media/suggest/score.h"
#include "processor/media/speech/speech.h"

#include <math.h>

#define SEGMENT 5.0
#define SEGMENTS_MAX 600
#define STARTS_MAX 2800 /* three quarters and SEGMENTS_MAX fit */
#define SUGGESTED_MAX 10
#define MOMENTS 5
#define OPENING 3.0 /* seconds that decide whether one stays */
#define OPENING_WEIGHT 0.3
#define SNAP 2.0 /* seconds an end may move to a cut or a silence */
#define CLIP_MIN 1.0
#define SHARE_MAX 0.25 /* of the file in one clip, but for the shortest */
#define FAR_BEHIND 0.5
#define APART 0.1 /* better by that when far from the others */

/*
 * The best seconds of a window are better than the window, so the shortest
 * would always win: a longer one may be a little worse.
 */
static const struct {
	double seconds;
	double favour;
} lengths[] = { { 15, 1 }, { 30, 1.05 }, { 60, 1.1 }, { 90, 1.15 } };

struct segment {
	double start, end;
	struct score score;
};

struct clip {
	double start, end;
	double value;
	double favoured; /* the value, longer ones favoured */
};

struct clips {
	struct clip list[SUGGESTED_MAX];
	size_t n;
};

/* ---- segments ----------------------------------------------------------- */

static size_t
make_segments(const struct findings *f, struct segment *list)
{
	double n = fmin(fmax(round(f->duration / SEGMENT), 1), SEGMENTS_MAX);
	double step = f->duration / n;

	if (f->duration <= 0)
		return 0;
	for (size_t i = 0; i < (size_t)n; i++) {
		list[i].start = (double)i * step;
		list[i].end = (double)(i + 1) * step;
		list[i].score = score_span(f, list[i].start, list[i].end);
	}
	return (size_t)n;
}

static void
write_segments(struct buf *b, const struct findings *f,
	       const struct segment *list, size_t n)
{
	json_open_array(b, "segments");
	for (size_t i = 0; i < n; i++) {
		const struct score *s = &list[i].score;
		double text =
		    score_most(f->text, f->n_text, list[i].start, list[i].end);

		json_open_object(b, NULL);
		json_put_num(b, "start_time", round_to(list[i].start, 3));
		json_put_num(b, "end_time", round_to(list[i].end, 3));
		json_put_num(b, "score", round_to(100 * s->total, 1));
		score_write_reasons(b, s);
		score_write_parts(b, s);
		json_put_num(b, "volume", round_to(s->part[SCORE_ENERGY], 3));
		json_put_num(b, "pitch",
			     pitch_median(f, list[i].start, list[i].end));
		json_put_num(
		    b, "speech_rate",
		    round_to(speech_rate(f, list[i].start, list[i].end), 1));
		json_put_null(b, "emotional_tone");
		json_put_num(b, "motion_intensity", round_to(s->motion, 3));
		json_put_num(b, "face_count",
			     score_most(f->faces, f->n_faces, list[i].start,
					list[i].end));
		if (f->n_motion)
			json_put_bool(b, "scene_change", s->cuts > 0);
		else
			json_put_null(b, "scene_change");
		if (isnan(text))
			json_put_null(b, "text_present");
		else
			json_put_bool(b, "text_present", text > 0);
		json_close_object(b);
	}
	json_close_array(b);
}

/* ---- clips -------------------------------------------------------------- */

static int
by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * Where a clip may begin: the start, cuts, ends of silences and of black,
 * segments. Of very many, every so many-th, so that all of the file is
 * represented.
 */
static size_t
collect_starts(const struct findings *f, const struct segment *seg, size_t n,
	       double *starts)
{
	size_t count = 0;
	size_t by_cut = 1 + f->n_cuts / (STARTS_MAX / 4);
	size_t by_silence = 1 + f->n_silences / (STARTS_MAX / 4);
	size_t by_black = 1 + f->n_blacks / (STARTS_MAX / 4);

	for (size_t i = 0; i < f->n_cuts; i += by_cut)
		starts[count++] = f->cuts[i].time;
	for (size_t i = 0; i < f->n_silences; i += by_silence)
		starts[count++] = f->silences[i].end;
	for (size_t i = 0; i < f->n_blacks; i += by_black)
		starts[count++] = f->blacks[i].end;
	for (size_t i = 0; i < n; i++)
		starts[count++] = seg[i].start;
	qsort(starts, count, sizeof(*starts), by_number);
	return count;
}

static double
nearer(double best, double candidate, double to)
{
	return fabs(candidate - to) < fabs(best - to) ? candidate : best;
}

/* @end moved to where a scene or the sound ends when one does nearby. */
static double
snap_end(const struct findings *f, double start, double end)
{
	double best = INFINITY;

	for (size_t i = 0; i < f->n_cuts; i++)
		best = nearer(best, f->cuts[i].transition_start, end);
	for (size_t i = 0; i < f->n_silences; i++)
		best = nearer(best, f->silences[i].start, end);
	best = nearer(best, f->duration, end);
	return fabs(best - end) <= SNAP && best - start >= CLIP_MIN ? best
								    : end;
}

static double
clip_value(const struct findings *f, double start, double end)
{
	double whole = score_span(f, start, end).total;
	double opening = score_span(f, start, fmin(start + OPENING, end)).total;

	return (1 - OPENING_WEIGHT) * whole + OPENING_WEIGHT * opening;
}

static bool
in_black(const struct findings *f, double time)
{
	for (size_t i = 0; i < f->n_blacks; i++)
		if (time >= f->blacks[i].start && time < f->blacks[i].end)
			return true;
	return false;
}

/* Every window that fits, scored; all lengths of one start together. */
static size_t
list_windows(const struct findings *f, const double *starts, size_t n,
	     bool even_black, struct clip *windows)
{
	double longest = f->duration * SHARE_MAX;
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < ARRAY_LEN(lengths); k++) {
			struct clip *w = &windows[count];
			double end = starts[i] + lengths[k].seconds;

			if ((!even_black && in_black(f, starts[i])) ||
			    end > f->duration + 0.05 ||
			    (k > 0 && lengths[k].seconds > longest))
				break;
			w->start = starts[i];
			w->end = fmin(snap_end(f, w->start, end), f->duration);
			w->value = clip_value(f, w->start, w->end);
			w->favoured = w->value * lengths[k].favour;
			count++;
		}
	return count;
}

/*
 * How much a window adds to the clips chosen so far: nothing (< 0) when it
 * shows some of what one of them shows, and a little more when it lies apart
 * from them, so that of a file that is the same all over not only the first
 * minutes are suggested.
 */
static double
rank(const struct clips *clips, const struct clip *w, double duration)
{
	double apart = duration / SUGGESTED_MAX;

	for (size_t i = 0; i < clips->n; i++)
		apart = fmin(apart, fmax(w->start - clips->list[i].end,
					 clips->list[i].start - w->end));
	return apart < 0 ? -1
			 : w->favoured *
			       (1 + APART * apart * SUGGESTED_MAX / duration);
}

static void
choose(struct clips *clips, const struct clip *windows, size_t n,
       double duration)
{
	while (clips->n < SUGGESTED_MAX) {
		const struct clip *best = NULL;
		double best_rank = -1;

		for (size_t i = 0; i < n; i++) {
			double r = rank(clips, &windows[i], duration);

			if (r > best_rank) {
				best = &windows[i];
				best_rank = r;
			}
		}
		if (!best)
			return;
		clips->list[clips->n++] = *best;
	}
}

static int
by_value(const void *a, const void *b)
{
	const struct clip *x = a, *y = b;

	if (x->value < y->value || x->value > y->value)
		return x->value > y->value ? -1 : 1;
	return (x->start > y->start) - (x->start < y->start);
}

static void
choose_clips(const struct findings *f, struct clips *clips,
	     const double *starts, size_t n, struct clip *windows)
{
	size_t found = list_windows(f, starts, n, false, windows);

	if (!found)
		found = list_windows(f, starts, n, true, windows);
	choose(clips, windows, found, f->duration);
	/* Shorter than any length: the whole is the clip. */
	if (!clips->n && f->duration >= CLIP_MIN)
		clips->list[clips->n++] =
		    (struct clip){ .end = f->duration,
				   .value = clip_value(f, 0, f->duration) };
	qsort(clips->list, clips->n, sizeof(*clips->list), by_value);
	/* What is far behind the best is no suggestion. */
	while (clips->n > 1 && clips->list[clips->n - 1].value <
				   clips->list[0].value * FAR_BEHIND)
		clips->n--;
}

static void
write_clip(struct buf *b, const struct findings *f, const struct clip *c)
{
	struct score s = score_span(f, c->start, c->end);
	double start = round_to(c->start, 3), end = round_to(c->end, 3);
	int from = (int)c->start, to = (int)c->end;
	struct buf text = BUF_INIT;

	score_phrase(&text, &s);
	json_open_object(b, NULL);
	json_put_num(b, "startTime", start);
	json_put_num(b, "endTime", end);
	json_put_num(b, "start", start);
	json_put_num(b, "end", end);
	json_put_num(b, "duration", round_to(end - start, 3));
	json_put_num(b, "confidence", round_to(c->value, 3));
	json_put_num(b, "viralPotential", round_to(100 * c->value, 0));
	json_put_slice(b, "description", buf_slice(&text));
	buf_clear(&text);
	buf_printf(&text, "Clip %d:%02d-%d:%02d", from / 60, from % 60, to / 60,
		   to % 60);
	json_put_slice(b, "title", buf_slice(&text));
	score_write_reasons(b, &s);
	score_write_parts(b, &s);
	json_close_object(b);
	b->err |= text.err;
	buf_release(&text);
}

/* The middles of the best segments, the best first. */
static void
write_moments(struct buf *b, const struct segment *seg, size_t n)
{
	bool used[SEGMENTS_MAX] = { false };

	json_open_array(b, "bestMoments");
	for (int k = 0; k < MOMENTS; k++) {
		size_t best = n;

		for (size_t i = 0; i < n; i++)
			if (!used[i] &&
			    (best == n ||
			     seg[i].score.total > seg[best].score.total))
				best = i;
		if (best == n)
			break;
		used[best] = true;
		json_put_num(
		    b, NULL,
		    round_to((seg[best].start + seg[best].end) / 2, 2));
	}
	json_close_array(b);
}

static void
write_suggestions(struct buf *b, const struct findings *f,
		  const struct segment *seg, size_t n,
		  const struct clips *clips)
{
	json_open_object(b, "suggestions");
	json_open_array(b, "clips");
	for (size_t i = 0; i < clips->n; i++)
		write_clip(b, f, &clips->list[i]);
	json_close_array(b);
	write_moments(b, seg, n);
	json_put_num(b, "overallScore",
		     clips->n ? round_to(clips->list[0].value, 3) : NAN);
	json_close_object(b);
}

int
suggest_write(struct analysis *a)
{
	const struct findings *f = &a->found;
	struct segment *seg = calloc(SEGMENTS_MAX, sizeof(*seg));
	double *starts = calloc(STARTS_MAX, sizeof(*starts));
	struct clip *windows =
	    calloc(STARTS_MAX * ARRAY_LEN(lengths), sizeof(*windows));
	struct clips clips = { .n = 0 };
	size_t n;
	int rc = 0;

	if (!seg || !starts || !windows) {
		rc = job_fail(a->job, MEDIA_LIMIT, "out of memory");
		goto out;
	}
	n = make_segments(f, seg);
	choose_clips(f, &clips, starts, collect_starts(f, seg, n, starts),
		     windows);
	write_segments(a->json, f, seg, n);
	hooks_write(a->json, f);
	write_suggestions(a->json, f, seg, n, &clips);
out:
	free(seg);
	free(starts);
	free(windows);
	return rc;
}
