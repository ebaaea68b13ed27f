/*
 * What the camera does and what moves before it. Four times a second the
 * picture is compared with the one of a quarter of a second ago: a shift and
 * a zoom of the whole picture are fitted to their sketches by least squares,
 * beginning at the best shift by whole cells, cells that do not agree
 * counting little (B. Lucas, T. Kanade, An Iterative Image Registration
 * Technique, 1981). Blocks that differ after it move by themselves.
 */
#include "processor/media/pass/analyser.h"
#include "processor/media/input/turn.h"

#include <math.h>

#define STEP 0.25	 /* seconds between two pictures compared .. */
#define STEP_MAX 1.0	 /* .. and at most, of slow ones */
#define STILL_RAW 0.25	 /* grey levels: nothing happens */
#define OTHER_SCENE 16.0 /* left after the best shift */
#define ROUNDS 4
#define EVERY 2	     /* cells between those looked at */
#define OUTLIER 8.0  /* grey levels that halve a cell's weight */
#define BLOCK 5	     /* looked at cells, each way */
#define MOVED 5.0    /* grey levels beside those that the slope explains */
#define BY_SLOPE 0.3 /* cells that the fit may be wrong by */
#define SURE 0.2     /* of the blocks move: no other fit is tried */
#define LOST 0.5     /* no fit of the whole picture */
#define SMALLEST 16  /* cells of a side */

struct fit {
	double dx, dy; /* where in the earlier picture the middle was, cells */
	double zoom;   /* and how much larger everything was, minus 1 */
	double moving; /* share of the blocks that do not fit */
};

/* By seconds: sums, in the end means. */
enum { PAN, TILT, ZOOM, OBJECTS, CAMERA_COUNT, OBJECTS_COUNT, SERIES };

struct series {
	double *v;
	size_t n;
};

struct camera {
	struct grid before;
	double time;		/* of that picture; NAN: none yet */
	int walked_x, walked_y; /* best shifts since, picture by picture */
	struct turn turn;
	struct series series[SERIES];
};

static void *
camera_start(const struct source *src)
{
	struct camera *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->time = NAN;
	if (src)
		c->turn = turn_of(src->video);
	return c;
}

/* ---- the fit ------------------------------------------------------------ */

/* The value at (x, y), between cells; false outside, wherever that is. */
static bool
value_at(const struct sketch *s, double x, double y, double *v)
{
	const uint8_t *p;
	int i, j;

	if (!(x >= 0 && y >= 0 && x < s->w - 1 && y < s->h - 1))
		return false;
	i = (int)x;
	j = (int)y;
	p = s->y + j * s->w + i;
	x -= i;
	y -= j;
	*v = (1 - y) * (p[0] + x * (p[1] - p[0])) +
	     y * (p[s->w] + x * (p[s->w + 1] - p[s->w]));
	return true;
}

struct cell {
	double error;	 /* now minus before */
	double gx, gy;	 /* slope */
	double fit_zoom; /* what the zoom does to it */
};

/* Cell (x, y) of @b beside where it was in @a. */
static bool
look(struct cell *c, const struct sketch *a, const struct sketch *b,
     const struct fit *fit, int x, int y)
{
	const uint8_t *p = b->y + y * b->w + x;
	double rx = x - (b->w - 1) / 2.0, ry = y - (b->h - 1) / 2.0;
	double was;

	if (!value_at(a, x + fit->dx + fit->zoom * rx,
		      y + fit->dy + fit->zoom * ry, &was))
		return false;
	c->error = *p - was;
	c->gx = (p[1] - p[-1]) / 2.0;
	c->gy = (p[b->w] - p[-b->w]) / 2.0;
	c->fit_zoom = c->gx * rx + c->gy * ry;
	return true;
}

