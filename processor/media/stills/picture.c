/*
 * Frame -> scaled RGB, with the stream's own matrix and range -> tones ->
 * turned. By way of RGB, because a plain YUV to YUV scale keeps BT.709
 * numbers where JPEG and WebP mean BT.601; planar, because libswscale's packed
 * RGB comes out two levels too dark. The area filter: no alias however
 * small the picture gets, and no generated code (SWS_FAST_BILINEAR would),
 * which the sandbox forbids.
 */
#include "processor/media/stills/picture.h"

#include <errno.h>
#include <math.h>

#define SCALER (SWS_AREA | SWS_ACCURATE_RND)
#define HD_LINES 720 /* without a word about the matrix: BT.709 from here */

struct picture_size
picture_fit(const AVFrame *frame, AVRational sar, struct turn t,
	    struct picture_size most)
{
	double ratio = sar.num > 0 && sar.den > 0 ? av_q2d(sar) : 1;
	double w, h, scale;

	if (ratio < 0.05 || ratio > 20)
		ratio = 1;
	w = frame->width * ratio;
	h = frame->height;
	if (t.transpose) {
		double other = w;

		w = h;
		h = other;
	}
	scale = fmin(1, fmin(most.w / w, most.h / h));
	return (struct picture_size){ (int)fmax(1, lround(w * scale)),
				      (int)fmax(1, lround(h * scale)) };
}

AVFrame *
picture_frame(enum AVPixelFormat format, struct picture_size size)
{
	AVFrame *f = av_frame_alloc();

	if (!f)
		return NULL;
	f->format = format;
	f->width = size.w;
	f->height = size.h;
	if (av_frame_get_buffer(f, 0) < 0)
		av_frame_free(&f);
	return f;
}

static int
matrix_of(const AVFrame *f)
{
	if (f->colorspace != AVCOL_SPC_UNSPECIFIED)
		return (int)f->colorspace;
	if (tonemap_needed(f))
		return SWS_CS_BT2020;
	return f->height >= HD_LINES ? SWS_CS_ITU709 : SWS_CS_ITU601;
}

/*
 * Of a picture much larger than what it becomes, at least two rows for each
 * row are enough: the reader steps over the others. (Of an interlaced one
 * this is one field.)
 */
static int
row_step(int from, int to)
{
	return from >= 4 * to ? from / (2 * to) : 1;
}

static int
scale(struct SwsContext **sws, AVFrame *dst, const AVFrame *src, int matrix,
      bool full)
{
	int step = row_step(src->height, dst->height);
	int height = src->height / step;
	int stride[4];
	int rc;

	for (int i = 0; i < 4; i++)
		stride[i] = src->linesize[i] * step;
	*sws = sws_getCachedContext(
	    *sws, src->width, height, (enum AVPixelFormat)src->format,
	    dst->width, dst->height, (enum AVPixelFormat)dst->format, SCALER,
	    NULL, NULL, NULL);
	if (!*sws)
		return AVERROR_PATCHWELCOME;
	sws_setColorspaceDetails(*sws, sws_getCoefficients(matrix), full,
				 sws_getCoefficients(SWS_CS_ITU601), 1, 0,
				 1 << 16, 1 << 16);
	rc = sws_scale(*sws, (const uint8_t *const *)src->data, stride, 0,
		       height, dst->data, dst->linesize);
	return rc < 0 ? rc : 0;
}

int
picture_scale(struct SwsContext **sws, AVFrame *dst, const AVFrame *rgb)
{
	return scale(sws, dst, rgb, SWS_CS_ITU601, true);
}

/* @frame becomes RGB in *rgb, not yet turned. */
static int
make_rgb(struct picture_maker *m, const AVFrame *frame,
	 struct picture_size size, AVFrame **rgb)
{
	bool hdr = tonemap_needed(frame);
	AVFrame *scaled =
	    picture_frame(hdr ? AV_PIX_FMT_GBRP16 : PICTURE_PIXELS, size);
	int rc = AVERROR(ENOMEM);

	if (scaled)
		rc = scale(&m->sws, scaled, frame, matrix_of(frame),
			   frame->color_range == AVCOL_RANGE_JPEG);
	if (rc == 0 && hdr) {
		if (!m->tones)
			m->tones = tonemap_new(frame, m->st);
		*rgb = picture_frame(PICTURE_PIXELS, size);
		if (m->tones && *rgb)
			tonemap_apply(m->tones, *rgb, scaled);
		else
			rc = AVERROR(ENOMEM);
	} else {
		*rgb = scaled;
		scaled = NULL;
	}
	av_frame_free(&scaled);
	return rc;
}

int
picture_make(struct picture_maker *m, const AVFrame *frame, AVFrame **out)
{
	struct turn t = turn_of(m->st);
	AVRational sar =
	    m->src ? source_aspect(m->src, frame) : (AVRational){ 1, 1 };
	struct picture_size size = picture_fit(frame, sar, t, m->most);
	struct picture_size lying =
	    t.transpose ? (struct picture_size){ size.h, size.w } : size;
	AVFrame *rgb = NULL;
	int rc = make_rgb(m, frame, lying, &rgb);

	*out = NULL;
	if (rc == 0 && turn_needed(t)) {
		*out = picture_frame(PICTURE_PIXELS, size);
		if (*out)
			turn_picture(*out, rgb, t);
		else
			rc = AVERROR(ENOMEM);
	} else if (rc == 0) {
		*out = rgb;
		rgb = NULL;
	}
	av_frame_free(&rgb);
	return rc < 0 ? job_fail_av(m->job, rc, "making a picture") : 0;
}

void
picture_release(struct picture_maker *m)
{
	sws_freeContext(m->sws);
	tonemap_free(m->tones);
	m->sws = NULL;
	m->tones = NULL;
}
