/*
 * selftest.h - what this kernel enforces: the sandbox is closed around one
 * child after the other, each tries one thing it must not do.
 */
#ifndef PROCESSOR_MEDIA_SELFTEST_H
#define PROCESSOR_MEDIA_SELFTEST_H

/* Prints a line per item. 0, or 1 when something the sandbox cannot do
 * without is missing. */
int selftest_run(void);

#endif
