/* What an open store holds. */
#include "tests/crash/power_see.h"
#include "auth/accounts.h"
#include "base/encode.h"
#include "base/hash.h"

#include <limits.h>

void
power_found_init(struct power_found *f, struct store *s, char err[512])
{
	*f = (struct power_found){ .s = s, .ls = local_of(s), .err = err };
	arena_init(&f->a, 64u << 20);
}

void
power_found_release(struct power_found *f)
{
	arena_release(&f->a);
	free(f->v);
	free(f->bytes);
}

int
power_wrong(struct power_found *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->err, 512, fmt, ap);
	va_end(ap);
	return -1;
}

struct power_item *
power_found_item(struct power_found *f, struct slice name)
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
add_state(struct power_found *f, struct power_item *it, struct slice more)
{
	it->state = arena_printf(&f->a, "%.*s%.*s", SLICE_ARG(it->state),
				 SLICE_ARG(more));
}

/* ---- what is there --------------------------------------------------------
 */

void
power_md5(const void *p, size_t n, char out[33])
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
see_version(struct power_found *f, struct slice bucket,
	    const struct store_object *listed)
{
	struct slice id = slice_str(listed->version_id);
	struct store_ref ref = { bucket, listed->key, id };
	struct power_item *it = power_found_item(
	    f, arena_printf(&f->a, "k/%.*s/%.*s", SLICE_ARG(bucket),
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
	power_md5(f->bytes, o.size, md5);
	tag = store_headers_get(&o.tags, "t");
	add_state(f, it,
		  arena_printf(&f->a, "%.*s %s %llu %s %.*s;", SLICE_ARG(id),
			       o.etag, (unsigned long long)o.size, md5,
			       SLICE_ARG(tag)));
	return 0;
}

static int
see_versions(struct power_found *f, struct slice bucket)
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
see_list(struct power_found *f, struct slice bucket)
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
	return page.n == visible
		   ? 0
		   : power_wrong(f, "bucket %.*s lists %zu keys of %zu",
				 SLICE_ARG(bucket), page.n, visible);
}

static int
see_uploads(struct power_found *f, struct slice bucket)
{
	struct store_uploads_req req = { .bucket = bucket, .max_uploads = 50 };
	struct store_uploads_page page;
	struct store_part *p;
	size_t n;

	TRY(f, store_upload_list(f->s, &req, &f->a, &page));
	for (size_t i = 0; i < page.n; i++) {
		const struct store_upload *u = &page.entries[i].upload;
		struct power_item *it = power_found_item(
		    f, arena_printf(&f->a, "u/%.*s/%.*s", SLICE_ARG(bucket),
				    SLICE_ARG(u->key)));

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
see_buckets(struct power_found *f)
{
	struct store_bucket *b;
	struct slice cors;
	char md5[33];
	size_t n;

	TRY(f, store_bucket_list(f->s, SLICE_EMPTY, &f->a, &b, &n));
	for (size_t i = 0; i < n; i++) {
		struct power_item *it = power_found_item(
		    f, arena_printf(&f->a, "b/%.*s", SLICE_ARG(b[i].name)));

		TRY(f, store_config_get(f->s, b[i].name, STORE_CONFIG_CORS,
					&f->a, &cors));
		power_md5(cors.p, cors.n, md5);
		add_state(f, it,
			  arena_printf(&f->a, "%d %s", b[i].versioning, md5));
		if (see_versions(f, b[i].name) != 0 ||
		    see_list(f, b[i].name) != 0 ||
		    see_uploads(f, b[i].name) != 0)
			return -1;
	}
	return 0;
}

struct accounts *
power_accounts(const char *dir, char err[512])
{
	char path[PATH_MAX];
	struct accounts_conf conf = { .path = path,
				      .master_key = POWER_MASTER_KEY,
				      .root_id = "root",
				      .root_access_key = "",
				      .root_secret_key = "" };

	snprintf(path, sizeof(path), "%s/accounts", dir);
	return accounts_open(&conf, err);
}

static int
see_accounts(struct power_found *f, const char *dir)
{
	struct accounts *a = power_accounts(dir, f->err);
	struct account_view *v;
	size_t n = 0;
	int rc;

	if (!a)
		return -1;
	rc = accounts_list(a, &f->a, &v, &n);
	for (size_t i = 1; i < n; i++) { /* root is not in the file */
		struct power_item *it = power_found_item(
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

int
power_see(struct power_found *f, const char *dir)
{
	struct store_info info;

	TRY(f, store_info(f->s, &info));
	power_found_item(f, SLICE("acked"))->state =
	    arena_printf(&f->a, info.acked_seq ? "%llu" : "",
			 (unsigned long long)info.acked_seq);
	if (see_accounts(f, dir) != 0 || see_buckets(f) != 0)
		return -1;
	return f->a.err ? power_wrong(f, "out of memory") : 0;
}
