/*
 * The cursor: a small file of JSON, replaced as a whole. It names the plan it
 * is of, the outbox event up to which changes are done, where the walk is, and
 * the uploads that are open at the target.
 */
#include "gateway/migrate/work.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/log.h"

#include <errno.h>
#include <unistd.h>

#define FILE_MAX (1u << 20)

/* ---- reading ------------------------------------------------------------- */

static bool
text(const cJSON *doc, const char *name, char *out, size_t size)
{
	const char *s = json_str(doc, name);

	return s && snprintf(out, size, "%s", s) < (int)size;
}

static bool
read_plan(struct migrate *m, const cJSON *doc, struct migrate_cursor *c)
{
	const char *name = json_str(doc, "of"), *b = json_str(doc, "bucket"),
		   *p = json_str(doc, "prefix");
	const char *seq = json_str(doc, "seq");

	if (!name || strcmp(name, m->plan.name) != 0 || !b || !p ||
	    !slice_eq_str(m->plan.bucket, b) ||
	    !slice_eq_str(m->plan.prefix, p))
		return false;
	c->walked = json_bool(doc, "walked", false);
	return seq && slice_u64(slice_str(seq), &c->seq) == 0 &&
	       text(doc, "epoch", c->epoch, sizeof(c->epoch)) &&
	       text(doc, "atBucket", c->bucket, sizeof(c->bucket)) &&
	       text(doc, "atKey", c->key, sizeof(c->key));
}

static void
abort_uploads(struct migrate *m, const cJSON *doc)
{
	const cJSON *u;

	cJSON_ArrayForEach(u, cJSON_GetObjectItem(doc, "uploads"))
	{
		enum s3_error err = store_upload_abort(
		    m->plan.to, slice_str(json_str(u, "bucket")),
		    slice_str(json_str(u, "key")),
		    slice_str(json_str(u, "id")));

		if (err != S3_OK && err != S3_ERR_NO_SUCH_UPLOAD)
			log_warn("migrate_upload",
				 "an upload that was not completed is left at "
				 "the target: %s",
				 s3_error_info(err)->code);
	}
}

void
migrate_cursor_load(struct migrate *m)
{
	struct migrate_cursor c = { .seq = 0 };
	struct buf b = BUF_MAX(FILE_MAX);
	cJSON *doc = NULL;

	m->cursor = c;
	if (!m->plan.cursor)
		return;
	if (io_read_file(m->plan.cursor, &b) == 0)
		doc = json_parse(buf_slice(&b));
	if (doc && read_plan(m, doc, &c)) {
		abort_uploads(m, doc);
		if (!m->plan.restart)
			m->cursor = c;
	}
	cJSON_Delete(doc);
	buf_release(&b);
}

/* ---- writing ------------------------------------------------------------- */

static void
put_uploads(struct buf *b, const struct migrate *m)
{
	json_open_array(b, "uploads");
	for (size_t i = 0; i < ARRAY_LEN(m->uploads); i++) {
		const struct migrate_upload *u = &m->uploads[i];

		if (!u->open)
			continue;
		json_open_object(b, NULL);
		json_put_str(b, "bucket", u->bucket);
		json_put_str(b, "key", u->key);
		json_put_str(b, "id", u->id);
		json_close_object(b);
	}
	json_close_array(b);
}

/* mu is held, so that no older state comes last. */
static int
save(struct migrate *m)
{
	const struct migrate_cursor *c = &m->cursor;
	struct buf b = BUF_INIT;
	char seq[24];
	int rc = -1;

	if (!m->plan.cursor)
		return 0;
	snprintf(seq, sizeof(seq), "%llu", (unsigned long long)c->seq);
	json_open_object(&b, NULL);
	json_put_str(&b, "of", m->plan.name);
	json_put_slice(&b, "bucket", m->plan.bucket);
	json_put_slice(&b, "prefix", m->plan.prefix);
	json_put_str(&b, "epoch", c->epoch);
	json_put_str(&b, "seq", seq);
	json_put_bool(&b, "walked", c->walked);
	json_put_str(&b, "atBucket", c->bucket);
	json_put_str(&b, "atKey", c->key);
	put_uploads(&b, m);
	json_close_object(&b);
	buf_putc(&b, '\n');
	if (buf_ok(&b))
		rc = io_write_file(m->plan.cursor, buf_slice(&b), 0600);
	if (rc != 0)
		log_warn("migrate_cursor", "%s: %s", m->plan.cursor,
			 strerror(errno));
	buf_release(&b);
	return rc;
}

void
migrate_cursor_save(struct migrate *m)
{
	int rc;

	pthread_mutex_lock(&m->mu);
	rc = save(m);
	pthread_mutex_unlock(&m->mu);
	if (rc != 0)
		migrate_fail(m, "the file %s cannot be written: %s",
			     m->plan.cursor, strerror(errno));
}

bool
migrate_cursor_exists(const struct migrate *m)
{
	return m->plan.cursor && access(m->plan.cursor, F_OK) == 0;
}

bool
migrate_cursor_drop(struct migrate *m)
{
	m->cursor = (struct migrate_cursor){ .seq = 0 };
	if (!m->plan.cursor || unlink(m->plan.cursor) == 0 || errno == ENOENT)
		return true;
	migrate_fail(m, "the file %s cannot be removed: %s", m->plan.cursor,
		     strerror(errno));
	return false;
}

/* ---- uploads ------------------------------------------------------------- */

struct migrate_upload *
migrate_upload_open(struct migrate *m, struct slice bucket, struct slice key,
		    const char *id)
{
	struct migrate_upload *u = m->uploads;
	int rc;

	pthread_mutex_lock(&m->mu);
	while (u->open) /* there are as many as workers */
		u++;
	u->open = true;
	snprintf(u->bucket, sizeof(u->bucket), "%.*s", SLICE_ARG(bucket));
	snprintf(u->key, sizeof(u->key), "%.*s", SLICE_ARG(key));
	snprintf(u->id, sizeof(u->id), "%s", id);
	rc = save(m);
	u->open = rc == 0;
	pthread_mutex_unlock(&m->mu);
	return rc == 0 ? u : NULL;
}

void
migrate_upload_close(struct migrate *m, struct migrate_upload *u)
{
	if (!u)
		return;
	pthread_mutex_lock(&m->mu);
	u->open = false;
	pthread_mutex_unlock(&m->mu);
}
