/*
 * default_bucket.h - the bucket that the gateway makes for uploads.
 */
#ifndef GATEWAY_S3_DEFAULT_BUCKET_H
#define GATEWAY_S3_DEFAULT_BUCKET_H

#include "gateway/s3/app.h"

/*
 * Makes AWS_S3_BUCKET for root when it is absent, with CORS rules that let a
 * browser of any origin upload to it, and with the notification rule by which
 * uploads become videos. One that exists is left as it is, but for that rule
 * where root never set notifications. A bucket in another S3 is not made: of
 * it only the rule is kept here. -1 with one line for the user in err.
 */
int s3_make_default_bucket(const struct conf *conf, struct store *store,
			   struct slice owner, char err[512]);

#endif
