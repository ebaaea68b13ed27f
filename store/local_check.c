/*
 * Where findings and progress of the check go.
 */
#include "store/local_check.h"

static void
tell(struct check *c, struct store_finding *f, const char *fmt, va_list ap)
{
	char line[512];

	vsnprintf(line, sizeof(line), fmt, ap);
	f->text = line;
	c->out->findings++;
	c->conf->found(c->conf->ctx, f);
}

void
check_found(struct check *c, const char *kind, const char *fmt, ...)
{
	struct store_finding f = { .kind = kind };
	va_list ap;

	va_start(ap, fmt);
	tell(c, &f, fmt, ap);
	va_end(ap);
}

void
check_found_at(struct check *c, const char *kind, struct slice bucket,
	       struct slice key, const char *version_id, const char *fmt, ...)
{
	struct store_finding f = { .kind = kind,
				   .bucket = bucket,
				   .key = key,
				   .version_id = version_id };
	va_list ap;

	va_start(ap, fmt);
	tell(c, &f, fmt, ap);
	va_end(ap);
}

void
check_progress(struct check *c, const char *what, uint64_t done, uint64_t of)
{
	if (c->conf->progress)
		c->conf->progress(c->conf->ctx, what, done, of);
}
