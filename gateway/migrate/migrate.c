/*
 * A migration from its first look to its end, and what others may know of it.
 */
#include "gateway/migrate/work.h"
#include "base/log.h"
#include "base/timeval.h"

#include <stdarg.h>
#include <unistd.h>

#define CHANGES_MAX 20u /* passes: under steady change there is no last one */
#define WAIT_US 200000
#define KEY_SHOWN 128u
#define FAILED_MAX 1000u /* keys: then it is not about them */
#define UNANSWERED_MAX 20u

const char *
migrate_phase_name(enum migrate_phase p)
{
	static const char *const names[] = { "idle",	"looking",   "copying",
					     "changes", "verifying", "done",
					     "stopped", "failed" };

	return names[p];
}

struct migrate *
migrate_new(const struct migrate_plan *plan)
{
	struct migrate *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->plan = *plan;
	m->phase = MIGRATE_LOOKING;
	if (!m->plan.workers || m->plan.workers > MIGRATE_WORKERS_MAX)
		m->plan.workers = MIGRATE_WORKERS;
	pthread_mutex_init(&m->mu, NULL);
	arena_init(&m->arena, 1);
	return m;
}

void
migrate_free(struct migrate *m)
{
	if (!m)
		return;
	arena_release(&m->arena);
	pthread_mutex_destroy(&m->mu);
	free(m);
}

void
migrate_stop(struct migrate *m)
{
	atomic_store(&m->stop, true);
}

void
migrate_status(struct migrate *m, struct migrate_status *out)
{
	pthread_mutex_lock(&m->mu);
	out->phase = m->phase;
	out->pass = m->pass;
	out->settled = m->settled;
	out->n_notes = m->n_notes;
	memcpy(out->notes, m->notes, sizeof(out->notes));
	memcpy(out->err, m->err, sizeof(out->err));
	pthread_mutex_unlock(&m->mu);
	for (size_t i = 0; i < MIGRATE_COUNT; i++)
		out->count[i] = atomic_load(&m->count[i]);
}

/* ---- what goes wrong ----------------------------------------------------- */

/* The head of a key, without half a character at its end. */
static struct slice
key_head(struct slice key)
{
	size_t n = key.n < KEY_SHOWN ? key.n : KEY_SHOWN;

	while (n && n < key.n && ((unsigned char)key.p[n] & 0xc0) == 0x80)
		n--;
	return slice_head(key, n);
}

void
migrate_note(struct migrate *m, struct slice bucket, struct slice key,
	     const char *fmt, ...)
{
	char line[MIGRATE_NOTE_MAX];
	int n = snprintf(line, sizeof(line), "%.*s/%.*s: ", SLICE_ARG(bucket),
			 SLICE_ARG(key_head(key)));
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	log_warn("migrate", "%s", line);
	pthread_mutex_lock(&m->mu);
	if (m->n_notes < MIGRATE_NOTES_MAX)
		memcpy(m->notes[m->n_notes++], line, sizeof(line));
	pthread_mutex_unlock(&m->mu);
}

void
migrate_fail(struct migrate *m, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&m->mu);
	va_start(ap, fmt);
	if (!m->err[0])
		vsnprintf(m->err, sizeof(m->err), fmt, ap);
	va_end(ap);
	pthread_mutex_unlock(&m->mu);
	migrate_stop(m);
}

const char *
migrate_why(enum s3_error err)
{
	static const struct {
		enum s3_error err;
		const char *text;
	} texts[] = {
		{ S3_ERR_ACCESS_DENIED, "access is denied" },
		{ S3_ERR_INTERNAL_ERROR, "the gateway's log says why" },
		{ S3_ERR_SERVICE_UNAVAILABLE,
		  "no answer, or the keys are refused: the gateway's log says "
		  "which" },
		{ S3_ERR_SLOW_DOWN, "no answer in time" },
		{ S3_ERR_BAD_DIGEST,
		  "the bytes at the source are not those of its checksum" },
		{ S3_ERR_INSUFFICIENT_STORAGE, "there is no room" },
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].err == err)
			return texts[i].text;
	return s3_error_info(err)->code;
}

