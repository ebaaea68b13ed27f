/*
 * live.h - news of videos: who waits for a change is woken, and what was read
 * is remembered until it changes.
 *
 * One thread LISTENs to the database. Every id has a count of changes (many
 * ids share one, so a count may move without a change, never the reverse):
 * what was read after its count was is current as long as the count stands
 * still and LISTEN is alive. A connection that breaks, and one that is made
 * again, count as a change of everything.
 *
 * Shared state: the counts, atomic, changed under the mutex of their waiters;
 * the remembered rows (live_rows.c) and the streams under mutexes of theirs.
 */
#ifndef GATEWAY_API_LIVE_H
#define GATEWAY_API_LIVE_H

#include "queue/queue.h"

struct live;

struct live_conf {
	struct queue *queue;
	unsigned streams;      /* at most, of all users */
	unsigned user_streams; /* of one user */
};
/* NULL: no memory or no thread. */
struct live *live_start(const struct live_conf *conf);
/* Whoever waits returns, now and from now on. */
void live_drain(struct live *l);
void live_stop(struct live *l); /* NULL is fine, also for drain */

/* ---- changes ------------------------------------------------------------- */

bool live_listening(const struct live *l);
/* The count of an id (of a video, or a user). */
uint64_t live_count(const struct live *l, const char *id);
/* Something of this id changed: for what the caller wrote itself and its
 * client may ask for before the database has told. */
void live_change(struct live *l, const char *id);
void live_change_all(struct live *l);
/* Waits until the count is no longer @seen, or the monotonic time @until_us.
 * False when draining: end. */
bool live_wait(struct live *l, const char *id, uint64_t seen, int64_t until_us);

/* ---- rows (live_rows.c) -------------------------------------------------- */

/*
 * live_video - as queue_video_get(), for the status of a video: only id,
 * status, progress, error, duration, width, height, bucket, thumbnail_key and
 * ai_suggestions are filled. While few ask, the database is asked each time.
 * While many do, a row that was read before is answered again, to the user
 * that it was read for, for some seconds and until it changes; news of that
 * takes as long as a notification does.
 */
enum queue_error MUST_CHECK live_video(struct live *l, const char *user,
				       const char *id, struct arena *a,
				       struct queue_video *out);

struct live_rows;
struct live_rows *live_rows_new(void);
void live_rows_free(struct live_rows *rows);

/* ---- streams ------------------------------------------------------------- */

enum live_enter { LIVE_ENTERED, LIVE_FULL, LIVE_USER_FULL };
struct live_seat {
	struct live_seat *next, *prev;
	char user[UUID_TEXT_MAX];
};
/* The seat is the caller's; entered, it is live's until live_leave(). */
enum live_enter MUST_CHECK live_enter(struct live *l, struct live_seat *seat,
				      const char *user);
void live_leave(struct live *l, struct live_seat *seat);
unsigned live_streams(struct live *l);

/* Private to live*.c. */
struct live_rows *live_rows_of(struct live *l);
struct queue *live_queue(struct live *l);

#endif
