/*
 * output_checks.h - whether a file of the worker's is what its extension says,
 * from its first byte to its last, and nothing besides: no comment, no second
 * content behind the end, no address of another place. The worker may have
 * been taken over by its input; those who get the file are not to be next.
 *
 * Each takes bytes of any content, and answers 0 or -1.
 */
#ifndef PROCESSOR_OUTPUT_CHECKS_H
#define PROCESSOR_OUTPUT_CHECKS_H

#include "processor/outputs.h"

/* @file: the whole content but for MP4, whose boxes are read from o->fd. */
typedef int output_check(struct slice file, struct output *o);

/* Baseline segments only, scans up to the end of the picture, which is the
 * end of the file. Fills in width and height. */
output_check check_jpeg;
/* One chunk of one picture. */
output_check check_webp;
/* Known boxes that fill the file exactly, media in this file alone. */
output_check check_mp4;
/* UTF-8 that names no place but files beside it. */
output_check check_m3u8;
output_check check_vtt;
/* One document, an object. */
output_check check_json;
/* audiowaveform's data, version 2: as long as its header says. */
output_check check_dat;

#endif
