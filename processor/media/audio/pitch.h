/*
 * pitch.h - the fundamental frequency of a piece of sound, by YIN (de
 * Cheveigné and Kawahara, 2002). Pure.
 */
#ifndef PROCESSOR_MEDIA_PITCH_H
#define PROCESSOR_MEDIA_PITCH_H

#define PITCH_MIN 60 /* Hz */
#define PITCH_MAX 500
#define PITCH_SAMPLES 400 /* of 8 kHz, that are looked at */

/* Hz, or 0 when nothing is periodic. */
float pitch_of(const float *samples);

#endif
