/*
 * Buckets at another S3 endpoint. Each request asks what its bucket is like,
 * so that is kept for half a minute: in slots by the name's hash, where a
 * newer bucket takes the place of another. Own changes forget it at once; an
 * answer that was on its way meanwhile is not kept (generation).
 *
 * Whose a bucket is the endpoint cannot tell, since all buckets there belong
 * to our one key: a bucket of the same name in the journal, its shadow, says
 * so. One without a shadow belongs to the operator.
 */
#include "store/s3_bucket.h"
#include "base/log.h"
#include "base/timeval.h"
#include "base/xml_write.h"
#include "store/s3_xml.h"

#include <pthread.h>

#define SLOTS 1024u
#define ABSENT_US US_PER_S /* how long "no such bucket" is believed */
#define REGION_MAX 64
#define PAGE 1000u
#define PAGES_MAX 1000u
#define US_EAST_1 "us-east-1"
#define LIST_MAX (2u << 20)

struct slot {
	char name[STORE_BUCKET_MAX + 1]; /* "": empty */
	enum s3_error err;		 /* S3_OK or NO_SUCH_BUCKET */
	char region[REGION_MAX];
	enum store_versioning versioning;
	int64_t until_us;
};

struct s3_buckets {
	pthread_mutex_t mu; /* of all below */
	uint64_t generation;
	struct slot slots[SLOTS];
};

struct s3_buckets *
s3_buckets_new(void)
{
	struct s3_buckets *b = calloc(1, sizeof(*b));

	if (b)
		pthread_mutex_init(&b->mu, NULL);
	return b;
}

void
s3_buckets_free(struct s3_buckets *b)
{
	if (!b)
		return;
	pthread_mutex_destroy(&b->mu);
	free(b);
}

/* ---- what is kept ------------------------------------------------------- */

static struct slot *
slot_of(struct s3_buckets *b, struct slice name)
{
	return &b->slots[crc32c(0, name.p, name.n) % SLOTS];
}

/* Whether it is known; *generation for keep() if not. */
static bool
look_up(struct s3_buckets *b, struct slice name, struct slot *out,
	uint64_t *generation)
{
	const struct slot *slot = slot_of(b, name);
	bool found;

	pthread_mutex_lock(&b->mu);
	found =
	    slice_eq_str(name, slot->name) && time_mono_us() < slot->until_us;
	if (found)
		*out = *slot;
	*generation = b->generation;
	pthread_mutex_unlock(&b->mu);
	return found;
}

static void
keep(struct s3_buckets *b, struct slice name, struct slot *slot,
     uint64_t generation)
{
	int64_t for_us = slot->err == S3_OK ? S3_BUCKET_KEPT_US : ABSENT_US;

	slot->until_us = time_mono_us() + for_us;
	if (s3_text_copy(name, slot->name, sizeof(slot->name)) != 0)
		return;
	pthread_mutex_lock(&b->mu);
	if (b->generation == generation)
		*slot_of(b, name) = *slot;
	pthread_mutex_unlock(&b->mu);
}

void
s3_bucket_forget(struct s3_store *s, struct slice name)
{
	pthread_mutex_lock(&s->buckets->mu);
	s->buckets->generation++;
	slot_of(s->buckets, name)->name[0] = '\0';
	pthread_mutex_unlock(&s->buckets->mu);
}

/* ---- what the endpoint says --------------------------------------------- */

static int
take_status(void *ctx, struct slice text)
{
	enum store_versioning *v = ctx;

	if (slice_eq_str(text, "Enabled"))
		*v = STORE_VERSIONING_ENABLED;
	else if (slice_eq_str(text, "Suspended"))
		*v = STORE_VERSIONING_SUSPENDED;
	else
		return -1;
	return 0;
}

const struct xml_rule s3_versioning_rules[] = {
	{ "VersioningConfiguration/Status", NULL, take_status },
};

/* An endpoint that knows no versions says so with NotImplemented. */
static enum s3_error
ask_versioning(struct s3_store *s, struct slice name,
	       enum store_versioning *out)
{
	struct s3_call call = s3_get_call(name);
	struct http_client_answer answer;
	enum s3_error err;

	*out = STORE_UNVERSIONED;
	call.query = SLICE("versioning=");
	err = s3_ask(s, &call, s3_versioning_rules, S3_VERSIONING_RULES, out,
		     &answer);
	http_client_answer_release(&answer);
	return err == S3_ERR_NOT_IMPLEMENTED ? S3_OK : err;
}

