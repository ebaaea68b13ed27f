/*
 * s3.h - private to the s3 backend: the store at another S3 endpoint,
 * and the operations that fill its table, a file per subject.
 *
 * Buckets, objects, versions, uploads and tags are the endpoint's truth. What
 * it has no place for is kept in the journal, a local store (journal.h): the
 * outbox, what was begun and not settled, notification documents, and the
 * owners of buckets. Without a journal there are no events.
 */
#ifndef STORE_S3_STORE_H
#define STORE_S3_STORE_H

#include "store/journal.h"
#include "store/s3/request.h"

struct s3_begun;
struct s3_settler;
struct s3_told;
struct s3_watch;
struct s3_store {
	struct store base;
	struct s3_remote *remote;
	struct s3_known *known;	    /* known.h */
	struct store *journal;	    /* NULL: none */
	struct s3_settler *settler; /* of a journal */
	struct s3_told *told;
	struct s3_begun *begun; /* begun.h */
	struct s3_watch *watch; /* NULL: nobody asks how it is */
	char *owner;	     /* account id of buckets that are nobody else's */
	char *journal_owner; /* the same in the journal */
};

static inline struct s3_store *
s3_of(struct store *s)
{
	return (struct s3_store *)s;
}

/* ---- an object as the endpoint describes it (record.c) ------------------ */

/* Version id from an answer's headers; empty where it names none. */
void s3_copy_version(const struct http_client_answer *a,
		     struct store_object *out);
/* ETag and version id, "null" where none is named. */
void s3_copy_ids(const struct http_client_answer *a, struct store_object *out);
/* The record from the headers of a GET or HEAD, its slices in @a. */
enum s3_error MUST_CHECK s3_record_of(const struct http_client_answer *answer,
				      struct slice key, struct arena *a,
				      struct store_object *out);
/* The checksum, after the ETag; -1: one that is none. */
int MUST_CHECK s3_copy_sum(const struct http_client_answer *a,
			   struct store_object *out);
/* Last-Modified; 0: it does not say. */
void s3_copy_time(const struct http_client_answer *a, struct store_object *out);
/* It is about a delete marker. */
bool s3_is_marker(const struct http_client_answer *a);
bool s3_has_tags(const struct http_client_answer *a);
/* "9a0364b9e99bb480dd25e1f0284c8555-3": of three parts; 0: of none. */
uint32_t s3_etag_parts(const char *etag);
/* Drops what lies in an arena that is to end. */
void s3_detach(struct store_object *o);
/* The first byte of a Content-Range: 0, or -1. */
int MUST_CHECK s3_range_begin(const struct http_client_answer *a,
			      uint64_t *out);
/* If-Match and If-None-Match as headers to be sent; their number. */
size_t s3_cond_headers(const struct store_cond *cond,
		       struct store_header out[2]);

/* The conditions of a change asked for before it begins: what the endpoint
 * would say when all bytes are there, or not at all: it knows none of dates,
 * and some endpoints none of copies or completions. S3_OK without any. */
enum s3_error MUST_CHECK s3_cond_ask(struct s3_store *s, struct slice bucket,
				     struct slice key,
				     const struct store_cond *cond);

/* ---- changes and their events (journal.c) ------------------------------- */

/*
 * s3_intend - just before the request, or its last bytes, that make a change
 * visible. @expected: key, size, ETag (or s3_expect_sum()) and content type as
 * far as they are known; the version id only where one was named. A removal's
 * event name is ObjectRemoved:Delete, also for a delete marker. All slices
 * and @expected must last until s3_settle(). S3_OK without a journal;
 * NO_SUCH_BUCKET when the bucket is not note->bucket_owner's by now.
 */
enum s3_error MUST_CHECK s3_intend(struct s3_store *s, struct slice bucket,
				   const struct store_object *expected,
				   const struct store_note *note,
				   struct journal_intent *out);
/*
 * s3_settle - after the answer: S3_OK appends the event, with what @made says
 * of the object (NULL: as expected; of a removal version id and whether it is
 * a delete marker) and sets made->seq and epoch, 0 while the event is still to
 * come. A refusal drops the intent. An outcome that nobody knows
 * (SERVICE_UNAVAILABLE, INTERNAL_ERROR: no answer came) is asked from the
 * endpoint: S3_OK with *made filled when the change is seen there beyond doubt,
 * else the settler goes on asking. Returns the outcome as the caller may report
 * it. An intent without id is none.
 */
enum s3_error MUST_CHECK s3_settle(struct s3_store *s,
				   const struct journal_intent *intent,
				   enum s3_error outcome,
				   struct store_object *made);

/* The intent ends without an event. */
void s3_drop(struct s3_store *s, const struct journal_intent *intent);

/* The same of many changes in one bucket, in a few commits; an error of the
 * first leaves no intent open. */
enum s3_error MUST_CHECK s3_intend_all(struct s3_store *s, struct slice bucket,
				       const struct store_object *expected,
				       size_t n, const struct store_note *note,
				       struct journal_intent *out);
struct s3_outcome {
	const struct journal_intent *intent;
	enum s3_error err; /* of the change; as it may be reported, after */
	struct store_object *made;
	bool asked; /* its own */
};
void s3_settle_all(struct s3_store *s, struct s3_outcome *v, size_t n);

/* ---- completions that were told (told.c) --------------------------------- */

