/*
 * The list of damage, kept in order of blobs and blocks.
 */
#include "store/local/damage.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/timeval.h"

static const struct {
	const char *name; /* in the state file */
	const char *text;
} kinds[DAMAGE_KINDS] = {
	[DAMAGE_BYTES] = { "bytes", "its CRC-32C differs" },
	[DAMAGE_SHORT] = { "short", "the file ends before it" },
	[DAMAGE_LONG] = { "long", "the file goes on behind its end" },
	[DAMAGE_UNREADABLE] = { "unreadable", "the disk cannot read it" },
	[DAMAGE_MISSING] = { "missing", "there is no file" },
	[DAMAGE_CHECKSUM] = { "checksum", "the index has lost its checksum" },
	[DAMAGE_ROW] = { "row", "the row is damaged" },
};

const char *
damage_text(enum damage what)
{
	return kinds[what].text;
}

void
damages_init(struct damages *d)
{
	pthread_mutex_init(&d->mu, NULL);
}

void
damages_release(struct damages *d)
{
	pthread_mutex_destroy(&d->mu);
	free(d->v);
}

/* ---- the list; with its lock ------------------------------------------- */

static int
compare(const struct damage_item *a, const struct damage_item *b)
{
	if (a->blob_id != b->blob_id)
		return a->blob_id < b->blob_id ? -1 : 1;
	if (a->block != b->block)
		return a->block < b->block ? -1 : 1;
	return strcmp(a->row, b->row);
}

/* Room for one more: it grows by doubling. */
static bool
has_room(struct damages *d)
{
	struct damage_item *v;

	if (d->n == DAMAGE_MAX)
		return false;
	if (d->n & (d->n - 1))
		return true;
	v = realloc(d->v, (d->n ? 2 * d->n : 1) * sizeof(*v));
	if (v)
		d->v = v;
	return v;
}

/* False: it stood there already, or there is no room for it. */
static bool
add(struct damages *d, const struct damage_item *item)
{
	size_t i = d->n;
	bool other;

	while (i > 0 && compare(item, &d->v[i - 1]) < 0)
		i--;
	if (i > 0 && compare(item, &d->v[i - 1]) == 0) {
		other = d->v[i - 1].what != item->what;
		d->v[i - 1].what = item->what;
		d->v[i - 1].seen_us = item->seen_us;
		return other;
	}
	if (!has_room(d)) {
		d->lost++;
		return false;
	}
	memmove(d->v + i + 1, d->v + i, (d->n - i) * sizeof(*d->v));
	d->v[i] = *item;
	d->n++;
	return true;
}

static void
note(struct local *ls, struct damage_item *item)
{
	struct damages *d = &ls->damages;
	bool is_new;

	item->found_us = time_now_us();
	item->seen_us = time_mono_us();
	pthread_mutex_lock(&d->mu);
	d->met++;
	is_new = add(d, item);
	pthread_mutex_unlock(&d->mu);
	if (is_new && d->changed)
		d->changed(d->ctx);
}

/* ---- finding and settling ----------------------------------------------- */

void
damage_found(struct local *ls, enum damage what, uint64_t blob_id,
	     uint64_t block)
{
	struct damage_item item = { .what = what,
				    .blob_id = blob_id,
				    .block = block };

	log_error("object_damaged", "blob %016llx, block %llu: %s",
		  (unsigned long long)blob_id, (unsigned long long)block,
		  damage_text(what));
	note(ls, &item);
}

void
damage_found_row(struct local *ls, const char *row)
{
	struct damage_item item = { .what = DAMAGE_ROW,
				    .blob_id = DAMAGE_ROW_ID };

	snprintf(item.row, sizeof(item.row), "%s", row);
	log_error("index_damaged", "%s: %s", row, damage_text(DAMAGE_ROW));
	note(ls, &item);
}

void
damage_settle(struct local *ls, uint64_t first, uint64_t last, int64_t since_us)
{
	struct damages *d = &ls->damages;
	size_t kept = 0;

	pthread_mutex_lock(&d->mu);
	for (size_t i = 0; i < d->n; i++) {
		const struct damage_item *item = &d->v[i];

		if (item->blob_id < first || item->blob_id > last ||
		    item->seen_us >= since_us)
			d->v[kept++] = d->v[i];
	}
	d->n = kept;
	pthread_mutex_unlock(&d->mu);
}

bool
damage_known(struct local *ls, uint64_t blob_id, uint64_t first, uint64_t last)
{
	struct damages *d = &ls->damages;
	bool known = false;

	pthread_mutex_lock(&d->mu);
	for (size_t i = 0; i < d->n && !known; i++)
		known = d->v[i].blob_id == blob_id &&
			(d->v[i].what == DAMAGE_MISSING ||
			 (d->v[i].block >= first && d->v[i].block <= last));
	pthread_mutex_unlock(&d->mu);
	return known;
}

size_t
damage_count(struct local *ls)
{
	size_t n;

	pthread_mutex_lock(&ls->damages.mu);
	n = ls->damages.n;
	pthread_mutex_unlock(&ls->damages.mu);
	return n;
}

int
damage_list(struct local *ls, struct arena *a, struct damage_item **out,
	    size_t *n)
{
	struct damages *d = &ls->damages;

	pthread_mutex_lock(&d->mu);
	*n = d->n;
	*out = arena_array(a, d->n + 1, sizeof(**out));
	if (*out && d->n)
		memcpy(*out, d->v, d->n * sizeof(**out));
	pthread_mutex_unlock(&d->mu);
	return *out ? 0 : -1;
}

/* ---- kept in the state file --------------------------------------------- */

void
damage_encode(struct local *ls, struct buf *b, const char *name)
{
	struct damages *d = &ls->damages;

	pthread_mutex_lock(&d->mu);
	json_open_array(b, name);
	for (size_t i = 0; i < d->n; i++) {
		const struct damage_item *item = &d->v[i];

		json_open_object(b, NULL);
		json_put_str(b, "what", kinds[item->what].name);
		if (item->what != DAMAGE_ROW)
			json_put_u64(b, "blob", item->blob_id);
		json_put_u64(b, "block", item->block);
		json_put_int(b, "found_us", item->found_us);
		json_put_str(b, "row", item->row);
		json_close_object(b);
	}
	json_close_array(b);
	pthread_mutex_unlock(&d->mu);
}

static bool
decode_one(const cJSON *doc, struct damage_item *out)
{
	const char *what = json_str(doc, "what"), *row = json_str(doc, "row");
	int64_t blob = 0, block;

	*out = (struct damage_item){ .what = DAMAGE_NONE };
	for (size_t i = 1; what && i < DAMAGE_KINDS; i++)
		if (strcmp(what, kinds[i].name) == 0)
			out->what = (enum damage)i;
	if (!out->what || !row ||
	    (out->what != DAMAGE_ROW && !json_int(doc, "blob", &blob)) ||
	    !json_int(doc, "block", &block) || blob < 0 || block < 0 ||
	    !json_int(doc, "found_us", &out->found_us))
		return false;
	out->blob_id = out->what == DAMAGE_ROW ? DAMAGE_ROW_ID : (uint64_t)blob;
	out->block = (uint64_t)block;
	snprintf(out->row, sizeof(out->row), "%s", row);
	return true;
}

void
damage_decode(struct local *ls, const cJSON *array)
{
	struct damage_item item;
	const cJSON *one;

	pthread_mutex_lock(&ls->damages.mu);
	cJSON_ArrayForEach(one, array) if (decode_one(one, &item))(void)
	    add(&ls->damages, &item);
	pthread_mutex_unlock(&ls->damages.mu);
}
