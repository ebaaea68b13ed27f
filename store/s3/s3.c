/*
 * The s3 backend: opening, closing, the table of its operations.
 */
#include "base/timeval.h"
#include "store/s3/begun.h"
#include "store/s3/known.h"
#include "store/s3/remote.h"
#include "store/s3/settler.h"

static void
halt(struct store *s)
{
	s3_remote_stop(s3_of(s)->remote);
}

static void
close_store(struct store *s)
{
	struct s3_store *s3 = s3_of(s);

	s3_remote_stop(s3->remote);
	s3_watch_stop(s3->watch);
	s3_settler_stop(s3->settler);
	s3_remote_close(s3->remote);
	s3_known_free(s3->known);
	s3_told_free(s3->told);
	s3_begun_free(s3->begun);
	store_close(s3->journal);
	free(s3->owner);
	free(s3->journal_owner);
	free(s3);
}

/* Another gateway may have changed something: it is seen as soon as what was
 * kept is too old. */
static uint64_t
config_version(struct store *s)
{
	(void)s;
	return (uint64_t)(time_mono_us() / S3_KNOWN_US);
}

static const struct store_ops s3_ops = {
	.config_version = config_version,
	.bucket_create = s3_bucket_create,
	.bucket_head = s3_bucket_head,
	.bucket_delete = s3_bucket_delete,
	.bucket_list = s3_bucket_list,
	.bucket_versioning = s3_bucket_versioning,
	.config_get = s3_config_get,
	.config_put = s3_config_put,
	.put_begin = s3_put_begin,
	.put_write = s3_put_write,
	.put_commit = s3_put_commit,
	.put_abort = s3_put_abort,
	.get = s3_get,
	.get_parts = s3_get_parts,
	.read_want = s3_read_want,
	.read_verify = s3_read_verify,
	.read_at = s3_read_at,
	.read_close = s3_read_close,
	.remove = s3_remove,
	.tags_put = s3_tags_put,
	.copy = s3_copy,
	.list = s3_list,
	.list_versions = s3_list_versions,
	.upload_create = s3_upload_create,
	.upload_get = s3_upload_get,
	.upload_list = s3_upload_list,
	.upload_abort = s3_upload_abort,
	.part_begin = s3_part_begin,
	.part_copy = s3_part_copy,
	.part_list = s3_part_list,
	.upload_complete = s3_upload_complete,
	.events = s3_events,
	.events_wait = s3_events_wait,
	.events_ack = s3_events_ack,
	.info = s3_info,
	.halt = halt,
	.close = close_store,
};

static int
start_threads(struct s3_store *s, const struct store_s3_conf *conf,
	      char err[512])
{
	if (s->journal) {
		s->settler = s3_settler_start(s, err);
		if (!s->settler)
			return -1;
	}
	snprintf(err, 512, "out of memory");
	if (conf->watch)
		s->watch = s3_watch_start(s, conf->watch, conf->endpoint);
	return !conf->watch || s->watch ? 0 : -1;
}

struct store *
store_journal(struct store *s)
{
	return s->ops == &s3_ops ? s3_of(s)->journal : s;
}

void
store_signed_region(struct store *s, struct slice bucket,
		    char out[STORE_REGION_MAX])
{
	out[0] = '\0';
	if (store_is_remote(s))
		s3_region_of(s3_of(s)->remote, bucket, out);
}

int64_t
store_signed_ahead(struct store *s)
{
	return store_is_remote(s) ? s3_remote_ahead(s3_of(s)->remote) : 0;
}

bool
store_is_remote(const struct store *s)
{
	return s->ops == &s3_ops;
}

struct store *
store_open_s3(const struct store_s3_conf *conf, char err[512])
{
	struct s3_store *s = calloc(1, sizeof(*s));

	snprintf(err, 512, "out of memory");
	if (!s)
		return NULL;
	s->base.ops = &s3_ops;
	s->owner = strdup(conf->owner ? conf->owner : "");
	s->journal_owner =
	    strdup(conf->journal_owner ? conf->journal_owner : "");
	s->known = s3_known_new();
	s->told = s3_told_new();
	s->begun = s3_begun_new();
	s->remote =
	    s->owner && s->journal_owner && s->known && s->told && s->begun
		? s3_remote_open(conf, err)
		: NULL;
	s->journal = conf->journal;
	if (s->remote && start_threads(s, conf, err) == 0)
		return &s->base;
	s->journal = NULL; /* still the caller's */
	close_store(&s->base);
	return NULL;
}
