/*
 * Boxes of ISO/IEC 14496-12, 14496-14 and 14496-15, as CMAF wants them. A
 * segment is kept until the first sample of the next one comes, because a
 * sample lasts until then.
 */
#include "processor/media/encode/cmaf.h"
#include "base/io.h"

#include <errno.h>

#define SEGMENT_MAX (256u << 20)
#define SAMPLES_MAX 100000u
#define TRACK 1
#define SYNC 0x02000000u     /* depends on no other */
#define NOT_SYNC 0x01010000u /* depends on others, is no sync sample */
#define ASC_MAX 64	     /* bytes of a configuration of AAC */
#define OBJECT_AAC 0x40
#define STREAM_AUDIO 0x15

/* ---- boxes --------------------------------------------------------------- */

static void
put(struct buf *b, uint64_t v, unsigned bytes)
{
	while (bytes--)
		buf_putc(b, (char)(v >> 8 * bytes & 0xff));
}

static void
put_zeros(struct buf *b, size_t n)
{
	while (n--)
		buf_putc(b, 0);
}

/* Answers where it began, for box_end(). */
static size_t
box(struct buf *b, const char *type)
{
	size_t at = b->n;

	put(b, 0, 4);
	buf_puts(b, type);
	return at;
}

static size_t
full_box(struct buf *b, const char *type, unsigned version, uint32_t flags)
{
	size_t at = box(b, type);

	put(b, version, 1);
	put(b, flags, 3);
	return at;
}

static void
patch(struct buf *b, size_t at, uint32_t v)
{
	for (unsigned i = 0; i < 4 && buf_ok(b); i++)
		b->p[at + i] = (char)(v >> (24 - 8 * i) & 0xff);
}

static void
box_end(struct buf *b, size_t at)
{
	patch(b, at, (uint32_t)(b->n - at));
}

static void
put_matrix(struct buf *b)
{
	static const uint32_t m[] = { 0x10000, 0, 0, 0,		0x10000,
				      0,       0, 0, 0x40000000 };

	for (size_t i = 0; i < ARRAY_LEN(m); i++)
		put(b, m[i], 4);
}

/* ---- the header ---------------------------------------------------------- */

static void
put_avc1(struct buf *b, const AVCodecParameters *par, struct slice avcc)
{
	size_t at = box(b, "avc1"), in;

	put_zeros(b, 6);
	put(b, 1, 2);
	put_zeros(b, 16);
	put(b, (uint64_t)par->width, 2);
	put(b, (uint64_t)par->height, 2);
	put(b, 0x00480000, 4); /* 72 dpi, both ways */
	put(b, 0x00480000, 4);
	put(b, 0, 4);
	put(b, 1, 2);
	put_zeros(b, 32);
	put(b, 0x18, 2);
	put(b, 0xffff, 2);
	in = box(b, "avcC");
	buf_put(b, avcc);
	box_end(b, in);
	in = box(b, "colr");
	buf_puts(b, "nclx");
	put(b, (uint64_t)par->color_primaries, 2);
	put(b, (uint64_t)par->color_trc, 2);
	put(b, (uint64_t)par->color_space, 2);
	put(b, par->color_range == AVCOL_RANGE_JPEG ? 0x80 : 0, 1);
	box_end(b, in);
	box_end(b, at);
}

/* ISO/IEC 14496-1: the descriptors of an elementary stream; their sizes stay
 * below 128. */
static void
put_esds(struct buf *b, struct slice config)
{
	size_t at = full_box(b, "esds", 0, 0);

	put(b, 3, 1);
	put(b, 3 + 2 + 13 + 2 + config.n + 3, 1);
	put(b, TRACK, 2);
	put(b, 0, 1);
	put(b, 4, 1);
	put(b, 13 + 2 + config.n, 1);
	put(b, OBJECT_AAC, 1);
	put(b, STREAM_AUDIO, 1);
	put_zeros(b, 3 + 4 + 4); /* buffer and rates: not told */
	put(b, 5, 1);
	put(b, config.n, 1);
	buf_put(b, config);
	put(b, 6, 1);
	put(b, 1, 1);
	put(b, 2, 1);
	box_end(b, at);
}

