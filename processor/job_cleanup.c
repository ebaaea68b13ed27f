/*
 * cleanup: takes away what nobody will ask for again. Ended jobs and old
 * events, uploads in parts that nobody finished, and objects below derived/
 * that no result names. It can be broken off anywhere and begun again.
 */
#include "processor/job.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "base/timeval.h"

#define JOBS_DAYS 7
#define EVENTS_DAYS 30
#define UPLOADS_AT_ONCE 64
#define KEYS_AT_ONCE 1000u
#define KEY_MAX 256
#define PREFIX "derived/"
/* Younger objects stay, whatever is known of them; "derived_age_s" of the
 * payload replaces it. */
#define AGE_S 86400
#define PAGE_MEMORY_MAX (8u << 20)

static int
fail_queue(struct job_run *run)
{
	return job_fail(run, false, "database");
}

/* ---- uploads in parts ---------------------------------------------------- */

static int
abort_uploads(struct job_run *run, size_t *count)
{
	struct store *store = run->objects.store;
	struct queue_intent *old;
	struct arena a;
	size_t n = UPLOADS_AT_ONCE;
	enum queue_error err = QUEUE_OK;

	while (err == QUEUE_OK && n == UPLOADS_AT_ONCE && !run->stop) {
		arena_init(&a, PAGE_MEMORY_MAX);
		err = queue_intents_abandoned(run->host->queue, UPLOADS_AT_ONCE,
					      &a, &old, &n);
		for (size_t i = 0; err == QUEUE_OK && i < n; i++) {
			enum s3_error gone = store_upload_abort(
			    store, slice_str(old[i].bucket),
			    slice_str(old[i].key), slice_str(old[i].upload_id));

			if ((gone != S3_OK && gone != S3_ERR_NO_SUCH_UPLOAD) ||
			    queue_intent_delete(run->host->queue, NULL,
						old[i].bucket,
						old[i].key) != QUEUE_OK)
				log_warn("upload_not_aborted", "%s",
					 old[i].key);
			else
				++*count;
		}
		arena_release(&a);
	}
	return err == QUEUE_OK ? 0 : fail_queue(run);
}

/* ---- derived objects ----------------------------------------------------- */

/* The part of a key up to the next slash; the rest stays in *s. */
static struct slice
next_part(struct slice *s)
{
	ssize_t at = slice_chr(*s, '/');
	struct slice part = at < 0 ? *s : slice_head(*s, (size_t)at);

	*s = at < 0 ? SLICE_EMPTY : slice_from(*s, (size_t)at + 1);
	return part;
}

/* derived/{uuid}/{32 hex digits or "clips"}/{file}: only such keys are ours. */
static bool
is_ours(struct slice key)
{
	struct slice rest = slice_from(key, sizeof(PREFIX) - 1);
	struct slice video = next_part(&rest), folder = next_part(&rest);
	struct slice file = next_part(&rest);

	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] <= ' ' || key.p[i] > '~')
			return false;
	for (size_t i = 0; i < folder.n && folder.n == 32; i++)
		if (!strchr("0123456789abcdef", folder.p[i]))
			return false;
	return key.n <= KEY_MAX && uuid_valid(video) && file.n && !rest.n &&
	       key.p[key.n - 1] != '/' &&
	       (folder.n == 32 || slice_eq(folder, SLICE("clips")));
}

/* One page: what is old and unused in it goes. */
static int
sweep_page(struct job_run *run, const char *bucket, int64_t before,
	   struct arena *a, const struct store_list_page *page, size_t *count)
{
	const char **keys = arena_array(a, page->n + 1, sizeof(*keys));
	bool *unused = arena_array(a, page->n + 1, sizeof(*unused));
	size_t n = 0;

