/*
 * The reconciler's thread: pending intents, then pages of the listing while a
 * pass is due, then rest.
 *
 * Shared state: r->status, r->stopping under r->lock; the rest belongs to the
 * thread.
 */
#include "gateway/reconcile.h"
#include "base/log.h"
#include "base/random.h"
#include "base/timeval.h"
#include "gateway/rule_cache.h"
#include "queue/sightings.h"

#include <inttypes.h>
#include <pthread.h>

#define PREFIX "uploads/"
#define PAGE 1000u
#define PAGE_PAUSE_US (US_PER_S / 5)
#define HEAD_PAUSE_US (US_PER_S / 50)
#define INTENTS_AT_ONCE 100u
#define GRACE_S 30     /* an uploader has to come back by itself */
#define LEASE_S 120    /* longer than a page takes */
#define FAILURES_MAX 5 /* in a row: the rest of a page waits for a pass */
#define ARENA_MAX (32u << 20)

struct reconciler {
	struct sighting_conf conf;
	unsigned every_s;
	char holder[UUID_TEXT_MAX];
	struct rule_cache rules;
	bool in_trouble; /* which was told already */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct reconciler_status status;
	bool stopping;
};

/* Waits; false: stop. */
static bool
rest_us(struct reconciler *r, int64_t us)
{
	int64_t until_us = time_mono_us() + us;
	bool go_on;

	pthread_mutex_lock(&r->lock);
	while (!r->stopping && time_cond_wait(&r->wake, &r->lock, until_us))
		continue;
	go_on = !r->stopping;
	pthread_mutex_unlock(&r->lock);
	return go_on;
}

static void
count(struct reconciler *r, uint64_t *figure, uint64_t n)
{
	pthread_mutex_lock(&r->lock);
	*figure += n;
	pthread_mutex_unlock(&r->lock);
}

/* One line when trouble begins, one when it ends. */
static void
tell_trouble(struct reconciler *r, const char *what)
{
	if (what && !r->in_trouble)
		log_warn("reconcile_waiting", "%s; tried again", what);
	else if (!what && r->in_trouble)
		log_info("reconcile_running", "the trouble is over");
	r->in_trouble = what != NULL;
	if (what)
		count(r, &r->status.failed, 1);
}

/* What became of a run of questions. */
struct found {
	uint64_t made, failed;
	unsigned in_a_row; /* failures */
};

/* One object; false: stop. */
static bool
look(struct reconciler *r, const char *key, struct arena *a,
     struct found *found)
{
	bool news = false;
	enum sighting s = sighting_take(&r->conf, key, a, &news);

	count(r, &r->status.asked, 1);
	if (news) {
		log_info("reconcile_found", "%s/%s", r->conf.bucket, key);
		count(r, &r->status.made, 1);
		found->made++;
	}
	if (s == SIGHTING_UNAVAILABLE) {
		count(r, &r->status.failed, 1);
		found->failed++;
		found->in_a_row++;
	} else {
		found->in_a_row = 0;
	}
	return rest_us(r, HEAD_PAUSE_US);
}

/* ---- uploads whose announcer did not come back ----------------------------
 */

/* false: stop. */
static bool
look_at_intents(struct reconciler *r)
{
	int grace = r->every_s < GRACE_S ? (int)r->every_s : GRACE_S;
	size_t n = INTENTS_AT_ONCE;
	bool go_on = true;

	while (go_on && n == INTENTS_AT_ONCE) {
		struct found found = { 0 };
		const char **keys;
		struct arena a;

		arena_init(&a, ARENA_MAX);
		if (queue_intents_pending(r->conf.queue, r->conf.bucket, grace,
					  INTENTS_AT_ONCE, &a, &keys,
					  &n) != QUEUE_OK)
			n = 0; /* the pass says so */
		for (size_t i = 0;
		     i < n && go_on && found.in_a_row < FAILURES_MAX; i++)
			go_on = look(r, keys[i], &a, &found);
		if (found.in_a_row == FAILURES_MAX)
			n = 0;
		arena_release(&a);
	}
	return go_on;
}

/* ---- a page of the listing ------------------------------------------------
 */

struct page {
	struct store_list_page keys;
	struct queue_listed *listed; /* those that may be videos */
	size_t n;
	size_t *unlike; /* places in listed */
	size_t n_unlike;
};

/* The keys that a rule makes videos of. */
static void
choose(struct reconciler *r, const struct notification_rule *rules,
       struct arena *a, struct page *p)
{
	p->listed = arena_array(a, p->keys.n, sizeof(*p->listed));
	p->unlike = arena_array(a, p->keys.n, sizeof(*p->unlike));
	for (size_t i = 0; !a->err && i < p->keys.n; i++) {
		const struct store_list_entry *e = &p->keys.entries[i];

		if (e->is_prefix || e->object.size > r->conf.max_bytes ||
		    !slice_is_text(e->name) ||
		    sighting_is_folder(e->name, e->object.size) ||
		    !rules_find_video(rules, e->name))
			continue;
		p->listed[p->n++] = (struct queue_listed){
			.key = arena_cstr(a, e->name),
			.etag = e->object.etag,
			.modified_us = e->object.mtime_us,
		};
	}
}

/* What is there that the database does not speak of: NULL, or what went
 * wrong. */
static const char *
read_page(struct reconciler *r, struct slice after, struct arena *a,
	  struct page *p)
{
	const struct store_list_req req = {
		.bucket = slice_str(r->conf.bucket),
		.prefix = SLICE(PREFIX),
		.start_after = after,
		.max_keys = PAGE,
	};
	const struct notification_rule *rules;
	int64_t asked_us;

