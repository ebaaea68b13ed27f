/*
 * grid.h - a picture reduced to at most 160 x 160 cells of luma, each the mean
 * of four rows of a box of the decoder's own planes, and half as many of
 * chroma each way, means of two rows. All picture analysers work on grids;
 * nothing is scaled or converted on the way.
 *
 * Values are those of the stream (8 bits, limited or full range as it came).
 */
#ifndef PROCESSOR_MEDIA_GRID_H
#define PROCESSOR_MEDIA_GRID_H

#include <stdbool.h>
#include <stdint.h>

#include <libavutil/frame.h>

#define GRID_MAX 160
#define GRID_CHROMA_MAX (GRID_MAX / 2)
#define SKETCH_MAX 80
#define OUTLINE_MAX 20

/* The grid reduced again; chroma has half as many cells each way. */
struct sketch {
	int w, h;
	int cw, ch;
	uint8_t y[SKETCH_MAX * SKETCH_MAX];
	uint8_t u[SKETCH_MAX / 2 * SKETCH_MAX / 2];
	uint8_t v[SKETCH_MAX / 2 * SKETCH_MAX / 2];
};

/* Once more: luma, then the two planes of chroma, in one row of n cells. */
struct outline {
	int w, h;
	int n;
	uint8_t cells[OUTLINE_MAX * OUTLINE_MAX * 3 / 2];
};

struct grid {
	int w, h;   /* luma cells */
	int cw, ch; /* chroma cells; 0: grey */
	uint8_t y[GRID_MAX * GRID_MAX];
	uint8_t u[GRID_CHROMA_MAX * GRID_CHROMA_MAX];
	uint8_t v[GRID_CHROMA_MAX * GRID_CHROMA_MAX];
	double mean; /* of luma */
	double dev;  /* standard deviation of luma */
	struct sketch sketch;
	struct outline outline;
};

/* How one picture follows another, in mean grey levels (0..48). */
struct grid_change {
	double raw;	 /* cell by cell */
	double residual; /* after the best shift of the whole picture */
	int dx, dy; /* that shift: where in a b's cells are, sketch cells */
};

/* false for a pixel format that has no planes to read (palettes). */
bool grid_fill(struct grid *g, const AVFrame *frame);
/* All that follows from the cells; grid_fill() has done it. */
void grid_measure(struct grid *g);

#endif
