/*
 * Uploads whose completion was told. A client repeats a completion that it
 * had no answer to, and some send it twice at once; the other S3 answers each
 * time as if it were the first. It is one change, so one event: who comes
 * later gets the sequence of the first.
 *
 * A ring of the last ones, forgotten at the end of the process; its lock is
 * held while an event is written, so that of two at once one is the first.
 */
#include "base/hash.h"
#include "store/s3/settler.h"

#include <pthread.h>

#define TOLD_MAX 512u

struct told {
	char upload[SHA256_HEX_MAX]; /* digest of its id; "": none */
	uint64_t seq;
	char epoch[40];
};

struct s3_told {
	pthread_mutex_t mu;
	struct told ring[TOLD_MAX];
	size_t next;
};

struct s3_told *
s3_told_new(void)
{
	struct s3_told *t = calloc(1, sizeof(*t));

	if (t)
		pthread_mutex_init(&t->mu, NULL);
	return t;
}

void
s3_told_free(struct s3_told *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->mu);
	free(t);
}

/* Under the lock. */
static const struct told *
find(const struct s3_told *t, const char *upload)
{
	for (size_t i = 0; i < TOLD_MAX; i++)
		if (strcmp(t->ring[i].upload, upload) == 0)
			return &t->ring[i];
	return NULL;
}

static void
take(const struct told *from, struct store_object *made)
{
	made->seq = from->seq;
	memcpy(made->epoch, from->epoch, sizeof(made->epoch));
}

static void
remember(struct s3_told *t, const char *upload, const struct store_object *made)
{
	struct told *e = &t->ring[t->next++ % TOLD_MAX];

	memcpy(e->upload, upload, sizeof(e->upload));
	e->seq = made->seq;
	memcpy(e->epoch, made->epoch, sizeof(e->epoch));
}

void
s3_told_look(struct s3_told *t, struct slice upload_id,
	     struct store_object *made)
{
	char upload[SHA256_HEX_MAX];
	const struct told *before;

	sha256_hex(upload_id.p, upload_id.n, upload);
	pthread_mutex_lock(&t->mu);
	before = find(t, upload);
	if (before)
		take(before, made);
	pthread_mutex_unlock(&t->mu);
}

enum s3_error
s3_told_settle(struct s3_store *s, struct slice upload_id,
	       const struct journal_intent *intent, enum s3_error outcome,
	       struct store_object *made)
{
	struct s3_told *t = s->told;
	char upload[SHA256_HEX_MAX];
	const struct told *before;

	if (outcome != S3_OK) /* may ask, which takes its time */
		return s3_settle(s, intent, outcome, made);
	sha256_hex(upload_id.p, upload_id.n, upload);
	pthread_mutex_lock(&t->mu);
	before = find(t, upload);
	if (before) {
		take(before, made);
		s3_drop(s, intent);
	} else {
		outcome = s3_settle(s, intent, S3_OK, made);
		if (made->seq)
			remember(t, upload, made);
	}
	pthread_mutex_unlock(&t->mu);
	return outcome;
}
