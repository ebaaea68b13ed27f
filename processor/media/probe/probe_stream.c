/*
 * What container and codec parameters say about a stream.
 */
#include "processor/media/probe/probe_stream.h"
#include "processor/media/probe/probe_put.h"
#include "processor/media/probe/probe_side.h"

#include <libavutil/avstring.h>
#include <libavutil/pixdesc.h>

static void
put_hex(struct buf *b, const char *name, unsigned v, int digits)
{
	char text[16];

	snprintf(text, sizeof(text), "0x%0*x", digits, v);
	json_put_str(b, name, text);
}

static void
put_codec(struct buf *b, const AVCodecParameters *par)
{
	const AVCodecDescriptor *d = avcodec_descriptor_get(par->codec_id);
	char tag[AV_FOURCC_MAX_STRING_SIZE];

	probe_put_known(b, "codec_type",
			av_get_media_type_string(par->codec_type));
	json_put_str(b, "codec_name", d ? d->name : NULL);
	if (d)
		probe_put_known(b, "codec_long_name", d->long_name);
	probe_put_known(b, "profile",
			avcodec_profile_name(par->codec_id, par->profile));
	if (par->codec_tag) {
		json_put_str(b, "codec_tag_string",
			     av_fourcc_make_string(tag, par->codec_tag));
		put_hex(b, "codec_tag", par->codec_tag, 4);
	}
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
	probe_put_known(b, "color_range",
			av_color_range_name(par->color_range));
	probe_put_known(b, "color_space",
			av_color_space_name(par->color_space));
	probe_put_known(b, "color_primaries",
			av_color_primaries_name(par->color_primaries));
	probe_put_known(b, "color_transfer",
			av_color_transfer_name(par->color_trc));
	probe_put_known(b, "chroma_location",
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
	probe_put_ratio(b, "sample_aspect_ratio", sar, ':');
	probe_put_ratio(b, "display_aspect_ratio", dar, ':');
}

static void
put_video(struct buf *b, AVFormatContext *fmt, AVStream *st)
{
	static const char *const orders[] = {
		[AV_FIELD_PROGRESSIVE] = "progressive",
		[AV_FIELD_TT] = "tt",
		[AV_FIELD_BB] = "bb",
		[AV_FIELD_TB] = "tb",
		[AV_FIELD_BT] = "bt",
	};
	const AVCodecParameters *par = st->codecpar;
	const AVPixFmtDescriptor *d =
	    av_pix_fmt_desc_get((enum AVPixelFormat)par->format);

	probe_put_positive(b, "width", par->width);
	probe_put_positive(b, "height", par->height);
	put_aspect(b, av_guess_sample_aspect_ratio(fmt, st, NULL), par->width,
		   par->height);
	if (d) {
		json_put_str(b, "pix_fmt", d->name);
		json_put_int(b, "bits_per_component", d->comp[0].depth);
	}
	probe_put_positive(b, "level", par->level);
	json_put_int(b, "rotation", source_rotation(st));
	put_colour(b, par);
	if ((size_t)par->field_order < ARRAY_LEN(orders))
		probe_put_known(b, "field_order", orders[par->field_order]);
	probe_put_ratio(b, "avg_frame_rate", st->avg_frame_rate, '/');
	probe_put_ratio(b, "r_frame_rate", st->r_frame_rate, '/');
	json_put_int(b, "has_b_frames", par->video_delay);
}

static void
put_audio(struct buf *b, const AVCodecParameters *par)
{
	char layout[128];

	probe_put_positive(b, "sample_rate", par->sample_rate);
	probe_put_positive(b, "channels", par->ch_layout.nb_channels);
	if (par->ch_layout.nb_channels > 0 &&
	    av_channel_layout_describe(&par->ch_layout, layout,
				       sizeof(layout)) > 0)
		json_put_str(b, "channel_layout", layout);
	probe_put_known(
	    b, "sample_fmt",
	    av_get_sample_fmt_name((enum AVSampleFormat)par->format));
	json_put_int(b, "bits_per_sample",
		     av_get_bits_per_sample(par->codec_id));
	probe_put_positive(b, "initial_padding", par->initial_padding);
}

static void
put_edits(struct buf *b, const struct edit_list *edits)
{
	if (!edits)
		return;
	json_open_array(b, "edit_list");
	for (int i = 0; i < edits->n; i++) {
		const struct edit *e = &edits->list[i];

		json_open_object(b, NULL);
		json_put_num(b, "duration", round_to(e->duration, 6));
		json_put_num(b, "media_time", round_to(e->from, 6));
		json_put_num(b, "rate", e->rate);
		json_close_object(b);
	}
	json_close_array(b);
	json_put_int(b, "edit_list_entries", edits->count);
}

void
probe_put_stream(struct buf *b, const struct source *src, AVStream *st,
		 const struct edits *edits)
{
	const AVCodecParameters *par = st->codecpar;

	json_open_object(b, NULL);
	json_put_int(b, "index", st->index);
	if (src->fmt->iformat->flags & AVFMT_SHOW_IDS)
		put_hex(b, "id", (unsigned)st->id, 0);
	put_codec(b, par);
	if (par->codec_type == AVMEDIA_TYPE_VIDEO)
		put_video(b, src->fmt, st);
	if (par->codec_type == AVMEDIA_TYPE_AUDIO)
		put_audio(b, par);
	probe_put_ratio(b, "time_base", st->time_base, '/');
	probe_put_ticks(b, "start_pts", st->start_time);
	probe_put_seconds(b, "start_time", st->start_time, st->time_base);
	probe_put_ticks(b, "duration_ts", st->duration);
	probe_put_seconds(b, "duration", st->duration, st->time_base);
	probe_put_positive(b, "bit_rate", par->bit_rate);
	probe_put_positive(b, "bits_per_raw_sample", par->bits_per_raw_sample);
	probe_put_positive(b, "nb_frames", st->nb_frames);
	probe_put_positive(b, "extradata_size", par->extradata_size);
	put_disposition(b, st);
	probe_put_tags(b, st->metadata);
	put_edits(b, edits_of(edits, st->id));
	probe_put_side(b, st);
	json_put_bool(b, "analysed", st == src->video || st == src->audio);
	json_close_object(b);
}
