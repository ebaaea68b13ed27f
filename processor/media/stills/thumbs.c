/*
 * Candidates live in slots of equal time. When the file turns out longer than
 * the slots, pairs of slots are merged and each covers twice the time: so the
 * claimed duration is not needed, at least half of the slots are filled, and
 * no more than SLOTS frames are held.
 */
#include "processor/media/stills/thumbs.h"
#include "processor/media/stills/cover.h"
#include "processor/media/stills/picture.h"
#include "processor/media/stills/picture_score.h"
#include "processor/media/stills/still.h"
#include "processor/media/stills/thumbhash.h"

#include "base/encode.h"

#include <math.h>

#define SLOTS 6
#define FIRST_SPAN 0.25 /* seconds of one slot at first */
#define STEP 0.2	/* seconds from one judged picture to the next */
/* Upright pictures are at most as high as wide ones are wide. */
#define POSTER_SIDE 1280
#define THUMB_SIDE 640

struct candidate {
	AVFrame *frame; /* a reference; NULL: empty */
	double time;
	struct picture_score why;
	double score; /* their total */
};

struct thumbs {
	struct candidate slots[SLOTS];
	double span;
	double next; /* no picture before is judged */
	const struct source *src;
};

double
thumbs_score(const struct grid *g, double change)
{
	struct picture_score s = picture_score(g, change);

	return picture_score_total(&s);
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
	struct candidate now = { .time = f->time };
	struct candidate *slot;

	if (f->time < t->next)
		return 0;
	t->next = f->time + STEP;
	now.why = picture_score(f->grid, f->change.raw);
	now.score = picture_score_total(&now.why);
	while (f->time >= SLOTS * t->span)
		widen(t);
	slot = &t->slots[(int)(f->time / t->span)];
	if (slot->frame && now.score <= slot->score)
		return 0;
	now.frame = av_frame_clone(f->frame);
	if (!now.frame)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	av_frame_free(&slot->frame);
	*slot = now;
	return 0;
}

/* ---- the end ------------------------------------------------------------ */

/* The member "thumbhash" of the RGB picture. */
static int
write_hash(struct analysis *a, const AVFrame *picture)
{
	struct picture_size most = { THUMBHASH_SIDE, THUMBHASH_SIDE };
	AVFrame *tiny = picture_frame(PICTURE_PIXELS,
				      picture_fit(picture, (AVRational){ 1, 1 },
						  (struct turn){ 0 }, most));
	struct SwsContext *sws = NULL;
	struct buf text = BUF_INIT;
	uint8_t hash[THUMBHASH_MAX];

	if (tiny && picture_scale(&sws, tiny, picture) == 0)
		base64_encode(&text, hash, thumbhash(tiny, hash));
	if (buf_ok(&text) && text.n)
		json_put_slice(a->json, "thumbhash", buf_slice(&text));
	else
		job_fail(a->job, MEDIA_LIMIT, "out of memory");
	buf_release(&text);
	sws_freeContext(sws);
	av_frame_free(&tiny);
	return a->job->code == MEDIA_OK ? 0 : -1;
}

/* The candidate as NAME.jpg and NAME.webp, and what is known of it. */
static int
write_picture(struct analysis *a, const struct candidate *c, const AVStream *st,
	      int side, const char *role, const char *name,
	      struct found_picture *found)
{
	struct picture_maker maker = {
		.job = a->job, .src = a->src, .st = st, .most = { side, side }
	};
	char webp[sizeof(found->file)];
	AVFrame *picture = NULL;
	int rc = picture_make(&maker, c->frame, &picture);

	snprintf(found->file, sizeof(found->file), "%s.jpg", name);
	snprintf(webp, sizeof(webp), "%s.webp", name);
	if (rc == 0)
		rc = still_write(a->job, picture, STILL_JPEG,
				 output_named(a->out, found->file), role);
	if (rc == 0)
		rc = still_write(a->job, picture, STILL_WEBP,
				 output_named(a->out, webp), role);
	if (rc == 0) {
		found->time = c->time;
		found->width = picture->width;
		found->height = picture->height;
		json_put_str(a->json, "file", found->file);
		json_put_str(a->json, "webp", webp);
		json_put_num(a->json, "time", round_to(c->time, 3));
		json_put_int(a->json, "width", found->width);
		json_put_int(a->json, "height", found->height);
		rc = write_hash(a, picture);
	}
	av_frame_free(&picture);
	picture_release(&maker);
	return rc;
}

static const struct candidate *
best_of(const struct candidate *all, int from, int to)
{
	const struct candidate *best = &all[from];

	for (int i = from + 1; i < to; i++)
		if (all[i].score > best->score)
			best = &all[i];
	return best;
}

/* What a file of sound has: the cover, unscored, or nothing. */
static int
write_cover(struct analysis *a)
{
	struct candidate c = { .time = NAN };
	const AVStream *st;
	int rc = 0;

	if (!a->src->video)
		cover_decode(a->job, a->src, &c.frame, &st);
	if (!c.frame) {
		json_put_null(a->json, "poster");
		return 0;
	}
	json_open_object(a->json, "poster");
	json_put_str(a->json, "source", "cover");
	rc = write_picture(a, &c, st, POSTER_SIDE, "poster", "poster",
			   &a->found.poster);
	json_close_object(a->json);
	av_frame_free(&c.frame);
	return rc;
}

static int
write_poster(struct analysis *a, const struct candidate *all, int n)
{
	const struct candidate *best;
	int rc;

	if (n == 0)
		return write_cover(a);
	best = best_of(all, 0, n);
	json_open_object(a->json, "poster");
	json_put_str(a->json, "source", "video");
	rc = write_picture(a, best, a->src->video, POSTER_SIDE, "poster",
			   "poster", &a->found.poster);
	picture_score_write(a->json, &best->why);
	json_close_object(a->json);
	return rc;
}

/* The candidates in three runs of equal length, the best of each. */
static int
write_thumbs(struct analysis *a, const struct candidate *all, int n)
{
	int runs = n < THUMBS_MAX ? n : THUMBS_MAX;
	int rc = 0;

	json_open_array(a->json, "thumbnails");
	for (int i = 0; i < runs && rc == 0; i++) {
		const struct candidate *best =
		    best_of(all, i * n / runs, (i + 1) * n / runs);
		char name[20];

		snprintf(name, sizeof(name), "thumb-%d", i + 1);
		json_open_object(a->json, NULL);
		rc = write_picture(a, best, a->src->video, THUMB_SIDE,
				   "thumbnail", name, &a->found.thumbs[i]);
		picture_score_write(a->json, &best->why);
		json_close_object(a->json);
		a->found.n_thumbs++;
	}
	json_close_array(a->json);
	return rc;
}

static int
thumbs_finish(void *self, struct analysis *a)
{
	struct thumbs *t = self;
	struct candidate all[SLOTS];
	int n = 0, rc;

	for (int i = 0; i < SLOTS; i++)
		if (t->slots[i].frame)
			all[n++] = t->slots[i];
	for (int i = 0; i < n; i++) {
		picture_score_review(&all[i].why, &a->found, all[i].time);
		all[i].score = picture_score_total(&all[i].why);
	}
	json_open_object(a->json, "pictures");
	rc = write_poster(a, all, n);
	if (rc == 0)
		rc = write_thumbs(a, all, n);
	json_close_object(a->json);
	return rc;
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
