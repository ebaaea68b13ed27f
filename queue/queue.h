/*
 * queue.h - PostgreSQL: every SQL statement of the product stands behind this
 * header: migrations, events and cursor, upload intents, videos, clips, jobs.
 *
 * A struct queue is a small pool of connections that reconnect by themselves;
 * any thread may call any function. Every function is one short transaction
 * and never waits longer than the connection timeouts (5 s to connect, 30 s
 * a statement): QUEUE_UNAVAILABLE then, and at once while the database is
 * known to be away. Nothing was done, unless the connection broke at the very
 * commit: every function may be called again, since what must not happen
 * twice is keyed (relay, complete_upload) or fenced (jobs: LOST).
 * Functions with a user argument read as role `authenticated` with that user's
 * claims, so that row level security decides; all writing is `service_role`'s.
 * UUIDs are text of 36 characters. Texts in structs are owned by the arena
 * given; NULL means SQL NULL. JSON is passed as text.
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/random.h"

enum queue_error {
	QUEUE_OK,
	QUEUE_NOT_FOUND,   /* no such row, or not this user's */
	QUEUE_CONFLICT,	   /* the row is not in a state that allows it */
	QUEUE_LOST,	   /* the job belongs to somebody else now: discard */
	QUEUE_UNAVAILABLE, /* no database, or it is too busy: try again */
	QUEUE_LIMIT,	   /* the user has too much under way: later */
	QUEUE_EPOCH,	   /* the cursor knows a later past than the outbox */
	QUEUE_INTERNAL	   /* a statement failed: logged with its SQLSTATE */
};

struct queue;

/*
 * queue_migrate - applies queue/schema/NNN_*.sql (compiled in) that are not
 * yet applied, under an advisory lock, each in its own transaction; creates
 * the roles authenticated, service_role and the login role @login (NULL: the
 * connection's own user serves) when absent, never altering existing ones.
 * 0, or -1 with one line for the user in err.
 */
int MUST_CHECK queue_migrate(const char *conninfo, const char *login,
			     char err[512]);
/* The same with the user that @service, a connection string, names as login
 * role; none named: as for NULL. */
int MUST_CHECK queue_migrate_for(const char *conninfo, const char *service,
				 char err[512]);
/* Schema version the programs expect, and the one in the database (-1). */
int queue_schema_expected(void);

/* Whether it can be understood; nobody is asked. */
bool queue_conninfo_is_sound(const char *conninfo);
/* Opens lazily: succeeds without a database. NULL on memory shortage. */
struct queue *queue_open(const char *conninfo, unsigned max_connections,
			 const char *application_name);
void queue_close(struct queue *q); /* NULL is fine */
/* QUEUE_OK when the database answers and has the expected schema, CONFLICT
 * when it has another one. */
enum queue_error MUST_CHECK queue_ping(struct queue *q);

/* ---- events: the relay -------------------------------------------------- */

struct queue_event {
	uint64_t seq;
	const char *id; /* random event id */
	int64_t time_us;
	const char *name; /* "ObjectCreated:Put" */
	struct slice bucket;
	struct slice key; /* raw bytes */
	uint64_t size;
	const char *etag;
	const char *version_id;
	struct slice content_type;
	const char *record;   /* S3 event record, JSON */
	const char *job_type; /* what the notification rules say, or NULL */
	const char *payload;  /* of that job, JSON; NULL: a video's jobs */
	bool users;	      /* uploads/{uuid}/ of its key is a user */
	const char *problem;  /* why it is to be put aside, or NULL */
};

struct queue_cursor {
	uint64_t seq;	   /* last event applied, 0: none */
	char event_id[40]; /* its id, "" when none */
};

/* The cursor row of (deployment, epoch), made when absent. */
enum queue_error MUST_CHECK queue_cursor_get(struct queue *q,
					     const char *deployment,
					     const char *epoch,
					     struct queue_cursor *out);
/*
 * queue_relay - one transaction: lock the cursor; drop events at or below it;
 * insert object_events; for the new ones with a job_type upsert the video
 * from its intent (or from uploads/{uuid}/...) and insert its jobs under
 * their dedupe_key; ObjectRemoved cancels pending jobs; advance the cursor;
 * notify. A repeat is a no-op.
 * @expect: the outbox's own row at the cursor queue_cursor_get() answered,
 * {0, ""} when the outbox holds none there. QUEUE_EPOCH when the cursor is
 * above 0 and names neither that event nor one of @events: this outbox has
 * another past than the database.
 * @out: the cursor after the batch.
 * A poisonous event is put aside in object_events with its error and does not
 * hold up the rest. A key that is no UTF-8 makes no video.
 */
