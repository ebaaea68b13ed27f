/*
 * upload_record.h - the sealed records of multipart uploads, their parts and
 * extent sets (see record.h). docs/store-format.md lists them byte by byte.
 * Slices of what was decoded lie in the input. Threads: any.
 */
#ifndef STORE_UPLOAD_RECORD_H
#define STORE_UPLOAD_RECORD_H

#include "store/local/record.h"

/* Per row of a set. */
#define SET_ROW_EXTENTS 128u
#define SET_ROW_PARTS 64u

/* ---- an upload, open or completed -------------------------------------- */

#define PARTS_DIGEST_BYTES 32u /* SHA-256 */

struct record_upload {
	uint32_t bucket_id;
	struct slice key;
	struct slice id;
	/* open: u.id, u.key, u.headers and u.tags are not used by decoding */
	struct store_upload u;
	struct slice headers; /* encoded, for record_headers() */
	struct slice tags;
	/* completed */
	bool completed;
	struct slice digest; /* of the parts that were asked for */
	struct record_object object;
};

/* headers and tags come from r->u. */
void record_upload_encode(struct buf *b, const struct record_upload *r);
/* @object: an encoded record without extents and headers. */
void record_completed_encode(struct buf *b, const struct record_upload *r,
			     struct slice object);
int MUST_CHECK record_upload_decode(struct slice value,
				    struct record_upload *r);

/* ---- a part of an upload ------------------------------------------------ */

struct record_part {
	struct store_part p;  /* number and offset not filled by decoding */
	uint8_t md5[16];      /* of p.etag */
	struct slice extents; /* encoded */
};

/* r->extents is what is stored; md5 is used, p.etag is not. */
void record_part_encode(struct buf *b, const struct record_part *r);
int MUST_CHECK record_part_decode(struct slice value, struct record_part *r);

/* ---- a set of extents, shared by objects -------------------------------- */

struct record_set {
	uint32_t refs; /* objects; 0: being taken apart */
	uint32_t n_extents;
	uint32_t n_parts;
	uint64_t size;
};

void record_set_encode(struct buf *b, const struct record_set *r);
int MUST_CHECK record_set_decode(struct slice value, struct record_set *r);
/* Up to SET_ROW_EXTENTS encoded extents. */
void record_extents_encode(struct buf *b, struct slice extents);
int MUST_CHECK record_extents_decode(struct slice value, struct slice *extents);
/* Up to SET_ROW_PARTS parts: sizes and checksums, and the offset of the first.
 * Decoding fills out[0..n-1] but for the numbers. */
void record_parts_encode(struct buf *b, const struct store_part *p, size_t n);
int MUST_CHECK record_parts_decode(struct slice value,
				   struct store_part out[SET_ROW_PARTS],
				   size_t *n);

#endif
