/*
 * What was changed since the cursor, by the outbox. Each key is looked at
 * once, at the last of its events; a table of hashes says which that is.
 *
 * Once the target is served the outbox holds the changes of both times in one
 * order. A key whose last change came after the switch is left alone. Which
 * changes these are, the local store says, which is one of the sides: the
 * version that it has now was made by the event of its own number, so an event
 * that made it is of the time when the local store was served.
 */
#include "gateway/migrate/work.h"
#include "base/hash.h"
#include "store/journal.h"

#define PAGE_BYTES_MAX (16u << 20)
#define ROOM_MAX ((size_t)1 << 26) /* entries: 1 GiB */

/* Open addressing; seq 0: free. */
struct last {
	uint64_t hash;
	uint64_t seq;
};
struct lasts {
	struct last *v;
	size_t n, room; /* a power of two */
};

struct changes {
	struct migrate *m;
	struct lasts lasts;
	uint64_t after, upto;
	int64_t keys;
	bool lost;
	struct slice bucket, key; /* that is looked for */
};

/* ---- the table ----------------------------------------------------------- */

static uint64_t
hash_of(const struct store_event *e)
{
	uint8_t digest[SHA256_BYTES];
	char text[STORE_BUCKET_MAX + 1 + STORE_KEY_MAX];
	size_t n = 0;
	uint64_t h;

	bytes_copy(text, e->bucket.p, e->bucket.n);
	n = e->bucket.n;
	text[n++] = '/';
	bytes_copy(text + n, e->key.p, e->key.n);
	sha256(text, n + e->key.n, digest);
	memcpy(&h, digest, sizeof(h));
	return h;
}

static struct last *
find(struct lasts *t, uint64_t hash)
{
	size_t i = hash & (t->room - 1);

	while (t->v[i].seq && t->v[i].hash != hash)
		i = (i + 1) & (t->room - 1);
	return &t->v[i];
}

static int
grow(struct lasts *t)
{
	struct lasts bigger = { .room = t->room ? 2 * t->room : 1024,
				.n = t->n };

	if (t->room && t->n < t->room / 2)
		return 0;
	if (bigger.room > ROOM_MAX)
		return -1;
	bigger.v = calloc(bigger.room, sizeof(*bigger.v));
	if (!bigger.v)
		return -1;
	for (size_t i = 0; i < t->room; i++)
		if (t->v[i].seq)
			*find(&bigger, t->v[i].hash) = t->v[i];
	free(t->v);
	*t = bigger;
	return 0;
}

/* ---- events -------------------------------------------------------------- */

/* Is it a change of what is copied, and not our own? */
static bool
concerns(const struct migrate *m, const struct store_event *e)
{
	return !slice_eq_str(e->principal_id, MIGRATE_PRINCIPAL) &&
	       e->bucket.n <= STORE_BUCKET_MAX && e->key.n <= STORE_KEY_MAX &&
	       slice_starts(e->key, m->plan.prefix) &&
	       migrate_bucket_find(m, e->bucket);
}

/* Calls @each for those of interest. false: they cannot be read. */
static bool
each_event(struct changes *c,
	   bool (*each)(struct changes *c, const struct store_event *e))
{
	struct migrate *m = c->m;
	uint64_t at = c->after;
	bool ok = true;

	while (ok && at < c->upto && !migrate_stopped(m)) {
		struct store_event *v;
		struct arena a;
		size_t n = 0;

		arena_init(&a, PAGE_BYTES_MAX);
		ok = store_events(m->plan.outbox, at, MIGRATE_PAGE, &a, &v,
				  &n) == S3_OK;
		if (ok && (n == 0 || v[0].seq != at + 1))
			c->lost = true;
		ok = ok && !c->lost;
		for (size_t i = 0; ok && i < n && v[i].seq <= c->upto; i++) {
			at = v[i].seq;
			if (concerns(m, &v[i]))
				ok = each(c, &v[i]);
		}
		arena_release(&a);
	}
	return ok;
}

static bool
note_last(struct changes *c, const struct store_event *e)
{
	struct last *l;
	uint64_t hash = hash_of(e);

	if (grow(&c->lasts) != 0) {
		migrate_fail(c->m, "too many changes at once: out of memory");
		return false;
	}
	l = find(&c->lasts, hash);
	c->lasts.n += l->seq == 0;
	*l = (struct last){ hash, e->seq };
	return true;
}

