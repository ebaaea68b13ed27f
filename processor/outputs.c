/*
 * The checks are made on the descriptor that is published later, never on a
 * name twice.
 */
#include "processor/outputs.h"
#include "base/io.h"
#include "processor/media_protocol.h"
#include "processor/output_checks.h"
#include "queue/analysis.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_MAX (32u << 20)	 /* of a picture or a text */
#define JSON_MAX MEDIA_FRAME_MAX /* parsed, it takes 36 times as much */

static const struct {
	const char *extension;
	const char *content_type;
	size_t read_max; /* bytes; 0: the check reads what it needs */
	int (*check)(struct slice file, struct output *o);
} kinds[OUTPUT_KINDS] = {
	[OUTPUT_JPEG] = { ".jpg", "image/jpeg", READ_MAX, check_jpeg },
	[OUTPUT_WEBP] = { ".webp", "image/webp", READ_MAX, check_webp },
	[OUTPUT_MP4] = { ".mp4", "video/mp4", 0, check_mp4 },
	[OUTPUT_M3U8] = { ".m3u8", "application/vnd.apple.mpegurl", READ_MAX,
			  check_m3u8 },
	[OUTPUT_VTT] = { ".vtt", "text/vtt", READ_MAX, check_vtt },
	[OUTPUT_JSON] = { ".json", "application/json", JSON_MAX, check_json },
	[OUTPUT_DAT] = { ".dat", "application/octet-stream", READ_MAX,
			 check_dat },
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

static int
check_content(enum output_kind kind, struct output *o)
{
	size_t n = kinds[kind].read_max ? (size_t)o->size : 0;
	char *whole = n <= kinds[kind].read_max ? malloc(n + 1) : NULL;
	int rc = -1;

	if (whole && io_pread_all(o->fd, whole, n, 0) == 0)
		rc = kinds[kind].check(slice_mem(whole, n), o);
	free(whole);
	return rc;
}

int
output_open(int dir, const char *name, enum output_kind kind, uint64_t size_max,
	    struct output *out, const char **why)
{
	struct stat st;

	*out = (struct output){ .fd = -1 };
	*why = "name";
	if (kind < OUTPUT_KINDS && analysis_name_ok(name))
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
	if (check_content(kind, out) != 0)
		goto refuse;
	return 0;
refuse:
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
