/*
 * complete.h - what CompleteMultipartUpload asks for: the list of parts and
 * what headers say of the whole.
 */
#ifndef GATEWAY_S3_COMPLETE_H
#define GATEWAY_S3_COMPLETE_H

#include "gateway/s3/op/multipart.h"

/*
 * s3_complete_read - the collected body and the headers into *out, whose
 * memory is the request's; the note is not filled in. An @upload without id
 * is one that is not known any more: nothing is compared with it.
 * Errors as AWS has them: MALFORMED_XML, INVALID_REQUEST (no part; a part
 * without the checksum that a composite one needs; another type or algorithm
 * than the upload's), INVALID_PART_ORDER, INVALID_ARGUMENT.
 */
enum s3_error MUST_CHECK s3_complete_read(struct s3_request *rq,
					  const struct store_upload *upload,
					  struct store_complete_req *out);
/* Adds to a failed completion which part or size it is about. */
enum s3_error s3_complete_failed(struct s3_request *rq,
				 const struct store_complete_req *req,
				 const struct store_complete_result *result,
				 enum s3_error err);

#endif
