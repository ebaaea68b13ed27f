/*
 * Where somebody speaks and where music plays: steps of a kind that follow one
 * another are a span, whose ends are moved to where it is heard.
 */
#include "processor/media/audio/listen.h"

#include <math.h>

#define LIKE 0.5f
#define GAP_STEPS 2  /* that do not end a span */
#define HEARD 0.032f /* of the loudest level of a span: -30 dB */

struct activity {
	struct listener *listener;
	const struct likeness *steps;
	size_t n_steps;
	struct sound_hop *hops;
	size_t n_hops;
};

static void *
activity_start(const struct source *src)
{
	struct activity *s = calloc(1, sizeof(*s));

	(void)src;
	if (!s)
		return NULL;
	s->listener = listener_new();
	if (s->listener)
		return s;
	free(s);
	return NULL;
}

static int
activity_audio(void *self, struct job *job, const struct audio_block *b)
{
	struct activity *s = self;

	return listener_feed(s->listener, b) == 0
		   ? 0
		   : job_fail(job, MEDIA_LIMIT, "out of memory");
}

/* ---- spans -------------------------------------------------------------- */

static float
value_of(const struct likeness *l, bool speech)
{
	return speech ? l->speech : l->music;
}

/*
 * The ends are moved inwards to hops that are heard; or outwards, to where
 * what is heard there began or ends, if that is within half of what is judged
 * at once.
 */
static void
fit(const struct activity *s, struct sound_span *span)
{
	size_t from = (size_t)lround(span->start / SOUND_HOP_S), far = from;
	size_t to = (size_t)lround(span->end / SOUND_HOP_S), wide;
	float loudest = 0;

	to = to < s->n_hops ? to : s->n_hops;
	for (size_t i = from; i < to; i++)
		loudest = fmaxf(loudest, s->hops[i].level);
	while (far > 0 && s->hops[far - 1].level >= HEARD * loudest)
		far--;
	for (wide = to; wide < s->n_hops; wide++)
		if (s->hops[wide].level < HEARD * loudest)
			break;
	if (from - far <= LIKENESS_FRAMES / 2)
		from = far;
	if (wide - to <= LIKENESS_FRAMES / 2)
		to = wide;
	while (from < to && s->hops[from].level < HEARD * loudest)
		from++;
	while (from < to && s->hops[to - 1].level < HEARD * loudest)
		to--;
	span->start = (double)from * SOUND_HOP_S;
	span->end = (double)to * SOUND_HOP_S;
}

/* The span that begins at step @i; returns the step behind it. */
static size_t
span_from(const struct activity *s, size_t i, bool speech,
	  struct sound_span *span)
{
	size_t end = i, k = i;
	double sum = 0;
	int count = 0;

	for (; k < s->n_steps && k - end <= GAP_STEPS; k++) {
		if (value_of(&s->steps[k], speech) < LIKE)
			continue;
		sum += value_of(&s->steps[k], speech);
		count++;
		end = k + 1;
	}
	*span = (struct sound_span){ .start = (double)i * LISTEN_STEP_S,
				     .end = (double)end * LISTEN_STEP_S,
				     .confidence = sum / count,
				     .speech = speech };
	fit(s, span);
	return end;
}

static int
by_start(const void *a, const void *b)
{
	const struct sound_span *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static int
find_spans(const struct activity *s, struct findings *f)
{
	f->activity = calloc(SPANS_MAX, sizeof(*f->activity));
	if (!f->activity)
		return -1;
	for (int speech = 0; speech < 2; speech++)
		for (size_t i = 0; i < s->n_steps && f->n_activity < SPANS_MAX;
		     i++)
			if (value_of(&s->steps[i], speech) >= LIKE)
				i = span_from(s, i, speech,
					      &f->activity[f->n_activity++]);
	qsort(f->activity, f->n_activity, sizeof(*f->activity), by_start);
	return 0;
}

static int
activity_finish(void *self, struct analysis *a)
{
	struct activity *s = self;
	struct findings *f = &a->found;

	if (listener_end(s->listener) != 0)
		return job_fail(a->job, MEDIA_LIMIT, "out of memory");
	s->steps = listener_steps(s->listener, &s->n_steps);
	s->hops = listener_take_hops(s->listener, &s->n_hops);
	if (!s->hops) {
		json_put_null(a->json, "activity");
		return 0;
	}
	if (find_spans(s, f) != 0)
		return job_fail(a->job, MEDIA_LIMIT, "out of memory");
	f->hops = s->hops;
	f->n_hops = s->n_hops;
	s->hops = NULL;
	json_open_array(a->json, "activity");
	for (size_t i = 0; i < f->n_activity; i++) {
		const struct sound_span *span = &f->activity[i];

		json_open_object(a->json, NULL);
		json_put_num(a->json, "start", round_to(span->start, 2));
		json_put_num(a->json, "end", round_to(span->end, 2));
		json_put_str(a->json, "type",
			     span->speech ? "speech" : "music");
		json_put_num(a->json, "confidence",
			     round_to(span->confidence, 2));
		json_close_object(a->json);
	}
	json_close_array(a->json);
	return 0;
}

static void
activity_free(void *self)
{
	struct activity *s = self;

	listener_free(s->listener);
	free(s->hops);
	free(s);
}

const struct analyser analyser_activity = {
	.name = "activity",
	.start = activity_start,
	.on_audio = activity_audio,
	.finish = activity_finish,
	.free = activity_free,
};
