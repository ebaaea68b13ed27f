/*
 * Asking for pages, reading and merging them. Names come in two lists, items
 * and common prefixes, each in byte order; the endpoint percent-encodes them,
 * since XML cannot hold all bytes, and says so.
 */
#include "store/s3/listing.h"
#include "base/encode.h"

/* 1,000 names of 1,024 bytes, each of three characters, and what is beside:
 * owners, ids, sums. */
#define ANSWER_MAX (8u << 20)
/* Pages of which nothing may be shown, before the endpoint is given up. */
#define EMPTY_PAGES_MAX 4
#define LAST_CODE_POINT "\xf4\x8f\xbf\xbf"

/* ---- asking ------------------------------------------------------------- */

/* A text that names can have: else nothing will match it. */
static bool
is_text(struct slice s)
{
	return s.n <= STORE_KEY_MAX && slice_is_text(s);
}

/* As much of it as a key can begin with. */
static struct slice
text_of(struct slice s, size_t max)
{
	size_t at = 0, step;

	while (at < s.n && s.p[at] && (step = slice_utf8(s, at)) != 0 &&
	       at + step <= max)
		at += step;
	return slice_head(s, at);
}

struct slice
s3_listing_bound(const struct s3_listing *l)
{
	struct slice last = SLICE(LAST_CODE_POINT);
	struct slice after = text_of(l->after, STORE_KEY_MAX);
	struct slice parts[2] = { after, last };

	if (!l->after_is_prefix || after.n != l->after.n ||
	    after.n + last.n > STORE_KEY_MAX)
		return after;
	return arena_concat(l->arena, parts, 2);
}

void
s3_listing_put_by_id(const struct s3_listing *l, bool first,
		     const char *const names[3], struct buf *q)
{
	struct slice name = first ? s3_listing_bound(l) : l->next_name;
	struct slice id = first ? l->after_id : l->next_id;

	if (l->delimiter.n)
		s3_query_put(q, "delimiter", l->delimiter);
	s3_query_put(q, "encoding-type", SLICE("url"));
	if (name.n)
		s3_query_put(q, "key-marker", name);
	s3_query_u64(q, names[0], l->max);
	s3_query_put(q, "prefix", l->prefix);
	if (id.n)
		s3_query_put(q, names[1], id);
	s3_query_put(q, names[2], SLICE_EMPTY);
}

/* ---- one page, read ----------------------------------------------------- */

int
s3_listing_item(void *ctx)
{
	struct s3_listing *l = ctx;
	void *item;

	if (l->n_items == l->max)
		return -1;
	item = arena_alloc(l->arena, l->item_bytes);
	if (!item)
		return -1;
	l->items[l->n_items++] =
	    (struct s3_listed){ .name = SLICE_EMPTY, .item = item };
	return 0;
}

int
s3_listing_prefix(void *ctx)
{
	struct s3_listing *l = ctx;

	if (l->n_prefixes == l->max)
		return -1;
	l->prefixes[l->n_prefixes++] =
	    (struct s3_listed){ .is_prefix = true, .name = SLICE_EMPTY };
	return 0;
}

void *
s3_listing_last(void *ctx)
{
	const struct s3_listing *l = ctx;

	return l->items[l->n_items - 1].item;
}

/* As it came; whether it is encoded is said elsewhere in the document. */
int
s3_listing_name(void *ctx, struct slice text)
{
	struct s3_listing *l = ctx;

	l->items[l->n_items - 1].name = arena_copy(l->arena, text);
	return 0;
}

int
s3_listing_prefix_name(void *ctx, struct slice text)
{
	struct s3_listing *l = ctx;

	l->prefixes[l->n_prefixes - 1].name = arena_copy(l->arena, text);
	return 0;
}

int
s3_listing_truncated(void *ctx, struct slice text)
{
	return s3_text_bool(text, &((struct s3_listing *)ctx)->truncated);
}

int
s3_listing_encoding(void *ctx, struct slice text)
{
	struct s3_listing *l = ctx;

	l->encoded = slice_eq_str(text, "url");
	return l->encoded || text.n == 0 ? 0 : -1;
}

int
s3_listing_token(void *ctx, struct slice text)
{
	struct s3_listing *l = ctx;

	l->token = arena_copy(l->arena, text);
	return 0;
}

int
s3_listing_next_name(void *ctx, struct slice text)
{
	struct s3_listing *l = ctx;

	l->next_name = arena_copy(l->arena, text);
	return 0;
}

int
s3_listing_next_id(void *ctx, struct slice text)
{
	struct s3_listing *l = ctx;

	l->next_id = arena_copy(l->arena, text);
	return 0;
}

static int
decode(const struct s3_listing *l, struct slice *name)
{
	return l->encoded ? uri_decode_text(l->arena, *name, true, name) : 0;
}

static int
decode_names(struct s3_listing *l)
{
	int rc = decode(l, &l->next_name);

	for (size_t i = 0; rc == 0 && i < l->n_items; i++)
		rc = decode(l, &l->items[i].name);
	for (size_t i = 0; rc == 0 && i < l->n_prefixes; i++)
		rc = decode(l, &l->prefixes[i].name);
	return rc;
}

