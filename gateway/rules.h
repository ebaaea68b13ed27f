/*
 * rules.h - the notification rules of the default bucket: which events become
 * jobs. The relay follows them, GetBucketNotificationConfiguration shows them.
 */
#ifndef GATEWAY_RULES_H
#define GATEWAY_RULES_H

#include <stddef.h>

struct notification_rule {
	const char *id;
	const char *event_prefix; /* "ObjectCreated:" */
	const char *key_prefix;
	const char *job_type;
};

/* As on AWS they do not overlap: the first that matches is the only one. */
const struct notification_rule *notification_rules(size_t *n);

#endif
