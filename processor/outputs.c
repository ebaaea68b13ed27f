/*
 * The checks are made on the descriptor that is published later, never on a
 * name twice.
 */
#include "processor/outputs.h"
#include "base/io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES 16384 /* our own JPEGs carry no long metadata */

bool
output_name_valid(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-");

	return n > 0 && n <= OUTPUT_NAME_MAX && name[n] == '\0' &&
	       name[0] != '.';
}

static bool
is_frame_header(unsigned marker)
{
	/* SOF0..SOF15 without DHT, JPG and DAC */
	return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 &&
	       marker != 0xc8 && marker != 0xcc;
}

/* ITU-T T.81 B.1: SOI, then segments of marker, length, data. */
int
jpeg_dimensions(struct slice head, int *width, int *height)
{
	const unsigned char *p = (const unsigned char *)head.p;
	size_t at = 2, n;

	if (head.n < 4 || p[0] != 0xff || p[1] != 0xd8)
		return -1;
	while (at + 4 <= head.n) {
		if (p[at] != 0xff)
			return -1;
		n = (size_t)p[at + 2] << 8 | p[at + 3];
		if (is_frame_header(p[at + 1])) {
			if (n < 8 || at + 9 > head.n)
				return -1;
			*height = p[at + 5] << 8 | p[at + 6];
			*width = p[at + 7] << 8 | p[at + 8];
			return 0;
		}
		if (n < 2)
			return -1;
		at += 2 + n;
	}
	return -1;
}

static int
check_jpeg(struct slice head, struct output *o)
{
	if (jpeg_dimensions(head, &o->width, &o->height) != 0)
		return -1;
	return o->width > 0 && o->width <= OUTPUT_PIXELS_MAX && o->height > 0 &&
		       o->height <= OUTPUT_PIXELS_MAX
		   ? 0
		   : -1;
}

/* ISO/IEC 14496-12: the file type box comes first. */
static int
check_mp4(struct slice head, struct output *o)
{
	(void)o;
	return head.n >= 16 && slice_starts(slice_from(head, 4), SLICE("ftyp"))
		   ? 0
		   : -1;
}

/* The container of WebP: RIFF, a size, WEBP. */
static int
check_webp(struct slice head, struct output *o)
{
	(void)o;
	return slice_starts(head, SLICE("RIFF")) &&
		       slice_starts(slice_from(head, 8), SLICE("WEBP"))
		   ? 0
		   : -1;
}

/* RFC 8216, section 4.3.1.1 */
static int
check_m3u8(struct slice head, struct output *o)
{
	(void)o;
	return slice_starts(head, SLICE("#EXTM3U\n")) ? 0 : -1;
}

/* W3C WebVTT, section 4.1 */
static int
check_vtt(struct slice head, struct output *o)
{
	(void)o;
	return slice_starts(head, SLICE("WEBVTT\n")) ? 0 : -1;
}

static int
check_json(struct slice head, struct output *o)
{
	(void)o;
	return slice_starts(head, SLICE("{")) ? 0 : -1;
}

/* audiowaveform's data file, version 2: a header of 24 bytes. */
static int
check_dat(struct slice head, struct output *o)
{
	(void)o;
	return head.n >= 24 && slice_starts(head, SLICE("\2\0\0\0")) ? 0 : -1;
}

static const struct {
	const char *extension;
	const char *content_type;
	int (*check)(struct slice head, struct output *o);
} kinds[OUTPUT_KINDS] = {
	[OUTPUT_JPEG] = { ".jpg", "image/jpeg", check_jpeg },
	[OUTPUT_WEBP] = { ".webp", "image/webp", check_webp },
	[OUTPUT_MP4] = { ".mp4", "video/mp4", check_mp4 },
	[OUTPUT_M3U8] = { ".m3u8", "application/vnd.apple.mpegurl",
			  check_m3u8 },
	[OUTPUT_VTT] = { ".vtt", "text/vtt", check_vtt },
	[OUTPUT_JSON] = { ".json", "application/json", check_json },
	[OUTPUT_DAT] = { ".dat", "application/octet-stream", check_dat },
};

enum output_kind
output_kind_of(const char *name)
{
	const char *dot = strrchr(name, '.');
	int kind = 0;

	while (kind < OUTPUT_KINDS &&
	       (!dot || strcmp(kinds[kind].extension, dot) != 0))
		kind++;
	return (enum output_kind)kind;
}

const char *
output_content_type(enum output_kind kind)
{
	return kinds[kind].content_type;
}

int
output_open(int dir, const char *name, enum output_kind kind, uint64_t size_max,
	    struct output *out, const char **why)
{
	char *head = malloc(HEAD_BYTES);
	struct stat st;
	size_t n;

	*out = (struct output){ .fd = -1 };
	*why = "name";
	if (head && kind < OUTPUT_KINDS && output_name_valid(name))
		out->fd = openat(
		    dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (out->fd < 0)
		goto refuse;
	*why = "kind of file";
	if (fstat(out->fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_nlink != 1)
		goto refuse;
	*why = "size";
	if (st.st_size <= 0 || (uint64_t)st.st_size > size_max)
		goto refuse;
	*why = "content";
	out->size = (uint64_t)st.st_size;
	n = out->size < HEAD_BYTES ? (size_t)out->size : HEAD_BYTES;
	if (io_pread_all(out->fd, head, n, 0) != 0 ||
	    kinds[kind].check(slice_mem(head, n), out) != 0)
		goto refuse;
	free(head);
	return 0;
refuse:
	free(head);
	output_close(out);
	return -1;
}

void
output_close(struct output *o)
{
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}