/* ---- in order ----------------------------------------------------------- */

/* All there is may come in any order; what is of one name keeps its own. */
static void
put_in_order(struct s3_listed *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct s3_listed e = v[i];
		size_t at = i;

		for (; at && slice_cmp(v[at - 1].name, e.name) > 0; at--)
			v[at] = v[at - 1];
		v[at] = e;
	}
}

/* Items of one name, versions of a key, stand together. */
static bool
is_ordered(const struct s3_listed *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int order = i ? slice_cmp(v[i - 1].name, v[i].name) : -1;

		if (v[i].name.n == 0 || order > 0 ||
		    (order == 0 && v[i].is_prefix))
			return false;
	}
	return true;
}

/* Whether it may be shown; what was not asked for is left out only where the
 * bound sent was below the one that is meant. */
static bool
is_beyond(const struct s3_listing *l, const struct s3_listed *e)
{
	int order = slice_cmp(e->name, l->after);

	if (l->after.n == 0)
		return true;
	if (l->after_is_prefix && slice_starts(e->name, l->after))
		return false;
	return order > 0 || (order == 0 && l->after_id.n && !e->is_prefix);
}

/* The page in order, at most l->max entries of it in @out. 0, or -1 when it is
 * not what a page may be: *why. */
static int
merge(struct s3_listing *l, struct s3_listed *out, size_t *n, const char **why)
{
	size_t i = 0, k = 0;

	*n = 0;
	*why = "a name is not encoded as it should be";
	if (decode_names(l) != 0)
		return -1;
	if (!l->truncated) {
		put_in_order(l->items, l->n_items);
		put_in_order(l->prefixes, l->n_prefixes);
	}
	*why = "names are not in order";
	if (!is_ordered(l->items, l->n_items) ||
	    !is_ordered(l->prefixes, l->n_prefixes))
		return -1;
	*why = "it goes on without an entry";
	if (l->truncated && l->n_items + l->n_prefixes == 0)
		return -1;
	*why = "there are more entries than were asked for";
	if (l->n_items + l->n_prefixes > l->max)
		return -1;
	while (i < l->n_items || k < l->n_prefixes) {
		bool item =
		    k == l->n_prefixes ||
		    (i < l->n_items &&
		     slice_cmp(l->items[i].name, l->prefixes[k].name) < 0);
		struct s3_listed *e = item ? &l->items[i++] : &l->prefixes[k++];

		if (is_beyond(l, e))
			out[(*n)++] = *e;
	}
	return 0;
}

/* ---- a page ------------------------------------------------------------- */

static enum s3_error
ask(struct s3_store *s, struct s3_listing *l, bool first, struct s3_listed *out,
    size_t *n)
{
	struct s3_call call = s3_get_call(l->bucket);
	struct http_client_answer answer = { 0 };
	struct buf query = BUF_INIT;
	enum s3_error err = S3_ERR_INTERNAL_ERROR;
	const char *why;

	call.answer_max = ANSWER_MAX;
	l->put_query(l, first, &query);
	l->n_items = l->n_prefixes = 0;
	l->truncated = l->encoded = false;
	l->token = l->next_name = l->next_id = SLICE_EMPTY;
	call.query = buf_slice(&query);
	if (buf_ok(&query))
		err = s3_ask(s, &call, l->rules, l->n_rules, l, &answer);
	if (err == S3_OK && merge(l, out, n, &why) != 0)
		err = s3_answer_broken(&call, why);
	http_client_answer_release(&answer);
	buf_release(&query);
	return err;
}

/* No entry can match: is there such a bucket? */
static enum s3_error
nothing(struct s3_store *s, const struct s3_listing *l)
{
	struct store_bucket b;

	return s3_bucket_head(&s->base, l->bucket, l->arena, &b);
}

enum s3_error
s3_listing_page(struct s3_store *s, struct s3_listing *l, struct arena *a,
		struct s3_listed **out, size_t *n)
{
	const struct s3_call call = s3_get_call(l->bucket);
	enum s3_error err = S3_OK;

	*n = 0;
	*out = arena_array(a, l->max, sizeof(**out));
	l->items = arena_array(a, l->max, sizeof(*l->items));
	l->prefixes = arena_array(a, l->max, sizeof(*l->prefixes));
	l->arena = a;
	if (a->err)
		return S3_ERR_INTERNAL_ERROR;
	if (!l->max || !is_text(l->prefix))
		return nothing(s, l);
	if (!is_text(l->delimiter))
		l->delimiter = SLICE_EMPTY;
	for (int i = 0; err == S3_OK && !*n && (i == 0 || l->truncated); i++) {
		if (i == EMPTY_PAGES_MAX ||
		    (i && !l->token.n && !l->next_name.n))
			return s3_answer_broken(&call, "it does not go on");
		err = ask(s, l, i == 0, *out, n);
	}
	return a->err ? S3_ERR_INTERNAL_ERROR : err;
}
