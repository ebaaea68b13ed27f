/*
 * listing.h - pages of names from the endpoint: objects, versions and
 * uploads alike are items with a name among common prefixes.
 *
 * What a page may be is checked here, since nothing else stands between a
 * strange endpoint and the caller: no more entries than were asked for, names
 * in byte order, each page beyond the one before. A last page is put in order
 * here. Private to the backend.
 */
#ifndef STORE_S3_LISTING_H
#define STORE_S3_LISTING_H

#include "store/s3/xml.h"

struct s3_listed {
	bool is_prefix;
	struct slice name;
	void *item; /* of item_bytes, zeroed; NULL for a prefix */
};

struct s3_listing {
	/* What is asked: set by the caller. */
	struct slice bucket, prefix, delimiter;
	uint32_t max; /* entries */
	/* Only names beyond this. A common prefix that is not is left out:
	 * the endpoint shows it as long as any key of it is beyond. */
	struct slice after;
	bool after_is_prefix;  /* and none below it */
	struct slice after_id; /* items named as @after, beyond this, too */

	/* How the endpoint is asked, and its answer read into items. */
	void (*put_query)(const struct s3_listing *l, bool first,
			  struct buf *out);
	const struct xml_rule *rules;
	size_t n_rules;
	size_t item_bytes;

	/* The page at hand; nothing of it when the first is asked for. */
	struct arena *arena;
	struct s3_listed *items, *prefixes;
	size_t n_items, n_prefixes;
	bool truncated;
	bool encoded;
	struct slice token, next_name, next_id;
};

/*
 * s3_listing_page - one page as the caller asked, in @a, from as many requests
 * as that takes; l->truncated says whether more follows it.
 */
enum s3_error MUST_CHECK s3_listing_page(struct s3_store *s,
					 struct s3_listing *l, struct arena *a,
					 struct s3_listed **out, size_t *n);

/* What to send as the marker for l->after: what no name can be is cut off, a
 * common prefix is gone past. */
struct slice s3_listing_bound(const struct s3_listing *l);
/* The query of a list that goes by name and id. Its names are those of the
 * maximum, of the id's marker, and of what is listed. */
void s3_listing_put_by_id(const struct s3_listing *l, bool first,
			  const char *const names[3], struct buf *q);

/* Callbacks of rules; ctx is the listing. */
int s3_listing_item(void *ctx); /* start of an item */
int s3_listing_prefix(void *ctx);
int s3_listing_name(void *ctx, struct slice text);
int s3_listing_prefix_name(void *ctx, struct slice text);
int s3_listing_truncated(void *ctx, struct slice text);
int s3_listing_encoding(void *ctx, struct slice text);
int s3_listing_token(void *ctx, struct slice text);
int s3_listing_next_name(void *ctx, struct slice text);
int s3_listing_next_id(void *ctx, struct slice text);
/* The item begun last. */
void *s3_listing_last(void *ctx);

#define S3_LISTING_RULES(root)                                              \
	{ root "/IsTruncated", NULL, s3_listing_truncated },                \
	    { root "/EncodingType", NULL, s3_listing_encoding },            \
	    { root "/CommonPrefixes", s3_listing_prefix, NULL },            \
	{                                                                   \
		root "/CommonPrefixes/Prefix", NULL, s3_listing_prefix_name \
	}

/* Rules of what lists say of an object (list.c). */
int s3_listed_time(void *ctx, struct slice text);
int s3_listed_size(void *ctx, struct slice text);
int s3_listed_etag(void *ctx, struct slice text);
int s3_listed_class(void *ctx, struct slice text);
int s3_listed_algorithm(void *ctx, struct slice text);
int s3_listed_sum_type(void *ctx, struct slice text);
#define S3_LISTED_RULES(path)                                         \
	{ path "/LastModified", NULL, s3_listed_time },               \
	    { path "/Size", NULL, s3_listed_size },                   \
	    { path "/ETag", NULL, s3_listed_etag },                   \
	    { path "/StorageClass", NULL, s3_listed_class },          \
	    { path "/ChecksumAlgorithm", NULL, s3_listed_algorithm }, \
	{                                                             \
		path "/ChecksumType", NULL, s3_listed_sum_type        \
	}

/* Entries of a page of objects. */
struct store_list_entry *s3_listed_objects(struct arena *a,
					   const struct s3_listed *v, size_t n);

#endif
