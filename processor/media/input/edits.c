/*
 * moov / trak / {tkhd, edts / elst, mdia / mdhd}: a walk over the heads of
 * boxes, each of which must lie inside the one around it. The number of boxes
 * looked at is bounded, whatever the file claims.
 */
#include "processor/media/input/edits.h"
#include "processor/media/input/input.h"

#include <math.h>

#include <libavutil/intreadwrite.h>

#define BOXES_MAX 20000

struct walk {
	const struct request *req;
	int boxes; /* left to be looked at */
};

/* The bytes from..to of the file. */
struct range {
	int64_t from, to;
};

/* The box at the beginning of *in, which is moved behind it. */
static bool
next_box(struct walk *w, struct range *in, char type[4], struct range *body)
{
	uint8_t head[16] = { 0 };
	ssize_t n = in->to - in->from >= 8 && w->boxes-- > 0
			? input_pread(w->req, head, sizeof(head), in->from)
			: 0;
	uint64_t size = AV_RB32(head);
	int64_t head_size = 8;

	if (n < 8)
		return false;
	if (size == 1) {
		size = AV_RB64(head + 8);
		head_size = 16;
	} else if (size == 0) {
		size = (uint64_t)(in->to - in->from);
	}
	if (size < (uint64_t)head_size || size > (uint64_t)(in->to - in->from))
		return false;
	memcpy(type, head + 4, 4);
	body->from = in->from + head_size;
	in->from += (int64_t)size;
	body->to = in->from;
	return true;
}

/* The next box of this type in *in, the others being passed over. */
static bool
find(struct walk *w, struct range *in, const char *type, struct range *body)
{
	char found[4];

	while (next_box(w, in, found, body))
		if (memcmp(found, type, 4) == 0)
			return true;
	return false;
}

static bool
find_first(struct walk *w, struct range in, const char *type,
	   struct range *body)
{
	return find(w, &in, type, body);
}

/* What a full box has behind times and flags, which are longer in version 1:
 * of tkhd the track's id, of mvhd and mdhd the time scale. */
static uint32_t
number_behind_times(struct walk *w, struct range box)
{
	uint8_t b[24] = { 0 };
	ssize_t n = input_pread(w->req, b, sizeof(b), box.from);
	int at = b[0] == 1 ? 20 : 12;

	return n >= at + 4 && box.to - box.from >= at + 4 ? AV_RB32(b + at) : 0;
}

static double
in_seconds(int64_t t, uint32_t scale)
{
	return scale ? (double)t / scale : NAN;
}

static void
read_entries(struct walk *w, struct range elst, uint32_t movie_scale,
	     uint32_t media_scale, struct edit_list *out)
{
	uint8_t head[8] = { 0 };
	bool wide;
	int64_t size;

	if (input_pread(w->req, head, sizeof(head), elst.from) < 8)
		return;
	wide = head[0] == 1;
	size = wide ? 20 : 12;
	out->count = AV_RB32(head + 4);
	while (out->n < EDITS_MAX && (uint32_t)out->n < out->count) {
		uint8_t b[20] = { 0 };
		int64_t at = elst.from + 8 + out->n * size;
		struct edit *e = &out->list[out->n];
		int64_t duration, from;

		if (elst.to - at < size ||
		    input_pread(w->req, b, (size_t)size, at) < size)
			return;
		duration = wide ? (int64_t)AV_RB64(b) : AV_RB32(b);
		from = wide ? (int64_t)AV_RB64(b + 8) : (int32_t)AV_RB32(b + 4);
		e->duration = in_seconds(duration, movie_scale);
		e->from = from < 0 ? NAN : in_seconds(from, media_scale);
		e->rate = (int32_t)AV_RB32(b + size - 4) / 65536.0;
		out->n++;
	}
}

static void
read_track(struct walk *w, struct range trak, uint32_t movie_scale,
	   struct edits *edits)
{
	struct edit_list *out = &edits->tracks[edits->n];
	struct range box, inner;
	uint32_t media_scale;

	*out = (struct edit_list){ 0 };
	if (!find_first(w, trak, "tkhd", &box))
		return;
	out->track = number_behind_times(w, box);
	if (!find_first(w, trak, "mdia", &box) ||
	    !find_first(w, box, "mdhd", &inner))
		return;
	media_scale = number_behind_times(w, inner);
	if (!find_first(w, trak, "edts", &box) ||
	    !find_first(w, box, "elst", &inner))
		return;
	read_entries(w, inner, movie_scale, media_scale, out);
	edits->n += out->n > 0;
}

struct edits *
edits_read(const struct request *req)
{
	struct walk w = { req, BOXES_MAX };
	struct range moov, trak, mvhd;
	struct edits *edits;
	uint32_t scale;

	if (!find_first(&w, (struct range){ 0, req->size }, "moov", &moov) ||
	    !find_first(&w, moov, "mvhd", &mvhd))
		return NULL;
	edits = calloc(1, sizeof(*edits) +
			      EDIT_TRACKS_MAX * sizeof(*edits->tracks));
	if (!edits)
		return NULL;
	scale = number_behind_times(&w, mvhd);
	while (edits->n < EDIT_TRACKS_MAX && find(&w, &moov, "trak", &trak))
		read_track(&w, trak, scale, edits);
	return edits;
}

const struct edit_list *
edits_of(const struct edits *edits, int id)
{
	for (size_t i = 0; edits && i < edits->n; i++)
		if (edits->tracks[i].track == (uint32_t)id)
			return &edits->tracks[i];
	return NULL;
}
