/*
 * A look at an object, and what comes of it.
 */
#include "gateway/sighting.h"
#include "base/log.h"
#include "gateway/api/names.h"
#include "queue/sightings.h"

#include <inttypes.h>

static void
describe(const struct sighting_conf *conf, const char *key,
	 const struct store_object *o, struct arena *a,
	 struct queue_object *out)
{
	*out = (struct queue_object){
		.deployment = conf->deployment,
		.epoch = arena_cstr(a, slice_str(o->epoch)),
		.seq = o->seq,
		.version_id = arena_cstr(a, slice_str(o->version_id)),
		.bucket = conf->bucket,
		.key = key,
		.size = o->size,
		.content_type = arena_cstr(
		    a, store_headers_get(&o->headers, "content-type")),
		.etag = arena_cstr(a, slice_str(o->etag)),
		.modified_us = o->mtime_us,
		.asked_us = out->asked_us,
	};
}

/* The version that was seen, where it has a name, and else what has its ETag:
 * what was put meanwhile stays. The intent last, so that a failure is come
 * back to. */
static void
refuse(const struct sighting_conf *conf, const struct store_object *o,
       const char *key, struct arena *a)
{
	struct store_ref ref =
	    STORE_REF(slice_str(conf->bucket), slice_str(key));
	struct store_cond cond = STORE_COND_NONE;
	const struct store_note note = { .principal_id = conf->account };
	struct queue_intent intent;
	enum s3_error err;

	if (queue_intent_get(conf->queue, NULL, conf->bucket, key, a,
			     &intent) != QUEUE_OK ||
	    intent.completed)
		return;
	if (strcmp(o->version_id, "null") != 0)
		ref.version_id = slice_str(o->version_id);
	else
		cond.if_match = arena_printf(a, "\"%s\"", o->etag);
	if (a->err)
		return;
	err = store_remove(conf->store, &ref, &cond, &note, NULL);
	log_warn("upload_too_large", "%s/%s: %" PRIu64 " bytes, %s",
		 conf->bucket, key, o->size,
		 err == S3_OK ? "deleted" : s3_error_info(err)->code);
	if (err == S3_OK && queue_intent_delete(conf->queue, NULL, conf->bucket,
						key) == QUEUE_UNAVAILABLE)
		log_warn("upload_intent_left", "%s", key);
}

enum sighting
sighting_look(const struct sighting_conf *conf, const char *key,
	      struct arena *a, struct queue_object *out)
{
	struct store_object *o = arena_alloc(a, sizeof(*o));
	struct store_ref ref =
	    STORE_REF(slice_str(conf->bucket), slice_str(key));
	enum s3_error err;

	*out = (struct queue_object){ 0 };
	if (!o || (conf->remote &&
		   queue_clock(conf->queue, &out->asked_us) != QUEUE_OK))
		return SIGHTING_UNAVAILABLE;
	err = store_get(conf->store, &ref, NULL, a, o, NULL);
	if (err == S3_ERR_NO_SUCH_KEY || err == S3_ERR_NO_SUCH_BUCKET)
		return SIGHTING_ABSENT;
	if (err != S3_OK)
		return SIGHTING_UNAVAILABLE;
	describe(conf, key, o, a, out);
	if (a->err)
		return SIGHTING_UNAVAILABLE;
	if (o->size > conf->max_bytes) {
		if (conf->remote)
			refuse(conf, o, key, a);
		return SIGHTING_TOO_LARGE;
	}
	return api_video_type(slice_str(out->content_type)) ? SIGHTING_OBJECT
							    : SIGHTING_NO_VIDEO;
}

enum sighting
sighting_take(const struct sighting_conf *conf, const char *key,
	      struct arena *a, bool *news)
{
	static const bool users = true;
	enum queue_error err = QUEUE_CONFLICT;
	struct queue_object object;
	size_t made = 0;
	bool gone;

	*news = false;
	for (int i = 0; i < SIGHTING_TRIES && err == QUEUE_CONFLICT; i++) {
		enum sighting s = sighting_look(conf, key, a, &object);

		if (s == SIGHTING_ABSENT && conf->remote &&
		    queue_object_gone(conf->queue, conf->bucket, key,
				      object.asked_us, &gone) != QUEUE_OK)
			return SIGHTING_UNAVAILABLE;
		if (s != SIGHTING_OBJECT && s != SIGHTING_NO_VIDEO)
			return s;
		if (object.seq)
			err = queue_resync(conf->queue, &object, &users, 1,
					   &made);
		else
			err = queue_object_seen(conf->queue, &object, users,
						news);
	}
	*news = *news || made;
	return err ? SIGHTING_UNAVAILABLE : SIGHTING_OBJECT;
}
