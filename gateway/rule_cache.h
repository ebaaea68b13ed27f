/*
 * rule_cache.h - the notification rules of all buckets, read from the store
 * once for each change of any of them. Threads: one at a time.
 */
#ifndef GATEWAY_RULE_CACHE_H
#define GATEWAY_RULE_CACHE_H

#include "gateway/rules.h"

struct rule_cache {
	struct store *store;
	uint64_t version;   /* of what is kept: store_config_version() */
	struct arena arena; /* of all that is kept; its err: no memory */
	struct rule_cache_bucket *buckets; /* ordered by name */
	size_t n, size;
	bool complained; /* of unreadable rules, since all was forgotten */
};

void rule_cache_init(struct rule_cache *c, struct store *s);
void rule_cache_release(struct rule_cache *c);

/* Forgets what was read before the last change. Call it after the events were
 * read and before the rules are asked for: a rule that was set before an
 * object was written then holds for its event. What rule_cache_get() gave is
 * gone after it. */
void rule_cache_refresh(struct rule_cache *c);

/*
 * rule_cache_get - the rules of a bucket; NULL: none, and none of a bucket
 * that is not there. Those of the store, when they cannot be read: that they
 * are unknown must not be taken for that there are none.
 */
enum s3_error MUST_CHECK rule_cache_get(struct rule_cache *c,
					struct slice bucket,
					const struct notification_rule **out);

#endif
