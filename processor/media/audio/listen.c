/*
 * Sound is reduced to one channel of 8 kHz and cut into hops of 32 ms; two
 * seconds of them, ending with the newest, are there to be judged. All that is
 * kept of the past is a few bytes per hop.
 */
#include "processor/media/audio/listen.h"
#include "processor/media/audio/mono.h"
#include "processor/media/audio/pitch.h"

#include <math.h>

#define AROUND ((LIKENESS_FRAMES - LISTEN_STEP) / 2) /* a step, hops */
#define PART (TIMBRE_HOP / LIKENESS_PARTS)	     /* samples of a level */
#define SMOOTH 4       /* parts in a smoothed level: 64 ms */
#define DIP 0.87f      /* of a syllable's level, before the next: 1.2 dB */
#define SYLLABLE_MIN 4 /* parts from one to the next: 64 ms */
#define LEVEL_SILENT 1e-3f
#define RUN_S 4
#define RUN_HOPS (RUN_S * MONO_RATE / TIMBRE_HOP)

_Static_assert(TIMBRE_HOP == MONO_RATE * 32 / 1000, "SOUND_HOP_S");
_Static_assert(RUN_S *MONO_RATE % TIMBRE_HOP == 0, "a run is whole hops");

/* The level goes up and down; a turn counts from a certain depth on. */
struct swing {
	bool falling;
	float extreme;	    /* since the last turn */
	int64_t at, before; /* of this peak and the last syllable, in parts */
};

struct listener {
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

struct listener *
listener_new(void)
{
	struct listener *s = calloc(1, sizeof(*s));

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

void
listener_free(struct listener *s)
{
	if (!s)
		return;
	mono_close(&s->mono);
	timbre_free(s->timbre);
	free(s->hops);
	free(s->steps);
	free(s);
}

/* ---- hop by hop --------------------------------------------------------- */

/* One more element of a list that grows by doubling; NULL: out of memory. */
static void *
append(struct listener *s, void **list, size_t *n, size_t size)
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
end_peak(struct listener *s)
{
	struct swing *y = &s->swing;

	if (y->at - y->before < SYLLABLE_MIN)
		return;
	s->hops[y->at / LIKENESS_PARTS].syllable = true;
	y->before = y->at;
}

static void
follow_level(struct listener *s, float level, int64_t at)
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
keep(struct listener *s, const struct sound_frame *f)
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
push(struct listener *s, const struct sound_frame *f)
{
	struct likeness *step;

	memmove(s->frames, s->frames + 1,
		sizeof(s->frames) - sizeof(s->frames[0]));
	s->frames[LIKENESS_FRAMES - 1] = *f;
	keep(s, f);
	if (s->n_hops % LISTEN_STEP != AROUND % LISTEN_STEP ||
	    s->n_hops < AROUND + LISTEN_STEP)
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
end_hop(struct listener *s)
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
	struct listener *s = arg;

	s->samples[s->n++] = sample;
	if (s->n == TIMBRE_SAMPLES)
		end_hop(s);
}

/* Time without sound. Long silence is passed in runs of as many whole hops as
 * whole seconds. */
static void
pass_silence(struct listener *s, int64_t n)
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

int
listener_feed(struct listener *s, const struct audio_block *b)
{
	struct audio_place at = audio_place(b, s->seen);

	if (!s->open && mono_open(&s->mono, b->rate, MONO_RATE) != 0)
		return -1;
	s->open = true;
	pass_silence(s, at.silence);
	mono_feed(&s->mono, b->samples + (ptrdiff_t)at.skip * b->channels,
		  b->n - at.skip, b->channels, emit, s);
	s->seen += at.silence + b->n - at.skip;
	return s->failed ? -1 : 0;
}

/* The last steps see silence behind them. */
int
listener_end(struct listener *s)
{
	for (int i = 0; s->open && i < AROUND + LISTEN_STEP; i++)
		push(s, &(struct sound_frame){ .energy = 0 });
	return s->failed ? -1 : 0;
}

const struct likeness *
listener_steps(const struct listener *s, size_t *n)
{
	*n = s->n_steps;
	return s->steps;
}

struct sound_hop *
listener_take_hops(struct listener *s, size_t *n)
{
	struct sound_hop *hops = s->hops;

	*n = s->n_hops;
	s->hops = NULL;
	s->n_hops = 0;
	return hops;
}
