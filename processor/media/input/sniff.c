/*
 * Signatures of the containers we read. Each needs more than a chance hit:
 * transport streams five sync bytes, MP3 two frames in a row.
 */
#include "processor/media/input/sniff.h"

#include <magic.h>

static magic_t database;

void
sniff_load(void)
{
	database = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS |
			      MAGIC_NO_CHECK_TAR | MAGIC_NO_CHECK_CDF);
	if (database && magic_load(database, NULL) != 0) {
		magic_close(database);
		database = NULL;
	}
}

const char *
sniff_mime(struct slice head)
{
	if (!database || !head.n)
		return NULL;
	return magic_buffer(database, head.p, slice_head(head, SNIFF_BYTES).n);
}

static bool
has_at(struct slice s, size_t at, const char *text)
{
	return slice_starts(slice_from(s, at), slice_str(text));
}

static bool
is_mov(struct slice s)
{
	static const char *const boxes[] = { "ftyp", "moov", "mdat", "free",
					     "skip", "wide", "pnot" };

	for (size_t i = 0; i < ARRAY_LEN(boxes); i++)
		if (has_at(s, 4, boxes[i]))
			return true;
	return false;
}

static bool
is_matroska(struct slice s)
{
	return slice_starts(s, slice_mem("\x1a\x45\xdf\xa3", 4));
}

static bool
is_avi(struct slice s)
{
	return has_at(s, 0, "RIFF") && has_at(s, 8, "AVI ");
}

static bool
is_wav(struct slice s)
{
	return has_at(s, 0, "RIFF") && has_at(s, 8, "WAVE");
}

static bool
is_flv(struct slice s)
{
	return slice_starts(s, slice_mem("FLV\x01", 4));
}

static bool
is_ogg(struct slice s)
{
	return slice_starts(s, slice_mem("OggS\x00", 5));
}

/* Plain packets of 188 bytes, or with a time stamp of 4 before each. */
static bool
is_mpegts(struct slice s)
{
	static const struct {
		size_t first, step;
	} shapes[] = { { 0, 188 }, { 4, 192 } };

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		size_t hits = 0;

		while (hits < 5 &&
		       has_at(s, shapes[i].first + hits * shapes[i].step, "G"))
			hits++;
		if (hits == 5)
			return true;
	}
	return false;
}

/* Length of the MPEG audio layer III frame at @at, 0 when there is none. */
static size_t
mp3_frame(struct slice s, size_t at)
{
	static const unsigned short kbits[2][16] = {
		{ 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144,
		  160 },
		{ 0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256,
		  320 },
	};
	static const unsigned rates[] = { 44100, 48000, 32000, 0 };
	const unsigned char *p = (const unsigned char *)s.p + at;
	unsigned version, bitrate, rate;

	if (s.n < 4 || at > s.n - 4)
		return 0;
	version = p[1] >> 3 & 3; /* 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5 */
	if (p[0] != 0xff || (p[1] & 0xe6) != 0xe2 || version == 1)
		return 0;
	bitrate = kbits[version == 3][p[2] >> 4];
	rate = rates[p[2] >> 2 & 3] >> (version == 3   ? 0
					: version == 2 ? 1
						       : 2);
	if (!bitrate || !rate)
		return 0;
	return (version == 3 ? 144 : 72) * bitrate * 1000 / rate +
	       (p[2] >> 1 & 1);
}

static bool
is_mp3(struct slice s)
{
	size_t n;

	if (slice_starts(s, SLICE("ID3")))
		return true;
	n = mp3_frame(s, 0);
	return n && mp3_frame(s, n);
}

static const struct {
	const char *demuxer;
	bool (*matches)(struct slice head);
} formats[] = {
	{ "mov", is_mov },	 { "matroska", is_matroska }, { "avi", is_avi },
	{ "mpegts", is_mpegts }, { "flv", is_flv },	      { "ogg", is_ogg },
	{ "wav", is_wav },	 { "mp3", is_mp3 },
};

/* Kinds that no media file is taken for, whatever it begins with. */
static bool
is_foreign(const char *mime)
{
	static const char *const kinds[] = { "text/",
					     "image/",
					     "application/x-executable",
					     "application/x-pie-executable",
					     "application/zip",
					     "application/pdf" };

	for (size_t i = 0; mime && i < ARRAY_LEN(kinds); i++)
		if (slice_starts(slice_str(mime), slice_str(kinds[i])))
			return true;
	return false;
}

const char *
sniff_format(struct slice head)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (formats[i].matches(head))
			return is_foreign(sniff_mime(head))
				   ? NULL
				   : formats[i].demuxer;
	return NULL;
}
