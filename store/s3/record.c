/*
 * An object as another S3 endpoint describes it: from the headers of an
 * answer to struct store_object.
 */
#include "base/encode.h"
#include "base/timeval.h"
#include "store/s3/xml.h"

void
s3_copy_version(const struct http_client_answer *a, struct store_object *out)
{
	struct slice version = http_client_header(a, "x-amz-version-id");

	if (s3_text_copy(version, out->version_id, sizeof(out->version_id)) !=
	    0)
		out->version_id[0] = '\0';
}

void
s3_copy_ids(const struct http_client_answer *a, struct store_object *out)
{
	if (s3_text_etag(http_client_header(a, "etag"), out->etag,
			 sizeof(out->etag)) != 0)
		out->etag[0] = '\0';
	s3_copy_version(a, out);
	if (!*out->version_id)
		memcpy(out->version_id, "null", sizeof("null"));
}

void
s3_detach(struct store_object *o)
{
	o->key = o->storage_class = SLICE_EMPTY;
	o->headers = o->tags = (struct store_headers){ 0 };
}

/* Headers that belong to the object, not to the answer. */
static bool
is_kept(struct slice name)
{
	static const char *const kept[] = { "content-type",
					    "cache-control",
					    "content-disposition",
					    "content-encoding",
					    "content-language",
					    "expires",
					    "x-amz-website-redirect-location" };

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

void
s3_copy_time(const struct http_client_answer *a, struct store_object *out)
{
	if (time_parse_http(http_client_header(a, "last-modified"),
			    &out->mtime_us) != 0)
		out->mtime_us = 0;
}

bool
s3_is_marker(const struct http_client_answer *a)
{
	return slice_eq_str(http_client_header(a, "x-amz-delete-marker"),
			    "true");
}

bool
s3_has_tags(const struct http_client_answer *a)
{
	uint64_t n;

	return slice_u64(http_client_header(a, "x-amz-tagging-count"), &n) ==
		   0 &&
	       n > 0;
}

/* "bytes 5-9/20" */
int
s3_range_begin(const struct http_client_answer *a, uint64_t *out)
{
	struct slice text = http_client_header(a, "content-range"), first;

	if (!slice_starts(text, SLICE("bytes ")))
		return -1;
	text = slice_from(text, 6);
	return slice_cut(&text, '-', &first) ? slice_u64(first, out) : -1;
}

uint32_t
s3_etag_parts(const char *etag)
{
	const char *dash = strrchr(etag, '-');
	uint64_t n;

	return dash && slice_u64(slice_str(dash + 1), &n) == 0 &&
		       n <= STORE_PARTS_MAX
		   ? (uint32_t)n
		   : 0;
}

int
s3_copy_sum(const struct http_client_answer *a, struct store_object *out)
{
	struct slice type = http_client_header(a, "x-amz-checksum-type");
	struct slice text;
	int rc = 0;

	for (int alg = HASH_NONE + 1; alg < HASH_ALG_COUNT; alg++) {
		const char *field = s3_sum_field((enum hash_alg)alg);

		text = field ? http_client_header(a, field) : SLICE_EMPTY;
		if (text.n == 0)
			continue;
		rc = s3_object_sum(out, (enum hash_alg)alg, text);
	}
	/* Over the parts where nobody says otherwise, as it always is of
	 * SHA-1 and SHA-256. */
	if (slice_eq_str(type, "COMPOSITE") ||
	    (out->n_parts && out->checksum_alg &&
	     out->checksum_alg != HASH_CRC64NVME &&
	     !slice_eq_str(type, "FULL_OBJECT")))
		out->checksum_composite = true;
	return rc;
}

/* Is it what xml.c makes a word of? Others may write such words, too. */
static bool
is_beyond_ascii(struct slice s)
{
	bool beyond = false;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < ' ' || c == 0x7f)
			return false;
		beyond = beyond || c >= 0x80;
	}
	return beyond;
}

/* User metadata beyond ASCII comes in one word of RFC 2047. */
static struct slice
meta_value(struct arena *a, struct slice text)
{
	const struct slice head = SLICE("=?UTF-8?B?"), tail = SLICE("?=");
	struct buf b = BUF_INIT;

	if (slice_ieq(slice_head(text, head.n), head) &&
	    slice_ends(text, tail) && text.n >= head.n + tail.n &&
	    base64_decode(&b, slice_mem(text.p + head.n,
					text.n - head.n - tail.n)) == 0 &&
	    is_beyond_ascii(buf_slice(&b)))
		text = buf_slice(&b);
	text = arena_copy(a, text);
	buf_release(&b);
	return text;
}

static void
copy_kept(const struct http_client_answer *answer, struct arena *a,
	  struct store_object *out)
{
	struct slice rest = buf_slice(&answer->headers), line, name;
	struct store_header *kept;
	size_t lines = 0;
	ptrdiff_t colon;

	for (size_t i = 0; i < rest.n; i++)
		lines += rest.p[i] == '\n';
	kept = arena_array(a, lines + 1, sizeof(*kept));
	out->headers.v = kept;
	while (kept && rest.n && slice_cut(&rest, '\n', &line)) {
		colon = slice_chr(line, ':');
		if (colon < 0)
			continue;
		name = lower(a, slice_head(line, (size_t)colon));
		if (!is_kept(name))
			continue;
		kept[out->headers.n].name = name;
		kept[out->headers.n++].value = meta_value(
		    a, slice_trim(slice_from(line, (size_t)colon + 1)));
	}
}

enum s3_error
s3_record_of(const struct http_client_answer *answer, struct slice key,
	     struct arena *a, struct store_object *out)
{
	struct slice class = http_client_header(answer, "x-amz-storage-class");

	*out = (struct store_object){ .key = arena_copy(a, key) };
	copy_kept(answer, a, out);
	s3_copy_ids(answer, out);
	s3_copy_time(answer, out);
	out->n_parts = s3_etag_parts(out->etag);
	out->storage_class = s3_text_class(a, class);
	if (a->err || s3_copy_sum(answer, out) != 0 ||
	    slice_u64(http_client_header(answer, "content-length"),
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

static bool
has_dates(const struct store_cond *c)
{
	return c->if_modified_since_us != INT64_MIN ||
	       c->if_unmodified_since_us != INT64_MIN;
}

enum s3_error
s3_cond_ask(struct s3_store *s, struct slice bucket, struct slice key,
	    const struct store_cond *cond)
{
	struct store_object current;
	enum s3_error err;
	struct arena a;

	if (!has_dates(cond) && !cond->if_match.n && !cond->if_none_match.n)
		return S3_OK;
	arena_init(&a, 256u << 10);
	err =
	    s3_get(&s->base, &STORE_REF(bucket, key), NULL, &a, &current, NULL);
	if (err == S3_OK)
		err = store_cond_check(cond, &current, false);
	else if (err == S3_ERR_NO_SUCH_KEY)
		err = store_cond_check(cond, NULL, false);
	arena_release(&a);
	return err;
}
