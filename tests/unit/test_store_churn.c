/*
 * All operations at random, from several threads, against a model. Each worker
 * owns a bucket and knows exactly what lies there; copies and reads go across
 * all buckets. What an ETag stands for never changes, so whoever meets one
 * knows its bytes.
 * Between rounds, and after the store was opened anew, every reference is
 * counted, the listings are compared with the model, and the blobs on disk
 * with their rows. In the end everything is deleted and nothing may be left.
 * A failure names seed, worker, step and line; SEED=n runs that one.
 */
#include "tests/unit/store_churn.h"

#define ROUNDS 5u
#define STEPS 500u
#define SEEDS 2u

/* ---- reading ------------------------------------------------------------- */

static void
check_window(struct worker *w, struct store_read *r, const struct content *c,
	     uint64_t from, uint64_t n)
{
	char got[4096], want[4096];

	n = n < sizeof(got) ? n : sizeof(got);
	n = n < c->size - from ? n : c->size - from;
	CHECK(w, store_read_at(r, from, got, n) == S3_OK);
	fill(c, from, want, n);
	CHECK(w, memcmp(got, want, n) == 0);
}

/* Around each seam, and somewhere. */
static void
check_bytes(struct worker *w, struct store_read *r, const struct content *c)
{
	uint64_t seam = 0;
	char byte;

	for (size_t i = 0; i < c->n; i++) {
		check_window(w, r, c, seam > 50 ? seam - 50 : 0, 150);
		seam += c->piece[i].size;
	}
	if (c->size) {
		check_window(w, r, c, c->size > 99 ? c->size - 99 : 0, 99);
		check_window(w, r, c, rnd(w, c->size), 3000);
	}
	CHECK(w, store_read_at(r, c->size, &byte, 1) == S3_ERR_INTERNAL_ERROR);
}

static void
check_extents(struct worker *w, struct store_read *r, const struct content *c)
{
	struct store_extent e[2 * PIECES_MAX];
	uint64_t size = 0;
	size_t n;

	CHECK(w, store_read_extents(r, e, ARRAY_LEN(e), &n) == S3_OK);
	for (size_t i = 0; i < n; i++)
		size += e[i].size;
	CHECK(w, size == c->size);
}

static void
check_parts(struct worker *w, const struct store_ref *ref,
	    const struct content *c)
{
	struct store_part *p;
	uint64_t at = 0;
	size_t n;

	if (store_get_parts(w->s, ref, 0, 1000, &w->a, &p, &n) != S3_OK)
		return; /* gone meanwhile */
	for (size_t i = 0; n == c->n_parts && i < n; i++) {
		CHECK(w, p[i].number == i + 1 && p[i].offset == at);
		at += p[i].size;
	}
}

/* A read of many pieces may stay open, with most of them not opened yet, while
 * others go on. */
static void
check_or_hold(struct worker *w, struct store_read *r, const struct content *c)
{
	if (w->held || c->n < 2) {
		check_bytes(w, r, c);
		store_read_close(r);
		return;
	}
	w->held = r;
	w->held_body = c;
	w->held_on++;
}

/* Any object of anybody: its bytes are what its ETag says. */
static void
op_read(struct worker *w)
{
	const struct worker *of = &w->churn->workers[rnd(w, WORKERS)];
	struct store_ref ref = STORE_REF(of->bucket, key_of(w, rnd(w, KEYS)));
	const struct content *c;
	struct store_object o;
	struct store_read *r;
	enum s3_error err;

	if (w->held && rnd(w, 6) == 0) {
		check_bytes(w, w->held, w->held_body);
		check_extents(w, w->held, w->held_body);
		store_read_close(w->held);
		w->held = NULL;
	}
	err = store_get(w->s, &ref, NULL, &w->a, &o, &r);
	CHECK(w, err == S3_OK || err == S3_ERR_NO_SUCH_KEY ||
		     err == S3_ERR_NO_SUCH_BUCKET);
	if (err != S3_OK)
		return;
	c = look_up(w->churn, o.etag);
	CHECK(w, c || of != w); /* else its maker is about to tell */
	if (!c) {
		store_read_close(r);
		return;
	}
	CHECK(w, o.size == c->size && o.n_parts == c->n_parts);
	check_parts(w, &ref, c);
	check_or_hold(w, r, c);
}

