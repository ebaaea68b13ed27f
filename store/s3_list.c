/*
 * Listing at another S3 endpoint: ListObjectsV2. Keys travel percent-encoded,
 * since XML cannot hold all of them.
 */
#include "store/s3_store.h"
#include "base/encode.h"
#include "base/timeval.h"
#include "base/xml_read.h"

/* 1,000 keys of 1,024 bytes, each of three characters, and what is beside. */
#define ANSWER_MAX (4u << 20)

struct reading {
	struct arena *arena;
	struct store_list_page *page;
	size_t room;
};

static struct store_list_entry *
last(struct reading *r)
{
	return &r->page->entries[r->page->n - 1];
}

static int
begin_entry(void *ctx)
{
	struct reading *r = ctx;

	if (r->page->n == r->room)
		return -1;
	r->page->n++;
	return 0;
}

static int
take_key(void *ctx, struct slice text)
{
	struct reading *r = ctx;
	struct buf key = BUF_INIT;
	int rc = uri_decode(&key, text, true);

	last(r)->name = arena_copy(r->arena, buf_slice(&key));
	if (!buf_ok(&key))
		rc = -1;
	buf_release(&key);
	return rc;
}

static int
take_time(void *ctx, struct slice text)
{
	return time_parse_iso(text, &last(ctx)->object.mtime_us);
}

static int
take_size(void *ctx, struct slice text)
{
	return slice_u64(text, &last(ctx)->object.size);
}

static int
take_truncated(void *ctx, struct slice text)
{
	struct reading *r = ctx;

	r->page->truncated = slice_eq(text, SLICE("true"));
	return 0;
}

static int
read_page(struct slice doc, struct reading *r)
{
	static const struct xml_rule rules[] = {
		{ "ListBucketResult/IsTruncated", NULL, take_truncated },
		{ "ListBucketResult/Contents", begin_entry, NULL },
		{ "ListBucketResult/Contents/Key", NULL, take_key },
		{ "ListBucketResult/Contents/LastModified", NULL, take_time },
		{ "ListBucketResult/Contents/Size", NULL, take_size },
	};

	if (xml_read(doc, rules, ARRAY_LEN(rules), r) != 0 ||
	    (r->page->truncated && !r->page->n))
		return -1;
	if (r->page->truncated)
		r->page->next = last(r)->name;
	return 0;
}

enum s3_error
s3_list(struct store *s, const struct store_list_req *req, struct arena *a,
	struct store_list_page *out)
{
	struct reading reading = { a, out, req->max_keys };
	struct buf query = BUF_INIT;
	struct s3_call call = {
		.method = "GET",
		.bucket = req->bucket,
		.payload_hash = S3_EMPTY_SHA256,
		.answer_max = ANSWER_MAX,
	};
	struct http_client_answer answer;
	enum s3_error err;

	if (req->delimiter.n || !req->max_keys)
		return S3_ERR_NOT_IMPLEMENTED;
	out->entries = arena_array(a, req->max_keys, sizeof(*out->entries));
	buf_printf(&query, "encoding-type=url&list-type=2&max-keys=%u&prefix=",
		   (unsigned)req->max_keys);
	uri_encode(&query, req->prefix, false);
	buf_puts(&query, "&start-after=");
	uri_encode(&query, req->start_after, false);
	if (!out->entries || !buf_ok(&query)) {
		buf_release(&query);
		return S3_ERR_INTERNAL_ERROR;
	}
	call.query = buf_slice(&query);
	err = s3_request_run(s3_of(s)->remote, &call, &answer);
	if (err == S3_OK && read_page(buf_slice(&answer.body), &reading) != 0)
		err = S3_ERR_INTERNAL_ERROR;
	http_client_answer_release(&answer);
	buf_release(&query);
	return a->err ? S3_ERR_INTERNAL_ERROR : err;
}
