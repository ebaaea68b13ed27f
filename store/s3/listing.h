/*
 * listing.h - pages of names from the endpoint: objects, versions and
 * uploads alike are items with a name among common prefixes.
 *
 * What a page may be is checked here, since nothing else stands between a
 * strange endpoint and the caller: no more entries than were asked for, names
 * in byte order, each page beyond the one before. Private to the backend.
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
	struct arena *arena;
	size_t item_bytes;
	uint32_t max; /* entries asked for */
	/* Only names beyond this. A common prefix that is not is left out:
	 * the endpoint shows it as long as any key of it is beyond. */
	struct slice after;
	bool after_is_prefix; /* and none below it */
	bool same_name;	      /* items named as @after are beyond, too */
	/* of the page at hand */
	struct s3_listed *items, *prefixes;
	size_t n_items, n_prefixes;
	bool truncated;
	bool encoded;
	struct slice token, next_name, next_id;
};

/* Room for a page. 0, or -1: memory. */
int MUST_CHECK s3_listing_init(struct s3_listing *l, struct arena *a,
			       size_t item_bytes, uint32_t max);
/*
 * s3_listing_bound - what to send as the marker for @after, in @a: what no
 * name can be is cut off, a common prefix is gone past.
 */
struct slice s3_listing_bound(const struct s3_listing *l, struct arena *a);
/* A text that names can have: else nothing will match it. */
bool s3_listing_text(struct slice s);

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

/* Rules of what lists say of an object (s3_list.c). */
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
/* Of a page that can have no entry: NO_SUCH_BUCKET, or S3_OK. */
enum s3_error MUST_CHECK s3_list_nothing(struct store *s, struct slice bucket,
					 struct arena *a);

/* Forgets the page at hand, before the next is read. */
void s3_listing_clear(struct s3_listing *l);
/*
 * s3_listing_merge - the page in order, at most l->max of them in @out.
 * 0, or -1 when it is not what a page may be: *why.
 */
int MUST_CHECK s3_listing_merge(struct s3_listing *l, struct s3_listed *out,
				size_t *n, const char **why);

/* One page as the caller asked, from as many requests as that takes. */
struct s3_listing_ask {
	struct s3_call call;
	const struct xml_rule *rules;
	size_t n_rules;
	/* The query of the next request: the first (l->n_items and the like
	 * zero), or that behind the page at hand. */
	void (*query)(void *ctx, const struct s3_listing *l, bool first,
		      struct buf *out);
	void *ctx;
};
enum s3_error MUST_CHECK s3_listing_page(struct s3_store *s,
					 struct s3_listing *l,
					 const struct s3_listing_ask *ask,
					 struct s3_listed **out, size_t *n);

#endif