enum queue_error MUST_CHECK queue_relay(struct queue *q, const char *deployment,
					const char *epoch,
					const struct queue_cursor *expect,
					const struct queue_event *events,
					size_t n, struct queue_cursor *out);

/*
 * queue_known_events - which events of an epoch the database has: the highest
 * seq of @events that it knows under the same id, 0: none. Of an event only
 * seq and id are read.
 */
enum queue_error MUST_CHECK queue_known_events(struct queue *q,
					       const char *deployment,
					       const char *epoch,
					       const struct queue_event *events,
					       size_t n, uint64_t *highest);

/*
 * queue_replay - the same for events that were delivered before, whatever
 * became of them: for those put aside, once the cause was mended. What they
 * made before stays as it is. *aside: how many of them are put aside now.
 */
enum queue_error MUST_CHECK queue_replay(struct queue *q,
					 const char *deployment,
					 const char *epoch,
					 const struct queue_event *events,
					 size_t n, size_t *aside);
/* At most @max sequences of events put aside, above @after, ascending. */
enum queue_error MUST_CHECK queue_events_aside(struct queue *q,
					       const char *deployment,
					       const char *epoch,
					       uint64_t after, size_t max,
					       uint64_t *out, size_t *n);
/* JSON object: cursors, how many events are kept and put aside, and the newest
 * @max of these. */
enum queue_error MUST_CHECK queue_relay_status(struct queue *q,
					       const char *deployment, int max,
					       struct arena *a,
					       const char **json);
/* Deletes delivered events older than days, but none put aside, in batches; *n
 * counts them. */
enum queue_error MUST_CHECK queue_events_cleanup(struct queue *q, int days,
						 size_t *n);

/* ---- uploads and videos: the API ---------------------------------------- */

struct queue_intent {
	const char *bucket;
	const char *key;
	const char *file_name; /* as the user named it */
	const char *content_type;
	uint64_t size;	   /* 0: not stated */
	uint64_t reserved; /* bytes that may come of it */
	int64_t expires_us;
	const char *upload_id; /* the store's, of an upload in parts; or NULL */
	uint64_t part_size;
	/* filled in */
	int64_t created_us;
	bool completed; /* the object was seen */
};
/*
 * queue_intent_create - the intent's id into id. The key must lie below
 * uploads/{user}/, and else INTERNAL; CONFLICT when another intent has it;
 * LIMIT when the user's open intents (not expired, not completed) would
 * reserve more than @limit bytes together, 0: no limit. One alone may.
 */
enum queue_error MUST_CHECK queue_intent_create(struct queue *q,
						const char *user,
						const struct queue_intent *in,
						uint64_t limit,
						char id[UUID_TEXT_MAX]);
/* The user's intent for a key: NOT_FOUND when it is somebody else's. */
enum queue_error MUST_CHECK queue_intent_get(struct queue *q, const char *user,
					     const char *bucket,
					     const char *key, struct arena *a,
					     struct queue_intent *out);
/* The user's open uploads in parts, the newest max. */
enum queue_error MUST_CHECK queue_intent_list(struct queue *q, const char *user,
					      uint32_t max, struct arena *a,
					      struct queue_intent **out,
					      size_t *n);
/* Forgets the user's intent, with NULL anybody's; one that is completed stays:
 * NOT_FOUND. */
enum queue_error MUST_CHECK queue_intent_delete(struct queue *q,
						const char *user,
						const char *bucket,
						const char *key);
/* At most max intents for uploads in parts that expired an hour ago without an
 * object. The caller aborts each upload, then forgets its intent; one that is
 * still there after another hour is answered again. */
enum queue_error MUST_CHECK queue_intents_abandoned(struct queue *q,
						    uint32_t max,
						    struct arena *a,
						    struct queue_intent **out,
						    size_t *n);

/* How much is under way, of all users. */
struct queue_load {
	uint64_t reserved; /* bytes, by open intents */
	uint64_t waiting;  /* jobs that are due, counted up to a bound */
};
enum queue_error MUST_CHECK queue_load_get(struct queue *q,
					   uint64_t waiting_max,
					   struct queue_load *out);