/* x of m x = v, m symmetric and positive (upper half given). */
static bool
solve(double m[3][3], const double v[3], double x[3])
{
	double det, a = m[0][0], b = m[0][1], c = m[0][2], d = m[1][1],
		    e = m[1][2], f = m[2][2];

	det = a * (d * f - e * e) - b * (b * f - c * e) + c * (b * e - c * d);
	if (!(det > 1e-6 * (a + 1) * (d + 1) * (f + 1)))
		return false;
	x[0] = (v[0] * (d * f - e * e) - b * (v[1] * f - e * v[2]) +
		c * (v[1] * e - d * v[2])) /
	       det;
	x[1] = (a * (v[1] * f - e * v[2]) - v[0] * (b * f - c * e) +
		c * (b * v[2] - c * v[1])) /
	       det;
	x[2] = (a * (d * v[2] - e * v[1]) - b * (b * v[2] - c * v[1]) +
		v[0] * (b * e - c * d)) /
	       det;
	return true;
}

/* One step of the fit. false: the picture has too little to hold on to. */
static bool
improve(struct fit *fit, const struct sketch *a, const struct sketch *b)
{
	double m[3][3] = { 0 }, v[3] = { 0 }, step[3];
	struct cell c;

	for (int y = 1; y + 1 < b->h; y += EVERY)
		for (int x = 1; x + 1 < b->w; x += EVERY) {
			double e, w;

			if (!look(&c, a, b, fit, x, y))
				continue;
			e = c.error / OUTLIER;
			w = 1 / (1 + e * e);
			m[0][0] += w * c.gx * c.gx;
			m[0][1] += w * c.gx * c.gy;
			m[0][2] += w * c.gx * c.fit_zoom;
			m[1][1] += w * c.gy * c.gy;
			m[1][2] += w * c.gy * c.fit_zoom;
			m[2][2] += w * c.fit_zoom * c.fit_zoom;
			v[0] += w * c.gx * c.error;
			v[1] += w * c.gy * c.error;
			v[2] += w * c.fit_zoom * c.error;
		}
	if (!solve(m, v, step))
		return false;
	fit->dx += step[0];
	fit->dy += step[1];
	fit->zoom += step[2];
	return true;
}

/* The share of blocks that differ by more than an inexact fit would; all of
 * them when most of the picture was not there before. */
static double
moving_share(const struct fit *fit, const struct sketch *a,
	     const struct sketch *b)
{
	int all = 0, blocks = 0, moving = 0;
	struct cell c;

	for (int by = 1; by + 1 < b->h; by += BLOCK * EVERY)
		for (int bx = 1; bx + 1 < b->w; bx += BLOCK * EVERY) {
			double error = 0, slope = 0;
			int n = 0;

			for (int i = 0; i < BLOCK * BLOCK; i++) {
				int x = bx + i % BLOCK * EVERY;
				int y = by + i / BLOCK * EVERY;

				if (x + 1 >= b->w || y + 1 >= b->h ||
				    !look(&c, a, b, fit, x, y))
					continue;
				error += fabs(c.error);
				slope += fabs(c.gx) + fabs(c.gy);
				n++;
			}
			all++;
			if (n < BLOCK)
				continue;
			blocks++;
			moving += error > n * MOVED + BY_SLOPE * slope;
		}
	return 4 * blocks > all ? (double)moving / blocks : 1;
}

/* ---- the series --------------------------------------------------------- */

static int
add(struct camera *c, int which, double time, double value)
{
	struct series *s = &c->series[which];
	double *at = series_at(&s->v, &s->n, (size_t)time);

	if (!at)
		return -1;
	*at = (isnan(*at) ? 0 : *at) + value;
	return 0;
}

static int
add_camera(struct camera *c, const struct fit *fit, double step, double time)
{
	const struct sketch *s = &c->before.sketch;
	double x = fit->dx / s->w, y = fit->dy / s->h;
	double right = c->turn.transpose ? y : x;
	double down = c->turn.transpose ? x : y;

	if (c->turn.mirror_x)
		right = -right;
	if (c->turn.mirror_y)
		down = -down;
	if (add(c, PAN, time, right / step) != 0 ||
	    add(c, TILT, time, -down / step) != 0 ||
	    add(c, ZOOM, time, -fit->zoom / step) != 0)
		return -1;
	return add(c, CAMERA_COUNT, time, 1);
}

