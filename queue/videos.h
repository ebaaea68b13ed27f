/*
 * videos.h - transactions about one video, for the queue's own files.
 */
#ifndef QUEUE_VIDEOS_H
#define QUEUE_VIDEOS_H

#include "queue/pg.h"

/*
 * videos_begin_owned - a transaction of the service about a video that row
 * level security shows to this user: NOT_FOUND else. End it with pg_finish()
 * in any case.
 */
enum queue_error MUST_CHECK videos_begin_owned(struct queue *q,
					       const char *user,
					       const char *video,
					       struct pg_tx *tx);
/* Gives an object without a sequence its video. *made, if not NULL: its
 * content is news. */
enum queue_error MUST_CHECK videos_seen(struct pg_tx *tx,
					const struct queue_object *object,
					bool users, char video[UUID_TEXT_MAX],
					bool *made);

#endif
