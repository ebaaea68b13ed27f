/*
 * What is kept of the scrubber, and shown of it. Invariant: DATA/scrub is
 * replaced as a whole, so a crash costs at most the last half minute of a
 * pass.
 */
#include "store/local/scrub.h"
#include "base/io.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/timeval.h"
#include "store/local/blob.h"

#include <errno.h>

#define STATE_MAX (1u << 20)

/* ---- the state file ----------------------------------------------------- */

static void
encode(struct scrub *s, struct buf *b)
{
	struct scrub_state st;

	pthread_mutex_lock(&s->mu);
	st = s->st;
	s->unsaved = false;
	pthread_mutex_unlock(&s->mu);
	json_open_object(b, NULL);
	json_put_bool(b, "running", st.running);
	json_put_bool(b, "asked_for", st.asked_for);
	json_put_bool(b, "in_index", st.in_index);
	json_put_u64(b, "index_tries", st.index_tries);
	json_put_u64(b, "rate", st.rate);
	json_put_u64(b, "position", st.position);
	json_put_u64(b, "bytes", st.bytes);
	json_put_u64(b, "bytes_of", st.bytes_of);
	json_put_u64(b, "blobs", st.blobs);
	json_put_u64(b, "passes", st.passes);
	json_put_int(b, "started_us", st.started_us);
	json_put_int(b, "finished_us", st.finished_us);
	json_put_int(b, "next_us", st.next_us);
	damage_encode(s->ls, b, "damage");
	json_close_object(b);
	buf_putc(b, '\n');
}

void
scrub_save(struct scrub *s)
{
	struct buf b = BUF_INIT;

	encode(s, &b);
	if (!buf_ok(&b) || io_write_file(s->path, buf_slice(&b), 0640) != 0)
		log_warn("scrub_state", "%s cannot be written: %s", s->path,
			 strerror(errno));
	buf_release(&b);
	s->saved_us = time_mono_us();
}

static uint64_t
number(const cJSON *doc, const char *name)
{
	int64_t v = 0;

	(void)json_int(doc, name, &v);
	return v < 0 ? 0 : (uint64_t)v;
}

void
scrub_load(struct scrub *s)
{
	struct buf b = BUF_MAX(STATE_MAX);
	cJSON *doc = NULL;

	if (io_read_file(s->path, &b) == 0)
		doc = json_parse(buf_slice(&b));
	else if (errno != ENOENT)
		log_warn("scrub_state", "%s cannot be read: %s", s->path,
			 strerror(errno));
	s->st = (struct scrub_state){
		.running = json_bool(doc, "running", false),
		.asked_for = json_bool(doc, "asked_for", false),
		.in_index = json_bool(doc, "in_index", false),
		.index_tries = number(doc, "index_tries"),
		.rate = number(doc, "rate"),
		.position = number(doc, "position"),
		.bytes = number(doc, "bytes"),
		.bytes_of = number(doc, "bytes_of"),
		.blobs = number(doc, "blobs"),
		.passes = number(doc, "passes"),
		.started_us = (int64_t)number(doc, "started_us"),
		.finished_us = (int64_t)number(doc, "finished_us"),
		.next_us = (int64_t)number(doc, "next_us"),
	};
	damage_decode(s->ls, cJSON_GetObjectItemCaseSensitive(doc, "damage"));
	cJSON_Delete(doc);
	buf_release(&b);
}

/* ---- for operators ------------------------------------------------------ */

/* Of blobs that are gone, or will be, nobody wants to know. */
static size_t
drop_gone(struct local *ls, struct damage_item *v, size_t n)
{
	size_t kept = 0;
	MDB_txn *txn;

	if (n == 0 || local_read_begin(ls, &txn) != 0)
		return n;
	for (size_t i = 0; i < n; i++) {
		struct blob_row row = { 0, 0 };

		if (v[i].what == DAMAGE_ROW ||
		    gc_blob_get(ls, txn, v[i].blob_id, &row) == MDB_CORRUPTED ||
		    row.refs > 0)
			v[kept++] = v[i];
	}
	local_read_end(ls, txn);
	return kept;
}

static void
describe(const struct damage_item *item, struct arena *a,
	 struct store_damage *out)
{
	char name[BLOB_NAME_MAX];

	*out = (struct store_damage){ .text = damage_text(item->what),
				      .block = item->block,
				      .found_us = item->found_us };
	if (item->what == DAMAGE_ROW) {
		out->place = arena_cstr(a, slice_str(item->row));
		return;
	}
	blob_file_name(item->blob_id, name);
	out->place = arena_printf(a, "blobs/f/%s", name).p;
}

enum s3_error
store_scrub_status(struct store *store, bool objects, struct arena *a,
		   struct store_scrub_status *out)
{
	struct local *ls = local_only(store);
	struct scrub *s = ls ? ls->scrub : NULL;
	struct damage_item *items;
	struct store_damage *damage;
	size_t n;

	if (!s)
		return S3_ERR_NOT_IMPLEMENTED;
	pthread_mutex_lock(&s->mu);
	*out = (struct store_scrub_status){
		.running = s->st.running || s->asked,
		.in_index = s->st.in_index || s->asked,
		.rate = s->asked ? s->asked_rate : s->st.rate,
		.started_us = s->st.started_us,
		.finished_us = s->st.finished_us,
		.next_us = s->conf_rate ? s->st.next_us : 0,
		.passes = s->st.passes,
		.bytes = s->asked ? 0 : s->st.bytes,
		.bytes_of = s->st.bytes_of,
		.blobs = s->asked ? 0 : s->st.blobs,
	};
	pthread_mutex_unlock(&s->mu);
	pthread_mutex_lock(&ls->damages.mu);
	out->damage_lost = ls->damages.lost;
	out->damage_met = ls->damages.met;
	pthread_mutex_unlock(&ls->damages.mu);
	if (damage_list(ls, a, &items, &n) != 0)
		return S3_ERR_INTERNAL_ERROR;
	n = drop_gone(ls, items, n);
	damage = arena_array(a, n + 1, sizeof(*damage));
	for (size_t i = 0; damage && i < n; i++)
		describe(&items[i], a, &damage[i]);
	out->damage = damage;
	out->n_damage = n;
	if (a->err)
		return S3_ERR_INTERNAL_ERROR;
	return objects && n ? damage_owners(ls, items, damage, n, a) : S3_OK;
}
