/*
 * Notification rules. The document is read as a whole before its values are
 * judged, as S3 validates against its schema first; the three kinds of
 * destinations that AWS has are read alike, and only queues pass.
 */
#include "gateway/rules.h"
#include "base/random.h"
#include "base/xml_read.h"
#include "base/xml_write.h"
#include "gateway/rule_target.h"

#define REFUSED "Unable to validate the following destination configurations"

enum kind { KIND_QUEUE, KIND_TOPIC, KIND_FUNCTION };

/* A rule while the document is read, and judged. */
struct draft {
	struct notification_rule rule; /* first */
	enum kind kind;
	struct slice filter_name, filter_value; /* of the FilterRule read */
	struct slice bad_filter;		/* a name that is none */
	unsigned prefixes, suffixes;
};

struct reader {
	struct arena *arena;
	struct s3_detail *detail;
	struct draft *first, *last;
	size_t n;
	bool event_bridge;
};

static struct draft *
next_of(const struct draft *d)
{
	return (struct draft *)d->rule.next;
}

/* ---- the document ------------------------------------------------------- */

static int
begin(struct reader *r, enum kind kind)
{
	struct draft *d = arena_alloc(r->arena, sizeof(*d));

	if (!d)
		return -1;
	d->kind = kind;
	if (r->last)
		r->last->rule.next = &d->rule;
	else
		r->first = d;
	r->last = d;
	r->n++;
	return 0;
}

static int
on_queue(void *ctx)
{
	return begin(ctx, KIND_QUEUE);
}

static int
on_topic(void *ctx)
{
	return begin(ctx, KIND_TOPIC);
}

static int
on_function(void *ctx)
{
	return begin(ctx, KIND_FUNCTION);
}

static int
on_end(void *ctx, struct slice text)
{
	const struct reader *r = ctx;

	(void)text;
	return r->last->rule.queue.p && r->last->rule.names ? 0 : -1;
}

static int
once(struct reader *r, struct slice *where, struct slice text)
{
	if (where->p)
		return -1;
	*where = arena_copy(r->arena, text);
	return 0;
}

static int
on_id(void *ctx, struct slice text)
{
	struct reader *r = ctx;

	return once(r, &r->last->rule.id, text);
}

static int
on_arn(void *ctx, struct slice text)
{
	struct reader *r = ctx;

	return once(r, &r->last->rule.queue, slice_trim(text));
}

static int
on_event(void *ctx, struct slice text)
{
	struct reader *r = ctx;
	struct rule_name *name = arena_alloc(r->arena, sizeof(*name));
	struct rule_name **list = &r->last->rule.names;

	if (!name)
		return -1;
	name->text = arena_copy(r->arena, slice_trim(text));
	while (*list)
		list = &(*list)->next;
	*list = name;
	return 0;
}

static int
on_filter(void *ctx)
{
	struct draft *d = ((struct reader *)ctx)->last;

	d->filter_name = d->filter_value = (struct slice){ 0 };
	return 0;
}

static int
on_filter_name(void *ctx, struct slice text)
{
	struct reader *r = ctx;

	return once(r, &r->last->filter_name, slice_trim(text));
}

static int
on_filter_value(void *ctx, struct slice text)
{
	struct reader *r = ctx;

	return once(r, &r->last->filter_value, text);
}

static int
on_filter_end(void *ctx, struct slice text)
{
	struct draft *d = ((struct reader *)ctx)->last;

	(void)text;
	if (!d->filter_name.p || !d->filter_value.p)
		return -1;
	if (slice_ieq_str(d->filter_name, "prefix")) {
		d->rule.prefix = d->filter_value;
		d->prefixes++;
	} else if (slice_ieq_str(d->filter_name, "suffix")) {
		d->rule.suffix = d->filter_value;
		d->suffixes++;
	} else {
		d->bad_filter = d->filter_name;
	}
	return 0;
}

static int
on_event_bridge(void *ctx)
{
	((struct reader *)ctx)->event_bridge = true;
	return 0;
}

/* clang-format off */
#define ROOT "NotificationConfiguration"
#define KIND(element, arn, start)                                         \
	{ ROOT "/" element, start, on_end },                              \
	{ ROOT "/" element "/Id", NULL, on_id },                          \
	{ ROOT "/" element "/" arn, NULL, on_arn },                       \
	{ ROOT "/" element "/Event", NULL, on_event },                    \
	{ ROOT "/" element "/Filter/S3Key/FilterRule", on_filter, on_filter_end }, \
	{ ROOT "/" element "/Filter/S3Key/FilterRule/Name", NULL, on_filter_name }, \
	{ ROOT "/" element "/Filter/S3Key/FilterRule/Value", NULL, on_filter_value }
