/*
 * Notification configurations: what rules_read() accepts keeps its bounds,
 * survives being written, and no event finds two rules.
 */
#include "gateway/rule_target.h"
#include "gateway/rules.h"
#include "tests/fuzz/fuzz.h"

static void
check_rule(const struct notification_rule *r)
{
	REQUIRE(r->id.n > 0 && r->job_type && r->names && r->events);
	REQUIRE(r->prefix.n <= RULE_FILTER_MAX);
	REQUIRE(r->suffix.n <= RULE_FILTER_MAX);
	REQUIRE(r->endpoint.n <= RULE_ENDPOINT_MAX);
}

/* A key that fits the rule finds it, whatever the others are. */
static void
check_found(const struct notification_rule *rules,
	    const struct notification_rule *r)
{
	static const struct slice event = { "ObjectCreated:Put", 17 };
	struct buf key = BUF_INIT;

	if (!(r->events & event_names_of(event)))
		return;
	buf_put(&key, r->prefix);
	buf_put(&key, r->suffix);
	REQUIRE(rules_find(rules, event, buf_slice(&key)) == r);
	buf_release(&key);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct notification_rule *rules, *again;
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct s3_detail detail = { 0 };
	struct arena a;
	size_t n = 0;

	arena_init(&a, 16 << 20);
	if (rules_read(slice_mem(data, size), &a, &rules, &detail) == S3_OK) {
		for (struct notification_rule *r = rules; r; r = r->next, n++) {
			check_rule(r);
			check_found(rules, r);
		}
		REQUIRE(n <= RULES_MAX);
		rules_write(rules, &first);
		REQUIRE(rules_read(buf_slice(&first), &a, &again, &detail) ==
			S3_OK);
		rules_write(again, &second);
		REQUIRE(slice_eq(buf_slice(&first), buf_slice(&second)));
	}
	buf_release(&first);
	buf_release(&second);
	arena_release(&a);
	return 0;
}
