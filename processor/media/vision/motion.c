/*
 * Motion, 0..1 for each second: the mean change from picture to picture,
 * brought to 1/30 s so that the frame rate does not matter, where a mean
 * change of FULL grey levels counts as 1. A cut counts as one large change.
 */
#include "processor/media/pass/analyser.h"

#include <math.h>

#define FULL 12.0
#define STEP (1.0 / 30)

struct motion {
	double *series; /* sums, then means */
	size_t n;
	double *counts;
	size_t n_counts;
	double last;
};

static void *
motion_start(const struct source *src)
{
	(void)src;
	return calloc(1, sizeof(struct motion));
}

static int
motion_video(void *self, struct job *job, const struct video_frame *f)
{
	struct motion *m = self;
	double step = fmin(fmax(f->time - m->last, STEP / 4), 0.5);
	double level = fmin(f->change.raw * STEP / step / FULL, 2);
	double *sum = series_at(&m->series, &m->n, (size_t)f->time);
	double *count = series_at(&m->counts, &m->n_counts, (size_t)f->time);

	if (!sum || !count)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	m->last = f->time;
	*sum = (isnan(*sum) ? 0 : *sum) + level;
	*count = (isnan(*count) ? 0 : *count) + 1;
	return 0;
}

static int
motion_finish(void *self, struct analysis *a)
{
	struct motion *m = self;

	for (size_t i = 0; i < m->n; i++)
		if (!isnan(m->series[i]))
			m->series[i] = fmin(m->series[i] / m->counts[i], 1);
	series_write(a->json, "motion", m->series, m->n, 3);
	a->found.motion = m->series;
	a->found.n_motion = m->n;
	m->series = NULL;
	return 0;
}

static void
motion_free(void *self)
{
	struct motion *m = self;

	free(m->series);
	free(m->counts);
	free(m);
}

const struct analyser analyser_motion = {
	.name = "motion",
	.start = motion_start,
	.on_video = motion_video,
	.finish = motion_finish,
	.free = motion_free,
};