static const struct xml_rule elements[] = {
	KIND("QueueConfiguration", "Queue", on_queue),
	KIND("TopicConfiguration", "Topic", on_topic),
	KIND("CloudFunctionConfiguration", "CloudFunction", on_function),
	{ ROOT "/EventBridgeConfiguration", on_event_bridge, NULL },
};
/* clang-format on */

/* ---- the values --------------------------------------------------------- */

static enum s3_error
refuse(struct reader *r, const char *message, const char *name,
       struct slice value)
{
	r->detail->message = message;
	s3_detail_add(r->detail, "ArgumentName", slice_str(name));
	s3_detail_add(r->detail, "ArgumentValue", value);
	return S3_ERR_INVALID_ARGUMENT;
}

/* AWS numbers the destinations it could not reach; the first is told. */
static enum s3_error
refuse_target(struct reader *r, struct slice arn, const char *why)
{
	r->detail->message = REFUSED;
	s3_detail_add(r->detail, "ArgumentName1", arn);
	s3_detail_add(r->detail, "ArgumentValue1", slice_str(why));
	return S3_ERR_INVALID_ARGUMENT;
}

static enum s3_error
check_target(struct reader *r, struct draft *d)
{
	static const char *const missing[] = {
		"The destination queue does not exist",
		"The destination topic does not exist",
		"The destination Lambda function does not exist",
	};
	const struct rule_target *t = NULL;

	if (!rule_target_is_arn(d->rule.queue))
		return refuse(r, "The ARN is not well formed", "ARN",
			      d->rule.queue);
	if (d->kind == KIND_QUEUE)
		t = rule_target_find(d->rule.queue, &d->rule.endpoint,
				     &d->rule.dialect);
	if (!t)
		return refuse_target(r, d->rule.queue, missing[d->kind]);
	if (d->rule.events & ~rule_target_events(t))
		return refuse_target(r, d->rule.queue,
				     "The destination queue takes "
				     "s3:ObjectCreated events only");
	d->rule.job_type = t->job_type;
	return S3_OK;
}

static enum s3_error
check_events(struct reader *r, struct draft *d)
{
	for (const struct rule_name *n = d->rule.names; n; n = n->next) {
		event_set set = event_names_rule(n->text);

		if (!set)
			return refuse(r,
				      "The event is not supported for "
				      "notifications",
				      "Event", n->text);
		d->rule.events |= set;
	}
	return S3_OK;
}

static enum s3_error
check_filter(struct reader *r, const struct draft *d)
{
	if (d->bad_filter.p)
		return refuse(r,
			      "filter rule name must be either prefix or "
			      "suffix",
			      "FilterRule.Name", d->bad_filter);
	if (d->prefixes > 1)
		return refuse(r,
			      "Cannot specify more than one prefix rule in a "
			      "filter.",
			      "FilterRule.Name", SLICE("prefix"));
	if (d->suffixes > 1)
		return refuse(r,
			      "Cannot specify more than one suffix rule in a "
			      "filter.",
			      "FilterRule.Name", SLICE("suffix"));
	if (d->rule.prefix.n > RULE_FILTER_MAX ||
	    d->rule.suffix.n > RULE_FILTER_MAX)
		return refuse(r,
			      "Size of filter rule value cannot exceed 1024 "
			      "bytes in UTF-8 representation",
			      "FilterRule.Value",
			      d->rule.prefix.n > RULE_FILTER_MAX
				  ? d->rule.prefix
				  : d->rule.suffix);
	return S3_OK;
}

static enum s3_error
check_id(struct reader *r, struct draft *d)
{
	char uuid[UUID_TEXT_MAX];
	size_t n = 0;

	if (d->rule.id.n == 0) {
		uuid_new(uuid);
		d->rule.id = arena_copy(r->arena, slice_str(uuid));
		return S3_OK;
	}
	for (size_t i = 0; i < d->rule.id.n; i++)
		n += ((unsigned char)d->rule.id.p[i] & 0xc0) != 0x80;
	if (n > RULE_ID_MAX)
		return refuse(r, "Notification ID cannot exceed 255 characters",
			      "Id", d->rule.id);
	for (const struct draft *o = r->first; o != d; o = next_of(o))
		if (slice_eq(o->rule.id, d->rule.id))
			return refuse(r,
				      "Same ID used for multiple "
				      "configurations. IDs must be unique",
				      "Id", d->rule.id);
	return S3_OK;
}