struct s3_told *s3_told_new(void); /* NULL: no memory */
void s3_told_free(struct s3_told *t);
/* As s3_settle(), of the completion of an upload: one that is repeated has the
 * event of the first. */
enum s3_error MUST_CHECK s3_told_settle(struct s3_store *s,
					struct slice upload_id,
					const struct journal_intent *intent,
					enum s3_error outcome,
					struct store_object *made);
/* Sets made->seq and epoch where its completion was told. */
void s3_told_look(struct s3_told *t, struct slice upload_id,
		  struct store_object *made);

/* What the journal answers for the store; NOT_IMPLEMENTED without one. */
enum s3_error s3_events(struct store *s, uint64_t after, size_t max,
			struct arena *a, struct store_event **out, size_t *n);
enum s3_error s3_events_wait(struct store *s, uint64_t after, int timeout_ms);
enum s3_error s3_events_ack(struct store *s, uint64_t seq);
enum s3_error s3_info(struct store *s, struct store_info *out);

/* ---- how the endpoint is (watch.c) --------------------------------------- */

/* A thread that asks for the bucket now and then; NULL: no memory. */
struct s3_watch *s3_watch_start(struct s3_store *s, const char *bucket,
				const char *endpoint);
void s3_watch_stop(struct s3_watch *w); /* NULL is fine */
/* As store_info.trouble. */
const char *s3_watch_trouble(struct s3_watch *w);

/* ---- operations, as store_ops has them ---------------------------------- */

enum s3_error s3_bucket_create(struct store *s, struct slice name,
			       struct slice owner, struct slice region);
enum s3_error s3_bucket_head(struct store *s, struct slice name,
			     struct arena *a, struct store_bucket *out);
enum s3_error s3_bucket_delete(struct store *s, struct slice name);
enum s3_error s3_bucket_list(struct store *s, struct slice owner,
			     struct arena *a, struct store_bucket **out,
			     size_t *n);
enum s3_error s3_bucket_versioning(struct store *s, struct slice name,
				   enum store_versioning v);
enum s3_error s3_config_get(struct store *s, struct slice bucket,
			    enum store_config which, struct arena *a,
			    struct slice *out);
enum s3_error s3_config_put(struct store *s, struct slice bucket,
			    enum store_config which, struct slice document);

enum s3_error s3_put_begin(struct store *s, const struct store_put_req *req,
			   struct store_put **out);
enum s3_error s3_put_write(struct store_put *put, const void *p, size_t n);
enum s3_error s3_put_commit(struct store_put *put,
			    const struct store_put_final *fin,
			    struct store_object *out);
void s3_put_abort(struct store_put *put);
enum s3_error s3_part_begin(struct store *s, const struct store_part_ref *part,
			    uint64_t size, struct store_put **out);
enum s3_error s3_get(struct store *s, const struct store_ref *ref,
		     const struct store_cond *cond, struct arena *a,
		     struct store_object *out, struct store_read **read);
enum s3_error s3_get_parts(struct store *s, const struct store_ref *ref,
			   uint32_t after, uint32_t max, struct arena *a,
			   struct store_part **out, size_t *n);
void s3_read_want(struct store_read *r, uint64_t offset, uint64_t n);
enum s3_error s3_read_verify(struct store_read *r, uint64_t offset, uint64_t n);
enum s3_error s3_read_at(struct store_read *r, uint64_t offset, void *p,
			 size_t n);
void s3_read_close(struct store_read *r);
enum s3_error s3_remove(struct store *s, struct slice bucket,
			struct store_removal *v, size_t n,
			const struct store_note *note);
/* One of them, in full. */
enum s3_error s3_remove_one(struct s3_store *s, struct slice bucket,
			    struct store_removal *v,
			    const struct store_note *note);
enum s3_error s3_tags_put(struct store *s, const struct store_ref *ref,
			  const struct store_headers *tags,
			  const struct store_note *note,
			  struct store_object *out);
enum s3_error s3_copy(struct store *s, const struct store_copy_req *req,
		      struct store_object *out);
enum s3_error s3_list(struct store *s, const struct store_list_req *req,
		      struct arena *a, struct store_list_page *out);
enum s3_error s3_list_versions(struct store *s,
			       const struct store_versions_req *req,
			       struct arena *a,
			       struct store_versions_page *out);
enum s3_error s3_upload_list(struct store *s,
			     const struct store_uploads_req *req,
			     struct arena *a, struct store_uploads_page *out);
enum s3_error s3_upload_create(struct store *s,
			       const struct store_upload_req *req,
			       char id[STORE_UPLOAD_ID_MAX]);
enum s3_error s3_upload_get(struct store *s, struct slice bucket,
			    struct slice key, struct slice id, struct arena *a,
			    struct store_upload *out);
enum s3_error s3_part_copy(struct store *s,
			   const struct store_part_copy_req *req,
			   struct store_part *out);
enum s3_error s3_part_list(struct store *s, struct slice bucket,
			   struct slice key, struct slice id, uint32_t after,
			   uint32_t max, struct arena *a,
			   struct store_part **out, size_t *n);
enum s3_error s3_upload_complete(struct store *s,
				 const struct store_complete_req *req,
				 struct store_complete_result *out);
enum s3_error s3_upload_abort(struct store *s, struct slice bucket,
			      struct slice key, struct slice id);

#endif
