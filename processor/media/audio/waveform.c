/*
 * The waveform: least and greatest sample of every so many, as audiowaveform's
 * data file, version 2 (16 bits, the detail), and as its JSON (8 bits, the
 * whole at a glance).
 *
 * Both begin at 256 samples per pixel and double it as often as needed to stay
 * within their pixels. Doubling merges neighbours, which gives exactly what
 * counting at the coarser scale from the start would have given; so memory and
 * files have a bound that the length of the sound does not move.
 */
#include "processor/media/pass/analyser.h"

#include <math.h>

#define SCALE_MIN 256		/* samples per pixel */
#define DETAIL_MAX (1u << 19)	/* pixels: 46 minutes of 48 kHz at 256 */
#define OVERVIEW_MAX (1u << 14) /* pixels: 87 seconds of them */
#define CHANNELS_MAX 2		/* more are shown as their mean */
#define HEADER 24

struct extremes {
	int16_t min, max;
};

struct waveform {
	int rate;
	int channels; /* shown: 1 or 2 */
	int64_t scale;
	int64_t seen; /* samples per channel, with what gaps stand for */
	/* The pixel that is being filled. */
	int64_t filled;
	float lo[CHANNELS_MAX], hi[CHANNELS_MAX];
	struct extremes *pixels; /* by channel within a pixel */
	size_t n, room;		 /* pixels */
};

static void *
waveform_start(const struct source *src)
{
	struct waveform *w = calloc(1, sizeof(*w));

	(void)src;
	if (w)
		w->scale = SCALE_MIN;
	return w;
}

/* ---- pixels ------------------------------------------------------------- */

static int16_t
quantise(float v)
{
	return (int16_t)lrintf(fminf(fmaxf(v * 32768, -32768), 32767));
}

/* Merges groups of @by pixels in place; the last may be short. */
static size_t
merge(struct extremes *p, size_t n, size_t by, int channels)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i += by, out++)
		for (int c = 0; c < channels; c++) {
			struct extremes e = p[i * (size_t)channels + (size_t)c];

			for (size_t k = i + 1; k < n && k < i + by; k++) {
				struct extremes x =
				    p[k * (size_t)channels + (size_t)c];

				e.min = x.min < e.min ? x.min : e.min;
				e.max = x.max > e.max ? x.max : e.max;
			}
			p[out * (size_t)channels + (size_t)c] = e;
		}
	return out;
}

static int
grow(struct waveform *w)
{
	size_t room = w->room ? 2 * w->room : 1024;
	struct extremes *p =
	    realloc(w->pixels, room * (size_t)w->channels * sizeof(*p));

	if (!p)
		return -1;
	w->pixels = p;
	w->room = room;
	return 0;
}

/* The pixel is full, or the sound at its end. */
static int
end_pixel(struct waveform *w)
{
	struct extremes *p;

	if (w->n == w->room && grow(w) != 0)
		return -1;
	p = w->pixels + w->n++ * (size_t)w->channels;
	for (int c = 0; c < w->channels; c++)
		p[c] =
		    (struct extremes){ quantise(w->lo[c]), quantise(w->hi[c]) };
	w->filled = 0;
	if (w->n == DETAIL_MAX) {
		w->n = merge(w->pixels, w->n, 2, w->channels);
		w->scale *= 2;
	}
	return 0;
}

static void
take(struct waveform *w, int channel, float v)
{
	w->lo[channel] = v < w->lo[channel] ? v : w->lo[channel];
	w->hi[channel] = v > w->hi[channel] ? v : w->hi[channel];
}

static void
take_mean(struct waveform *w, const float *p, int n, int channels)
{
	for (int i = 0; i < n; i++, p += channels) {
		float sum = 0;

		for (int c = 0; c < channels; c++)
			sum += p[c];
		take(w, 0, sum / (float)channels);
	}
}

static void
take_each(struct waveform *w, const float *p, int n)
{
	if (w->channels == 1) {
		for (int i = 0; i < n; i++)
			take(w, 0, p[i]);
		return;
	}
	for (int i = 0; i < n; i++, p += 2) {
		take(w, 0, p[0]);
		take(w, 1, p[1]);
	}
}

/* @n samples of @channels; @p NULL: of silence. */
static int
add(struct waveform *w, const float *p, int64_t n, int channels)
{
	while (n > 0) {
		int64_t part = w->scale - w->filled;

		part = part < n ? part : n;
		if (w->filled == 0)
			for (int c = 0; c < CHANNELS_MAX; c++) {
				w->lo[c] = INFINITY;
				w->hi[c] = -INFINITY;
			}
		if (!p)
			for (int c = 0; c < w->channels; c++)
				take(w, c, 0);
		else if (channels > CHANNELS_MAX)
			take_mean(w, p, (int)part, channels);
		else
			take_each(w, p, (int)part);
		p = p ? p + part * channels : NULL;
		n -= part;
		w->filled += part;
		w->seen += part;
		if (w->filled == w->scale && end_pixel(w) != 0)
			return -1;
	}
	return 0;
}

