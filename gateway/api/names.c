/*
 * File names and types from clients. A key is built from a small alphabet, so
 * that it is the same text in a URL, in a header and on a screen.
 */
#include "gateway/api/names.h"
#include "base/encode.h"
#include "base/random.h"

#include <ctype.h>
#include <inttypes.h>

#define EXTENSION_MAX 10 /* ".mp4", ".matroska" */
#define RANDOM_BYTES 8

/* One '_' for a whole UTF-8 character that is not kept. */
static void
append_safe(struct buf *out, struct slice name)
{
	size_t n;

	for (size_t i = 0; i < name.n; i += n ? n : 1) {
		unsigned char ch = (unsigned char)name.p[i];

		n = slice_utf8(name, i);
		if (isascii(ch) && (isalnum(ch) || strchr("._-", ch)) && ch)
			buf_putc(out, (char)ch);
		else
			buf_putc(out, '_');
	}
}

/* Of an already safe name; empty when there is none worth keeping. */
static struct slice
extension(struct slice name)
{
	for (size_t i = name.n; i > 1; i--)
		if (name.p[i - 1] == '.')
			return name.n - i + 1 <= EXTENSION_MAX
				   ? slice_from(name, i - 1)
				   : SLICE_EMPTY;
	return SLICE_EMPTY;
}

void
api_safe_name(struct buf *out, struct slice file_name)
{
	struct buf safe = BUF_INIT;
	struct slice name, ext;

	append_safe(&safe, file_name);
	name = safe.n > 0 ? buf_slice(&safe) : SLICE("_");
	if (name.n > API_KEY_NAME_MAX) {
		ext = extension(name);
		buf_put(out, slice_head(name, API_KEY_NAME_MAX - ext.n));
		buf_put(out, ext);
	} else {
		buf_put(out, name);
	}
	out->err |= safe.err;
	buf_release(&safe);
}

void
api_upload_key(struct buf *out, const char *user, int64_t now_us,
	       struct slice file_name)
{
	uint8_t random[RANDOM_BYTES];
	char hex[2 * RANDOM_BYTES + 1];

	random_bytes(random, sizeof(random));
	hex_encode(random, sizeof(random), hex);
	buf_printf(out, "uploads/%s/%" PRId64 "-%s-", user, now_us / 1000, hex);
	api_safe_name(out, file_name);
}

static bool
is_token_char(unsigned char ch)
{
	return isascii(ch) && ch &&
	       (isalnum(ch) || strchr("!#$%&'*+-.^_`|~", ch));
}

bool
api_video_type(struct slice type)
{
	struct slice subtype = type, parameters;
	const size_t prefix = strlen("video/");

	if (type.n > API_TYPE_MAX ||
	    !slice_ieq(slice_head(type, prefix), SLICE("video/")))
		return false;
	parameters = slice_from(type, prefix);
	slice_cut(&parameters, ';', &subtype);
	subtype = slice_trim(subtype);
	for (size_t i = 0; i < subtype.n; i++)
		if (!is_token_char((unsigned char)subtype.p[i]))
			return false;
	for (size_t i = 0; i < type.n; i++)
		if (type.p[i] < ' ' || type.p[i] > '~')
			return false;
	return subtype.n > 0;
}