void
migrate_failed_key(struct migrate *m, struct slice bucket, struct slice key,
		   enum s3_error err)
{
	const char *code = migrate_why(err);
	bool unanswered =
	    err == S3_ERR_SERVICE_UNAVAILABLE || err == S3_ERR_SLOW_DOWN;
	uint64_t n = atomic_fetch_add(&m->count[MIGRATE_failed], 1) + 1;

	migrate_note(m, bucket, key, "failed: %s", code);
	if (err == S3_ERR_INSUFFICIENT_STORAGE)
		migrate_fail(m, "the target is full");
	else if (err == S3_ERR_NO_SUCH_BUCKET)
		migrate_fail(m, "bucket %.*s is gone", SLICE_ARG(bucket));
	else if (n >= (unanswered ? UNANSWERED_MAX : FAILED_MAX))
		migrate_fail(m, "%llu keys have failed, the last: %s",
			     (unsigned long long)n, code);
}

/* ---- the rate ------------------------------------------------------------ */

bool
migrate_pace(struct migrate *m, uint64_t n)
{
	int64_t now = time_mono_us(), wait;

	if (!m->plan.rate)
		return !migrate_stopped(m);
	pthread_mutex_lock(&m->mu);
	if (m->due_us < now)
		m->due_us = now;
	wait = m->due_us - now;
	m->due_us += (int64_t)((double)n * US_PER_S / (double)m->plan.rate);
	pthread_mutex_unlock(&m->mu);
	while (wait > 0 && !migrate_stopped(m)) {
		usleep((useconds_t)(wait < WAIT_US ? wait : WAIT_US));
		wait -= WAIT_US;
	}
	return !migrate_stopped(m);
}

/* ---- step by step -------------------------------------------------------- */

static void
enter(struct migrate *m, enum migrate_phase phase)
{
	pthread_mutex_lock(&m->mu);
	m->phase = phase;
	pthread_mutex_unlock(&m->mu);
	log_info("migrate", "%s", migrate_phase_name(phase));
}

static bool
has_failed_keys(const struct migrate *m)
{
	return atomic_load(&m->count[MIGRATE_failed]) > 0;
}

/* A local target knows its room. */
static bool
has_room(struct migrate *m)
{
	uint64_t want = atomic_load(&m->count[MIGRATE_bytes_of]);
	struct store_info info;

	if (m->plan.to != m->plan.outbox || !migrate_outbox(m, &info) ||
	    want <= info.spare_bytes)
		return !migrate_stopped(m);
	migrate_fail(m,
		     "%llu bytes are to be copied, the target has room for "
		     "%llu",
		     (unsigned long long)want,
		     (unsigned long long)info.spare_bytes);
	return false;
}

static void
walk(struct migrate *m, enum migrate_how how)
{
	enter(m, MIGRATE_COPYING);
	migrate_walk(m, how);
	if (migrate_stopped(m) || has_failed_keys(m))
		return;
	m->cursor.walked = true;
	m->cursor.bucket[0] = m->cursor.key[0] = '\0';
	migrate_cursor_save(m);
}

/* From the present on all that changes is in the outbox; what was made before
 * is in the table of buckets, which is read after. */
static bool
begin_cursor(struct migrate *m)
{
	struct store_info info;

	if (!migrate_outbox(m, &info))
		return false;
	m->cursor = (struct migrate_cursor){ .seq = info.last_seq };
	snprintf(m->cursor.epoch, sizeof(m->cursor.epoch), "%s", info.epoch);
	migrate_cursor_save(m);
	return !migrate_stopped(m) && migrate_buckets_read(m) &&
	       migrate_buckets_make(m, false);
}

/* Until a pass finds nothing. Events that are lost, since it has been so long,
 * are made up for by a walk that looks at everything. */
