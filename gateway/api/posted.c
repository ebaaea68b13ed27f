/*
 * Notifications of another S3 read: documents that stand in others as text are
 * put on a list and read after it, so that nothing recurses on input.
 */
#include "gateway/api/posted.h"
#include "base/encode.h"

struct waiting {
	struct slice text;
	unsigned depth;
};

struct reader {
	struct arena *arena;
	struct posted *out;
	struct waiting list[POSTED_MAX];
	size_t n, done;
	bool too_many;
};

static void
add(struct reader *r, const struct posted_event *e)
{
	if (r->out->n == POSTED_MAX)
		r->too_many = true;
	else
		r->out->events[r->out->n++] = *e;
}

static void
add_unreadable(struct reader *r)
{
	add(r, &(struct posted_event){ .kind = POSTED_UNREADABLE });
}

static const char *
copy(struct reader *r, const char *text)
{
	return text ? arena_cstr(r->arena, slice_str(text)) : NULL;
}

static const cJSON *
member(const cJSON *obj, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(obj, name);
}

/* A document in a document. */
static void
put_off(struct reader *r, const char *text, unsigned depth)
{
	if (!text || depth == POSTED_DEPTH_MAX)
		add_unreadable(r);
	else if (r->n == POSTED_MAX)
		r->too_many = true;
	else
		r->list[r->n++] =
		    (struct waiting){ arena_copy(r->arena, slice_str(text)),
				      depth + 1 };
}

/* ---- events ----------------------------------------------------------------
 */

/* Ours, or as EventBridge calls them. */
static const struct {
	const char *begins;
	enum posted_kind kind;
} kinds[] = {
	{ "ObjectCreated:", POSTED_CREATED },
	{ "Object Created", POSTED_CREATED },
	{ "ObjectRemoved:", POSTED_REMOVED },
	{ "LifecycleExpiration:", POSTED_REMOVED },
	{ "Object Deleted", POSTED_REMOVED },
};

static void
add_event(struct reader *r, const char *name, const cJSON *about, bool encoded)
{
	const char *bucket = json_str(member(about, "bucket"), "name");
	const char *key = json_str(member(about, "object"), "key");
	struct posted_event e = { .kind = POSTED_OTHER };
	struct buf plain = BUF_INIT;
	bool fine = name && bucket && *bucket && key && *key;

	if (fine && slice_starts(slice_str(name), SLICE("s3:")))
		name += 3;
	if (fine && encoded)
		fine = uri_decode(&plain, slice_str(key), true) == 0;
	else if (fine)
		buf_puts(&plain, key);
	fine = fine && plain.n && slice_is_text(buf_slice(&plain));
	for (size_t i = 0; fine && i < ARRAY_LEN(kinds); i++)
		if (slice_starts(slice_str(name), slice_str(kinds[i].begins)))
			e.kind = kinds[i].kind;
	if (fine) {
		e.name = copy(r, name);
		e.bucket = copy(r, bucket);
		e.key = arena_cstr(r->arena, buf_slice(&plain));
		add(r, &e);
	} else {
		add_unreadable(r);
	}
	r->arena->err |= plain.err;
	buf_release(&plain);
}

static void
read_record(struct reader *r, const cJSON *record, unsigned depth)
{
	const cJSON *s3 = member(record, "s3");
	const cJSON *sns = member(record, "Sns");

	if (cJSON_IsObject(s3))
		add_event(r, json_str(record, "eventName"), s3, true);
	else
		put_off(r,
			cJSON_IsObject(sns) ? json_str(sns, "Message")
					    : json_str(record, "body"),
			depth);
}

/* ---- documents -------------------------------------------------------------
 */

static void
read_records(struct reader *r, const cJSON *doc, unsigned depth)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, member(doc, "Records"))
	{
		if (!r->too_many)
			read_record(r, item, depth);
	}
}

static void
read_messages(struct reader *r, const cJSON *doc, unsigned depth)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, member(doc, "Messages"))
	{
		if (!r->too_many)
			put_off(r, json_str(item, "Body"), depth);
	}
}

static void
read_body(struct reader *r, const cJSON *doc, unsigned depth)
{
	put_off(r, json_str(doc, "Body"), depth);
}

static void
read_bridge(struct reader *r, const cJSON *doc, unsigned depth)
{
	(void)depth;
	add_event(r, json_str(doc, "detail-type"), member(doc, "detail"),
		  false);
}

static void
read_test(struct reader *r, const cJSON *doc, unsigned depth)
{
	bool test = !strcmp(json_str(doc, "Event"), "s3:TestEvent");

	(void)depth;
	if (test)
		add(r, &(struct posted_event){ .kind = POSTED_TEST,
					       .name = "s3:TestEvent" });
	else
		add_unreadable(r);
}

static void
read_sns(struct reader *r, const cJSON *doc, unsigned depth)
{
	const char *type = json_str(doc, "Type");

	if (!strcmp(type, "Notification"))
		put_off(r, json_str(doc, "Message"), depth);
	else if (!strcmp(type, "SubscriptionConfirmation"))
		add(r, &(struct posted_event){
			   .kind = POSTED_CONFIRM,
			   .name = copy(r, json_str(doc, "TopicArn")),
			   .url = copy(r, json_str(doc, "SubscribeURL")) });
	else if (!strcmp(type, "UnsubscribeConfirmation"))
		add(r, &(struct posted_event){ .kind = POSTED_OTHER,
					       .name = copy(r, type) });
	else
		add_unreadable(r);
}

/* A document is what the first of these members makes it. */
static const struct {
	const char *name;
	bool list;
	void (*read)(struct reader *r, const cJSON *doc, unsigned depth);
} forms[] = {
	{ "Records", true, read_records },
	{ "Messages", true, read_messages },
	{ "detail-type", false, read_bridge },
	{ "Type", false, read_sns },
	{ "Event", false, read_test },
	{ "Body", false, read_body },
};

/* false: it is none. */
static bool
read_document(struct reader *r, const cJSON *doc, unsigned depth)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		const cJSON *m = member(doc, forms[i].name);

		if (forms[i].list ? cJSON_IsArray(m) : cJSON_IsString(m)) {
			forms[i].read(r, doc, depth);
			return true;
		}
	}
	return false;
}

static void
read_waiting(struct reader *r, const struct waiting *w)
{
	cJSON *doc = json_parse(w->text);

	if (!read_document(r, doc, w->depth))
		add_unreadable(r);
	cJSON_Delete(doc);
}

const char *
posted_read(const cJSON *doc, struct arena *a, struct posted *out)
{
	struct reader r = { .arena = a, .out = out };

	*out = (struct posted){ .events = arena_array(a, POSTED_MAX,
						      sizeof(*out->events)) };
	if (!out->events)
		return "out of memory";
	if (!read_document(&r, doc, 0))
		return "Not a notification of S3, SNS, SQS or EventBridge";
	while (r.done < r.n && !r.too_many)
		read_waiting(&r, &r.list[r.done++]);
	return r.too_many ? "Too many events in one request" : NULL;
}
