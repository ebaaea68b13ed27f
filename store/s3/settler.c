/*
 * The thread that settles intents. Its list holds those that are its own:
 * requests in progress have open intents as well, which are not. Each has a
 * time when it is asked for (again), a fraction of its age; while the endpoint
 * does not answer all wait.
 */
#include "store/s3/settler.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/random.h"
#include "store/s3/xml.h"

#include <pthread.h>

#define AGAIN_MIN_US US_PER_S
#define AGAIN_MAX_US (60 * US_PER_S)
#define PAUSE_MIN_US US_PER_S
#define PAUSE_MAX_US (60 * US_PER_S)
#define VERSIONS_MAX 100u /* of a key, that are looked at */
#define LOAD_ROWS 200u
#define LOAD_ARENA (8u << 20)
/* Last-Modified has whole seconds. */
#define SECOND_US US_PER_S

struct open_intent {
	uint64_t id;
	int64_t due_us; /* of the monotonic clock */
};

struct s3_settler {
	struct s3_store *s;
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t wake;
	struct buf list; /* of struct open_intent */
	bool stop;
	int64_t pause_us; /* 0: the endpoint answers */
};

/* ---- what is there ------------------------------------------------------ */

static enum s3_error
head(struct s3_store *s, const struct store_event *e,
     struct http_client_answer *answer)
{
	const struct store_ref ref = { e->bucket, e->key, e->version_id };
	struct buf query = BUF_INIT;
	const struct s3_call call = s3_head_call(&ref, &query);
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	*answer = (struct http_client_answer){ 0 };
	if (buf_ok(&query))
		err = s3_request_run(s->remote, &call, answer);
	buf_release(&query);
	return err;
}

static enum s3_sight
look_nowhere(const struct http_client_answer *answer)
{
	return answer->status == 0 || answer->status >= 500 ? S3_NO_ANSWER
							    : S3_UNCLEAR;
}

/* Gone, or hidden by a delete marker; a marker that was to go answers 405. */
static enum s3_sight
look_removed(const struct http_client_answer *answer, struct store_object *out)
{
	if (answer->status != 404)
		return answer->status == 200 || answer->status == 405
			   ? S3_NOT_SEEN
			   : look_nowhere(answer);
	s3_copy_ids(answer, out);
	out->is_delete_marker = s3_is_marker(answer);
	return S3_SEEN;
}

/* How far the endpoint's clock is before ours, as its answer says. */
static int64_t
clock_offset(const struct http_client_answer *answer)
{
	int64_t theirs;

	if (time_parse_http(http_client_header(answer, "date"), &theirs) != 0)
		return 0;
	return theirs - time_now_us();
}

void
s3_expect_sum(enum hash_alg alg, const uint8_t *digest,
	      char etag[STORE_ETAG_MAX])
{
	struct buf text = BUF_INIT;

	etag[0] = '\0';
	if (!alg)
		return;
	base64_encode(&text, digest, hash_size(alg));
	if (buf_ok(&text))
		snprintf(etag, STORE_ETAG_MAX, "%d:%.*s", alg,
			 SLICE_ARG(buf_slice(&text)));
	buf_release(&text);
}

struct slice
s3_expected_etag(const struct store_event *e)
{
	return slice_chr(e->etag, ':') < 0 ? e->etag : SLICE_EMPTY;
}

/* By its checksum, if there is one on both sides. */
static enum s3_sight
look_at_sum(const struct store_event *e, const struct store_object *o)
{
	char text[STORE_ETAG_MAX];

	if (s3_expected_etag(e).n == e->etag.n || o->checksum_composite)
		return S3_UNCLEAR;
	s3_expect_sum(o->checksum_alg, o->checksum, text);
	if (e->etag.n < 2 || strncmp(text, e->etag.p, 2) != 0)
		return S3_UNCLEAR; /* another algorithm */
	return slice_eq_str(e->etag, text) ? S3_SEEN : S3_NOT_SEEN;
}

/*
 * The ETag is that of the bytes unless the endpoint encrypts with keys of its
 * own, or it is not known before; a checksum is theirs always. Else size and
 * time decide, which another's object may have as well; and the same bytes may
 * lie there from before.
 */
static enum s3_sight
compare(const struct store_event *e, const struct store_object *o,
	int64_t offset_us)
{
	enum s3_sight sum = look_at_sum(e, o);
	bool same =
	    sum == S3_SEEN || (e->etag.n && slice_eq_str(e->etag, o->etag));
	bool since = o->mtime_us + 2 * SECOND_US >= e->time_us + offset_us;

	if (sum == S3_NOT_SEEN)
		return S3_NOT_SEEN;
	if (same && since)
		return S3_SEEN;
	return same || (since && (!e->size || e->size == o->size))
		   ? S3_LIKELY
		   : S3_NOT_SEEN;
}