	if (!keys || !unused)
		return job_fail(run, false, "out_of_memory");
	for (size_t i = 0; i < page->n; i++) {
		const struct store_list_entry *e = &page->entries[i];

		if (e->object.mtime_us < before && is_ours(e->name))
			keys[n++] = arena_cstr(a, e->name);
	}
	if (a->err)
		return job_fail(run, false, "out_of_memory");
	if (n && queue_derived_unused(run->host->queue, bucket, keys, n,
				      unused) != QUEUE_OK)
		return fail_queue(run);
	for (size_t i = 0; i < n && !run->stop; i++) {
		const struct store_ref ref =
		    STORE_REF(slice_str(bucket), slice_str(keys[i]));
		enum s3_error err;

		if (!unused[i])
			continue;
		err = store_remove(run->objects.store, &ref, NULL, NULL, NULL);
		if (err != S3_OK)
			return job_fail_store(run, err, "sweep");
		++*count;
	}
	return 0;
}

static int
sweep_bucket(struct job_run *run, const char *bucket, int64_t before,
	     size_t *count)
{
	struct buf after = BUF_INIT; /* keys are any bytes */
	bool more = true;
	int rc = 0;

	while (rc == 0 && more && !run->stop) {
		const struct store_list_req req = {
			.bucket = slice_str(bucket),
			.prefix = SLICE(PREFIX),
			.start_after = buf_slice(&after),
			.max_keys = KEYS_AT_ONCE,
		};
		struct store_list_page page;
		struct arena a;
		enum s3_error err;

		arena_init(&a, PAGE_MEMORY_MAX);
		err = store_list(run->objects.store, &req, &a, &page);
		more = err == S3_OK && page.truncated;
		if (err == S3_OK)
			rc = sweep_page(run, bucket, before, &a, &page, count);
		else if (err != S3_ERR_NO_SUCH_BUCKET)
			rc = job_fail_store(run, err, "sweep");
		buf_clear(&after);
		buf_put(&after, page.next);
		if (!buf_ok(&after) && more)
			rc = job_fail(run, false, "out_of_memory");
		arena_release(&a);
	}
	buf_release(&after);
	return rc;
}

static int
sweep(struct job_run *run, size_t *count)
{
	cJSON *payload = json_parse(slice_str(run->job.payload));
	int64_t age_s = AGE_S, before;
	const char **buckets;
	size_t n;
	int rc = 0;

	if (!json_int(payload, "derived_age_s", &age_s) || age_s < 0 ||
	    age_s > INT32_MAX)
		age_s = AGE_S;
	cJSON_Delete(payload);
	before = time_now_us() - age_s * US_PER_S;
	if (queue_video_buckets(run->host->queue, &run->arena, &buckets, &n) !=
	    QUEUE_OK)
		return fail_queue(run);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = sweep_bucket(run, buckets[i], before, count);
	return rc;
}

/* ---- the job ------------------------------------------------------------- */

int
job_cleanup(struct job_run *run)
{
	struct queue *q = run->host->queue;
	size_t uploads = 0, rows = 0, events = 0, objects = 0;
	int rc;

	/* what needs no store is not held up by one that is away */
	if (queue_cleanup(q, JOBS_DAYS, &rows) != QUEUE_OK ||
	    queue_events_cleanup(q, EVENTS_DAYS, &events) != QUEUE_OK)
		return fail_queue(run);
	rc = job_open_objects(run);
	if (rc == 0)
		rc = abort_uploads(run, &uploads);
	if (rc == 0)
		rc = sweep(run, &objects);
	if (rc == 0 && run->stop)
		rc = job_fail(run, false, "stopped");
	if (rc != 0)
		return rc;
	run->outcome.result =
	    arena_printf(&run->arena,
			 "{\"rows\":%zu,\"events\":%zu,\"uploads\":%zu,"
			 "\"objects\":%zu}",
			 rows, events, uploads, objects)
		.p;
	log_info("cleanup", "%zu rows, %zu events, %zu uploads, %zu objects",
		 rows, events, uploads, objects);
	return 0;
}