/* Exactly what the model has. */
static void
op_get(struct worker *w)
{
	unsigned key = rnd(w, KEYS);
	long top = newest(w, key, w->n), i = top;
	struct store_ref ref = STORE_REF(w->bucket, key_of(w, key));
	const struct mversion *v;
	struct store_object o;
	struct store_read *r;
	enum s3_error err;

	if (w->n && rnd(w, 2)) {
		i = (long)rnd(w, w->n);
		ref.key = key_of(w, w->v[i].key);
		ref.version_id = slice_str(w->v[i].id);
		top = newest(w, w->v[i].key, w->n);
	}
	err = store_get(w->s, &ref, NULL, &w->a, &o, &r);
	if (i < 0) {
		CHECK(w, err == S3_ERR_NO_SUCH_KEY);
		return;
	}
	v = &w->v[i];
	CHECK(w, strcmp(o.version_id, v->id) == 0);
	CHECK(w, o.is_latest == (i == top));
	CHECK(w, o.is_delete_marker == !v->body);
	CHECK(w, (err == S3_OK) == (v->body != NULL));
	if (!v->body)
		return;
	CHECK(w, strcmp(o.etag, v->body->etag) == 0);
	CHECK(w, o.size == v->body->size);
	CHECK(w, slice_eq(store_headers_get(&o.tags, "t"),
			  v->tag ? arena_printf(&w->a, "%u", v->tag)
				 : SLICE_EMPTY));
	check_or_hold(w, r, v->body);
}

/* ---- objects ------------------------------------------------------------- */

static void
write_content(struct worker *w, struct store_put *put, const struct content *c)
{
	char p[10000];

	for (uint64_t at = 0, n; at < c->size; at += n) {
		n = c->size - at < sizeof(p) ? c->size - at : sizeof(p);
		fill(c, at, p, n);
		CHECK(w, store_put_write(put, p, n) == S3_OK);
	}
}

static const struct content *
some_content(struct worker *w)
{
	static const size_t sizes[] = { 0, 1, 10, 4096, 4097, 20000, 70000 };

	return new_content(w->churn, sizes[rnd(w, ARRAY_LEN(sizes))]);
}

static void
op_put(struct worker *w)
{
	unsigned key = rnd(w, KEYS);
	const struct content *c = some_content(w);
	struct store_put_req req = { .bucket = w->bucket,
				     .key = key_of(w, key),
				     .size = rnd(w, 2) ? c->size : UINT64_MAX,
				     .cond = STORE_COND_NONE };
	struct store_put_final fin = { .etag = slice_str(c->etag),
				       .note = fixture_note("put") };
	struct store_object o;
	struct store_put *put;

	CHECK(w, store_put_begin(w->s, &req, &put) == S3_OK);
	write_content(w, put, c);
	if (rnd(w, 8) == 0) {
		store_put_abort(put);
		return;
	}
	CHECK(w, store_put_commit(put, &fin, &o) == S3_OK);
	add(w, key, o.version_id, c);
}

static void
op_remove(struct worker *w)
{
	unsigned key = rnd(w, KEYS);
	long i = newest(w, key, w->n);
	struct store_note note = fixture_note("x");
	struct store_removed r;

	CHECK(w, store_remove(w->s, &STORE_REF(w->bucket, key_of(w, key)), NULL,
			      &note, &r) == S3_OK);
	CHECK(w, r.existed == (i >= 0 && w->v[i].body));
	removed(w, key, r.version_id);
}