/* A list does not tell checksums. */
static enum s3_sight
compare_below(struct s3_store *s, const struct store_event *e,
	      const struct store_object *listed, int64_t offset_us,
	      struct arena *a)
{
	const struct store_ref ref = { e->bucket, e->key,
				       slice_str(listed->version_id) };
	struct store_object o;

	if (s3_expected_etag(e).n == e->etag.n ||
	    s3_get(&s->base, &ref, NULL, a, &o, NULL) != S3_OK)
		return compare(e, listed, offset_us);
	return compare(e, &o, offset_us);
}

/* Whether it is what was made, now that something newer hides it. */
static enum s3_sight
look_below(struct s3_store *s, const struct store_event *e, int64_t offset_us,
	   struct arena *a, struct store_object *out)
{
	const struct store_versions_req req = { .bucket = e->bucket,
						.prefix = e->key,
						.max_keys = VERSIONS_MAX };
	struct store_versions_page page;
	enum s3_sight best = S3_NOT_SEEN;

	if (s3_list_versions(&s->base, &req, a, &page) != S3_OK)
		return S3_UNCLEAR;
	for (size_t i = 0; i < page.n && best != S3_SEEN; i++) {
		const struct store_list_entry *v = &page.entries[i];
		enum s3_sight sight;

		if (!slice_eq(v->name, e->key) || v->object.is_delete_marker)
			continue;
		sight = compare_below(s, e, &v->object, offset_us, a);
		if (sight >= best)
			continue;
		best = sight;
		*out = v->object;
	}
	return best;
}

/* What a HEAD says of an object that was to be made. */
static enum s3_sight
look_made(struct s3_store *s, const struct store_event *e,
	  const struct http_client_answer *answer, struct arena *a,
	  struct store_object *out)
{
	struct slice version = http_client_header(answer, "x-amz-version-id");
	bool there = answer->status / 100 == 2;
	int64_t offset_us = clock_offset(answer);
	enum s3_sight sight = S3_NOT_SEEN, below;
	struct store_object older;

	if (there && s3_record_of(answer, e->key, a, out) != S3_OK)
		return S3_UNCLEAR;
	if (there && slice_starts(e->event_name, SLICE("ObjectTagging:")))
		return S3_LIKELY; /* the object is, the tags nobody knows */
	if (there)
		sight = compare(e, out, offset_us);
	else if (answer->status != 404)
		return look_nowhere(answer);
	if (sight == S3_SEEN || !version.n || slice_eq_str(version, "null"))
		return sight;
	below = look_below(s, e, offset_us, a, &older);
	if (sight == S3_LIKELY && below != S3_SEEN)
		return sight;
	if (below == S3_SEEN || below == S3_LIKELY)
		*out = older;
	return below;
}

enum s3_sight
s3_look(struct s3_store *s, const struct journal_intent *intent,
	struct arena *a, struct store_object *out)
{
	const struct store_event *e = &intent->event;
	struct http_client_answer answer;
	enum s3_sight sight;

	*out = (struct store_object){ 0 };
	(void)head(s, e, &answer); /* the status says it all */
	sight = s3_event_is_removal(e) ? look_removed(&answer, out)
				       : look_made(s, e, &answer, a, out);
	http_client_answer_release(&answer);
	return sight;
}

/* ---- one intent --------------------------------------------------------- */

/* The row; one that is gone, or that cannot be read, is of no more use here.
 */
static bool
read_intent(struct s3_settler *t, uint64_t id, struct arena *a,
	    struct journal_intent *out)
{
	struct journal_intent *v;
	size_t n;

	if (journal_intents(t->s->journal, id - 1, 1, a, &v, &n) != S3_OK ||
	    n == 0 || v[0].id != id)
		return false;
	*out = v[0];
	return true;
}

/* How long until it is asked for again; 0: it is settled. */
static int64_t
settle(struct s3_settler *t, uint64_t id, struct arena *a)
{
	struct journal_intent intent;
	struct store_object seen;
	enum s3_sight sight;
	int64_t age;

	if (!read_intent(t, id, a, &intent))
		return 0;
	age = time_now_us() - intent.event.time_us;
	sight = s3_look(t->s, &intent, a, &seen);
	t->pause_us = sight != S3_NO_ANSWER ? 0
		      : t->pause_us	    ? t->pause_us * 2
					    : PAUSE_MIN_US;
	if (t->pause_us > PAUSE_MAX_US)
		t->pause_us = PAUSE_MAX_US;
	if ((sight == S3_SEEN || sight == S3_LIKELY) &&
	    s3_event(t->s, &intent, &seen, NULL) == S3_OK) {
		log_info("s3_settled", "%.*s/%.*s: %.*s did happen",
			 SLICE_ARG(intent.event.bucket),
			 SLICE_ARG(intent.event.key),
			 SLICE_ARG(intent.event.event_name));
		return 0;
	}
	if (sight == S3_NOT_SEEN && age >= S3_INTENT_FINAL_US &&
	    journal_settle(t->s->journal, id, NULL, NULL) == S3_OK) {
		log_info("s3_settled", "%.*s/%.*s: %.*s did not happen",
			 SLICE_ARG(intent.event.bucket),
			 SLICE_ARG(intent.event.key),
			 SLICE_ARG(intent.event.event_name));
		return 0;
	}
	return age < AGAIN_MIN_US   ? AGAIN_MIN_US
	       : age > AGAIN_MAX_US ? AGAIN_MAX_US
				    : age;
}

