/*
 * Scenes: hard cuts and gradual transitions, found apart from each other,
 * brought into one order. Two that meet in pictures of one colour are a fade.
 */
#include "processor/media/scenes/cuts.h"
#include "processor/media/scenes/gradual.h"
#include "processor/media/scenes/push.h"

#include "processor/media/pass/analyser.h"

#include <math.h>

#define PART_GAP 0.2 /* seconds; no scene is shorter */

struct scenes {
	struct history history;
	struct blends cuts;
	struct blends graduals;
};

static void
scenes_free(void *self)
{
	struct scenes *s = self;

	free(s->cuts.list);
	free(s->graduals.list);
	free(s);
}

static bool
make_room(struct blends *list)
{
	list->list = calloc(CUTS_MAX, sizeof(*list->list));
	list->max = CUTS_MAX;
	return list->list != NULL;
}

static void *
scenes_start(const struct source *src)
{
	struct scenes *s = calloc(1, sizeof(*s));

	(void)src;
	if (s && make_room(&s->cuts) && make_room(&s->graduals))
		return s;
	if (s)
		scenes_free(s);
	return NULL;
}

static void
decide(struct scenes *s, int64_t n)
{
	cuts_look(&s->history, &s->cuts, n);
	gradual_look(&s->history, &s->graduals, n);
	push_look(&s->history, &s->graduals, n);
}

static int
scenes_video(void *self, struct job *job, const struct video_frame *f)
{
	struct scenes *s = self;

	(void)job;
	history_add(&s->history, f->time, &f->change, f->grid);
	if (s->history.seen > HISTORY_AHEAD)
		decide(s, s->history.seen - 1 - HISTORY_AHEAD);
	return 0;
}

/* A cut is too sudden for a part of a blend; but what comes out of one colour
 * is as new as after a cut. */
static bool
holds_cut(const struct blend *b, const struct blends *cuts, size_t from)
{
	return !b->from_blank && !b->to_blank && from < cuts->n &&
	       cuts->list[from].from < b->to;
}

/*
 * Both lists in one order. A blend that holds a cut was none; a fade takes in
 * those that it holds.
 */
static size_t
merge(const struct blends *cuts, const struct blends *graduals,
      struct blend *out)
{
	size_t n = 0, c = 0;

	for (size_t g = 0; g <= graduals->n; g++) {
		const struct blend *b =
		    g < graduals->n ? &graduals->list[g] : NULL;

		for (; c < cuts->n && (!b || cuts->list[c].to <= b->from + 1);
		     c++)
			out[n++] = cuts->list[c];
		if (!b || holds_cut(b, cuts, c))
			continue;
		out[n++] = *b;
		while (c < cuts->n && cuts->list[c].from < b->to)
			c++;
	}
	return n;
}

/* A long dissolve of moving pictures is seen in parts. */
static size_t
join_parts(struct blend *list, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct blend *last = kept ? &list[kept - 1] : NULL;

		if (last && last->kind != BLEND_CUT && !last->to_blank &&
		    list[i].kind != BLEND_CUT && !list[i].from_blank &&
		    list[i].start - last->end < PART_GAP) {
			last->to = list[i].to;
			last->end = list[i].end;
			last->quality = fmin(last->quality, list[i].quality);
			last->to_blank = list[i].to_blank;
		} else {
			list[kept++] = list[i];
		}
	}
	return kept;
}

/*
 * What a blend into one colour and the next one out of it are together, at
 * least one of them gradual: one fade. Fades from or into nothing, as films
 * begin and end, divide no scenes.
 */
static size_t
join_fades(struct blend *list, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct blend *b = &list[i], *next = b + 1;
		bool lone =
		    b->kind != BLEND_CUT && (b->from_blank || b->to_blank);

		if (i + 1 < n && b->to_blank && next->from_blank &&
		    (lone || next->kind != BLEND_CUT)) {
			b->kind = BLEND_DISSOLVE;
			b->to = next->to;
			b->end = next->end;
			b->from_blank = true; /* it is whole */
			b->quality = (b->quality + next->quality) / 2;
			list[kept++] = *b;
			i++;
		} else if (!lone) {
			list[kept++] = *b;
		}
	}
	return kept;
}

static enum transition
transition_of(const struct blend *b)
{
	return b->kind == BLEND_CUT ? TRANSITION_CUT
	       : b->kind == BLEND_WIPE || b->kind == BLEND_PUSH
		   ? TRANSITION_WIPE
	       : b->to_blank ? TRANSITION_FADE
			     : TRANSITION_DISSOLVE;
}

static struct cut
cut_of(const struct blend *b)
{
	return (struct cut){ .time = b->end,
			     .frame = b->to,
			     .confidence = b->quality,
			     .transition = transition_of(b),
			     .transition_start = b->start };
}

static void
write_scene(struct buf *b, const struct cut *begin, double end)
{
	static const char *const names[] = { "cut", "fade", "dissolve",
					     "wipe" };

	json_open_object(b, NULL);
	json_put_num(b, "start", round_to(begin ? begin->time : 0, 3));
	json_put_num(b, "end", round_to(end, 3));
	json_put_int(b, "frame", begin ? begin->frame : 0);
	json_put_str(b, "transition", begin ? names[begin->transition] : NULL);
	json_put_num(b, "transition_start",
		     begin ? round_to(begin->transition_start, 3) : NAN);
	json_put_num(b, "transition_end",
		     begin ? round_to(begin->time, 3) : NAN);
	json_put_num(b, "confidence",
		     begin ? round_to(begin->confidence, 3) : NAN);
	json_close_object(b);
}

static void
write_scenes(struct buf *b, const struct findings *f, bool any)
{
	json_open_array(b, "scenes");
	for (size_t i = 0; any && i <= f->n_cuts; i++)
		write_scene(b, i ? &f->cuts[i - 1] : NULL,
			    i < f->n_cuts ? f->cuts[i].time : f->duration);
	json_close_array(b);
}

static int
scenes_finish(void *self, struct analysis *a)
{
	struct scenes *s = self;
	struct findings *f = &a->found;
	struct blend *all = calloc(2 * CUTS_MAX, sizeof(*all));
	size_t n;

	f->cuts = calloc(CUTS_MAX, sizeof(*f->cuts));
	if (!all || !f->cuts) {
		free(all);
		return job_fail(a->job, MEDIA_LIMIT, "out of memory");
	}
	for (int64_t i = s->history.seen - HISTORY_AHEAD; i < s->history.seen;
	     i++)
		if (i >= 0)
			decide(s, i);
	n = merge(&s->cuts, &s->graduals, all);
	n = join_parts(all, n);
	n = join_fades(all, n);
	for (size_t i = 0; i < n && i < CUTS_MAX; i++)
		f->cuts[f->n_cuts++] = cut_of(&all[i]);
	free(all);
	write_scenes(a->json, f, s->history.seen > 0);
	return 0;
}

const struct analyser analyser_scenes = {
	.name = "scenes",
	.start = scenes_start,
	.on_video = scenes_video,
	.finish = scenes_finish,
	.free = scenes_free,
};