/* From a shift by whole cells. */
static struct fit
fit_from(const struct sketch *a, const struct sketch *b, int dx, int dy)
{
	struct fit fit = { dx, dy, 0, 1 };

	for (int i = 0; i < ROUNDS; i++)
		if (!improve(&fit, a, b))
			return fit;
	fit.moving = moving_share(&fit, a, b);
	return fit;
}

/*
 * Large shifts are found step by step or at once: fine structure looks the
 * same after a while, and of small steps only whole cells are seen.
 */
static struct fit
best_fit(const struct camera *c, const struct sketch *a, const struct sketch *b,
	 const struct grid_change *change)
{
	struct fit at_once = fit_from(a, b, change->dx, change->dy), walked;

	if (at_once.moving < SURE ||
	    (c->walked_x == change->dx && c->walked_y == change->dy))
		return at_once;
	walked = fit_from(a, b, c->walked_x, c->walked_y);
	return walked.moving < at_once.moving ? walked : at_once;
}

static int
compare(struct camera *c, const struct video_frame *f, double step)
{
	const struct sketch *a = &c->before.sketch, *b = &f->grid->sketch;
	struct grid_change change = grid_compare(&c->before, f->grid);
	struct fit fit = { 0 };

	if (b->w < SMALLEST || b->h < SMALLEST || a->w != b->w || a->h != b->h)
		return 0;
	if (change.raw > STILL_RAW)
		fit = best_fit(c, a, b, &change);
	if (fit.moving > LOST && change.residual > OTHER_SCENE)
		return 0;
	if (fit.moving < LOST && add_camera(c, &fit, step, f->time) != 0)
		return -1;
	if (add(c, OBJECTS, f->time, fit.moving) != 0)
		return -1;
	return add(c, OBJECTS_COUNT, f->time, 1);
}

static int
camera_video(void *self, struct job *job, const struct video_frame *f)
{
	struct camera *c = self;
	double step = f->time - c->time; /* NAN before the first */

	c->walked_x += f->change.dx;
	c->walked_y += f->change.dy;
	if (step < STEP - 1e-3)
		return 0;
	if (step <= STEP_MAX && compare(c, f, step) != 0)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	c->before = *f->grid;
	c->time = f->time;
	c->walked_x = c->walked_y = 0;
	return 0;
}

/* The means, which are the caller's from then on. */
static double *
take(struct camera *c, int which, int count, size_t *n)
{
	struct series *s = &c->series[which];
	double *means = s->v;

	for (size_t i = 0; i < s->n; i++)
		means[i] /= c->series[count].v[i]; /* NAN stays */
	*n = s->n;
	s->v = NULL;
	return means;
}

static int
camera_finish(void *self, struct analysis *a)
{
	struct findings *f = &a->found;

	f->pan = take(self, PAN, CAMERA_COUNT, &f->n_camera);
	f->tilt = take(self, TILT, CAMERA_COUNT, &f->n_camera);
	f->zoom = take(self, ZOOM, CAMERA_COUNT, &f->n_camera);
	f->object_motion =
	    take(self, OBJECTS, OBJECTS_COUNT, &f->n_object_motion);
	json_open_object(a->json, "camera");
	series_write(a->json, "pan", f->pan, f->n_camera, 3);
	series_write(a->json, "tilt", f->tilt, f->n_camera, 3);
	series_write(a->json, "zoom", f->zoom, f->n_camera, 3);
	json_close_object(a->json);
	series_write(a->json, "object_motion", f->object_motion,
		     f->n_object_motion, 3);
	return 0;
}

static void
camera_free(void *self)
{
	struct camera *c = self;

	for (int i = 0; i < SERIES; i++)
		free(c->series[i].v);
	free(c);
}

const struct analyser analyser_camera = {
	.name = "camera",
	.start = camera_start,
	.on_video = camera_video,
	.finish = camera_finish,
	.free = camera_free,
};
