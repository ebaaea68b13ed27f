/*
 * Records of multipart uploads. What an object and a completed upload have in
 * common is kept as an object's record inside.
 */
#include "store/local/upload_record.h"
#include "base/encode.h"
#include "base/hash.h"

/* ---- uploads ------------------------------------------------------------ */

static void
put_name(struct buf *b, enum record_kind kind, const struct record_upload *r)
{
	record_begin(b, kind);
	record_int(b, r->bucket_id, 4);
	record_bytes(b, r->key);
	record_bytes(b, r->id);
}

void
record_upload_encode(struct buf *b, const struct record_upload *r)
{
	put_name(b, RECORD_UPLOAD, r);
	record_int(b, (uint64_t)r->u.initiated_us, 8);
	record_bytes(b, r->u.initiator);
	record_bytes(b, r->u.storage_class);
	record_int(b, r->u.checksum_alg, 2);
	record_int(b, r->u.checksum_composite, 1);
	record_headers_encode(b, &r->u.headers);
	record_headers_encode(b, &r->u.tags);
	record_end(b);
}

void
record_completed_encode(struct buf *b, const struct record_upload *r,
			struct slice object)
{
	put_name(b, RECORD_COMPLETED, r);
	record_bytes(b, r->digest);
	record_bytes(b, object);
	record_end(b);
}

static void
get_open(struct record_reader *r, struct record_upload *out)
{
	out->u.initiated_us = (int64_t)record_get_int(r, 8);
	out->u.initiator = record_get_bytes(r);
	out->u.storage_class = record_get_bytes(r);
	out->u.checksum_alg = (uint16_t)record_get_int(r, 2);
	out->u.checksum_composite = record_get_int(r, 1) != 0;
	out->headers = record_get_headers(r);
	out->tags = record_get_headers(r);
}

static void
get_completed(struct record_reader *r, struct record_upload *out)
{
	struct slice object;

	out->completed = true;
	out->digest = record_get_bytes(r);
	object = record_get_bytes(r);
	if (out->digest.n != PARTS_DIGEST_BYTES ||
	    record_object_decode(object, &out->object) != 0)
		r->err = true;
}

int
record_upload_decode(struct slice value, struct record_upload *out)
{
	struct record_reader r;
	bool open;

	*out = (struct record_upload){ 0 };
	open = record_open(value, RECORD_UPLOAD, &r, NULL) == 0;
	if (!open && record_open(value, RECORD_COMPLETED, &r, NULL) != 0)
		return -1;
	out->bucket_id = (uint32_t)record_get_int(&r, 4);
	out->key = record_get_bytes(&r);
	out->id = record_get_bytes(&r);
	if (open)
		get_open(&r, out);
	else
		get_completed(&r, out);
	return record_done(&r);
}

/* ---- parts -------------------------------------------------------------- */

void
record_part_encode(struct buf *b, const struct record_part *r)
{
	record_begin(b, RECORD_PART);
	record_int(b, r->p.size, 8);
	record_int(b, (uint64_t)r->p.mtime_us, 8);
	buf_add(b, r->md5, sizeof(r->md5));
	record_checksum(b, r->p.checksum_alg, r->p.checksum);
	buf_put(b, r->extents);
	record_end(b);
}

/* All that is left, as extents. */
static struct slice
get_extents(struct record_reader *r)
{
	struct slice s = r->rest;

	if (s.n % RECORD_EXTENT_BYTES)
		r->err = true;
	r->rest = SLICE_EMPTY;
	return s;
}

int
record_part_decode(struct slice value, struct record_part *out)
{
	struct record_reader r;

	*out = (struct record_part){ 0 };
	if (record_open(value, RECORD_PART, &r, NULL) != 0)
		return -1;
	out->p.size = record_get_int(&r, 8);
	out->p.mtime_us = (int64_t)record_get_int(&r, 8);
	for (size_t i = 0; i < sizeof(out->md5); i++)
		out->md5[i] = (uint8_t)record_get_int(&r, 1);
	hex_encode(out->md5, sizeof(out->md5), out->p.etag);
	record_get_checksum(&r, &out->p.checksum_alg, out->p.checksum);
	out->extents = get_extents(&r);
	return record_done(&r);
}

/* ---- sets --------------------------------------------------------------- */

void
record_set_encode(struct buf *b, const struct record_set *r)
{
	record_begin(b, RECORD_SET);
	record_int(b, r->refs, 4);
	record_int(b, r->n_extents, 4);
	record_int(b, r->n_parts, 4);
	record_int(b, r->size, 8);
	record_end(b);
}

int
record_set_decode(struct slice value, struct record_set *out)
{
	struct record_reader r;

	if (record_open(value, RECORD_SET, &r, NULL) != 0)
		return -1;
	out->refs = (uint32_t)record_get_int(&r, 4);
	out->n_extents = (uint32_t)record_get_int(&r, 4);
	out->n_parts = (uint32_t)record_get_int(&r, 4);
	out->size = record_get_int(&r, 8);
	return record_done(&r);
}

void
record_extents_encode(struct buf *b, struct slice extents)
{
	record_begin(b, RECORD_EXTENTS);
	buf_put(b, extents);
	record_end(b);
}

int
record_extents_decode(struct slice value, struct slice *extents)
{
	struct record_reader r;

	if (record_open(value, RECORD_EXTENTS, &r, NULL) != 0)
		return -1;
	*extents = get_extents(&r);
	return record_done(&r);
}

void
record_parts_encode(struct buf *b, const struct store_part *p, size_t n)
{
	record_begin(b, RECORD_PARTS);
	record_int(b, n ? p[0].offset : 0, 8);
	for (size_t i = 0; i < n; i++) {
		record_int(b, p[i].size, 8);
		record_checksum(b, p[i].checksum_alg, p[i].checksum);
	}
	record_end(b);
}

int
record_parts_decode(struct slice value, struct store_part out[SET_ROW_PARTS],
		    size_t *n)
{
	struct record_reader r;
	uint64_t offset;

	*n = 0;
	if (record_open(value, RECORD_PARTS, &r, NULL) != 0)
		return -1;
	offset = record_get_int(&r, 8);
	while (r.rest.n && !r.err && *n < SET_ROW_PARTS) {
		struct store_part *p = &out[(*n)++];

		*p = (struct store_part){ .offset = offset };
		p->size = record_get_int(&r, 8);
		offset += p->size;
		record_get_checksum(&r, &p->checksum_alg, p->checksum);
	}
	return record_done(&r);
}
