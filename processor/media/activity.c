/*
 * Where somebody speaks and where music plays, the pitch, and the syllables.
 *
 * Sound is reduced to one channel of 8 kHz and cut into hops of 32 ms. Every
 * half second the two seconds around it are asked what they are like; steps of
 * a kind that follow one another are a span, whose ends are moved inwards to
 * where it is heard. All that is kept is a few bytes per hop.
 */
#include "processor/media/analyser.h"
#include "processor/media/likeness.h"
#include "processor/media/mono.h"
#include "processor/media/pitch.h"

#include <math.h>

#define STEP 16 /* hops that are judged at once .. */
#define AROUND ((LIKENESS_FRAMES - STEP) / 2) /* .. with those around */
#define STEP_S (STEP * SOUND_HOP_S)
#define PART (TIMBRE_HOP / LIKENESS_PARTS) /* samples of a level */
#define SMOOTH 4 /* parts in a smoothed level: 64 ms */
#define RUN_S 4
#define RUN_HOPS (RUN_S * MONO_RATE / TIMBRE_HOP)
#define LIKE 0.5f
#define GAP_STEPS 2    /* that do not end a span */
#define HEARD 0.032f   /* of the loudest level of a span: -30 dB */
#define DIP 0.87f      /* of a syllable's level, before the next: 1.2 dB */
#define SYLLABLE_MIN 4 /* parts from one to the next: 64 ms */
#define LEVEL_SILENT 1e-3f

_Static_assert(TIMBRE_HOP == MONO_RATE * 32 / 1000, "SOUND_HOP_S");
_Static_assert(RUN_S *MONO_RATE % TIMBRE_HOP == 0, "a run is whole hops");

/* The level goes up and down; a turn counts from a certain depth on. */
struct swing {
	bool falling;
	float extreme;	    /* since the last turn */
	int64_t at, before; /* of this peak and the last syllable, in parts */
};

struct activity {
	struct mono mono;
	struct timbre *timbre;
	bool open;
	int64_t seen; /* input samples, with what gaps stand for */
	float samples[TIMBRE_SAMPLES];
	int n;
	float parts[SMOOTH]; /* energies, the last one last */
	struct sound_frame frames[LIKENESS_FRAMES];
	struct sound_hop *hops;
	size_t n_hops;
	struct likeness *steps;
	size_t n_steps;
	struct swing swing;
	bool failed; /* out of memory */
};

static void *
activity_start(const struct source *src)
{
	struct activity *s = calloc(1, sizeof(*s));

	(void)src;
	if (!s)
		return NULL;
	/* The first hop has silence before it. */
	s->n = TIMBRE_SAMPLES - TIMBRE_HOP;
	s->timbre = timbre_new();
	if (s->timbre)
		return s;
	free(s);
	return NULL;
}

/* ---- hop by hop --------------------------------------------------------- */

/* One more element of a list that grows by doubling; NULL: out of memory. */
static void *
append(struct activity *s, void **list, size_t *n, size_t size)
{
	void *grown = *list;

	/* Full at powers of two. */
	if (*n >= 64 ? (*n & (*n - 1)) == 0 : *n == 0)
		grown = realloc(*list, (*n ? 2 * *n : 64) * size);
	if (!grown) {
		s->failed = true;
		return NULL;
	}
	*list = grown;
	return (char *)grown + (*n)++ * size;
}

/* A syllable is a peak of the level; what is no speech is not asked for. */
static void
end_peak(struct activity *s)
{
	struct swing *y = &s->swing;

	if (y->at - y->before < SYLLABLE_MIN)
		return;
	s->hops[y->at / LIKENESS_PARTS].syllable = true;
	y->before = y->at;
}

static void
follow_level(struct activity *s, float level, int64_t at)
{
	struct swing *y = &s->swing;

	level = fmaxf(level, LEVEL_SILENT);
	if (y->falling) {
		y->extreme = fminf(y->extreme, level);
		if (level * DIP <= y->extreme)
			return;
	} else if (level <= y->extreme) {
		if (level >= y->extreme * DIP)
			return;
		end_peak(s);
		y->falling = true;
		y->extreme = level;
		return;
	}
	*y = (struct swing){ .extreme = level, .at = at, .before = y->before };
}

