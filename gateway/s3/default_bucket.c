/*
 * The rules are kept like those of any bucket: its owner sees, changes and
 * deletes them. A bucket without them would look like one whose owner wanted
 * none, so a failure in between takes it back.
 */
#include "gateway/s3/default_bucket.h"
#include "base/log.h"

/* What a browser's upload with a presigned URL or a form needs, on the first
 * try. */
#define CORS_DOCUMENT                           \
	"<CORSConfiguration><CORSRule>"         \
	"<AllowedMethod>GET</AllowedMethod>"    \
	"<AllowedMethod>HEAD</AllowedMethod>"   \
	"<AllowedMethod>PUT</AllowedMethod>"    \
	"<AllowedMethod>POST</AllowedMethod>"   \
	"<AllowedOrigin>*</AllowedOrigin>"      \
	"<AllowedHeader>*</AllowedHeader>"      \
	"<MaxAgeSeconds>3000</MaxAgeSeconds>"   \
	"<ExposeHeader>ETag</ExposeHeader>"     \
	"<ExposeHeader>Location</ExposeHeader>" \
	"</CORSRule></CORSConfiguration>"

int
s3_make_default_bucket(const struct conf *conf, struct store *store,
		       struct slice owner, char err[512])
{
	struct slice name = slice_str(conf->aws_s3_bucket);
	enum s3_error e = store_bucket_create(store, name, owner,
					      slice_str(conf->aws_region));

	if (e == S3_ERR_BUCKET_ALREADY_OWNED_BY_YOU ||
	    e == S3_ERR_BUCKET_ALREADY_EXISTS)
		return 0;
	if (e == S3_OK) {
		e = store_config_put(store, name, STORE_CONFIG_CORS,
				     SLICE(CORS_DOCUMENT));
		if (e != S3_OK && store_bucket_delete(store, name) != S3_OK)
			e = S3_ERR_INTERNAL_ERROR;
	}
	if (e == S3_OK)
		return 0;
	if (e == S3_ERR_INSUFFICIENT_STORAGE) {
		/* There may be objects to read and to delete. */
		log_warn("no_default_bucket",
			 "no room to make the bucket \"%s\", if it is not "
			 "there: start again when there is",
			 conf->aws_s3_bucket);
		return 0;
	}
	snprintf(err, 512, "cannot make the bucket \"%.80s\": %s",
		 conf->aws_s3_bucket, s3_error_info(e)->message);
	return -1;
}
