/*
 * record.h - how values of the index are written: a sealed record is
 *     format (1) | kind (1) | length of body (4) | body | CRC-32C (4)
 * big-endian, the CRC over everything before it. LMDB has no checksums of its
 * own: a flipped bit shows here. docs/store-format.md lists the bodies byte
 * by byte.
 * Invariant: a reader never passes the body's end; its error is sticky, and
 * record_done() is asked once before the values are used.
 * Threads: any; nothing here has state.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "base/buf.h"
#include "store/store.h"

#define RECORD_FORMAT 2u /* of the whole store, see docs/store-format.md */

enum record_kind {
	RECORD_FORMAT_MARK = 'F',
	RECORD_IDENTITY = 'I',
	RECORD_STATE = 'S',
	RECORD_BUCKET = 'B',
	RECORD_CONFIG = 'K',
	RECORD_OBJECT = 'O',
	RECORD_GROUP = 'G',
	RECORD_BLOB = 'D',
	RECORD_CRCS = 'C',
	RECORD_EVENT = 'E',
	RECORD_UPLOAD = 'U',
	RECORD_COMPLETED = 'Q',
	RECORD_UPLOAD_KEY = 'L',
	RECORD_PART = 'P',
	RECORD_SET = 'A',
	RECORD_EXTENTS = 'T',
	RECORD_PARTS = 'W',
	/* what is due in table gc */
	RECORD_DUE = 'X',
	RECORD_DUE_SET = 'Y',
	RECORD_DUE_PARTS = 'Z',
	RECORD_DUE_COMPLETED = 'R'
};

struct record_reader {
	struct slice rest;
	bool err;
};

/* ---- writing: begin, fields, end; the sticky error is the buf's -------- */
void record_begin(struct buf *b, enum record_kind kind);
void record_int(struct buf *b, uint64_t v, size_t bytes);
void record_bytes(struct buf *b, struct slice s); /* length (2) and bytes */
/* Algorithm (2), then the checksum as bytes. */
void record_checksum(struct buf *b, uint16_t alg, const uint8_t *sum);
void record_end(struct buf *b);

/* ---- reading ---------------------------------------------------------- */
/*
 * record_open - checks format, kind, length and CRC.
 * @tail: what follows the sealed part (inline data); NULL: nothing may.
 * Returns 0, or -1: corrupt, or of another format.
 */
int MUST_CHECK record_open(struct slice value, enum record_kind kind,
			   struct record_reader *r, struct slice *tail);
uint64_t record_get_int(struct record_reader *r, size_t bytes);
/* An error unless it has the length that the algorithm has. */
void record_get_checksum(struct record_reader *r, uint16_t *alg,
			 uint8_t out[32]);
struct slice record_get_bytes(struct record_reader *r);
/* 0 when all fields were there and nothing is left. */
int MUST_CHECK record_done(const struct record_reader *r);

/* ---- objects ---------------------------------------------------------- */

struct record_extent {
	uint64_t blob_id;
	uint64_t offset;
	uint64_t length;
};

/* What the index keeps of an object beside struct store_object. */
struct record_object {
	struct store_object
	    o;		     /* key, headers and tags not filled by decoding */
	bool is_inline;	     /* the bytes follow the record */
	uint32_t inline_crc; /* CRC-32C of them */
	uint64_t null_version; /* of the key's null version when this one was
				  written; 0: none. May be gone since */
	uint64_t extent_set;   /* the extents are rows of this set; 0: here */
	struct slice extents;  /* encoded, for record_extent() */
	struct slice headers;  /* encoded, for record_headers() */
	struct slice tags;     /* likewise */
	struct slice data;     /* inline bytes */
};

/* Headers and tags come from r->o. The inline bytes are left to the caller to
 * append. */
void record_object_encode(struct buf *b, const struct record_object *r);
int MUST_CHECK record_object_decode(struct slice value,
				    struct record_object *r);
/* An encoded extent, and the i-th of a row of them. */
#define RECORD_EXTENT_BYTES 24u
void record_put_extent(struct buf *b, const struct record_extent *e);
struct record_extent record_extent(struct slice encoded, size_t i);
/* Pairs: number of their bytes (4), then name and value of each. */
void record_headers_encode(struct buf *b, const struct store_headers *h);
/* The encoded pairs of a record, not yet copied. */
struct slice record_get_headers(struct record_reader *r);
/* Copies them into @a; -1 when they are corrupt or @a is full. */
int MUST_CHECK record_headers(struct slice encoded, struct arena *a,
			      struct store_headers *out);

/* ---- events ----------------------------------------------------------- */

/* seq is the row's key, not part of the record. */
void record_event_encode(struct buf *b, const struct store_event *e);
/* Slices are copied into @a. */
int MUST_CHECK record_event_decode(struct slice value, struct arena *a,
				   struct store_event *e);

#endif
