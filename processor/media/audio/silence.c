/*
 * Silence: every channel below -50 dBFS RMS, in windows of 10 ms, for at
 * least half a second. The longest run decides its ends to 10 ms.
 */
#include "processor/media/pass/analyser.h"
#include "processor/media/audio/lanes.h"

#include <math.h>

#define WINDOW 0.010	       /* seconds */
#define THRESHOLD 0.0031622777 /* -50 dBFS as amplitude */
#define LENGTH_MIN 0.5
#define CHANNELS_MAX 8

struct silence {
	double sums[CHANNELS_MAX]; /* squares of the running window */
	int n;			   /* samples in it */
	double window_time;	   /* where it began */
	double from;		   /* start of the running silence; NAN */
	double end;		   /* of the last window */
	struct span *spans;
	size_t n_spans;
};

static void *
silence_start(const struct source *src)
{
	struct silence *s = calloc(1, sizeof(*s));

	(void)src;
	if (!s)
		return NULL;
	s->from = NAN;
	s->spans = calloc(SPANS_MAX, sizeof(*s->spans));
	if (s->spans)
		return s;
	free(s);
	return NULL;
}

static void
end_silence(struct silence *s, double at)
{
	spans_add(s->spans, &s->n_spans, s->from, at, LENGTH_MIN);
	s->from = NAN;
}

static void
end_window(struct silence *s, int channels, double end)
{
	double loudest = 0;

	for (int c = 0; c < channels; c++) {
		loudest = fmax(loudest, s->sums[c]);
		s->sums[c] = 0;
	}
	if (sqrt(loudest / s->n) >= THRESHOLD)
		end_silence(s, s->window_time);
	else if (isnan(s->from))
		s->from = s->window_time;
	s->n = 0;
	s->end = end;
}

/* Squares of @n samples by channel: four at a time where channels recur. */
static void
add_squares(struct silence *s, const float *p, int n, int channels)
{
	int values = n * channels, i = 0;
	lanes sum = { 0 };

	for (; 4 % channels == 0 && i + 4 <= values; i += 4)
		sum += lanes_load(p + i) * lanes_load(p + i);
	for (int k = 0; i && k < 4; k++)
		s->sums[k % channels] += (double)sum[k];
	for (; i < values; i++)
		if (i % channels < CHANNELS_MAX)
			s->sums[i % channels] += (double)p[i] * p[i];
}

static int
silence_audio(void *self, struct job *job, const struct audio_block *b)
{
	struct silence *s = self;
	int window = (int)fmax(1, b->rate * WINDOW), done = 0;

	(void)job;
	while (done < b->n) {
		int n = window - s->n;

		if (n > b->n - done)
			n = b->n - done;
		if (s->n == 0)
			s->window_time = b->time + (double)done / b->rate;
		add_squares(s, b->samples + (ptrdiff_t)done * b->channels, n,
			    b->channels);
		done += n;
		s->n += n;
		if (s->n == window)
			end_window(s, b->channels,
				   b->time + (double)done / b->rate);
	}
	return 0;
}

static int
silence_finish(void *self, struct analysis *a)
{
	struct silence *s = self;
	struct findings *f = &a->found;

	end_silence(s, s->end);
	spans_write(a->json, "silences", s->spans, s->n_spans, 2);
	f->silences = s->spans;
	f->n_silences = s->n_spans;
	s->spans = NULL;
	return 0;
}

static void
silence_free(void *self)
{
	struct silence *s = self;

	free(s->spans);
	free(s);
}

const struct analyser analyser_silence = {
	.name = "silence",
	.start = silence_start,
	.on_audio = silence_audio,
	.finish = silence_finish,
	.free = silence_free,
};
