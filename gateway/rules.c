/*
 * The built-in rules, until they can be configured.
 */
#include "gateway/rules.h"

static const struct notification_rule rules[] = {
	{ "reelgate-uploads", "ObjectCreated:", "uploads/", "process_video" },
};

const struct notification_rule *
notification_rules(size_t *n)
{
	*n = ARRAY_LEN(rules);
	return rules;
}