/* ---- after the switch ---------------------------------------------------- */

/* false: the key was changed since the target is served. */
static bool
is_before_switch(struct migrate *m, const struct store_event *e)
{
	const struct store_ref ref = STORE_REF(e->bucket, e->key);
	struct store *local = m->plan.outbox;
	struct store_object o;
	enum s3_error err;
	struct arena a;
	bool before;

	arena_init(&a, 1u << 20);
	if (slice_starts(e->event_name, SLICE("ObjectRemoved:"))) {
		/* where the source has it, only the target's was removed */
		err = store_get(m->plan.from, &ref, NULL, &a, &o, NULL);
		before = err != S3_OK;
	} else {
		err = store_get(local, &ref, NULL, &a, &o, NULL);
		before = (err == S3_OK && o.seq == e->seq) ==
			 (m->plan.from == local);
	}
	arena_release(&a);
	return before;
}

static bool
bring_last(struct changes *c, const struct store_event *e)
{
	struct migrate *m = c->m;
	const struct migrate_bucket *b = migrate_bucket_find(m, e->bucket);

	if (find(&c->lasts, hash_of(e))->seq != e->seq)
		return true;
	if (m->plan.switched && !is_before_switch(m, e)) {
		migrate_add(m, MIGRATE_kept, 1);
		return true;
	}
	c->keys++;
	migrate_add(m, MIGRATE_objects_of, 1);
	migrate_pool_push(m->pool, b, e->key, MIGRATE_EVEN_HEADERS);
	return true;
}

/* ---- meanwhile ----------------------------------------------------------- */

/* false, which ends the reading: this is it. */
static bool
is_another(struct changes *c, const struct store_event *e)
{
	return !slice_eq(e->bucket, c->bucket) || !slice_eq(e->key, c->key);
}

/* Changes under way in another S3, whose events are to come. */
static bool
no_intent(struct changes *c)
{
	struct journal_intent *v;
	uint64_t at = 0;
	size_t n = MIGRATE_PAGE;
	bool ok = true;

	while (ok && n == MIGRATE_PAGE) {
		struct arena a;

		arena_init(&a, PAGE_BYTES_MAX);
		ok = journal_intents(c->m->plan.outbox, at, MIGRATE_PAGE, &a,
				     &v, &n) == S3_OK;
		for (size_t i = 0; ok && i < n; i++) {
			at = v[i].id;
			ok = is_another(c, &v[i].event);
		}
		arena_release(&a);
	}
	return ok;
}

/* An intent becomes an event, so intents are looked at first. */
bool
migrate_is_touched(struct migrate *m, struct slice bucket, struct slice key)
{
	struct changes c = {
		.m = m, .after = m->upto, .bucket = bucket, .key = key
	};
	struct store_info info;

	if (!no_intent(&c) || store_info(m->plan.outbox, &info) != S3_OK)
		return true;
	c.upto = info.last_seq;
	return !each_event(&c, is_another) || migrate_stopped(m);
}

/* ---- one pass ------------------------------------------------------------ */

bool
migrate_outbox(struct migrate *m, struct store_info *out)
{
	enum s3_error err = store_info(m->plan.outbox, out);

	if (err != S3_OK)
		migrate_fail(m, "the outbox cannot be read: %s",
			     migrate_why(err));
	return err == S3_OK;
}

int64_t
migrate_changes(struct migrate *m)
{
	struct changes c = { .m = m, .after = m->cursor.seq };
	uint64_t failed = atomic_load(&m->count[MIGRATE_failed]);
	struct store_info info;

	if (!migrate_outbox(m, &info))
		return 0;
	c.upto = m->upto = info.last_seq;
	if (strcmp(info.epoch, m->cursor.epoch) != 0 || c.upto < c.after)
		return -1;
	/* read after upto: whose event is looked at, its bucket is known */
	if (!migrate_buckets_read(m) || !migrate_buckets_make(m, false))
		return 0;
	if (!each_event(&c, note_last) || !each_event(&c, bring_last))
		if (!c.lost && !migrate_stopped(m))
			migrate_fail(m, "the outbox cannot be read");
	migrate_pool_drain(m->pool);
	free(c.lasts.v);
	if (c.lost)
		return -1;
	if (!migrate_stopped(m) &&
	    atomic_load(&m->count[MIGRATE_failed]) == failed) {
		m->cursor.seq = c.upto;
		migrate_cursor_save(m);
	}
	return c.keys;
}
