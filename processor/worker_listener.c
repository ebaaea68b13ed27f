/*
 * The listener: what PostgreSQL notifies, to the lanes. A new connection
 * means that something may have been missed.
 */
#include "base/timeval.h"
#include "processor/worker_state.h"

#define LISTEN_MS 250
#define AWAY_US US_PER_S

/* Of no type: of one that the waker had no room for (queue/wake.c). */
static void
hear(struct worker *w, const struct queue_note *note)
{
	const char *type = *note->payload ? note->payload : NULL;

	for (size_t i = 0; i < w->n_lanes; i++) {
		if (strcmp(note->channel, "job_cancel") == 0)
			lane_stop_job(w->lanes[i], note->payload, 0,
				      JOB_CANCELLED);
		else
			lane_wake(w->lanes[i], type);
	}
}

void *
worker_listener_main(void *arg)
{
	static const char *const channels[] = { "job_queue", "job_cancel",
						NULL };
	struct worker *w = arg;
	struct queue_listener *l = NULL;
	struct queue_note note;

	pthread_setname_np(pthread_self(), "listener");
	while (!worker_is(w, &w->stopping)) {
		bool told = false;
		int rc;

		if (!l)
			l = queue_listen(w->conf.host->queue, channels);
		rc = l ? queue_listener_wait(l, LISTEN_MS) : -1;
		for (; rc > 0 && queue_listener_next(l, &note); told = true)
			hear(w, &note);
		for (size_t i = 0; rc > 0 && !told && i < w->n_lanes; i++)
			lane_wake(w->lanes[i], NULL);
		if (rc >= 0)
			continue;
		pthread_mutex_lock(&w->lock);
		if (!w->stopping)
			worker_wait(&w->changed, &w->lock, AWAY_US);
		pthread_mutex_unlock(&w->lock);
	}
	queue_listener_close(l);
	return NULL;
}
