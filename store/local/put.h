/*
 * put.h - a put in progress, of an object or of a part of an upload.
 */
#ifndef STORE_LOCAL_PUT_H
#define STORE_LOCAL_PUT_H

#include "store/local/local.h"

#define PUT_COPIES_MAX (128u << 10)

struct local_put {
	struct store_put base; /* first */
	struct local *ls;
	struct arena copies; /* of what the request said */
	struct slice bucket;
	struct slice key;
	struct slice storage_class;
	struct store_headers headers;
	struct store_headers tags;
	struct store_cond cond;
	struct buf data; /* while small; never of a part */
	struct blob_file *blob;
	uint64_t reserved;
	/* of a part */
	struct slice upload_id;
	uint32_t part_number; /* 0: an object */
};

/* With room reserved for @size bytes (UINT64_MAX: unknown). */
enum s3_error put_new(struct local *ls, uint64_t size, struct local_put **out);
void put_free(struct local_put *p);
/* The commit of a part whose blob is on disk. */
enum s3_error part_commit(struct local_put *put,
			  const struct store_put_final *fin,
			  struct store_object *out);

#endif
