/*
 * Plans in displayed coordinates, carried back through direction and aspect to
 * shares of the coded picture; then crop, scale, tones, turn, each only where
 * needed.
 */
#include "processor/media/encode/reframe.h"

#include <errno.h>
#include <math.h>

#include <libavutil/pixdesc.h>

#define FORMAT AV_PIX_FMT_YUV420P
#define SCALER (SWS_BICUBIC | SWS_ACCURATE_RND)

/* ---- plans --------------------------------------------------------------- */

static int
even(double v)
{
	int n = (int)lround(v / 2) * 2;

	return n < 2 ? 2 : n;
}

static void
plan_colours(struct reframe *r, const struct source *src)
{
	const AVCodecParameters *par = src->video->codecpar;

	r->st = src->video;
	r->hdr = par->color_trc == AVCOL_TRC_SMPTE2084 ||
		 par->color_trc == AVCOL_TRC_ARIB_STD_B67;
	if (r->hdr) {
		r->range = AVCOL_RANGE_MPEG;
		r->space = AVCOL_SPC_BT709;
		r->primaries = AVCOL_PRI_BT709;
		r->transfer = AVCOL_TRC_BT709;
		return;
	}
	/* Other formats are brought to limited range on the way. */
	r->range = par->format == FORMAT ? par->color_range : AVCOL_RANGE_MPEG;
	r->space = par->color_space == AVCOL_SPC_RGB ? AVCOL_SPC_BT709
						     : par->color_space;
	r->primaries = par->color_primaries;
	r->transfer = par->color_trc;
}

void
reframe_keep(struct reframe *r, const struct source *src)
{
	const AVCodecParameters *par = src->video->codecpar;

	*r = (struct reframe){
		.w = par->width > 1 ? par->width & ~1 : 2,
		.h = par->height > 1 ? par->height & ~1 : 2,
		.sar = source_aspect(src, NULL),
		.across = 1,
		.down = 1,
	};
	plan_colours(r, src);
}

/* Width and height as displayed, in lines of the coded picture. */
static void
displayed(const struct source *src, double *w, double *h)
{
	const AVCodecParameters *par = src->video->codecpar;
	AVRational sar = source_aspect(src, NULL);
	double ratio = sar.num > 0 && sar.den > 0 ? av_q2d(sar) : 1;

	if (ratio < 0.05 || ratio > 20)
		ratio = 1;
	*w = par->width * ratio;
	*h = par->height;
	if (turn_of(src->video).transpose) {
		double t = *w;

		*w = *h;
		*h = t;
	}
}

int
reframe_side(const struct source *src)
{
	double w, h;

	displayed(src, &w, &h);
	return (int)lround(fmin(w, h));
}

/* The part in displayed shares becomes one of the coded picture: mirrors
 * first, then columns become rows. */
static void
turn_back(struct reframe *r)
{
	struct reframe d = *r;

	if (r->turn.mirror_x)
		d.left = 1 - d.left - d.across;
	if (r->turn.mirror_y)
		d.top = 1 - d.top - d.down;
	r->left = r->turn.transpose ? d.top : d.left;
	r->across = r->turn.transpose ? d.down : d.across;
	r->top = r->turn.transpose ? d.left : d.top;
	r->down = r->turn.transpose ? d.across : d.down;
}

void
reframe_upright(struct reframe *r, const struct source *src, double ratio,
		double center_x, int max_side)
{
	double w, h, across, down, scale;

	displayed(src, &w, &h);
	across = w;
	down = h;
	if (ratio > 0 && w > h * ratio)
		across = h * ratio;
	else if (ratio > 0)
		down = w / ratio;
	scale = fmin(1, max_side / fmin(across, down));
	*r = (struct reframe){
		.w = even(across * scale),
		.h = even(down * scale),
		.sar = { 1, 1 },
		.upright = true,
		.turn = turn_of(src->video),
	};
	plan_colours(r, src);
	/* A cut picture shows exactly the part that the even size shows. */
	if (ratio > 0) {
		across = fmin(w, r->w / scale);
		down = fmin(h, r->h / scale);
	}
	r->across = across / w;
	r->down = down / h;
	r->left = fmin(fmax(center_x - r->across / 2, 0), 1 - r->across);
	r->top = (1 - r->down) / 2;
	turn_back(r);
}

/* ---- pictures ------------------------------------------------------------ */

/* Even places, so that chroma of any format stays with its luma. */
static void
cut_edges(int size, double from, double share, size_t *before, size_t *behind)
{
	long n = lround(size * share / 2) * 2, at = lround(size * from / 2) * 2;

	if (share >= 1 || n > size)
		n = size;
	if (n < 2)
		n = size < 2 ? size : 2;
	if (at > size - n)
		at = (size - n) & ~1l;
	*before = (size_t)at;
	*behind = (size_t)(size - n - at);
}

/* The part of the frame, without a copy of its pixels. */
static int
take_part(struct reframe *r, const AVFrame *frame)
{
	AVFrame *p = r->part;
	int rc;

	av_frame_unref(p);
	rc = av_frame_ref(p, frame);
	if (rc < 0)
		return rc;
	cut_edges(p->width, r->left, r->across, &p->crop_left, &p->crop_right);
	cut_edges(p->height, r->top, r->down, &p->crop_top, &p->crop_bottom);
	return av_frame_apply_cropping(p, AV_FRAME_CROP_UNALIGNED);
}

