/*
 * Rules by bucket, in an ordered array: events of one bucket mostly come in a
 * row, and buckets are few. Failures are not kept, so they are tried again;
 * what each took of the arena is given back when all is forgotten.
 */
#include "gateway/rule_cache.h"
#include "base/log.h"

#define BUCKETS_MAX 4096u
#define KEPT_MAX ((size_t)32 << 20)   /* bytes; then all is read anew */
#define ARENA_MAX ((size_t)256 << 20) /* with what a batch adds */

struct rule_cache_bucket {
	struct slice name;
	const struct notification_rule *rules;
};

void
rule_cache_init(struct rule_cache *c, struct store *s)
{
	*c = (struct rule_cache){ .store = s };
	arena_init(&c->arena, ARENA_MAX);
}

void
rule_cache_release(struct rule_cache *c)
{
	arena_release(&c->arena);
	free(c->buckets);
}

static void
forget(struct rule_cache *c)
{
	c->n = 0;
	c->complained = false;
	arena_release(&c->arena);
	arena_init(&c->arena, ARENA_MAX);
}

void
rule_cache_refresh(struct rule_cache *c)
{
	uint64_t version = store_config_version(c->store);

	if (version != c->version || c->n >= BUCKETS_MAX ||
	    c->arena.used > KEPT_MAX || c->arena.err)
		forget(c);
	c->version = version;
}

/* Where the bucket is, or belongs. */
static size_t
place(const struct rule_cache *c, struct slice bucket, bool *found)
{
	size_t from = 0, to = c->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int order = slice_cmp(c->buckets[middle].name, bucket);

		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	*found = false;
	return from;
}

static enum s3_error
insert(struct rule_cache *c, size_t at, struct slice bucket,
       const struct notification_rule *rules)
{
	struct rule_cache_bucket *b = c->buckets;

	if (c->n == c->size) {
		size_t size = c->size ? c->size * 2 : 16;

		b = reallocarray(b, size, sizeof(*b));
		if (!b) {
			c->arena.err = true;
			return S3_ERR_INTERNAL_ERROR;
		}
		c->buckets = b;
		c->size = size;
	}
	memmove(&b[at + 1], &b[at], (c->n - at) * sizeof(*b));
	b[at] =
	    (struct rule_cache_bucket){ arena_copy(&c->arena, bucket), rules };
	c->n++;
	return c->arena.err ? S3_ERR_INTERNAL_ERROR : S3_OK;
}

static enum s3_error
read_rules(struct rule_cache *c, struct slice bucket,
	   const struct notification_rule **out)
{
	struct notification_rule *rules = NULL;
	struct s3_detail detail = { 0 };
	struct slice doc;
	enum s3_error err = store_config_get(
	    c->store, bucket, STORE_CONFIG_NOTIFICATION, &c->arena, &doc);

	if (err == S3_ERR_NO_SUCH_BUCKET)
		return S3_OK;
	if (err == S3_OK && doc.n)
		err = rules_read(doc, &c->arena, &rules, &detail);
	if (err != S3_OK && !c->complained) {
		c->complained = true;
		log_error("notification_rules",
			  "the notification configuration of bucket %.*s "
			  "cannot be read: %s; tried again",
			  SLICE_ARG(bucket),
			  detail.message ? detail.message
					 : s3_error_info(err)->code);
	}
	*out = rules;
	return err;
}

enum s3_error
rule_cache_get(struct rule_cache *c, struct slice bucket,
	       const struct notification_rule **out)
{
	enum s3_error err;
	bool found;
	size_t at = place(c, bucket, &found);

	*out = NULL;
	if (found) {
		*out = c->buckets[at].rules;
		return S3_OK;
	}
	err = read_rules(c, bucket, out);
	if (err == S3_OK)
		err = insert(c, at, bucket, *out);
	return err;
}
