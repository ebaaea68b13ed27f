/*
 * The rules are kept like those of any bucket: its owner sees, changes and
 * deletes them. A bucket without them would look like one whose owner wanted
 * none, so a failure in between takes it back.
 */
#include "gateway/s3/default_bucket.h"
#include "base/log.h"
#include "base/xml_write.h"

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

/* Any object below uploads/ is a video. As rules_write() would have it. */
#define NOTIFICATION_DOCUMENT                                 \
	XML_PROLOG                                            \
	"<NotificationConfiguration xmlns=\"" XML_NS_S3 "\">" \
	"<QueueConfiguration>"                                \
	"<Id>reelgate-uploads</Id>"                           \
	"<Queue>arn:reelgate:jobs:::process_video</Queue>"    \
	"<Event>s3:ObjectCreated:*</Event>"                   \
	"<Filter><S3Key><FilterRule>"                         \
	"<Name>prefix</Name><Value>uploads/</Value>"          \
	"</FilterRule></S3Key></Filter>"                      \
	"</QueueConfiguration></NotificationConfiguration>"

static enum s3_error
make(struct store *store, struct slice name, struct slice owner,
     struct slice region)
{
	enum s3_error e = store_bucket_create(store, name, owner, region);

	if (e != S3_OK)
		return e;
	e = store_config_put(store, name, STORE_CONFIG_CORS,
			     SLICE(CORS_DOCUMENT));
	if (e != S3_OK && store_bucket_delete(store, name) != S3_OK)
		e = S3_ERR_INTERNAL_ERROR;
	return e;
}

/*
 * The rule, where notifications were never set: in the bucket just made, and
 * in one of a release whose rule was built in. Who sets none leaves an empty
 * document, which stays.
 */
static enum s3_error
give_rule(struct store *store, struct slice name)
{
	struct slice doc;
	struct arena a;
	enum s3_error e;

	arena_init(&a, STORE_CONFIG_BYTES_MAX * 2);
	e = store_config_get(store, name, STORE_CONFIG_NOTIFICATION, &a, &doc);
	if (e == S3_OK && doc.n == 0)
		e = store_config_put(store, name, STORE_CONFIG_NOTIFICATION,
				     SLICE(NOTIFICATION_DOCUMENT));
	arena_release(&a);
	return e;
}

int
s3_make_default_bucket(const struct conf *conf, struct store *store,
		       struct slice owner, char err[512])
{
	struct slice name = slice_str(conf->aws_s3_bucket);
	struct slice region = slice_str(conf->aws_region);
	struct store *journal = store_journal(store);
	enum s3_error e;

	/* Elsewhere it is the operator's; the journal holds but our rule. */
	if (journal != store)
		e = store_bucket_create(journal, name, owner, region);
	else
		e = make(store, name, owner, region);
	store = journal;
	if (e == S3_ERR_BUCKET_ALREADY_EXISTS)
		return 0; /* somebody else's */
	if (e == S3_OK || e == S3_ERR_BUCKET_ALREADY_OWNED_BY_YOU)
		e = give_rule(store, name);
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