static void
put_mp4a(struct buf *b, const AVCodecParameters *par, struct slice config)
{
	size_t at = box(b, "mp4a");
	uint64_t rate = (uint64_t)par->sample_rate;

	put_zeros(b, 6);
	put(b, 1, 2);
	put_zeros(b, 8);
	put(b, (uint64_t)par->ch_layout.nb_channels, 2);
	put(b, 16, 2);
	put(b, 0, 4);
	put(b, rate <= UINT16_MAX ? rate << 16 : 0, 4);
	put_esds(b, config);
	box_end(b, at);
}

static void
put_sample_table(struct buf *b, const struct cmaf *c, struct slice config)
{
	static const char *const empty[] = { "stts", "stsc", "stco" };
	size_t at = box(b, "stbl"), in = full_box(b, "stsd", 0, 0);

	put(b, 1, 4);
	if (c->video)
		put_avc1(b, c->par, config);
	else
		put_mp4a(b, c->par, config);
	box_end(b, in);
	for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
		in = full_box(b, empty[i], 0, 0);
		put(b, 0, 4);
		box_end(b, in);
	}
	in = full_box(b, "stsz", 0, 0);
	put(b, 0, 8);
	box_end(b, in);
	box_end(b, at);
}

static void
put_media(struct buf *b, const struct cmaf *c, struct slice config)
{
	size_t at = box(b, "mdia"), in = full_box(b, "mdhd", 0, 0), info, data;

	put(b, 0, 8);
	put(b, (uint64_t)c->tick.den, 4);
	put(b, 0, 4);
	put(b, 0x55c4, 2); /* no language */
	put(b, 0, 2);
	box_end(b, in);
	in = full_box(b, "hdlr", 0, 0);
	put(b, 0, 4);
	buf_puts(b, c->video ? "vide" : "soun");
	put_zeros(b, 12 + 1);
	box_end(b, in);
	info = box(b, "minf");
	in = c->video ? full_box(b, "vmhd", 0, 1) : full_box(b, "smhd", 0, 0);
	put_zeros(b, c->video ? 8 : 4);
	box_end(b, in);
	data = box(b, "dinf");
	in = full_box(b, "dref", 0, 0);
	put(b, 1, 4);
	box_end(b, full_box(b, "url ", 0, 1));
	box_end(b, in);
	box_end(b, data);
	put_sample_table(b, c, config);
	box_end(b, info);
	box_end(b, at);
}

static void
put_track(struct buf *b, const struct cmaf *c, struct slice config)
{
	size_t at = box(b, "trak"), in = full_box(b, "tkhd", 0, 7), edit;

	put(b, 0, 8);
	put(b, TRACK, 4);
	put_zeros(b, 4 + 4 + 8 + 4);
	put(b, c->video ? 0 : 0x0100, 2);
	put(b, 0, 2);
	put_matrix(b);
	put(b, c->video ? (uint64_t)c->par->width << 16 : 0, 4);
	put(b, c->video ? (uint64_t)c->par->height << 16 : 0, 4);
	box_end(b, in);
	if (c->shift > 0) {
		edit = box(b, "edts");
		in = full_box(b, "elst", 0, 0);
		put(b, 1, 4);
		put(b, 0, 4); /* to the end, whatever follows */
		put(b, (uint64_t)c->shift, 4);
		put(b, 0x10000, 4);
		box_end(b, in);
		box_end(b, edit);
	}
	put_media(b, c, config);
	box_end(b, at);
}

