/*
 * GET /metrics in Prometheus's text format, version 0.0.4: the store, the
 * relay, the API's answers, the jobs. Job types are our own few words, so
 * labels need no escaping.
 */
#include "gateway/api/call.h"
#include "base/timeval.h"
#include "store/care.h"

#include <inttypes.h>

static void
head(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
gauge(struct buf *b, const char *name, uint64_t v, const char *help)
{
	head(b, name, "gauge", help);
	buf_printf(b, "%s %" PRIu64 "\n", name, v);
}

static void
counter(struct buf *b, const char *name, uint64_t v, const char *help)
{
	head(b, name, "counter", help);
	buf_printf(b, "%s %" PRIu64 "\n", name, v);
}

static void
put_store(struct api_call *c, struct buf *b)
{
	struct store_info info;

	if (store_info(c->api->conf.store, &info) != S3_OK)
		return;
	/* Another S3 is not asked to count. */
	if (info.objects != STORE_UNKNOWN) {
		gauge(b, "reelgate_store_objects", info.objects,
		      "Objects stored.");
		gauge(b, "reelgate_store_bytes", info.bytes, "Bytes stored.");
		gauge(b, "reelgate_store_buckets", info.buckets, "Buckets.");
	}
	gauge(b, "reelgate_store_reachable", !info.trouble,
	      "1 while the objects can be reached.");
	gauge(b, "reelgate_store_free_bytes", info.free_bytes,
	      "Free bytes of the store's file system, without the ballast.");
	head(b, "reelgate_store_space", "gauge", "1 for the state of space.");
	for (int s = STORE_SPACE_OK; s <= STORE_SPACE_HARD; s++)
		buf_printf(b, "reelgate_store_space{state=\"%s\"} %d\n",
			   store_space_name((enum store_space)s),
			   info.space == (enum store_space)s);
	gauge(b, "reelgate_store_commit_lag_microseconds",
	      (uint64_t)info.lag_us,
	      "For how long the oldest commit has been waited for.");
	gauge(b, "reelgate_outbox_last_seq", info.last_seq,
	      "Sequence of the newest event.");
	gauge(b, "reelgate_outbox_lag", info.last_seq - info.acked_seq,
	      "Events not delivered to the database yet.");
}

/* Damage that was met says that a disk fails: an alert belongs on these. */
static void
put_scrub(struct api_call *c, struct buf *b)
{
	struct store_scrub_status st;

	if (store_scrub_status(store_journal(c->api->conf.store), false,
			       &c->arena, &st) != S3_OK)
		return;
	gauge(b, "reelgate_scrub_running", st.running,
	      "1 while the store is read and compared.");
	gauge(b, "reelgate_scrub_pass_bytes", st.bytes,
	      "Bytes read by the pass that runs, or was the last.");
	gauge(b, "reelgate_scrub_finished_seconds",
	      (uint64_t)(st.finished_us / US_PER_S),
	      "When the last whole pass ended, as Unix time; 0: never.");
	gauge(b, "reelgate_scrub_damage", st.n_damage + st.damage_lost,
	      "Blocks and rows known to be damaged.");
	counter(b, "reelgate_store_damage_met_total", st.damage_met,
		"Times that a reader or the scrubber met damage.");
}

static void
put_index(struct api_call *c, struct buf *b)
{
	struct store_index_status s;

	if (store_index_status(store_journal(c->api->conf.store), &s) != S3_OK)
		return;
	gauge(b, "reelgate_index_bytes", s.bytes, "Bytes of the index's file.");
	gauge(b, "reelgate_index_used_bytes", s.used_bytes,
	      "Bytes of it in use; the rest is free for what comes.");
	gauge(b, "reelgate_index_map_bytes", s.map_bytes,
	      "Bytes that the index can grow to.");
	gauge(b, "reelgate_index_readers", s.readers,
	      "Read transactions of the index.");
	head(b, "reelgate_index_oldest_reader_seconds", "gauge",
	     "For how long the oldest of them has kept pages from being used "
	     "again.");
	buf_printf(b, "reelgate_index_oldest_reader_seconds %.3f\n",
		   (double)s.oldest_reader_us / US_PER_S);
	gauge(b, "reelgate_backups_running", s.backups,
	      "Backups that hold back the unlinking of blobs.");
}

static void
put_relay(struct api_call *c, struct buf *b)
{
	struct relay_status relay;

	relay_status(c->api->conf.relay, &relay);
	head(b, "reelgate_relay_state", "gauge", "1 for the relay's state.");
	for (int s = RELAY_STARTING; s <= RELAY_STOPPED; s++)
		buf_printf(b, "reelgate_relay_state{state=\"%s\"} %d\n",
			   relay_state_name((enum relay_state)s),
			   relay.state == (enum relay_state)s);
}

/* What nobody told of: only with another S3 as the backend. */
static void
put_reconciler(struct api_call *c, struct buf *b)
{
	struct reconciler_status st;

	if (!reconciler_status(c->api->conf.reconciler, &st))
		return;
	counter(b, "reelgate_reconcile_asked_total", st.asked,
		"Uploads and objects that the other S3 was asked for.");
	counter(b, "reelgate_reconcile_listed_total", st.listed,
		"Keys listed there.");
	counter(b, "reelgate_reconcile_made_total", st.made,
		"Objects found that had no video.");
	counter(b, "reelgate_reconcile_failures_total", st.failed,
		"Questions that were not answered.");
	counter(b, "reelgate_reconcile_passes_total", st.passes,
		"Complete listings that this gateway ended.");
	gauge(b, "reelgate_reconcile_complete_seconds",
	      (uint64_t)(st.complete_us / US_PER_S),
	      "When any gateway's last complete listing ended, as Unix time; "
	      "0: never.");
}

/* Rows that were never answered are left out. */
static void
put_answers(struct api_call *c, struct buf *b)
{
	gauge(b, "reelgate_api_streams", live_streams(c->api->live),
	      "Event streams that are open.");
	head(b, "reelgate_api_requests_total", "counter",
	     "Answers of the video API by operation and status class.");
	for (size_t row = 0; row <= API_ROUTES_MAX; row++) {
		for (unsigned class = 1; class < 6; class ++) {
			unsigned long n =
			    atomic_load(&c->api->answers[row][class]);
			const struct api_route *r =
			    row < api_routes_n ? &api_routes[row] : NULL;

			if (n == 0)
				continue;
			buf_printf(b,
				   "reelgate_api_requests_total{method=\"%s\","
				   "path=\"%s\",status=\"%uxx\"} %lu\n",
				   r ? r->method : "", r ? r->path : "", class,
				   n);
		}
	}
}

/* One counter or gauge per member of a JSON object of numbers. */
static void
put_numbers(struct buf *b, const char *name, const char *labels,
	    const char *label, const cJSON *numbers)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, numbers)
	{
		if (cJSON_IsNumber(item))
			buf_printf(b, "%s{%s%s=\"%s\"} %.15g\n", name, labels,
				   label, item->string, item->valuedouble);
	}
}

