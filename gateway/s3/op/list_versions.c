/*
 * ListObjectVersions: every version and delete marker, newest first below
 * each key.
 */
#include "gateway/s3/op/list.h"
#include "gateway/s3/op/ops.h"

#define VERSION_MARKER "version-id-marker"

struct versions {
	struct s3_list_query q;
	struct slice key_marker;
	struct slice version_marker;
	struct store_versions_page page;
};

static enum s3_error
read_query(struct s3_request *rq, struct versions *v)
{
	enum s3_error err = s3_list_read(rq, true, &v->q);

	v->key_marker = s3_param(rq, "key-marker");
	v->version_marker = s3_param(rq, VERSION_MARKER);
	if (err == S3_OK && v->version_marker.n && !v->key_marker.n)
		return s3_bad_argument(rq,
				       "A version-id marker cannot be "
				       "specified without a key marker.",
				       VERSION_MARKER, v->version_marker);
	return err;
}

static enum s3_error
fetch_page(struct s3_request *rq, struct versions *v)
{
	const struct store_versions_req req = {
		.bucket = rq->bucket,
		.prefix = v->q.prefix,
		.delimiter = v->q.delimiter,
		.key_marker = v->key_marker,
		.version_marker = v->version_marker,
		.marker_is_prefix =
		    v->version_marker.n == 0 &&
		    s3_is_common_prefix(v->q.prefix, v->q.delimiter,
					v->key_marker),
		.max_keys = v->q.max_keys,
	};
	enum s3_error err;

	if (v->q.max_keys == 0)
		return S3_OK;
	err = store_list_versions(rq->world->store, &req, &rq->http->arena,
				  &v->page);
	if (err == S3_ERR_INVALID_ARGUMENT)
		return s3_bad_argument(rq, "Invalid version id specified",
				       VERSION_MARKER, v->version_marker);
	return err;
}

static void
put_version(const struct s3_request *rq, const struct versions *v,
	    const struct store_list_entry *e, struct s3_list_time *last,
	    struct buf *xml)
{
	const struct store_object *o = &e->object;
	const char *element = o->is_delete_marker ? "DeleteMarker" : "Version";

	xml_open(xml, element);
	s3_xml_name(xml, "Key", e->name, v->q.encode);
	xml_text(xml, "VersionId", slice_str(o->version_id));
	xml_bool(xml, "IsLatest", o->is_latest);
	s3_list_put_time(last, o->mtime_us, xml);
	if (!o->is_delete_marker)
		s3_list_put_data(o, xml);
	s3_xml_owner(rq, xml, "Owner", rq->record.owner);
	xml_close(xml, element);
}

static void
put_markers(const struct versions *v, struct buf *xml)
{
	s3_xml_name(xml, "KeyMarker", v->key_marker, v->q.encode);
	xml_text(xml, "VersionIdMarker", v->version_marker);
	if (!v->page.truncated)
		return;
	s3_xml_name(xml, "NextKeyMarker", v->page.next_key, v->q.encode);
	if (v->page.next_version.n)
		xml_text(xml, "NextVersionIdMarker", v->page.next_version);
}

enum s3_error
op_list_object_versions(struct s3_request *rq)
{
	struct versions v = { 0 };
	struct s3_list_time last = { 0 };
	struct buf xml = BUF_INIT;
	enum s3_error err = read_query(rq, &v);

	if (err == S3_OK)
		err = fetch_page(rq, &v);
	if (err != S3_OK)
		return err;
	xml_prolog(&xml);
	xml_open_ns(&xml, "ListVersionsResult", XML_NS_S3);
	s3_list_put_head(rq, &v.q, v.page.truncated, &xml);
	put_markers(&v, &xml);
	s3_list_reserve(v.page.n, &xml);
	for (size_t i = 0; i < v.page.n; i++)
		if (!v.page.entries[i].is_prefix)
			put_version(rq, &v, &v.page.entries[i], &last, &xml);
	s3_list_put_prefixes(&v.q, v.page.entries, v.page.n, &xml);
	xml_close(&xml, "ListVersionsResult");
	return s3_answer_xml(rq, &xml);
}
