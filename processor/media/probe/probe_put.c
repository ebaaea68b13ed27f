/*
 * How values are spelled: as ffprobe does it.
 */
#include "processor/media/probe/probe_put.h"
#include "processor/media/job.h"

#include <libavutil/avstring.h>
#include <libavutil/avutil.h>

#define TAGS_MAX 64
#define TAG_BYTES 1024

void
probe_put_seconds(struct buf *b, const char *name, int64_t t, AVRational base)
{
	if (t != AV_NOPTS_VALUE)
		json_put_num(b, name, round_to((double)t * av_q2d(base), 6));
}

void
probe_put_ticks(struct buf *b, const char *name, int64_t t)
{
	if (t != AV_NOPTS_VALUE)
		json_put_int(b, name, t);
}

void
probe_put_positive(struct buf *b, const char *name, int64_t v)
{
	if (v > 0)
		json_put_int(b, name, v);
}

void
probe_put_ratio(struct buf *b, const char *name, AVRational q, char sep)
{
	char text[32];

	if (q.num <= 0 || q.den <= 0)
		return;
	snprintf(text, sizeof(text), "%d%c%d", q.num, sep, q.den);
	json_put_str(b, name, text);
}

void
probe_put_known(struct buf *b, const char *name, const char *v)
{
	if (v && strcmp(v, "unknown") != 0 && strcmp(v, "unspecified") != 0)
		json_put_str(b, name, v);
}

/* At most max bytes, not ending inside a UTF-8 sequence. */
static struct slice
clip_text(const char *s, size_t max)
{
	struct slice t = slice_str(s);

	if (t.n <= max)
		return t;
	while (max > 0 && ((unsigned char)s[max] & 0xc0) == 0x80)
		max--;
	return slice_head(t, max);
}

void
probe_put_tags(struct buf *b, const AVDictionary *tags)
{
	const AVDictionaryEntry *e = NULL;
	int n = 0;

	if (av_dict_count(tags) == 0)
		return;
	json_open_object(b, "tags");
	while (n++ < TAGS_MAX &&
	       (e = av_dict_get(tags, "", e, AV_DICT_IGNORE_SUFFIX))) {
		char key[65];

		av_strlcpy(key, e->key, sizeof(key));
		json_put_slice(b, key, clip_text(e->value, TAG_BYTES));
	}
	json_close_object(b);
}
