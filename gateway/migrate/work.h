/*
 * work.h - what the files of a migration share. Private to
 * gateway/migrate*.c.
 *
 * Shared state: the counters and the stop flag are atomic; phase, notes,
 * error, rate and open uploads are under mu. The table of buckets and `upto`
 * change only while no worker has a key.
 */
#ifndef GATEWAY_MIGRATE_WORK_H
#define GATEWAY_MIGRATE_WORK_H

#include "gateway/migrate/migrate.h"
#include "base/arena.h"

#include <pthread.h>
#include <stdatomic.h>

#define MIGRATE_WORKERS 8u
#define MIGRATE_WORKERS_MAX 32u
#define MIGRATE_PAGE 1000u

/* An upload at the target that is not completed yet: the next run aborts it,
 * should this one be killed. */
struct migrate_upload {
	bool open;
	char bucket[STORE_BUCKET_MAX + 1];
	char key[STORE_KEY_MAX + 1];
	char id[STORE_UPLOAD_ID_MAX];
};

struct migrate_cursor {
	char epoch[40]; /* of the outbox; empty: no cursor */
	uint64_t seq;	/* changes up to it are done, but for the walk */
	bool walked;	/* every bucket, to its end */
	char bucket[STORE_BUCKET_MAX + 1]; /* where the walk is: this key of */
	char key[STORE_KEY_MAX + 1];	   /* this bucket was the last done */
};

struct migrate_bucket {
	struct slice name;
	enum store_versioning versioning; /* at the source */
};

struct migrate_pool;
struct migrate {
	struct migrate_plan plan;
	_Atomic bool stop;
	_Atomic uint64_t count[MIGRATE_COUNT];
	pthread_mutex_t mu;
	enum migrate_phase phase;
	unsigned pass;
	bool settled;
	size_t n_notes;
	char notes[MIGRATE_NOTES_MAX][MIGRATE_NOTE_MAX];
	char err[512];
	int64_t due_us; /* the next bytes, at the rate asked for */
	struct migrate_cursor cursor;
	uint64_t upto; /* event that the pass over the changes goes to */
	struct migrate_upload uploads[MIGRATE_WORKERS_MAX];
	struct arena arena; /* of the buckets */
	struct migrate_bucket *buckets;
	size_t n_buckets;
	struct migrate_pool *pool;
};

static inline void
migrate_add(struct migrate *m, enum migrate_count what, uint64_t n)
{
	atomic_fetch_add_explicit(&m->count[what], n, memory_order_relaxed);
}
static inline bool
migrate_stopped(struct migrate *m)
{
	return atomic_load_explicit(&m->stop, memory_order_relaxed);
}

/* ---- migrate.c ---------------------------------------------------------- */

/* A line about a key: logged, and kept while there is room. */
void migrate_note(struct migrate *m, struct slice bucket, struct slice key,
		  const char *fmt, ...) PRINTF_LIKE(4, 5);