/* Single figures of queue_job_stats(). */
static const struct {
	const char *member, *name, *help;
} job_figures[] = {
	{ "failed_for_good", "reelgate_jobs_failed_for_good",
	  "Jobs that ended in failure." },
	{ "leases_expired", "reelgate_job_leases_expired",
	  "Jobs whose worker was not heard of in time." },
	{ "events_put_aside", "reelgate_events_put_aside",
	  "Events that could not be applied." },
	{ "dead_rows", "reelgate_job_dead_rows",
	  "Dead rows of job_queue that the vacuum has left." },
};

static void
put_stats(struct api_call *c, struct buf *b, const cJSON *stats)
{
	const cJSON *type;
	double v;

	head(b, "reelgate_jobs", "gauge", "Jobs by type and status.");
	cJSON_ArrayForEach(type,
			   cJSON_GetObjectItemCaseSensitive(stats, "counts"))
	{
		struct slice labels =
		    arena_printf(&c->arena, "type=\"%s\",", type->string);

		put_numbers(b, "reelgate_jobs", labels.p, "status", type);
	}
	head(b, "reelgate_job_oldest_due_seconds", "gauge",
	     "Age of the oldest job that could run.");
	put_numbers(
	    b, "reelgate_job_oldest_due_seconds", "", "type",
	    cJSON_GetObjectItemCaseSensitive(stats, "oldest_due_seconds"));
	for (size_t i = 0; i < ARRAY_LEN(job_figures); i++) {
		if (!json_num(stats, job_figures[i].member, &v))
			continue;
		head(b, job_figures[i].name, "gauge", job_figures[i].help);
		buf_printf(b, "%s %.15g\n", job_figures[i].name, v);
	}
}

/* Without a database: database_up 0 and nothing of the jobs. */
static void
put_jobs(struct api_call *c, struct buf *b)
{
	const char *text = NULL;
	bool up =
	    queue_job_stats(c->api->conf.queue, &c->arena, &text) == QUEUE_OK;
	cJSON *stats = up ? json_parse(slice_str(text)) : NULL;

	gauge(b, "reelgate_database_up", up, "1 when the database answers.");
	if (stats)
		put_stats(c, b, stats);
	cJSON_Delete(stats);
}

void
api_metrics(struct api_call *c)
{
	struct buf b = BUF_INIT;

	put_store(c, &b);
	put_index(c, &b);
	put_scrub(c, &b);
	put_relay(c, &b);
	put_reconciler(c, &b);
	put_answers(c, &b);
	put_jobs(c, &b);
	if (!buf_ok(&b) || c->arena.err) {
		buf_release(&b);
		api_fail(c, 500, "Internal error");
		return;
	}
	http_set_header(c->http, "Content-Type",
			SLICE("text/plain; version=0.0.4"));
	http_answer_buf(c->http, 200, &b);
}