static enum s3_error
ask_bucket(struct s3_store *s, struct slice name, struct slot *out)
{
	struct s3_call call = s3_get_call(name);
	struct http_client_answer answer;
	struct slice region;
	enum s3_error err;

	*out = (struct slot){ .region = US_EAST_1 };
	call.method = "HEAD";
	err = s3_request_run(s->remote, &call, &answer);
	region = http_client_header(&answer, "x-amz-bucket-region");
	if (err == S3_OK && region.n &&
	    s3_text_copy(region, out->region, sizeof(out->region)) != 0)
		err = s3_answer_broken(&call, "the region's name is too long");
	http_client_answer_release(&answer);
	/* A HEAD's answer has no code: of a bucket 404 means this. */
	if (err == S3_ERR_NO_SUCH_KEY)
		err = S3_ERR_NO_SUCH_BUCKET;
	if (err == S3_OK)
		err = ask_versioning(s, name, &out->versioning);
	out->err = err;
	return err;
}

static enum s3_error
find(struct s3_store *s, struct slice name, struct slot *out)
{
	uint64_t generation;
	enum s3_error err;

	if (look_up(s->buckets, name, out, &generation))
		return out->err;
	err = ask_bucket(s, name, out);
	if (err == S3_OK || err == S3_ERR_NO_SUCH_BUCKET)
		keep(s->buckets, name, out, generation);
	return err;
}

/* ---- whose it is -------------------------------------------------------- */

struct slice
s3_bucket_owner(struct s3_store *s, struct slice name, struct arena *a)
{
	struct store_bucket b;

	if (s->journal && store_bucket_head(s->journal, name, a, &b) == S3_OK)
		return b.owner;
	return arena_copy(a, slice_str(s->owner));
}

enum s3_error
s3_bucket_check_owner(struct s3_store *s, struct slice name,
		      const struct store_note *note)
{
	enum s3_error err = S3_OK;
	struct arena a;

	if (!note || !note->bucket_owner.n)
		return S3_OK;
	arena_init(&a, 64u << 10);
	if (!slice_eq(s3_bucket_owner(s, name, &a), note->bucket_owner))
		err = S3_ERR_NO_SUCH_BUCKET;
	arena_release(&a);
	return err;
}

enum s3_error
s3_shadow_make(struct s3_store *s, struct slice name, struct slice owner)
{
	enum s3_error err;

	if (!s->journal)
		return S3_ERR_NOT_IMPLEMENTED;
	err = store_bucket_create(s->journal, name, owner, SLICE_EMPTY);
	if (err == S3_ERR_BUCKET_ALREADY_OWNED_BY_YOU ||
	    err == S3_ERR_BUCKET_ALREADY_EXISTS)
		err = S3_OK;
	return err;
}

static enum s3_error
shadow_drop(struct s3_store *s, struct slice name)
{
	enum s3_error err =
	    s->journal ? store_bucket_delete(s->journal, name) : S3_OK;

	return err == S3_ERR_NO_SUCH_BUCKET ? S3_OK : err;
}

/* ---- operations --------------------------------------------------------- */

enum s3_error
s3_bucket_head(struct store *base, struct slice name, struct arena *a,
	       struct store_bucket *out)
{
	struct s3_store *s = s3_of(base);
	struct slot slot;
	enum s3_error err = find(s, name, &slot);

	if (err != S3_OK)
		return err;
	*out = (struct store_bucket){
		.name = arena_copy(a, name),
		.owner = s3_bucket_owner(s, name, a),
		.region = arena_copy(a, slice_str(slot.region)),
		.versioning = slot.versioning,
	};
	return a->err ? S3_ERR_INTERNAL_ERROR : S3_OK;
}

static enum s3_error
send_create(struct s3_store *s, struct slice name, struct slice region)
{
	struct s3_document doc;
	struct buf xml = BUF_INIT;
	struct s3_call call = { .method = "PUT",
				.bucket = name,
				.payload_hash = S3_EMPTY_SHA256 };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	/* us-east-1 is never named (AWS). */
	if (region.n && !slice_eq_str(region, US_EAST_1)) {
		xml_open_ns(&xml, "CreateBucketConfiguration", XML_NS_S3);
		xml_text(&xml, "LocationConstraint", region);
		xml_close(&xml, "CreateBucketConfiguration");
	}
	s3_document_init(&doc, buf_slice(&xml));
	if (xml.n) {
		call.body = &doc.body;
		call.payload_hash = doc.sha256;
	}
	if (buf_ok(&xml))
		err = s3_tell(s, &call);
	buf_release(&xml);
	return err;
}