/* Versions that are there, or no more, some twice. */
static void
op_remove_many(struct worker *w)
{
	struct store_note note = fixture_note("x");
	struct mversion v[6];
	struct store_removal gone[ARRAY_LEN(v)];
	size_t n = w->n ? 1 + rnd(w, ARRAY_LEN(v)) : 0;

	for (size_t i = 0; i < n; i++) {
		v[i] = w->v[rnd(w, w->n)];
		gone[i] =
		    (struct store_removal){ .key = key_of(w, v[i].key),
					    .version_id = slice_str(v[i].id),
					    .cond = STORE_COND_NONE };
	}
	CHECK(w, store_remove_many(w->s, w->bucket, gone, n, &note) == S3_OK);
	for (size_t i = 0; i < n; i++) {
		long at = find(w, v[i].key, v[i].id);

		CHECK(w, gone[i].err == S3_OK);
		CHECK(w, gone[i].removed.existed == (at >= 0));
		if (at >= 0) {
			drop(w, (size_t)at);
			w->events++;
		}
	}
}

static void
op_tags(struct worker *w)
{
	unsigned tag = 1 + rnd(w, 100000);
	struct store_header h = { SLICE("t"), arena_printf(&w->a, "%u", tag) };
	struct store_headers tags = { &h, 1 };
	struct store_note note = fixture_note("tags");
	struct mversion *v;
	struct store_ref ref;
	enum s3_error err;

	if (!w->n)
		return;
	v = &w->v[rnd(w, w->n)];
	ref = (struct store_ref){ w->bucket, key_of(w, v->key),
				  slice_str(v->id) };
	err = store_tags_put(w->s, &ref, &tags, &note, NULL);
	CHECK(w, err == (v->body ? S3_OK : S3_ERR_METHOD_NOT_ALLOWED));
	if (v->body) {
		v->tag = tag;
		w->events++;
	}
}

struct source {
	struct store_ref ref;
	uint64_t seq;
	unsigned key;
	const struct content *body;
	bool own;
};

/* An object of anybody's, or the large one; false when there is none. */
static bool
some_source(struct worker *w, struct source *out)
{
	const struct worker *of =
	    &w->churn->workers[rnd(w, 2) ? w->no : rnd(w, WORKERS)];
	struct store_object o;

	out->key = rnd(w, KEYS);
	out->own = of == w;
	out->ref = STORE_REF(of->bucket, key_of(w, out->key));
	if (rnd(w, 3) == 0)
		out->ref = STORE_REF(BUCKET, SLICE("base"));
	if (store_get(w->s, &out->ref, NULL, &w->a, &o, NULL) != S3_OK)
		return false;
	out->seq = o.seq;
	out->body = look_up(w->churn, o.etag);
	return out->body;
}

/* What may have become of a source that is not our own. */
static bool
lost(const struct source *from, enum s3_error err)
{
	return !from->own &&
	       (err == S3_ERR_OPERATION_ABORTED || err == S3_ERR_NO_SUCH_KEY ||
		err == S3_ERR_NO_SUCH_BUCKET);
}

static void
copy(struct worker *w, const struct source *from, bool rename)
{
	unsigned key = rnd(w, KEYS);
	struct store_copy_req req = { .source = from->ref,
				      .source_seq = from->seq,
				      .bucket = w->bucket,
				      .key = key_of(w, key),
				      .cond = STORE_COND_NONE,
				      .note = fixture_note("copy"),
				      .rename = rename };
	struct store_object o;
	enum s3_error err = store_copy(w->s, &req, &o);

	if (lost(from, err))
		return;
	if (rename && key == from->key) {
		CHECK(w, err == S3_ERR_INVALID_REQUEST);
		return;
	}
	CHECK(w, err == S3_OK);
	add(w, key, o.version_id, from->body);
	w->copied++;
	if (!rename)
		return;
	w->renamed++;
	err = store_get(w->s, &req.source, NULL, &w->a, &o, NULL);
	CHECK(w, err == S3_ERR_NO_SUCH_KEY);
	CHECK(w, o.is_delete_marker == (w->versioning != STORE_UNVERSIONED));
	removed(w, from->key, o.version_id);
}

static void
op_copy(struct worker *w)
{
	struct source from;

	if (some_source(w, &from))
		copy(w, &from, false);
}