	if (queue_clock(r->conf.queue, &asked_us) != QUEUE_OK)
		return "the database does not answer";
	rule_cache_refresh(&r->rules);
	if (rule_cache_get(&r->rules, req.bucket, &rules) != S3_OK)
		return "the bucket's notification rules cannot be read";
	if (store_list(r->conf.store, &req, a, &p->keys) != S3_OK)
		return "the bucket cannot be listed";
	choose(r, rules, a, p);
	if (a->err)
		return "out of memory";
	if (queue_listed_unlike(r->conf.queue, r->conf.bucket, p->listed, p->n,
				asked_us, p->unlike, &p->n_unlike) != QUEUE_OK)
		return "the database does not answer";
	return NULL;
}

/* Deals with a page behind *after, and moves that. NULL, or what went wrong.
 * *ended: it was the last one, or the pass is no longer ours, or stop. */
static const char *
go_on_with_pass(struct reconciler *r, struct queue_pass *at, struct arena *a,
		bool *ended)
{
	struct page p = { 0 };
	struct found found = { 0 };
	const char *trouble = read_page(r, at->after, a, &p);
	bool go_on = true;
	enum queue_error err;

	*ended = true;
	if (trouble)
		return trouble;
	for (size_t i = 0; i < p.n_unlike && go_on; i++) {
		if (found.in_a_row == FAILURES_MAX)
			break;
		go_on = look(r, p.listed[p.unlike[i]].key, a, &found);
	}
	if (!go_on)
		return NULL; /* the page comes again */
	count(r, &r->status.listed, p.keys.n);
	*at = (struct queue_pass){ .after = p.keys.truncated ? p.keys.next
							     : SLICE_EMPTY,
				   .seen = p.keys.n,
				   .made = found.made,
				   .failed = found.failed };
	err = queue_pass_went(r->conf.queue, r->conf.bucket, r->holder, LEASE_S,
			      at, !p.keys.truncated, (int)r->every_s);
	if (err != QUEUE_OK && err != QUEUE_LOST)
		return "the database does not answer";
	count(r, &r->status.passes, !err && !p.keys.truncated);
	*ended = err || !p.keys.truncated;
	return NULL;
}

/* Where a pass is; the key outlives the page that it came with. */
static void
keep_place(struct buf *key, struct queue_pass *at)
{
	struct buf copy = BUF_INIT;

	buf_put(&copy, at->after);
	buf_release(key);
	*key = copy;
	at->after = buf_slice(key);
}

/* The pass that is due, where it is nobody else's; false: stop. */
static bool
list(struct reconciler *r)
{
	struct buf place = BUF_INIT;
	const char *trouble = NULL;
	bool ended = false, go_on = true;
	struct queue_pass at;
	enum queue_error err;
	struct arena a;

	arena_init(&a, ARENA_MAX);
	err = queue_pass_take(r->conf.queue, r->conf.bucket, r->holder, LEASE_S,
			      &a, &at);
	if (err == QUEUE_NOT_FOUND)
		ended = true;
	else if (err != QUEUE_OK)
		trouble = "the database does not answer";
	while (!ended && !trouble && go_on) {
		keep_place(&place, &at);
		arena_release(&a);
		arena_init(&a, ARENA_MAX);
		trouble = place.err ? "out of memory"
				    : go_on_with_pass(r, &at, &a, &ended);
		go_on = rest_us(r, ended || trouble ? 0 : PAGE_PAUSE_US);
	}
	arena_release(&a);
	buf_release(&place);
	tell_trouble(r, trouble);
	return rest_us(r, 0);
}

/* ---- the thread ------------------------------------------------------------
 */

static void
learn_last(struct reconciler *r)
{
	int64_t us;

	if (queue_pass_last(r->conf.queue, r->conf.bucket, &us) != QUEUE_OK)
		return;
	pthread_mutex_lock(&r->lock);
	r->status.complete_us = us;
	pthread_mutex_unlock(&r->lock);
}

static void *
reconcile_main(void *arg)
{
	struct reconciler *r = arg;

	pthread_setname_np(pthread_self(), "reconcile");
	do {
		if (!look_at_intents(r) || !list(r))
			break;
		learn_last(r);
	} while (rest_us(r, r->every_s * US_PER_S));
	return NULL;
}

static void
release(struct reconciler *r)
{
	rule_cache_release(&r->rules);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct reconciler *
reconciler_start(const struct sighting_conf *conf, unsigned every_s,
		 char err[512])
{
	struct reconciler *r = calloc(1, sizeof(*r));

	snprintf(err, 512, "reconciler: out of memory or threads");
	if (!r)
		return NULL;
	r->conf = *conf;
	r->every_s = every_s;
	uuid_new(r->holder);
	rule_cache_init(&r->rules, conf->store);
	pthread_mutex_init(&r->lock, NULL);
	time_cond_init(&r->wake);
	if (pthread_create(&r->thread, NULL, reconcile_main, r) == 0)
		return r;
	release(r);
	return NULL;
}

bool
reconciler_status(struct reconciler *r, struct reconciler_status *out)
{
	if (!r)
		return false;
	pthread_mutex_lock(&r->lock);
	*out = r->status;
	pthread_mutex_unlock(&r->lock);
	return true;
}

void
reconciler_stop(struct reconciler *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	release(r);
}
