/*
 * list.h - what ListObjects, ListObjectsV2 and ListObjectVersions share: the
 * parameters common to them and the elements of their answers.
 */
#ifndef GATEWAY_S3_LIST_H
#define GATEWAY_S3_LIST_H

#include "base/timeval.h"
#include "gateway/s3/s3.h"

struct s3_list_query {
	struct slice prefix;
	struct slice delimiter;
	uint32_t max_keys; /* at most 1000 */
	bool encode;	   /* encoding-type=url */
};

/* INVALID_ARGUMENT. @versions: in the words of ListObjectVersions. */
enum s3_error MUST_CHECK s3_list_read(struct s3_request *rq, bool versions,
				      struct s3_list_query *out);
/* A marker that is a common prefix stands for all keys below it. */
bool s3_is_common_prefix(struct slice prefix, struct slice delimiter,
			 struct slice marker);

/* Name, Prefix, Delimiter, MaxKeys, EncodingType, IsTruncated. */
void s3_list_put_head(const struct s3_request *rq,
		      const struct s3_list_query *q, bool truncated,
		      struct buf *xml);
/* LastModified in whole seconds; @last is kept from entry to entry, most of
 * which are of the same second as the one before. */
struct s3_list_time {
	int64_t second;
	char text[TIME_TEXT_MAX]; /* empty: none yet */
};
void s3_list_put_time(struct s3_list_time *last, int64_t us, struct buf *xml);
/* Room for the entries of a page, as they mostly are. */
void s3_list_reserve(size_t entries, struct buf *xml);
/* ETag, checksum, Size, StorageClass. */
void s3_list_put_data(const struct store_object *o, struct buf *xml);
void s3_list_put_prefixes(const struct s3_list_query *q,
			  const struct store_list_entry *v, size_t n,
			  struct buf *xml);

#endif
