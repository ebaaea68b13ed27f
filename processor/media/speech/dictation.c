/*
 * Sound goes two ways: to the listener, which tells where somebody speaks, and
 * as 16 kHz into a ring, from which the recogniser gets those places a little
 * later, with some sound before and after. So music and noise make no words,
 * and cost nothing. Utterances end at pauses.
 */
#include "processor/media/speech/dictation.h"
#include "processor/media/audio/listen.h"
#include "processor/media/audio/mono.h"
#include "processor/media/speech/recogniser.h"

#include <math.h>

#define RING (1 << 16) /* samples, four seconds: a step is decided within 3 */
#define STEP_SAMPLES 8192 /* of a listener's step, at RECOGNISER_RATE */
#define PIECE 512	  /* samples whose level is looked at: 32 ms */
#define SLICE_S 0.25	  /* at most so much sound between two decisions */
#define REST_S 4	  /* of a gap that are heard on each side of a jump */
#define LIKE 0.5f
#define BEFORE 2  /* steps that belong to speech after them */
#define AFTER 1	  /* and before them */
#define QUIET 0.1 /* of the loudest level lately: -20 dB */
#define FADE 0.995
#define PAUSE 20 /* quiet pieces that end an utterance .. */
#define BREATH 5 /* .. and a long one */
#define LONG_S 6.0
#define LONGEST_S 20.0

_Static_assert(LISTEN_STEP *TIMBRE_HOP *RECOGNISER_RATE / MONO_RATE ==
		   STEP_SAMPLES,
	       "a step is a whole number of samples");

struct dictation {
	struct listener *listener;
	struct mono mono;
	bool open;
	int64_t seen; /* input samples, with what gaps stand for */
	int16_t ring[RING];
	int64_t heard; /* samples ever put into it */
	size_t next;   /* the step to decide */
	size_t spoken; /* steps that are speech */
	bool talking;  /* an utterance has begun .. */
	int64_t began; /* .. with this sample */
	double loud;   /* RMS */
	int quiet;     /* pieces in a row */
	struct transcript words;
};

struct dictation *
dictation_new(void)
{
	struct dictation *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->listener = listener_new();
	if (c->listener)
		return c;
	free(c);
	return NULL;
}

void
dictation_free(struct dictation *c)
{
	if (!c)
		return;
	listener_free(c->listener);
	mono_close(&c->mono);
	transcript_release(&c->words);
	free(c);
}

/* ---- utterances --------------------------------------------------------- */

static void
tell(void *arg, const struct recognised *r)
{
	struct dictation *c = arg;
	double began = (double)c->began / RECOGNISER_RATE;
	struct transcript_word w = { .start = began + r->start,
				     .end = began + r->end,
				     .confidence = (float)r->confidence };

	snprintf(w.text, sizeof(w.text), "%s", r->word);
	transcript_add(&c->words, &w);
}

static int
end_utterance(struct dictation *c)
{
	if (!c->talking)
		return 0;
	c->talking = false;
	c->quiet = 0;
	return recogniser_end(tell, c);
}

static int
begin_utterance(struct dictation *c, int64_t at)
{
	if (c->talking)
		return 0;
	c->talking = true;
	c->began = at;
	return recogniser_begin();
}

/* Follows the level; says whether the speaker pauses. */
static bool
pauses(struct dictation *c, const int16_t *p, size_t n, double length)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)p[i] * p[i];
	sum = sqrt(sum / (double)n);
	c->loud = fmax(sum, FADE * c->loud);
	c->quiet = sum < QUIET * c->loud ? c->quiet + 1 : 0;
	return c->quiet >= PAUSE || length >= LONGEST_S ||
	       (c->quiet >= BREATH && length >= LONG_S);
}

/* A step of sound to the recogniser. */
static int
recognise(struct dictation *c, size_t step)
{
	int64_t at = (int64_t)step * STEP_SAMPLES, end = at + STEP_SAMPLES;
	int16_t piece[PIECE];

	for (end = end < c->heard ? end : c->heard; at < end;) {
		size_t n = end - at < PIECE ? (size_t)(end - at) : PIECE;

		for (size_t i = 0; i < n; i++)
			piece[i] = c->ring[(at + (int64_t)i) % RING];
		if (begin_utterance(c, at) != 0 ||
		    recogniser_hear(piece, n) != 0)
			return -1;
		at += (int64_t)n;
		if (pauses(c, piece, n,
			   (double)(at - c->began) / RECOGNISER_RATE) &&
		    end_utterance(c) != 0)
			return -1;
	}
	return 0;
}

