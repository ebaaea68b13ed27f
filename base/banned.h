/*
 * Force-included into every translation unit: functions that cannot be used
 * safely on untrusted input or from several threads are compile errors. The
 * system headers that declare them come first, then the names are poisoned.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncat sprintf vsprintf strtok gmtime \
    localtime ctime asctime atoi atol atoll gets

/* Results that must not be ignored. */
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