static void
changes(struct migrate *m)
{
	int64_t keys = 1;

	for (unsigned pass = 1; pass <= CHANGES_MAX && keys != 0; pass++) {
		pthread_mutex_lock(&m->mu);
		m->pass = pass;
		pthread_mutex_unlock(&m->mu);
		enter(m, MIGRATE_CHANGES);
		keys = migrate_changes(m);
		if (keys < 0 && m->plan.switched)
			migrate_fail(m,
				     "the outbox has lost events since the "
				     "last pass: what was changed since cannot "
				     "be told apart");
		else if (keys < 0 && begin_cursor(m))
			walk(m, MIGRATE_EVEN_HEADERS);
		if (migrate_stopped(m))
			return;
	}
	pthread_mutex_lock(&m->mu);
	m->settled = keys == 0 && !has_failed_keys(m);
	pthread_mutex_unlock(&m->mu);
}

/* The last pass is done, and the cursor gone: of what is deleted at the source
 * from now on nothing follows at the target. */
static bool
let_go(struct migrate *m)
{
	migrate_cursor_load(m);
	if (m->cursor.walked && migrate_buckets_make(m, false))
		changes(m);
	else if (migrate_cursor_exists(m))
		migrate_fail(m, "the migration is not completed: run it again "
				"without --remove-source, --bucket and "
				"--prefix");
	if (!migrate_stopped(m) && m->cursor.walked && !m->settled)
		migrate_fail(m, "the last pass left something to be copied: "
				"run this again without --remove-source");
	return !migrate_stopped(m) && migrate_cursor_drop(m);
}

static void
verify(struct migrate *m)
{
	if (m->plan.remove_source && !let_go(m))
		return;
	migrate_look(m, MIGRATE_COMPARE);
	enter(m, MIGRATE_VERIFYING);
	migrate_walk(m, MIGRATE_COMPARE);
}

static void
tell(struct migrate *m)
{
	char err[512];

	if (m->settled && !m->plan.switched && m->plan.tell &&
	    m->plan.tell(m->plan.tell_ctx, err) != 0)
		migrate_fail(m, "%s", err);
}

/* Of another S3 the outbox does not have all: browsers that were given its
 * URLs, other gateways and tools change it, too. So each run looks at all. */
static bool
is_told_all(const struct migrate *m)
{
	return m->plan.from == m->plan.outbox || m->plan.switched;
}

static void
bring(struct migrate *m)
{
	migrate_cursor_load(m);
	if (!is_told_all(m))
		m->cursor.walked = false;
	if (m->plan.switched && !m->cursor.walked) {
		migrate_fail(m,
			     "the target is served already, but no migration "
			     "to it was completed: set REELGATE_BACKEND back, "
			     "migrate, then switch");
		return;
	}
	if (!m->cursor.walked)
		migrate_look(m, MIGRATE_IF_DIFFERENT);
	if (m->plan.dry_run || !has_room(m) || !migrate_buckets_make(m, true))
		return;
	if (!m->cursor.walked && (m->cursor.epoch[0] || begin_cursor(m)))
		walk(m, MIGRATE_IF_DIFFERENT);
	if (!migrate_stopped(m))
		changes(m);
	migrate_buckets_end(m);
	tell(m);
}

enum migrate_phase
migrate_run(struct migrate *m)
{
	enter(m, MIGRATE_LOOKING);
	m->pool = migrate_pool_new(m, m->plan.workers);
	if (!m->pool)
		migrate_fail(m, "no threads for the copying");
	else if (migrate_buckets_read(m)) {
		if (m->plan.verify_only)
			verify(m);
		else
			bring(m);
	}
	migrate_pool_free(m->pool);
	m->pool = NULL;
	enter(m, m->err[0]	      ? MIGRATE_FAILED
		 : migrate_stopped(m) ? MIGRATE_STOPPED
				      : MIGRATE_DONE);
	return m->phase;
}
