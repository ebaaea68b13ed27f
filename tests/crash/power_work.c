/*
 * The operations of the recorded program: all ways in which a store is
 * written.
 */
#include "tests/crash/power_see.h"
#include "tests/crash/power_work.h"

static struct store_headers
tag_of(struct worker *w, struct store_header *h, unsigned tag)
{
	*h =
	    (struct store_header){ SLICE("t"), arena_printf(&w->a, "%u", tag) };
	return (struct store_headers){ h, tag ? 1 : 0 };
}

static bool
readable(const struct key *k)
{
	return k->n && !k->v[0].marker;
}

static uint64_t
seq_of(struct worker *w, const struct key *k)
{
	struct store_object o;

	CHECK(store_get(w->s, &STORE_REF(bucket_of(k), slice_str(k->name)),
			NULL, &w->a, &o, NULL) == S3_OK);
	return o.seq;
}

/* ---- operations -----------------------------------------------------------
 */

static void
write_all(struct store_put *put, const char *p, size_t n)
{
	for (size_t at = 0, now; at < n; at += now) {
		now = n - at < 300000 ? n - at : 300000;
		CHECK(store_put_write(put, p + at, now) == S3_OK);
	}
}

static void
put_object(struct worker *w, struct key *k, size_t size)
{
	struct op op = { .w = w };
	struct version *v = new_version(touch(&op, k, 1));
	struct store_put_req req = { .bucket = bucket_of(k),
				     .key = slice_str(k->name),
				     .size = size % 2 ? size : UINT64_MAX,
				     .cond = STORE_COND_NONE };
	struct store_put_final fin = { .note = note };
	struct store_object o;
	struct store_header h;
	struct store_put *put;
	struct part content;
	char *bytes = make_part(&content, size);

	v->size = size;
	/* Two empty objects differ by their tags. */
	v->tag = rnd(w, 2) || size == 0 ? unique() : 0;
	memcpy(v->md5, content.md5, sizeof(v->md5));
	memcpy(v->etag, content.md5, sizeof(content.md5));
	fin.etag = slice_str(content.md5);
	req.tags = tag_of(w, &h, v->tag);
	tell_begin(&op);
	CHECK(store_put_begin(w->s, &req, &put) == S3_OK);
	write_all(put, bytes, size);
	free(bytes);
	CHECK(store_put_commit(put, &fin, &o) == S3_OK);
	memcpy(v->id, o.version_id, sizeof(v->id));
	tell_ack(&op);
}

/* A put that is given up after another has made the names in its folder
 * durable, its own with them. */
static void
op_give_up(struct worker *w, struct key *k)
{
	struct store_put_req req = { .bucket = bucket_of(k),
				     .key = slice_str(k->name),
				     .size = 30000,
				     .cond = STORE_COND_NONE };
	static const char bytes[10000];
	struct store_put *put;

	CHECK(store_put_begin(w->s, &req, &put) == S3_OK);
	CHECK(store_put_write(put, bytes, sizeof(bytes)) == S3_OK);
	put_object(w, k, 9001);
	store_put_abort(put);
}

static void
op_put(struct worker *w, struct key *k)
{
	static const size_t sizes[] = { 0,    10,   11,	   4096,
					4097, 9001, 20000, 70001 };

	put_object(w, k, sizes[rnd(w, ARRAY_LEN(sizes))]);
}

/* Version @i, or by name alone: -1. */
static void
remove_one(struct worker *w, struct key *k, int i)
{
	struct op op = { .w = w };
	struct key *next = touch(&op, k, 1);
	struct store_ref ref = STORE_REF(bucket_of(k), slice_str(k->name));
	struct store_removed gone;

	if (i >= 0) {
		ref.version_id = slice_str(k->v[i].id);
		drop_version(next, (size_t)i);
	} else {
		remove_top(next);
	}
	if (!can_be_seen(&op))
		return;
	tell_begin(&op);
	CHECK(store_remove(w->s, &ref, NULL, &note, &gone) == S3_OK);
	if (i < 0 && k->bucket)
		memcpy(next->v[0].id, gone.version_id, sizeof(next->v[0].id));
	tell_ack(&op);
}

static void
op_remove(struct worker *w, struct key *k)
{
	if (k->n)
		remove_one(w, k, rnd(w, 2) ? (int)rnd(w, (uint32_t)k->n) : -1);
}

/* Three keys of one bucket in one commit, or none. */
static void
op_remove_many(struct worker *w, struct key *k)
{
	struct store_removal v[KEYS] = { 0 };
	struct op op = { .w = w };
	struct key *first = w->keys + k->bucket * KEYS;

	for (size_t i = 0; i < KEYS; i++) {
		struct key *next = touch(&op, first + i, 0);

		op.events[i] = remove_top(next);
		v[i].key = slice_str(next->name);
		v[i].cond = (struct store_cond)STORE_COND_NONE;
	}
	if (!can_be_seen(&op))
		return;
	tell_begin(&op);
	CHECK(store_remove_many(w->s, bucket_of(k), v, KEYS, &note) == S3_OK);
	for (size_t i = 0; i < KEYS; i++) {
		CHECK(v[i].err == S3_OK);
		if (k->bucket)
			memcpy(op.next[i].v[0].id, v[i].removed.version_id,
			       sizeof(op.next[i].v[0].id));
	}
	tell_ack(&op);
}

