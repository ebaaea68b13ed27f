/*
 * GET /api/videos/{id}/events: the status of a video as server-sent events
 * (HTML Living Standard, 9.2). The stream runs in its connection's thread,
 * which waits for news and reads the video as its user may. Whatever woke it,
 * it sends the status only when that is another than it sent last.
 */
#include "gateway/api/call.h"
#include "base/timeval.h"

#define RECONNECT_MS 5000
#define SILENCE_US (15 * US_PER_S)	/* then a comment: is anybody there? */
#define LOOK_US (API_POLL_S * US_PER_S) /* while nobody tells of changes */
#define RETRY_STREAMS_S 30
#define LIFE_MAX_S INT32_MAX /* a token may be good for ever */

struct stream {
	struct live_seat seat;
	struct api_call *call;
	char id[UUID_TEXT_MAX];
	struct buf out; /* to be sent, and how much of it was */
	size_t sent;
	char tag[API_TAG_MAX]; /* of the status sent last */
	uint64_t count;	       /* of changes, before that was read */
	bool unsure;	       /* the last look failed */
	bool ended;
	bool seated;
	int64_t said_us, looked_us, ends_us; /* monotonic */
};

static void
put_end(struct stream *s, const char *reason)
{
	buf_printf(&s->out, "event: end\ndata: {\"reason\":\"%s\"}\n\n",
		   reason);
	s->ended = true;
}

/* False when the client has it. JSON of ours has no line ends: one line. */
static bool
put_status(struct stream *s, const struct queue_video *v)
{
	struct buf doc = BUF_INIT;
	char tag[API_TAG_MAX];
	bool news;

	api_put_status(s->call, &doc, v);
	api_tag(buf_slice(&doc), tag);
	s->out.err |= doc.err || s->call->arena.err;
	news = strcmp(tag, s->tag) != 0;
	if (news) {
		memcpy(s->tag, tag, sizeof(tag));
		buf_printf(&s->out, "event: status\nid: %s\ndata: ", tag);
		buf_put(&s->out, buf_slice(&doc));
		buf_puts(&s->out, "\n\n");
	}
	buf_release(&doc);
	if (api_is_final(v))
		put_end(s, v->status);
	return news;
}

static void
look(struct stream *s)
{
	struct api_call *c = s->call;
	struct queue_video v;
	enum queue_error err;

	s->count = live_count(c->api->live, s->id);
	s->looked_us = time_mono_us();
	err = live_video(c->api->live, c->user, s->id, &c->arena, &v);
	if (err == QUEUE_OK)
		put_status(s, &v);
	else if (err == QUEUE_NOT_FOUND)
		put_end(s, "gone");
	s->unsure = err != QUEUE_OK;
	/* A stream may look a thousand times. */
	arena_release(&c->arena);
}

static void
wait_and_look(struct stream *s)
{
	struct live *live = s->call->api->live;
	int64_t until = s->said_us + SILENCE_US;

	if ((s->unsure || !live_listening(live)) &&
	    s->looked_us + LOOK_US < until)
		until = s->looked_us + LOOK_US;
	if (s->ends_us < until)
		until = s->ends_us;
	if (!live_wait(live, s->id, s->count, until)) {
		s->ended = true;
		return;
	}
	if (time_mono_us() >= s->ends_us)
		put_end(s, "expired");
	else
		look(s);
	if (!s->out.n && time_mono_us() - s->said_us >= SILENCE_US)
		buf_puts(&s->out, ":\n\n");
}

static ssize_t
next(void *ctx, void *p, size_t n)
{
	struct stream *s = ctx;
	struct slice rest = slice_from(buf_slice(&s->out), s->sent);

	if (rest.n == 0) {
		/* Waiting streams are many: they hold no memory. */
		buf_release(&s->out);
		s->sent = 0;
		while (!s->out.n && !s->ended && buf_ok(&s->out))
			wait_and_look(s);
		if (!buf_ok(&s->out))
			return -1;
		rest = buf_slice(&s->out);
		s->said_us = time_mono_us();
	}
	if (n > rest.n)
		n = rest.n;
	memcpy(p, rest.p, n);
	s->sent += n;
	return (ssize_t)n;
}

static void
close_stream(void *ctx)
{
	struct stream *s = ctx;

	if (s->seated)
		live_leave(s->call->api->live, &s->seat);
	buf_release(&s->out);
}

/* False when answered. A HEAD takes none: it ends when its answer has gone
 * out, and the client may ask again before that. */
static bool
take_seat(struct api_call *c, struct stream *s)
{
	if (slice_eq_str(c->http->method, "HEAD"))
		return true;
	switch (live_enter(c->api->live, &s->seat, c->user)) {
	case LIVE_ENTERED:
		s->seated = true;
		return true;
	case LIVE_FULL:
		api_fail_for(c, 503, RETRY_STREAMS_S,
			     "Too many event streams are open");
		return false;
	case LIVE_USER_FULL:
		api_fail_for(c, 429, RETRY_STREAMS_S,
			     "Too many of your event streams are open");
		return false;
	}
	return false;
}

static void
set_headers(struct api_call *c)
{
	http_set_header(c->http, "Content-Type", SLICE("text/event-stream"));
	http_set_header(c->http, "Cache-Control", SLICE("no-store"));
	http_set_header(c->http, "X-Content-Type-Options", SLICE("nosniff"));
	/* nginx would collect events before it passes them on. */
	http_set_header(c->http, "X-Accel-Buffering", SLICE("no"));
}

/* Times of the wall clock are the token's, all others the monotonic clock's. */
static int64_t
token_end(const struct api_call *c)
{
	int64_t left_s = c->token_exp_s - time_now_us() / US_PER_S;

	if (left_s < 0)
		left_s = 0;
	if (left_s > LIFE_MAX_S)
		left_s = LIFE_MAX_S;
	return time_mono_us() + left_s * US_PER_S;
}

/* False when answered. */
static bool
begin(struct api_call *c, struct stream *s, const char *id)
{
	struct slice last = http_header_get(c->http, "Last-Event-ID");
	struct queue_video v;

	/* The count first: what changes from now on is seen. */
	s->count = live_count(c->api->live, id);
	if (!api_read_status(c, id, &v))
		return false;
	s->call = c;
	snprintf(s->id, sizeof(s->id), "%s", id);
	snprintf(s->tag, sizeof(s->tag), "%.*s", SLICE_ARG(last));
	s->said_us = s->looked_us = time_mono_us();
	s->ends_us = token_end(c);
	buf_printf(&s->out, "retry: %d\n\n", RECONNECT_MS);
	if (!put_status(s, &v) && s->ended) {
		/* Has it all: an EventSource shall not come again. */
		api_answer_nothing(c);
		return false;
	}
	if (buf_ok(&s->out))
		return take_seat(c, s);
	api_fail(c, 500, "Internal error");
	return false;
}

void
api_video_events(struct api_call *c)
{
	const char *text = arena_cstr(&c->arena, c->named[0]);
	const char *id = api_uuid(c, text);
	struct stream *s = arena_alloc(&c->http->arena, sizeof(*s));
	const struct http_stream stream = { next, close_stream, s };

	if (!s) {
		api_fail(c, 500, "Internal error");
	} else if (!begin(c, s, id ? id : text)) {
		buf_release(&s->out);
	} else {
		set_headers(c);
		http_answer_stream(c->http, 200, &stream);
	}
}