static void
op_rename(struct worker *w)
{
	struct source from;

	if (some_source(w, &from) && slice_eq(from.ref.bucket, w->bucket))
		copy(w, &from, true);
}

static void
op_versioning(struct worker *w)
{
	if (w->churn->round == 0)
		return; /* a while of each bucket unversioned */
	w->versioning =
	    rnd(w, 3) ? STORE_VERSIONING_ENABLED : STORE_VERSIONING_SUSPENDED;
	CHECK(w,
	      store_bucket_versioning(w->s, w->bucket, w->versioning) == S3_OK);
}

/* ---- uploads ------------------------------------------------------------- */

static struct mupload *
some_upload(struct worker *w)
{
	return w->n_uploads ? &w->u[rnd(w, w->n_uploads)] : NULL;
}

static void
forget_upload(struct worker *w, struct mupload *u)
{
	*u = w->u[--w->n_uploads];
}

static void
op_upload(struct worker *w)
{
	struct mupload *u = &w->u[w->n_uploads];
	struct store_upload_req req = { .bucket = w->bucket,
					.initiator = OWNER };

	if (w->n_uploads == UPLOADS)
		return;
	*u = (struct mupload){ .key = rnd(w, KEYS) };
	req.key = key_of(w, u->key);
	CHECK(w, store_upload_create(w->s, &req, u->id) == S3_OK);
	w->n_uploads++;
}

static struct store_part_ref
part_ref(const struct worker *w, const struct mupload *u, uint32_t number)
{
	return (struct store_part_ref){
		w->bucket, key_of(w, u->key), slice_str(u->id), number, 0, NULL
	};
}

static void
op_part(struct worker *w)
{
	struct mupload *u = some_upload(w);
	const struct content *c = some_content(w);
	struct store_put_final fin = { .etag = slice_str(c->etag) };
	uint32_t number = 1 + rnd(w, PARTS);
	struct store_part_ref ref;
	struct store_put *put;

	if (!u)
		return;
	ref = part_ref(w, u, number);
	CHECK(w, store_part_begin(w->s, &ref, c->size, 0, &put) == S3_OK);
	write_content(w, put, c);
	CHECK(w, store_put_commit(put, &fin, NULL) == S3_OK);
	u->part[number - 1] = c;
}

static void
op_part_copy(struct worker *w)
{
	struct mupload *u = some_upload(w);
	uint32_t number = 1 + rnd(w, PARTS);
	struct store_part_copy_req req = { 0 };
	struct content c = { 0 };
	struct store_part out;
	struct source from;
	enum s3_error err;

	if (!u || !some_source(w, &from))
		return;
	req.part = part_ref(w, u, number);
	req.source = from.ref;
	req.source_seq = from.seq;
	if (from.body->size == BASE_BYTES && rnd(w, 2)) {
		/* Side by side, an even number's behind an odd one's. */
		req.offset = number % 2 ? 0 : PART_MIN;
		req.size = number % 2 ? PART_MIN : BASE_BYTES - PART_MIN;
	} else if (from.body->size >= PART_MIN) {
		req.offset = rnd(w, from.body->size - PART_MIN + 1);
		req.size = from.body->size - req.offset;
	} else {
		req.offset = rnd(w, from.body->size + 1);
		req.size = rnd(w, from.body->size - req.offset + 1);
	}
	if (!append(&c, from.body, req.offset, req.size) ||
	    c.n > PIECES_MAX / PARTS)
		return;
	new_etag(&c);
	req.etag = slice_str(c.etag);
	err = store_part_copy(w->s, &req, &out);
	if (lost(&from, err))
		return;
	CHECK(w, err == S3_OK && out.size == req.size);
	u->part[number - 1] = publish(w->churn, &c);
	w->part_copied++;
}

