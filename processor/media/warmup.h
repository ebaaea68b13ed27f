/*
 * warmup.h - what libraries do on first use, done before the sandbox closes:
 * files they look for, tables they fill, the processor's abilities. By the
 * only thread, and no other is left running.
 */
#ifndef PROCESSOR_MEDIA_WARMUP_H
#define PROCESSOR_MEDIA_WARMUP_H

/* 0, or -1: not even the built-in picture can be decoded. */
int warm_up(void);

#endif
