/*
 * journal.h - what a local store keeps for a backend whose objects lie
 * elsewhere: intents, each a change that was about to become visible there,
 * and, through store.h, the outbox that they become events in.
 *
 * Intent and event change places in one transaction, so a change is an open
 * intent or an event, never both and never neither.
 * Threads: any.
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "store/store.h"

struct journal_intent {
	uint64_t id; /* rising with time; 0: none */
	/* As far as it is known: etag empty when it is not, or what the other
	 * backend has in its place. time_us is when it was begun; seq is 0, its
	 * id is that of the event to come. */
	struct store_event event;
};

/* Durable before it returns, in a few commits for many. @events: bucket, key,
 * size, ETag, names; time and id are set. The slices of *out are the caller's.
 * An error is the first: those that were written all the same have an id in
 * @out, the others 0. */
enum s3_error MUST_CHECK journal_intend(struct store *journal,
					const struct store_event *events,
					size_t n, struct journal_intent *out);
/*
 * journal_settle - the intent ends: as the event @event (its seq into *seq),
 * or as nothing when that is NULL. S3_OK with *seq 0 for an intent that was
 * settled before. @seq may be NULL.
 */
enum s3_error MUST_CHECK journal_settle(struct store *journal, uint64_t id,
					const struct store_event *event,
					uint64_t *seq);
/* Many in a few commits, each with its own outcome. */
struct journal_end {
	uint64_t id;
	const struct store_event *event; /* NULL: nothing */
	uint64_t seq;			 /* filled in, as err is */
	enum s3_error err;
};
void journal_settle_all(struct store *journal, struct journal_end *v, size_t n);
/* Open intents with an id beyond @after, at most @max, ascending. */
enum s3_error MUST_CHECK journal_intents(struct store *journal, uint64_t after,
					 size_t max, struct arena *a,
					 struct journal_intent **out,
					 size_t *n);

#endif
