/*
 * cascade.h - a boosted cascade of local binary patterns, as OpenCV's
 * training writes it: read from its XML, asked about windows of a picture.
 *
 * A window passes when it passes every stage; a stage adds a value for each
 * of its patterns and compares the sum with a threshold. A pattern is a 3 x 3
 * block of equal cells: which of the outer eight are at least as bright as
 * the middle one is a number of eight bits, of which each either does or does
 * not belong to the pattern's set.
 *
 * Patterns: S. Liao et al., Learning Multi-scale Block Local Binary Patterns
 * for Face Recognition (2007). Cascades: P. Viola, M. Jones, Rapid Object
 * Detection using a Boosted Cascade of Simple Features (2001).
 */
#ifndef PROCESSOR_MEDIA_CASCADE_H
#define PROCESSOR_MEDIA_CASCADE_H

#include "base/slice.h"

#define CASCADE_SIDE_MAX 64 /* of a window */
#define CASCADE_STAGES_MAX 64
#define CASCADE_WEAK_MAX 2048
#define CASCADE_FEATURES_MAX 2048
#define CASCADE_BYTES_MAX (1 << 20)

struct cascade_cell {
	uint8_t x, y, w, h; /* of the first of nine cells */
};

struct cascade_weak {
	struct cascade_cell cell;
	float value[256]; /* what a pattern adds: one of two values */
};

struct cascade_stage {
	int first, end; /* of the weak ones */
	float least;
};

struct cascade {
	int w, h; /* of a window */
	int n_stages;
	struct cascade_stage stages[CASCADE_STAGES_MAX];
	struct cascade_weak weak[CASCADE_WEAK_MAX];
};

/* NULL: no cascade of this kind, or a bound is passed. free() it. */
struct cascade *cascade_read(struct slice xml);

/* A place, as shares of the picture's width and height. */
struct cascade_box {
	float x, y, w, h;
};

/*
 * cascade_find - the places in a picture of w x h bytes (at most GLANCE_SIDE
 * each) where several windows pass; the largest first, at most @max. @room is
 * from cascade_room_new().
 */
struct cascade_room;
struct cascade_room *cascade_room_new(void);
size_t cascade_find(const struct cascade *c, struct cascade_room *room,
		    const uint8_t *picture, int w, int h,
		    struct cascade_box *out, size_t max);

#endif
