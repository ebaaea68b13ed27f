/*
 * tags.h - tag sets of objects and buckets: read from XML and from the
 * x-amz-tagging header, held to AWS's rules, written as XML. ("Categorizing
 * your objects using tags", Amazon S3 user guide.)
 */
#ifndef GATEWAY_S3_TAGS_H
#define GATEWAY_S3_TAGS_H

#include "gateway/s3/s3.h"

#define TAG_KEY_MAX 128 /* UTF-16 code units, as AWS counts */
#define TAG_VALUE_MAX 256

enum tags_of { TAGS_OF_OBJECT, TAGS_OF_BUCKET };

/*
 * tags_read_xml - a <Tagging> document; tags in order, in the request's arena.
 * MISSING_REQUEST_BODY, MALFORMED_XML, INVALID_TAG, BAD_REQUEST (too many).
 */
enum s3_error MUST_CHECK tags_read_xml(struct s3_request *rq, struct slice doc,
				       enum tags_of of,
				       struct store_headers *out);
/*
 * tags_read_query - "a=1&b=2", percent-encoded: the value of x-amz-tagging.
 * INVALID_ARGUMENT (not of that form, or a key twice), and as above.
 */
enum s3_error MUST_CHECK tags_read_query(struct s3_request *rq,
					 struct slice query,
					 struct store_headers *out);
/* The x-amz-tagging header of this request; none: no tags. */
enum s3_error MUST_CHECK tags_read_header(struct s3_request *rq,
					  struct store_headers *out);

#endif
