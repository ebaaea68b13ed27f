/*
 * Where findings and progress of the check go, and whose the damaged blobs are.
 */
#include "store/local/check.h"

static void
tell(struct check *c, struct store_finding *f, const char *fmt, va_list ap)
{
	char line[512];

	vsnprintf(line, sizeof(line), fmt, ap);
	f->text = line;
	c->out->findings++;
	c->conf->found(c->conf->ctx, f);
}

void
check_found(struct check *c, const char *kind, const char *fmt, ...)
{
	struct store_finding f = { .kind = kind };
	va_list ap;

	va_start(ap, fmt);
	tell(c, &f, fmt, ap);
	va_end(ap);
}

void
check_found_at(struct check *c, const char *kind, struct slice bucket,
	       struct slice key, const char *version_id, const char *fmt, ...)
{
	struct store_finding f = { .kind = kind,
				   .bucket = bucket,
				   .key = key,
				   .version_id = version_id };
	va_list ap;

	va_start(ap, fmt);
	tell(c, &f, fmt, ap);
	va_end(ap);
}

/* ---- blobs --------------------------------------------------------------- */

struct bad_blob {
	struct damage_item item;
	char text[160];
};

void
check_found_blob(struct check *c, uint64_t id, uint64_t block, const char *fmt,
		 ...)
{
	bool whole = block == CHECK_WHOLE_BLOB;
	struct bad_blob bad = { .item = { .what = whole ? DAMAGE_MISSING
							: DAMAGE_BYTES,
					  .blob_id = id,
					  .block = whole ? 0 : block } };
	size_t before = c->damaged.n;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(bad.text, sizeof(bad.text), fmt, ap);
	va_end(ap);
	if (before < DAMAGE_MAX * sizeof(bad))
		buf_add(&c->damaged, &bad, sizeof(bad));
	if (c->damaged.n == before)
		check_found(c, "blob", "%s", bad.text);
}

static void
tell_blob(struct check *c, const char *text, const struct store_damage *owners)
{
	for (size_t i = 0; i < owners->n_objects; i++) {
		const struct store_damaged_object *o = &owners->objects[i];

		if (o->upload_id[0])
			check_found_at(c, "blob", o->bucket, o->key, NULL,
				       "%s: in a part of upload %s", text,
				       o->upload_id);
		else
			check_found_at(c, "blob", o->bucket, o->key,
				       o->version_id, "%s", text);
	}
	if (owners->n_objects == 0)
		check_found(c, "blob", "%s", text);
	else if (owners->more_objects)
		check_found(c, "blob", "%s: in more objects", text);
}

/* What cannot be named is told all the same. */
void
check_owners(struct check *c)
{
	const struct bad_blob *bad = (const void *)c->damaged.p;
	size_t n = c->damaged.n / sizeof(*bad);
	struct damage_item *items;
	struct store_damage *owners, unknown = { .n_objects = 0 };
	struct arena a;
	bool named;

	if (n == 0)
		return;
	check_progress(c, "objects", 0, 0);
	arena_init(&a, 64u << 20);
	items = arena_array(&a, n, sizeof(*items));
	owners = arena_array(&a, n, sizeof(*owners));
	for (size_t i = 0; items && i < n; i++)
		items[i] = bad[i].item;
	named = items && owners &&
		damage_owners(&c->ls, items, owners, n, &a) == S3_OK;
	for (size_t i = 0; i < n; i++)
		tell_blob(c, bad[i].text, named ? &owners[i] : &unknown);
	arena_release(&a);
	buf_clear(&c->damaged);
}

/* ---- progress ------------------------------------------------------------ */

void
check_progress(struct check *c, const char *what, uint64_t done, uint64_t of)
{
	if (c->conf->progress)
		c->conf->progress(c->conf->ctx, what, done, of);
}
