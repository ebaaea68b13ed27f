/*
 * The probe document. Texts are the uploader's: their number and length are
 * bounded, and buf's JSON writer replaces what is no UTF-8.
 */
#include "processor/media/probe.h"
#include "processor/media/boxes.h"

#include <math.h>

#include <libavutil/avstring.h>
#include <libavutil/pixdesc.h>

#define TAGS_MAX 64
#define TAG_BYTES 1024
#define CHAPTERS_MAX 256

static void
put_seconds(struct buf *b, const char *name, int64_t t, AVRational base)
{
	if (t != AV_NOPTS_VALUE)
		json_put_num(b, name, round_to((double)t * av_q2d(base), 6));
}

static void
put_positive(struct buf *b, const char *name, int64_t v)
{
	if (v > 0)
		json_put_int(b, name, v);
}

static void
put_ratio(struct buf *b, const char *name, AVRational q, char sep)
{
	char text[32];

	if (q.num <= 0 || q.den <= 0)
		return;
	snprintf(text, sizeof(text), "%d%c%d", q.num, sep, q.den);
	json_put_str(b, name, text);
}

/* NULL and libav's own words for "don't know" are left out. */
static void
put_known(struct buf *b, const char *name, const char *v)
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

static void
put_tags(struct buf *b, const AVDictionary *tags)
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

static void
put_disposition(struct buf *b, const AVStream *st)
{
	json_open_array(b, "disposition");
	for (int bit = 1; bit > 0 && bit < 1 << 24; bit <<= 1)
		if (st->disposition & bit && av_disposition_to_string(bit))
			json_put_str(b, NULL, av_disposition_to_string(bit));
	json_close_array(b);
}

static void
put_colour(struct buf *b, const AVCodecParameters *par)
{
	put_known(b, "color_range", av_color_range_name(par->color_range));
	put_known(b, "color_space", av_color_space_name(par->color_space));
	put_known(b, "color_primaries",
		  av_color_primaries_name(par->color_primaries));
	put_known(b, "color_transfer", av_color_transfer_name(par->color_trc));
	put_known(b, "chroma_location",
		  av_chroma_location_name(par->chroma_location));
}

/* The shape of the shown picture: the sample aspect times the frame. */
static void
put_aspect(struct buf *b, AVRational sar, int w, int h)
{
	AVRational dar;

	if (sar.num <= 0 || sar.den <= 0)
		return;
	av_reduce(&dar.num, &dar.den, (int64_t)w * sar.num,
		  (int64_t)h * sar.den, 1 << 20);
	put_ratio(b, "sample_aspect_ratio", sar, ':');
	put_ratio(b, "display_aspect_ratio", dar, ':');
}

static void
put_video(struct buf *b, AVFormatContext *fmt, AVStream *st)
{
	const AVCodecParameters *par = st->codecpar;
	const AVPixFmtDescriptor *d =
	    av_pix_fmt_desc_get((enum AVPixelFormat)par->format);

	put_positive(b, "width", par->width);
	put_positive(b, "height", par->height);
	put_aspect(b, av_guess_sample_aspect_ratio(fmt, st, NULL), par->width,
		   par->height);
	if (d) {
		json_put_str(b, "pix_fmt", d->name);
		json_put_int(b, "bits_per_component", d->comp[0].depth);
	}
	if (par->level > 0)
		json_put_int(b, "level", par->level);
	json_put_int(b, "rotation", source_rotation(st));
	put_colour(b, par);
	put_ratio(b, "avg_frame_rate", st->avg_frame_rate, '/');
	put_ratio(b, "r_frame_rate", st->r_frame_rate, '/');
	json_put_int(b, "has_b_frames", par->video_delay);
}

static void
put_audio(struct buf *b, const AVCodecParameters *par)
{
	char layout[128];

	put_positive(b, "sample_rate", par->sample_rate);
	put_positive(b, "channels", par->ch_layout.nb_channels);
	if (par->ch_layout.nb_channels > 0 &&
	    av_channel_layout_describe(&par->ch_layout, layout,
				       sizeof(layout)) > 0)
		json_put_str(b, "channel_layout", layout);
	put_known(b, "sample_fmt",
		  av_get_sample_fmt_name((enum AVSampleFormat)par->format));
}

