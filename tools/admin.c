/*
 * What the long commands of `reelgate admin` share.
 */
#include "tools/admin.h"
#include "base/timeval.h"

#include <unistd.h>

#define SHOW_US (US_PER_S / 5)

void
progress_show(struct progress *p, const char *what, uint64_t done, uint64_t of)
{
	int64_t now = time_mono_us();

	if (now - p->shown_us < SHOW_US || !isatty(STDERR_FILENO))
		return;
	p->shown_us = now;
	p->shown = true;
	if (of)
		fprintf(stderr, "\r\033[K%s: %llu of %llu (%llu %%)", what,
			(unsigned long long)done, (unsigned long long)of,
			(unsigned long long)(done * 100 / of));
	else
		fprintf(stderr, "\r\033[K%s: %llu", what,
			(unsigned long long)done);
}

void
progress_clear(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
