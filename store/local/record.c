/*
 * Sealed records: the frame, then the two large bodies, objects and events.
 */
#include "store/local/record.h"
#include "base/hash.h"
#include "store/local/bytes.h"

#define HEAD_BYTES 6u
#define CRC_BYTES 4u

/* Flags of an object. */
enum {
	OBJECT_INLINE = 1,
	OBJECT_MARKER = 2,
	OBJECT_COMPOSITE = 4,
	OBJECT_FLAGS = OBJECT_INLINE | OBJECT_MARKER | OBJECT_COMPOSITE
};

/* These numbers are on disk. */
_Static_assert(HASH_MD5 == 1 && HASH_SHA1 == 2 && HASH_SHA256 == 3 &&
		   HASH_CRC32 == 4 && HASH_CRC32C == 5 && HASH_CRC64NVME == 6,
	       "docs/store-format.md fixes the numbers of the checksums");

void
record_int(struct buf *b, uint64_t v, size_t bytes)
{
	uint8_t raw[8];

	be_put(raw, v, bytes);
	buf_add(b, raw, bytes);
}

void
record_bytes(struct buf *b, struct slice s)
{
	if (s.n > UINT16_MAX)
		b->err = true;
	record_int(b, s.n, 2);
	buf_put(b, s);
}

void
record_begin(struct buf *b, enum record_kind kind)
{
	buf_clear(b);
	record_int(b, RECORD_FORMAT, 1);
	record_int(b, (uint64_t)kind, 1);
	record_int(b, 0, 4);
}

void
record_end(struct buf *b)
{
	uint8_t length[4];

	if (b->err)
		return;
	be_put(length, b->n - HEAD_BYTES, 4);
	memcpy(b->p + 2, length, 4);
	record_int(b, crc32c(0, b->p, b->n), 4);
}

int
record_open(struct slice value, enum record_kind kind, struct record_reader *r,
	    struct slice *tail)
{
	size_t body, sealed;

	if (value.n < HEAD_BYTES + CRC_BYTES ||
	    (uint8_t)value.p[0] != RECORD_FORMAT ||
	    (uint8_t)value.p[1] != (uint8_t)kind)
		return -1;
	body = be_get(value.p + 2, 4);
	if (body > value.n - HEAD_BYTES - CRC_BYTES)
		return -1;
	sealed = HEAD_BYTES + body;
	if (crc32c(0, value.p, sealed) != be_get(value.p + sealed, CRC_BYTES))
		return -1;
	*r = (struct record_reader){ slice_mem(value.p + HEAD_BYTES, body),
				     false };
	if (tail)
		*tail = slice_from(value, sealed + CRC_BYTES);
	else if (value.n != sealed + CRC_BYTES)
		return -1;
	return 0;
}

/* The next n bytes, or the empty slice and the sticky error. */
static inline struct slice
take(struct record_reader *r, size_t n)
{
	struct slice s = { r->rest.p, n };

	if (r->err || n > r->rest.n) {
		r->err = true;
		return SLICE_EMPTY;
	}
	r->rest.p += n;
	r->rest.n -= n;
	return s;
}

/* Inline, since a page of a listing decodes twenty thousand fields. */
static inline uint64_t
get_int(struct record_reader *r, size_t bytes)
{
	struct slice s = take(r, bytes);

	return s.n == bytes ? be_get(s.p, bytes) : 0;
}

static inline struct slice
get_bytes(struct record_reader *r)
{
	return take(r, get_int(r, 2));
}

uint64_t
record_get_int(struct record_reader *r, size_t bytes)
{
	return get_int(r, bytes);
}

struct slice
record_get_bytes(struct record_reader *r)
{
	return get_bytes(r);
}

int
record_done(const struct record_reader *r)
{
	return r->err || r->rest.n ? -1 : 0;
}

void
record_checksum(struct buf *b, uint16_t alg, const uint8_t *sum)
{
	record_int(b, alg, 2);
	record_bytes(b, slice_mem(sum, alg ? hash_size(alg) : 0));
}

void
record_get_checksum(struct record_reader *r, uint16_t *alg, uint8_t out[32])
{
	struct slice s;

	*alg = (uint16_t)record_get_int(r, 2);
	s = record_get_bytes(r);
	if (*alg >= HASH_ALG_COUNT || s.n != (*alg ? hash_size(*alg) : 0)) {
		*alg = HASH_NONE;
		r->err = true;
		return;
	}
	memset(out, 0, 32);
	memcpy(out, s.p, s.n);
}

