/*
 * One version from store to store. The bytes pass through one piece of
 * memory and are hashed there: what was read must have the ETag and checksum
 * that the source says, and what the target says it has must be the same.
 *
 * An object of a multipart upload becomes one again, of the same parts, since
 * its ETag is made of theirs.
 */
#include "gateway/migrate/work.h"
#include "base/encode.h"
#include "base/hash.h"

#define PIECE (1u << 20)
#define RECORD_MAX (4u << 20) /* headers, tags, a page of parts */

struct copying {
	struct migrate *m;
	struct slice bucket;
	struct slice key;
	const struct store_cond *cond;
	struct arena a;
	struct store_object o;
	struct store_read *read;
	char *piece;
	uint64_t done; /* bytes, taken back when it fails */
};

struct store_note
migrate_note_of(const char *event_name)
{
	return (struct store_note){ .event_name = slice_str(event_name),
				    .principal_id = SLICE(MIGRATE_PRINCIPAL) };
}

/* ---- bytes --------------------------------------------------------------- */

static enum s3_error
pump(struct copying *c, struct store_put *put, uint64_t at, uint64_t size,
     struct hash *md5, struct hash *sum)
{
	enum s3_error err = S3_OK;

	store_read_want(c->read, at, size);
	for (uint64_t end = at + size; err == S3_OK && at < end;) {
		size_t n = end - at < PIECE ? (size_t)(end - at) : PIECE;

		if (!migrate_pace(c->m, n))
			return S3_ERR_OPERATION_ABORTED;
		err = store_read_at(c->read, at, c->piece, n);
		if (err != S3_OK)
			break;
		hash_update(md5, c->piece, n);
		if (sum->alg)
			hash_update(sum, c->piece, n);
		err = store_put_write(put, c->piece, n);
		migrate_add(c->m, MIGRATE_bytes, n);
		c->done += n;
		at += n;
	}
	return err;
}

/* All bytes of a put, and what its commit is to say of them. */
static enum s3_error
fill(struct copying *c, struct store_put *put, uint64_t at, uint64_t size,
     enum hash_alg alg, char etag[33], struct store_put_final *fin)
{
	struct hash md5 = { 0 }, sum = { 0 };
	uint8_t digest[HASH_BYTES_MAX];
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (hash_init(&md5, HASH_MD5) == 0 &&
	    (!alg || hash_init(&sum, alg) == 0))
		err = pump(c, put, at, size, &md5, &sum);
	if (err == S3_OK) {
		hash_final(&md5, digest);
		hex_encode(digest, MD5_BYTES, etag);
		fin->etag = slice_str(etag);
		fin->checksum_alg = alg;
		if (alg)
			hash_final(&sum, fin->checksum);
	}
	hash_release(&md5);
	hash_release(&sum);
	return err;
}

/* ---- in one put ---------------------------------------------------------- */

/*
 * An ETag that does not follow from the bytes is damage, unless the source
 * makes ETags in another way, as S3 does for objects encrypted with KMS keys:
 * then their checksum vouches for the bytes, or TLS.
 */
static bool
may_differ(const struct copying *c, bool checked)
{
	return c->m->plan.from != c->m->plan.outbox &&
	       (checked || c->m->plan.tls);
}

static enum s3_error
check_whole(struct copying *c, struct store_put_final *fin)
{
	const struct store_object *o = &c->o;

	if (fin->checksum_alg && memcmp(fin->checksum, o->checksum,
					hash_size(fin->checksum_alg)) != 0)
		return S3_ERR_BAD_DIGEST;
	if (slice_eq_str(fin->etag, o->etag))
		return S3_OK;
	if (!o->n_parts && !may_differ(c, fin->checksum_alg))
		return S3_ERR_BAD_DIGEST;
	if (strlen(o->etag) == 2 * MD5_BYTES) /* which a local store keeps */
		fin->etag = slice_str(o->etag);
	return S3_OK;
}

static enum s3_error
copy_whole(struct copying *c, struct store_object *made)
{
	const struct store_object *o = &c->o;
	enum hash_alg alg =
	    o->checksum_composite ? HASH_NONE : (enum hash_alg)o->checksum_alg;
	const struct store_put_req req = {
		.bucket = c->bucket,
		.key = c->key,
		.size = o->size,
		.checksum_alg = (uint16_t)alg,
		.storage_class = o->storage_class,
		.headers = o->headers,
		.tags = o->tags,
		.cond = *c->cond,
	};
	struct store_put_final fin = { .note =
					   migrate_note_of(MIGRATE_EVENT_PUT) };
	struct store_put *put;
	char etag[33];
	enum s3_error err = store_put_begin(c->m->plan.to, &req, &put);

	if (err != S3_OK)
		return err;
	err = fill(c, put, 0, o->size, alg, etag, &fin);
	if (err == S3_OK)
		err = check_whole(c, &fin);
	if (err == S3_OK)
		return store_put_commit(put, &fin, made);
	store_put_abort(put);
	return err;
}

