/*
 * The reader of forms: a state machine over bytes.
 *
 *   [preamble CRLF] --boundary CRLF headers CRLF CRLF content
 *   CRLF --boundary CRLF ... CRLF --boundary-- [epilogue]
 *
 * A delimiter begins with CR and holds no other, so content is searched with
 * memmem() and only a delimiter cut by the end of the input is carried over,
 * as the number of its bytes that are there.
 */
#include "gateway/http/form.h"
#include "gateway/http/form_part.h"

#define DELIMITER_MAX (4 + FORM_BOUNDARY_MAX) /* CRLF "--" boundary */
#define PADDING_MAX 64
#define LATE_HEADERS_MAX 8192u /* of a part behind the file */
#define TEXT_MAX (FORM_PRE_DATA_MAX + LATE_HEADERS_MAX)

enum state { CONTENT, BOUNDARY_END, HEADERS, EPILOGUE };
/* What the content at hand is. */
enum kind { PREAMBLE, FIELD, THE_FILE, IGNORED };

struct form {
	struct form_sink sink;
	const char *file_name;
	struct arena *a;
	char delimiter[DELIMITER_MAX];
	size_t delimiter_n;
	enum state state;
	enum kind kind;
	size_t matched;	   /* bytes of a delimiter at the end of the input */
	char boundary_end; /* the byte that must follow: '-', LF; 0: any */
	size_t padding;
	char text[TEXT_MAX]; /* headers and values as they come */
	size_t text_n;
	size_t item; /* where the headers or the value at hand begin */
	size_t late; /* where headers behind the file begin */
	struct form_field fields[FORM_FIELDS_MAX];
	size_t n_fields;
	struct slice name; /* of the field at hand */
	struct slice filename;
	struct slice file_type;
	unsigned files;
	uint64_t pre_data;
};

/* ---- setting up ---------------------------------------------------------- */

/* RFC 2046 §5.1.1: no blank at the end. */
static bool
is_boundary(struct slice s)
{
	static const char extra[] = "'()+_,-./:=? ";

	if (s.n == 0 || s.n > FORM_BOUNDARY_MAX || s.p[s.n - 1] == ' ')
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		      (c >= 'A' && c <= 'Z') || (c && strchr(extra, c))))
			return false;
	}
	return true;
}

enum s3_error
form_boundary(struct slice content_type, struct arena *a, struct slice *out)
{
	struct slice rest = content_type, type = SLICE_EMPTY, name, value;
	int more;

	slice_cut(&rest, ';', &type);
	if (!slice_ieq_str(slice_trim(type), "multipart/form-data"))
		return S3_ERR_PRECONDITION_FAILED;
	*out = SLICE_EMPTY;
	while ((more = form_param(&rest, a, &name, &value)) > 0) {
		if (!slice_ieq_str(name, "boundary"))
			continue;
		if (out->n)
			return S3_ERR_MALFORMED_POST_REQUEST;
		*out = value;
	}
	return more == 0 && is_boundary(*out) ? S3_OK
					      : S3_ERR_MALFORMED_POST_REQUEST;
}

struct form *
form_new(struct slice boundary, const char *file_name,
	 const struct form_sink *sink, struct arena *a)
{
	struct form *f = arena_alloc(a, sizeof(*f));

	if (!f)
		return NULL;
	f->sink = *sink;
	f->file_name = file_name;
	f->a = a;
	memcpy(f->delimiter, "\r\n--", 4);
	memcpy(f->delimiter + 4, boundary.p, boundary.n);
	f->delimiter_n = 4 + boundary.n;
	/* The first delimiter has no line before it. */
	f->matched = 2;
	return f;
}

/* ---- parts --------------------------------------------------------------- */

/* Bounded by the count of bytes before the file, and by read_headers(). */
static void
keep(struct form *f, const char *p, size_t n)
{
	if (n)
		memcpy(f->text + f->text_n, p, n);
	f->text_n += n;
}

static enum s3_error
take_content(struct form *f, const char *p, size_t n)
{
	if (f->kind == FIELD)
		keep(f, p, n);
	if (f->kind == THE_FILE && n)
		return f->sink.data(f->sink.ctx, p, n);
	return S3_OK;
}

/* A delimiter was read. */
static enum s3_error
end_content(struct form *f)
{
	f->matched = 0;
	f->state = BOUNDARY_END;
	f->boundary_end = 0;
	f->padding = 0;
	if (f->kind != FIELD)
		return S3_OK;
	if (f->n_fields == FORM_FIELDS_MAX)
		return S3_ERR_MALFORMED_POST_REQUEST;
	f->fields[f->n_fields++] =
	    (struct form_field){ f->name, slice_mem(f->text + f->item,
						    f->text_n - f->item) };
	return S3_OK;
}

static void
begin_headers(struct form *f)
{
	f->state = HEADERS;
	if (f->files)
		f->text_n = f->late;
	f->item = f->text_n;
}

