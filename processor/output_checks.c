/*
 * Small strict readers of the few forms we write. No libav here: the broker
 * holds secrets, and a file that needs a decoder to be judged would be judged
 * by what it may be an attack on.
 */
#include "processor/output_checks.h"
#include "base/io.h"
#include "base/json.h"

#define BOXES_MAX 400000
#define DEPTH_MAX 8
#define UDTA_MAX 512 /* the muxer's name */

static uint32_t
be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static uint32_t
le32(const unsigned char *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[1] << 8 | p[0];
}

static const unsigned char *
bytes(struct slice s)
{
	return (const unsigned char *)s.p;
}

/* ---- JPEG (ITU-T T.81 B.1) ----------------------------------------------- */

enum { DHT = 0xc4, SOF0 = 0xc0, RST0 = 0xd0, EOI = 0xd9, SOS = 0xda };
enum { DQT = 0xdb, DRI = 0xdd, APP0 = 0xe0 };

/* The segments before the first scan; where that begins, 0 when refused. */
static size_t
jpeg_head(struct slice file, struct output *o)
{
	const unsigned char *p = bytes(file);
	size_t at = 2, n;

	if (file.n < 4 || p[0] != 0xff || p[1] != 0xd8)
		return 0;
	for (; at + 4 <= file.n; at += 2 + n) {
		n = (size_t)p[at + 2] << 8 | p[at + 3];
		if (p[at] != 0xff || n < 2 || n > file.n - at - 2)
			return 0;
		switch (p[at + 1]) {
		case SOF0:
			if (o->width || n < 8)
				return 0;
			o->height = p[at + 5] << 8 | p[at + 6];
			o->width = p[at + 7] << 8 | p[at + 8];
			break;
		case APP0: /* JFIF, and no thumbnail in it */
			if (n != 16)
				return 0;
			break;
		case SOS:
			return at + 2 + n;
		case DHT:
		case DQT:
		case DRI:
			break;
		default:
			return 0;
		}
	}
	return 0;
}

static bool
is_pixels(int n)
{
	return n > 0 && n <= OUTPUT_PIXELS_MAX;
}

int
check_jpeg(struct slice file, struct output *o)
{
	const unsigned char *p = bytes(file), *ff;
	size_t at;

	o->width = o->height = 0;
	at = jpeg_head(file, o);
	if (!at || !is_pixels(o->width) || !is_pixels(o->height))
		return -1;
	while (at < file.n && (ff = memchr(p + at, 0xff, file.n - at))) {
		at = (size_t)(ff - p) + 2;
		if (at > file.n)
			return -1;
		if (ff[1] == EOI)
			return at == file.n ? 0 : -1;
		if (ff[1] != 0 && (ff[1] < RST0 || ff[1] >= RST0 + 8))
			return -1;
	}
	return -1;
}

/* ---- WebP -----------------------------------------------------------------
 */

int
check_webp(struct slice file, struct output *o)
{
	const unsigned char *p = bytes(file);
	uint32_t n;

	(void)o;
	if (file.n < 20 || !slice_starts(file, SLICE("RIFF")) ||
	    !slice_starts(slice_from(file, 8), SLICE("WEBPVP8")) ||
	    (p[15] != ' ' && p[15] != 'L'))
		return -1;
	n = le32(p + 16);
	return le32(p + 4) == file.n - 8 && n <= file.n - 20 &&
		       n + (n & 1) == file.n - 20
		   ? 0
		   : -1;
}

/* ---- MP4 (ISO/IEC 14496-12) -----------------------------------------------
 */

/* Where a box may lie: at the top, or in one of the containers. */
enum { TOP = 1, INSIDE = 2, CONTAINER = 4 };

static const struct {
	char type[5];
	int flags;
} boxes[] = {
	{ "ftyp", TOP },
	{ "styp", TOP },
	{ "sidx", TOP },
	{ "free", TOP },
	{ "mdat", TOP },
	{ "moov", TOP | CONTAINER },
	{ "moof", TOP | CONTAINER },
	{ "trak", INSIDE | CONTAINER },
	{ "mdia", INSIDE | CONTAINER },
	{ "minf", INSIDE | CONTAINER },
	{ "stbl", INSIDE | CONTAINER },
	{ "edts", INSIDE | CONTAINER },
	{ "dinf", INSIDE | CONTAINER },
	{ "mvex", INSIDE | CONTAINER },
	{ "traf", INSIDE | CONTAINER },
	{ "mvhd", INSIDE },
	{ "tkhd", INSIDE },
	{ "elst", INSIDE },
	{ "mdhd", INSIDE },
	{ "hdlr", INSIDE },
	{ "vmhd", INSIDE },
	{ "smhd", INSIDE },
	{ "dref", INSIDE },
	{ "stsd", INSIDE },
	{ "stts", INSIDE },
	{ "stss", INSIDE },
	{ "ctts", INSIDE },
	{ "cslg", INSIDE },
	{ "stsc", INSIDE },
	{ "stsz", INSIDE },
	{ "stco", INSIDE },
	{ "co64", INSIDE },
	{ "sdtp", INSIDE },
	{ "sgpd", INSIDE },
	{ "sbgp", INSIDE },
	{ "trex", INSIDE },
	{ "mehd", INSIDE },
	{ "mfhd", INSIDE },
	{ "tfhd", INSIDE },
	{ "tfdt", INSIDE },
	{ "trun", INSIDE },
	{ "udta", INSIDE },
};

