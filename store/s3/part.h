/*
 * part.h - parts of uploads as the endpoint lists them. Private to the
 * backend.
 */
#ifndef STORE_S3_PART_H
#define STORE_S3_PART_H

#include "store/s3/xml.h"

#define S3_PARTS_PAGE 1000u /* parts of one answer at most */

struct s3_upload_ref {
	struct slice bucket;
	struct slice key;
	struct slice id;
};

/* A page of ListParts. */
struct s3_parts {
	struct store_part v[S3_PARTS_PAGE];
	size_t n;
	bool truncated;
	/* What is said of the upload itself, storage class in the arena. */
	struct slice storage_class;
	uint16_t checksum_alg;
	bool checksum_composite;
};

/* Parts behind number @after, at most @max. NO_SUCH_UPLOAD */
enum s3_error MUST_CHECK s3_parts_ask(struct s3_store *s,
				      const struct s3_upload_ref *upload,
				      uint32_t after, uint32_t max,
				      struct arena *a, struct s3_parts *out);

/* "/bucket/key?versionId=id", as x-amz-copy-source has it. */
struct slice s3_copy_source_text(struct arena *a, const struct store_ref *ref);

#endif
