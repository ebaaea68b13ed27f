/*
 * Loudness by EBU R128: integrated, range, true peak of the whole, the
 * greatest momentary (400 ms) and short-term (3 s) loudness, and the greatest
 * momentary loudness of each second.
 *
 * The windows slide by 10 ms, so that a short sound is missed by no more than
 * 0.1 LU (EBU Tech 3341, cases 10 and 13). Each hop asks the meter for the
 * energy of itself alone and the windows are sums of hops: every filtered
 * sample is read once, not forty times.
 */
#include "processor/media/analyser.h"

#include <ebur128.h>
#include <math.h>

#define HOP_MS 10
#define MOMENTARY (400 / HOP_MS) /* hops */
#define SHORT_TERM (3000 / HOP_MS)
#define QUIETEST (-70.0) /* LUFS: the gate of R128; below is no sound */

struct loudness {
	ebur128_state *r128;
	int channels;
	int hop;		 /* samples */
	int hop_left;		 /* samples to the next look */
	double hops[SHORT_TERM]; /* energy, a ring */
	size_t n_hops;		 /* ever seen */
	double momentary_max;	 /* energy, mean of the window */
	double short_term_max;
	double *series;
	size_t n;
};

static void *
loudness_start(const struct source *src)
{
	(void)src;
	return calloc(1, sizeof(struct loudness));
}

/* ITU-R BS.1770-4 tables 3 and 4: what lies at the sides counts more, low
 * frequency effects do not count. */
static int
meter_channel(enum AVChannel c, bool has_sides)
{
	switch (c) {
	case AV_CHAN_LOW_FREQUENCY:
	case AV_CHAN_LOW_FREQUENCY_2:
	case AV_CHAN_NONE:
		return EBUR128_UNUSED;
	case AV_CHAN_SIDE_LEFT:
	case AV_CHAN_SIDE_RIGHT:
		return EBUR128_LEFT_SURROUND;
	case AV_CHAN_BACK_LEFT:
	case AV_CHAN_BACK_RIGHT:
		/* Alone they are the surround of 5.1, else 7.1's rear. */
		return has_sides ? EBUR128_Mp135 : EBUR128_LEFT_SURROUND;
	default:
		return EBUR128_CENTER;
	}
}

/* Blocks come in the default layout of their number of channels. */
static void
place_channels(ebur128_state *r128, int channels)
{
	AVChannelLayout layout;
	bool has_sides;

	av_channel_layout_default(&layout, channels);
	has_sides = av_channel_layout_index_from_channel(
			&layout, AV_CHAN_SIDE_LEFT) >= 0;
	for (int i = 0; i < channels; i++)
		ebur128_set_channel(
		    r128, (unsigned)i,
		    meter_channel(av_channel_layout_channel_from_index(
				      &layout, (unsigned)i),
				  has_sides));
	av_channel_layout_uninit(&layout);
}

static int
open_meter(struct loudness *l, struct job *job, const struct audio_block *b)
{
	l->r128 = ebur128_init((unsigned)b->channels, (unsigned long)b->rate,
			       EBUR128_MODE_I | EBUR128_MODE_LRA |
				   EBUR128_MODE_TRUE_PEAK | EBUR128_MODE_M);
	if (!l->r128)
		return job_fail(job, MEDIA_LIMIT,
				"no loudness meter for this sound");
	place_channels(l->r128, b->channels);
	l->channels = b->channels;
	l->hop = b->rate * HOP_MS / 1000 > 1 ? b->rate * HOP_MS / 1000 : 1;
	l->hop_left = l->hop;
	return 0;
}

static double
energy_of_hop(const struct loudness *l)
{
	double lufs = -HUGE_VAL;

	if (ebur128_loudness_window(l->r128, HOP_MS, &lufs) != 0)
		return 0;
	return pow(10, (lufs + 0.691) / 10);
}

static double
lufs_of(double energy)
{
	return energy > 0 ? 10 * log10(energy) - 0.691 : NAN;
}

/* Mean energy of the last @hops; the time before the sound was silent. */
static double
window(const struct loudness *l, size_t hops)
{
	double sum = 0;

	for (size_t i = 0; i < hops && i < l->n_hops; i++)
		sum += l->hops[(l->n_hops - 1 - i) % SHORT_TERM];
	return sum / (double)hops;
}

/* The second that ends at @time gets the loudness of now, if greater. */
static int
look(struct loudness *l, struct job *job, double time)
{
	double *place = series_at(&l->series, &l->n,
				  (size_t)fmax(0, time - HOP_MS / 2000.0));
	double momentary;

	if (!place)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	l->hops[l->n_hops++ % SHORT_TERM] = energy_of_hop(l);
	momentary = window(l, MOMENTARY);
	l->momentary_max = fmax(l->momentary_max, momentary);
	l->short_term_max = fmax(l->short_term_max, window(l, SHORT_TERM));
	/* fmax of NAN is the other. */
	*place = fmax(*place, fmax(lufs_of(momentary), QUIETEST));
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
		l->hop_left = l->hop;
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
	json_put_num(a->json, "momentary_max",
		     round_to(lufs_of(l->momentary_max), 2));
	json_put_num(a->json, "short_term_max",
		     round_to(lufs_of(l->short_term_max), 2));
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
