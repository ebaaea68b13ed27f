/*
 * The s3 backend: opening, closing, the table of its operations.
 */
#include "store/s3_store.h"

static void
close_store(struct store *s)
{
	struct s3_store *s3 = s3_of(s);

	s3_remote_close(s3->remote);
	store_close(s3->journal);
	free(s3->owner);
	free(s3->spool_dir);
	free(s3);
}

static const struct store_ops s3_ops = {
	.put_begin = s3_put_begin,
	.put_write = s3_put_write,
	.put_commit = s3_put_commit,
	.put_abort = s3_put_abort,
	.get = s3_get,
	.read_at = s3_read_at,
	.read_close = s3_read_close,
	.remove = s3_remove,
	.list = s3_list,
	.upload_abort = s3_upload_abort,
	.close = close_store,
};

struct store *
store_open_s3(const struct store_s3_conf *conf, char err[512])
{
	struct s3_store *s = calloc(1, sizeof(*s));

	snprintf(err, 512, "out of memory");
	if (!s)
		return NULL;
	s->base.ops = &s3_ops;
	s->spool_dir = strdup(conf->spool_dir ? conf->spool_dir : P_tmpdir);
	s->owner = strdup(conf->owner ? conf->owner : "");
	s->remote = s->spool_dir && s->owner ? s3_remote_open(conf, err) : NULL;
	if (!s->remote) {
		close_store(&s->base);
		return NULL;
	}
	s->journal = conf->journal;
	return &s->base;
}
