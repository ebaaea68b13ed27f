/*
 * Opening a hostile file: no protocol, no nested open, a pinned demuxer, a
 * short list of decoders, and limits on everything that can be counted.
 */
#include "processor/media/input/source.h"
#include "processor/media/input/boxes.h"
#include "processor/media/opening.h"
#include "processor/media/input/sniff.h"

#include <errno.h>
#include <math.h>

#include <libavutil/avstring.h>
#include <libavutil/display.h>
#include <libavutil/log.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>

#define CODECS                                                             \
	"h264,hevc,libdav1d,vp8,vp9,mpeg4,mpeg1video,mpeg2video,mjpeg,"    \
	"prores,aac,mp2,mp3float,opus,vorbis,ac3,eac3,flac,alac,"          \
	"pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le," \
	"pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,"      \
	"pcm_mulaw"
#define MAX_ALLOC (512u << 20)
#define MAX_SAMPLES (4 << 20) /* of a frame of sound, per channel */
#define MAX_STREAMS 64
/* Sound the meters and the encoder can be set up for. */
#define RATE_MIN 1000
#define RATE_MAX 768000
#define CHANNELS_MAX 64
#define CHANNELS_UNNAMED_MAX 8 /* more cannot be mixed without their places */
#define STRAY_MAX 10.0 /* seconds past the end: a stamp beyond is damage */

static int
deny_open(AVFormatContext *s, AVIOContext **pb, const char *url, int flags,
	  AVDictionary **options)
{
	(void)s;
	(void)pb;
	(void)url;
	(void)flags;
	(void)options;
	return AVERROR(EPERM);
}

static int
interrupted(void *opaque)
{
	return job_late(opaque);
}

void
source_setup(void)
{
	av_log_set_level(AV_LOG_QUIET);
	av_max_alloc(MAX_ALLOC);
}

static const AVInputFormat *
pin_format(struct job *job)
{
	char *head = malloc(SNIFF_BYTES);
	const AVInputFormat *format = NULL;
	const char *name, *mime;
	struct slice s = { head, 0 };
	ssize_t n;

	if (!head) {
		job_fail(job, MEDIA_LIMIT, "out of memory");
		return NULL;
	}
	n = input_pread(&job->req, head, SNIFF_BYTES, 0);
	if (n < 0) {
		job_fail(job, MEDIA_INTERNAL, "cannot read: %s",
			 strerror(errno));
		n = 0;
	}
	s.n = (size_t)n;
	name = sniff_format(s);
	format = name ? av_find_input_format(name) : NULL;
	mime = sniff_mime(s);
	if (!format)
		job_fail(job, MEDIA_UNSUPPORTED,
			 s.n ? "not a media file: %s" : "the file is empty",
			 mime ? mime : "unknown content");
	free(head);
	return format;
}

/* With limits for the decoders that look at the first packets. Streams that
 * show up later in the file are limited by MAX_ALLOC alone. */
static int
find_streams(AVFormatContext *fmt)
{
	unsigned n = fmt->nb_streams;
	AVDictionary **options = av_calloc(n + 1, sizeof(AVDictionary *));
	int rc;

	if (!options)
		return AVERROR(ENOMEM);
	for (unsigned i = 0; i < n; i++) {
		av_dict_set_int(&options[i], "max_pixels", SOURCE_PIXELS_MAX,
				0);
		av_dict_set_int(&options[i], "max_samples", MAX_SAMPLES, 0);
		/* A picture or two are decoded for their headers alone. */
		av_dict_set(&options[i], "skip_loop_filter", "all", 0);
		av_dict_set(&options[i], "skip_idct", "all", 0);
	}
	rc = avformat_find_stream_info(fmt, options);
	for (unsigned i = 0; i < n; i++)
		av_dict_free(&options[i]);
	av_free(options);
	return rc;
}