/* What the store says of the object; from its record, never the request. */
struct queue_object {
	const char *deployment;
	const char *epoch;
	uint64_t seq; /* 0: the store gave none: it was seen, not told of */
	const char *version_id;
	const char *bucket;
	const char *key;
	uint64_t size;
	const char *content_type;
	const char *etag;
	int64_t modified_us; /* its last change, by the store's clock */
	int64_t asked_us;    /* of what was seen: queue_clock() before asking */
};
/* The time by the database's clock. */
enum queue_error MUST_CHECK queue_clock(struct queue *q, int64_t *us);

struct queue_video {
	const char *id;
	const char *user_id;
	const char *title;
	const char *filename;
	const char *bucket;
	const char *s3_key;
	uint64_t file_size;
	const char *content_type;
	const char *status; /* pending queued processing completed failed */
	int progress;	    /* 0..100, never falls */
	double duration;    /* seconds; < 0: unknown */
	int width, height;  /* 0: unknown */
	const char *thumbnail_key;  /* below derived/ */
	const char *probe;	    /* JSON */
	const char *ai_suggestions; /* JSON */
	const char *error;
	int64_t created_us, updated_us;
};

/*
 * queue_complete_upload - the video and its jobs of an uploaded object, the
 * same ids however often and in whatever order with the relay it is called
 * (same dedupe_key). @title NULL: as it is, at first the file name.
 * NOT_FOUND when the user has no intent for the key; CONFLICT when an object
 * that was seen may be older than what the video speaks of: ask anew.
 */
enum queue_error MUST_CHECK queue_complete_upload(
    struct queue *q, const char *user, const struct queue_object *object,
    const char *file_name, const char *title, struct arena *a,
    struct queue_video *video, char process_job[UUID_TEXT_MAX],
    char ai_job[UUID_TEXT_MAX]);
/* Videos and jobs of objects that have none: *made counts them. An object that
 * has the ETag and size of what its video was made of has one, whatever its
 * sequence, unless it was removed in between. users[i]: the
 * key of objects[i] names its user, as in struct queue_event. Objects that may
 * be older than what their video speaks of are left out. */
enum queue_error MUST_CHECK queue_resync(struct queue *q,
					 const struct queue_object *objects,
					 const bool *users, size_t n,
					 size_t *made);
enum queue_error MUST_CHECK queue_video_get(struct queue *q, const char *user,
					    const char *id, struct arena *a,
					    struct queue_video *out);
/* Newest first. @total: all of the user's videos. */
enum queue_error MUST_CHECK queue_video_list(struct queue *q, const char *user,
					     uint32_t offset, uint32_t limit,
					     struct arena *a,
					     struct queue_video **out,
					     size_t *n, uint64_t *total);

/* ---- files and tasks ------------------------------------------------------
 */

/* What jobs made of a video: struct queue_outcome.files. */
struct queue_file {
	const char *name; /* plain, of [a-z0-9.-] */
	const char *role; /* "storyboard" */
	const char *bucket;
	const char *s3_key;
	uint64_t size;
	int64_t created_us;
};
/* By name. */
enum queue_error MUST_CHECK queue_files(struct queue *q, const char *user,
					const char *video, struct arena *a,
					struct queue_file **out, size_t *n);

/* A job about a video that its user asked for. */
struct queue_task {
	const char *id;
	const char *type;   /* of the job */
	const char *status; /* of the job */
	int progress;	    /* 0..100 */
	const char *error;  /* NULL: none */
	int64_t created_us;
};
/*
 * queue_task_create - a job of @type with @options (JSON object) in its
 * payload; where one of the same options is not done yet, that one. CONFLICT
 * unless the video is completed.
 */
enum queue_error MUST_CHECK queue_task_create(struct queue *q, const char *user,
					      const char *video,
					      const char *type,
					      const char *options,
					      char job[UUID_TEXT_MAX]);
/* Of @types (NULL-terminated), the newest 100 first. */
enum queue_error MUST_CHECK queue_task_list(struct queue *q, const char *user,
					    const char *video,
					    const char *const *types,
					    struct arena *a,
					    struct queue_task **out, size_t *n);
/* As queue_job_cancel(), for the video's user. */
enum queue_error MUST_CHECK queue_task_cancel(struct queue *q, const char *user,
					      const char *video,
					      const char *const *types,
					      const char *id);

/* ---- clips -------------------------------------------------------------- */