/* ---- which steps -------------------------------------------------------- */

static bool
is_speech(const struct likeness *steps, size_t n, size_t i)
{
	return i < n && steps[i].speech >= LIKE;
}

/* Decides the steps of which enough of what follows is known (@all: all). */
static int
decide(struct dictation *c, struct job *job, bool all)
{
	size_t n;
	const struct likeness *steps = listener_steps(c->listener, &n);
	int rc = 0;

	for (; rc == 0 && c->next + (all ? 0 : BEFORE) < n; c->next++) {
		size_t i = c->next > AFTER ? c->next - AFTER : 0;
		bool wanted = false;

		for (; i <= c->next + BEFORE; i++)
			wanted |= is_speech(steps, n, i);
		c->spoken += is_speech(steps, n, c->next);
		rc = wanted ? recognise(c, c->next) : end_utterance(c);
		if (job_late(job))
			return job_fail(job, MEDIA_LIMIT, "out of time");
	}
	return rc ? job_fail(job, MEDIA_INTERNAL, "the recogniser failed") : 0;
}

/* ---- sound in ----------------------------------------------------------- */

static void
emit(void *arg, float sample)
{
	struct dictation *c = arg;
	float v = fminf(fmaxf(sample * 32768, -32768), 32767);

	c->ring[c->heard++ % RING] = (int16_t)lrintf(v);
}

/* A slice of sound, or of what gaps stand for. */
static int
hear(struct dictation *c, struct job *job, const struct audio_block *b)
{
	struct audio_place at = audio_place(b, c->seen);
	int64_t jump = at.silence / b->rate - REST_S;

	if (!c->open && mono_open(&c->mono, b->rate, RECOGNISER_RATE) != 0)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	c->open = true;
	c->seen += at.silence + b->n - at.skip;
	if (jump > 0) {
		mono_skip(&c->mono, jump);
		c->heard += jump * RECOGNISER_RATE;
		at.silence -= jump * b->rate;
	}
	mono_feed(&c->mono, NULL, at.silence, b->channels, emit, c);
	mono_feed(&c->mono, b->samples + (ptrdiff_t)at.skip * b->channels,
		  b->n - at.skip, b->channels, emit, c);
	if (listener_feed(c->listener, b) != 0 || c->words.failed)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	return decide(c, job, false);
}

/* Slice by slice, so that the ring is read before it is written over. */
static int
hear_all(struct dictation *c, struct job *job, struct audio_block b)
{
	int most = (int)fmax(1, b.rate * SLICE_S), rc = 0;

	for (int left = b.n; left > 0 && rc == 0; left -= b.n) {
		b.n = left < most ? left : most;
		rc = hear(c, job, &b);
		b.time += (double)b.n / b.rate;
		b.samples += (ptrdiff_t)b.n * b.channels;
	}
	return rc;
}

/* The beginning of a gap, heard like sound: what was said before it is decided
 * before the rest of it is jumped over. */
static int
hear_silence(struct dictation *c, struct job *job, int rate, int64_t n)
{
	int64_t most = (int64_t)REST_S * rate;
	struct audio_block quiet = { .time = (double)c->seen / rate,
				     .rate = rate,
				     .channels = 1,
				     .n = (int)(n < most ? n : most) };
	float *zeros = calloc((size_t)quiet.n, sizeof(*zeros));
	int rc = -1;

	quiet.samples = zeros;
	if (zeros)
		rc = hear_all(c, job, quiet);
	free(zeros);
	return zeros ? rc : job_fail(job, MEDIA_LIMIT, "out of memory");
}

int
dictation_hear(struct dictation *c, struct job *job,
	       const struct audio_block *b)
{
	int64_t silence = audio_place(b, c->seen).silence;

	if (silence > 0 && hear_silence(c, job, b->rate, silence) != 0)
		return -1;
	return hear_all(c, job, *b);
}

int
dictation_end(struct dictation *c, struct job *job)
{
	if (listener_end(c->listener) != 0)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	if (decide(c, job, true) != 0)
		return -1;
	return end_utterance(c) == 0
		   ? 0
		   : job_fail(job, MEDIA_INTERNAL, "the recogniser failed");
}

const struct transcript *
dictation_words(const struct dictation *c)
{
	return &c->words;
}

double
dictation_speech(const struct dictation *c)
{
	return (double)c->spoken * LISTEN_STEP_S;
}