/* A short text into a C array; an error when it does not fit. */
static void
get_text(struct record_reader *r, char *out, size_t max)
{
	struct slice s = get_bytes(r);

	if (s.n >= max) {
		r->err = true;
		s.n = 0;
	}
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

/* ---- objects ---------------------------------------------------------- */

void
record_headers_encode(struct buf *b, const struct store_headers *h)
{
	size_t at, bytes = 0;

	for (size_t i = 0; i < h->n; i++)
		bytes += 4 + h->v[i].name.n + h->v[i].value.n;
	record_int(b, bytes, 4);
	at = b->n;
	for (size_t i = 0; i < h->n; i++) {
		record_bytes(b, h->v[i].name);
		record_bytes(b, h->v[i].value);
	}
	if (b->n - at != bytes)
		b->err = true;
}

void
record_object_encode(struct buf *b, const struct record_object *r)
{
	const struct store_object *o = &r->o;

	record_begin(b, RECORD_OBJECT);
	record_int(b,
		   (r->is_inline ? OBJECT_INLINE : 0) |
		       (o->is_delete_marker ? OBJECT_MARKER : 0) |
		       (o->checksum_composite ? OBJECT_COMPOSITE : 0),
		   1);
	record_int(b, o->size, 8);
	record_int(b, (uint64_t)o->mtime_us, 8);
	record_int(b, o->seq, 8);
	record_bytes(b, slice_str(o->epoch));
	record_bytes(b, slice_str(o->etag));
	record_bytes(b, slice_str(o->version_id));
	record_checksum(b, o->checksum_alg, o->checksum);
	record_bytes(b, o->storage_class);
	record_int(b, o->n_parts, 4);
	record_int(b, r->null_version, 8);
	record_int(b, r->inline_crc, 4);
	record_int(b, r->extent_set, 8);
	record_int(b, r->extents.n / RECORD_EXTENT_BYTES, 4);
	buf_put(b, r->extents);
	record_headers_encode(b, &o->headers);
	record_headers_encode(b, &o->tags);
	record_end(b);
}

int
record_object_decode(struct slice value, struct record_object *out)
{
	struct store_object *o = &out->o;
	struct record_reader r;
	uint64_t flags;

	*out = (struct record_object){ 0 };
	if (record_open(value, RECORD_OBJECT, &r, &out->data) != 0)
		return -1;
	flags = get_int(&r, 1);
	o->size = get_int(&r, 8);
	o->mtime_us = (int64_t)get_int(&r, 8);
	o->seq = get_int(&r, 8);
	get_text(&r, o->epoch, sizeof(o->epoch));
	get_text(&r, o->etag, sizeof(o->etag));
	get_text(&r, o->version_id, sizeof(o->version_id));
	record_get_checksum(&r, &o->checksum_alg, o->checksum);
	o->storage_class = get_bytes(&r);
	o->n_parts = (uint32_t)get_int(&r, 4);
	out->null_version = get_int(&r, 8);
	out->inline_crc = (uint32_t)get_int(&r, 4);
	out->extent_set = get_int(&r, 8);
	out->extents = take(&r, get_int(&r, 4) * RECORD_EXTENT_BYTES);
	out->headers = record_get_headers(&r);
	out->tags = record_get_headers(&r);
	out->is_inline = flags & OBJECT_INLINE;
	o->is_delete_marker = flags & OBJECT_MARKER;
	o->checksum_composite = flags & OBJECT_COMPOSITE;
	if (flags & ~(uint64_t)OBJECT_FLAGS ||
	    out->data.n != (out->is_inline ? o->size : 0))
		return -1;
	return record_done(&r);
}

void
record_put_extent(struct buf *b, const struct record_extent *e)
{
	record_int(b, e->blob_id, 8);
	record_int(b, e->offset, 8);
	record_int(b, e->length, 8);
}

struct record_extent
record_extent(struct slice encoded, size_t i)
{
	const char *p = encoded.p + i * RECORD_EXTENT_BYTES;

	return (struct record_extent){ be_get(p, 8), be_get(p + 8, 8),
				       be_get(p + 16, 8) };
}

struct slice
record_get_headers(struct record_reader *r)
{
	return take(r, record_get_int(r, 4));
}

int
record_headers(struct slice encoded, struct arena *a, struct store_headers *out)
{
	struct record_reader r = { encoded, false };
	struct store_header *v;
	size_t n = 0;

	while (r.rest.n && !r.err) {
		record_get_bytes(&r);
		record_get_bytes(&r);
		n++;
	}
	if (r.err)
		return -1;
	v = arena_array(a, n, sizeof(*v));
	if (!v)
		return -1;
	r.rest = encoded;
	for (size_t i = 0; i < n; i++) {
		v[i].name = arena_copy(a, record_get_bytes(&r));
		v[i].value = arena_copy(a, record_get_bytes(&r));
	}
	*out = (struct store_headers){ v, n };
	return a->err ? -1 : 0;
}

/* ---- events ----------------------------------------------------------- */

/* The texts of an event in the order they are stored. */
static const size_t event_texts[] = {
	offsetof(struct store_event, event_name),
	offsetof(struct store_event, bucket),
	offsetof(struct store_event, bucket_owner),
	offsetof(struct store_event, key),
	offsetof(struct store_event, etag),
	offsetof(struct store_event, version_id),
	offsetof(struct store_event, content_type),
	offsetof(struct store_event, principal_id),
	offsetof(struct store_event, source_ip),
	offsetof(struct store_event, request_id),
};

void
record_event_encode(struct buf *b, const struct store_event *e)
{
	record_begin(b, RECORD_EVENT);
	record_bytes(b, slice_str(e->id));
	record_int(b, (uint64_t)e->time_us, 8);
	record_int(b, e->size, 8);
	for (size_t i = 0; i < ARRAY_LEN(event_texts); i++) {
		struct slice s;

		memcpy(&s, (const char *)e + event_texts[i], sizeof(s));
		record_bytes(b, s);
	}
	record_end(b);
}

int
record_event_decode(struct slice value, struct arena *a, struct store_event *e)
{
	struct record_reader r;

	if (record_open(value, RECORD_EVENT, &r, NULL) != 0)
		return -1;
	get_text(&r, e->id, sizeof(e->id));
	e->time_us = (int64_t)record_get_int(&r, 8);
	e->size = record_get_int(&r, 8);
	for (size_t i = 0; i < ARRAY_LEN(event_texts); i++) {
		struct slice s = arena_copy(a, record_get_bytes(&r));

		memcpy((char *)e + event_texts[i], &s, sizeof(s));
	}
	return record_done(&r) != 0 || a->err ? -1 : 0;
}