/* Whose the bucket is that is there already. */
static enum s3_error
already(struct s3_store *s, struct slice name, struct slice owner)
{
	bool own;
	struct arena a;

	arena_init(&a, 64u << 10);
	own = slice_eq(s3_bucket_owner(s, name, &a), owner);
	arena_release(&a);
	return own ? S3_ERR_BUCKET_ALREADY_OWNED_BY_YOU
		   : S3_ERR_BUCKET_ALREADY_EXISTS;
}

/*
 * The owner is written down first: made and not known whose, a bucket would
 * be the operator's. One that was not made leaves no shadow; when nobody
 * knows whether it was, the endpoint is asked.
 */
static enum s3_error
create(struct s3_store *s, struct slice name, struct slice owner,
       struct slice region)
{
	bool others = !slice_eq_str(owner, s->owner);
	struct slot slot;
	enum s3_error err = shadow_drop(s, name); /* of an earlier bucket */

	if (err == S3_OK && others)
		err = s3_shadow_make(s, name, owner);
	if (err != S3_OK)
		return err;
	err = send_create(s, name, region);
	if (err == S3_OK || !others)
		return err;
	if (ask_bucket(s, name, &slot) == S3_ERR_NO_SUCH_BUCKET ||
	    err == S3_ERR_BUCKET_ALREADY_EXISTS)
		(void)shadow_drop(s, name);
	return err;
}

enum s3_error
s3_bucket_create(struct store *base, struct slice name, struct slice owner,
		 struct slice region)
{
	struct s3_store *s = s3_of(base);
	struct slot slot;
	enum s3_error err;

	/* In us-east-1 the endpoint takes a second creation for the first. */
	s3_bucket_forget(s, name);
	err = ask_bucket(s, name, &slot);
	if (err == S3_OK)
		return already(s, name, owner);
	if (err == S3_ERR_ACCESS_DENIED)
		return S3_ERR_BUCKET_ALREADY_EXISTS;
	if (err != S3_ERR_NO_SUCH_BUCKET)
		return err;
	err = create(s, name, owner, region);
	s3_bucket_forget(s, name);
	return err == S3_ERR_BUCKET_ALREADY_OWNED_BY_YOU
		   ? already(s, name, owner)
		   : err;
}

enum s3_error
s3_bucket_delete(struct store *base, struct slice name)
{
	struct s3_store *s = s3_of(base);
	struct s3_call call = s3_get_call(name);
	enum s3_error err, gone;

	call.method = "DELETE";
	err = s3_tell(s, &call);
	s3_bucket_forget(s, name);
	if (err != S3_OK)
		return err;
	gone = shadow_drop(s, name);
	if (gone != S3_OK)
		log_warn("s3_shadow",
			 "bucket %.*s is deleted, but what the journal keeps "
			 "of it is not: %s",
			 SLICE_ARG(name), s3_error_info(gone)->code);
	return S3_OK;
}

enum s3_error
s3_bucket_versioning(struct store *base, struct slice name,
		     enum store_versioning v)
{
	struct s3_store *s = s3_of(base);
	struct s3_document doc;
	struct buf xml = BUF_INIT;
	struct s3_call call = { .method = "PUT",
				.bucket = name,
				.query = SLICE("versioning="),
				.body = &doc.body,
				.payload_hash = doc.sha256,
				.headers = { &doc.content_md5, 1 } };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	xml_open_ns(&xml, "VersioningConfiguration", XML_NS_S3);
	xml_text(&xml, "Status",
		 v == STORE_VERSIONING_ENABLED ? SLICE("Enabled")
					       : SLICE("Suspended"));
	xml_close(&xml, "VersioningConfiguration");
	s3_document_init(&doc, buf_slice(&xml));
	if (buf_ok(&xml))
		err = s3_tell(s, &call);
	s3_bucket_forget(s, name);
	buf_release(&xml);
	return err;
}

/* ---- ListBuckets -------------------------------------------------------- */

struct bucket_reading {
	struct arena *arena;
	struct store_bucket *v; /* of this page */
	size_t n;
	struct slice token;
};

static struct store_bucket *
last(void *ctx)
{
	const struct bucket_reading *r = ctx;

	return &r->v[r->n - 1];
}

