/*
 * A store after a power cut, against what was acknowledged: it opens; every
 * object, version, upload and bucket is exactly as acknowledged, or wholly as
 * an operation that was going on would have left it; nothing else is there;
 * each change has one event, without gaps; counters, references, blobs and
 * their checksums are right; and the store goes on.
 */
#include "tests/crash/power_check.h"
#include "auth/accounts.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/io.h"
#include "store/bytes.h"
#include "store/local.h"
#include "store/local_recount.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (1u << 20)

struct found {
	struct store *s;
	struct local *ls;
	struct arena a;
	struct power_item *v;
	size_t n;
	char *err; /* 512 bytes */
	char *bytes;
};

static int PRINTF_LIKE(2, 3) wrong(struct found *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->err, 512, fmt, ap);
	va_end(ap);
	return -1;
}

#define TRY(f, call)                                                \
	do {                                                        \
		enum s3_error e_ = (call);                          \
		if (e_ != S3_OK)                                    \
			return wrong(f, "%s: error %d", #call, e_); \
	} while (0)

static struct power_item *
item(struct found *f, struct slice name)
{
	for (size_t i = 0; i < f->n; i++)
		if (slice_eq(f->v[i].name, name))
			return &f->v[i];
	if ((f->n & (f->n + 1)) == 0) {
		f->v = realloc(f->v, (2 * f->n + 1) * sizeof(*f->v));
		if (!f->v)
			abort();
	}
	f->v[f->n] = (struct power_item){ .name = name, .state = SLICE_EMPTY };
	return &f->v[f->n++];
}

static void
add_state(struct found *f, struct power_item *it, struct slice more)
{
	it->state = arena_printf(&f->a, "%.*s%.*s", SLICE_ARG(it->state),
				 SLICE_ARG(more));
}

/* ---- what is there --------------------------------------------------------
 */

static void
md5_hex(const void *p, size_t n, char out[33])
{
	uint8_t sum[HASH_BYTES_MAX];
	struct hash h;

	if (hash_init(&h, HASH_MD5) != 0)
		abort();
	hash_update(&h, p, n);
	hash_final(&h, sum);
	hash_release(&h);
	hex_encode(sum, MD5_BYTES, out);
}

static int
see_version(struct found *f, struct slice bucket,
	    const struct store_object *listed)
{
	struct slice id = slice_str(listed->version_id);
	struct store_ref ref = { bucket, listed->key, id };
	struct power_item *it =
	    item(f, arena_printf(&f->a, "k/%.*s/%.*s", SLICE_ARG(bucket),
				 SLICE_ARG(listed->key)));
	struct store_object o;
	struct store_read *r;
	struct slice tag;
	char md5[33];

	if (listed->is_delete_marker) {
		add_state(f, it,
			  arena_printf(&f->a, "%.*s marker;", SLICE_ARG(id)));
		return 0;
	}
	TRY(f, store_get(f->s, &ref, NULL, &f->a, &o, &r));
	f->bytes = realloc(f->bytes, o.size + 1);
	TRY(f, store_read_at(r, 0, f->bytes, o.size));
	store_read_close(r);
	md5_hex(f->bytes, o.size, md5);
	tag = store_headers_get(&o.tags, "t");
	add_state(f, it,
		  arena_printf(&f->a, "%.*s %s %llu %s %.*s;", SLICE_ARG(id),
			       o.etag, (unsigned long long)o.size, md5,
			       SLICE_ARG(tag)));
	return 0;
}

static int
see_versions(struct found *f, struct slice bucket)
{
	struct store_versions_req req = { .bucket = bucket, .max_keys = 7 };
	struct store_versions_page page;

	do {
		TRY(f, store_list_versions(f->s, &req, &f->a, &page));
		for (size_t i = 0; i < page.n; i++)
			if (see_version(f, bucket, &page.entries[i].object) !=
			    0)
				return -1;
		req.key_marker = page.next_key;
		req.version_marker = page.next_version;
	} while (page.truncated);
	return 0;
}

/* The plain listing shows those keys whose newest version is no marker. */
static int
see_list(struct found *f, struct slice bucket)
{
	struct store_list_req req = { .bucket = bucket, .max_keys = 100 };
	struct store_list_page page;
	struct slice prefix = arena_printf(&f->a, "k/%.*s/", SLICE_ARG(bucket));
	size_t visible = 0;

	TRY(f, store_list(f->s, &req, &f->a, &page));
	for (size_t i = 0; i < f->n; i++) {
		struct slice first, rest = f->v[i].state;

		if (slice_starts(f->v[i].name, prefix) &&
		    slice_cut(&rest, ';', &first))
			visible += !slice_ends(first, SLICE(" marker"));
	}
	return page.n == visible ? 0
				 : wrong(f, "bucket %.*s lists %zu keys of %zu",
					 SLICE_ARG(bucket), page.n, visible);
}

static int
see_uploads(struct found *f, struct slice bucket)
{
	struct store_uploads_req req = { .bucket = bucket, .max_uploads = 50 };
	struct store_uploads_page page;
	struct store_part *p;
	size_t n;

	TRY(f, store_upload_list(f->s, &req, &f->a, &page));
	for (size_t i = 0; i < page.n; i++) {
		const struct store_upload *u = &page.entries[i].upload;
		struct power_item *it =
		    item(f, arena_printf(&f->a, "u/%.*s/%.*s",
					 SLICE_ARG(bucket), SLICE_ARG(u->key)));

		TRY(f, store_part_list(f->s, bucket, u->key, slice_str(u->id),
				       0, 10, &f->a, &p, &n));
		add_state(f, it, arena_printf(&f->a, "%s ", u->id));
		for (size_t k = 0; k < n; k++)
			add_state(f, it,
				  arena_printf(&f->a, "%u:%s:%llu,",
					       p[k].number, p[k].etag,
					       (unsigned long long)p[k].size));
		add_state(f, it, SLICE(";"));
	}
	return 0;
}

static int
see_buckets(struct found *f)
{
	struct store_bucket *b;
	struct slice cors;
	char md5[33];
	size_t n;

	TRY(f, store_bucket_list(f->s, SLICE_EMPTY, &f->a, &b, &n));
	for (size_t i = 0; i < n; i++) {
		struct power_item *it = item(
		    f, arena_printf(&f->a, "b/%.*s", SLICE_ARG(b[i].name)));

		TRY(f, store_config_get(f->s, b[i].name, STORE_CONFIG_CORS,
					&f->a, &cors));
		md5_hex(cors.p, cors.n, md5);
		add_state(f, it,
			  arena_printf(&f->a, "%d %s", b[i].versioning, md5));
		if (see_versions(f, b[i].name) != 0 ||
		    see_list(f, b[i].name) != 0 ||
		    see_uploads(f, b[i].name) != 0)
			return -1;
	}
	return 0;
}

static int
see_accounts(struct found *f, const char *dir)
{
	char path[PATH_MAX];
	struct accounts_conf conf = { .path = path,
				      .master_key = POWER_MASTER_KEY,
				      .root_id = "root",
				      .root_access_key = "",
				      .root_secret_key = "" };
	struct accounts *a;
	struct account_view *v;
	size_t n = 0;
	int rc;

	snprintf(path, sizeof(path), "%s/accounts", dir);
	a = accounts_open(&conf, f->err);
	if (!a)
		return -1;
	rc = accounts_list(a, &f->a, &v, &n);
	for (size_t i = 1; i < n; i++) { /* root is not in the file */
		struct power_item *it = item(
		    f, arena_printf(&f->a, "a/%.*s", SLICE_ARG(v[i].name)));

		for (size_t k = 0; k < v[i].n_keys; k++)
			add_state(
			    f, it,
			    arena_printf(&f->a, "%.*s,",
					 SLICE_ARG(v[i].keys[k].access_key)));
	}
	accounts_close(a);
	return rc;
}

/* ---- against what must be -------------------------------------------------
 */

/* A word "?" stands for any. */
static bool
matches(struct slice want, struct slice got)
{
	size_t i = 0, k = 0;

	while (i < want.n) {
		if (want.p[i] == '?') {
			while (k < got.n && !strchr(" ;", got.p[k]))
				k++;
			i++;
		} else if (k == got.n || want.p[i++] != got.p[k++]) {
			return false;
		}
	}
	return k == got.n;
}

static const struct power_item *
acknowledged(const struct power_expect *e, struct slice name)
{
	static const struct power_item none = { .state = { "", 0 } };

	for (size_t i = 0; i < e->n; i++)
		if (slice_eq(e->v[i].name, name))
			return &e->v[i];
	return &none;
}

static struct slice
is(struct found *f, struct slice name)
{
	return item(f, name)->state;
}

static bool
in_flight(const struct power_expect *e, struct slice name)
{
	for (size_t w = 0; w < POWER_WORKERS; w++)
		for (size_t i = 0; i < e->flying[w].n; i++)
			if (slice_eq(e->flying[w].v[i].name, name))
				return true;
	return false;
}

/* Of each key, how many events there must be: in the items' events. */
static int
compare(struct found *f, const struct power_expect *e, uint64_t *events)
{
	for (size_t i = 0; i < e->n; i++) {
		const struct power_item *want = &e->v[i];

		item(f, want->name)->events += want->events;
		*events += want->events;
		if (!in_flight(e, want->name) &&
		    !slice_eq(want->state, is(f, want->name)))
			return wrong(f, "%.*s: must be \"%.*s\", is \"%.*s\"",
				     SLICE_ARG(want->name),
				     SLICE_ARG(want->state),
				     SLICE_ARG(is(f, want->name)));
	}
	for (size_t w = 0; w < POWER_WORKERS; w++) {
		const struct power_op *op = &e->flying[w];
		size_t old = 0, new = 0;

		for (size_t i = 0; i < op->n; i++) {
			struct slice name = op->v[i].name;

			old +=
			    slice_eq(acknowledged(e, name)->state, is(f, name));
			new += matches(op->v[i].state, is(f, name));
		}
		if (old != op->n && new != op->n)
			return wrong(f, "half done: %.*s is \"%.*s\"",
				     SLICE_ARG(op->v[0].name),
				     SLICE_ARG(is(f, op->v[0].name)));
		for (size_t i = 0; old != op->n && i < op->n; i++) {
			item(f, op->v[i].name)->events += op->v[i].events;
			*events += op->v[i].events;
		}
	}
	for (size_t i = 0; i < f->n; i++)
		if (!in_flight(e, f->v[i].name) && f->v[i].state.n &&
		    !acknowledged(e, f->v[i].name)->state.n)
			return wrong(f, "%.*s came from nowhere",
				     SLICE_ARG(f->v[i].name));
	return 0;
}

/* ---- events ---------------------------------------------------------------
 */

/* A version's own event is the one that its number names. */
static int
check_origin(struct found *f, const struct store_event *e)
{
	struct store_ref ref = { e->bucket, e->key, e->version_id };
	struct store_object o;
	enum s3_error err = store_get(f->s, &ref, NULL, &f->a, &o, NULL);

	if (err != S3_OK || o.seq != e->seq)
		return 0;
	return slice_eq_str(e->etag, o.etag) && e->size == o.size
		   ? 0
		   : wrong(f, "event %llu is not of the version it made",
			   (unsigned long long)e->seq);
}

static int
check_events(struct found *f, uint64_t must)
{
	struct local_state st = writer_state(f->ls);
	uint64_t after = 0;
	struct store_event *e;
	size_t n;

	if (st.last_seq != must)
		return wrong(f, "%llu events, %llu changes",
			     (unsigned long long)st.last_seq,
			     (unsigned long long)must);
	do {
		TRY(f, store_events(f->s, after, 100, &f->a, &e, &n));
		for (size_t i = 0; i < n; i++) {
			struct slice name = arena_printf(&f->a, "k/%.*s/%.*s",
							 SLICE_ARG(e[i].bucket),
							 SLICE_ARG(e[i].key));

			if (after ? e[i].seq != after + 1
				  : e[i].seq > st.retain_seq + 1)
				return wrong(f, "no event %llu",
					     (unsigned long long)after + 1);
			after = e[i].seq;
			item(f, name)->events--;
			if (check_origin(f, &e[i]) != 0)
				return -1;
		}
	} while (n);
	if (after != must && !(after == 0 && st.retain_seq >= must))
		return wrong(f, "the last event is %llu of %llu",
			     (unsigned long long)after,
			     (unsigned long long)must);
	/* While all are there, each key has its own. */
	for (size_t i = 0; st.acked_seq == 0 && i < f->n; i++)
		if (f->v[i].events)
			return wrong(f, "%.*s: %d events are missing",
				     SLICE_ARG(f->v[i].name),
				     (int)f->v[i].events);
	return 0;
}

/* ---- blobs ----------------------------------------------------------------
 */

static int
check_blob(struct found *f, MDB_txn *txn, uint64_t id)
{
	struct slice row = SLICE_EMPTY;
	struct record_reader r;
	struct blob_row blob;
	uint8_t key[12];
	struct buf b = BUF_MAX(64u << 20);
	int fd, rc = 0;

	if (gc_blob_get(f->ls, txn, id, &blob) != 0)
		return wrong(f, "the row of blob %llx is damaged",
			     (unsigned long long)id);
	if (blob.refs == 0)
		return 0; /* the keeper may be at it */
	be_put(key, id, 8);
	be_put(key + 8, 0, 4);
	fd = blob_open(f->ls, id);
	if (fd < 0)
		return wrong(f, "blob %llx is missing", (unsigned long long)id);
	if (!buf_reserve(&b, blob.size) ||
	    io_pread_all(fd, b.p, blob.size, 0) != 0)
		rc = wrong(f, "blob %llx is too short", (unsigned long long)id);
	close(fd);
	if (rc == 0 && blob.size &&
	    (local_row_get(f->ls, txn, TABLE_CRC, slice_mem(key, 12), &row) !=
		 0 ||
	     record_open(row, RECORD_CRCS, &r, NULL) != 0))
		rc = wrong(f, "no checksums of blob %llx",
			   (unsigned long long)id);
	for (uint64_t at = 0; rc == 0 && at < blob.size; at += BLOCK) {
		size_t n = blob.size - at < BLOCK ? blob.size - at : BLOCK;

		if (crc32c(0, b.p + at, n) != record_get_int(&r, 4))
			rc = wrong(f, "blob %llx is damaged",
				   (unsigned long long)id);
	}
	buf_release(&b);
	return rc;
}

static bool
has_id(const struct buf *ids, uint64_t id)
{
	for (size_t i = 0; i < ids->n; i += 8)
		if (memcmp(ids->p + i, &id, 8) == 0)
			return true;
	return false;
}

/* Files without a row would never be reclaimed. The rows were read before. */
static int
check_strays(struct found *f, const char *path, unsigned depth,
	     const struct buf *ids)
{
	DIR *d = opendir(path);
	char name[PATH_MAX];
	struct dirent *e;
	int rc = 0;

	if (!d)
		return wrong(f, "%.200s cannot be read", path);
	while (rc == 0 && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		if (depth > 0)
			rc = check_strays(f, name, depth - 1, ids);
		else if (!has_id(ids, strtoull(e->d_name, NULL, 16)))
			rc = wrong(f, "file %s has no row", e->d_name);
	}
	closedir(d);
	return rc;
}

static int
check_blobs(struct found *f, const char *dir)
{
	struct buf ids = BUF_INIT;
	char path[PATH_MAX];
	MDB_cursor *c;
	MDB_txn *txn;
	MDB_val k, v;
	int rc = 0;

	if (local_read_begin(f->ls, &txn) != 0 ||
	    mdb_cursor_open(txn, f->ls->dbi[TABLE_BLOB], &c) != 0)
		return wrong(f, "table blob cannot be read");
	while (rc == 0 && mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0) {
		uint64_t id = be_get(k.mv_data, 8);

		buf_add(&ids, &id, 8);
		rc = check_blob(f, txn, id);
	}
	mdb_cursor_close(c);
	mdb_txn_abort(txn);
	snprintf(path, sizeof(path), "%s/blobs/f", dir);
	if (rc == 0)
		rc = check_strays(f, path, 2, &ids);
	buf_release(&ids);
	return rc;
}

/* ---- it goes on -----------------------------------------------------------
 */

/* One object in the index, one in a file. */
static int
check_goes_on(struct found *f)
{
	static const char text[10000] = "after the cut";
	const struct slice bucket = SLICE("after-the-cut");
	struct store_put_final fin = { .note = { .event_name = SLICE("Put") } };
	struct store_put_req req = { .bucket = bucket,
				     .key = SLICE("k"),
				     .cond = STORE_COND_NONE };
	struct store_object o;
	struct store_put *put;
	char md5[33];

	TRY(f, store_bucket_create(f->s, bucket, SLICE("o"), SLICE("r")));
	for (size_t n = 10; n <= sizeof(text); n *= 1000) {
		md5_hex(text, n, md5);
		fin.etag = slice_str(md5);
		req.size = n;
		TRY(f, store_put_begin(f->s, &req, &put));
		TRY(f, store_put_write(put, text, n));
		TRY(f, store_put_commit(put, &fin, NULL));
		TRY(f, store_get(f->s, &STORE_REF(bucket, req.key), NULL, &f->a,
				 &o, NULL));
		if (strcmp(o.etag, md5) != 0)
			return wrong(f, "a further put is not what is there");
	}
	return 0;
}

static int
check_all(struct found *f, const char *dir, const struct power_expect *e)
{
	struct buf report = BUF_INIT;
	struct store_info info;
	uint64_t events = 0;
	size_t n = 0;

	if (local_recount(f->ls, &report, &n) != 0 || n)
		return wrong(f, "recount: %.*s",
			     report.n < 400 ? (int)report.n : 400, report.p);
	TRY(f, store_info(f->s, &info));
	item(f, SLICE("acked"))->state =
	    arena_printf(&f->a, info.acked_seq ? "%llu" : "",
			 (unsigned long long)info.acked_seq);
	if (see_accounts(f, dir) != 0 || see_buckets(f) != 0 ||
	    compare(f, e, &events) != 0 || check_events(f, events) != 0 ||
	    check_blobs(f, dir) != 0 || check_goes_on(f) != 0)
		return -1;
	return f->a.err ? wrong(f, "out of memory") : 0;
}

int
power_check(const char *dir, const struct power_expect *e, char err[512])
{
	struct store_local_conf conf = { .data_dir = dir,
					 .inline_max = 4096,
					 .map_size = 1ull << 30,
					 .max_readers = 16 };
	struct found f = { .err = err };
	int rc;

	f.s = store_open_local(&conf, err);
	if (!f.s)
		return -1;
	f.ls = local_of(f.s);
	arena_init(&f.a, 64u << 20);
	rc = check_all(&f, dir, e);
	store_close(f.s);
	arena_release(&f.a);
	free(f.v);
	free(f.bytes);
	return rc;
}
