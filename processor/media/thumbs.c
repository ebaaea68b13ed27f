/*
 * Candidates live in slots of equal time. When the file turns out longer than
 * the slots, pairs of slots are merged and each covers twice the time: so the
 * claimed duration is not needed, at least half of the slots are filled, and
 * no more than SLOTS frames are held.
 */
#pragma GCC optimize("O3") /* vector code for the sums over a picture */
#include "processor/media/thumbs.h"
#include "processor/media/picture.h"

#include <math.h>

#include <libavcodec/packet.h>

#define SLOTS 6
#define FIRST_SPAN 0.25 /* seconds of one slot at first */
#define POSTER_WIDTH 1280
#define THUMB_WIDTH 640
#define THUMBS 3

struct candidate {
	AVFrame *frame; /* a reference; NULL: empty */
	double time;
	double score;
};

struct thumbs {
	struct candidate slots[SLOTS];
	double span;
	const struct source *src;
};

/* Mean step between neighbours: what a blurred picture lacks. */
static double
sharpness(const struct grid *g)
{
	int sum = 0, w = g->w - 1, h = g->h - 1;

	for (int y = 0; y < h; y++) {
		const uint8_t *row = g->y + y * g->w;

		for (int x = 0; x < w; x++)
			sum += abs(row[x + 1] - row[x]);
		for (int x = 0; x < w; x++)
			sum += abs(row[x + g->w] - row[x]);
	}
	return w > 0 && h > 0 ? (double)sum / (w * h) : 0;
}

/* Mean distance of chroma from grey. */
static double
colourfulness(const struct grid *g)
{
	int sum = 0, n = g->cw * g->ch;

	for (int i = 0; i < n; i++)
		sum += abs(g->u[i] - 128);
	for (int i = 0; i < n; i++)
		sum += abs(g->v[i] - 128);
	return n ? (double)sum / n : 0;
}

double
thumbs_score(const struct grid *g, double change)
{
	double sharp = fmin(sharpness(g) / 24, 1);
	double contrast = fmin(g->dev / 60, 1);
	double colour = fmin(colourfulness(g) / 40, 1);
	/* Full marks between 70 and 170, none at black and white. */
	double exposure =
	    fmin(1, fmax(0, fmin((g->mean - 20) / 50, (240 - g->mean) / 70)));
	double score =
	    0.35 * sharp + 0.25 * contrast + 0.2 * colour + 0.2 * exposure;

	/* Nothing to see: black, white, one colour. */
	if (g->dev < 6)
		score *= 0.1;
	/* Just cut or moving fast: rather a calm one. */
	return score * (1 - 0.5 * fmin(change / 24, 1));
}

static void *
thumbs_start(const struct source *src)
{
	struct thumbs *t = calloc(1, sizeof(*t));

	if (t) {
		t->span = FIRST_SPAN;
		t->src = src;
	}
	return t;
}

/* The better of both; the other is dropped. */
static struct candidate
merge(struct candidate a, struct candidate b)
{
	struct candidate *worse = &a;
	struct candidate best = b;

	if (a.frame && (!b.frame || a.score >= b.score)) {
		best = a;
		worse = &b;
	}
	av_frame_free(&worse->frame);
	return best;
}

static void
widen(struct thumbs *t)
{
	for (int i = 0; i < SLOTS / 2; i++)
		t->slots[i] = merge(t->slots[2 * i], t->slots[2 * i + 1]);
	for (int i = SLOTS / 2; i < SLOTS; i++)
		t->slots[i] = (struct candidate){ 0 };
	t->span *= 2;
}

static int
thumbs_video(void *self, struct job *job, const struct video_frame *f)
{
	struct thumbs *t = self;
	double score = thumbs_score(f->grid, f->change.raw);
	struct candidate *slot;

	while (f->time >= SLOTS * t->span)
		widen(t);
	slot = &t->slots[(int)(f->time / t->span)];
	if (slot->frame && score <= slot->score)
		return 0;
	av_frame_free(&slot->frame);
	slot->frame = av_frame_clone(f->frame);
	slot->time = f->time;
	slot->score = score;
	if (!slot->frame)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	return 0;
}

static int
write_picture(struct analysis *a, const struct thumbs *t,
	      const struct candidate *c, struct output *out, const char *role,
	      int max_width, struct picture_size *size)
{
	AVStream *st = t->src->video;
	AVRational sar = source_aspect(t->src, c->frame);
	int rotation = source_rotation(st);
	AVPacket *jpeg = NULL;
	int rc;

	*size = picture_fit(c->frame, sar, rotation, max_width);
	rc = picture_jpeg(a->job, c->frame, rotation, *size, &jpeg);
	if (rc == 0)
		rc = output_write(a->job, out, jpeg->data, (size_t)jpeg->size);
	if (rc == 0)
		output_keep(out, role);
	av_packet_free(&jpeg);
	return rc;
}

static int
write_poster(struct analysis *a, const struct thumbs *t,
	     const struct candidate *all, int n)
{
	struct output *out = output_named(a->out, "poster.jpg");
	const struct candidate *best = &all[0];
	struct picture_size size;

	if (n == 0) {
		json_put_null(a->json, "poster");
		return 0;
	}
	for (int i = 1; i < n; i++)
		if (all[i].score > best->score)
			best = &all[i];
	json_put_str(a->json, "poster", out->name);
	return write_picture(a, t, best, out, "poster", POSTER_WIDTH, &size);
}

/* The candidates in three runs of equal length, the best of each. */
static int
write_thumbs(struct analysis *a, const struct thumbs *t,
	     const struct candidate *all, int n)
{
	int runs = n < THUMBS ? n : THUMBS;
	int rc = 0;

	json_open_array(a->json, "thumbnails");
	for (int i = 0; i < runs && rc == 0; i++) {
		char name[OUTPUT_NAME_MAX];
		struct output *out;
		const struct candidate *best = &all[i * n / runs];
		struct picture_size size;

		snprintf(name, sizeof(name), "thumb-%d.jpg", i + 1);
		out = output_named(a->out, name);
		for (int k = i * n / runs; k < (i + 1) * n / runs; k++)
			if (all[k].score > best->score)
				best = &all[k];
		rc = write_picture(a, t, best, out, "thumbnail", THUMB_WIDTH,
				   &size);
		json_open_object(a->json, NULL);
		json_put_str(a->json, "file", out->name);
		json_put_num(a->json, "time", round_to(best->time, 3));
		json_put_int(a->json, "width", size.w);
		json_put_int(a->json, "height", size.h);
		json_close_object(a->json);
	}
	json_close_array(a->json);
	return rc;
}

static int
thumbs_finish(void *self, struct analysis *a)
{
	struct thumbs *t = self;
	struct candidate all[SLOTS];
	int n = 0;

	for (int i = 0; i < SLOTS; i++)
		if (t->slots[i].frame)
			all[n++] = t->slots[i];
	if (write_poster(a, t, all, n) != 0)
		return -1;
	return write_thumbs(a, t, all, n);
}

static void
thumbs_free(void *self)
{
	struct thumbs *t = self;

	for (int i = 0; t && i < SLOTS; i++)
		av_frame_free(&t->slots[i].frame);
	free(t);
}

const struct analyser analyser_thumbs = {
	.name = "thumbs",
	.start = thumbs_start,
	.on_video = thumbs_video,
	.finish = thumbs_finish,
	.free = thumbs_free,
};