/* Most of the parts, in order; the content they make. */
static size_t
name_some(struct worker *w, const struct mupload *u,
	  struct store_complete_part *parts, struct content *whole,
	  bool *too_small)
{
	bool big_only = rnd(w, 8) > 0;
	size_t n = 0;

	*too_small = false;
	for (uint32_t i = 0; i < PARTS; i++) {
		const struct content *p = u->part[i];

		if (!p || rnd(w, 8) == 0)
			continue;
		if (n && whole->part_sizes[n - 1] < PART_MIN) {
			if (big_only)
				break;
			*too_small = true;
		}
		parts[n] =
		    (struct store_complete_part){ .number = i + 1,
						  .etag = slice_str(p->etag) };
		CHECK(w, append(whole, p, 0, p->size));
		whole->part_sizes[n++] = p->size;
	}
	whole->n_parts = (uint32_t)n;
	return n;
}

static void
op_complete(struct worker *w)
{
	struct mupload *u = some_upload(w), was;
	struct store_complete_part parts[PARTS];
	struct store_complete_result res, again;
	struct content whole = { 0 };
	struct store_complete_req req;
	struct store_put *put;
	struct store_part_ref ref;
	bool too_small;
	enum s3_error err;
	size_t n;

	if (!u)
		return;
	was = *u;
	n = name_some(w, u, parts, &whole, &too_small);
	if (n == 0)
		return;
	req = complete_req(was.id, parts, n);
	req.bucket = w->bucket;
	req.key = key_of(w, was.key);
	if (rnd(w, 8) == 0) {
		parts[0].etag = SLICE("00000000000000000000000000000000");
		err = store_upload_complete(w->s, &req, &res);
		CHECK(w, err == S3_ERR_INVALID_PART);
		return;
	}
	err = store_upload_complete(w->s, &req, &res);
	CHECK(w, err == (too_small ? S3_ERR_ENTITY_TOO_SMALL : S3_OK));
	if (err != S3_OK)
		return;
	snprintf(whole.etag, sizeof(whole.etag), "%s", res.object.etag);
	CHECK(w, res.object.size == whole.size);
	add(w, was.key, res.object.version_id, publish(w->churn, &whole));
	forget_upload(w, u);
	w->completed++;
	if (rnd(w, 2)) {
		err = store_upload_complete(w->s, &req, &again);
		CHECK(w, err == S3_OK && again.object.seq == res.object.seq);
		ref = part_ref(w, &was, 1);
		err = store_part_begin(w->s, &ref, 1, 0, &put);
		CHECK(w, err == S3_ERR_NO_SUCH_UPLOAD);
	}
}

static void
op_abort(struct worker *w)
{
	struct mupload *u = some_upload(w);
	struct slice id, key;

	if (!u)
		return;
	id = arena_copy(&w->a, slice_str(u->id));
	key = key_of(w, u->key);
	CHECK(w, store_upload_abort(w->s, w->bucket, key, id) == S3_OK);
	forget_upload(w, u);
	CHECK(w, store_upload_abort(w->s, w->bucket, key, id) ==
		     S3_ERR_NO_SUCH_UPLOAD);
}

/* ---- buckets ------------------------------------------------------------- */

static void
make_bucket(struct worker *w)
{
	CHECK(w,
	      store_bucket_create(w->s, w->bucket, OWNER, SLICE("r")) == S3_OK);
	w->versioning = STORE_UNVERSIONED;
}

/* All goes; uploads in progress go with the bucket. */
static void
delete_bucket(struct worker *w)
{
	struct store_note note = fixture_note("x");

	while (w->n) {
		const struct mversion *v = &w->v[w->n / 2];
		struct store_ref ref = { w->bucket, key_of(w, v->key),
					 slice_str(v->id) };

		CHECK(w, store_bucket_delete(w->s, w->bucket) ==
			     S3_ERR_BUCKET_NOT_EMPTY);
		CHECK(w, store_remove(w->s, &ref, NULL, &note, NULL) == S3_OK);
		drop(w, w->n / 2);
		w->events++;
	}
	CHECK(w, store_bucket_delete(w->s, w->bucket) == S3_OK);
}

static void
op_bucket(struct worker *w)
{
	struct mupload *u = some_upload(w);
	struct store_upload up;

	if (rnd(w, 3))
		return;
	delete_bucket(w);
	make_bucket(w);
	if (u)
		CHECK(w, store_upload_get(w->s, w->bucket, key_of(w, u->key),
					  slice_str(u->id), &w->a,
					  &up) == S3_ERR_NO_SUCH_UPLOAD);
	w->n_uploads = 0;
}

