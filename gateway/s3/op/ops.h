/*
 * ops.h - the functions that ops.def names.
 * An answer is written only with S3_OK; every other result becomes the error
 * document.
 */
#ifndef GATEWAY_S3_OPS_H
#define GATEWAY_S3_OPS_H

#include "gateway/s3/s3.h"

/* route.c */
enum s3_error op_not_implemented(struct s3_request *rq);

/* list_buckets.c */
enum s3_error op_list_buckets(struct s3_request *rq);

/* create_bucket.c */
enum s3_error op_create_bucket_begin(struct s3_request *rq);
enum s3_error op_create_bucket(struct s3_request *rq);
/* The name of a region: AWS's form, this gateway's own, or what the client
 * signed for. */
bool s3_is_region(const struct s3_request *rq, struct slice s);

/* bucket.c */
#define S3_ARN "arn:aws:s3:::"
/* x-amz-bucket-arn */
void s3_set_bucket_arn(struct s3_request *rq);
enum s3_error op_head_bucket(struct s3_request *rq);
enum s3_error op_delete_bucket(struct s3_request *rq);
enum s3_error op_get_bucket_location(struct s3_request *rq);
enum s3_error op_get_bucket_versioning(struct s3_request *rq);
enum s3_error op_put_bucket_versioning(struct s3_request *rq);

/* bucket_config.c: what was never set */
enum s3_error op_get_unset(struct s3_request *rq);
enum s3_error op_get_default(struct s3_request *rq);
enum s3_error op_delete_unset(struct s3_request *rq);
enum s3_error op_object_lock_missing(struct s3_request *rq);
/* Refuses a body without Content-MD5 and checksum. */
enum s3_error op_protected_begin(struct s3_request *rq);

/* cors.c */
enum s3_error op_get_bucket_cors(struct s3_request *rq);
enum s3_error op_put_bucket_cors(struct s3_request *rq);
enum s3_error op_delete_bucket_cors(struct s3_request *rq);

/* notification.c */
enum s3_error op_get_bucket_notification(struct s3_request *rq);
enum s3_error op_put_bucket_notification(struct s3_request *rq);

/* bucket_tags.c */
enum s3_error op_get_bucket_tagging(struct s3_request *rq);
enum s3_error op_put_bucket_tagging(struct s3_request *rq);
enum s3_error op_delete_bucket_tagging(struct s3_request *rq);
/* Replaces the bucket's tags; none: it has none. */
enum s3_error s3_bucket_tags_put(struct s3_request *rq,
				 const struct store_headers *tags);

/* access.c */
enum s3_error op_get_acl(struct s3_request *rq);
enum s3_error op_put_acl(struct s3_request *rq);
enum s3_error op_get_ownership_controls(struct s3_request *rq);
enum s3_error op_put_ownership_controls(struct s3_request *rq);
enum s3_error op_get_public_access_block(struct s3_request *rq);
enum s3_error op_put_public_access_block(struct s3_request *rq);

/* list_objects.c */
enum s3_error op_list_objects_v1(struct s3_request *rq);
enum s3_error op_list_objects_v2(struct s3_request *rq);

/* list_versions.c */
enum s3_error op_list_object_versions(struct s3_request *rq);

/* object_put.c */
enum s3_error op_put_object_begin(struct s3_request *rq);
enum s3_error op_put_object_data(struct s3_request *rq, const void *p,
				 size_t n);
enum s3_error op_put_object_finish(struct s3_request *rq);

/* post_object.c */
enum s3_error op_post_object_begin(struct s3_request *rq);
enum s3_error op_post_object_data(struct s3_request *rq, const void *p,
				  size_t n);
enum s3_error op_post_object_finish(struct s3_request *rq);

/* object_get.c: GetObject and HeadObject */
enum s3_error op_get_object(struct s3_request *rq);

/* object_copy.c, object_rename.c */
/* Refuses a body: copies have none. */
enum s3_error op_copy_begin(struct s3_request *rq);
enum s3_error op_copy_object(struct s3_request *rq);
enum s3_error op_rename_object(struct s3_request *rq);

/* object_acl.c, object_tagging.c, object_attributes.c */
enum s3_error op_put_object_acl(struct s3_request *rq);
enum s3_error op_get_object_tagging(struct s3_request *rq);
enum s3_error op_put_object_tagging(struct s3_request *rq);
enum s3_error op_delete_object_tagging(struct s3_request *rq);
enum s3_error op_get_object_attributes(struct s3_request *rq);

/* object_delete.c */
enum s3_error op_delete_object(struct s3_request *rq);
enum s3_error op_delete_objects(struct s3_request *rq);

/* upload_create.c, upload_part.c, upload_complete.c, upload_list.c
 */
enum s3_error op_create_multipart_upload(struct s3_request *rq);
enum s3_error op_abort_multipart_upload(struct s3_request *rq);
enum s3_error op_upload_part_begin(struct s3_request *rq);
enum s3_error op_upload_part_finish(struct s3_request *rq);
enum s3_error op_upload_part_copy(struct s3_request *rq);
enum s3_error op_complete_multipart_upload(struct s3_request *rq);
enum s3_error op_list_parts(struct s3_request *rq);
enum s3_error op_list_multipart_uploads(struct s3_request *rq);

#endif
