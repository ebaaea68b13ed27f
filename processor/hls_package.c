/*
 * Playlists name plain files beside them, so a folder of objects plays as it
 * is, from wherever it is copied to.
 */
#include "processor/hls_package.h"
#include "base/json_shape.h"

#include <math.h>

#define SEGMENT_BYTES_MAX 4294967295.0
#define SEGMENT_S_MAX 86400.0

/* ---- checks -------------------------------------------------------------- */

static bool
codecs_ok(const char *s)
{
	size_t n = s ? strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.") : 0;

	return n > 0 && n < 32 && s[n] == '\0';
}

static bool
numbers_ok(const cJSON *list, double least, double most, bool whole)
{
	const cJSON *item;
	size_t n = 0;

	if (!cJSON_IsArray(list))
		return false;
	cJSON_ArrayForEach(item, list)
	{
		double v = item->valuedouble;

		if (!cJSON_IsNumber(item) || !(v >= least && v <= most) ||
		    (whole && v != floor(v)) || ++n > HLS_SEGMENTS_MAX)
			return false;
	}
	return n > 0;
}

/* @durations: of the first rendition, where the row has none. */
static bool
track_ok(const cJSON *row, const char *name, const cJSON *durations,
	 struct hls_track *t)
{
	static const struct json_member members[] = {
		{ "file", JSON_TEXT, true, 0, 0 },
		{ "codecs", JSON_TEXT, true, 0, 0 },
		{ "header", JSON_INTEGER, true, 16, 65536 },
		{ "width", JSON_INTEGER, false, 1, 65536 },
		{ "height", JSON_INTEGER, false, 1, 65536 },
		{ "frame_rate", JSON_NUMBER, false, 0, 1000 },
		{ "channels", JSON_INTEGER, false, 1, 64 },
	};
	const cJSON *own = json_member(row, "durations"), *b, *d;
	int64_t v = 0;

	if (!json_row_ok(row, members, ARRAY_LEN(members), false))
		return false;
	*t = (struct hls_track){
		.codecs = json_str(row, "codecs"),
		.bytes = json_member(row, "bytes"),
		.durations = own ? own : durations,
	};
	snprintf(t->file, sizeof(t->file), "%s.mp4", name);
	snprintf(t->playlist, sizeof(t->playlist), "%s.m3u8", name);
	if (strcmp(json_str(row, "file"), t->file) != 0 ||
	    !codecs_ok(t->codecs) ||
	    !numbers_ok(t->bytes, 16, SEGMENT_BYTES_MAX, true) ||
	    !numbers_ok(t->durations, 0, SEGMENT_S_MAX, false) ||
	    cJSON_GetArraySize(t->bytes) != cJSON_GetArraySize(t->durations))
		return false;
	t->width = json_int(row, "width", &v) ? (int)v : 0;
	t->height = json_int(row, "height", &v) ? (int)v : 0;
	t->channels = json_int(row, "channels", &v) ? (int)v : 0;
	t->header = json_int(row, "header", &v) ? (uint64_t)v : 0;
	if (!json_num(row, "frame_rate", &t->frame_rate))
		t->frame_rate = 0;
	t->size = t->header;
	cJSON_ArrayForEach(b, t->bytes) t->size += (uint64_t)b->valuedouble;
	cJSON_ArrayForEach(d, t->durations)
	{
		t->duration += d->valuedouble;
		t->longest = fmax(t->longest, d->valuedouble);
	}
	return true;
}

int
hls_check(const cJSON *frame, struct hls_package *out, const char **why)
{
	const cJSON *list = json_member(frame, "video"), *row;
	const cJSON *audio = json_member(frame, "audio");

	*out = (struct hls_package){ 0 };
	*why = "video";
	if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > HLS_VIDEO_MAX)
		return -1;
	cJSON_ArrayForEach(row, list)
	{
		struct hls_track *t = &out->video[out->n];
		char name[16];

		snprintf(name, sizeof(name), "hls-%zu", out->n);
		if (!track_ok(row, name, out->video[0].durations, t) ||
		    !t->width || !t->height)
			return -1;
		out->n++;
	}
	*why = "audio";
	out->has_audio = audio && !cJSON_IsNull(audio);
	if (out->has_audio &&
	    (!track_ok(audio, "hls-audio", NULL, &out->audio) ||
	     !out->audio.channels))
		return -1;
	return out->n || out->has_audio ? 0 : -1;
}