static int
open_demuxer(struct job *job, struct source *src, const AVInputFormat *format)
{
	AVDictionary *options = NULL;
	int rc;

	src->io = input_open(&src->input, job);
	src->fmt = avformat_alloc_context();
	if (!src->io || !src->fmt)
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	src->fmt->pb = src->io;
	src->fmt->io_open = deny_open;
	src->fmt->flags |= AVFMT_FLAG_CUSTOM_IO;
	src->fmt->interrupt_callback.callback = interrupted;
	src->fmt->interrupt_callback.opaque = job;
	src->fmt->max_streams = MAX_STREAMS;
	src->fmt->probesize = 16 << 20;
	src->fmt->max_probe_packets = 2500;
	av_dict_set(&options, "protocol_whitelist", ",", 0);
	av_dict_set(&options, "format_whitelist", format->name, 0);
	av_dict_set(&options, "codec_whitelist", CODECS, 0);
	rc = avformat_open_input(&src->fmt, "", format, &options);
	av_dict_free(&options);
	if (rc < 0)
		return job_fail_av(job, rc, "reading the header");
	rc = find_streams(src->fmt);
	return rc < 0 ? job_fail_av(job, rc, "reading the streams") : 0;
}

static const AVCodec *
decoder_for(const AVStream *st)
{
	const AVCodec *codec = avcodec_find_decoder(st->codecpar->codec_id);

	return codec && av_match_list(codec->name, CODECS, ',') ? codec : NULL;
}

static bool
sound_is_sane(const AVCodecParameters *par)
{
	const AVChannelLayout *layout = &par->ch_layout;
	int most = layout->order == AV_CHANNEL_ORDER_UNSPEC
		       ? CHANNELS_UNNAMED_MAX
		       : CHANNELS_MAX;

	return par->sample_rate >= RATE_MIN && par->sample_rate <= RATE_MAX &&
	       layout->nb_channels <= most;
}

/* The default one first, then the larger one; 0: not to be decoded. */
static int64_t
stream_rank(const AVStream *st)
{
	const AVCodecParameters *par = st->codecpar;
	int64_t size = par->codec_type == AVMEDIA_TYPE_VIDEO
			   ? (int64_t)par->width * par->height
			   : par->ch_layout.nb_channels;

	if (par->codec_type == AVMEDIA_TYPE_AUDIO && !sound_is_sane(par))
		return 0;
	if (size > 0 && st->disposition & AV_DISPOSITION_DEFAULT)
		size += 1ll << 40;
	return size;
}

static AVStream *
pick_stream(AVFormatContext *fmt, enum AVMediaType type)
{
	AVStream *best = NULL;

	for (unsigned i = 0; i < fmt->nb_streams; i++) {
		AVStream *st = fmt->streams[i];

		if (st->codecpar->codec_type != type || !decoder_for(st) ||
		    st->disposition & AV_DISPOSITION_ATTACHED_PIC ||
		    stream_rank(st) <= 0)
			continue;
		if (!best || stream_rank(st) > stream_rank(best))
			best = st;
	}
	return best;
}

static int
choose_streams(struct job *job, struct source *src)
{
	AVFormatContext *fmt = src->fmt;

	src->video = pick_stream(fmt, AVMEDIA_TYPE_VIDEO);
	src->audio = pick_stream(fmt, AVMEDIA_TYPE_AUDIO);
	for (unsigned i = 0; i < fmt->nb_streams; i++)
		if (fmt->streams[i] != src->video &&
		    fmt->streams[i] != src->audio)
			fmt->streams[i]->discard = AVDISCARD_ALL;
	if (src->video || src->audio)
		return 0;
	return job_fail(job, MEDIA_UNSUPPORTED,
			"no video or audio stream that can be decoded");
}

/* An index that points behind the end: the file was cut off. */
static int
check_whole(struct job *job, const struct source *src)
{
	for (unsigned i = 0; i < src->fmt->nb_streams; i++) {
		AVStream *st = src->fmt->streams[i];
		int n = avformat_index_get_entries_count(st);
		const AVIndexEntry *e =
		    n ? avformat_index_get_entry(st, n - 1) : NULL;

		if (e && (e->pos < 0 || e->pos > job->req.size ||
			  e->size > job->req.size - e->pos))
			return job_fail(job, MEDIA_CORRUPT,
					"the file is truncated");
	}
	return 0;
}