static void
put_header(struct buf *b, const struct cmaf *c, struct slice config)
{
	size_t at = box(b, "ftyp"), in, trex;

	buf_puts(b, "iso6");
	put(b, 0, 4);
	buf_puts(b, "iso6cmfcmp41");
	box_end(b, at);
	at = box(b, "moov");
	in = full_box(b, "mvhd", 0, 0);
	put(b, 0, 8);
	put(b, 1000, 4);
	put(b, 0, 4);
	put(b, 0x10000, 4);
	put(b, 0x0100, 2);
	put_zeros(b, 10);
	put_matrix(b);
	put_zeros(b, 24);
	put(b, TRACK + 1, 4);
	box_end(b, in);
	put_track(b, c, config);
	in = box(b, "mvex");
	trex = full_box(b, "trex", 0, 0);
	put(b, TRACK, 4);
	put(b, 1, 4);
	put(b, 0, 8);
	put(b, SYNC, 4);
	box_end(b, trex);
	box_end(b, in);
	box_end(b, at);
}

static int
write_out(struct cmaf *c, struct slice s)
{
	if (io_pwrite_all(c->fd, s.p, s.n, c->at) != 0)
		return job_fail(c->job, MEDIA_LIMIT, "cannot write: %s",
				strerror(errno));
	c->at += (int64_t)s.n;
	return 0;
}

static int
no_memory(struct cmaf *c)
{
	return job_fail(c->job, MEDIA_LIMIT, "out of memory");
}

int
cmaf_open(struct job *job, struct cmaf *c, int fd, const AVCodecParameters *par,
	  AVRational time_base)
{
	*c = (struct cmaf){
		.job = job,
		.fd = fd,
		.video = par->codec_type == AVMEDIA_TYPE_VIDEO,
		.annexb = par->codec_id == AV_CODEC_ID_H264 &&
			  par->extradata_size > 0 && par->extradata[0] != 1,
		.tick = time_base,
		.par = avcodec_parameters_alloc(),
		.data = BUF_MAX(SEGMENT_MAX),
		.segments = calloc(CMAF_SEGMENTS_MAX, sizeof(*c->segments)),
	};
	if (!c->par || !c->segments || avcodec_parameters_copy(c->par, par) < 0)
		return no_memory(c);
	return 0;
}

/* The decoder's configuration, and its name. */
static bool
put_config(struct buf *b, struct cmaf *c)
{
	struct slice extra =
	    slice_mem(c->par->extradata, (size_t)c->par->extradata_size);
	int profile = c->par->profile;

	if (c->video)
		return nal_put_avcc(b, extra) &&
		       nal_avc_name(buf_slice(b), c->codecs);
	buf_put(b, extra);
	/* An AAC profile is its object type less one. */
	snprintf(c->codecs, sizeof(c->codecs), "mp4a.40.%d",
		 profile >= 0 && profile < 31 ? profile + 1 : 2);
	return extra.n > 0 && extra.n <= ASC_MAX;
}

static int
write_header(struct cmaf *c)
{
	struct buf config = BUF_INIT, header = BUF_INIT;
	int rc;

	if (put_config(&config, c)) {
		put_header(&header, c, buf_slice(&config));
		c->header = (uint32_t)header.n;
		rc = buf_ok(&header) ? write_out(c, buf_slice(&header))
				     : no_memory(c);
	} else {
		rc = job_fail(c->job, MEDIA_UNSUPPORTED,
			      "no decoder configuration");
	}
	buf_release(&config);
	buf_release(&header);
	return rc;
}

/* ---- segments ------------------------------------------------------------ */

static void
put_fragment(struct buf *b, const struct cmaf *c)
{
	uint32_t flags = c->video ? 0xf01 : 0x301;
	size_t at = box(b, "moof"), in = full_box(b, "mfhd", 0, 0), traf, data;

	put(b, c->n_segments + 1, 4);
	box_end(b, in);
	traf = box(b, "traf");
	in = full_box(b, "tfhd", 0, 0x020000); /* places are the fragment's */
	put(b, TRACK, 4);
	box_end(b, in);
	in = full_box(b, "tfdt", 1, 0);
	put(b, (uint64_t)c->first_dts, 8);
	box_end(b, in);
	in = full_box(b, "trun", 0, flags);
	put(b, c->n_samples, 4);
	data = b->n;
	put(b, 0, 4);
	for (size_t i = 0; i < c->n_samples; i++) {
		const struct cmaf_sample *s = &c->samples[i];

		put(b, s->duration, 4);
		put(b, s->size, 4);
		if (!c->video)
			continue;
		put(b, s->flags, 4);
		put(b, s->offset, 4);
	}
	box_end(b, in);
	box_end(b, traf);
	box_end(b, at);
	patch(b, data, (uint32_t)(b->n - at + 8));
	put(b, c->data.n + 8, 4);
	buf_puts(b, "mdat");
}

