/*
 * Faces, looked for in each glance that differs from the last one looked at:
 * of an unchanged picture the answer is known. Counts are kept for every
 * second, places for at most KEPT of them: when there are more, every second
 * one is dropped and from then on only such are kept.
 */
#include "processor/media/vision/faces.h"
#include "processor/media/pass/analyser.h"
#include "base/io.h"

#include <math.h>

#define FILE_NAME \
	"/usr/share/opencv4/lbpcascades/lbpcascade_frontalface_improved.xml"
#define IN_ONE 8 /* faces of one picture */
#define KEPT 2000
#define CHANGED 3.0 /* mean of cells: another picture */

static const struct cascade *loaded;

struct faces {
	struct cascade_room *room;
	struct grid last;		  /* looked at */
	struct cascade_box boxes[IN_ONE]; /* found in it */
	size_t n_boxes;
	double *counts;
	size_t n_counts;
	struct face *list;
	size_t n_list;
	int every; /* seconds between those kept */
};

void
faces_use(const struct cascade *cascade)
{
	loaded = cascade;
}

void
faces_load(void)
{
	struct buf xml = BUF_MAX(CASCADE_BYTES_MAX);

	if (io_read_file(FILE_NAME, &xml) == 0 && buf_ok(&xml))
		faces_use(cascade_read(buf_slice(&xml)));
	buf_release(&xml);
}

static void faces_free(void *self);

static void *
faces_start(const struct source *src)
{
	struct faces *s = calloc(1, sizeof(*s));

	(void)src;
	if (!s || !loaded)
		return s;
	s->every = 1;
	s->room = cascade_room_new();
	s->list = calloc(KEPT, sizeof(*s->list));
	if (s->room && s->list)
		return s;
	faces_free(s);
	return NULL;
}

static bool
is_other(const struct grid *a, const struct grid *b)
{
	int sum = 0, n = a->w * a->h;

	if (a->w != b->w || a->h != b->h)
		return true;
	for (int i = 0; i < n; i++)
		sum += abs(a->y[i] - b->y[i]);
	return sum > CHANGED * n;
}

/* Half of the seconds go. */
static void
thin(struct faces *s)
{
	size_t n = 0;

	s->every *= 2;
	for (size_t i = 0; i < s->n_list; i++)
		if ((int)s->list[i].time % s->every == 0)
			s->list[n++] = s->list[i];
	s->n_list = n;
}

static void
keep(struct faces *s, double time)
{
	while (s->n_list + s->n_boxes > KEPT)
		thin(s);
	if ((int)time % s->every != 0)
		return;
	for (size_t i = 0; i < s->n_boxes; i++)
		s->list[s->n_list++] =
		    (struct face){ .time = time, .box = s->boxes[i] };
}

static int
faces_video(void *self, struct job *job, const struct video_frame *f)
{
	struct faces *s = self;
	double *count;

	if (!f->glance || !s->room)
		return 0;
	if (is_other(&s->last, f->grid)) {
		s->n_boxes =
		    cascade_find(loaded, s->room, f->glance->y, f->glance->w,
				 f->glance->h, s->boxes, IN_ONE);
		s->last = *f->grid;
	}
	count = series_at(&s->counts, &s->n_counts, (size_t)f->time);
	if (!count)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	*count = (double)s->n_boxes;
	keep(s, f->time);
	return 0;
}

static void
write_faces(struct buf *b, const struct faces *s)
{
	json_open_object(b, "faces");
	series_write(b, "count", s->counts, s->n_counts, 0);
	json_open_array(b, "boxes");
	for (size_t i = 0; i < s->n_list; i++) {
		const struct cascade_box *box = &s->list[i].box;

		json_open_object(b, NULL);
		json_put_num(b, "time", round_to(s->list[i].time, 3));
		json_put_num(b, "x", round_to((double)box->x, 3));
		json_put_num(b, "y", round_to((double)box->y, 3));
		json_put_num(b, "width", round_to((double)box->w, 3));
		json_put_num(b, "height", round_to((double)box->h, 3));
		json_close_object(b);
	}
	json_close_array(b);
	json_close_object(b);
}

static int
faces_finish(void *self, struct analysis *a)
{
	struct faces *s = self;

	if (s->n_counts)
		write_faces(a->json, s);
	else
		json_put_null(a->json, "faces");
	a->found.faces = s->counts;
	a->found.n_faces = s->n_counts;
	a->found.face_boxes = s->list;
	a->found.n_face_boxes = s->n_list;
	s->counts = NULL;
	s->list = NULL;
	return 0;
}

static void
faces_free(void *self)
{
	struct faces *s = self;

	free(s->room);
	free(s->counts);
	free(s->list);
	free(s);
}

const struct analyser analyser_faces = {
	.name = "faces",
	.start = faces_start,
	.on_video = faces_video,
	.finish = faces_finish,
	.free = faces_free,
};
