/*
 * ListParts and ListMultipartUploads.
 */
#include "gateway/s3/op/multipart.h"
#include "gateway/s3/op/list.h"
#include "gateway/s3/op/ops.h"

#define PAGE_MAX 1000u

static void
put_upload(const struct s3_request *rq, struct buf *xml,
	   const struct store_upload *u)
{
	s3_xml_owner(rq, xml, "Initiator", u->initiator);
	s3_xml_owner(rq, xml, "Owner", rq->record.owner);
	xml_text(xml, "StorageClass",
		 u->storage_class.n ? u->storage_class : SLICE("STANDARD"));
}

static void
put_algorithm(struct buf *xml, const struct store_upload *u)
{
	const char *name = s3_checksum_name(u->checksum_alg);

	if (!name)
		return;
	xml_text(xml, "ChecksumAlgorithm", slice_str(name));
	xml_text(xml, "ChecksumType", s3_checksum_type(u->checksum_composite));
}

/* ---- ListParts ---------------------------------------------------------- */

struct parts_page {
	struct store_upload upload;
	uint32_t after, max;
	struct store_part *parts;
	size_t n;
	bool truncated;
};

static enum s3_error
fetch_parts(struct s3_request *rq, struct parts_page *page)
{
	/* One more than asked for tells whether there is more. */
	enum s3_error err = store_part_list(
	    rq->world->store, rq->bucket, rq->key, s3_param(rq, "uploadId"),
	    page->after, page->max + 1, &rq->http->arena, &page->parts,
	    &page->n);

	if (err != S3_OK)
		return s3_upload_failed(rq, err);
	page->truncated = page->n > page->max;
	if (page->truncated)
		page->n = page->max;
	return S3_OK;
}

static void
put_part(struct s3_request *rq, struct buf *xml, const struct store_part *part)
{
	xml_open(xml, "Part");
	xml_u64(xml, "PartNumber", part->number);
	s3_xml_time(xml, "LastModified", part->mtime_us);
	buf_printf(xml, "<ETag>&quot;%s&quot;</ETag>", part->etag);
	xml_u64(xml, "Size", part->size);
	s3_xml_checksum(rq, xml, part->checksum_alg, part->checksum, 0);
	xml_close(xml, "Part");
}

static enum s3_error
read_parts_request(struct s3_request *rq, struct parts_page *page)
{
	enum s3_error err =
	    s3_param_count(rq, "max-parts", "max-parts", PAGE_MAX, &page->max);

	if (err == S3_OK)
		err = s3_param_count(rq, "part-number-marker",
				     "part-number-marker", 0, &page->after);
	if (page->max > PAGE_MAX)
		page->max = PAGE_MAX;
	return err;
}

enum s3_error
op_list_parts(struct s3_request *rq)
{
	struct parts_page page = { 0 };
	struct buf xml = BUF_INIT;
	enum s3_error err = read_parts_request(rq, &page);

	if (err == S3_OK)
		err = s3_upload_find(rq, &page.upload);
	if (err == S3_OK)
		err = fetch_parts(rq, &page);
	if (err != S3_OK)
		return err;
	xml_prolog(&xml);
	xml_open_ns(&xml, "ListPartsResult", XML_NS_S3);
	xml_text(&xml, "Bucket", rq->bucket);
	xml_text(&xml, "Key", rq->key);
	xml_text(&xml, "UploadId", slice_str(page.upload.id));
	put_upload(rq, &xml, &page.upload);
	put_algorithm(&xml, &page.upload);
	xml_u64(&xml, "PartNumberMarker", page.after);
	xml_u64(&xml, "NextPartNumberMarker",
		page.n ? page.parts[page.n - 1].number : 0);
	xml_u64(&xml, "MaxParts", page.max);
	xml_bool(&xml, "IsTruncated", page.truncated);
	for (size_t i = 0; i < page.n; i++)
		put_part(rq, &xml, &page.parts[i]);
	xml_close(&xml, "ListPartsResult");
	return s3_answer_xml(rq, &xml);
}