/* ---- a round ------------------------------------------------------------- */

static void
step(struct worker *w)
{
	static const struct {
		unsigned weight;
		void (*op)(struct worker *);
	} ops[] = {
		{ 12, op_put },	      { 6, op_remove },	  { 6, op_remove_many },
		{ 6, op_tags },	      { 12, op_copy },	  { 6, op_rename },
		{ 1, op_versioning }, { 6, op_upload },	  { 6, op_part },
		{ 16, op_part_copy }, { 8, op_complete }, { 2, op_abort },
		{ 1, op_bucket },     { 8, op_get },	  { 10, op_read },
	};
	uint32_t total = 0, at;

	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		total += ops[i].weight;
	at = rnd(w, total);
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		if (at < ops[i].weight) {
			ops[i].op(w);
			return;
		}
		at -= ops[i].weight;
	}
}

static void *
work(void *arg)
{
	struct worker *w = arg;

	for (w->step = 0; w->step < STEPS; w->step++) {
		arena_init(&w->a, 4u << 20);
		step(w);
		arena_release(&w->a);
	}
	if (w->held)
		check_bytes(w, w->held, w->held_body);
	store_read_close(w->held);
	w->held = NULL;
	return NULL;
}

/* ---- between rounds ------------------------------------------------------ */

/* Every version, page by page, and what a plain listing shows of them. */
static void
check_versions(struct worker *w, struct arena *a)
{
	struct store_versions_req req = { .bucket = w->bucket, .max_keys = 7 };
	struct store_versions_page page = { 0 };
	size_t at = 0;

	for (unsigned key = 0; key < KEYS; key++) {
		bool latest = true;

		for (long i = newest(w, key, w->n); i >= 0;
		     i = newest(w, key, (size_t)i)) {
			const struct store_object *o;

			if (at == page.n) {
				CHECK(w, store_list_versions(w->s, &req, a,
							     &page) == S3_OK);
				CHECK(w, page.n > 0);
				req.key_marker = page.next_key;
				req.version_marker = page.next_version;
				at = 0;
			}
			o = &page.entries[at++].object;
			CHECK(w, slice_eq(o->key, key_of(w, key)));
			CHECK(w, strcmp(o->version_id, w->v[i].id) == 0);
			CHECK(w, o->is_latest == latest);
			CHECK(w, o->is_delete_marker == !w->v[i].body);
			latest = false;
		}
	}
	CHECK(w, at == page.n && !page.truncated);
}

static void
check_visible(struct worker *w, struct arena *a)
{
	struct store_list_req req = { .bucket = w->bucket, .max_keys = 1000 };
	struct store_list_page page;
	size_t n = 0;

	CHECK(w, store_list(w->s, &req, a, &page) == S3_OK);
	for (unsigned key = 0; key < KEYS; key++) {
		long i = newest(w, key, w->n);

		if (i < 0 || !w->v[i].body)
			continue;
		CHECK(w, n < page.n);
		CHECK(w, slice_eq(page.entries[n].name, key_of(w, key)));
		CHECK(w, strcmp(page.entries[n].object.etag,
				w->v[i].body->etag) == 0);
		n++;
	}
	CHECK(w, n == page.n && !page.truncated);
}

static void
check_uploads(struct worker *w, struct arena *a)
{
	struct store_uploads_req req = { .bucket = w->bucket,
					 .max_uploads = 1000 };
	struct store_uploads_page page;

	CHECK(w, store_upload_list(w->s, &req, a, &page) == S3_OK);
	CHECK(w, page.n == w->n_uploads);
	for (size_t i = 0; i < w->n_uploads; i++) {
		const struct mupload *u = &w->u[i];
		struct store_part *p;
		size_t n, at = 0;

		CHECK(w, store_part_list(w->s, w->bucket, key_of(w, u->key),
					 slice_str(u->id), 0, 1000, a, &p,
					 &n) == S3_OK);
		for (uint32_t k = 0; k < PARTS; k++) {
			if (!u->part[k])
				continue;
			CHECK(w, at < n && p[at].number == k + 1 &&
				     p[at].size == u->part[k]->size);
			CHECK(w, strcmp(p[at].etag, u->part[k]->etag) == 0);
			at++;
		}
		CHECK(w, at == n);
	}
}