/* Pixel i is at i * scale / rate, so gaps are drawn and what comes twice is
 * drawn once. */
static int
waveform_audio(void *self, struct job *job, const struct audio_block *b)
{
	struct waveform *w = self;
	struct audio_place at = audio_place(b, w->seen);

	w->rate = b->rate;
	w->channels = b->channels <= CHANNELS_MAX ? b->channels : 1;
	if (add(w, NULL, at.silence, b->channels) == 0 &&
	    add(w, b->samples + (ptrdiff_t)at.skip * b->channels,
		b->n - at.skip, b->channels) == 0)
		return 0;
	return job_fail(job, MEDIA_LIMIT, "out of memory");
}

/* ---- files -------------------------------------------------------------- */

static void
put_le32(unsigned char *p, int64_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

static int
write_detail(const struct waveform *w, struct job *job, struct output *out)
{
	size_t n = w->n * (size_t)w->channels;
	unsigned char *file = malloc(HEADER + 4 * n);
	int rc;

	if (!file)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	put_le32(file, 2);     /* version */
	put_le32(file + 4, 0); /* flags: not 8 bits */
	put_le32(file + 8, w->rate);
	put_le32(file + 12, w->scale);
	put_le32(file + 16, (int64_t)w->n);
	put_le32(file + 20, w->channels);
	for (size_t i = 0; i < n; i++)
		put_le32(file + HEADER + 4 * i,
			 (uint16_t)w->pixels[i].min |
			     (int64_t)w->pixels[i].max * 65536);
	rc = output_write(job, out, file, HEADER + 4 * n);
	free(file);
	return rc;
}

/* Merges the pixels on the way: the detail has been written. */
static int
write_overview(struct waveform *w, struct job *job, struct output *out)
{
	struct buf b = BUF_INIT;
	size_t by = 1;
	int rc;

	while ((w->n + by - 1) / by > OVERVIEW_MAX)
		by *= 2;
	w->n = merge(w->pixels, w->n, by, w->channels);
	json_open_object(&b, NULL);
	json_put_int(&b, "version", 2);
	json_put_int(&b, "channels", w->channels);
	json_put_int(&b, "sample_rate", w->rate);
	json_put_int(&b, "samples_per_pixel", w->scale * (int64_t)by);
	json_put_int(&b, "bits", 8);
	json_put_int(&b, "length", (int64_t)w->n);
	json_open_array(&b, "data");
	for (size_t i = 0; i < w->n * (size_t)w->channels; i++) {
		json_put_int(&b, NULL, w->pixels[i].min / 256);
		json_put_int(&b, NULL, w->pixels[i].max / 256);
	}
	json_close_array(&b);
	json_close_object(&b);
	rc = buf_ok(&b) ? output_write(job, out, b.p, b.n)
			: job_fail(job, MEDIA_LIMIT, "out of memory");
	buf_release(&b);
	return rc;
}

static int
waveform_finish(void *self, struct analysis *a)
{
	struct waveform *w = self;
	struct output *detail = output_named(a->out, "waveform.dat");
	struct output *overview = output_named(a->out, "waveform.json");

	if (w->filled && end_pixel(w) != 0)
		return job_fail(a->job, MEDIA_LIMIT, "out of memory");
	if (!w->n) {
		json_put_null(a->json, "waveform");
		return 0;
	}
	json_open_object(a->json, "waveform");
	json_put_str(a->json, "file", detail->name);
	json_put_str(a->json, "overview", overview->name);
	json_put_int(a->json, "sample_rate", w->rate);
	json_put_int(a->json, "channels", w->channels);
	json_put_int(a->json, "samples_per_pixel", w->scale);
	json_put_int(a->json, "length", (int64_t)w->n);
	json_close_object(a->json);
	if (write_detail(w, a->job, detail) != 0 ||
	    write_overview(w, a->job, overview) != 0)
		return -1;
	output_keep(detail, "waveform");
	output_keep(overview, "waveform-overview");
	return 0;
}

static void
waveform_free(void *self)
{
	struct waveform *w = self;

	free(w->pixels);
	free(w);
}

const struct analyser analyser_waveform = {
	.name = "waveform",
	.start = waveform_start,
	.on_audio = waveform_audio,
	.finish = waveform_finish,
	.free = waveform_free,
};
