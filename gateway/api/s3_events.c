/*
 * POST /api/events/s3: another S3 tells of its objects (posted.h). Nothing in
 * the message is believed but the name of the object: that is looked at, and
 * becomes a video as if an event of ours had come. So a message may come
 * twice, late, or with another order.
 */
#include "base/log.h"
#include "gateway/api/call.h"
#include "gateway/api/posted.h"
#include "gateway/rule_cache.h"

/* What became of an event. */
struct outcome {
	const char *word;   /* video, known, absent, refused, ignored, later */
	const char *reason; /* NULL: none */
};

static void
tell_to_confirm(const struct posted_event *e)
{
	log_warn("s3_events_confirm",
		 "the topic %.256s asks whether it may send its events here; "
		 "if it is yours, open this once: %.1024s",
		 e->name ? e->name : "(unnamed)", e->url ? e->url : "(no URL)");
}

/* The rules that make videos of the default bucket's objects. */
static bool
makes_video(struct api_call *c, const char *key, bool *known)
{
	const struct notification_rule *rules;
	struct rule_cache cache;
	bool yes = false;

	rule_cache_init(&cache, c->api->conf.store);
	rule_cache_refresh(&cache);
	*known =
	    rule_cache_get(&cache, slice_str(c->api->conf.conf->aws_s3_bucket),
			   &rules) == S3_OK;
	if (*known)
		yes = rules_find_video(rules, slice_str(key)) != NULL;
	rule_cache_release(&cache);
	return yes;
}

static struct outcome
take_object(struct api_call *c, const char *key)
{
	static const struct outcome outcomes[] = {
		[SIGHTING_OBJECT] = { "known", NULL },
		[SIGHTING_ABSENT] = { "absent", NULL },
		[SIGHTING_TOO_LARGE] = { "refused", "too large" },
		[SIGHTING_NO_VIDEO] = { "refused", "not a video" },
		[SIGHTING_UNAVAILABLE] = { "later", "store or database away" },
	};
	bool news, known, wanted = makes_video(c, key, &known);
	enum sighting s;

	if (!known)
		return (struct outcome){ "later", "rules cannot be read" };
	if (!wanted || slice_ends(slice_str(key), SLICE("/")))
		return (struct outcome){ "ignored", "no rule for this key" };
	s = sighting_take(c->api->conf.sighting, key, &c->arena, &news);
	if (s == SIGHTING_OBJECT && news)
		return (struct outcome){ "video", NULL };
	return outcomes[s];
}

/* @later: an event before it met a store or a database that is away. Asking
 * takes a minute then, so it is asked for no more of them. */
static struct outcome
take(struct api_call *c, const struct posted_event *e, bool later)
{
	switch (e->kind) {
	case POSTED_CREATED:
	case POSTED_REMOVED:
		if (strcmp(e->bucket, c->api->conf.conf->aws_s3_bucket) != 0)
			return (struct outcome){ "ignored", "another bucket" };
		if (later)
			return (struct outcome){ "later", "as one before it" };
		return take_object(c, e->key);
	case POSTED_OTHER:
		return (struct outcome){ "ignored", "another kind of event" };
	case POSTED_TEST:
		return (struct outcome){ "ignored", "a test" };
	case POSTED_CONFIRM:
		tell_to_confirm(e);
		return (struct outcome){ "ignored",
					 "to be confirmed: see the log" };
	case POSTED_UNREADABLE:
		break;
	}
	return (struct outcome){ "ignored", "unreadable" };
}

static void
put_outcome(struct buf *b, const struct posted_event *e,
	    const struct outcome *o)
{
	json_open_object(b, NULL);
	json_put_str(b, "event", e->name);
	json_put_str(b, "bucket", e->bucket);
	json_put_str(b, "key", e->key);
	json_put_str(b, "outcome", o->word);
	json_put_str(b, "reason", o->reason);
	json_close_object(b);
}

void
api_s3_events(struct api_call *c)
{
	struct buf b = BUF_INIT;
	struct posted posted;
	const char *why = posted_read(c->in, &c->arena, &posted);
	bool later = false;

	if (c->arena.err || why) {
		api_fail(c, c->arena.err ? 500 : 400,
			 c->arena.err ? "Internal error" : why);
		return;
	}
	json_open_object(&b, NULL);
	json_open_array(&b, "events");
	for (size_t i = 0; i < posted.n; i++) {
		struct outcome o = take(c, &posted.events[i], later);

		later = later || !strcmp(o.word, "later");
		put_outcome(&b, &posted.events[i], &o);
	}
	json_close_array(&b);
	if (later)
		json_put_str(&b, "error",
			     "Not all of them could be taken: send it again");
	json_close_object(&b);
	if (later)
		http_set_headerf(c->http, "Retry-After", "%d", API_POLL_S);
	api_answer(c, later ? 503 : 200, &b);
}
