/*
 * event.h - the S3 event record: what consumers of bucket notifications
 * parse ("Event message structure", Amazon S3 User Guide; MinIO's bucket
 * notification documentation).
 */
#ifndef GATEWAY_EVENT_H
#define GATEWAY_EVENT_H

#include "store/store.h"

#define EVENT_VERSION "2.1"
#define EVENT_VERSION_MINIO "2.0"

enum event_dialect { EVENT_AWS, EVENT_MINIO };

/* What the outbox row does not say. */
struct event_context {
	const char *region;
	const char *rule_id; /* configurationId: the rule that matched */
	enum event_dialect dialect;
	const char *deployment_id; /* MinIO's dialect; NULL: not said */
};

/*
 * event_record - appends one record (an element of "Records") as JSON.
 * The key is query-escaped as AWS does ('/' kept, blank as '+'), sequencer is
 * the outbox sequence in 16 hex digits: a total order per deployment and
 * epoch. Removals carry no size, and an eTag only of a delete marker; versionId
 * stands only where the bucket is versioned. MinIO's dialect names events with
 * "s3:" and its own names of tagging, and has contentType and source. Errors:
 * buf's.
 */
void event_record(struct buf *b, const struct store_event *e,
		  const struct event_context *c);
/* The message that a consumer gets: {"Records":[record]}, before which MinIO
 * has "EventName" and "Key" ("bucket/key", not escaped). */
void event_message(struct buf *b, const struct store_event *e,
		   const struct event_context *c);

#endif
