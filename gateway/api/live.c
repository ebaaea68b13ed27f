/*
 * The thread that listens, the counts of changes and those who wait for them.
 */
#include "gateway/api/live.h"
#include "base/log.h"
#include "base/timeval.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define COUNTS 1024   /* a power of two */
#define LISTEN_MS 100 /* how soon the thread sees that it is to end */

struct count {
	_Atomic uint64_t changes; /* changed under mu */
	pthread_mutex_t mu;
	pthread_cond_t changed;
};

struct live {
	struct live_conf conf;
	struct count counts[COUNTS];
	struct live_rows *rows;
	struct queue_listener *listener;
	pthread_t thread;
	atomic_bool listening;
	atomic_bool draining;
	pthread_mutex_t seats_mu;
	struct live_seat *seats; /* seats_mu, as the number */
	unsigned n_seats;
};

/* ---- changes ------------------------------------------------------------- */

/* FNV-1a; of a UUID each digit is good. */
static size_t
place_of(const char *id)
{
	uint32_t h = 2166136261u;

	for (; *id; id++)
		h = (h ^ (uint8_t)*id) * 16777619u;
	return (h ^ h >> 16) & (COUNTS - 1);
}

static void
change(struct count *c)
{
	pthread_mutex_lock(&c->mu);
	atomic_fetch_add(&c->changes, 1);
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->mu);
}

bool
live_listening(const struct live *l)
{
	return atomic_load(&l->listening);
}

uint64_t
live_count(const struct live *l, const char *id)
{
	return atomic_load(&l->counts[place_of(id)].changes);
}

void
live_change(struct live *l, const char *id)
{
	change(&l->counts[place_of(id)]);
}

void
live_change_all(struct live *l)
{
	for (size_t i = 0; i < COUNTS; i++)
		change(&l->counts[i]);
}

bool
live_wait(struct live *l, const char *id, uint64_t seen, int64_t until_us)
{
	struct count *c = &l->counts[place_of(id)];

	pthread_mutex_lock(&c->mu);
	while (atomic_load(&c->changes) == seen && !atomic_load(&l->draining) &&
	       time_cond_wait(&c->changed, &c->mu, until_us))
		;
	pthread_mutex_unlock(&c->mu);
	return !atomic_load(&l->draining);
}

/* ---- the thread ---------------------------------------------------------- */

static void
hear(struct live *l)
{
	struct queue_note note;

	if (!live_listening(l)) {
		/* First: what was read before is not to be answered. */
		live_change_all(l);
		atomic_store(&l->listening, true);
	}
	while (queue_listener_next(l->listener, &note))
		live_change(l, note.payload);
}

/* What is told from now on is lost until there is a connection again. */
static void
fall_deaf(struct live *l)
{
	if (!live_listening(l))
		return;
	log_warn("live_deaf", "the connection that tells of videos broke: "
			      "streams look by themselves");
	atomic_store(&l->listening, false);
	live_change_all(l);
}

static void *
live_main(void *arg)
{
	struct live *l = arg;

	pthread_setname_np(pthread_self(), "live");
	while (!atomic_load(&l->draining)) {
		int rc = queue_listener_wait(l->listener, LISTEN_MS);

		if (rc > 0)
			hear(l);
		else if (rc < 0)
			fall_deaf(l);
	}
	return NULL;
}

/* ---- life ---------------------------------------------------------------- */

static void
live_free(struct live *l)
{
	queue_listener_close(l->listener);
	live_rows_free(l->rows);
	for (size_t i = 0; i < COUNTS; i++) {
		pthread_cond_destroy(&l->counts[i].changed);
		pthread_mutex_destroy(&l->counts[i].mu);
	}
	pthread_mutex_destroy(&l->seats_mu);
	free(l);
}

struct live *
live_start(const struct live_conf *conf)
{
	static const char *const channels[] = { "video_changed", NULL };
	struct live *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->conf = *conf;
	pthread_mutex_init(&l->seats_mu, NULL);
	for (size_t i = 0; i < COUNTS; i++) {
		pthread_mutex_init(&l->counts[i].mu, NULL);
		time_cond_init(&l->counts[i].changed);
	}
	l->rows = live_rows_new();
	l->listener = queue_listen(conf->queue, channels);
	if (l->rows && l->listener &&
	    pthread_create(&l->thread, NULL, live_main, l) == 0)
		return l;
	live_free(l);
	return NULL;
}

void
live_drain(struct live *l)
{
	if (!l)
		return;
	atomic_store(&l->draining, true);
	live_change_all(l);
}

void
live_stop(struct live *l)
{
	if (!l)
		return;
	live_drain(l);
	pthread_join(l->thread, NULL);
	live_free(l);
}

struct live_rows *
live_rows_of(struct live *l)
{
	return l->rows;
}

struct queue *
live_queue(struct live *l)
{
	return l->conf.queue;
}

/* ---- streams ------------------------------------------------------------- */

static unsigned
seats_of(const struct live *l, const char *user)
{
	unsigned n = 0;

	for (const struct live_seat *s = l->seats; s; s = s->next)
		n += strcmp(s->user, user) == 0;
	return n;
}

static void
sit_down(struct live *l, struct live_seat *seat, const char *user)
{
	*seat = (struct live_seat){ .next = l->seats };
	snprintf(seat->user, sizeof(seat->user), "%s", user);
	if (seat->next)
		seat->next->prev = seat;
	l->seats = seat;
	l->n_seats++;
}

enum live_enter
live_enter(struct live *l, struct live_seat *seat, const char *user)
{
	enum live_enter answer = LIVE_ENTERED;

	pthread_mutex_lock(&l->seats_mu);
	if (l->n_seats >= l->conf.streams)
		answer = LIVE_FULL;
	else if (seats_of(l, user) >= l->conf.user_streams)
		answer = LIVE_USER_FULL;
	else
		sit_down(l, seat, user);
	pthread_mutex_unlock(&l->seats_mu);
	return answer;
}

void
live_leave(struct live *l, struct live_seat *seat)
{
	pthread_mutex_lock(&l->seats_mu);
	if (seat->prev)
		seat->prev->next = seat->next;
	else
		l->seats = seat->next;
	if (seat->next)
		seat->next->prev = seat->prev;
	l->n_seats--;
	pthread_mutex_unlock(&l->seats_mu);
}

unsigned
live_streams(struct live *l)
{
	unsigned n;

	pthread_mutex_lock(&l->seats_mu);
	n = l->n_seats;
	pthread_mutex_unlock(&l->seats_mu);
	return n;
}
