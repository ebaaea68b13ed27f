/*
 * Queues of rules. Two forms of ARN name them: ours, and MinIO's, whose
 * consumers expect its dialect.
 */
#include "gateway/rule_target.h"

#define JOBS_ARN "arn:reelgate:jobs:::"

const struct rule_target rule_target_video = {
	.job_type = "process_video",
	.events = "s3:ObjectCreated:*",
};
static const struct rule_target webhook = {
	.job_type = "webhook_deliver",
	.endpoints = true,
};
static const struct rule_target *const targets[] = { &rule_target_video,
						     &webhook };

bool
rule_target_is_arn(struct slice arn)
{
	size_t colons = 0;

	for (size_t i = 0; i < arn.n; i++)
		colons += arn.p[i] == ':';
	return colons >= 5 && slice_starts(arn, SLICE("arn:"));
}

event_set
rule_target_events(const struct rule_target *t)
{
	return t->events ? event_names_rule(slice_str(t->events))
			 : ~(event_set)0;
}

static bool
is_endpoint(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!s.p[i] ||
		    !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
			    "yz0123456789_-",
			    s.p[i]))
			return false;
	return s.n > 0 && s.n <= RULE_ENDPOINT_MAX;
}

/* Behind JOBS_ARN: TYPE or TYPE:ENDPOINT. */
static const struct rule_target *
find_jobs(struct slice resource, struct slice *endpoint)
{
	const struct rule_target *const *t = targets;
	struct slice type = SLICE_EMPTY;

	(void)slice_cut(&resource, ':', &type);
	while (!slice_eq_str(type, (*t)->job_type))
		if (++t == targets + ARRAY_LEN(targets))
			return NULL;
	if (!resource.p)
		return *t;
	if (!(*t)->endpoints || !is_endpoint(resource))
		return NULL;
	*endpoint = resource;
	return *t;
}

const struct rule_target *
rule_target_find(struct slice arn, struct slice *endpoint,
		 enum event_dialect *dialect)
{
	struct slice rest = arn, part[6];

	if (slice_starts(arn, SLICE(JOBS_ARN)))
		return find_jobs(slice_from(arn, sizeof(JOBS_ARN) - 1),
				 endpoint);
	for (size_t i = 0; i < ARRAY_LEN(part); i++)
		if (!slice_cut(&rest, ':', &part[i]))
			return NULL;
	if (rest.p || !slice_eq_str(part[1], "minio") ||
	    !slice_eq_str(part[2], "sqs") || !is_endpoint(part[4]) ||
	    !slice_eq_str(part[5], "webhook"))
		return NULL;
	*dialect = EVENT_MINIO;
	*endpoint = part[4];
	return &webhook;
}