/* ---- in parts ------------------------------------------------------------ */

struct parts {
	char (*etags)[33];
	struct store_complete_part *v;
	uint32_t n;
	uint64_t bytes; /* of these n */
	struct hash md5s;
	bool checked; /* all so far by a checksum of the source */
};

/* A part as the source has it? Its MD5 goes into the ETag of the whole. */
static enum s3_error
check_part(const struct store_part *p, const struct store_put_final *fin,
	   struct parts *done)
{
	uint8_t md5[MD5_BYTES];
	bool has = p->checksum_alg && p->checksum_alg == fin->checksum_alg;

	if (hex_decode(fin->etag, md5, sizeof(md5)) != 0 ||
	    (has && memcmp(p->checksum, fin->checksum,
			   hash_size(p->checksum_alg)) != 0))
		return S3_ERR_BAD_DIGEST;
	hash_update(&done->md5s, md5, sizeof(md5));
	done->checked = done->checked && has;
	return S3_OK;
}

static enum s3_error
check_parts(struct copying *c, struct parts *done)
{
	uint8_t md5[HASH_BYTES_MAX];
	char hex[2 * MD5_BYTES + 1], etag[STORE_ETAG_MAX];

	hash_final(&done->md5s, md5);
	hex_encode(md5, MD5_BYTES, hex);
	snprintf(etag, sizeof(etag), "%s-%u", hex, done->n);
	return strcmp(etag, c->o.etag) == 0 || may_differ(c, done->checked)
		   ? S3_OK
		   : S3_ERR_BAD_DIGEST;
}

static enum s3_error
copy_part(struct copying *c, struct slice id, const struct store_part *p,
	  struct parts *done)
{
	const struct store_part_ref ref = {
		.bucket = c->bucket,
		.key = c->key,
		.upload_id = id,
		.number = done->n + 1,
		.checksum_alg = c->o.checksum_alg,
	};
	struct store_complete_part *v = &done->v[done->n];
	struct store_put_final fin = { 0 };
	struct store_object made;
	struct store_put *put;
	enum s3_error err = store_part_begin(c->m->plan.to, &ref, p->size,
					     STORE_PUT_BYTES_MAX, &put);

	if (err != S3_OK)
		return err;
	err =
	    fill(c, put, done->bytes, p->size, (enum hash_alg)c->o.checksum_alg,
		 done->etags[done->n], &fin);
	if (err == S3_OK)
		err = check_part(p, &fin, done);
	if (err != S3_OK) {
		store_put_abort(put);
		return err;
	}
	err = store_put_commit(put, &fin, &made);
	if (err != S3_OK)
		return err;
	/* its own word: the parts are named by it */
	snprintf(done->etags[done->n], sizeof(*done->etags), "%.32s",
		 made.etag);
	*v = (struct store_complete_part){
		.number = done->n + 1,
		.etag = slice_str(done->etags[done->n]),
		.checksum_alg = fin.checksum_alg,
	};
	memcpy(v->checksum, fin.checksum, sizeof(v->checksum));
	done->bytes += p->size;
	done->n++;
	return S3_OK;
}

static enum s3_error
copy_all_parts(struct copying *c, struct slice id, struct parts *done)
{
	const struct store_ref ref = { c->bucket, c->key,
				       slice_str(c->o.version_id) };
	struct store_part *page;
	enum s3_error err = S3_OK;
	size_t n = 1;

	while (err == S3_OK && done->n < c->o.n_parts) {
		struct arena a;

		arena_init(&a, RECORD_MAX);
		err = store_get_parts(c->m->plan.from, &ref, done->n,
				      MIGRATE_PAGE, &a, &page, &n);
		if (err == S3_OK && n == 0)
			err = S3_ERR_INVALID_PART;
		for (size_t i = 0; err == S3_OK && i < n; i++)
			err = done->n < c->o.n_parts
				  ? copy_part(c, id, &page[i], done)
				  : S3_ERR_INVALID_PART;
		arena_release(&a);
	}
	return err;
}