/* The keeper unlinks a file before it deletes the row. */
static void
wait_for_blobs(struct fixture *f)
{
	struct local *ls = local_of(f->s);
	size_t files = 0;
	MDB_stat st = { 0 };

	for (int i = 0; i < 10000; i++) {
		MDB_txn *txn;

		files = fixture_blobs(f);
		assert_int_equal(local_read_begin(ls, &txn), 0);
		assert_int_equal(mdb_stat(txn, ls->dbi[TABLE_BLOB], &st), 0);
		mdb_txn_abort(txn);
		if (files == st.ms_entries)
			return;
		usleep(1000);
	}
	fail_msg("%zu blob files, %zu rows", files, st.ms_entries);
}

static void
check_all(struct churn *c)
{
	struct store_info info;
	uint64_t objects = 1, bytes = BASE_BYTES, events = 1;
	struct arena a;

	expect_sound(c->f);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *w = &c->workers[i];

		arena_init(&a, 16u << 20);
		check_versions(w, &a);
		check_visible(w, &a);
		check_uploads(w, &a);
		arena_release(&a);
		events += w->events;
		for (size_t k = 0; k < w->n; k++) {
			objects += w->v[k].body != NULL;
			bytes += w->v[k].body ? w->v[k].body->size : 0;
		}
	}
	assert_int_equal(store_info(c->f->s, &info), S3_OK);
	assert_int_equal(info.objects, objects);
	assert_int_equal(info.bytes, bytes);
	assert_int_equal(info.buckets, 1 + WORKERS);
	assert_int_equal(info.last_seq, events);
	wait_for_blobs(c->f);
}

static size_t
rows(struct local *ls, enum local_table t)
{
	MDB_stat st = { 0 };
	MDB_txn *txn;

	assert_int_equal(local_read_begin(ls, &txn), 0);
	assert_int_equal(mdb_stat(txn, ls->dbi[t], &st), 0);
	mdb_txn_abort(txn);
	return st.ms_entries;
}

/* Nothing is left of anything, but the events. */
static void
check_empty(struct churn *c)
{
	static const enum local_table tables[] = {
		TABLE_BUCKET, TABLE_CONFIG,  TABLE_OBJECT, TABLE_GROUP,
		TABLE_BLOB,   TABLE_CRC,     TABLE_SET,	   TABLE_EXT,
		TABLE_PART,   TABLE_SETPART, TABLE_UPLOAD, TABLE_GC
	};
	struct local *ls = local_of(c->f->s);
	struct store_info info;

	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		for (int k = 0; k < 10000 && rows(ls, tables[i]); k++)
			usleep(1000);
		if (rows(ls, tables[i]))
			fail_msg("table %u keeps %zu rows", tables[i],
				 rows(ls, tables[i]));
	}
	assert_int_equal(fixture_blobs(c->f), 0);
	assert_int_equal(store_info(c->f->s, &info), S3_OK);
	assert_int_equal(info.objects, 0);
	assert_int_equal(info.bytes, 0);
	assert_int_equal(info.buckets, 0);
}

/* ---- the run ------------------------------------------------------------- */

/* Around the lengths at which keys are cut; some share their heads. */
static void
make_keys(struct churn *c)
{
	static const size_t lengths[KEYS] = { 1,   2,	440,  441,
					      442, 881, 1023, 1024 };
	char p[STORE_KEY_MAX];

	memset(p, 'k', sizeof(p));
	for (size_t i = 0; i < KEYS; i++)
		c->keys[i] = arena_copy(&c->f->a, slice_mem(p, lengths[i]));
}

