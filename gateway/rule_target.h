/*
 * rule_target.h - what a rule's queue may be: the types of jobs that take
 * events, by their ARNs (rules.h). Another type is a row of the table.
 * Threads: any.
 */
#ifndef GATEWAY_RULE_TARGET_H
#define GATEWAY_RULE_TARGET_H

#include "gateway/event.h"
#include "gateway/event_names.h"

#define RULE_ENDPOINT_MAX 64 /* bytes */

struct rule_target {
	const char *job_type;
	const char *events; /* it is about these alone; NULL: any */
	bool endpoints;	    /* one may be named */
};

/* Its jobs are a video's, not one with the event. */
extern const struct rule_target rule_target_video;

/* Of an ARN's form, whatever it names. */
bool rule_target_is_arn(struct slice arn);
/* What it names, with the endpoint and the dialect that its form asks for;
 * NULL: nothing there is. */
const struct rule_target *rule_target_find(struct slice arn,
					   struct slice *endpoint,
					   enum event_dialect *dialect);
event_set rule_target_events(const struct rule_target *t);

#endif
