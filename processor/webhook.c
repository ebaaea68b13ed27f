/*
 * The settings of webhooks, and the POST. Of an answer only its status and
 * Retry-After count; its body is read and dropped, up to a bound.
 */
#include "processor/webhook.h"
#include "base/http_client.h"
#include "base/log.h"
#include "base/timeval.h"
#include "queue/webhooks.h"

#define POST_MS 15000
#define ANSWER_MAX (64u << 10)
#define AFTER_MAX_S 86400
#define EXTERNAL_MEMORY (16u << 20)
#define EXTERNAL_RUN_S 120 /* a POST, and the database */

/* ---- settings ----------------------------------------------------------- */

static int
load_keys(const char *name, const char *text, struct webhook_keys *out,
	  char err[512])
{
	const char *why;

	if (webhook_keys_parse(slice_str(text), out, &why) == 0)
		return 0;
	snprintf(err, 512, "%s: %s", name, why);
	return -1;
}

/* A list, and something to sign its messages with. */
static int
load_list(const char *name, const char *text, const struct webhook_keys *keys,
	  struct endpoints *out, char err[512])
{
	const char *why;

	if (endpoints_parse(slice_str(text), out, &why) != 0)
		snprintf(err, 512, "%s: %s", name, why);
	else if (out->n && keys->n == 0)
		snprintf(err, 512, "%s needs WEBHOOK_SECRET", name);
	else
		return 0;
	return -1;
}

int
webhooks_load(struct webhooks *w, const struct conf *c, char err[512])
{
	bool own = c->webhook_url_secret[0];

	*w = (struct webhooks){ 0 };
	return load_keys("WEBHOOK_SECRET", c->webhook_secret, &w->keys, err) ||
		       load_keys(own ? "WEBHOOK_URL_SECRET" : "WEBHOOK_SECRET",
				 own ? c->webhook_url_secret
				     : c->webhook_secret,
				 &w->told_keys, err) ||
		       load_list("WEBHOOK_URL", c->webhook_url, &w->told_keys,
				 &w->told, err) ||
		       load_list("REELGATE_EXTERNAL_JOBS", c->external_jobs,
				 &w->keys, &w->external, err)
		   ? -1
		   : 0;
}

void
webhooks_release(struct webhooks *w)
{
	webhook_keys_wipe(&w->keys);
	webhook_keys_wipe(&w->told_keys);
}

/* The row of the type, or a new one; NULL when it cannot run elsewhere. */
static struct job_type *
row_of(struct slice name, struct job_type *types, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		if (slice_eq_str(name, types[i].name))
			return types[i].lane == JOB_LANE_LIGHT ? NULL
							       : &types[i];
	return *n < JOB_TYPES_MAX ? &types[(*n)++] : NULL;
}

int
webhooks_types(const struct webhooks *w, struct job_type *types, size_t *n,
	       char err[512])
{
	/* Types are named by C strings that live as long as the process. */
	static char names[ENDPOINTS_MAX][ENDPOINT_NAME_MAX + 1];

	for (size_t i = 0; i < w->external.n; i++) {
		struct slice name = w->external.v[i].name;
		struct job_type *row = name.n ? row_of(name, types, n) : NULL;

		if (!row) {
			snprintf(err, 512,
				 "REELGATE_EXTERNAL_JOBS: \"%.*s\" is no type "
				 "that can run elsewhere",
				 SLICE_ARG(name));
			return -1;
		}
		snprintf(names[i], sizeof(names[i]), "%.*s", SLICE_ARG(name));
		*row = (struct job_type){ .name = names[i],
					  .lane = JOB_LANE_LIGHT,
					  .function = job_external,
					  .timeout_s = EXTERNAL_RUN_S,
					  .memory_max = EXTERNAL_MEMORY };
	}
	return 0;
}

enum queue_error
webhooks_announce(const struct job_host *host)
{
	static const char *const all[] = { "video.completed", "video.failed",
					   "clip.ready", NULL };

	return queue_webhook_events(
	    host->queue,
	    host->webhooks->told.n ? all : &all[ARRAY_LEN(all) - 1]);
}

/* ---- one message -------------------------------------------------------- */

struct text {
	struct slice bytes;
};

static int
read_text(void *ctx, uint64_t offset, void *p, size_t n)
{
	const struct text *t = ctx;

	memcpy(p, t->bytes.p + offset, n);
	return 0;
}

/* Called for a 2xx only: they have it, however their answer ends. */
static int
drop(void *ctx, const void *p, size_t n)
{
	bool *taken = ctx;

	(void)p;
	(void)n;
	*taken = true;
	return 0;
}

/* RFC 9110 §10.2.3: seconds, or a date. */
static int
retry_after(const struct http_client_answer *a)
{
	struct slice text = slice_trim(http_client_header(a, "Retry-After"));
	int64_t at, s;
	uint64_t v;

	if (slice_u64(text, &v) == 0)
		return v < AFTER_MAX_S ? (int)v : AFTER_MAX_S;
	if (time_parse_http(text, &at) != 0)
		return -1;
	s = (at - time_now_us()) / US_PER_S;
	return s < 0 ? 0 : s < AFTER_MAX_S ? (int)s : AFTER_MAX_S;
}

static void
judge(enum http_client_error rc, const struct http_client_answer *a, bool taken,
      struct webhook_answer *out)
{
	out->status = a->status || !taken ? a->status : 200;
	out->after_s = a->status ? retry_after(a) : -1;
	if (a->status)
		snprintf(out->error, sizeof(out->error), "http_%u", a->status);
	else
		snprintf(out->error, sizeof(out->error), "%s",
			 rc == HTTP_CLIENT_UNREACHABLE ? "unreachable"
			 : rc == HTTP_CLIENT_BROKEN    ? "no_answer"
						       : "not_sent");
}

bool
webhook_post(const struct webhook_keys *keys, struct slice url, const char *id,
	     struct slice body, struct webhook_answer *out)
{
	struct text text = { body };
	bool taken = false;
	const struct http_client_body stream = { .size = body.n,
						 .read_at = read_text,
						 .ctx = &text };
	struct http_client_call call = { .method = "POST",
					 .body = &stream,
					 .answer_max = ANSWER_MAX,
					 .sink = drop,
					 .sink_ctx = &taken,
					 .timeout_ms = POST_MS };
	struct http_client_answer answer = { 0 };
	enum http_client_error rc = HTTP_CLIENT_INTERNAL;
	struct http_client *client = http_client_new();
	struct buf head = BUF_INIT;
	char *url_z = strndup(url.p, url.n);

	*out = (struct webhook_answer){ .after_s = -1 };
	buf_puts(&head, "Content-Type: application/json\r\n"
			"User-Agent: reelgate\r\n");
	if (client && url_z &&
	    webhook_sign(keys, slice_str(id), time_now_us(), body, &head) ==
		0) {
		call.url = url_z;
		call.headers = buf_slice(&head);
		rc = http_client_run(client, &call, &answer);
	}
	judge(rc, &answer, taken, out);
	if (out->status / 100 != 2)
		log_info("webhook", "%s: %s", id, out->error);
	http_client_answer_release(&answer);
	http_client_free(client);
	buf_release(&head);
	if (url_z)
		secret_wipe(url_z, url.n);
	free(url_z);
	return out->status / 100 == 2;
}