struct queue_clip {
	const char *id;
	const char *video_id;
	const char *title;
	const char *description;
	double start_time, end_time; /* seconds */
	double score;		     /* 0..1, < 0: unknown */
	const char *status;	     /* queued processing ready failed */
	const char *s3_key;	     /* below derived/, NULL until ready */
	const char *thumbnail_key;
	const char *error;
	const char *mode;   /* exact copy; of a new one NULL: exact */
	const char *aspect; /* original 9:16 1:1; of a new one NULL: original */
	const char *note;   /* why it was not made as asked; or NULL */
	int64_t created_us;
};
/*
 * queue_clips_create - n clip rows and one generate_clips job, in one
 * transaction. Ids are filled into clips. CONFLICT unless the video is
 * completed; bounds are the caller's to check against the duration.
 */
enum queue_error MUST_CHECK queue_clips_create(struct queue *q,
					       const char *user,
					       const char *video,
					       struct queue_clip *clips,
					       size_t n, struct arena *a,
					       char job[UUID_TEXT_MAX]);
/* @video NULL: all of the user's. Newest first. */
enum queue_error MUST_CHECK queue_clip_list(struct queue *q, const char *user,
					    const char *video, uint32_t offset,
					    uint32_t limit, struct arena *a,
					    struct queue_clip **out, size_t *n,
					    uint64_t *total);
enum queue_error MUST_CHECK queue_clip_get(struct queue *q, const char *user,
					   const char *id, struct arena *a,
					   struct queue_clip *out);

/* ---- jobs: adding ------------------------------------------------------- */

struct queue_new_job {
	const char *type;
	const char *payload;	/* JSON; NULL: {} */
	const char *priority;	/* high, normal, low; NULL: normal */
	int64_t run_at_us;	/* 0: now */
	int max_attempts;	/* 0: 3 */
	const char *dedupe_key; /* one job of a key at a time; NULL: none */
	const char *parent;	/* id of the job to wait for; NULL: none */
	const char *user_id, *video_id; /* NULL: none */
	/* answered */
	char id[UUID_TEXT_MAX];
	bool was_there; /* id is that of the job that has the dedupe key */
};
/*
 * queue_jobs_add - n jobs in one transaction, and workers are woken. CONFLICT
 * when a parent is none, or has ended without being completed; INTERNAL when
 * a payload is no JSON or a priority no priority.
 */
enum queue_error MUST_CHECK queue_jobs_add(struct queue *q,
					   struct queue_new_job *jobs,
					   size_t n);

/* ---- jobs: the processor ------------------------------------------------ */

struct queue_job {
	const char *id;
	const char *type; /* process_video, ai_analysis, generate_clips, .. */
	const char *payload; /* JSON */
	const char *user_id;
	const char *video_id;
	const char *bucket; /* of the video; NULL when the job has none */
	const char *s3_key;
	const char *priority;
	const char *status;
	int attempts;
	int max_attempts;
	int progress;
	const char *error;
	const char *result;
	bool cancel_requested;
	/* 0: none; run_at INT64_MAX: waits for its parent */
	int64_t run_at_us, created_us, started_us, completed_us;
};

/*
 * A process that runs jobs. It has one lease for all of its jobs, which
 * queue_worker_beat() renews: the first beat registers it, and only then may
 * it claim.
 */
struct queue_worker {
	const char *name; /* new at each start of a process */
	const char *host;
	const char *const *types; /* what it can run, NULL-terminated */
	int lease_s;
};
enum queue_said { QUEUE_GO_ON, QUEUE_STOP_LOST, QUEUE_STOP_CANCEL };
struct queue_beat {
	const char *id;
	int attempt;
	int percent;	      /* < 0: as it was written last */
	enum queue_said said; /* answered */
};
/*
 * queue_worker_beat - one statement: registers the worker or renews its lease,
 * writes the progress of its jobs, and answers which of them to stop: LOST
 * ones belong to somebody else (kill the child, forget the job; so it is with
 * all of them when the worker was taken for dead), CANCEL ones are to be
 * ended as failed or released, which makes them cancelled. Each 5 s with a
 * lease of 30 s; earlier, at most once a second, to write changed progress.
 */
enum queue_error MUST_CHECK queue_worker_beat(struct queue *q,
					      const struct queue_worker *worker,
					      struct queue_beat *jobs,
					      size_t n);
/*
 * queue_worker_keep - gives back what the worker has in the database and not
 * among @jobs (of which id and attempt are read): the answer to a claim was
 * lost. *released counts it. No claim of the worker may be under way.
 */
