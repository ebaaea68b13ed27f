/*
 * Events for the queue. The record kept with each event is AWS's; a job that
 * is no video's has the whole message for its consumer in its payload, in the
 * dialect that the rule asks for.
 */
#include "gateway/delivery.h"
#include "base/json_write.h"

/* Text of a batch, built one after the other. */
struct builder {
	struct delivery *d;
	struct arena *arena;
	struct buf text;
};

static const char *
take(struct builder *b)
{
	const char *s = arena_cstr(b->arena, buf_slice(&b->text));

	b->arena->err |= b->text.err;
	buf_clear(&b->text);
	return s;
}

static const char *
payload(struct builder *b, const struct store_event *e,
	const struct notification_rule *rule,
	const struct event_context *context)
{
	struct buf *t = &b->text;
	struct buf message = BUF_INIT;

	event_message(&message, e, context);
	json_open_object(t, NULL);
	json_put_slice(t, "bucket", e->bucket);
	json_put_slice(t, "key", e->key);
	json_put_slice(t, "versionId", e->version_id);
	json_put_slice(t, "eTag", e->etag);
	json_put_u64(t, "size", e->size);
	json_put_slice(t, "eventName", e->event_name);
	if (rule->endpoint.n)
		json_put_slice(t, "endpoint", rule->endpoint);
	json_put_raw(t, "message", message.p);
	json_close_object(t);
	t->err |= message.err;
	buf_release(&message);
	return take(b);
}

static void
fill(struct builder *b, const struct store_event *e, struct queue_event *out)
{
	struct arena *a = b->arena;
	struct event_context context = { .region = b->d->region,
					 .deployment_id = b->d->deployment_id };
	const struct notification_rule *rules, *rule;

	*out = (struct queue_event){
		.seq = e->seq,
		.id = e->id,
		.time_us = e->time_us,
		.name = arena_cstr(a, e->event_name),
		.bucket = e->bucket,
		.key = e->key,
		.size = e->size,
		.etag = arena_cstr(a, e->etag),
		.version_id = arena_cstr(a, e->version_id),
		.content_type = e->content_type,
		.users = slice_eq_str(e->bucket, b->d->bucket),
	};
	if (rule_cache_get(&b->d->rules, e->bucket, &rules) != S3_OK)
		out->problem = "the bucket's notification rules are unreadable";
	rule = rules_find(rules, e->event_name, e->key);
	if (rule) {
		out->job_type = rule->job_type;
		context.rule_id = arena_cstr(a, rule->id);
	}
	event_record(&b->text, e, &context);
	out->record = take(b);
	if (rule && !rule_makes_video(rule)) {
		context.dialect = rule->dialect;
		out->payload = payload(b, e, rule, &context);
	}
}

void
delivery_init(struct delivery *d, struct store *s, const char *region,
	      const char *bucket, const char *deployment_id)
{
	*d = (struct delivery){ .region = region,
				.bucket = bucket,
				.deployment_id = deployment_id };
	rule_cache_init(&d->rules, s);
}

void
delivery_release(struct delivery *d)
{
	rule_cache_release(&d->rules);
}

struct queue_event *
delivery_fill(struct delivery *d, const struct store_event *events, size_t n,
	      struct arena *a)
{
	struct queue_event *out = arena_array(a, n, sizeof(*out));
	struct builder b = { .d = d, .arena = a };

	rule_cache_refresh(&d->rules);
	for (size_t i = 0; i < n && !a->err; i++)
		fill(&b, &events[i], &out[i]);
	buf_release(&b.text);
	/* Rules there is no memory for are not unreadable: all comes again. */
	return a->err || d->rules.arena.err ? NULL : out;
}
