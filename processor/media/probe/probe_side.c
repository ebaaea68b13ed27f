/*
 * One writer per kind of side data, with the names and spellings of ffprobe.
 * A kind without a writer is named, and nothing more. Sizes are checked: what
 * is shorter than its structure is not read.
 */
#include "processor/media/probe/probe_side.h"
#include "processor/media/job.h"

#include <math.h>

#include <libavutil/display.h>
#include <libavutil/dovi_meta.h>
#include <libavutil/intreadwrite.h>
#include <libavutil/mastering_display_metadata.h>
#include <libavutil/spherical.h>
#include <libavutil/stereo3d.h>

static void
put_fraction(struct buf *b, const char *name, AVRational q)
{
	char text[32];

	snprintf(text, sizeof(text), "%d/%d", q.num, q.den);
	json_put_str(b, name, text);
}

static void
put_matrix(struct buf *b, const void *data)
{
	const int32_t *m = data;
	double angle = av_display_rotation_get(m);

	json_open_array(b, "displaymatrix");
	for (int i = 0; i < 9; i++)
		json_put_int(b, NULL, m[i]);
	json_close_array(b);
	json_put_num(b, "rotation", isnan(angle) ? NAN : round(angle));
}

static void
put_mastering(struct buf *b, const void *data)
{
	static const char *const names[3][2] = { { "red_x", "red_y" },
						 { "green_x", "green_y" },
						 { "blue_x", "blue_y" } };
	const AVMasteringDisplayMetadata *m = data;

	if (m->has_primaries) {
		for (int i = 0; i < 3; i++)
			for (int k = 0; k < 2; k++)
				put_fraction(b, names[i][k],
					     m->display_primaries[i][k]);
		put_fraction(b, "white_point_x", m->white_point[0]);
		put_fraction(b, "white_point_y", m->white_point[1]);
	}
	if (m->has_luminance) {
		put_fraction(b, "min_luminance", m->min_luminance);
		put_fraction(b, "max_luminance", m->max_luminance);
	}
}

static void
put_light(struct buf *b, const void *data)
{
	const AVContentLightMetadata *m = data;

	json_put_int(b, "max_content", m->MaxCLL);
	json_put_int(b, "max_average", m->MaxFALL);
}

static void
put_dovi(struct buf *b, const void *data)
{
	const AVDOVIDecoderConfigurationRecord *d = data;

	json_put_int(b, "dv_version_major", d->dv_version_major);
	json_put_int(b, "dv_version_minor", d->dv_version_minor);
	json_put_int(b, "dv_profile", d->dv_profile);
	json_put_int(b, "dv_level", d->dv_level);
	json_put_int(b, "rpu_present_flag", d->rpu_present_flag);
	json_put_int(b, "el_present_flag", d->el_present_flag);
	json_put_int(b, "bl_present_flag", d->bl_present_flag);
	json_put_int(b, "dv_bl_signal_compatibility_id",
		     d->dv_bl_signal_compatibility_id);
}

static void
put_stereo(struct buf *b, const void *data)
{
	const AVStereo3D *s = data;

	json_put_str(b, "type", av_stereo3d_type_name(s->type));
	json_put_int(b, "inverted", !!(s->flags & AV_STEREO3D_FLAG_INVERT));
}

static void
put_spherical(struct buf *b, const void *data)
{
	const AVSphericalMapping *s = data;

	json_put_str(b, "projection",
		     av_spherical_projection_name(s->projection));
	if (s->projection == AV_SPHERICAL_CUBEMAP)
		json_put_int(b, "padding", s->padding);
	json_put_num(b, "yaw", s->yaw / 65536.0);
	json_put_num(b, "pitch", s->pitch / 65536.0);
	json_put_num(b, "roll", s->roll / 65536.0);
}

static void
put_buffer(struct buf *b, const void *data)
{
	const AVCPBProperties *p = data;

	json_put_int(b, "max_bitrate", p->max_bitrate);
	json_put_int(b, "min_bitrate", p->min_bitrate);
	json_put_int(b, "avg_bitrate", p->avg_bitrate);
	json_put_int(b, "buffer_size", p->buffer_size);
	if (p->vbv_delay != UINT64_MAX)
		json_put_u64(b, "vbv_delay", p->vbv_delay);
}

static void
put_service(struct buf *b, const void *data)
{
	json_put_int(b, "service_type", (int32_t)AV_RN32(data));
}

static const struct {
	enum AVPacketSideDataType type;
	size_t size; /* at least */
	void (*put)(struct buf *b, const void *data);
} kinds[] = {
	{ AV_PKT_DATA_DISPLAYMATRIX, 9 * sizeof(int32_t), put_matrix },
	{ AV_PKT_DATA_MASTERING_DISPLAY_METADATA,
	  sizeof(AVMasteringDisplayMetadata), put_mastering },
	{ AV_PKT_DATA_CONTENT_LIGHT_LEVEL, sizeof(AVContentLightMetadata),
	  put_light },
	{ AV_PKT_DATA_DOVI_CONF, sizeof(AVDOVIDecoderConfigurationRecord),
	  put_dovi },
	{ AV_PKT_DATA_STEREO3D, sizeof(AVStereo3D), put_stereo },
	{ AV_PKT_DATA_SPHERICAL, sizeof(AVSphericalMapping), put_spherical },
	{ AV_PKT_DATA_CPB_PROPERTIES, sizeof(AVCPBProperties), put_buffer },
	{ AV_PKT_DATA_AUDIO_SERVICE_TYPE, sizeof(int32_t), put_service },
};

static void
put_one(struct buf *b, const AVPacketSideData *side)
{
	json_open_object(b, NULL);
	json_put_str(b, "side_data_type", av_packet_side_data_name(side->type));
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].type == side->type && side->size >= kinds[i].size)
			kinds[i].put(b, side->data);
	json_close_object(b);
}

void
probe_put_side(struct buf *b, const AVStream *st)
{
	if (st->nb_side_data <= 0)
		return;
	json_open_array(b, "side_data_list");
	for (int i = 0; i < st->nb_side_data; i++)
		put_one(b, &st->side_data[i]);
	json_close_array(b);
}