/* The result's size before it is turned. */
static void
lying(const struct reframe *r, int *w, int *h)
{
	*w = r->turn.transpose ? r->h : r->w;
	*h = r->turn.transpose ? r->w : r->h;
}

/* A frame of the format with the result's colours, and memory. */
static int
prepare(const struct reframe *r, AVFrame *f, enum AVPixelFormat format, int w,
	int h)
{
	av_frame_unref(f);
	f->format = format;
	f->width = w;
	f->height = h;
	f->color_primaries = r->primaries;
	f->color_trc = r->transfer;
	f->colorspace = r->space;
	f->color_range = r->range;
	return av_frame_get_buffer(f, 0);
}

/* @f in @to's size and format. */
static int
convert(struct SwsContext **sws, const AVFrame *f, AVFrame *to, int from_space)
{
	const AVPixFmtDescriptor *d =
	    av_pix_fmt_desc_get((enum AVPixelFormat)f->format);
	const AVPixFmtDescriptor *e =
	    av_pix_fmt_desc_get((enum AVPixelFormat)to->format);
	int rc;

	*sws = sws_getCachedContext(*sws, f->width, f->height,
				    (enum AVPixelFormat)f->format, to->width,
				    to->height, (enum AVPixelFormat)to->format,
				    SCALER, NULL, NULL, NULL);
	if (!*sws || !d || !e)
		return AVERROR_PATCHWELCOME;
	sws_setColorspaceDetails(*sws, sws_getCoefficients(from_space),
				 f->color_range == AVCOL_RANGE_JPEG ||
				     d->flags & AV_PIX_FMT_FLAG_RGB,
				 sws_getCoefficients((int)to->colorspace),
				 to->color_range == AVCOL_RANGE_JPEG ||
				     e->flags & AV_PIX_FMT_FLAG_RGB,
				 0, 1 << 16, 1 << 16);
	rc = sws_scale(*sws, (const uint8_t *const *)f->data, f->linesize, 0,
		       f->height, to->data, to->linesize);
	return rc < 0 ? rc : 0;
}

/* @f by way of RGB, where its light is brought to the display's. */
static int
bring_down(struct reframe *r, const AVFrame *f, int w, int h)
{
	int space = f->colorspace == AVCOL_SPC_UNSPECIFIED ? SWS_CS_BT2020
							   : (int)f->colorspace;
	int rc = prepare(r, r->wide, AV_PIX_FMT_GBRP16, w, h);

	if (!r->tones)
		r->tones = tonemap_new(f, r->st);
	if (!r->tones)
		return AVERROR(ENOMEM);
	if (rc >= 0)
		rc = convert(&r->sws_wide, f, r->wide, space);
	if (rc >= 0)
		rc = prepare(r, r->rgb, AV_PIX_FMT_GBRP, w, h);
	if (rc < 0)
		return rc;
	tonemap_apply(r->tones, r->rgb, r->wide);
	return convert(&r->sws, r->rgb, r->scaled, SWS_CS_ITU709);
}

static int
scale(struct reframe *r, const AVFrame *f)
{
	int w, h, rc;

	lying(r, &w, &h);
	rc = prepare(r, r->scaled, FORMAT, w, h);
	if (rc < 0)
		return rc;
	if (r->hdr && tonemap_needed(f))
		return bring_down(r, f, w, h);
	return convert(&r->sws, f, r->scaled, (int)r->space);
}

static bool
fits(const struct reframe *r, const AVFrame *f)
{
	int w, h;

	lying(r, &w, &h);
	return !r->hdr && f->format == FORMAT && f->width == w &&
	       f->height == h;
}

static int
allocate(struct reframe *r)
{
	AVFrame **const frames[] = { &r->part, &r->scaled, &r->turned, &r->wide,
				     &r->rgb };

	for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
		if (!*frames[i])
			*frames[i] = av_frame_alloc();
		if (!*frames[i])
			return AVERROR(ENOMEM);
	}
	return 0;
}

static int
apply(struct reframe *r, const AVFrame *frame, AVFrame **out)
{
	int rc = allocate(r);

	if (rc == 0)
		rc = take_part(r, frame);
	*out = r->part;
	if (rc >= 0 && !fits(r, *out)) {
		rc = scale(r, r->part);
		*out = r->scaled;
	}
	if (rc >= 0 && r->upright && turn_needed(r->turn)) {
		rc = prepare(r, r->turned, FORMAT, r->w, r->h);
		if (rc >= 0)
			turn_picture(r->turned, *out, r->turn);
		*out = r->turned;
	}
	return rc;
}

int
reframe_apply(struct job *job, struct reframe *r, const AVFrame *frame,
	      AVFrame **out)
{
	int rc = apply(r, frame, out);

	return rc < 0 ? job_fail_av(job, rc, "reframing") : 0;
}

void
reframe_release(struct reframe *r)
{
	sws_freeContext(r->sws);
	sws_freeContext(r->sws_wide);
	tonemap_free(r->tones);
	r->sws = r->sws_wide = NULL;
	r->tones = NULL;
	av_frame_free(&r->part);
	av_frame_free(&r->scaled);
	av_frame_free(&r->turned);
	av_frame_free(&r->wide);
	av_frame_free(&r->rgb);
}
