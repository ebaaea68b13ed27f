/*
 * events tail, events status: the outbox, and how far the relay is with it.
 */
#include "gateway/admin_command.h"
#include "base/json_write.h"
#include "base/timeval.h"
#include "gateway/event.h"
#include "gateway/rule_cache.h"

#include <poll.h>

#define TAIL_MAX 500
#define TAIL_DEFAULT 10
#define TAIL_WAIT_MAX_MS 30000
#define STEP_MS 200 /* bounds how long a stop can take */
#define ASIDE_SHOWN 20

static int
store_failed(struct admin_command *c)
{
	snprintf(c->err, sizeof(c->err),
		 "the store could not be read: see the gateway's log");
	return -1;
}

/* A number of the request within bounds, or the fallback. */
static int64_t
number(const struct admin_command *c, const char *name, int64_t max,
       int64_t fallback)
{
	int64_t v;

	if (!json_int(c->request, name, &v) || v < 0)
		return fallback;
	return v < max ? v : max;
}

/* ---- tail -----------------------------------------------------------------
 */

static bool
stops(const struct admin_command *c)
{
	struct pollfd fds[] = { { c->stop, POLLIN, 0 },
				{ c->fd, POLLRDHUP, 0 } };

	return poll(fds, 2, 0) > 0;
}

/* Events behind @after, waited for. */
static enum s3_error
wait_events(struct admin_command *c, uint64_t after, size_t max,
	    struct store_event **events, size_t *n)
{
	int64_t deadline =
	    time_mono_us() + number(c, "wait_ms", TAIL_WAIT_MAX_MS, 0) * 1000;
	enum s3_error err;

	for (;;) {
		err = store_events(c->store, after, max, &c->arena, events, n);
		if (err != S3_OK || *n || time_mono_us() >= deadline ||
		    stops(c))
			return err;
		err = store_events_wait(c->store, after, STEP_MS);
		if (err != S3_OK)
			return err;
	}
}

int
admin_events_tail(struct admin_command *c)
{
	size_t max = (size_t)number(c, "max", TAIL_MAX, TAIL_DEFAULT), n;
	struct event_context context = { .region = c->conf->region };
	const struct notification_rule *rules, *rule;
	struct store_event *events;
	struct rule_cache cache;
	struct store_info info;
	int64_t after;

	if (store_info(c->store, &info) != S3_OK)
		return store_failed(c);
	if (!json_int(c->request, "after", &after) || after < 0)
		after =
		    info.last_seq > max ? (int64_t)(info.last_seq - max) : 0;
	if (wait_events(c, (uint64_t)after, max, &events, &n) != S3_OK)
		return store_failed(c);
	rule_cache_init(&cache, c->store);
	rule_cache_refresh(&cache);
	json_open_array(c->answer, "events");
	for (size_t i = 0; i < n; i++) {
		rule = NULL;
		if (rule_cache_get(&cache, events[i].bucket, &rules) == S3_OK)
			rule = rules_find(rules, events[i].event_name,
					  events[i].key);
		context.rule_id = rule ? arena_cstr(&c->arena, rule->id) : NULL;
		event_record(c->answer, &events[i], &context);
		after = (int64_t)events[i].seq;
	}
	json_close_array(c->answer);
	json_put_int(c->answer, "after", after);
	rule_cache_release(&cache);
	return 0;
}

/* ---- status ---------------------------------------------------------------
 */

int
admin_events_status(struct admin_command *c)
{
	struct store_event *first;
	struct relay_status relay;
	struct store_info info;
	const char *json = NULL;
	size_t n;

	if (store_info(c->store, &info) != S3_OK ||
	    store_events(c->store, 0, 1, &c->arena, &first, &n) != S3_OK)
		return store_failed(c);
	relay_status(c->conf->relay, &relay);
	if (queue_relay_status(c->conf->queue, info.deployment_id, ASIDE_SHOWN,
			       &c->arena, &json) != QUEUE_OK)
		json = NULL;
	json_put_str(c->answer, "deployment", info.deployment_id);
	json_put_str(c->answer, "epoch", info.epoch);
	json_put_str(c->answer, "state", relay_state_name(relay.state));
	json_put_u64(c->answer, "last_seq", info.last_seq);
	json_put_u64(c->answer, "acked_seq", info.acked_seq);
	json_put_u64(c->answer, "lag", info.last_seq - info.acked_seq);
	json_put_u64(c->answer, "kept_from", n ? first[0].seq : 0);
	json_put_raw(c->answer, "database", json);
	return 0;
}
