/*
 * Rows read before. A row is kept with the counts that were there before it
 * was read; when either has moved since, it is of no use any more. Each place
 * of the table holds one row, the last one read of those that fall on it.
 *
 * Shared state: the table, each place under one of a few mutexes; the figures
 * are atomic.
 */
#include "gateway/api/live.h"
#include "base/timeval.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PLACES 16384 /* a power of two, as the next */
#define LOCKS 64
#define AGE_US (15 * US_PER_S) /* a client polls each 5 s */
#define ROW_MAX 16384	       /* bytes of a row's texts that are kept */
#define BYTES_MAX (32u << 20)  /* of all rows */
#define BUSY 100	       /* reads a second from which rows are answered */

struct row {
	char user[UUID_TEXT_MAX];
	uint64_t count; /* of the video and of the user, before it was read */
	int64_t read_us;
	size_t bytes; /* of the row, with its texts */
	struct queue_video v;
	char texts[];
};

struct live_rows {
	pthread_mutex_t locks[LOCKS];
	struct row *places[PLACES];
	_Atomic size_t bytes;
	_Atomic int64_t second;	 /* that is being counted */
	_Atomic unsigned reads;	 /* in it */
	_Atomic unsigned before; /* in the one before */
};

struct live_rows *
live_rows_new(void)
{
	struct live_rows *rows = calloc(1, sizeof(*rows));

	for (size_t i = 0; rows && i < LOCKS; i++)
		pthread_mutex_init(&rows->locks[i], NULL);
	return rows;
}

void
live_rows_free(struct live_rows *rows)
{
	if (!rows)
		return;
	for (size_t i = 0; i < PLACES; i++)
		free(rows->places[i]);
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&rows->locks[i]);
	free(rows);
}

/* Whether many read. Two threads at the turn of a second may miss some. */
static bool
is_busy(struct live_rows *rows)
{
	int64_t second = time_mono_us() / US_PER_S;
	int64_t was = atomic_load(&rows->second);

	if (second != was &&
	    atomic_compare_exchange_strong(&rows->second, &was, second)) {
		unsigned reads = atomic_exchange(&rows->reads, 0);

		atomic_store(&rows->before, second == was + 1 ? reads : 0);
	}
	return atomic_fetch_add(&rows->reads, 1) >= BUSY ||
	       atomic_load(&rows->before) >= BUSY;
}

static size_t
place_of(const char *user, const char *id)
{
	uint64_t h = 14695981039346656037u;

	for (const char *p = user; *p; p++)
		h = (h ^ (uint8_t)*p) * 1099511628211u;
	for (const char *p = id; *p; p++)
		h = (h ^ (uint8_t)*p) * 1099511628211u;
	return (size_t)(h ^ h >> 32) & (PLACES - 1);
}

/* ---- copies -------------------------------------------------------------- */

/* The texts of a status. */
#define TEXTS 6
static void
texts_of(struct queue_video *v, const char **out[TEXTS])
{
	out[0] = &v->id;
	out[1] = &v->status;
	out[2] = &v->bucket;
	out[3] = &v->thumbnail_key;
	out[4] = &v->ai_suggestions;
	out[5] = &v->error;
}

/* The members that live_video() promises, their texts still @v's. */
static struct queue_video
status_of(const struct queue_video *v)
{
	return (struct queue_video){ .id = v->id,
				     .status = v->status,
				     .progress = v->progress,
				     .error = v->error,
				     .duration = v->duration,
				     .width = v->width,
				     .height = v->height,
				     .bucket = v->bucket,
				     .thumbnail_key = v->thumbnail_key,
				     .ai_suggestions = v->ai_suggestions };
}

/* NULL: too large, or no memory. */
static struct row *
row_new(const char *user, const struct queue_video *v)
{
	struct queue_video copy = *v;
	const char **texts[TEXTS];
	size_t bytes = sizeof(struct row);
	struct row *row;
	char *p;

	texts_of(&copy, texts);
	for (size_t i = 0; i < TEXTS; i++)
		bytes += *texts[i] ? strlen(*texts[i]) + 1 : 0;
	row = bytes <= ROW_MAX ? malloc(bytes) : NULL;
	if (!row)
		return NULL;
	p = row->texts;
	for (size_t i = 0; i < TEXTS; i++) {
		size_t n = *texts[i] ? strlen(*texts[i]) + 1 : 0;

		if (!n)
			continue;
		*texts[i] = memcpy(p, *texts[i], n);
		p += n;
	}
	row->v = copy;
	row->bytes = bytes;
	snprintf(row->user, sizeof(row->user), "%s", user);
	return row;
}

static void
copy_out(const struct row *row, struct arena *a, struct queue_video *out)
{
	const char **texts[TEXTS];

	*out = row->v;
	texts_of(out, texts);
	for (size_t i = 0; i < TEXTS; i++)
		if (*texts[i])
			*texts[i] = arena_cstr(a, slice_str(*texts[i]));
}

/* ---- the table ----------------------------------------------------------- */

static bool
find(struct live_rows *rows, const char *user, const char *id, uint64_t count,
     struct arena *a, struct queue_video *out)
{
	size_t i = place_of(user, id);
	const struct row *row;
	bool good;

	pthread_mutex_lock(&rows->locks[i % LOCKS]);
	row = rows->places[i];
	good = row && row->count == count &&
	       time_mono_us() - row->read_us < AGE_US &&
	       !strcmp(row->v.id, id) && !strcmp(row->user, user);
	if (good)
		copy_out(row, a, out);
	pthread_mutex_unlock(&rows->locks[i % LOCKS]);
	return good;
}

/* Puts a row in its place, or nothing; what was there goes. */
static void
put(struct live_rows *rows, size_t i, struct row *row)
{
	struct row *old;

	if (row)
		atomic_fetch_add(&rows->bytes, row->bytes);
	pthread_mutex_lock(&rows->locks[i % LOCKS]);
	old = rows->places[i];
	rows->places[i] = row;
	pthread_mutex_unlock(&rows->locks[i % LOCKS]);
	if (old)
		atomic_fetch_sub(&rows->bytes, old->bytes);
	free(old);
}

static void
keep(struct live_rows *rows, const char *user, const struct queue_video *v,
     uint64_t count)
{
	struct row *row = row_new(user, v);

	if (!row)
		return;
	row->count = count;
	row->read_us = time_mono_us();
	put(rows, place_of(user, v->id), row);
	/* Most of so many rows are old: those who still ask read anew. */
	if (atomic_load(&rows->bytes) > BYTES_MAX)
		for (size_t i = 0; i < PLACES; i++)
			put(rows, i, NULL);
}

enum queue_error
live_video(struct live *l, const char *user, const char *id, struct arena *a,
	   struct queue_video *out)
{
	struct live_rows *rows = live_rows_of(l);
	bool usable = is_busy(rows) && live_listening(l);
	/* Neither ever falls, so their sum stands still when both do. */
	uint64_t count = live_count(l, id) + live_count(l, user);
	struct queue_video v;
	enum queue_error err;

	if (usable && find(rows, user, id, count, a, out))
		return a->err ? QUEUE_INTERNAL : QUEUE_OK;
	err = queue_video_get(live_queue(l), user, id, a, &v);
	if (err)
		return err;
	*out = status_of(&v);
	if (usable)
		keep(rows, user, out, count);
	return QUEUE_OK;
}