static enum s3_error
copy_upload(struct copying *c, struct slice id, struct store_object *made)
{
	struct store_complete_result result;
	struct store_complete_req req = {
		.bucket = c->bucket,
		.key = c->key,
		.upload_id = id,
		.size = c->o.size,
		.cond = *c->cond,
		.note = migrate_note_of(MIGRATE_EVENT_PUT),
	};
	struct parts done = {
		.etags = calloc(c->o.n_parts, sizeof(*done.etags)),
		.v = calloc(c->o.n_parts, sizeof(*done.v)),
		.checked = true,
	};
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (done.etags && done.v && hash_init(&done.md5s, HASH_MD5) == 0)
		err = copy_all_parts(c, id, &done);
	if (err == S3_OK)
		err = check_parts(c, &done);
	if (err == S3_OK) {
		req.parts = done.v;
		req.n_parts = done.n;
		err = store_upload_complete(c->m->plan.to, &req, &result);
		*made = result.object;
	}
	hash_release(&done.md5s);
	free(done.etags);
	free(done.v);
	return err;
}

static enum s3_error
copy_parts(struct copying *c, struct store_object *made)
{
	const struct store_upload_req req = {
		.bucket = c->bucket,
		.key = c->key,
		.initiator = SLICE(MIGRATE_PRINCIPAL),
		.storage_class = c->o.storage_class,
		.headers = c->o.headers,
		.tags = c->o.tags,
		.checksum_alg = c->o.checksum_alg,
		.checksum_composite = c->o.checksum_composite,
	};
	struct store *to = c->m->plan.to;
	char id[STORE_UPLOAD_ID_MAX];
	struct migrate_upload *u;
	enum s3_error err = store_upload_create(to, &req, id);

	if (err != S3_OK)
		return err;
	u = migrate_upload_open(c->m, c->bucket, c->key, id);
	err = u ? copy_upload(c, slice_str(id), made) : S3_ERR_INTERNAL_ERROR;
	if (err != S3_OK &&
	    store_upload_abort(to, c->bucket, c->key, slice_str(id)) != S3_OK)
		return err; /* its entry stays, for the next run */
	migrate_upload_close(c->m, u);
	return err;
}

/* Does the source tell how long its parts are? S3 does only of objects that
 * have checksums. */
static bool
parts_are_known(struct copying *c)
{
	const struct store_ref ref = { c->bucket, c->key,
				       slice_str(c->o.version_id) };
	struct store_part *part;
	size_t n = 0;

	return c->o.n_parts && c->o.n_parts <= STORE_PARTS_MAX &&
	       store_get_parts(c->m->plan.from, &ref, 0, 1, &c->a, &part, &n) ==
		   S3_OK &&
	       n == 1;
}

/* ---- one version --------------------------------------------------------- */

static enum s3_error
copy(struct copying *c)
{
	struct store_object made = { 0 };
	enum s3_error err =
	    parts_are_known(c) ? copy_parts(c, &made) : copy_whole(c, &made);

	if (err != S3_OK) {
		migrate_add(c->m, MIGRATE_bytes, -c->done);
		return err;
	}
	migrate_add(c->m, MIGRATE_objects, 1);
	migrate_add(c->m, MIGRATE_copied, 1);
	migrate_add(c->m, MIGRATE_copied_bytes, c->o.size);
	if (strcmp(made.etag, c->o.etag) != 0) {
		migrate_add(c->m, MIGRATE_etags, 1);
		migrate_note(c->m, c->bucket, c->key,
			     "copied, its ETag was %s and is %s", c->o.etag,
			     made.etag);
	}
	return S3_OK;
}

enum s3_error
migrate_copy(struct migrate *m, struct slice bucket, struct slice key,
	     struct slice version_id, const struct store_cond *cond)
{
	const struct store_ref ref = { bucket, key, version_id };
	struct copying c = { .m = m,
			     .bucket = bucket,
			     .key = key,
			     .cond = cond,
			     .piece = malloc(PIECE) };
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	arena_init(&c.a, RECORD_MAX);
	if (c.piece)
		err = store_get(m->plan.from, &ref, NULL, &c.a, &c.o, &c.read);
	if (err == S3_OK)
		err = copy(&c);
	else if (err == S3_ERR_NO_SUCH_KEY || err == S3_ERR_NO_SUCH_VERSION)
		err = S3_OK;
	store_read_close(c.read);
	arena_release(&c.a);
	free(c.piece);
	return err;
}
