/*
 * A short queue of frames between the decoder's thread and the one that shows
 * them. Shared, under the lock: queue, first, n, last, failed. The job that
 * analysers get is a copy, so that two threads never fail the same one.
 */
#include "processor/media/pass/pictures.h"

#include <math.h>
#include <pthread.h>

/* Pictures per second nobody has, and room for files without a duration. */
#define FPS_MAX 240
#define FRAMES_MARGIN 2000
#define FRAMES_UNKNOWN (FPS_MAX * 3600ll)
#define QUEUE 4
#define QUEUE_LARGE 1 /* of pictures of a hundred megabytes */
#define LARGE (4096 * 2304)
#define STACK (1 << 20)

struct pictures {
	struct job *job; /* the caller's */
	struct job own;
	const struct source *src;
	const struct sink *sinks;
	size_t n_sinks;
	struct decoded *out;
	struct grid grids[2];
	bool has_grid;
	struct glance glance;
	double glance_due; /* seconds */
	double time;	   /* of the last one */
	double end;
	int64_t frames_max;

	bool threaded;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	AVFrame *queue[QUEUE];
	int room; /* of the queue that is used */
	int first, n;
	bool last; /* no more will come */
	bool failed;
};

/* ---- one picture -------------------------------------------------------- */

static double
frame_seconds(const AVStream *st)
{
	double fps = av_q2d(st->avg_frame_rate);

	return fps > 1 && fps < FPS_MAX ? 1 / fps : 1.0 / 25;
}

/* Time of the picture: never backwards, never unknown. */
static double
picture_time(struct pictures *p, const AVFrame *frame)
{
	double t =
	    source_time(p->src, p->src->video, frame->best_effort_timestamp);
	double step;

	if (p->out->frames == 0)
		return isnan(t) || t < 0 ? 0 : t;
	if (isnan(t))
		t = p->time + frame_seconds(p->src->video);
	step = t - p->time;
	if (step <= 0)
		return p->time;
	p->out->min_step = fmin(p->out->min_step, step);
	p->out->max_step = fmax(p->out->max_step, step);
	steps_add(&p->out->steps, step);
	return t;
}

static const struct glance *
take_glance(struct pictures *p, const AVFrame *frame)
{
	bool taken =
	    glance_take(&p->glance, frame, source_aspect(p->src, frame),
			turn_of(p->src->video));

	return taken ? &p->glance : NULL;
}

static int
show(struct pictures *p, struct job *job, const AVFrame *frame)
{
	struct grid *grid = &p->grids[p->out->frames & 1];
	struct grid *before = &p->grids[~p->out->frames & 1];
	struct video_frame v = { .number = p->out->frames,
				 .time = picture_time(p, frame),
				 .grid = grid,
				 .frame = frame };

	if (v.time > SOURCE_SECONDS_MAX || v.number >= p->frames_max)
		return job_fail(job, MEDIA_LIMIT,
				"more pictures than the duration allows");
	if (!grid_fill(grid, frame))
		return job_fail(job, MEDIA_UNSUPPORTED,
				"the pixel format cannot be analysed");
	if (p->has_grid)
		v.change = grid_compare(before, grid);
	if (v.time >= p->glance_due) {
		v.glance = take_glance(p, frame);
		p->glance_due = floor(v.time) + 1;
	}
	p->has_grid = true;
	p->time = v.time;
	p->end = v.time + frame_seconds(p->src->video);
	p->out->frames++;
	p->out->interlaced += frame->interlaced_frame != 0;
	for (size_t i = 0; i < p->n_sinks; i++)
		if (p->sinks[i].type->on_video &&
		    p->sinks[i].type->on_video(p->sinks[i].self, job, &v))
			return -1;
	return 0;
}

/* ---- the thread --------------------------------------------------------- */

