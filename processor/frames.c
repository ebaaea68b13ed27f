/*
 * Frames are parsed as soon as they are whole; at most one is ever held.
 */
#include "processor/frames.h"

#define DURATION_MAX 1e9 /* seconds; about 30 years */

static const char *const code_names[] = {
	[FRAME_UNSUPPORTED_MEDIA] = "unsupported_media",
	[FRAME_CORRUPT_MEDIA] = "corrupt_media",
	[FRAME_LIMIT_EXCEEDED] = "limit_exceeded",
	[FRAME_INTERNAL] = "internal",
};

const char *
frame_code_name(enum frame_code code)
{
	return code_names[code];
}

void
frames_init(struct frames *f)
{
	*f = (struct frames){ .pending = BUF_MAX(MEDIA_FRAME_MAX + 4),
			      .duration = -1 };
}

void
frames_release(struct frames *f)
{
	buf_release(&f->pending);
	cJSON_Delete(f->result);
	f->result = NULL;
}

bool
frames_ended(const struct frames *f)
{
	return f->seen[FRAME_RESULT] || f->seen[FRAME_ERROR];
}

static int
take_progress(struct frames *f, cJSON *doc)
{
	int64_t percent;

	if (!json_int(doc, "percent", &percent) || percent < 0 || percent > 100)
		return -1;
	if (percent > f->percent)
		f->percent = (int)percent;
	return 0;
}

static int
take_deadline(struct frames *f, cJSON *doc)
{
	double duration;

	if (!json_num(doc, "duration", &duration) || duration < 0 ||
	    duration > DURATION_MAX || f->seen[FRAME_DEADLINE])
		return -1;
	f->duration = duration;
	return 0;
}

static int
take_result(struct frames *f, cJSON *doc)
{
	f->result = doc;
	return 0;
}

static int
take_error(struct frames *f, cJSON *doc)
{
	const char *code = json_str(doc, "code");
	const char *message = json_str(doc, "message");

	if (!code || !message)
		return -1;
	snprintf(f->message, sizeof(f->message), "%s", message);
	for (char *c = f->message; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	for (size_t i = 0; i < ARRAY_LEN(code_names); i++) {
		if (strcmp(code, code_names[i]) == 0) {
			f->code = (enum frame_code)i;
			return 0;
		}
	}
	return -1;
}

static const struct {
	const char *name;
	int (*take)(struct frames *f, cJSON *doc);
} types[] = {
	[FRAME_PROGRESS] = { "progress", take_progress },
	[FRAME_DEADLINE] = { "deadline", take_deadline },
	[FRAME_RESULT] = { "result", take_result },
	[FRAME_ERROR] = { "error", take_error },
};

static int
take_frame(struct frames *f, struct slice text)
{
	cJSON *doc = frames_ended(f) ? NULL : json_parse(text);
	const char *type = json_str(doc, "type");
	int rc = -1;

	for (size_t i = 0; type && i < ARRAY_LEN(types); i++) {
		if (strcmp(type, types[i].name) != 0)
			continue;
		rc = types[i].take(f, doc);
		f->seen[i] = f->seen[i] || rc == 0;
	}
	if (doc != f->result)
		cJSON_Delete(doc);
	return rc;
}

/* Bytes the pending frame still needs: of its length first, then its text.
 * 0 when it is whole, -1 when its length is refused. */
static ptrdiff_t
missing(const struct buf *pending)
{
	const unsigned char *p = (const unsigned char *)pending->p;
	uint32_t n;

	if (pending->n < 4)
		return (ptrdiff_t)(4 - pending->n);
	n = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
	    p[3];
	if (n == 0 || n > MEDIA_FRAME_MAX)
		return -1;
	return (ptrdiff_t)(4 + (size_t)n - pending->n);
}

int
frames_feed(struct frames *f, const void *p, size_t n)
{
	struct slice in = slice_mem(p, n);

	while (in.n) {
		ptrdiff_t want = missing(&f->pending);
		size_t step = (size_t)want < in.n ? (size_t)want : in.n;

		if (want < 0)
			return -1;
		buf_add(&f->pending, in.p, step);
		in = slice_from(in, step);
		if (!buf_ok(&f->pending))
			return -1;
		want = missing(&f->pending);
		if (want < 0)
			return -1;
		if (want > 0)
			continue;
		if (take_frame(f, slice_from(buf_slice(&f->pending), 4)) != 0)
			return -1;
		buf_clear(&f->pending);
	}
	return 0;
}
