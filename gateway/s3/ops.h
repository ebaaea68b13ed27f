/*
 * ops.h - the functions that ops.def names: one operation each, in op_*.c.
 * An answer is written only with S3_OK; every other result becomes the error
 * document.
 */
#ifndef GATEWAY_S3_OPS_H
#define GATEWAY_S3_OPS_H

#include "gateway/s3/s3.h"

/* route.c */
enum s3_error op_not_implemented(struct s3_request *rq);

/* op_bucket.c */
enum s3_error op_list_buckets(struct s3_request *rq);
enum s3_error op_create_bucket(struct s3_request *rq);
enum s3_error op_head_bucket(struct s3_request *rq);
enum s3_error op_delete_bucket(struct s3_request *rq);

/* op_bucket_config.c */
enum s3_error op_get_bucket_location(struct s3_request *rq);
enum s3_error op_get_bucket_versioning(struct s3_request *rq);
enum s3_error op_get_bucket_cors(struct s3_request *rq);
enum s3_error op_get_acl(struct s3_request *rq);
enum s3_error op_get_unset(struct s3_request *rq);
enum s3_error op_delete_unset(struct s3_request *rq);

/* op_list.c */
enum s3_error op_list_objects_v1(struct s3_request *rq);
enum s3_error op_list_objects_v2(struct s3_request *rq);

/* op_object_put.c */
enum s3_error op_put_object_begin(struct s3_request *rq);
enum s3_error op_put_object_data(struct s3_request *rq, const void *p,
				 size_t n);
enum s3_error op_put_object_finish(struct s3_request *rq);

/* op_post_object.c */
enum s3_error op_post_object_begin(struct s3_request *rq);
enum s3_error op_post_object_data(struct s3_request *rq, const void *p,
				  size_t n);
enum s3_error op_post_object_finish(struct s3_request *rq);

/* op_object_get.c: GetObject and HeadObject */
enum s3_error op_get_object(struct s3_request *rq);

/* op_object_delete.c */
enum s3_error op_delete_object(struct s3_request *rq);
enum s3_error op_delete_objects_begin(struct s3_request *rq);
enum s3_error op_delete_objects(struct s3_request *rq);

/* op_upload_create.c, op_upload_part.c, op_upload_complete.c, op_upload_list.c
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