static void
put_stream(struct buf *b, const struct source *src, AVStream *st)
{
	const AVCodecParameters *par = st->codecpar;

	json_open_object(b, NULL);
	json_put_int(b, "index", st->index);
	put_known(b, "codec_type", av_get_media_type_string(par->codec_type));
	json_put_str(b, "codec_name",
		     par->codec_id ? avcodec_get_name(par->codec_id) : NULL);
	put_known(b, "profile",
		  avcodec_profile_name(par->codec_id, par->profile));
	if (par->codec_type == AVMEDIA_TYPE_VIDEO)
		put_video(b, src->fmt, st);
	if (par->codec_type == AVMEDIA_TYPE_AUDIO)
		put_audio(b, par);
	put_ratio(b, "time_base", st->time_base, '/');
	put_seconds(b, "start_time", st->start_time, st->time_base);
	put_seconds(b, "duration", st->duration, st->time_base);
	put_positive(b, "bit_rate", par->bit_rate);
	put_positive(b, "nb_frames", st->nb_frames);
	put_disposition(b, st);
	put_tags(b, st->metadata);
	json_put_bool(b, "analysed", st == src->video || st == src->audio);
	json_close_object(b);
}

static void
put_format(struct buf *b, const struct job *job, const struct source *src)
{
	const AVFormatContext *fmt = src->fmt;

	json_open_object(b, "format");
	json_put_str(b, "format_name", fmt->iformat->name);
	put_known(b, "format_long_name", fmt->iformat->long_name);
	json_put_int(b, "nb_streams", fmt->nb_streams);
	put_seconds(b, "start_time", fmt->start_time, AV_TIME_BASE_Q);
	put_seconds(b, "duration", fmt->duration, AV_TIME_BASE_Q);
	json_put_int(b, "size", job->req.size);
	put_positive(b, "bit_rate", fmt->bit_rate);
	if (strncmp(fmt->iformat->name, "mov", 3) == 0)
		json_put_bool(b, "faststart", boxes_scan(&job->req).moov_first);
	put_tags(b, fmt->metadata);
	json_close_object(b);
}

static void
put_chapters(struct buf *b, const AVFormatContext *fmt)
{
	json_open_array(b, "chapters");
	for (unsigned i = 0; i < fmt->nb_chapters && i < CHAPTERS_MAX; i++) {
		const AVChapter *c = fmt->chapters[i];

		json_open_object(b, NULL);
		json_put_int(b, "id", c->id);
		put_seconds(b, "start_time", c->start, c->time_base);
		put_seconds(b, "end_time", c->end, c->time_base);
		put_tags(b, c->metadata);
		json_close_object(b);
	}
	json_close_array(b);
}

/* What the decoders saw, beside what the headers say. */
static void
put_decoded(struct buf *b, const struct decoded *d)
{
	json_open_object(b, "decoded");
	json_put_int(b, "video_frames", d->frames);
	json_put_int(b, "audio_samples", d->samples);
	json_put_int(b, "errors", d->errors);
	json_put_num(b, "duration", round_to(d->end, 3));
	if (isfinite(d->min_step))
		json_put_bool(b, "variable_frame_rate",
			      d->max_step > 1.5 * d->min_step);
	json_close_object(b);
}

void
probe_write(struct buf *json, const struct job *job, const struct source *src,
	    const struct decoded *decoded)
{
	json_open_object(json, "probe");
	put_format(json, job, src);
	json_open_array(json, "streams");
	for (unsigned i = 0; i < src->fmt->nb_streams; i++)
		put_stream(json, src, src->fmt->streams[i]);
	json_close_array(json);
	put_chapters(json, src->fmt);
	if (decoded)
		put_decoded(json, decoded);
	json_close_object(json);
}