static void
op_tags(struct worker *w, struct key *k)
{
	struct store_ref ref = STORE_REF(bucket_of(k), slice_str(k->name));
	struct op op = { .w = w };
	struct store_headers tags;
	struct store_header h;
	size_t i = k->n ? rnd(w, (uint32_t)k->n) : 0;

	if (!k->n || k->v[i].marker)
		return;
	ref.version_id = slice_str(k->v[i].id);
	touch(&op, k, 1)->v[i].tag = unique();
	tags = tag_of(w, &h, op.next[0].v[i].tag);
	tell_begin(&op);
	CHECK(store_tags_put(w->s, &ref, &tags, &note, NULL) == S3_OK);
	tell_ack(&op);
}

/* From any key of the worker; within bucket "plain" also as a rename. */
static void
op_copy(struct worker *w, struct key *k)
{
	struct key *from = &w->keys[rnd(w, BUCKETS * KEYS)], *next;
	struct store_copy_req req = { .bucket = bucket_of(k),
				      .key = slice_str(k->name),
				      .cond = STORE_COND_NONE,
				      .note = note };
	struct op op = { .w = w };
	struct store_header h;
	struct store_object o;
	char id[STORE_VERSION_ID_MAX];

	if (!readable(from) || from == k)
		return;
	req.source = STORE_REF(bucket_of(from), slice_str(from->name));
	req.source_seq = seq_of(w, from);
	req.rename = !k->bucket && !from->bucket && rnd(w, 2);
	next = touch(&op, k, 1);
	memcpy(id, new_version(next)->id, sizeof(id));
	next->v[0] = from->v[0];
	memcpy(next->v[0].id, id, sizeof(id));
	next->v[0].tag = unique();
	req.tags = tag_of(w, &h, next->v[0].tag);
	if (req.rename)
		touch(&op, from, 1)->n = 0;
	tell_begin(&op);
	CHECK(store_copy(w->s, &req, &o) == S3_OK);
	memcpy(next->v[0].id, o.version_id, sizeof(id));
	tell_ack(&op);
}

/* ---- uploads --------------------------------------------------------------
 */

static void
op_upload(struct worker *w, struct key *k)
{
	struct store_upload_req req = { .bucket = bucket_of(k),
					.key = slice_str(k->name),
					.initiator = SLICE("driver") };
	struct op op = { .w = w };
	struct key *next = touch(&op, k, 0);

	if (k->upload[0])
		return;
	next->n_parts = 0;
	memcpy(next->upload, "?", 2);
	tell_begin(&op);
	CHECK(store_upload_create(w->s, &req, next->upload) == S3_OK);
	tell_ack(&op);
}

/* All parts but the last are large: so there is one, or the first is. */
static void
send_part(struct worker *w, struct key *k, size_t size)
{
	struct op op = { .w = w };
	struct key *next = touch(&op, k, 0);
	struct store_part_ref ref = {
		bucket_of(k), slice_str(k->name), slice_str(k->upload), 1, 0,
		NULL
	};
	struct store_put_final fin = { .note = note };
	struct store_put *put;
	struct part *p;
	char *bytes;

	next->n_parts = k->n_parts && k->parts[0].size >= PART_MIN ? 2 : 1;
	ref.number = (uint32_t)next->n_parts;
	p = &next->parts[next->n_parts - 1];
	bytes = make_part(p, size);
	fin.etag = slice_str(p->md5);
	tell_begin(&op);
	CHECK(store_part_begin(w->s, &ref, size, 0, &put) == S3_OK);
	write_all(put, bytes, size);
	free(bytes);
	CHECK(store_put_commit(put, &fin, NULL) == S3_OK);
	tell_ack(&op);
}

static void
op_part(struct worker *w, struct key *k)
{
	if (k->upload[0])
		send_part(w, k, 1 + rnd(w, 30000));
}

