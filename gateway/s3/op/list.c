/*
 * Shared parts of the listings.
 */
#include "gateway/s3/op/list.h"
#include "gateway/s3/checksum.h"

#define PAGE_MAX 1000
#define ENTRY_BYTES 384
#define ATTRIBUTES "x-amz-optional-object-attributes"

/* RestoreStatus is of archived objects: there are none to show it of. */
static enum s3_error
check_attributes(struct s3_request *rq)
{
	struct slice v = http_header_get(rq->http, ATTRIBUTES), item;

	while (slice_cut(&v, ',', &item))
		if (!slice_eq_str(slice_trim(item), "RestoreStatus"))
			return s3_bad_argument(
			    rq, "Invalid attribute name specified.", ATTRIBUTES,
			    http_header_get(rq->http, ATTRIBUTES));
	return S3_OK;
}

static enum s3_error
read_max_keys(struct s3_request *rq, bool versions, uint32_t *out)
{
	struct slice v = s3_param(rq, "max-keys");
	enum s3_error err =
	    s3_param_count(rq, "max-keys", "maxKeys", PAGE_MAX, out);
	uint64_t n;

	if (*out > PAGE_MAX)
		*out = PAGE_MAX;
	if (err != S3_OK && versions && v.n && v.p[0] == '-' &&
	    slice_u64(slice_from(v, 1), &n) == 0)
		rq->detail.message = "max-keys cannot be negative";
	return err;
}

enum s3_error
s3_list_read(struct s3_request *rq, bool versions, struct s3_list_query *out)
{
	struct slice type = s3_param(rq, "encoding-type");
	enum s3_error err;

	out->prefix = s3_param(rq, "prefix");
	out->delimiter = s3_param(rq, "delimiter");
	out->encode = type.p != NULL;
	if (type.p && !slice_eq_str(type, "url"))
		return s3_bad_argument(rq,
				       "Invalid Encoding Method specified in "
				       "Request",
				       "encoding-type", type);
	err = read_max_keys(rq, versions, &out->max_keys);
	return err == S3_OK ? check_attributes(rq) : err;
}

bool
s3_is_common_prefix(struct slice prefix, struct slice delimiter,
		    struct slice marker)
{
	struct slice rest = slice_from(marker, prefix.n);

	return delimiter.n && slice_starts(marker, prefix) &&
	       rest.n >= delimiter.n &&
	       slice_find(rest, delimiter) == (ptrdiff_t)(rest.n - delimiter.n);
}

void
s3_list_put_head(const struct s3_request *rq, const struct s3_list_query *q,
		 bool truncated, struct buf *xml)
{
	xml_text(xml, "Name", rq->bucket);
	s3_xml_name(xml, "Prefix", q->prefix, q->encode);
	if (q->delimiter.n)
		s3_xml_name(xml, "Delimiter", q->delimiter, q->encode);
	xml_u64(xml, "MaxKeys", q->max_keys);
	if (q->encode)
		xml_text(xml, "EncodingType", SLICE("url"));
	xml_bool(xml, "IsTruncated", truncated);
}

void
s3_list_put_time(struct s3_list_time *last, int64_t us, struct buf *xml)
{
	int64_t second = us / US_PER_S;

	if (!*last->text || last->second != second)
		time_format_iso(second * US_PER_S, last->text);
	last->second = second;
	buf_puts(xml, "<LastModified>");
	buf_puts(xml, last->text);
	buf_puts(xml, "</LastModified>");
}

/* Enough for a short key: a buffer that grows by doubling copies all it has,
 * again and again. */
void
s3_list_reserve(size_t entries, struct buf *xml)
{
	(void)buf_reserve(xml, 2048 + entries * ENTRY_BYTES);
}

void
s3_list_put_data(const struct store_object *o, struct buf *xml)
{
	const char *checksum = s3_checksum_name(o->checksum_alg);

	/* As whole pieces: a page has a thousand of these. */
	buf_puts(xml, "<ETag>&quot;");
	buf_puts(xml, o->etag);
	buf_puts(xml, "&quot;</ETag>");
	if (checksum) {
		buf_puts(xml, "<ChecksumAlgorithm>");
		buf_puts(xml, checksum);
		buf_puts(xml, "</ChecksumAlgorithm><ChecksumType>");
		buf_put(xml, s3_checksum_type(o->checksum_composite));
		buf_puts(xml, "</ChecksumType>");
	}
	buf_puts(xml, "<Size>");
	buf_u64(xml, o->size);
	if (o->storage_class.n) {
		buf_puts(xml, "</Size>");
		xml_text(xml, "StorageClass", o->storage_class);
	} else {
		buf_puts(xml, "</Size><StorageClass>STANDARD</StorageClass>");
	}
}

void
s3_list_put_prefixes(const struct s3_list_query *q,
		     const struct store_list_entry *v, size_t n,
		     struct buf *xml)
{
	for (size_t i = 0; i < n; i++) {
		if (!v[i].is_prefix)
			continue;
		xml_open(xml, "CommonPrefixes");
		s3_xml_name(xml, "Prefix", v[i].name, q->encode);
		xml_close(xml, "CommonPrefixes");
	}
}
