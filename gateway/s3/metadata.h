/*
 * metadata.h - the system metadata of an object: headers kept as sent and
 * given back as kept.
 */
#ifndef GATEWAY_S3_METADATA_H
#define GATEWAY_S3_METADATA_H

#include "gateway/s3/s3.h"

#define S3_META "x-amz-meta-"
#define S3_REDIRECT "x-amz-website-redirect-location"

struct s3_kept {
	const char *header;
	const char *override; /* parameter of GetObject; NULL: none */
	bool on_304;	      /* caches want it (RFC 9110 §15.4.5) */
};
#define S3_KEPT_COUNT 7
extern const struct s3_kept s3_kept[S3_KEPT_COUNT];

#endif
