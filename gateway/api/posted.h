/*
 * posted.h - what another S3 says of its objects: the notifications that AWS,
 * MinIO and Ceph send, and what they come wrapped in. A pure function of the
 * document; nothing it names is fetched or believed.
 *
 *   {"Records": [{"eventName", "s3": {"bucket": {"name"}, "object": {"key"}}}]}
 *       S3's own, whose keys are percent-encoded with + for a blank. A record
 *       may instead be an SQS message {"body"} or {"Sns": {"Message"}}, as
 *       Lambda hands them on.
 *   {"detail-type": "Object Created", "detail": {"bucket", "object"}}
 *       EventBridge's, whose keys are plain
 *   {"Type": "Notification", "Message"}       SNS's envelope
 *   {"Messages": [{"Body"}]}, {"Body"}        SQS's, as it is received
 *   {"Event": "s3:TestEvent"}                 of a notification just set up
 * Envelopes may stand in one another, POSTED_DEPTH_MAX deep.
 */
#ifndef GATEWAY_API_POSTED_H
#define GATEWAY_API_POSTED_H

#include "base/arena.h"
#include "base/json.h"

#define POSTED_MAX 100 /* events of one request */
#define POSTED_DEPTH_MAX 3

enum posted_kind {
	POSTED_CREATED,
	POSTED_REMOVED,
	POSTED_OTHER,	  /* an event of another kind */
	POSTED_TEST,	  /* s3:TestEvent */
	POSTED_CONFIRM,	  /* SNS asks whether it may send: name is the topic,
			     url what confirms that */
	POSTED_UNREADABLE /* a record or a message that is none of these */
};

/* Texts are NULL where there are none. */
struct posted_event {
	enum posted_kind kind;
	const char *name; /* "ObjectCreated:Put" */
	const char *bucket;
	const char *key; /* UTF-8, decoded */
	const char *url;
};

struct posted {
	struct posted_event *events; /* POSTED_MAX */
	size_t n;
};

/* The events of a document, in @a: NULL, or why it is none, or that there are
 * too many. */
const char *posted_read(const cJSON *doc, struct arena *a, struct posted *out);

#endif
