/*
 * The files that were made of a video. Players resolve what a playlist or a
 * caption file names relative to it, which a presigned URL would break: so
 * those come through here, with presigned URLs in the place of the names.
 * Everything else is fetched from the S3 port.
 */
#include "gateway/api/call.h"

#define TEXT_MAX (8u << 20) /* of a file that comes through here */

static const char file_not_found[] = "No such file of this video";

/* ---- names in a text ------------------------------------------------------
 */

struct files {
	struct api_call *c;
	const struct queue_file *list;
	size_t n;
};

static const struct queue_file *
file_named(const struct files *f, struct slice name)
{
	for (size_t i = 0; i < f->n; i++)
		if (slice_eq_str(name, f->list[i].name))
			return &f->list[i];
	return NULL;
}

/* The URL of a name, or the name itself where it is none of a file, or of one
 * that comes through here too. */
static void put_reference(const struct files *f, struct slice name,
			  struct buf *out);

/* WebVTT: a line "storyboard-1.jpg#xywh=0,0,320,180". */
static void
put_vtt_line(const struct files *f, struct slice line, struct buf *out)
{
	ptrdiff_t hash = slice_find(line, SLICE("#xywh="));

	if (hash > 0) {
		put_reference(f, slice_head(line, (size_t)hash), out);
		line = slice_from(line, (size_t)hash);
	}
	buf_put(out, line);
}

/* RFC 8216 §4.1: a line is a tag, or a URI; tags have some as attributes. */
static void
put_m3u8_line(const struct files *f, struct slice line, struct buf *out)
{
	static const char uri[] = "URI=\"";
	ptrdiff_t at = slice_find(line, SLICE(uri)), end;

	if (!slice_starts(line, SLICE("#"))) {
		put_reference(f, line, out);
		return;
	}
	if (at >= 0) {
		size_t from = (size_t)at + sizeof(uri) - 1;

		buf_put(out, slice_head(line, from));
		line = slice_from(line, from);
		end = slice_chr(line, '"');
		if (end >= 0) {
			put_reference(f, slice_head(line, (size_t)end), out);
			line = slice_from(line, (size_t)end);
		}
	}
	buf_put(out, line);
}

/* ---- kinds of text --------------------------------------------------------
 */

static const struct text_kind {
	const char *extension;
	const char *content_type;
	/* NULL: names in it stay */
	void (*put_line)(const struct files *f, struct slice line,
			 struct buf *out);
} text_kinds[] = {
	{ ".m3u8", "application/vnd.apple.mpegurl", put_m3u8_line },
	{ ".vtt", "text/vtt; charset=utf-8", put_vtt_line },
	{ ".json", "application/json", NULL },
};

/* NULL: it does not come through here. */
static const struct text_kind *
text_kind_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < ARRAY_LEN(text_kinds); i++)
		if (strcmp(text_kinds[i].extension, dot) == 0)
			return &text_kinds[i];
	return NULL;
}

static void
put_reference(const struct files *f, struct slice name, struct buf *out)
{
	const struct queue_file *file = file_named(f, name);

	if (file && !text_kind_of(file->name))
		api_get_url(f->c, file->bucket, file->s3_key,
			    API_PLAYLIST_URL_S, out);
	else
		buf_put(out, name);
}

/* The whole object; false when answered. */
static bool
read_object(struct api_call *c, const struct queue_file *file, struct buf *out)
{
	struct store_read *read = NULL;
	struct store_object object;
	char *to;
	enum s3_error err = store_get(
	    c->api->conf.store,
	    &STORE_REF(slice_str(file->bucket), slice_str(file->s3_key)), NULL,
	    &c->arena, &object, &read);

	if (err == S3_OK && object.size > TEXT_MAX)
		err = S3_ERR_ENTITY_TOO_LARGE;
	if (err == S3_OK)
		err = store_read_verify(read, 0, object.size);
	to = err == S3_OK ? buf_reserve(out, object.size + 1) : NULL;
	if (to)
		err = store_read_at(read, 0, to, object.size);
	if (to && err == S3_OK)
		out->n += object.size;
	store_read_close(read);
	if (err == S3_OK)
		return true;
	buf_release(out);
	if (err == S3_ERR_NO_SUCH_KEY || err == S3_ERR_NO_SUCH_BUCKET)
		api_fail(c, 404, file_not_found);
	else
		api_unavailable(c, "The object store is not available");
	return false;
}

static void
answer_text(const struct files *f, const struct queue_file *file,
	    const struct text_kind *kind)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct slice rest, line;

	if (!read_object(f->c, file, &text))
		return;
	if (kind->put_line) {
		rest = buf_slice(&text);
		while (slice_cut(&rest, '\n', &line)) {
			kind->put_line(f, line, &out);
			if (rest.p)
				buf_putc(&out, '\n');
		}
		buf_release(&text);
		text = out;
	}
	api_answer_text(f->c, kind->content_type, &text);
}

static void
answer_elsewhere(struct api_call *c, const struct queue_file *file)
{
	struct buf url = BUF_INIT, b = BUF_INIT;

	api_get_url(c, file->bucket, file->s3_key, API_URL_S, &url);
	if (buf_ok(&url))
		http_set_header(c->http, "Location", buf_slice(&url));
	json_open_object(&b, NULL);
	json_put_slice(&b, "url", buf_slice(&url));
	json_close_object(&b);
	api_answer(c, buf_ok(&url) ? 307 : 500, &b);
	buf_release(&url);
}

/* ---- the endpoints --------------------------------------------------------
 */

/* The files of the video in the path; false when answered. */
static bool
read_files(struct api_call *c, struct files *f)
{
	const char *id = api_uuid(c, arena_cstr(&c->arena, c->named[0]));
	struct queue_file *list = NULL;
	enum queue_error err = QUEUE_NOT_FOUND;

	*f = (struct files){ .c = c };
	if (id)
		err = queue_files(c->api->conf.queue, c->user, id, &c->arena,
				  &list, &f->n);
	f->list = list;
	return api_queue_ok(c, err, API_VIDEO_NOT_FOUND, NULL);
}

void
api_file_list(struct api_call *c)
{
	struct buf b = BUF_INIT;
	struct files f;

	if (!read_files(c, &f))
		return;
	json_open_object(&b, NULL);
	json_open_array(&b, "files");
	for (size_t i = 0; i < f.n; i++) {
		const struct queue_file *file = &f.list[i];

		json_open_object(&b, NULL);
		json_put_str(&b, "name", file->name);
		json_put_str(&b, "role", file->role);
		json_put_u64(&b, "size", file->size);
		json_put_time(&b, "created_at", file->created_us);
		api_put_url(c, &b, "url", file->bucket, file->s3_key);
		json_close_object(&b);
	}
	json_close_array(&b);
	json_close_object(&b);
	api_answer_cached(c, &b);
}

void
api_file_get(struct api_call *c)
{
	const struct queue_file *file;
	const struct text_kind *kind;
	struct files f;

	if (!read_files(c, &f))
		return;
	file = file_named(&f, c->named[1]);
	if (!file) {
		api_fail(c, 404, file_not_found);
		return;
	}
	kind = text_kind_of(file->name);
	if (kind)
		answer_text(&f, file, kind);
	else
		answer_elsewhere(c, file);
}