static void
make_base(struct churn *c)
{
	const struct content *body = new_content(c, BASE_BYTES);
	struct store_put_req req = { .bucket = BUCKET,
				     .key = SLICE("base"),
				     .size = body->size,
				     .cond = STORE_COND_NONE };
	struct store_put_final fin = { .etag = slice_str(body->etag),
				       .note = fixture_note("put") };
	struct store_put *put;

	assert_int_equal(store_put_begin(c->f->s, &req, &put), S3_OK);
	write_content(&c->workers[0], put, body);
	assert_int_equal(store_put_commit(put, &fin, NULL), S3_OK);
}

static void
run_round(struct churn *c)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *w = &c->workers[i];

		w->s = c->f->s;
		assert_int_equal(pthread_create(&w->thread, NULL, work, w), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(c->workers[i].thread, NULL);
	check_all(c);
	if (c->round % 2) {
		fixture_reopen(c->f);
		for (unsigned i = 0; i < WORKERS; i++)
			c->workers[i].s = c->f->s;
		check_all(c);
	}
}

/* Random, but not by chance without what matters. */
static void
expect_variety(const struct churn *c)
{
	unsigned copied = 0, renamed = 0, parts = 0, completed = 0, held = 0;

	for (const struct worker *w = c->workers; w < c->workers + WORKERS;
	     w++) {
		copied += w->copied;
		renamed += w->renamed;
		parts += w->part_copied;
		completed += w->completed;
		held += w->held_on;
	}
	print_message("%u copied, %u renamed, %u parts copied, %u completed, "
		      "%u reads held\n",
		      copied, renamed, parts, completed, held);
	assert_true(copied && renamed && parts && completed && held);
}

static void
run(struct churn *c)
{
	struct store_note note = fixture_note("x");

	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *w = &c->workers[i];

		w->churn = c;
		w->s = c->f->s;
		w->no = i;
		w->seed = c->seed * 2654435761u + i;
		snprintf(w->bucket_name, sizeof(w->bucket_name), "worker-%u",
			 i);
		w->bucket = slice_str(w->bucket_name);
		make_bucket(w);
	}
	make_keys(c);
	make_base(c);
	for (c->round = 0; c->round < ROUNDS; c->round++)
		run_round(c);
	expect_variety(c);
	for (unsigned i = 0; i < WORKERS; i++)
		delete_bucket(&c->workers[i]);
	assert_int_equal(store_remove(c->f->s,
				      &STORE_REF(BUCKET, SLICE("base")), NULL,
				      &note, NULL),
			 S3_OK);
	assert_int_equal(store_bucket_delete(c->f->s, BUCKET), S3_OK);
	check_empty(c);
	expect_sound(c->f);
}

static void
test_all_operations_at_once_agree_with_the_model(void **state)
{
	const char *given = getenv("SEED");
	uint32_t first = given ? (uint32_t)strtoul(given, NULL, 10) : 1;

	(void)state;
	for (uint32_t i = 0; i < (given ? 1 : SEEDS); i++) {
		struct churn c = { .seed = first + i };
		void *fresh = NULL;

		print_message("seed %u\n", c.seed);
		assert_int_equal(fixture_setup(&fresh), 0);
		c.f = fresh;
		c.f->conf.stream_min = 16384;
		c.f->conf.gc_delay_ms = 3;
		c.f->conf.completed_keep_ms = 2000;
		fixture_reopen(c.f);
		pthread_mutex_init(&c.mu, NULL);
		c.contents = calloc(CONTENTS_MAX, sizeof(*c.contents));
		c.workers = calloc(WORKERS, sizeof(*c.workers));
		assert_non_null(c.contents);
		assert_non_null(c.workers);
		run(&c);
		for (size_t k = 0; k < c.n_contents; k++)
			free(c.contents[k]);
		free(c.contents);
		free(c.workers);
		pthread_mutex_destroy(&c.mu);
		assert_int_equal(fixture_teardown(&fresh), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_all_operations_at_once_agree_with_the_model),
	};

	return cmocka_run_group_tests_name("store_churn", tests, NULL, NULL);
}