/* ---- the list ----------------------------------------------------------- */

static void
put(struct s3_settler *t, uint64_t id, int64_t due_us)
{
	const struct open_intent i = { id, due_us };

	pthread_mutex_lock(&t->mu);
	buf_add(&t->list, &i, sizeof(i));
	if (!buf_ok(&t->list)) {
		t->list.err = false; /* those that are listed stay so */
		log_warn("s3_settler", "out of memory: an open intent waits "
				       "for the next start");
	}
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->mu);
}

void
s3_settler_add(struct s3_settler *t, uint64_t id)
{
	put(t, id, time_mono_us() + AGAIN_MIN_US);
}

/* Takes out the one that is due first; false: none. Under the lock. */
static bool
take_due(struct s3_settler *t, int64_t now_us, struct open_intent *out,
	 int64_t *next_us)
{
	size_t n = t->list.n / sizeof(*out), best = 0;
	struct open_intent i;

	*next_us = INT64_MAX;
	for (size_t k = 0; k < n; k++) {
		memcpy(&i, t->list.p + k * sizeof(i), sizeof(i));
		if (i.due_us >= *next_us)
			continue;
		*next_us = i.due_us;
		best = k;
		*out = i;
	}
	if (*next_us > now_us)
		return false;
	t->list.n -= sizeof(i);
	memmove(t->list.p + best * sizeof(i), t->list.p + t->list.n, sizeof(i));
	return true;
}

/* The next that is due; false when the store closes. */
static bool
next(struct s3_settler *t, int64_t not_before_us, struct open_intent *out)
{
	bool found = false;

	pthread_mutex_lock(&t->mu);
	while (!t->stop && !found) {
		int64_t now = time_mono_us(), due;

		if (now < not_before_us)
			time_cond_wait(&t->wake, &t->mu, not_before_us);
		else if (!(found = take_due(t, now, out, &due)))
			time_cond_wait(&t->wake, &t->mu, due);
	}
	found = found && !t->stop;
	pthread_mutex_unlock(&t->mu);
	return found;
}

static void *
settler_main(void *arg)
{
	struct s3_settler *t = arg;
	struct open_intent i = { 0 };
	int64_t not_before = 0;
	uint32_t jitter;

	pthread_setname_np(pthread_self(), "s3-settler");
	while (next(t, not_before, &i)) {
		struct arena a;
		int64_t again;

		arena_init(&a, S3_SETTLE_ARENA);
		again = settle(t, i.id, &a);
		arena_release(&a);
		random_bytes(&jitter, sizeof(jitter));
		if (again)
			put(t, i.id, time_mono_us() + again);
		not_before = time_mono_us() + t->pause_us / 2 +
			     (int64_t)jitter % (t->pause_us / 2 + 1);
	}
	return NULL;
}

/* Whatever is open when nobody works yet. */
static enum s3_error
load(struct s3_settler *t, size_t *found)
{
	struct journal_intent *v;
	enum s3_error err;
	uint64_t after = 0;
	struct arena a;
	size_t n;

	*found = 0;
	do {
		arena_init(&a, LOAD_ARENA);
		err = journal_intents(t->s->journal, after, LOAD_ROWS, &a, &v,
				      &n);
		for (size_t i = 0; err == S3_OK && i < n; i++)
			put(t, v[i].id, 0);
		if (n)
			after = v[n - 1].id;
		*found += n;
		arena_release(&a);
	} while (err == S3_OK && n == LOAD_ROWS);
	return err;
}

static void
release(struct s3_settler *t)
{
	buf_release(&t->list);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->mu);
	free(t);
}

struct s3_settler *
s3_settler_start(struct s3_store *s, char err[512])
{
	struct s3_settler *t = calloc(1, sizeof(*t));
	size_t n;

	snprintf(err, 512, "out of memory");
	if (!t)
		return NULL;
	t->s = s;
	t->list = (struct buf)BUF_INIT;
	pthread_mutex_init(&t->mu, NULL);
	time_cond_init(&t->wake);
	if (load(t, &n) != S3_OK) {
		snprintf(err, 512,
			 "the journal's open intents are not to be "
			 "read: see 'reelgate fsck'");
	} else if (pthread_create(&t->thread, NULL, settler_main, t) == 0) {
		if (n)
			log_info("s3_intents",
				 "%zu changes were under way when this gateway "
				 "ended: the S3 is asked what became of them",
				 n);
		return t;
	}
	release(t);
	return NULL;
}

void
s3_settler_stop(struct s3_settler *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->mu);
	t->stop = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->mu);
	pthread_join(t->thread, NULL);
	release(t);
}
