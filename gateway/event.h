/*
 * event.h - the S3 event record: what consumers of bucket notifications
 * parse ("Event message structure", Amazon S3 User Guide).
 */
#ifndef GATEWAY_EVENT_H
#define GATEWAY_EVENT_H

#include "store/store.h"

#define EVENT_VERSION "2.1"

/* What the outbox row does not say. */
struct event_context {
	const char *region;
	const char *rule_id; /* configurationId: the rule that matched */
};

/*
 * event_record - appends one record (an element of "Records") as JSON.
 * The key is query-escaped as AWS does ('/' kept, blank as '+'), sequencer is
 * the outbox sequence in 16 hex digits: a total order per deployment and
 * epoch. Removals carry no size and no eTag; versionId stands only where the
 * bucket is versioned. Errors: buf's.
 */
void event_record(struct buf *b, const struct store_event *e,
		  const struct event_context *c);

#endif
