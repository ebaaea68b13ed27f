/*
 * Buckets with what belongs to them. Notification documents are not copied:
 * S3 has no place for them, so with either backend they lie in the local
 * store; the owners of buckets likewise.
 */
#include "gateway/migrate/work.h"
#include "base/encode.h"
#include "base/random.h"

#define TABLE_MAX (16u << 20)
#define DOCUMENT_MAX (256u << 10)

/* ---- the table ----------------------------------------------------------- */

bool
migrate_buckets_read(struct migrate *m)
{
	struct store_bucket *all;
	enum s3_error err;
	size_t n;

	arena_release(&m->arena);
	arena_init(&m->arena, TABLE_MAX);
	m->n_buckets = 0;
	err = store_bucket_list(m->plan.from, SLICE_EMPTY, &m->arena, &all, &n);
	if (err == S3_OK)
		m->buckets = arena_array(&m->arena, n + 1, sizeof(*m->buckets));
	if (err != S3_OK || !m->buckets) {
		migrate_fail(m, "the buckets of the source cannot be read: %s",
			     err == S3_OK ? "out of memory" : migrate_why(err));
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		struct store_bucket b;

		if (m->plan.bucket.n && !slice_eq(all[i].name, m->plan.bucket))
			continue;
		err =
		    store_bucket_head(m->plan.from, all[i].name, &m->arena, &b);
		if (err == S3_ERR_NO_SUCH_BUCKET)
			continue;
		if (err != S3_OK) {
			migrate_fail(m, "bucket %.*s cannot be read: %s",
				     SLICE_ARG(all[i].name), migrate_why(err));
			return false;
		}
		m->buckets[m->n_buckets++] =
		    (struct migrate_bucket){ b.name, b.versioning };
	}
	if (m->plan.bucket.n && m->n_buckets == 0)
		migrate_fail(m, "the source has no bucket %.*s",
			     SLICE_ARG(m->plan.bucket));
	return !migrate_stopped(m);
}

const struct migrate_bucket *
migrate_bucket_find(const struct migrate *m, struct slice name)
{
	for (size_t i = 0; i < m->n_buckets; i++)
		if (slice_eq(m->buckets[i].name, name))
			return &m->buckets[i];
	return NULL;
}

/* ---- at the target ------------------------------------------------------- */

static enum s3_error
make_config(struct migrate *m, struct slice bucket, enum store_config which)
{
	struct slice here, there;
	struct arena a;
	enum s3_error err;

	arena_init(&a, DOCUMENT_MAX);
	err = store_config_get(m->plan.from, bucket, which, &a, &here);
	if (err == S3_OK)
		err = store_config_get(m->plan.to, bucket, which, &a, &there);
	if (err == S3_OK && !slice_eq(here, there))
		err = store_config_put(m->plan.to, bucket, which, here);
	if (err == S3_ERR_NOT_IMPLEMENTED) {
		migrate_note(m, bucket, SLICE_EMPTY,
			     "its %s cannot be copied: one side has none",
			     which == STORE_CONFIG_CORS ? "CORS rules"
							: "tags");
		err = S3_OK;
	}
	arena_release(&a);
	return err;
}

/* While it is copied a suspended bucket is enabled: each version gets an id.
 */
static enum s3_error
make_versioning(struct migrate *m, const struct migrate_bucket *b,
		enum store_versioning there, enum store_versioning want)
{
	if (b->versioning == STORE_UNVERSIONED || there == want)
		return S3_OK;
	return store_bucket_versioning(m->plan.to, b->name, want);
}

static enum s3_error
make(struct migrate *m, const struct migrate_bucket *b)
{
	struct store_bucket here, there;
	struct arena a;
	bool made = false;
	enum s3_error err;

	arena_init(&a, DOCUMENT_MAX);
	err = store_bucket_head(m->plan.to, b->name, &a, &there);
	if (err == S3_ERR_NO_SUCH_BUCKET) {
		there.versioning = STORE_UNVERSIONED;
		made = true;
		err = store_bucket_head(m->plan.from, b->name, &a, &here);
		if (err == S3_OK)
			err = store_bucket_create(
			    m->plan.to, b->name,
			    m->plan.owner.n ? m->plan.owner : here.owner,
			    here.region);
	}
	if (err == S3_OK && (made || !m->plan.switched)) {
		err = make_versioning(m, b, there.versioning,
				      STORE_VERSIONING_ENABLED);
		if (err == S3_OK)
			err = make_config(m, b->name, STORE_CONFIG_CORS);
		if (err == S3_OK)
			err = make_config(m, b->name, STORE_CONFIG_TAGGING);
	}
	arena_release(&a);
	return err;
}

/*
 * An upload is begun at the target, which nobody sees who does not look for
 * uploads, and looked for at the source: 1 when both are the same store.
 */
static int
probe(struct migrate *m, struct slice bucket)
{
	uint8_t random[16];
	char key[64] = ".reelgate-migrate-", id[STORE_UPLOAD_ID_MAX];
	const struct store_upload_req req = {
		.bucket = bucket,
		.key = { key, sizeof(".reelgate-migrate-") - 1 + 32 },
		.initiator = SLICE(MIGRATE_PRINCIPAL),
	};
	const struct store_uploads_req list = { .bucket = bucket,
						.prefix = req.key,
						.max_uploads = 1 };
	struct store_uploads_page page = { .n = 0 };
	enum s3_error err;
	struct arena a;

	random_bytes(random, sizeof(random));
	hex_encode(random, sizeof(random), key + req.key.n - 32);
	err = store_upload_create(m->plan.to, &req, id);
	if (err != S3_OK) {
		migrate_fail(m,
			     "bucket %.*s at the target cannot be written: "
			     "%s",
			     SLICE_ARG(bucket), migrate_why(err));
		return -1;
	}
	arena_init(&a, DOCUMENT_MAX);
	err = store_upload_list(m->plan.from, &list, &a, &page);
	if (store_upload_abort(m->plan.to, bucket, req.key, slice_str(id)) !=
	    S3_OK)
		migrate_note(m, bucket, req.key,
			     "an upload could not be aborted");
	arena_release(&a);
	if (err == S3_OK && page.n)
		migrate_fail(m, "source and target are the same store");
	return err == S3_OK && page.n ? 1 : 0;
}

bool
migrate_buckets_make(struct migrate *m, bool prove)
{
	for (size_t i = 0; i < m->n_buckets; i++) {
		const struct migrate_bucket *b = &m->buckets[i];
		enum s3_error err = make(m, b);

		if (err == S3_ERR_BUCKET_ALREADY_EXISTS)
			migrate_fail(m,
				     "bucket %.*s belongs to another account "
				     "at the target",
				     SLICE_ARG(b->name));
		else if (err != S3_OK)
			migrate_fail(m,
				     "bucket %.*s cannot be made at the "
				     "target: %s",
				     SLICE_ARG(b->name), migrate_why(err));
		if (err != S3_OK || (prove && probe(m, b->name) != 0))
			return false;
		prove = false;
	}
	return !migrate_stopped(m);
}

void
migrate_buckets_end(struct migrate *m)
{
	for (size_t i = 0; i < m->n_buckets; i++)
		if (m->buckets[i].versioning == STORE_VERSIONING_SUSPENDED &&
		    !m->plan.switched &&
		    store_bucket_versioning(m->plan.to, m->buckets[i].name,
					    STORE_VERSIONING_SUSPENDED) !=
			S3_OK)
			migrate_note(m, m->buckets[i].name, SLICE_EMPTY,
				     "its versioning could not be suspended");
}