enum queue_error MUST_CHECK queue_worker_keep(struct queue *q,
					      const char *worker,
					      const struct queue_beat *jobs,
					      size_t n, size_t *released);
/* An orderly end: the worker is gone, what it still had is given back. */
enum queue_error MUST_CHECK queue_worker_leave(struct queue *q,
					       const char *worker);
/*
 * queue_claim - up to n due jobs of the types (NULL-terminated), best first,
 * in one round trip; every 8th claim of the process prefers the priority
 * whose job has been due longest, so that none is starved. A type's limit
 * over all workers (queue_job_limit()) is kept. LOST: the worker is not
 * registered, or was taken for dead; its next beat says what it has lost.
 */
enum queue_error MUST_CHECK queue_claim(struct queue *q, const char *worker,
					const char *const *types, size_t n,
					struct arena *a, struct queue_job *out,
					size_t *claimed);

/* How long until the next job of the types is due: 0 now, INT64_MAX never.
 * For whoever sleeps when nothing is due: retries come at their time. */
enum queue_error MUST_CHECK queue_next_due(struct queue *q,
					   const char *const *types,
					   int64_t *us);

/*
 * What a finished process_video or ai_analysis writes to its video; all
 * members optional. JSON as text; PostgreSQL cannot hold \u0000 in it, so a
 * document with one is QUEUE_INTERNAL, as is one that is no JSON. When the
 * key was overwritten meanwhile the job is completed and the video left alone.
 */
struct queue_outcome {
	const char *result; /* the job's own result, JSON */
	double duration;    /* < 0: leave */
	int width, height;  /* 0: leave */
	const char *thumbnail_key;
	const char *probe;	    /* JSON */
	const char *ai_suggestions; /* JSON, shape of video-api.md §3 */
	const char *analysis_key;   /* analysis document below derived/ */
	const char *segments;	    /* JSON array of engagement_segments rows */
	const char *hooks;	    /* JSON array of hooks rows */
	/* generate_clips: JSON array {id, s3_key, thumbnail_key, note, error}
	 */
	const char *clips;
	/* Files published below derived/: JSON array {name, role, key, size} */
	const char *files;
};
enum queue_how {
	QUEUE_COMPLETED,
	QUEUE_FAILED,	       /* tried again later, while tries are left */
	QUEUE_FAILED_FOR_GOOD, /* no more tries */
	QUEUE_RELEASED	       /* given back: due now, the try not counted */
};
struct queue_end {
	const char *id;
	int attempt;
	enum queue_how how;
	const char *error;		     /* of a failure */
	const struct queue_outcome *outcome; /* of a completion; NULL: none */
	enum queue_error result;	     /* answered */
};
/*
 * queue_jobs_end - ends runs of a worker's jobs in one transaction, each
 * under its fence (id, attempt, worker): job, waiting children and video
 * change together. A job's result is OK, LOST (somebody else has it: discard),
 * or INTERNAL when the database refuses its outcome alone. The answer is OK
 * when each job has a result, else nothing was done.
 */
enum queue_error MUST_CHECK queue_jobs_end(struct queue *q, const char *worker,
					   struct queue_end *ends, size_t n);

/* How a claimed job is named where one alone is meant. */
struct queue_fence {
	const char *id;
	int attempt;
	const char *worker;
};

/*
 * queue_rescue - jobs of workers whose lease ended become failed attempts (or
 * cancelled, where that was asked for); jobs of a type that is neither among
 * @types (NULL-terminated) nor known to any worker fail for good. *n counts
 * them. Each 10 s, in any number of processes: one at a time does it.
 */
enum queue_error MUST_CHECK queue_rescue(struct queue *q,
					 const char *const *types, size_t *n);
/* The buckets that videos lie in. */
enum queue_error MUST_CHECK queue_video_buckets(struct queue *q,
						struct arena *a,
						const char ***out, size_t *n);
/*
 * queue_derived_unused - whether nothing names an object of @bucket any more.
 * @keys: derived/{uuid of a video}/{folder}/{file}. While its video has jobs,
 * or is not known, an object is not unused.
 */
enum queue_error MUST_CHECK queue_derived_unused(struct queue *q,
						 const char *bucket,
						 const char *const *keys,
						 size_t n, bool *unused);
/* Deletes completed jobs older than days and intents that expired as long
 * ago, in batches; *n counts them. Daily, in any number of processes: one at
 * a time does it. */
enum queue_error MUST_CHECK queue_cleanup(struct queue *q, int days, size_t *n);

/* ---- bytes that crash the media worker ----------------------------------- */