static int
begin_bucket(void *ctx)
{
	struct bucket_reading *r = ctx;

	if (r->n == PAGE)
		return -1;
	r->v[r->n++] = (struct store_bucket){ .region = SLICE_EMPTY };
	return 0;
}

static int
take_name(void *ctx, struct slice text)
{
	const struct bucket_reading *r = ctx;

	last(ctx)->name = arena_copy(r->arena, text);
	return 0;
}

static int
take_region(void *ctx, struct slice text)
{
	const struct bucket_reading *r = ctx;

	last(ctx)->region = arena_copy(r->arena, text);
	return 0;
}

static int
take_created(void *ctx, struct slice text)
{
	return time_parse_iso(text, &last(ctx)->created_us);
}

static int
take_token(void *ctx, struct slice text)
{
	struct bucket_reading *r = ctx;

	r->token = arena_copy(r->arena, text);
	return 0;
}

#define ROOT "ListAllMyBucketsResult"
static const struct xml_rule list_rules[] = {
	{ ROOT "/Buckets/Bucket", begin_bucket, NULL },
	{ ROOT "/Buckets/Bucket/Name", NULL, take_name },
	{ ROOT "/Buckets/Bucket/BucketRegion", NULL, take_region },
	{ ROOT "/Buckets/Bucket/CreationDate", NULL, take_created },
	{ ROOT "/ContinuationToken", NULL, take_token },
};

/* The page, and where the next one begins. */
static enum s3_error
ask_page(struct s3_store *s, struct bucket_reading *r)
{
	struct s3_call call = s3_get_call(SLICE_EMPTY);
	struct http_client_answer answer = { 0 };
	struct buf query = BUF_INIT;
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (r->token.n)
		s3_query_put(&query, "continuation-token", r->token);
	s3_query_u64(&query, "max-buckets", PAGE);
	r->token = SLICE_EMPTY;
	r->n = 0;
	call.query = buf_slice(&query);
	call.answer_max = LIST_MAX;
	if (buf_ok(&query))
		err = s3_ask(s, &call, list_rules, ARRAY_LEN(list_rules), r,
			     &answer);
	http_client_answer_release(&answer);
	buf_release(&query);
	return err;
}

/* Those of the page that are the owner's go to @out, which grows. */
static int
take_page(struct s3_store *s, const struct bucket_reading *r,
	  struct slice owner, struct buf *out)
{
	const struct store_bucket *all = (const void *)out->p;
	size_t n = out->n / sizeof(*all);

	for (size_t i = 0; i < r->n; i++) {
		struct store_bucket *b = &r->v[i];
		struct slice before =
		    i ? r->v[i - 1].name : (n ? all[n - 1].name : SLICE_EMPTY);

		if (!b->name.n || slice_cmp(before, b->name) >= 0)
			return -1;
		b->owner = s3_bucket_owner(s, b->name, r->arena);
	}
	for (size_t i = 0; i < r->n; i++)
		if (!owner.n || slice_eq(r->v[i].owner, owner))
			buf_add(out, &r->v[i], sizeof(*r->v));
	return buf_ok(out) ? 0 : -1;
}

enum s3_error
s3_bucket_list(struct store *base, struct slice owner, struct arena *a,
	       struct store_bucket **out, size_t *n)
{
	struct s3_store *s = s3_of(base);
	struct bucket_reading r = { .arena = a };
	struct s3_call call = s3_get_call(SLICE_EMPTY);
	struct buf all = BUF_INIT;
	enum s3_error err = S3_OK;

	r.v = arena_array(a, PAGE, sizeof(*r.v));
	if (!r.v)
		return S3_ERR_INTERNAL_ERROR;
	for (unsigned i = 0; err == S3_OK; i++) {
		err = ask_page(s, &r);
		if (err == S3_OK &&
		    (i == PAGES_MAX || take_page(s, &r, owner, &all) != 0 ||
		     (r.token.n && !r.n)))
			err = s3_answer_broken(&call, "the list of buckets is "
						      "out of order or does "
						      "not end");
		if (r.token.n == 0)
			break;
	}
	*n = all.n / sizeof(**out);
	*out = arena_array(a, *n, sizeof(**out));
	if (err == S3_OK && *out && all.n)
		memcpy(*out, all.p, all.n);
	buf_release(&all);
	return a->err ? S3_ERR_INTERNAL_ERROR : err;
}
