/*
 * UploadPartCopy: a part that shares the bytes of an object. They are read
 * only for their MD5, and for the checksum where the source's cannot serve;
 * not at all where another endpoint copies them.
 */
#include "base/encode.h"
#include "gateway/s3/copy_source.h"
#include "gateway/s3/op/multipart.h"
#include "gateway/s3/op/ops.h"

#define RANGE "x-amz-copy-source-range"
#define ATTEMPTS 3 /* the source may be replaced while it is read */

struct part_copy {
	struct store_upload upload;
	struct s3_copy_source source;
	struct store_part_copy_req req;
	char etag[STORE_ETAG_MAX];
};

/* "bytes=first-last", both there. */
static int
parse_range(struct slice v, uint64_t *first, uint64_t *last)
{
	struct slice unit;

	if (!slice_cut(&v, '=', &unit) || !slice_eq_str(unit, "bytes") ||
	    !slice_cut(&v, '-', &unit) || slice_u64(unit, first) != 0 ||
	    slice_u64(v, last) != 0 || *first > *last)
		return -1;
	return 0;
}

static enum s3_error
choose_range(struct s3_request *rq, const struct store_object *o,
	     struct store_part_copy_req *req)
{
	struct slice v = http_header_get(rq->http, RANGE);
	uint64_t first, last;

	req->offset = 0;
	req->size = o->size;
	if (v.p) {
		if (parse_range(v, &first, &last) != 0)
			return s3_bad_argument(
			    rq,
			    "The " RANGE " value must be of the form "
			    "bytes=first-last where first and last are the "
			    "zero-based offsets of the first and last bytes "
			    "to copy",
			    RANGE, v);
		if (first >= o->size)
			return s3_failf(rq, S3_ERR_INVALID_REQUEST, "%s",
					"The specified copy range is invalid "
					"for the source object size");
		if (last >= o->size)
			return s3_bad_argument(
			    rq,
			    arena_printf(&rq->http->arena,
					 "Range specified is not valid for "
					 "source object of size: %llu",
					 (unsigned long long)o->size)
				.p,
			    RANGE, v);
		req->offset = first;
		req->size = last - first + 1;
	}
	return s3_copy_source_check_size(rq, req->size, s3_put_max(rq));
}

static enum s3_error
fill_digests(struct part_copy *c, const struct store_object *o,
	     struct store_read *read)
{
	struct store_part_copy_req *req = &c->req;
	enum hash_alg alg =
	    c->upload.checksum_alg ? c->upload.checksum_alg : HASH_CRC64NVME;
	uint8_t md5[HASH_BYTES_MAX];
	enum s3_error err;

	req->checksum_alg = (uint16_t)alg;
	req->etag = slice_mem(c->etag, 2 * MD5_BYTES);
	if (req->size == o->size && o->n_parts == 0 && o->checksum_alg == alg) {
		snprintf(c->etag, sizeof(c->etag), "%s", o->etag);
		memcpy(req->checksum, o->checksum, sizeof(req->checksum));
		return S3_OK;
	}
	err = s3_digest_range(read, req->offset, req->size, alg, md5,
			      req->checksum);
	hex_encode(md5, MD5_BYTES, c->etag);
	return err;
}

static enum s3_error
copy_once(struct s3_request *rq, struct part_copy *c, struct store_part *out)
{
	bool remote = store_is_remote(rq->world->store);
	struct store_read *read = NULL;
	struct store_object source;
	enum s3_error err =
	    s3_copy_source_get(rq, &c->source, &source, remote ? NULL : &read);

	if (err != S3_OK)
		return err;
	c->req.source_seq = source.seq;
	c->req.source_etag = slice_str(source.etag);
	c->req.source_size = source.size;
	err = choose_range(rq, &source, &c->req);
	if (err == S3_OK && !remote)
		err = fill_digests(c, &source, read);
	store_read_close(read);
	if (err == S3_OK)
		err = store_part_copy(rq->world->store, &c->req, out);
	if (err == S3_OK)
		s3_copy_source_set_version(rq, &source);
	return s3_upload_failed(rq, err);
}

static enum s3_error
answer(struct s3_request *rq, const struct part_copy *c,
       const struct store_part *part)
{
	struct buf xml = BUF_INIT;

	xml_prolog(&xml);
	xml_open_ns(&xml, "CopyPartResult", XML_NS_S3);
	s3_xml_time(&xml, "LastModified", part->mtime_us);
	buf_printf(&xml, "<ETag>&quot;%s&quot;</ETag>", part->etag);
	/* Of the upload's own algorithm alone, whatever else is known. */
	if (part->checksum_alg == c->upload.checksum_alg)
		s3_xml_checksum(rq, &xml, part->checksum_alg, part->checksum,
				0);
	xml_close(&xml, "CopyPartResult");
	return s3_answer_xml(rq, &xml);
}

enum s3_error
op_upload_part_copy(struct s3_request *rq)
{
	struct part_copy c = { 0 };
	struct store_part part;
	enum s3_error err = s3_part_ref(rq, &c.req.part);

	if (err == S3_OK)
		err = s3_copy_source_read(rq, &c.source);
	if (err == S3_OK)
		err = s3_upload_find(rq, &c.upload);
	if (err != S3_OK)
		return err;
	c.req.source = c.source.ref;
	c.req.size_max = s3_put_max(rq);
	err = S3_ERR_OPERATION_ABORTED;
	for (int i = 0; i < ATTEMPTS && err == S3_ERR_OPERATION_ABORTED; i++)
		err = copy_once(rq, &c, &part);
	return err == S3_OK ? answer(rq, &c, &part) : err;
}