/* Moves the next one into @frame; false when there will be none. */
static bool
take(struct pictures *p, AVFrame *frame)
{
	bool taken;

	pthread_mutex_lock(&p->lock);
	while (!p->n && !p->last)
		pthread_cond_wait(&p->changed, &p->lock);
	taken = p->n > 0;
	if (taken) {
		av_frame_move_ref(frame, p->queue[p->first]);
		p->first = (p->first + 1) % QUEUE;
		p->n--;
		pthread_cond_signal(&p->changed);
	}
	pthread_mutex_unlock(&p->lock);
	return taken;
}

static void *
show_all(void *arg)
{
	struct pictures *p = arg;
	AVFrame *frame = av_frame_alloc();
	int rc = frame ? 0 : job_fail(&p->own, MEDIA_LIMIT, "out of memory");

	while (rc == 0 && take(p, frame)) {
		rc = show(p, &p->own, frame);
		av_frame_unref(frame);
	}
	av_frame_free(&frame);
	pthread_mutex_lock(&p->lock);
	p->failed = rc != 0;
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static bool
start_thread(struct pictures *p)
{
	pthread_attr_t attr;

	for (int i = 0; i < QUEUE; i++) {
		p->queue[i] = av_frame_alloc();
		if (!p->queue[i])
			return false;
	}
	if (pthread_attr_init(&attr) != 0)
		return false;
	p->threaded = pthread_attr_setstacksize(&attr, STACK) == 0 &&
		      pthread_create(&p->thread, &attr, show_all, p) == 0;
	pthread_attr_destroy(&attr);
	return p->threaded;
}

static void
release(struct pictures *p)
{
	for (int i = 0; i < QUEUE; i++)
		av_frame_free(&p->queue[i]);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

struct pictures *
pictures_start(struct job *job, const struct source *src,
	       const struct sink *sinks, size_t n_sinks, struct decoded *out)
{
	struct pictures *p = calloc(1, sizeof(*p));
	const AVCodecParameters *par;

	if (!p) {
		job_fail(job, MEDIA_LIMIT, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	p->job = job;
	p->own = *job;
	p->src = src;
	p->sinks = sinks;
	p->n_sinks = n_sinks;
	p->out = out;
	par = src->video->codecpar;
	p->room =
	    (int64_t)par->width * par->height > LARGE ? QUEUE_LARGE : QUEUE;
	p->frames_max = FRAMES_UNKNOWN;
	if (src->duration > 0)
		p->frames_max =
		    FRAMES_MARGIN + (int64_t)(1.2 * FPS_MAX * src->duration);
	/* On one thread a picture is shown while the cache still has it. */
	if (job->req.threads == 1 || start_thread(p))
		return p;
	job_fail(job, MEDIA_LIMIT, "no thread for the pictures");
	release(p);
	return NULL;
}

int
pictures_show(struct pictures *p, AVFrame *frame)
{
	int rc = 0;

	if (!p->threaded) {
		rc = show(p, p->job, frame);
		av_frame_unref(frame);
		return rc;
	}
	pthread_mutex_lock(&p->lock);
	while (p->n == p->room && !p->failed)
		pthread_cond_wait(&p->changed, &p->lock);
	if (p->failed) {
		rc = -1;
		av_frame_unref(frame);
	} else {
		av_frame_move_ref(p->queue[(p->first + p->n) % QUEUE], frame);
		p->n++;
		pthread_cond_signal(&p->changed);
	}
	pthread_mutex_unlock(&p->lock);
	return rc;
}

int
pictures_end(struct pictures *p)
{
	int rc = 0;

	if (p->threaded) {
		pthread_mutex_lock(&p->lock);
		p->last = true;
		pthread_cond_signal(&p->changed);
		pthread_mutex_unlock(&p->lock);
		pthread_join(p->thread, NULL);
		if (p->failed)
			rc =
			    job_fail(p->job, p->own.code, "%s", p->own.message);
	}
	p->out->end = fmax(p->out->end, p->end);
	release(p);
	return rc;
}