/* ---- playlists ----------------------------------------------------------- */

void
hls_put_playlist(struct buf *b, const struct hls_track *t)
{
	const cJSON *n, *s = t->durations->child;
	uint64_t at = t->header;

	buf_printf(b,
		   "#EXTM3U\n"
		   "#EXT-X-VERSION:7\n"
		   "#EXT-X-TARGETDURATION:%ld\n"
		   "#EXT-X-MEDIA-SEQUENCE:0\n"
		   "#EXT-X-PLAYLIST-TYPE:VOD\n"
		   "#EXT-X-INDEPENDENT-SEGMENTS\n"
		   "#EXT-X-MAP:URI=\"%s\",BYTERANGE=\"%llu@0\"\n",
		   lround(ceil(t->longest)), t->file,
		   (unsigned long long)t->header);
	for (n = t->bytes->child; n && s; n = n->next, s = s->next) {
		uint64_t bytes = (uint64_t)n->valuedouble;

		buf_printf(b, "#EXTINF:%.6f,\n#EXT-X-BYTERANGE:%llu@%llu\n%s\n",
			   s->valuedouble, (unsigned long long)bytes,
			   (unsigned long long)at, t->file);
		at += bytes;
	}
	buf_puts(b, "#EXT-X-ENDLIST\n");
}

static double
average_rate(const struct hls_track *t)
{
	return t->duration > 0 ? 8 * (double)(t->size - t->header) / t->duration
			       : 0;
}

/* RFC 8216 §4.3.4.2: the largest of any run of segments that lasts half of
 * the longest one or more; short ones are counted with those behind. */
static double
peak_rate(const struct hls_track *t)
{
	const cJSON *n, *s = t->durations->child;
	double peak = average_rate(t), bytes = 0, length = 0;

	for (n = t->bytes->child; n && s; n = n->next, s = s->next) {
		bytes += n->valuedouble;
		length += s->valuedouble;
		if (length < t->longest / 2)
			continue;
		peak = fmax(peak, 8 * bytes / length);
		bytes = length = 0;
	}
	return peak;
}

static void
put_rates(struct buf *b, const struct hls_track *video,
	  const struct hls_track *audio)
{
	double peak = 0, average = 0;

	if (video) {
		peak += peak_rate(video);
		average += average_rate(video);
	}
	if (audio) {
		peak += peak_rate(audio);
		average += average_rate(audio);
	}
	buf_printf(b, "#EXT-X-STREAM-INF:BANDWIDTH=%.0f,AVERAGE-BANDWIDTH=%.0f",
		   fmax(1, ceil(peak)), fmax(1, ceil(average)));
}

static void
put_variant(struct buf *b, const struct hls_track *v,
	    const struct hls_track *audio)
{
	put_rates(b, v, audio);
	buf_printf(b, ",CODECS=\"%s%s%s\",RESOLUTION=%dx%d", v->codecs,
		   audio ? "," : "", audio ? audio->codecs : "", v->width,
		   v->height);
	if (v->frame_rate > 0)
		buf_printf(b, ",FRAME-RATE=%.3f", v->frame_rate);
	if (audio)
		buf_puts(b, ",AUDIO=\"audio\"");
	buf_printf(b, "\n%s\n", v->playlist);
}

void
hls_put_master(struct buf *b, const struct hls_package *p)
{
	const struct hls_track *audio = p->has_audio ? &p->audio : NULL;

	buf_puts(b, "#EXTM3U\n#EXT-X-VERSION:7\n"
		    "#EXT-X-INDEPENDENT-SEGMENTS\n");
	if (!p->n) {
		put_rates(b, NULL, audio);
		buf_printf(b, ",CODECS=\"%s\"\n%s\n", audio->codecs,
			   audio->playlist);
		return;
	}
	if (audio)
		buf_printf(b,
			   "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\","
			   "NAME=\"audio\",DEFAULT=YES,AUTOSELECT=YES,"
			   "CHANNELS=\"%d\",URI=\"%s\"\n",
			   audio->channels, audio->playlist);
	for (size_t i = 0; i < p->n; i++)
		put_variant(b, &p->video[i], audio);
}
