/*
 * events resync: the objects of a bucket, a page at a time. One that a rule
 * makes a video of has its video and its jobs afterwards; where they are there
 * nothing changes, since both follow from the object's own record.
 */
#include "gateway/admin_command.h"
#include "base/json_write.h"
#include "gateway/rule_cache.h"

#define PAGE 1000

struct resync {
	struct admin_command *c;
	struct store_info info;
	struct rule_cache rules;
	int64_t asked_us; /* before anything was read */
};

static int
refuse(struct resync *r, const char *why)
{
	snprintf(r->c->err, sizeof(r->c->err), "%s", why);
	return -1;
}

static bool
makes_videos(const struct notification_rule *rules)
{
	for (; rules; rules = rules->next)
		if (rule_makes_video(rules))
			return true;
	return false;
}

static int
list_buckets(struct resync *r)
{
	const struct notification_rule *rules;
	struct store_bucket *b;
	size_t n;

	if (store_bucket_list(r->c->store, SLICE_EMPTY, &r->c->arena, &b, &n) !=
	    S3_OK)
		return refuse(r, "the buckets could not be read");
	json_open_array(r->c->answer, "buckets");
	for (size_t i = 0; i < n; i++)
		if (rule_cache_get(&r->rules, b[i].name, &rules) == S3_OK &&
		    makes_videos(rules))
			json_put_slice(r->c->answer, NULL, b[i].name);
	json_close_array(r->c->answer);
	return 0;
}

/* Its record, for the content type. false: it is gone meanwhile, or PostgreSQL
 * cannot hold it (its event was put aside). */
static bool
describe(struct resync *r, const char *bucket, const char *key,
	 struct queue_object *out)
{
	struct arena *a = &r->c->arena;
	struct store_object *o = arena_alloc(a, sizeof(*o));
	struct slice type;

	if (!o ||
	    store_get(r->c->store,
		      &STORE_REF(slice_str(bucket), slice_str(key)), NULL, a, o,
		      NULL) != S3_OK ||
	    o->is_delete_marker)
		return false;
	type = store_headers_get(&o->headers, "content-type");
	if (!slice_is_text(type))
		return false;
	*out = (struct queue_object){
		.deployment = r->info.deployment_id,
		.epoch = o->epoch,
		.seq = o->seq,
		.version_id = o->version_id,
		.bucket = bucket,
		.key = key,
		.size = o->size,
		.content_type = arena_cstr(a, type),
		.etag = o->etag,
		.modified_us = o->mtime_us,
		.asked_us = r->asked_us,
	};
	return !a->err;
}

static int
resync_page(struct resync *r, const char *bucket,
	    const struct notification_rule *rules)
{
	struct admin_command *c = r->c;
	const struct store_list_req req = {
		.bucket = slice_str(bucket),
		.prefix = admin_argument(c, "prefix"),
		.start_after = admin_argument(c, "after"),
		.max_keys = PAGE,
	};
	struct store_list_page page;
	struct queue_object *objects;
	bool *users;
	size_t n = 0, made;

	if (queue_clock(c->conf->queue, &r->asked_us) != QUEUE_OK)
		return refuse(r, "the database does not answer");
	if (store_list(c->store, &req, &c->arena, &page) != S3_OK)
		return refuse(r, "the bucket could not be read");
	objects = arena_array(&c->arena, page.n, sizeof(*objects));
	users = arena_array(&c->arena, page.n, sizeof(*users));
	for (size_t i = 0; objects && users && i < page.n; i++) {
		users[n] = strcmp(bucket, c->conf->bucket) == 0;
		if (rules_find_video(rules, page.entries[i].name) &&
		    describe(r, bucket,
			     arena_cstr(&c->arena, page.entries[i].name),
			     &objects[n]))
			n++;
	}
	if (c->arena.err)
		return refuse(r, "out of memory");
	if (queue_resync(c->conf->queue, objects, users, n, &made) != QUEUE_OK)
		return refuse(r, "the database does not answer, or refused: "
				 "see the gateway's log");
	json_put_u64(c->answer, "seen", page.n);
	json_put_u64(c->answer, "matched", n);
	json_put_u64(c->answer, "made", made);
	if (page.truncated)
		json_put_slice(c->answer, "after", page.next);
	else
		json_put_null(c->answer, "after");
	return 0;
}

static int
resync_bucket(struct resync *r, const char *bucket)
{
	const struct notification_rule *rules;
	struct store_bucket b;

	if (store_bucket_head(r->c->store, slice_str(bucket), &r->c->arena,
			      &b) != S3_OK)
		return refuse(r, "there is no such bucket");
	if (rule_cache_get(&r->rules, slice_str(bucket), &rules) != S3_OK)
		return refuse(r, "the bucket's notification rules cannot be "
				 "read");
	if (!makes_videos(rules))
		return refuse(r, "no rule of that bucket makes videos");
	return resync_page(r, bucket, rules);
}

int
admin_events_resync(struct admin_command *c)
{
	const char *bucket = json_str(c->request, "bucket");
	struct resync r = { .c = c };
	int rc;

	if (store_info(c->store, &r.info) != S3_OK)
		return refuse(&r, "the store does not answer");
	rule_cache_init(&r.rules, c->store);
	rule_cache_refresh(&r.rules);
	rc = bucket ? resync_bucket(&r, bucket) : list_buckets(&r);
	rule_cache_release(&r.rules);
	return rc;
}