/* What is in an object, whatever its name. */
struct queue_bytes {
	const char *etag;
	uint64_t size;
};
/* Whether they are held back; counts that they were. */
enum queue_error MUST_CHECK queue_quarantine_ask(
    struct queue *q, const struct queue_bytes *bytes, bool *held);
/* A worker crashed over them, for @reason, in the job: the second time holds
 * them back. */
enum queue_error MUST_CHECK
queue_quarantine_note(struct queue *q, const struct queue_bytes *bytes,
		      const char *reason, const char *job_id, bool *held);
struct queue_quarantine {
	struct queue_bytes bytes;
	bool held;
	int crashes;
	uint64_t refused;   /* runs */
	const char *reason; /* of the last crash */
	const char *job_id; /* the same */
	int64_t last_us;
};
/* The newest first, at most 1,000. */
enum queue_error MUST_CHECK queue_quarantine_list(struct queue *q,
						  struct arena *a,
						  struct queue_quarantine **out,
						  size_t *n);
/* Forgets these bytes, of any size (NULL: all): NOT_FOUND without. */
enum queue_error MUST_CHECK queue_quarantine_clear(struct queue *q,
						   const char *etag, size_t *n);

/* ---- jobs: the operator ------------------------------------------------- */

enum queue_error MUST_CHECK queue_job_get(struct queue *q, const char *id,
					  struct arena *a,
					  struct queue_job *out);
/* What every run of the job said: JSON array of {attempt, at, error}, the
 * worker that has it or NULL. */
enum queue_error MUST_CHECK queue_job_history(struct queue *q, const char *id,
					      struct arena *a,
					      const char **errors,
					      const char **worker);
/* Members that are NULL or 0 leave all in. */
struct queue_job_filter {
	const char *status; /* or "dead": failed for good */
	const char *type;
	const char *video_id;
	const char *user_id;
	int64_t created_before_us;
	int64_t created_after_us;
	uint32_t limit;
};
/* Newest first. NOT_FOUND when an id is none. */
enum queue_error MUST_CHECK queue_job_list(struct queue *q,
					   const struct queue_job_filter *f,
					   struct arena *a,
					   struct queue_job **out, size_t *n);
/* pending again, attempts 0, run now, with the children that ended along
 * with it. CONFLICT unless failed for good or waiting for a retry; for a child
 * whose parent is not completed; for a job of replaced content. */
enum queue_error MUST_CHECK queue_job_retry(struct queue *q, const char *id);
/* The same for all of a type (NULL: of any) that failed for good, where it is
 * allowed; *n counts them. */
enum queue_error MUST_CHECK queue_jobs_retry(struct queue *q, const char *type,
					     size_t *n);
/* Settles a waiting job as cancelled, asks a running one to stop. CONFLICT
 * when it has ended. */
enum queue_error MUST_CHECK queue_job_cancel(struct queue *q, const char *id);
/* At most @max jobs of the type run at once, over all workers; < 0: as many as
 * there are slots. What runs already counts, and is not stopped. */
enum queue_error MUST_CHECK queue_job_limit(struct queue *q, const char *type,
					    int max);
/* JSON object: counts per type and status, oldest due age, latencies. */
enum queue_error MUST_CHECK queue_job_stats(struct queue *q, struct arena *a,
					    const char **json);

/* ---- notifications ------------------------------------------------------ */

/* A connection of its own that LISTENs. One thread. */
struct queue_listener;
struct queue_note {
	const char *channel;
	const char *payload;
};
/*
 * queue_listen - @channels: NULL-terminated. Of ours are "job_queue" (payload:
 * a type of which jobs are due, "": of any), "job_cancel" (the id of a running
 * job that is to be stopped) and "video_changed" (the id of a video whose
 * status, or what a status shows, changed). NULL on memory shortage.
 */
struct queue_listener *queue_listen(struct queue *q,
				    const char *const *channels);
/* Waits for a notification: 1 notified, or connected anew (look: some may have
 * been missed), 0 time up, -1 no connection (tried again at the next call, at
 * most each half second; the caller polls meanwhile). */
int queue_listener_wait(struct queue_listener *l, int timeout_ms);
/* The next notification that has arrived, valid until the next call; false
 * when there is no more. Those not asked for are dropped by the next wait. */
bool queue_listener_next(struct queue_listener *l, struct queue_note *out);
void queue_listener_close(struct queue_listener *l); /* NULL is fine */

#endif
