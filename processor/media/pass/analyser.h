/*
 * analyser.h - what an analyser is: something that is shown every picture and
 * every piece of sound of the one decode pass, and in the end leaves typed
 * findings for the suggestions and its members of the analysis document.
 *
 * A new analyser is one file and one row in analyze.c. Pictures may be shown
 * by another thread than sound, each kind in its order; start, finish and free
 * come before and after both. Analysers never allocate by what the input
 * claims, and give the same findings for the same bytes.
 */
#ifndef PROCESSOR_MEDIA_ANALYSER_H
#define PROCESSOR_MEDIA_ANALYSER_H

#include "processor/media/vision/cascade.h"
#include "processor/media/scenes/change.h"
#include "processor/media/job.h"
#include "processor/media/outputs.h"
#include "processor/media/input/source.h"
#include "processor/media/vision/glance.h"

/* A picture. @change: from the one before; zero for the first. @glance: of the
 * first picture in each second, else NULL. */
struct video_frame {
	int64_t number; /* in order of display, from 0 */
	double time;	/* seconds from the start */
	const struct grid *grid;
	struct grid_change change;
	const struct glance *glance;
	const AVFrame *frame; /* may be referenced, not modified */
};

/* Interleaved samples, -1..1. Rate and channels never change in a job. */
struct audio_block {
	double time; /* of the first sample */
	int rate;
	int channels;
	int n; /* samples per channel */
	const float *samples;
};

/*
 * Where a block belongs when @seen samples are behind: first so much silence
 * for a gap, then the block without what comes a second time.
 */
struct audio_place {
	int64_t silence;
	int skip;
};

struct audio_place audio_place(const struct audio_block *b, int64_t seen);

#define CUTS_MAX 10000
#define SPANS_MAX 5000

enum transition {
	TRANSITION_CUT,
	TRANSITION_FADE,
	TRANSITION_DISSOLVE,
	TRANSITION_WIPE
};

/* Where a scene begins. Before a gradual transition is over, the picture is
 * not yet the scene's alone. */
struct cut {
	double time; /* of the first picture of the scene alone */
	int64_t frame;
	double confidence; /* 0..1 */
	enum transition transition;
	double transition_start; /* first picture not of the old scene alone */
};

struct span {
	double start, end;
};

#define THUMBS_MAX 3

/* A picture among the outputs. */
struct found_picture {
	char file[24]; /* empty: there is none */
	double time;   /* NAN: not from the video (a cover) */
	int width, height;
};

/* Speech or music. */
struct sound_span {
	double start, end;
	double confidence; /* 0..1 */
	bool speech;
};

/* A hop of sound. */
struct sound_hop {
	uint16_t pitch; /* tenths of Hz, 0: none */
	uint16_t level; /* RMS in 1/65535 */
	bool syllable;	/* one has its middle here */
};

#define SOUND_HOP_S 0.032

struct face {
	double time;
	struct cascade_box box; /* of the picture as it is shown */
};

/* What the analysers found. Series: one value per step, NAN is unknown. */
struct findings {
	double duration; /* of what was decoded, seconds */
	struct cut *cuts;
	size_t n_cuts;
	struct span *silences;
	size_t n_silences;
	double *loudness; /* momentary, LUFS, one per second */
	size_t n_loudness;
	double integrated;	     /* LUFS, NAN without sound */
	struct sound_span *activity; /* by start; one kind never overlaps */
	size_t n_activity;
	struct sound_hop *hops; /* NULL without sound */
	size_t n_hops;
	double *motion; /* 0..1, one per second */
	size_t n_motion;
	/* Of the camera, one per second: shares of the picture's width and
	 * height that it turns right and up, and that the picture grows by. */
	double *pan, *tilt, *zoom;
	size_t n_camera;
	double *object_motion; /* share of the picture, 0..1, one per second */
	size_t n_object_motion;
	double *text; /* in the picture: 1 or 0, one per second */
	size_t n_text;
	struct span *blacks; /* black pictures */
	size_t n_blacks;
	/* In the picture, one per second. NULL: nobody has counted. */
	double *faces;
	size_t n_faces;
	struct face *face_boxes; /* in order of time; of long files not all */
	size_t n_face_boxes;
	struct found_picture poster;
	struct found_picture thumbs[THUMBS_MAX];
	size_t n_thumbs;
	struct span *freezes; /* one picture, standing still */
	size_t n_freezes;
};

void findings_release(struct findings *f);
/* The place of value @i, which grows the series up to it with NAN; NULL on
 * memory shortage. @i must be bounded by the caller. */
double *series_at(double **series, size_t *n, size_t i);
/* "name":[...] with @decimals, unknown values as null. */
void series_write(struct buf *b, const char *name, const double *series,
		  size_t n, int decimals);

/* Adds from..to to a list with room for SPANS_MAX, unless it is full, @from
 * is NAN or it is shorter than @least. */
void spans_add(struct span *list, size_t *n, double from, double to,
	       double least);
/* "name":[{"start","end"},...] with @decimals. */
void spans_write(struct buf *b, const char *name, const struct span *list,
		 size_t n, int decimals);

struct analysis {
	struct job *job;
	const struct source *src;
	struct outputs *out;
	struct findings found;
	struct buf *json; /* inside the analysis object */
};

struct analyser {
	const char *name;
	/* NULL: out of memory. */
	void *(*start)(const struct source *src);
	/* 0 or -1 after job_fail(). NULL when not interested. */
	int (*on_video)(void *self, struct job *job,
			const struct video_frame *frame);
	int (*on_audio)(void *self, struct job *job,
			const struct audio_block *block);
	int (*finish)(void *self, struct analysis *a);
	void (*free)(void *self);
};

extern const struct analyser analyser_scenes;
extern const struct analyser analyser_silence;
extern const struct analyser analyser_loudness;
extern const struct analyser analyser_waveform;
extern const struct analyser analyser_activity;
extern const struct analyser analyser_motion;
extern const struct analyser analyser_camera;
extern const struct analyser analyser_black;
extern const struct analyser analyser_freeze;
extern const struct analyser analyser_thumbs;
extern const struct analyser analyser_text;
extern const struct analyser analyser_faces;
extern const struct analyser analyser_storyboard;

#endif