static enum s3_error
begin_content(struct form *f, const struct form_part *part)
{
	bool is_file = slice_ieq_str(part->name, f->file_name);
	bool late = f->files > 0;

	f->state = CONTENT;
	f->item = f->text_n;
	f->name = part->name;
	f->kind = late ? IGNORED : is_file ? THE_FILE : FIELD;
	if (is_file)
		f->files++;
	if (f->kind != THE_FILE)
		return S3_OK;
	f->late = f->text_n;
	f->filename = part->filename;
	f->file_type = part->type;
	return f->sink.file(f->sink.ctx);
}

/* ---- reading ------------------------------------------------------------- */

/* Goes on with a delimiter whose beginning ended the last piece. */
static enum s3_error
match_delimiter(struct form *f, const char *p, size_t n, size_t *used)
{
	size_t i = 0, matched;

	while (i < n && f->matched < f->delimiter_n &&
	       p[i] == f->delimiter[f->matched]) {
		i++;
		f->matched++;
	}
	*used = i;
	if (f->matched == f->delimiter_n)
		return end_content(f);
	if (i == n)
		return S3_OK;
	/* It was content after all. */
	matched = f->matched;
	f->matched = 0;
	return take_content(f, f->delimiter, matched);
}

/* Bytes at the end of p[0..n) that may begin a delimiter. */
static size_t
delimiter_begun(const struct form *f, const char *p, size_t n)
{
	const char *cr = n ? memrchr(p, '\r', n) : NULL;
	size_t rest = cr ? n - (size_t)(cr - p) : 0;

	return rest < f->delimiter_n && cr && !memcmp(cr, f->delimiter, rest)
		   ? rest
		   : 0;
}

static enum s3_error
read_content(struct form *f, const char *p, size_t n, size_t *used)
{
	const char *hit;
	enum s3_error err;

	if (f->matched)
		return match_delimiter(f, p, n, used);
	hit = memmem(p, n, f->delimiter, f->delimiter_n);
	if (!hit) {
		*used = n;
		f->matched = delimiter_begun(f, p, n);
		return take_content(f, p, n - f->matched);
	}
	*used = (size_t)(hit - p) + f->delimiter_n;
	err = take_content(f, p, (size_t)(hit - p));
	return err == S3_OK ? end_content(f) : err;
}

/* "--", or blanks and CRLF. */
static enum s3_error
read_boundary_end(struct form *f, char c)
{
	if (f->boundary_end && c != f->boundary_end)
		return S3_ERR_MALFORMED_POST_REQUEST;
	if (f->boundary_end == '-')
		f->state = EPILOGUE;
	else if (f->boundary_end == '\n')
		begin_headers(f);
	else if (c == '\r')
		f->boundary_end = '\n';
	else if (c == '-' && f->padding == 0)
		f->boundary_end = '-';
	else if ((c != ' ' && c != '\t') || ++f->padding > PADDING_MAX)
		return S3_ERR_MALFORMED_POST_REQUEST;
	return S3_OK;
}

static enum s3_error
read_headers(struct form *f, char c)
{
	struct form_part part;
	struct slice lines;

	if (f->text_n == TEXT_MAX)
		return S3_ERR_MALFORMED_POST_REQUEST;
	keep(f, &c, 1);
	lines = slice_mem(f->text + f->item, f->text_n - f->item);
	if (c != '\n' || !(slice_ends(lines, SLICE("\r\n\r\n")) ||
			   slice_eq_str(lines, "\r\n")))
		return S3_OK;
	if (form_part_parse(slice_head(lines, lines.n - 2), f->a, &part) != 0)
		return f->a->err ? S3_ERR_INTERNAL_ERROR
				 : S3_ERR_MALFORMED_POST_REQUEST;
	return begin_content(f, &part);
}

static enum s3_error
read_some(struct form *f, const char *p, size_t n, size_t *used)
{
	*used = 1;
	switch (f->state) {
	case CONTENT:
		return read_content(f, p, n, used);
	case BOUNDARY_END:
		return read_boundary_end(f, *p);
	case HEADERS:
		return read_headers(f, *p);
	case EPILOGUE:
		break;
	}
	*used = n;
	return S3_OK;
}

enum s3_error
form_feed(struct form *f, const void *in, size_t n)
{
	const char *p = in;
	enum s3_error err = S3_OK;
	size_t used, some;

	for (; n > 0 && err == S3_OK; p += used, n -= used) {
		bool before = f->files == 0 && f->state != EPILOGUE;

		some = n;
		if (before && some > FORM_PRE_DATA_MAX - f->pre_data)
			some = (size_t)(FORM_PRE_DATA_MAX - f->pre_data);
		if (some == 0)
			return S3_ERR_MAX_POST_PRE_DATA_LENGTH_EXCEEDED;
		err = read_some(f, p, some, &used);
		if (before)
			f->pre_data += used;
	}
	return err;
}

enum s3_error
form_end(const struct form *f)
{
	return f->state == EPILOGUE ? S3_OK : S3_ERR_MALFORMED_POST_REQUEST;
}

const struct form_field *
form_fields(const struct form *f, size_t *n)
{
	*n = f->n_fields;
	return f->fields;
}

struct slice
form_filename(const struct form *f)
{
	return f->filename;
}

struct slice
form_file_type(const struct form *f)
{
	return f->file_type;
}

unsigned
form_files(const struct form *f)
{
	return f->files;
}

uint64_t
form_pre_data(const struct form *f)
{
	return f->pre_data;
}
