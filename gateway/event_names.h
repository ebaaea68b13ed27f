/*
 * event_names.h - the names of S3 events as sets of bits ("Supported event
 * types for SQS, SNS, and Lambda", Amazon S3 User Guide).
 */
#ifndef GATEWAY_EVENT_NAMES_H
#define GATEWAY_EVENT_NAMES_H

#include "base/slice.h"

typedef uint64_t event_set;

/* The events that a rule's name stands for: "s3:ObjectCreated:Put", or a whole
 * kind by "s3:ObjectCreated:*"; 0: no such name. */
event_set event_names_rule(struct slice name);
/* The event of a record, whose name has no "s3:"; 0: unknown. */
event_set event_names_of(struct slice event_name);

#endif