/* The run cannot go on: the first reason is kept, all work ends. */
void migrate_fail(struct migrate *m, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* An error in words. */
const char *migrate_why(enum s3_error err);
/* What failed: a key that is passed over, or, where nothing else would work
 * either, the run. */
void migrate_failed_key(struct migrate *m, struct slice bucket,
			struct slice key, enum s3_error err);
/* Waits for the next @n bytes' turn; false when the run is to stop. */
bool migrate_pace(struct migrate *m, uint64_t n);

/* ---- cursor.c ----------------------------------------------------------- */

/* Reads the file, aborts uploads that are left; a cursor of another plan, and
 * a damaged one, is none. */
void migrate_cursor_load(struct migrate *m);
void migrate_cursor_save(struct migrate *m);
/* A file that is there, whatever is in it. */
bool migrate_cursor_exists(const struct migrate *m);
/* False: the file is still there, and the run has failed. */
bool migrate_cursor_drop(struct migrate *m);
/* An upload's entry, kept durably before its first part; or NULL. */
struct migrate_upload *migrate_upload_open(struct migrate *m,
					   struct slice bucket,
					   struct slice key, const char *id);
void migrate_upload_close(struct migrate *m, struct migrate_upload *u);

/* ---- buckets.c ---------------------------------------------------------- */

/* Reads the table of the source's buckets. false: the run has failed. */
bool migrate_buckets_read(struct migrate *m);
/* Makes what is missing at the target, with versioning, CORS and tags; the
 * first time also proves that the target can be written and is no other name
 * of the source. */
bool migrate_buckets_make(struct migrate *m, bool prove);
/* Versioning as the source has it, where a copy needed it otherwise. */
void migrate_buckets_end(struct migrate *m);
const struct migrate_bucket *migrate_bucket_find(const struct migrate *m,
						 struct slice name);

/* ---- lineage.c: the versions of a key, newest first ---------------------- */

struct migrate_version {
	char id[STORE_VERSION_ID_MAX];
	char etag[STORE_ETAG_MAX];
	uint64_t size;
	bool is_marker;
};

struct lineage {
	char key[STORE_KEY_MAX + 1];
	size_t key_n;
	struct migrate_version *v;
	size_t n, room;
};
static inline struct slice
lineage_key(const struct lineage *l)
{
	return slice_mem(l->key, l->key_n);
}
void lineage_release(struct lineage *l);
bool migrate_version_same(const struct migrate_version *a,
			  const struct migrate_version *b);
/* Is the target as it should be? Of a bucket without versioning the current
 * versions alone count. */
bool lineage_same(const struct lineage *source, const struct lineage *target,
		  bool versioned);

/* All keys of a bucket below a prefix, in order. */
struct migrate_walk {
	struct store *store;
	struct slice bucket;
	struct slice prefix;
	uint32_t page_max;
	struct arena arena; /* of the page */
	struct store_versions_page page;
	size_t at;
	struct buf key, version; /* where the next page begins */
	bool last;
	enum s3_error err;
};
void migrate_walk_begin(struct migrate_walk *w, struct store *s,
			struct slice bucket, struct slice prefix,
			struct slice after, uint32_t page_max);
/* false at the end, or with w->err. */
bool migrate_walk_next(struct migrate_walk *w, struct lineage *out);
void migrate_walk_end(struct migrate_walk *w);
/* All versions of one key; none is fine. */
enum s3_error MUST_CHECK migrate_lineage(struct store *s, struct slice bucket,
					 struct slice key, struct lineage *out);

/* ---- copy.c ------------------------------------------------------------- */

/* One version with all that belongs to it, as the newest at the target.
 * @version_id empty: the current one. S3_OK too when it is gone meanwhile. */
enum s3_error MUST_CHECK migrate_copy(struct migrate *m, struct slice bucket,
				      struct slice key, struct slice version_id,
				      const struct store_cond *cond);
/* Of all changes at the target: names of events that no rule can have, since
 * what was made had its event where it was made. */
#define MIGRATE_PRINCIPAL "reelgate-migrate"
#define MIGRATE_EVENT_PUT "ObjectMigrated:Put"
#define MIGRATE_EVENT_TAGS "ObjectMigrated:Tagging"
#define MIGRATE_EVENT_REMOVE "ObjectMigrated:Remove" /* the store's own */
struct store_note migrate_note_of(const char *event_name);

/* ---- verify.c ----------------------------------------------------------- */

/* Compares two versions by reading; false with a note. */
enum s3_error MUST_CHECK migrate_compare(struct migrate *m, struct slice bucket,
					 struct slice key,
					 struct slice source_version,
					 struct slice target_version,
					 bool *same);
/* The same headers, tags, storage class? */
bool migrate_same_headers(const struct store_object *a,
			  const struct store_object *b);
bool migrate_same_tags(const struct store_object *a,
		       const struct store_object *b);

/* ---- key.c -------------------------------------------------------------- */

enum migrate_how {
	MIGRATE_IF_DIFFERENT, /* size and ETag */
	MIGRATE_EVEN_HEADERS, /* headers and tags of what is there, too */
	MIGRATE_COMPARE,      /* nothing is changed: read both */
};
/* Makes the key at the target what it is at the source. */
void migrate_key(struct migrate *m, const struct migrate_bucket *b,
		 struct slice key, enum migrate_how how);

/* ---- pool.c: keys for the workers ---------------------------------------- */

struct migrate_pool *migrate_pool_new(struct migrate *m, unsigned workers);
void migrate_pool_free(struct migrate_pool *p); /* NULL is fine */
/* Waits for room. */
void migrate_pool_push(struct migrate_pool *p, const struct migrate_bucket *b,
		       struct slice key, enum migrate_how how);
/* Until no key is left. */
void migrate_pool_drain(struct migrate_pool *p);

/* ---- pass.c, changes.c -------------------------------------------------- */

/* Counts what a walk will do. */
void migrate_look(struct migrate *m, enum migrate_how how);
/* All keys of all buckets, from the cursor on. */
void migrate_walk(struct migrate *m, enum migrate_how how);
/*
 * migrate_changes - the keys named by events behind the cursor, up to the
 * present, with their headers and tags, in the buckets that there are by then;
 * then the cursor is there. Returns how many keys there were, or -1: the outbox
 * has lost some.
 */
int64_t migrate_changes(struct migrate *m);
/* Was the key changed since this pass over the changes began, or is it about
 * to be? What is not known counts as changed. Any thread. */
bool migrate_is_touched(struct migrate *m, struct slice bucket,
			struct slice key);
/* The outbox as it is: false and the run has failed. */
bool migrate_outbox(struct migrate *m, struct store_info *out);

#endif