static void
complete(struct worker *w, struct key *k)
{
	struct op op = { .w = w };
	struct key *next = touch(&op, k, 1);
	struct version *v = new_version(next);
	struct store_complete_part parts[PARTS] = { 0 };
	struct store_complete_req req = { .bucket = bucket_of(k),
					  .key = slice_str(k->name),
					  .upload_id = slice_str(k->upload),
					  .parts = parts,
					  .n_parts = k->n_parts,
					  .size = UINT64_MAX,
					  .cond = STORE_COND_NONE,
					  .note = note };
	struct store_complete_result res;
	struct buf whole = BUF_INIT;

	for (size_t i = 0; i < k->n_parts; i++) {
		parts[i].number = (uint32_t)i + 1;
		parts[i].etag = slice_str(k->parts[i].md5);
		CHECK(buf_reserve(&whole, k->parts[i].size));
		fill(whole.p + whole.n, k->parts[i].size, k->parts[i].seed);
		whole.n += k->parts[i].size;
	}
	v->size = whole.n;
	power_md5(whole.p, whole.n, v->md5);
	memcpy(v->etag, "?", 2);
	buf_release(&whole);
	next->upload[0] = '\0';
	next->n_parts = 0;
	tell_begin(&op);
	CHECK(store_upload_complete(w->s, &req, &res) == S3_OK);
	memcpy(v->etag, res.object.etag, sizeof(v->etag));
	memcpy(v->id, res.object.version_id, sizeof(v->id));
	tell_ack(&op);
}

static void
op_end_upload(struct worker *w, struct key *k)
{
	struct op op = { .w = w };
	struct key *next;

	if (!k->upload[0])
		return;
	if (k->n_parts && rnd(w, 4)) {
		complete(w, k);
		return;
	}
	next = touch(&op, k, 0);
	next->upload[0] = '\0';
	next->n_parts = 0;
	tell_begin(&op);
	CHECK(store_upload_abort(w->s, bucket_of(k), slice_str(k->name),
				 slice_str(k->upload)) == S3_OK);
	tell_ack(&op);
}

/* ---- accounts -------------------------------------------------------------
 */

static void
state_of_account(const struct worker *w, char out[64])
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < w->n_account_keys; i++)
		buf_printf(&b, "KEY%u,", w->account_keys[i]);
	snprintf(out, 64, "%.*s", (int)b.n, b.n ? b.p : "");
	buf_release(&b);
}

/* The worker's account: made, given another key, or removed with them all. */
static void
op_account(struct worker *w, struct key *k)
{
	char name[16], item[20], key[16], state[64], err[512];
	struct account_spec spec = { .secret_key = SLICE("a secret") };
	struct account_made made;
	size_t n = w->n_account_keys;
	int rc;

	(void)k;
	snprintf(name, sizeof(name), "worker%u", w->no);
	snprintf(item, sizeof(item), "a/%s", name);
	w->n_account_keys = n == ACCOUNT_KEYS ? 0 : n + 1;
	w->account_keys[n % ACCOUNT_KEYS] = unique();
	snprintf(key, sizeof(key), "KEY%u", w->account_keys[n % ACCOUNT_KEYS]);
	spec.name = slice_str(name);
	spec.access_key = slice_str(key);
	state_of_account(w, state);
	tell_item(w->no, "begin", item, state);
	if (w->n_account_keys == 0)
		rc = accounts_remove(w->accounts, spec.name, err);
	else if (n == 0)
		rc = accounts_add(w->accounts, &spec, &made, err);
	else
		rc = accounts_add_key(w->accounts, &spec, &made, err);
	CHECK(rc == 0);
	tell_item(w->no, "ack", item, state);
}

/* ---- what comes when ------------------------------------------------------
 */

typedef void operation(struct worker *w, struct key *k);

void
work_step(struct worker *w)
{
	static operation *const ops[] = {
		op_put,	   op_put,	  op_put,	  op_put,
		op_remove, op_remove,	  op_tags,	  op_copy,
		op_copy,   op_upload,	  op_part,	  op_part,
		op_part,   op_end_upload, op_remove_many, op_give_up
	};
	struct key *k = &w->keys[rnd(w, BUCKETS * KEYS)];
	operation *op = ops[rnd(w, ARRAY_LEN(ops))];

	/* Room for a version more of each key. */
	for (struct key *full = w->keys; full < w->keys + BUCKETS * KEYS;
	     full++)
		if (full->n == VERSIONS)
			remove_one(w, full, (int)rnd(w, VERSIONS));
	op(w, k);
	arena_release(&w->a);
	arena_init(&w->a, 1u << 20);
}

void
work_script(struct worker *w)
{
	struct key *k = w->keys;

	for (unsigned i = 0; i < BUCKETS; i++) {
		put_object(w, &k[i * KEYS], 100);
		put_object(w, &k[i * KEYS + 1], 50000);
		put_object(w, &k[i * KEYS + 1], 10001);
		op_tags(w, &k[i * KEYS]);
		op_remove(w, &k[i * KEYS + 1]);
	}
	put_object(w, &k[2], (1u << 20) + 70001);
	op_upload(w, &k[1]);
	send_part(w, &k[1], PART_MIN);
	send_part(w, &k[1], 3000);
	complete(w, &k[1]);
	op_copy(w, &k[1]);
	op_remove_many(w, &k[0]);
	op_account(w, k);
	op_account(w, k);
	op_give_up(w, &k[0]);
}
