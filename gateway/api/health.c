/*
 * Health of port 9001. Ready means: store, database and schema answer; the
 * relay's state is told beside them.
 */
#include "gateway/api/call.h"

void
api_health_live(struct api_call *c)
{
	struct buf b = BUF_INIT;

	json_open_object(&b, NULL);
	json_put_str(&b, "status", "ok");
	json_close_object(&b);
	api_answer(c, 200, &b);
}

static const char *
word(bool ok)
{
	return ok ? "ok" : "unavailable";
}

void
api_health_ready(struct api_call *c)
{
	enum queue_error db = queue_ping(c->api->conf.queue);
	struct relay_status relay;
	struct store_info info;
	struct buf b = BUF_INIT;
	bool store_ok = store_info(c->api->conf.store, &info) == S3_OK;
	bool reachable = store_ok && !info.trouble;
	bool ready = reachable && db == QUEUE_OK;

	relay_status(c->api->conf.relay, &relay);
	json_open_object(&b, NULL);
	json_put_str(&b, "status", ready ? "ready" : "unavailable");
	json_put_str(&b, "store", word(reachable));
	if (store_ok && info.trouble)
		json_put_str(&b, "trouble", info.trouble);
	if (store_ok) {
		json_open_object(&b, "space");
		json_put_str(&b, "state", store_space_name(info.space));
		json_put_u64(&b, "free_bytes", info.free_bytes);
		json_close_object(&b);
	}
	json_put_str(&b, "database", word(db != QUEUE_UNAVAILABLE));
	json_put_str(&b, "migrations",
		     db == QUEUE_UNAVAILABLE ? "unknown"
					     : word(db == QUEUE_OK));
	json_open_object(&b, "relay");
	json_put_str(&b, "state", relay_state_name(relay.state));
	json_put_u64(&b, "lag", relay.last_seq - relay.acked_seq);
	json_close_object(&b);
	json_close_object(&b);
	if (!ready)
		http_set_headerf(c->http, "Retry-After", "%d", API_POLL_S);
	api_answer(c, ready ? 200 : 503, &b);
}
