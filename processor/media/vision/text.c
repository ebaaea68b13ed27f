/*
 * Text in the picture, second by second: lines that are found in two glances
 * in succession at the same place. Titles stay; what looks like a line in
 * moving foliage does not.
 */
#include "processor/media/pass/analyser.h"
#include "processor/media/vision/text_find.h"

#include <math.h>

#define LINES_MAX 64

struct text {
	struct text_room *room;
	struct text_line lines[2][LINES_MAX]; /* of this glance, of the last */
	size_t n_lines[2];
	int glances;
	double last;  /* time of the last glance */
	double *seen; /* 1 or 0, by seconds */
	size_t n_seen;
};

static void *
text_start(const struct source *src)
{
	struct text *t = calloc(1, sizeof(*t));

	(void)src;
	if (!t)
		return NULL;
	t->room = text_room_new();
	if (t->room)
		return t;
	free(t);
	return NULL;
}

static bool
same_place(const struct text_line *a, const struct text_line *b)
{
	int near = (a->h + b->h) / 8 + 1;

	return a->x < b->x + b->w && b->x < a->x + a->w &&
	       abs(a->y - b->y) <= near &&
	       abs(a->y + a->h - b->y - b->h) <= near;
}

/* A line of glance 0 was in glance 1. */
static bool
stays(const struct text *t)
{
	for (size_t i = 0; i < t->n_lines[0]; i++)
		for (size_t k = 0; k < t->n_lines[1]; k++)
			if (same_place(&t->lines[0][i], &t->lines[1][k]))
				return true;
	return false;
}

static int
text_video(void *self, struct job *job, const struct video_frame *f)
{
	struct text *t = self;
	double *now;

	if (!f->glance)
		return 0;
	memcpy(t->lines[1], t->lines[0], sizeof(t->lines[0]));
	t->n_lines[1] = t->n_lines[0];
	t->n_lines[0] = text_find(t->room, f->glance, t->lines[0], LINES_MAX);
	now = series_at(&t->seen, &t->n_seen, (size_t)f->time);
	if (!now)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	*now = 0;
	if (t->glances++ && stays(t))
		*now = t->seen[(size_t)t->last] = 1;
	t->last = f->time;
	return 0;
}

static int
text_finish(void *self, struct analysis *a)
{
	struct text *t = self;

	/* A single glance has nothing to be compared with. */
	if (t->glances == 1 && t->n_lines[0])
		t->seen[(size_t)t->last] = 1;
	series_write(a->json, "text", t->seen, t->n_seen, 0);
	a->found.text = t->seen;
	a->found.n_text = t->n_seen;
	t->seen = NULL;
	return 0;
}

static void
text_free(void *self)
{
	struct text *t = self;

	free(t->room);
	free(t->seen);
	free(t);
}

const struct analyser analyser_text = {
	.name = "text",
	.start = text_start,
	.on_video = text_video,
	.finish = text_finish,
	.free = text_free,
};
