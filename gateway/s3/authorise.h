/*
 * authorise.h - may the sender of a request do what it asks?
 *
 * A bucket belongs to one account, and that account may do everything with it
 * and its objects; root is an account like the others. Everybody else, and
 * whoever sent no signature, may what s3_public_access() allows.
 */
#ifndef GATEWAY_S3_AUTHORISE_H
#define GATEWAY_S3_AUTHORISE_H

#include "gateway/s3/s3.h"

/*
 * s3_authorise - the check of every request, after its signature was verified
 * and before its body is read. Fills rq->record with the bucket's record, but
 * for ListBuckets and CreateBucket, which have no bucket yet. Sets
 * x-amz-bucket-region of a HeadBucket, refused or not.
 * In this order: INVALID_BUCKET_OWNER (x-amz-expected-bucket-owner and
 * x-amz-source-expected-bucket-owner are account numbers), NO_SUCH_BUCKET,
 * ACCESS_DENIED (not the sender's bucket, not the expected owner's).
 */
enum s3_error MUST_CHECK s3_authorise(struct s3_request *rq);
/*
 * s3_may - may the sender do @action on another bucket that the request names,
 * the source of a copy? x-amz-source-expected-bucket-owner is compared with
 * its owner. NO_SUCH_BUCKET (with that bucket's name), ACCESS_DENIED.
 */
enum s3_error MUST_CHECK s3_may(struct s3_request *rq, struct slice bucket,
				const char *action);
/*
 * s3_public_access - may somebody who is not the bucket's owner, or who is
 * anonymous (rq->id.kind), do @action on the bucket, for rq->key where it has
 * one? The one place where bucket policies and ACLs answer. Buckets have
 * neither so far: nobody may.
 */
bool s3_public_access(const struct s3_request *rq,
		      const struct store_bucket *bucket, const char *action);

#endif
