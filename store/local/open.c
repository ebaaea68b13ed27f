/*
 * The local backend put together: opening in order, closing in reverse.
 */
#include "store/local/local.h"
#include "base/timeval.h"
#include "store/local/damage.h"

#define STREAM_MIN (8u << 20)
#define GC_DELAY_US (15 * 60 * US_PER_S)
#define EVENT_RETENTION_US (7 * 24 * 3600 * US_PER_S)
#define COMPLETED_KEEP_US (7 * 24 * 3600 * US_PER_S)

static enum s3_error
local_info(struct store *s, struct store_info *out)
{
	struct local *ls = local_of(s);
	struct local_state st = writer_state(ls);

	*out = (struct store_info){ .objects = st.objects,
				    .bytes = st.bytes,
				    .buckets = st.buckets,
				    .last_seq = st.last_seq,
				    .acked_seq = st.acked_seq,
				    .lag_us = writer_lag_us(ls) };
	space_info(ls, out);
	memcpy(out->deployment_id, ls->deployment_id,
	       sizeof(out->deployment_id));
	memcpy(out->epoch, ls->epoch, sizeof(out->epoch));
	out->pasts = ls->pasts;
	out->n_pasts = ls->n_pasts;
	return S3_OK;
}

/* The parts that need the writer end before it; those waiting for events
 * leave when it stops. */
static void
local_close(struct store *s)
{
	struct local *ls = local_of(s);

	scrub_end(ls);
	keeper_stop(ls);
	blob_space_close(ls);
	writer_stop(ls);
	space_close(ls);
	local_meta_close(ls);
	reads_release(&ls->reads);
	verified_release(&ls->verified);
	damages_release(&ls->damages);
	free(ls);
}

static const struct store_ops local_ops = {
	.bucket_create = local_bucket_create,
	.bucket_head = local_bucket_head,
	.bucket_delete = local_bucket_delete,
	.bucket_list = local_bucket_list,
	.bucket_versioning = local_bucket_versioning,
	.config_get = local_config_get,
	.config_put = local_config_put,
	.put_begin = local_put_begin,
	.put_write = local_put_write,
	.put_commit = local_put_commit,
	.put_abort = local_put_abort,
	.get = local_get,
	.read_at = local_read_at,
	.read_verify = local_read_verify,
	.read_is_verified = local_read_is_verified,
	.read_memory = local_read_memory,
	.read_extents = local_read_extents,
	.read_close = local_read_close,
	.remove = local_remove,
	.tags_put = local_tags_put,
	.list = local_list,
	.list_versions = local_list_versions,
	.get_parts = local_get_parts,
	.upload_create = local_upload_create,
	.upload_get = local_upload_get,
	.upload_list = local_upload_list,
	.upload_abort = local_upload_abort,
	.copy = local_copy,
	.part_copy = local_part_copy,
	.part_begin = local_part_begin,
	.part_list = local_part_list,
	.upload_complete = local_upload_complete,
	.events = local_events,
	.events_wait = local_events_wait,
	.events_ack = local_events_ack,
	.info = local_info,
	.close = local_close,
};

struct local *
local_only(struct store *s)
{
	return s->ops == &local_ops ? local_of(s) : NULL;
}

/* Each part stands on the ones before it. */
static int
start(struct local *ls, const struct store_local_conf *conf, char err[512])
{
	struct local_state st;

	if (local_meta_open(ls, conf, &st, err) != 0)
		return -1;
	if (writer_start(ls, &st) != 0) {
		snprintf(err, 512, "the writer's thread cannot be started");
		return -1;
	}
	if (blob_space_open(ls, conf->data_dir, err) != 0)
		return -1;
	space_open(ls, conf);
	if (keeper_start(ls) != 0) {
		snprintf(err, 512, "the housekeeping thread cannot be started");
		return -1;
	}
	if (scrub_start(ls, conf) != 0) {
		snprintf(err, 512, "the scrubber cannot be started");
		return -1;
	}
	return 0;
}

struct store *
store_open_local(const struct store_local_conf *conf, char err[512])
{
	struct local *ls = calloc(1, sizeof(*ls));

	if (!ls) {
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	ls->base.ops = &local_ops;
	ls->lock_fd = -1;
	ls->blobs.root = -1;
	ls->inline_max = conf->inline_max;
	ls->stream_min = conf->stream_min ? conf->stream_min : STREAM_MIN;
	ls->gc_delay_us =
	    conf->gc_delay_ms ? conf->gc_delay_ms * 1000 : GC_DELAY_US;
	ls->event_retention_us = conf->event_retention_ms
				     ? conf->event_retention_ms * 1000
				     : EVENT_RETENTION_US;
	ls->completed_keep_us = conf->completed_keep_ms
				    ? conf->completed_keep_ms * 1000
				    : COMPLETED_KEEP_US;
	ls->upload_age_max_us = conf->upload_age_max_ms * 1000;
	reads_init(&ls->reads);
	damages_init(&ls->damages);
	if (verified_init(&ls->verified) != 0)
		snprintf(err, 512, "out of memory");
	else if (start(ls, conf, err) == 0)
		return &ls->base;
	local_close(&ls->base);
	return NULL;
}
