/*
 * What all ways to write an object share: whose event it is, how large it may
 * become, what of it stands in headers, and where it is found.
 */
#include "gateway/s3/body.h"
#include "base/encode.h"
#include "gateway/s3/checksum.h"
#include "gateway/s3/tags.h"

#define UPLOADS "uploads/"

struct store_note
s3_note(const struct s3_request *rq, const char *event_name)
{
	return (struct store_note){
		.bucket_owner = rq->record.owner,
		.event_name = slice_str(event_name),
		.principal_id = slice_str(rq->id.account_id),
		.source_ip = slice_str(rq->http->peer_ip),
		.request_id = slice_str(rq->http->request_id),
	};
}

/* MAX_UPLOAD_BYTES is the video API's bound: keys below uploads/ of the
 * default bucket, whoever signed. */
uint64_t
s3_object_max(const struct s3_request *rq)
{
	const struct conf *c = rq->world->conf;
	bool is_upload = slice_eq_str(rq->bucket, c->aws_s3_bucket) &&
			 slice_starts(rq->key, SLICE(UPLOADS));

	return is_upload ? c->max_upload_bytes : STORE_OBJECT_BYTES_MAX;
}

uint64_t
s3_put_max(const struct s3_request *rq)
{
	uint64_t max = s3_object_max(rq);

	return max < STORE_PUT_BYTES_MAX ? max : STORE_PUT_BYTES_MAX;
}

enum s3_error
s3_check_size(struct s3_request *rq, uint64_t size, uint64_t max)
{
	if (size <= max)
		return S3_OK;
	s3_detail_add(&rq->detail, "ProposedSize", s3_number(rq, size));
	return s3_fail(rq, S3_ERR_ENTITY_TOO_LARGE, NULL, "MaxSizeAllowed",
		       s3_number(rq, max));
}

enum s3_error
s3_open_body(struct s3_request *rq)
{
	enum s3_error err;

	if (!http_header_has(rq->http, "Content-Length") &&
	    rq->http->content_length != HTTP_LENGTH_UNKNOWN)
		return S3_ERR_MISSING_CONTENT_LENGTH;
	err = s3_body_new(rq);
	if (err != S3_OK)
		return err;
	return s3_check_size(rq, s3_body_length(rq->filters), s3_put_max(rq));
}

enum s3_error
s3_read_kept(struct s3_request *rq, struct store_headers *headers,
	     struct slice *storage_class, struct store_headers *tags)
{
	enum s3_error err = s3_metadata_read(rq, headers);

	if (err == S3_OK)
		err = s3_storage_class(rq, storage_class);
	if (err == S3_OK && tags->n == 0)
		err = tags_read_header(rq, tags);
	return err;
}

enum s3_error
s3_begin_put(struct s3_request *rq)
{
	struct store_put_req *req = &rq->put_req;
	enum s3_error err =
	    s3_read_kept(rq, &req->headers, &req->storage_class, &req->tags);

	if (err == S3_OK)
		err = s3_write_conditions(rq, &req->cond);
	req->checksum_alg = (uint16_t)s3_body_sum(rq->filters);
	req->digests = s3_body_digests(rq->filters);
	if (err == S3_OK)
		err = store_put_begin(rq->world->store, req, &rq->put);
	return s3_condition_failed(rq, err);
}

enum s3_error
s3_end_put(struct s3_request *rq, const char *event_name,
	   char etag[STORE_ETAG_MAX])
{
	struct store_put_final fin = { .note = s3_note(rq, event_name) };
	struct store_put *put = rq->put;
	struct store_object made;
	enum s3_error err = s3_body_end(rq, etag, &fin);

	if (err != S3_OK)
		return err;
	rq->put = NULL;
	err = s3_body_committed(rq, store_put_commit(put, &fin, &made));
	if (err != S3_OK)
		return s3_condition_failed(rq, err);
	/* Elsewhere it may be another than MD5 makes it. */
	snprintf(etag, STORE_ETAG_MAX, "%s", made.etag);
	http_set_headerf(rq->http, "ETag", "\"%s\"", etag);
	s3_set_made_version(rq, made.version_id);
	s3_checksum_set(rq, fin.checksum_alg, fin.checksum);
	http_set_header(rq->http, "x-amz-checksum-type", SLICE("FULL_OBJECT"));
	return S3_OK;
}

/* "https" when S3_PUBLIC_URL says so of this host. */
static const char *
scheme_of(const struct s3_request *rq, struct slice host)
{
	struct slice rest = slice_str(rq->world->conf->s3_public_url), url;
	const struct slice https = SLICE("https://");

	if (rq->bucket_in_host)
		host = slice_from(host, rq->bucket.n + 1);
	while (slice_cut(&rest, ',', &url)) {
		struct slice authority, behind = slice_trim(url);

		if (!slice_starts(behind, https))
			continue;
		behind = slice_from(behind, https.n);
		if (slice_cut(&behind, '/', &authority) &&
		    slice_ieq(authority, host))
			return "https";
	}
	return "http";
}

/* AWS encodes the key's slashes too. */
struct slice
s3_location(struct s3_request *rq)
{
	struct slice host = http_header_get(rq->http, "Host");
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s://%.*s/", scheme_of(rq, host), SLICE_ARG(host));
	if (!rq->bucket_in_host)
		buf_printf(&b, "%.*s/", SLICE_ARG(rq->bucket));
	uri_encode(&b, rq->key, false);
	return arena_take_buf(&rq->http->arena, &b);
}
