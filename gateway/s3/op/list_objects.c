/*
 * ListObjectsV2 and ListObjects: one page of the store, two spellings. The
 * continuation token is the place where the page ended: a key or a common
 * prefix.
 */
#include "gateway/s3/op/list.h"
#include "gateway/s3/op/ops.h"
#include "gateway/s3/token.h"

enum token_kind { TOKEN_KEY = 'k', TOKEN_PREFIX = 'p' };

struct listing {
	struct s3_list_query q;
	struct slice token; /* as sent; .p NULL: none */
	struct slice start; /* start-after or marker, as sent */
	struct slice after;
	bool after_is_prefix;
	bool with_owner;
	struct store_list_page page;
};

static enum s3_error
read_token(struct s3_request *rq, struct listing *l)
{
	char kind = 0;

	if (token_read(&rq->http->arena, l->token, &kind, &l->after) != 0 ||
	    (kind != TOKEN_KEY && kind != TOKEN_PREFIX))
		return s3_fail(rq, S3_ERR_INVALID_ARGUMENT,
			       "The continuation token provided is incorrect",
			       "ArgumentName", SLICE("continuation-token"));
	l->after_is_prefix = kind == TOKEN_PREFIX;
	return S3_OK;
}

static void
put_next_token(const struct listing *l, struct buf *xml)
{
	if (!l->page.truncated)
		return;
	xml_open(xml, "NextContinuationToken");
	token_write(xml, l->page.next_is_prefix ? TOKEN_PREFIX : TOKEN_KEY,
		    l->page.next);
	xml_close(xml, "NextContinuationToken");
}

/* A page of nothing is never truncated. */
static enum s3_error
fetch_page(struct s3_request *rq, struct listing *l)
{
	const struct store_list_req req = {
		.bucket = rq->bucket,
		.prefix = l->q.prefix,
		.delimiter = l->q.delimiter,
		.start_after = l->after,
		.start_is_prefix = l->after_is_prefix,
		.max_keys = l->q.max_keys,
	};

	http_set_header(rq->http, "x-amz-bucket-region", rq->record.region);
	if (l->q.max_keys == 0)
		return S3_OK;
	return store_list(rq->world->store, &req, &rq->http->arena, &l->page);
}

/* Objects first, common prefixes after them, as AWS orders the elements. */
static void
put_entries(const struct s3_request *rq, const struct listing *l,
	    struct buf *xml)
{
	struct s3_list_time last = { 0 };

	s3_list_reserve(l->page.n, xml);
	for (size_t i = 0; i < l->page.n; i++) {
		const struct store_list_entry *e = &l->page.entries[i];

		if (e->is_prefix)
			continue;
		xml_open(xml, "Contents");
		s3_xml_name(xml, "Key", e->name, l->q.encode);
		s3_list_put_time(&last, e->object.mtime_us, xml);
		s3_list_put_data(&e->object, xml);
		if (l->with_owner)
			s3_xml_owner(rq, xml, "Owner", rq->record.owner);
		xml_close(xml, "Contents");
	}
	s3_list_put_prefixes(&l->q, l->page.entries, l->page.n, xml);
}

enum s3_error
op_list_objects_v2(struct s3_request *rq)
{
	struct listing l = { 0 };
	struct buf xml = BUF_INIT;
	enum s3_error err = s3_list_read(rq, false, &l.q);

	l.token = s3_param(rq, "continuation-token");
	l.start = s3_param(rq, "start-after");
	l.with_owner = slice_eq_str(s3_param(rq, "fetch-owner"), "true");
	l.after = l.start;
	if (err == S3_OK && l.token.p)
		err = read_token(rq, &l);
	if (err == S3_OK)
		err = fetch_page(rq, &l);
	if (err != S3_OK)
		return err;
	xml_prolog(&xml);
	xml_open_ns(&xml, "ListBucketResult", XML_NS_S3);
	s3_list_put_head(rq, &l.q, l.page.truncated, &xml);
	xml_u64(&xml, "KeyCount", l.page.n);
	if (l.token.p)
		xml_text(&xml, "ContinuationToken", l.token);
	if (l.start.n)
		s3_xml_name(&xml, "StartAfter", l.start, l.q.encode);
	put_next_token(&l, &xml);
	put_entries(rq, &l, &xml);
	xml_close(&xml, "ListBucketResult");
	return s3_answer_xml(rq, &xml);
}

enum s3_error
op_list_objects_v1(struct s3_request *rq)
{
	struct slice type = s3_param(rq, "list-type");
	struct listing l = { .with_owner = true };
	struct buf xml = BUF_INIT;
	enum s3_error err = s3_list_read(rq, false, &l.q);

	if (type.p && !slice_eq_str(type, "1"))
		return s3_bad_argument(rq,
				       "Invalid List Type specified in Request",
				       "list-type", type);
	l.start = s3_param(rq, "marker");
	l.after = l.start;
	l.after_is_prefix =
	    s3_is_common_prefix(l.q.prefix, l.q.delimiter, l.start);
	if (err == S3_OK)
		err = fetch_page(rq, &l);
	if (err != S3_OK)
		return err;
	xml_prolog(&xml);
	xml_open_ns(&xml, "ListBucketResult", XML_NS_S3);
	s3_list_put_head(rq, &l.q, l.page.truncated, &xml);
	s3_xml_name(&xml, "Marker", l.start, l.q.encode);
	if (l.page.truncated && l.q.delimiter.n)
		s3_xml_name(&xml, "NextMarker", l.page.next, l.q.encode);
	put_entries(rq, &l, &xml);
	xml_close(&xml, "ListBucketResult");
	return s3_answer_xml(rq, &xml);
}
