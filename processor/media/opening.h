/*
 * opening.h - a bound on the time that libav takes to read a header. Some of
 * its readers do work that grows with the square of what a small file names
 * (tags, chapters, index entries out of order), without ever asking whether
 * they should go on; a signal of the processor's clock does.
 */
#ifndef PROCESSOR_MEDIA_OPENING_H
#define PROCESSOR_MEDIA_OPENING_H

/* From here on the process may use some seconds of processor time, then it
 * sends the error frame "limit_exceeded" and ends. Before the sandbox closes.
 * 0, or -1 with errno. */
int opening_begin(void);
/* The header is read. */
void opening_end(void);

#endif
