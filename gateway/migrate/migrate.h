/*
 * migrate.h - copies everything from one store to another while one of them
 * is served: buckets, objects with all that belongs to them, versions.
 *
 * One pass walks both sides in order of keys and copies what differs; then
 * the keys that the outbox says were changed meanwhile are compared, again
 * and again, until nothing is new. A cursor file remembers how far it was, so
 * a run that ended anywhere is taken up by the next. All steps are
 * idempotent: what is there with its size and ETag is not copied.
 *
 * The source is the truth: keys that differ at the target are overwritten,
 * versions there that the source has not are deleted. Once the target is
 * served (@switched) it is the other way round: a key that was changed since
 * then is left alone.
 * Threads: migrate_run() by one; the others any, meanwhile.
 */
#ifndef GATEWAY_MIGRATE_H
#define GATEWAY_MIGRATE_H

#include "store/store.h"

#define MIGRATE_NOTES_MAX 20u
#define MIGRATE_NOTE_MAX 256u

struct migrate_plan {
	struct store *from;
	struct store *to;
	struct store *outbox; /* whose events name what is changed at @from */
	bool switched;	      /* @to is served, not @from */
	bool tls; /* bytes of @from cannot change on their way to us */
	struct slice owner;  /* of buckets made at the target; empty: as at the
				source */
	const char *name;    /* of both sides, for the cursor: of another
				name it is none */
	const char *cursor;  /* file; NULL: none is kept */
	struct slice bucket; /* empty: all */
	struct slice prefix;
	bool dry_run;	   /* count what would be copied */
	bool verify_only;  /* read both sides and compare */
	bool remove_extra; /* delete keys that the source has not */
	bool restart;	   /* as if there were no cursor */
	/* verify_only, and keys all of whose versions are equal are deleted at
	 * the source, which is not served any more (@switched). What is still
	 * to be copied is copied first; after that there is no cursor, so
	 * nothing takes the deletions for changes. */
	bool remove_source;
	uint64_t rate;	  /* bytes a second; 0: unbounded */
	unsigned workers; /* keys at once; 0: 8 */
	/* Nothing is left to copy, and @from is served still: who knows
	 * objects by their place is told that it changes. -1 with one line in
	 * err. NULL: nobody. */
	int (*tell)(void *ctx, char err[512]);
	void *tell_ctx;
};

/* X(name): what a run counts. Objects are versions and delete markers. */
#define MIGRATE_COUNTS(X) \
	X(objects)        \
	X(bytes)          \
	X(objects_of)     \
	X(bytes_of)       \
	X(copied)         \
	X(copied_bytes)   \
	X(removed)        \
	X(same)           \
	X(compared)       \
	X(extra)          \
	X(missing)        \
	X(different)      \
	X(kept)           \
	X(etags)          \
	X(freed)          \
	X(freed_bytes)    \
	X(failed)
/*
 * objects, bytes: done, of those that the first look found to do (_of)
 * copied, removed: at the target; tags and headers set anew are copies
 * same: there already; compared: read on both sides and equal
 * extra: keys that the target has and the source has not
 * missing, different: at the target, found by verify_only
 * kept: keys that were changed since the target is served
 * etags: copied, but with another ETag
 * freed: deleted at the source
 * failed: keys that were not done
 */
enum migrate_count {
#define X(name) MIGRATE_##name,
	MIGRATE_COUNTS(X)
#undef X
	    MIGRATE_COUNT
};

enum migrate_phase {
	MIGRATE_IDLE,
	MIGRATE_LOOKING, /* at what there is to do */
	MIGRATE_COPYING,
	MIGRATE_CHANGES, /* what was changed meanwhile */
	MIGRATE_VERIFYING,
	MIGRATE_DONE,
	MIGRATE_STOPPED,
	MIGRATE_FAILED, /* err says why */
};
const char *migrate_phase_name(enum migrate_phase p);
static inline bool
migrate_is_running(enum migrate_phase p)
{
	return p > MIGRATE_IDLE && p < MIGRATE_DONE;
}

struct migrate_status {
	enum migrate_phase phase;
	unsigned pass; /* over the changes, from 1 */
	bool settled;  /* the last pass found nothing new */
	uint64_t count[MIGRATE_COUNT];
	size_t n_notes; /* lines about keys; the log has all */
	char notes[MIGRATE_NOTES_MAX][MIGRATE_NOTE_MAX];
	char err[512];
};

struct migrate;
/* The plan's stores and texts are the caller's and outlive it. NULL: memory. */
struct migrate *migrate_new(const struct migrate_plan *plan);
void migrate_free(struct migrate *m);
/* Until it is done, stopped, or impossible: the phase it ended in. */
enum migrate_phase migrate_run(struct migrate *m);
/* Ends the run soon; what was begun is taken up by the next. */
void migrate_stop(struct migrate *m);
void migrate_status(struct migrate *m, struct migrate_status *out);

#endif