/* ---- ListMultipartUploads ----------------------------------------------- */

static enum s3_error
read_uploads_request(struct s3_request *rq, struct store_uploads_req *req,
		     bool *encode)
{
	enum s3_error err = s3_param_encoding(rq, encode);

	req->bucket = rq->bucket;
	req->prefix = s3_param(rq, "prefix");
	req->delimiter = s3_param(rq, "delimiter");
	req->key_marker = s3_param(rq, "key-marker");
	/* Without a key it says nothing. */
	if (req->key_marker.n)
		req->upload_marker = s3_param(rq, "upload-id-marker");
	req->marker_is_prefix =
	    s3_is_common_prefix(req->prefix, req->delimiter, req->key_marker);
	if (err == S3_OK)
		err = s3_param_count(rq, "max-uploads", "max-uploads", PAGE_MAX,
				     &req->max_uploads);
	if (req->max_uploads > PAGE_MAX)
		req->max_uploads = PAGE_MAX;
	return err;
}

static void
put_entries(struct s3_request *rq, struct buf *xml,
	    const struct store_uploads_page *page, bool encode)
{
	for (size_t i = 0; i < page->n; i++) {
		const struct store_upload *u = &page->entries[i].upload;

		if (page->entries[i].is_prefix)
			continue;
		xml_open(xml, "Upload");
		s3_xml_name(xml, "Key", page->entries[i].name, encode);
		xml_text(xml, "UploadId", slice_str(u->id));
		put_upload(rq, xml, u);
		s3_xml_time(xml, "Initiated", u->initiated_us);
		put_algorithm(xml, u);
		xml_close(xml, "Upload");
	}
	for (size_t i = 0; i < page->n; i++) {
		if (!page->entries[i].is_prefix)
			continue;
		xml_open(xml, "CommonPrefixes");
		s3_xml_name(xml, "Prefix", page->entries[i].name, encode);
		xml_close(xml, "CommonPrefixes");
	}
}

enum s3_error
op_list_multipart_uploads(struct s3_request *rq)
{
	struct store_uploads_req req = { 0 };
	struct store_uploads_page page;
	struct buf xml = BUF_INIT;
	bool encode = false;
	enum s3_error err = read_uploads_request(rq, &req, &encode);

	if (err != S3_OK)
		return err;
	err =
	    store_upload_list(rq->world->store, &req, &rq->http->arena, &page);
	if (err == S3_ERR_INVALID_ARGUMENT)
		return s3_bad_argument(rq, "Invalid uploadId marker",
				       "upload-id-marker", req.upload_marker);
	if (err != S3_OK)
		return err;
	xml_prolog(&xml);
	xml_open_ns(&xml, "ListMultipartUploadsResult", XML_NS_S3);
	xml_text(&xml, "Bucket", rq->bucket);
	s3_xml_name(&xml, "KeyMarker", req.key_marker, encode);
	xml_text(&xml, "UploadIdMarker", req.upload_marker);
	/* AWS names the last upload even when nothing comes after it. */
	s3_xml_name(&xml, "NextKeyMarker", page.next_key, encode);
	xml_text(&xml, "NextUploadIdMarker", page.next_upload);
	if (req.prefix.n)
		s3_xml_name(&xml, "Prefix", req.prefix, encode);
	if (req.delimiter.n)
		s3_xml_name(&xml, "Delimiter", req.delimiter, encode);
	if (encode)
		xml_text(&xml, "EncodingType", SLICE("url"));
	xml_u64(&xml, "MaxUploads", req.max_uploads);
	xml_bool(&xml, "IsTruncated", page.truncated);
	put_entries(rq, &xml, &page, encode);
	xml_close(&xml, "ListMultipartUploadsResult");
	return s3_answer_xml(rq, &xml);
}
