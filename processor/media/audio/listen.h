/*
 * listen.h - sound heard hop by hop, and judged every half second: is it
 * speech, is it music. Results come in order while the sound is fed, those of
 * a step 0.8 s after its end, when what follows it is known.
 */
#ifndef PROCESSOR_MEDIA_LISTEN_H
#define PROCESSOR_MEDIA_LISTEN_H

#include "processor/media/pass/analyser.h"
#include "processor/media/audio/likeness.h"

#define LISTEN_STEP 16 /* hops that are judged at once */
#define LISTEN_STEP_S (LISTEN_STEP * SOUND_HOP_S)

struct listener;

/* NULL: out of memory. */
struct listener *listener_new(void);
void listener_free(struct listener *l);
/* 0 or -1: out of memory. All blocks have the same rate and channels. */
int MUST_CHECK listener_feed(struct listener *l, const struct audio_block *b);
/* Nothing follows. 0 or -1. */
int MUST_CHECK listener_end(struct listener *l);

/* Of the steps judged so far; valid until the next call. */
const struct likeness *listener_steps(const struct listener *l, size_t *n);
/* The hops, which the caller frees; no call may follow. NULL: no sound. */
struct sound_hop *listener_take_hops(struct listener *l, size_t *n);

#endif
