/*
 * GetObjectAttributes: what is known of an object without its bytes, each
 * attribute only when it is asked for.
 */
#include "gateway/s3/checksum.h"
#include "base/timeval.h"
#include "gateway/s3/op/ops.h"

#define HEADER "x-amz-object-attributes"
#define PARTS_MAX 1000u

struct attributes {
	struct s3_request *rq;
	struct store_ref ref;
	struct store_object object;
	unsigned wanted; /* 1 << index in attributes[] */
	uint32_t max_parts;
	uint32_t marker;
	struct store_part *parts;
	size_t n_parts;
	bool truncated;
};

/* ---- the attributes ----------------------------------------------------- */

static void
put_etag(const struct attributes *a, struct buf *xml)
{
	xml_text(xml, "ETag", slice_str(a->object.etag));
}

static void
put_checksum(const struct attributes *a, struct buf *xml)
{
	const struct store_object *o = &a->object;

	if (o->checksum_alg == HASH_NONE)
		return;
	xml_open(xml, "Checksum");
	/* Here without the number of parts. */
	s3_xml_checksum(a->rq, xml, o->checksum_alg, o->checksum, 0);
	xml_text(xml, "ChecksumType", s3_checksum_type(o->checksum_composite));
	xml_close(xml, "Checksum");
}

static void
put_part(const struct attributes *a, const struct store_part *p,
	 struct buf *xml)
{
	xml_open(xml, "Part");
	xml_u64(xml, "PartNumber", p->number);
	xml_u64(xml, "Size", p->size);
	s3_xml_checksum(a->rq, xml, p->checksum_alg, p->checksum, 0);
	xml_close(xml, "Part");
}

/* Parts are listed of an object with a checksum only, as on AWS. */
static void
put_parts(const struct attributes *a, struct buf *xml)
{
	uint32_t last = a->n_parts ? a->parts[a->n_parts - 1].number : 0;

	if (a->object.n_parts == 0)
		return;
	xml_open(xml, "ObjectParts");
	if (a->object.checksum_alg != HASH_NONE) {
		xml_bool(xml, "IsTruncated", a->truncated);
		xml_u64(xml, "MaxParts", a->max_parts);
		xml_u64(xml, "NextPartNumberMarker", last);
		xml_u64(xml, "PartNumberMarker", a->marker);
		for (size_t i = 0; i < a->n_parts; i++)
			put_part(a, &a->parts[i], xml);
	}
	xml_u64(xml, "PartsCount", a->object.n_parts);
	xml_close(xml, "ObjectParts");
}

static void
put_storage_class(const struct attributes *a, struct buf *xml)
{
	struct slice v = a->object.storage_class;

	xml_text(xml, "StorageClass", v.n ? v : SLICE("STANDARD"));
}

static void
put_size(const struct attributes *a, struct buf *xml)
{
	xml_u64(xml, "ObjectSize", a->object.size);
}

static const struct {
	const char *name;
	void (*put)(const struct attributes *a, struct buf *xml);
} attributes[] = {
	{ "ETag", put_etag },	      { "Checksum", put_checksum },
	{ "ObjectParts", put_parts }, { "StorageClass", put_storage_class },
	{ "ObjectSize", put_size },
};

/* ---- the request -------------------------------------------------------- */

static enum s3_error
read_names(struct attributes *a, struct slice list)
{
	struct slice rest = list, item;

	while (slice_cut(&rest, ',', &item)) {
		size_t i = 0;

		item = slice_trim(item);
		while (i < ARRAY_LEN(attributes) &&
		       !slice_eq_str(item, attributes[i].name))
			i++;
		if (i == ARRAY_LEN(attributes))
			return s3_bad_argument(
			    a->rq, "Invalid attribute name specified.", HEADER,
			    list);
		a->wanted |= 1u << i;
	}
	return S3_OK;
}

/* SDKs send one header with all names, or one for each. */
static enum s3_error
read_wanted(struct attributes *a)
{
	const struct http_request *http = a->rq->http;
	struct slice hoisted = s3_header_or_hoisted(a->rq, HEADER);
	enum s3_error err = S3_OK;

	if (hoisted.n && !http_header_has(http, HEADER))
		err = read_names(a, hoisted);
	for (size_t i = 0; err == S3_OK && i < http->n_headers; i++)
		if (slice_ieq_str(http->headers[i].name, HEADER) &&
		    http->headers[i].value.n)
			err = read_names(a, http->headers[i].value);
	if (err == S3_OK && a->wanted == 0)
		return s3_failf(a->rq, S3_ERR_INVALID_REQUEST,
				"The x-amz-object-attributes header "
				"specifying the attributes to be retrieved is "
				"either missing or empty");
	return err;
}

static enum s3_error
read_request(struct attributes *a)
{
	struct s3_request *rq = a->rq;
	enum s3_error err = s3_ref(rq, &a->ref);

	if (err == S3_OK)
		err = read_wanted(a);
	if (err == S3_OK)
		err = s3_count(rq, s3_header_or_hoisted(rq, "x-amz-max-parts"),
			       "max-parts", PARTS_MAX, &a->max_parts);
	if (err == S3_OK)
		err = s3_count(
		    rq, s3_header_or_hoisted(rq, "x-amz-part-number-marker"),
		    "part-number-marker", 0, &a->marker);
	if (a->max_parts > PARTS_MAX)
		a->max_parts = PARTS_MAX;
	return err == S3_OK ? s3_refuse_key(rq) : err;
}

/* ---- the answer --------------------------------------------------------- */

static enum s3_error
get_parts(struct attributes *a)
{
	const struct store_ref seen = { a->ref.bucket, a->ref.key,
					slice_str(a->object.version_id) };
	enum s3_error err;

	if (a->object.n_parts == 0 || a->max_parts == 0)
		return S3_OK;
	err =
	    store_get_parts(a->rq->world->store, &seen, a->marker, a->max_parts,
			    &a->rq->http->arena, &a->parts, &a->n_parts);
	a->truncated = a->n_parts > 0 &&
		       a->parts[a->n_parts - 1].number < a->object.n_parts;
	return err;
}

enum s3_error
op_get_object_attributes(struct s3_request *rq)
{
	struct attributes a = { .rq = rq };
	struct buf xml = BUF_INIT;
	char date[TIME_TEXT_MAX];
	enum s3_error err = read_request(&a);

	if (err != S3_OK)
		return err;
	err = store_get(rq->world->store, &a.ref, NULL, &rq->http->arena,
			&a.object, NULL);
	if (err == S3_OK)
		err = get_parts(&a);
	if (err != S3_OK)
		return s3_ref_failed(rq, &a.ref, &a.object, err);
	time_format_http(a.object.mtime_us, date);
	http_set_header(rq->http, "Last-Modified", slice_str(date));
	s3_set_version_id(rq, a.object.version_id);
	xml_prolog(&xml);
	xml_open_ns(&xml, "GetObjectAttributesResponse", XML_NS_S3);
	for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
		if (a.wanted & 1u << i)
			attributes[i].put(&a, &xml);
	xml_close(&xml, "GetObjectAttributesResponse");
	return s3_answer_xml(rq, &xml);
}
