/*
 * rules.h - a bucket's notification rules: which events become which jobs
 * ("NotificationConfiguration", Amazon S3 API reference). No store and no
 * request in here. Threads: any.
 *
 * A rule's queue is a type of jobs:
 *   arn:reelgate:jobs:::process_video     the video's own jobs
 *   arn:reelgate:jobs:::TYPE              a job with the event in its payload
 *   arn:reelgate:jobs:::TYPE:ENDPOINT     the same, for a named endpoint
 *   arn:minio:sqs:REGION:ENDPOINT:webhook webhook_deliver, in MinIO's dialect
 */
#ifndef GATEWAY_RULES_H
#define GATEWAY_RULES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/s3_error.h"
#include "gateway/event.h"
#include "gateway/event_names.h"

#define RULES_MAX 100
#define RULE_ID_MAX 255	       /* characters */
#define RULE_FILTER_MAX 1024   /* bytes */
#define RULES_BYTES_MAX 65536u /* of the document as rules_write() has it */

struct rule_name {
	struct slice text;
	struct rule_name *next;
};

struct notification_rule {
	struct slice id;
	struct slice queue; /* the ARN */
	const char *job_type;
	struct slice endpoint; /* empty: none */
	enum event_dialect dialect;
	event_set events;
	struct rule_name *names;     /* of the events, as they were given */
	struct slice prefix, suffix; /* .p NULL: not filtered by it */
	struct notification_rule *next;
};

/*
 * rules_read - the rules of a document, in @a; one without an Id gets a new
 * one. MALFORMED_XML, INVALID_ARGUMENT or NOT_IMPLEMENTED with what is wrong
 * in *detail: the destination, an event, a filter, an Id used twice, two rules
 * that one event would match.
 */
enum s3_error MUST_CHECK rules_read(struct slice doc, struct arena *a,
				    struct notification_rule **out,
				    struct s3_detail *detail);
/* The document, as GetBucketNotificationConfiguration answers it. */
void rules_write(const struct notification_rule *rules, struct buf *xml);

/* The rule for an event, or NULL: rules do not overlap, there is one at most.
 */
const struct notification_rule *
rules_find(const struct notification_rule *rules, struct slice event_name,
	   struct slice key);
/* The rule by which a video is made of an object of that key, or NULL. */
const struct notification_rule *
rules_find_video(const struct notification_rule *rules, struct slice key);
/* Its jobs are those of a video, not one with the event. */
bool rule_makes_video(const struct notification_rule *r);

#endif