static int
box_flags(const unsigned char type[4])
{
	for (size_t i = 0; i < ARRAY_LEN(boxes); i++)
		if (memcmp(boxes[i].type, type, 4) == 0)
			return boxes[i].flags;
	return 0;
}

struct box {
	uint64_t at, body, end;
	unsigned char type[4];
	int flags;
};

static int
read_box(int fd, uint64_t at, uint64_t end, struct box *b)
{
	unsigned char head[16];
	uint64_t n;

	*b = (struct box){ .at = at, .body = at + 8 };
	if (end - at < 8 || io_pread_all(fd, head, 8, (off_t)at) != 0)
		return -1;
	n = be32(head);
	memcpy(b->type, head + 4, 4);
	if (n == 1) {
		if (end - at < 16 || io_pread_all(fd, head, 16, (off_t)at) != 0)
			return -1;
		n = (uint64_t)be32(head + 8) << 32 | be32(head + 12);
		b->body += 8;
	}
	if (n < b->body - at || n > end - at)
		return -1;
	b->end = at + n;
	b->flags = box_flags(b->type);
	return 0;
}

/* One reference, to this very file: no name, no address. */
static bool
is_own_media(int fd, const struct box *b)
{
	static const unsigned char own[20] = { 0,   0,	 0, 0, 0,  0,	0,
					       1,   0,	 0, 0, 12, 'u', 'r',
					       'l', ' ', 0, 0, 0,  1 };
	unsigned char found[sizeof(own)];

	return b->end - b->body == sizeof(own) &&
	       io_pread_all(fd, found, sizeof(own), (off_t)b->body) == 0 &&
	       memcmp(found, own, sizeof(own)) == 0;
}

static bool
box_ok(int fd, const struct box *b, int depth)
{
	if (!(b->flags & (depth ? INSIDE : TOP)))
		return false;
	if (b->at == 0 && memcmp(b->type, "ftyp", 4) != 0 &&
	    memcmp(b->type, "styp", 4) != 0)
		return false;
	if (memcmp(b->type, "udta", 4) == 0)
		return b->end - b->at <= UDTA_MAX;
	return memcmp(b->type, "dref", 4) != 0 || is_own_media(fd, b);
}

int
check_mp4(struct slice file, struct output *o)
{
	uint64_t ends[DEPTH_MAX + 1] = { o->size }, at = 0;
	int depth = 0;

	(void)file;
	for (int n = 0; n < BOXES_MAX; n++) {
		struct box b;

		while (depth && at == ends[depth])
			depth--;
		if (at == o->size)
			return n ? 0 : -1;
		if (read_box(o->fd, at, ends[depth], &b) != 0 ||
		    !box_ok(o->fd, &b, depth))
			return -1;
		at = b.end;
		if (b.flags & CONTAINER) {
			if (depth == DEPTH_MAX)
				return -1;
			ends[++depth] = b.end;
			at = b.body;
		}
	}
	return -1;
}

/* ---- text -----------------------------------------------------------------
 */

/* Lines of printable UTF-8; no path that leads out of the folder, nothing
 * with a scheme or a host. */
static int
check_text(struct slice file)
{
	static const char *const never[] = { "://", "//", "..", "\\" };

	for (size_t i = 0; i < file.n;) {
		size_t n = slice_utf8(file, i);

		if (!n || ((unsigned char)file.p[i] < ' ' && file.p[i] != '\n'))
			return -1;
		i += n;
	}
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		if (memmem(file.p, file.n, never[i], strlen(never[i])))
			return -1;
	return memmem(file.p, file.n, "\n/", 2) ||
		       memmem(file.p, file.n, "\"/", 2)
		   ? -1
		   : 0;
}

/* RFC 8216, section 4.3.1.1 */
int
check_m3u8(struct slice file, struct output *o)
{
	(void)o;
	return slice_starts(file, SLICE("#EXTM3U\n")) ? check_text(file) : -1;
}

/* W3C WebVTT, section 4.1 */
int
check_vtt(struct slice file, struct output *o)
{
	(void)o;
	return slice_starts(file, SLICE("WEBVTT\n")) ? check_text(file) : -1;
}

int
check_json(struct slice file, struct output *o)
{
	cJSON *doc = json_parse(file);
	int rc = cJSON_IsObject(doc) ? 0 : -1;

	(void)o;
	cJSON_Delete(doc);
	return rc;
}

/* Version 2, flags, rate, samples per pixel, pixels, channels; then a least
 * and a greatest value of each. */
int
check_dat(struct slice file, struct output *o)
{
	const unsigned char *p = bytes(file);
	uint64_t values;

	(void)o;
	if (file.n < 24 || le32(p) != 2 || le32(p + 4) > 1 ||
	    le32(p + 20) < 1 || le32(p + 20) > 64)
		return -1;
	values = (uint64_t)le32(p + 16) * le32(p + 20) * 2;
	return values * (le32(p + 4) ? 1 : 2) == file.n - 24 ? 0 : -1;
}
