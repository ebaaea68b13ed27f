/*
 * The S3 application: health for load balancers; operations follow.
 */
#include "gateway/s3_app.h"

static void
s3_begin(struct http_request *req)
{
	if (slice_eq_str(req->raw_path, "/minio/health/live")) {
		req->operation = "health";
		http_answer(req, 200, SLICE_EMPTY);
	}
}

static void
s3_body(struct http_request *req, const void *p, size_t n)
{
	(void)req;
	(void)p;
	(void)n;
}

static void
s3_finish(struct http_request *req)
{
	http_answer(req, 404, SLICE_EMPTY);
}

static void
s3_release(struct http_request *req)
{
	(void)req;
}

const struct http_app s3_app = {
	.name = "s3",
	.begin = s3_begin,
	.body = s3_body,
	.finish = s3_finish,
	.release = s3_release,
};