/* @end: presentation time at which the segment ends. */
static int
flush(struct cmaf *c, int64_t end)
{
	struct buf b = BUF_INIT;
	int64_t before = c->at;
	int rc = -1;

	if (c->n_segments == CMAF_SEGMENTS_MAX)
		return job_fail(c->job, MEDIA_LIMIT, "too many segments");
	put_fragment(&b, c);
	if (!buf_ok(&b) || !buf_ok(&c->data))
		no_memory(c);
	else
		rc = write_out(c, buf_slice(&b)) == 0
			 ? write_out(c, buf_slice(&c->data))
			 : -1;
	buf_release(&b);
	if (rc != 0)
		return -1;
	c->segments[c->n_segments++] = (struct cmaf_segment){
		.bytes = (uint32_t)(c->at - before),
		.duration = (double)(end - c->first_pts) / c->tick.den,
	};
	c->n_samples = 0;
	buf_clear(&c->data);
	return 0;
}

static int
make_room(struct cmaf *c)
{
	void *p;

	if (c->n_samples < c->room)
		return 0;
	if (c->room >= SAMPLES_MAX)
		return job_fail(c->job, MEDIA_LIMIT, "too long a segment");
	p = realloc(c->samples, (2 * c->room + 256) * sizeof(*c->samples));
	if (!p)
		return no_memory(c);
	c->samples = p;
	c->room = 2 * c->room + 256;
	return 0;
}

int
cmaf_add(struct cmaf *c, const AVPacket *packet, bool cut)
{
	bool key = packet->flags & AV_PKT_FLAG_KEY;
	struct slice data = slice_mem(packet->data, (size_t)packet->size);
	int64_t pts = packet->pts * c->tick.num;
	int64_t dts = packet->dts * c->tick.num;
	size_t before;

	if (!c->begun) {
		c->begun = true;
		c->shift = dts < 0 ? -dts : 0;
		c->last_dts = -1;
		if (write_header(c) != 0)
			return -1;
	}
	dts += c->shift;
	pts += c->shift;
	if (dts <= c->last_dts)
		dts = c->last_dts + 1;
	if (pts < dts)
		pts = dts;
	if (c->n_samples)
		c->samples[c->n_samples - 1].duration =
		    (uint32_t)(dts - c->last_dts);
	if (make_room(c) != 0 || (cut && c->n_samples && flush(c, pts) != 0))
		return -1;
	if (!c->n_samples) {
		c->first_dts = dts;
		c->first_pts = pts;
	}
	before = c->data.n;
	if (c->annexb)
		nal_put_lengths(&c->data, data);
	else
		buf_put(&c->data, data);
	c->samples[c->n_samples++] = (struct cmaf_sample){
		.size = (uint32_t)(c->data.n - before),
		.duration = (uint32_t)(packet->duration * c->tick.num),
		.flags = key ? SYNC : NOT_SYNC,
		.offset = (uint32_t)(pts - dts),
	};
	c->last_dts = dts;
	pts += packet->duration * c->tick.num;
	if (pts > c->end_pts)
		c->end_pts = pts;
	return buf_ok(&c->data)
		   ? 0
		   : job_fail(c->job, MEDIA_LIMIT, "too large a segment");
}

int
cmaf_finish(struct cmaf *c)
{
	return c->n_samples ? flush(c, c->end_pts) : 0;
}

void
cmaf_close(struct cmaf *c)
{
	avcodec_parameters_free(&c->par);
	buf_release(&c->data);
	free(c->samples);
	free(c->segments);
	*c = (struct cmaf){ 0 };
}