static bool
overlap(const struct notification_rule *a, const struct notification_rule *b)
{
	return (a->events & b->events) &&
	       (slice_starts(a->prefix, b->prefix) ||
		slice_starts(b->prefix, a->prefix)) &&
	       (slice_ends(a->suffix, b->suffix) ||
		slice_ends(b->suffix, a->suffix));
}

static enum s3_error
check_overlap(struct reader *r, const struct draft *d)
{
	for (const struct draft *o = r->first; o != d; o = next_of(o)) {
		if (!overlap(&o->rule, &d->rule))
			continue;
		r->detail->message = "Configuration is ambiguously defined. "
				     "Cannot have overlapping suffixes in two "
				     "rules if the prefixes are overlapping "
				     "for the same event type.";
		return S3_ERR_INVALID_ARGUMENT;
	}
	return S3_OK;
}

static enum s3_error
check(struct reader *r)
{
	enum s3_error err = S3_OK;

	if (r->event_bridge) {
		r->detail->message = "There is no EventBridge to send events "
				     "to: rules name queues of jobs";
		return S3_ERR_NOT_IMPLEMENTED;
	}
	if (r->n > RULES_MAX) {
		r->detail->message = "A bucket can have at most 100 "
				     "notification configurations";
		return S3_ERR_INVALID_ARGUMENT;
	}
	for (struct draft *d = r->first; err == S3_OK && d; d = next_of(d)) {
		err = check_events(r, d);
		if (err == S3_OK)
			err = check_filter(r, d);
		if (err == S3_OK)
			err = check_target(r, d);
		if (err == S3_OK)
			err = check_id(r, d);
		if (err == S3_OK)
			err = check_overlap(r, d);
	}
	return err;
}

enum s3_error
rules_read(struct slice doc, struct arena *a, struct notification_rule **out,
	   struct s3_detail *detail)
{
	struct reader r = { .arena = a, .detail = detail };
	enum s3_error err;

	*out = NULL;
	if (xml_read_strict(doc, elements, ARRAY_LEN(elements), &r) != 0)
		return a->err ? S3_ERR_INTERNAL_ERROR : S3_ERR_MALFORMED_XML;
	err = check(&r);
	if (a->err)
		return S3_ERR_INTERNAL_ERROR;
	if (err == S3_OK && r.first)
		*out = &r.first->rule;
	return err;
}

/* ---- the document again ------------------------------------------------- */

static void
write_filter_rule(struct buf *xml, const char *name, struct slice value)
{
	if (!value.p)
		return;
	xml_open(xml, "FilterRule");
	xml_text(xml, "Name", slice_str(name));
	xml_text(xml, "Value", value);
	xml_close(xml, "FilterRule");
}

void
rules_write(const struct notification_rule *rules, struct buf *xml)
{
	xml_prolog(xml);
	xml_open_ns(xml, ROOT, XML_NS_S3);
	for (; rules; rules = rules->next) {
		xml_open(xml, "QueueConfiguration");
		xml_text(xml, "Id", rules->id);
		xml_text(xml, "Queue", rules->queue);
		for (const struct rule_name *n = rules->names; n; n = n->next)
			xml_text(xml, "Event", n->text);
		if (rules->prefix.p || rules->suffix.p) {
			xml_open(xml, "Filter");
			xml_open(xml, "S3Key");
			write_filter_rule(xml, "prefix", rules->prefix);
			write_filter_rule(xml, "suffix", rules->suffix);
			xml_close(xml, "S3Key");
			xml_close(xml, "Filter");
		}
		xml_close(xml, "QueueConfiguration");
	}
	xml_close(xml, ROOT);
}

/* ---- the search --------------------------------------------------------- */

static bool
matches(const struct notification_rule *r, event_set events, struct slice key)
{
	return (r->events & events) && slice_starts(key, r->prefix) &&
	       slice_ends(key, r->suffix);
}

const struct notification_rule *
rules_find(const struct notification_rule *rules, struct slice event_name,
	   struct slice key)
{
	event_set event = event_names_of(event_name);

	while (rules && !matches(rules, event, key))
		rules = rules->next;
	return rules;
}

const struct notification_rule *
rules_find_video(const struct notification_rule *rules, struct slice key)
{
	while (rules &&
	       !(rule_makes_video(rules) && matches(rules, rules->events, key)))
		rules = rules->next;
	return rules;
}

bool
rule_makes_video(const struct notification_rule *r)
{
	return r->job_type == rule_target_video.job_type;
}
