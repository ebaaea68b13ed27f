/*
 * An object as another S3 endpoint describes it: from the headers of an
 * answer to struct store_object.
 */
#include "store/s3_store.h"
#include "base/timeval.h"

static struct slice
unquoted(struct slice etag)
{
	if (etag.n >= 2 && etag.p[0] == '"' && etag.p[etag.n - 1] == '"')
		return slice_mem(etag.p + 1, etag.n - 2);
	return etag;
}

static void
copy_text(char *out, size_t size, struct slice s)
{
	snprintf(out, size, "%.*s", SLICE_ARG(slice_head(s, size - 1)));
}

void
s3_copy_ids(const struct http_client_answer *a, struct store_object *out)
{
	struct slice version = http_client_header(a, "x-amz-version-id");

	copy_text(out->etag, sizeof(out->etag),
		  unquoted(http_client_header(a, "etag")));
	copy_text(out->version_id, sizeof(out->version_id),
		  version.n ? version : SLICE("null"));
}

/* Headers that belong to the object, not to the answer. */
static bool
is_kept(struct slice name)
{
	static const char *const kept[] = {
		"content-type",	    "cache-control",	"content-disposition",
		"content-encoding", "content-language", "expires"
	};

	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (slice_eq_str(name, kept[i]))
			return true;
	return slice_starts(name, SLICE("x-amz-meta-"));
}

static struct slice
lower(struct arena *a, struct slice s)
{
	char *p = arena_cstr(a, s);

	for (size_t i = 0; p && i < s.n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] - 'A' + 'a');
	return p ? slice_mem(p, s.n) : SLICE_EMPTY;
}

enum s3_error
s3_record_of(const struct http_client_answer *answer, struct slice key,
	     struct arena *a, struct store_object *out)
{
	struct slice rest = buf_slice(&answer->headers), line, name;
	struct store_header *kept;
	size_t lines = 0;
	ptrdiff_t colon;

	*out = (struct store_object){ .key = arena_copy(a, key) };
	for (size_t i = 0; i < rest.n; i++)
		lines += rest.p[i] == '\n';
	kept = arena_array(a, lines ? lines : 1, sizeof(*kept));
	out->headers.v = kept;
	while (kept && rest.n && slice_cut(&rest, '\n', &line)) {
		colon = slice_chr(line, ':');
		if (colon < 0)
			continue;
		name = lower(a, slice_head(line, (size_t)colon));
		if (!is_kept(name))
			continue;
		kept[out->headers.n].name = name;
		kept[out->headers.n++].value = arena_copy(
		    a, slice_trim(slice_from(line, (size_t)colon + 1)));
	}
	s3_copy_ids(answer, out);
	if (time_parse_http(http_client_header(answer, "last-modified"),
			    &out->mtime_us) != 0)
		out->mtime_us = 0;
	if (a->err || slice_u64(http_client_header(answer, "content-length"),
				&out->size) != 0)
		return S3_ERR_INTERNAL_ERROR;
	return S3_OK;
}

size_t
s3_cond_headers(const struct store_cond *cond, struct store_header out[2])
{
	size_t n = 0;

	if (cond && cond->if_match.n)
		out[n++] =
		    (struct store_header){ SLICE("if-match"), cond->if_match };
	if (cond && cond->if_none_match.n)
		out[n++] = (struct store_header){ SLICE("if-none-match"),
						  cond->if_none_match };
	return n;
}