static AVRational
reduced(AVRational q)
{
	av_reduce(&q.num, &q.den, q.num, q.den, INT_MAX);
	return q.num > 0 && q.den > 0 ? q : (AVRational){ 0, 1 };
}

static int
open_source(struct job *job, struct source *src)
{
	const AVInputFormat *format = pin_format(job);

	*src = (struct source){ 0 };
	if (format && strncmp(format->name, "mov", 3) == 0 &&
	    boxes_scan(&job->req).truncated)
		return job_fail(job, MEDIA_CORRUPT, "the file is truncated");
	if (!format || open_demuxer(job, src, format) != 0 ||
	    check_whole(job, src) != 0 || choose_streams(job, src) != 0)
		return -1;
	if (src->fmt->start_time != AV_NOPTS_VALUE)
		src->start = (double)src->fmt->start_time / AV_TIME_BASE;
	if (src->fmt->duration > 0)
		src->duration = (double)src->fmt->duration / AV_TIME_BASE;
	if (src->duration > SOURCE_SECONDS_MAX)
		return job_fail(job, MEDIA_LIMIT, "longer than 24 hours");
	if (src->video)
		src->aspect = reduced(src->video->sample_aspect_ratio);
	return 0;
}

int
source_open(struct job *job, struct source *src)
{
	int rc = open_source(job, src);

	opening_end();
	if (rc == 0)
		job_send_deadline(src->duration);
	return rc;
}

void
source_close(struct source *src)
{
	avformat_close_input(&src->fmt);
	input_close(&src->io);
}

int
source_decoder(struct job *job, const AVStream *st, AVCodecContext **out)
{
	const AVCodec *codec = decoder_for(st);
	AVCodecContext *ctx = avcodec_alloc_context3(codec);
	int rc;

	if (!codec || !ctx) {
		avcodec_free_context(&ctx);
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	}
	ctx->max_pixels = SOURCE_PIXELS_MAX;
	ctx->max_samples = MAX_SAMPLES;
	ctx->thread_count = job->req.threads;
	ctx->pkt_timebase = st->time_base;
	rc = avcodec_parameters_to_context(ctx, st->codecpar);
	if (rc >= 0)
		rc = avcodec_open2(ctx, codec, NULL);
	if (rc < 0) {
		avcodec_free_context(&ctx);
		return job_fail_av(job, rc, "opening the decoder");
	}
	*out = ctx;
	return 0;
}

double
source_time(const struct source *src, const AVStream *st, int64_t pts)
{
	double last = src->duration > 0 ? src->duration : SOURCE_SECONDS_MAX;
	double t = (double)pts * av_q2d(st->time_base) - src->start;

	if (pts == AV_NOPTS_VALUE || t < -SOURCE_SECONDS_MAX ||
	    t > last + STRAY_MAX)
		return NAN;
	return t;
}

AVRational
source_aspect(const struct source *src, const AVFrame *frame)
{
	if (src->aspect.num > 0)
		return src->aspect;
	if (frame)
		return reduced(frame->sample_aspect_ratio);
	return src->video ? reduced(src->video->codecpar->sample_aspect_ratio)
			  : src->aspect;
}

int
source_rotation(const AVStream *st)
{
	size_t size;
	const int32_t *matrix =
	    (const int32_t *)(const void *)av_stream_get_side_data(
		st, AV_PKT_DATA_DISPLAYMATRIX, &size);
	double angle;

	if (!matrix || size < 9 * sizeof(*matrix))
		return 0;
	angle = av_display_rotation_get(matrix); /* counter-clockwise */
	if (!isfinite(angle))
		return 0;
	return ((int)lround(-angle / 90) * 90 % 360 + 360) % 360;
}
