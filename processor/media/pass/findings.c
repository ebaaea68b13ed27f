/*
 * The memory of findings, series of one value per second, lists of spans,
 * and the place of sound in time.
 */
#include "processor/media/pass/analyser.h"

#include <math.h>

void
findings_release(struct findings *f)
{
	free(f->cuts);
	free(f->silences);
	free(f->loudness);
	free(f->activity);
	free(f->hops);
	free(f->motion);
	free(f->faces);
	free(f->pan);
	free(f->tilt);
	free(f->zoom);
	free(f->object_motion);
	free(f->text);
	free(f->blacks);
	free(f->freezes);
	free(f->face_boxes);
	*f = (struct findings){ 0 };
}

/* Room for n values: a power of two, so that it follows from n alone. */
static size_t
room(size_t n)
{
	size_t cap = 64;

	while (cap < n)
		cap *= 2;
	return n ? cap : 0;
}

double *
series_at(double **series, size_t *n, size_t i)
{
	if (i >= *n && room(i + 1) > room(*n)) {
		double *grown =
		    realloc(*series, room(i + 1) * sizeof(**series));

		if (!grown)
			return NULL;
		*series = grown;
	}
	while (*n <= i)
		(*series)[(*n)++] = NAN;
	return &(*series)[i];
}

void
series_write(struct buf *b, const char *name, const double *series, size_t n,
	     int decimals)
{
	json_open_array(b, name);
	for (size_t i = 0; i < n; i++)
		json_put_num(b, NULL, round_to(series[i], decimals));
	json_close_array(b);
}

void
spans_add(struct span *list, size_t *n, double from, double to, double least)
{
	if (!isnan(from) && to - from >= least && *n < SPANS_MAX)
		list[(*n)++] = (struct span){ from, to };
}

void
spans_write(struct buf *b, const char *name, const struct span *list, size_t n,
	    int decimals)
{
	json_open_array(b, name);
	for (size_t i = 0; i < n; i++) {
		json_open_object(b, NULL);
		json_put_num(b, "start", round_to(list[i].start, decimals));
		json_put_num(b, "end", round_to(list[i].end, decimals));
		json_close_object(b);
	}
	json_close_array(b);
}

struct audio_place
audio_place(const struct audio_block *b, int64_t seen)
{
	int64_t late = llround(b->time * b->rate) - seen;

	/* A sample is lost in rounding, not in the stream. */
	if (late > 1)
		return (struct audio_place){ .silence = late };
	if (late < -1)
		return (struct audio_place){ .skip = -late < b->n ? (int)-late
								  : b->n };
	return (struct audio_place){ 0 };
}
