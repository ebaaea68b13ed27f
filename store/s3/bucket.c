/*
 * Buckets at another S3 endpoint.
 *
 * Whose a bucket is the endpoint cannot tell, since all buckets there belong
 * to our one key: a bucket of the same name in the journal, its shadow, says
 * so. One without a shadow belongs to the operator.
 */
#include "store/s3/bucket.h"
#include "base/log.h"
#include "base/xml_write.h"
#include "store/s3/known.h"
#include "store/s3/xml.h"

#define US_EAST_1 "us-east-1"

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

/* The root's name is not read, as SDKs do not: some name it otherwise. */
const struct xml_rule s3_versioning_rules[] = {
	{ "*/Status", NULL, take_status },
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
ask_bucket(struct s3_store *s, struct slice name, struct s3_bucket_facts *out)
{
	struct s3_call call = s3_get_call(name);
	struct http_client_answer answer;
	struct slice region;
	enum s3_error err, words = S3_OK;

	*out = (struct s3_bucket_facts){ .region = US_EAST_1 };
	call.method = "HEAD";
	err = s3_request_run(s->remote, &call, &answer);
	region = http_client_header(&answer, "x-amz-bucket-region");
	if (err == S3_OK && region.n &&
	    s3_text_copy(region, out->region, sizeof(out->region)) != 0)
		err = s3_answer_broken(&call, "the region's name is too long");
	/* A HEAD's answer has no code: of a bucket 404 means this, and who
	 * refuses our own keys says so when more is asked. */
	if (err == S3_ERR_NO_SUCH_KEY)
		err = S3_ERR_NO_SUCH_BUCKET;
	if (err == S3_OK || s3_has_no_words(&answer))
		words = ask_versioning(s, name, &out->versioning);
	http_client_answer_release(&answer);
	if (err == S3_OK || words != S3_OK)
		err = words;
	out->err = err;
	return err;
}

static enum s3_error
find(struct s3_store *s, struct slice name, struct s3_bucket_facts *out)
{
	uint64_t generation;
	enum s3_error err;

	if (s3_known_find(s->known, name, out, &generation))
		return out->err;
	err = ask_bucket(s, name, out);
	if (err == S3_OK || err == S3_ERR_NO_SUCH_BUCKET)
		s3_known_keep(s->known, name, out, generation);
	return err;
}

struct store_ref
s3_named(struct s3_store *s, const struct store_ref *ref)
{
	struct store_ref named = *ref;
	struct s3_bucket_facts facts;

	if (slice_eq_str(ref->version_id, "null") &&
	    find(s, ref->bucket, &facts) == S3_OK &&
	    facts.versioning == STORE_UNVERSIONED)
		named.version_id = SLICE_EMPTY;
	return named;
}

/* ---- whose it is -------------------------------------------------------- */

struct slice
s3_bucket_owner(struct s3_store *s, struct slice name, struct arena *a)
{
	struct store_bucket b;

	if (s->journal && store_bucket_head(s->journal, name, a, &b) == S3_OK &&
	    !slice_eq_str(b.owner, s->journal_owner))
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

/* One that was served itself before a migration still has its objects, and
 * stays. */
static enum s3_error
shadow_drop(struct s3_store *s, struct slice name)
{
	enum s3_error err =
	    s->journal ? store_bucket_delete(s->journal, name) : S3_OK;

	return err == S3_ERR_NO_SUCH_BUCKET || err == S3_ERR_BUCKET_NOT_EMPTY
		   ? S3_OK
		   : err;
}

/* ---- operations --------------------------------------------------------- */

enum s3_error
s3_bucket_head(struct store *base, struct slice name, struct arena *a,
	       struct store_bucket *out)
{
	struct s3_store *s = s3_of(base);
	struct s3_bucket_facts facts;
	enum s3_error err = find(s, name, &facts);

	if (err != S3_OK)
		return err;
	*out = (struct store_bucket){
		.name = arena_copy(a, name),
		.owner = s3_bucket_owner(s, name, a),
		.region = arena_copy(a, slice_str(facts.region)),
		.versioning = facts.versioning,
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
	struct s3_bucket_facts facts;
	enum s3_error err = shadow_drop(s, name); /* of an earlier bucket */

	if (err == S3_OK && others)
		err = s3_shadow_make(s, name, owner);
	if (err != S3_OK)
		return err;
	err = send_create(s, name, region);
	if (err == S3_OK || !others)
		return err;
	if (ask_bucket(s, name, &facts) == S3_ERR_NO_SUCH_BUCKET ||
	    err == S3_ERR_BUCKET_ALREADY_EXISTS)
		(void)shadow_drop(s, name);
	return err;
}

enum s3_error
s3_bucket_create(struct store *base, struct slice name, struct slice owner,
		 struct slice region)
{
	struct s3_store *s = s3_of(base);
	struct s3_bucket_facts facts;
	enum s3_error err;

	/* In us-east-1 the endpoint takes a second creation for the first. */
	s3_known_forget(s->known, name);
	err = ask_bucket(s, name, &facts);
	if (err == S3_OK)
		return already(s, name, owner);
	if (err == S3_ERR_ACCESS_DENIED)
		return S3_ERR_BUCKET_ALREADY_EXISTS;
	if (err != S3_ERR_NO_SUCH_BUCKET)
		return err;
	err = create(s, name, owner, region);
	s3_known_forget(s->known, name);
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
	s3_known_forget(s->known, name);
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
	s3_known_forget(s->known, name);
	buf_release(&xml);
	return err;
}
