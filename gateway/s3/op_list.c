/*
 * ListObjectsV2 and ListObjects: one page of the store, two spellings. The
 * continuation token is the place where the page ended, so it survives
 * restarts: a letter for key or common prefix, then the name, in base64url.
 */
#include "gateway/s3/ops.h"
#include "base/encode.h"
#include "gateway/s3/checksum.h"

struct listing {
	struct store_list_req req;
	struct store_list_page page;
	struct slice token; /* as sent; .p NULL: none */
	struct slice start; /* start-after or marker, as sent */
	bool encode;
	bool with_owner;
};

static enum s3_error
read_token(struct s3_request *rq, struct listing *l)
{
	struct buf b = BUF_INIT;
	bool ok = base64url_decode(&b, l->token) == 0 && b.n > 1 &&
		  (b.p[0] == 'k' || b.p[0] == 'p');

	if (ok) {
		l->req.start_is_prefix = b.p[0] == 'p';
		l->req.start_after =
		    arena_copy(&rq->http->arena, slice_from(buf_slice(&b), 1));
	}
	buf_release(&b);
	if (ok)
		return S3_OK;
	return s3_fail(rq, S3_ERR_INVALID_ARGUMENT,
		       "The continuation token provided is incorrect",
		       "ArgumentName", SLICE("continuation-token"));
}

static enum s3_error
read_listing(struct s3_request *rq, struct listing *l)
{
	enum s3_error err = s3_param_encoding(rq, &l->encode);

	l->req.bucket = rq->bucket;
	l->req.prefix = s3_param(rq, "prefix");
	l->req.delimiter = s3_param(rq, "delimiter");
	if (err == S3_OK)
		err = s3_param_count(rq, "max-keys", "maxKeys", 1000,
				     &l->req.max_keys);
	if (l->req.max_keys > 1000)
		l->req.max_keys = 1000;
	return err;
}

static enum s3_error
fetch_page(struct s3_request *rq, struct listing *l)
{
	struct store_bucket b;

	if (l->req.max_keys == 0)
		return store_bucket_head(rq->world->store, rq->bucket,
					 &rq->http->arena, &b);
	return store_list(rq->world->store, &l->req, &rq->http->arena,
			  &l->page);
}

static void
put_object(const struct s3_request *rq, const struct listing *l,
	   const struct store_object *o, struct slice key, struct buf *xml)
{
	const char *alg = s3_checksum_name(o->checksum_alg);

	xml_open(xml, "Contents");
	s3_xml_name(xml, "Key", key, l->encode);
	s3_xml_time(xml, "LastModified", o->mtime_us);
	buf_printf(xml, "<ETag>&quot;%s&quot;</ETag>", o->etag);
	if (alg) {
		xml_text(xml, "ChecksumAlgorithm", slice_str(alg));
		xml_text(xml, "ChecksumType",
			 s3_checksum_type(o->checksum_composite));
	}
	xml_u64(xml, "Size", o->size);
	if (l->with_owner)
		s3_xml_owner(rq, xml, "Owner", rq->record.owner);
	xml_text(xml, "StorageClass",
		 o->storage_class.n ? o->storage_class : SLICE("STANDARD"));
	xml_close(xml, "Contents");
}

/* Objects first, common prefixes after them, as AWS orders the elements. */
static void
put_entries(const struct s3_request *rq, const struct listing *l,
	    struct buf *xml)
{
	for (size_t i = 0; i < l->page.n; i++) {
		const struct store_list_entry *e = &l->page.entries[i];

		if (!e->is_prefix)
			put_object(rq, l, &e->object, e->name, xml);
	}
	for (size_t i = 0; i < l->page.n; i++) {
		const struct store_list_entry *e = &l->page.entries[i];

		if (!e->is_prefix)
			continue;
		xml_open(xml, "CommonPrefixes");
		s3_xml_name(xml, "Prefix", e->name, l->encode);
		xml_close(xml, "CommonPrefixes");
	}
}

static void
put_head(const struct listing *l, struct slice bucket, struct buf *xml)
{
	xml_prolog(xml);
	xml_open_ns(xml, "ListBucketResult", XML_NS_S3);
	xml_text(xml, "Name", bucket);
	s3_xml_name(xml, "Prefix", l->req.prefix, l->encode);
	if (l->req.delimiter.n)
		s3_xml_name(xml, "Delimiter", l->req.delimiter, l->encode);
	xml_u64(xml, "MaxKeys", l->req.max_keys);
	if (l->encode)
		xml_text(xml, "EncodingType", SLICE("url"));
	xml_bool(xml, "IsTruncated", l->page.truncated);
}

static void
put_next_token(const struct listing *l, struct buf *xml)
{
	struct buf raw = BUF_INIT;

	if (!l->page.truncated)
		return;
	buf_putc(&raw, l->page.next_is_prefix ? 'p' : 'k');
	buf_put(&raw, l->page.next);
	xml_open(xml, "NextContinuationToken");
	base64url_encode(xml, raw.p, raw.n);
	xml_close(xml, "NextContinuationToken");
	xml->err |= raw.err;
	buf_release(&raw);
}

enum s3_error
op_list_objects_v2(struct s3_request *rq)
{
	struct listing l = { 0 };
	struct buf xml = BUF_INIT;
	enum s3_error err = read_listing(rq, &l);

	l.token = s3_param(rq, "continuation-token");
	l.start = s3_param(rq, "start-after");
	l.with_owner = slice_eq_str(s3_param(rq, "fetch-owner"), "true");
	l.req.start_after = l.start;
	if (err == S3_OK && l.token.p)
		err = read_token(rq, &l);
	if (err == S3_OK)
		err = fetch_page(rq, &l);
	if (err != S3_OK)
		return err;
	put_head(&l, rq->bucket, &xml);
	xml_u64(&xml, "KeyCount", l.page.n);
	if (l.token.p)
		xml_text(&xml, "ContinuationToken", l.token);
	if (l.start.n)
		s3_xml_name(&xml, "StartAfter", l.start, l.encode);
	put_next_token(&l, &xml);
	put_entries(rq, &l, &xml);
	xml_close(&xml, "ListBucketResult");
	return s3_answer_xml(rq, &xml);
}

bool
s3_is_common_prefix(struct slice prefix, struct slice delimiter,
		    struct slice marker)
{
	struct slice rest = slice_from(marker, prefix.n);

	return delimiter.n && slice_starts(marker, prefix) &&
	       rest.n >= delimiter.n &&
	       slice_find(rest, delimiter) == (ptrdiff_t)(rest.n - delimiter.n);
}

enum s3_error
op_list_objects_v1(struct s3_request *rq)
{
	struct listing l = { .with_owner = true };
	struct buf xml = BUF_INIT;
	enum s3_error err = read_listing(rq, &l);

	l.start = s3_param(rq, "marker");
	l.req.start_after = l.start;
	l.req.start_is_prefix =
	    s3_is_common_prefix(l.req.prefix, l.req.delimiter, l.start);
	if (err == S3_OK)
		err = fetch_page(rq, &l);
	if (err != S3_OK)
		return err;
	put_head(&l, rq->bucket, &xml);
	s3_xml_name(&xml, "Marker", l.start, l.encode);
	if (l.page.truncated && l.req.delimiter.n)
		s3_xml_name(&xml, "NextMarker", l.page.next, l.encode);
	put_entries(rq, &l, &xml);
	xml_close(&xml, "ListBucketResult");
	return s3_answer_xml(rq, &xml);
}