static void
keep(struct activity *s, const struct sound_frame *f)
{
	struct sound_hop *k =
	    append(s, (void **)&s->hops, &s->n_hops, sizeof(*s->hops));
	float level = fmaxf(f->level[0], f->level[1]);

	if (!k)
		return;
	*k = (struct sound_hop){
		.pitch = (uint16_t)lrintf(10 * f->pitch),
		.level = (uint16_t)lrintf(65535 * fminf(level, 1)),
	};
	for (int i = 0; i < LIKENESS_PARTS; i++)
		follow_level(s, f->level[i],
			     (int64_t)(s->n_hops - 1) * LIKENESS_PARTS + i);
}

/* A hop joins the two seconds; every STEP of them are judged. */
static void
push(struct activity *s, const struct sound_frame *f)
{
	struct likeness *step;

	memmove(s->frames, s->frames + 1,
		sizeof(s->frames) - sizeof(s->frames[0]));
	s->frames[LIKENESS_FRAMES - 1] = *f;
	keep(s, f);
	if (s->n_hops % STEP != (AROUND + STEP) % STEP ||
	    s->n_hops < AROUND + STEP)
		return;
	step = append(s, (void **)&s->steps, &s->n_steps, sizeof(*s->steps));
	if (step)
		*step = likeness_of(s->frames);
}

static float
energy_of(const float *p, int n)
{
	float sum = 0;

	for (int i = 0; i < n; i++)
		sum += p[i] * p[i];
	return sum / (float)n;
}

static void
end_hop(struct activity *s)
{
	struct sound_frame f = { .energy =
				     energy_of(s->samples, TIMBRE_SAMPLES) };
	const float *fresh = s->samples + TIMBRE_SAMPLES - TIMBRE_HOP;

	for (int i = 0; i < LIKENESS_PARTS; i++) {
		memmove(s->parts, s->parts + 1,
			sizeof(s->parts) - sizeof(s->parts[0]));
		s->parts[SMOOTH - 1] = energy_of(fresh + i * PART, PART);
		for (int k = 0; k < SMOOTH; k++)
			f.level[i] += s->parts[k] / SMOOTH;
		f.level[i] = sqrtf(f.level[i]);
	}
	if (f.energy > FRAME_SILENT)
		f.pitch = pitch_of(s->samples);
	f.timbre =
	    timbre_next(s->timbre, f.energy > FRAME_SILENT ? s->samples : NULL);
	push(s, &f);
	s->n -= TIMBRE_HOP;
	memmove(s->samples, s->samples + TIMBRE_HOP,
		(size_t)s->n * sizeof(*s->samples));
}

static void
emit(void *arg, float sample)
{
	struct activity *s = arg;

	s->samples[s->n++] = sample;
	if (s->n == TIMBRE_SAMPLES)
		end_hop(s);
}

/* Time without sound. Long silence is passed in runs of as many whole hops as
 * whole seconds. */
static void
pass_silence(struct activity *s, int64_t n)
{
	int64_t runs = n / s->mono.rate / RUN_S - 1;

	if (runs > 0) {
		mono_feed(&s->mono, NULL, (int64_t)RUN_S * s->mono.rate, 1,
			  emit, s);
		mono_skip(&s->mono, runs * RUN_S);
		for (int64_t i = 0; i < runs * RUN_HOPS && !s->failed; i++)
			push(s, &(struct sound_frame){ .energy = 0 });
		n -= (runs + 1) * RUN_S * s->mono.rate;
	}
	mono_feed(&s->mono, NULL, n, 1, emit, s);
}

static int
activity_audio(void *self, struct job *job, const struct audio_block *b)
{
	struct activity *s = self;
	struct audio_place at = audio_place(b, s->seen);

	if (!s->open && mono_open(&s->mono, b->rate) != 0)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	s->open = true;
	pass_silence(s, at.silence);
	mono_feed(&s->mono, b->samples + (ptrdiff_t)at.skip * b->channels,
		  b->n - at.skip, b->channels, emit, s);
	s->seen += at.silence + b->n - at.skip;
	return s->failed ? job_fail(job, MEDIA_LIMIT, "out of memory") : 0;
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
	*span = (struct sound_span){ .start = (double)i * STEP_S,
				     .end = (double)end * STEP_S,
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

	if (!s->open) {
		json_put_null(a->json, "activity");
		return 0;
	}
	/* The last steps see silence behind them. */
	for (int i = 0; i < AROUND + STEP; i++)
		push(s, &(struct sound_frame){ .energy = 0 });
	if (s->failed || find_spans(s, f) != 0)
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

	mono_close(&s->mono);
	timbre_free(s->timbre);
	free(s->hops);
	free(s->steps);
	free(s);
}

const struct analyser analyser_activity = {
	.name = "activity",
	.start = activity_start,
	.on_audio = activity_audio,
	.finish = activity_finish,
	.free = activity_free,
};
