/*
 * The documents that answers share: the error document and small elements.
 * Error bodies as AWS sends them: no namespace, no Resource; Code, Message,
 * what it is about, RequestId, HostId, in this order.
 */
#include "gateway/s3/s3.h"
#include "base/encode.h"
#include "base/timeval.h"

enum s3_error
s3_fail(struct s3_request *rq, enum s3_error err, const char *message,
	const char *name, struct slice value)
{
	rq->detail.message = message;
	s3_detail_add(&rq->detail, name, value);
	return err;
}

enum s3_error
s3_failf(struct s3_request *rq, enum s3_error err, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	rq->detail.message = arena_cstr(&rq->http->arena, buf_slice(&b));
	buf_release(&b);
	return err;
}

struct slice
s3_number(struct s3_request *rq, uint64_t n)
{
	return arena_printf(&rq->http->arena, "%llu", (unsigned long long)n);
}

enum s3_error
s3_bad_argument(struct s3_request *rq, const char *message, const char *name,
		struct slice value)
{
	rq->detail.message = message;
	s3_detail_add(&rq->detail, "ArgumentName", slice_str(name));
	s3_detail_add(&rq->detail, "ArgumentValue", value);
	return S3_ERR_INVALID_ARGUMENT;
}

/* .p is NULL when there is none. */
static struct slice
find_extra(const struct s3_detail *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->extra[i].name, name) == 0)
			return d->extra[i].value;
	return (struct slice){ 0 };
}

/* What an error is always about, wherever it was found. */
static void
put_subject(const struct s3_request *rq, enum s3_error err, struct buf *out)
{
	switch (err) {
	case S3_ERR_NO_SUCH_BUCKET:
	case S3_ERR_BUCKET_NOT_EMPTY:
	case S3_ERR_BUCKET_ALREADY_EXISTS:
	case S3_ERR_BUCKET_ALREADY_OWNED_BY_YOU:
	case S3_ERR_INVALID_BUCKET_NAME:
		if (!find_extra(&rq->detail, "BucketName").p)
			xml_text(out, "BucketName", rq->bucket);
		break;
	case S3_ERR_NO_SUCH_KEY:
		if (!find_extra(&rq->detail, "Key").p)
			xml_text(out, "Key", rq->key);
		break;
	default:
		break;
	}
}

void
s3_put_error(const struct s3_request *rq, enum s3_error err, struct buf *out)
{
	const struct s3_error_info *info = s3_error_info(err);
	const struct s3_detail *d = &rq->detail;

	xml_open(out, "Error");
	xml_text(out, "Code", slice_str(info->code));
	xml_text(out, "Message",
		 slice_str(d->message ? d->message : info->message));
	put_subject(rq, err, out);
	for (size_t i = 0; i < d->n; i++)
		xml_text(out, d->extra[i].name, d->extra[i].value);
	xml_text(out, "RequestId", slice_str(rq->http->request_id));
	xml_text(out, "HostId", slice_str(rq->http->host_id));
	xml_close(out, "Error");
}

void
s3_answer_error(struct s3_request *rq, enum s3_error err)
{
	struct slice region = find_extra(&rq->detail, "Region");
	unsigned status = s3_error_info(err)->status;
	struct buf b = BUF_INIT;

	if (region.p) /* where SDKs look for it, of a HEAD alone */
		http_set_header(rq->http, "x-amz-bucket-region", region);
	if (slice_eq_str(rq->http->method, "HEAD")) {
		http_answer(rq->http, status, SLICE_EMPTY);
		return;
	}
	http_set_header(rq->http, "Content-Type", SLICE("application/xml"));
	xml_prolog(&b);
	s3_put_error(rq, err, &b);
	http_answer_buf(rq->http, status, &b);
}

enum s3_error
s3_answer_xml(struct s3_request *rq, struct buf *xml)
{
	if (!buf_ok(xml) || rq->http->arena.err) {
		buf_release(xml);
		return S3_ERR_INTERNAL_ERROR;
	}
	http_set_header(rq->http, "Content-Type", SLICE("application/xml"));
	http_answer_buf(rq->http, 200, xml);
	return S3_OK;
}

/* Mostly it is the sender's own, whose name is at hand. */
void
s3_display_name(const struct s3_request *rq, struct slice id,
		char out[ACCOUNT_DISPLAY_MAX])
{
	if (slice_eq_str(id, rq->id.account_id))
		memcpy(out, rq->id.display_name, ACCOUNT_DISPLAY_MAX);
	else
		accounts_display_name(rq->world->accounts, id, out);
}

void
s3_xml_owner(const struct s3_request *rq, struct buf *xml, const char *element,
	     struct slice id)
{
	char name[ACCOUNT_DISPLAY_MAX];

	s3_display_name(rq, id, name);
	xml_open(xml, element);
	xml_text(xml, "ID", id);
	xml_text(xml, "DisplayName", slice_str(name));
	xml_close(xml, element);
}

/* In whole seconds, as AWS has it, so that a listing's Last-Modified equals
 * that of HEAD. */
void
s3_xml_time(struct buf *xml, const char *name, int64_t us)
{
	char text[TIME_TEXT_MAX];

	time_format_iso(us - us % US_PER_S, text);
	xml_text(xml, name, slice_str(text));
}

void
s3_xml_name(struct buf *xml, const char *element, struct slice name,
	    bool encode)
{
	if (!encode) {
		xml_text(xml, element, name);
		return;
	}
	xml_open(xml, element);
	uri_encode(xml, name, true);
	xml_close(xml, element);
}
