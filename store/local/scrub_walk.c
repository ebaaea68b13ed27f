/*
 * What a pass reads: every row of the index, then every blob that is referred
 * to, in order of the ids. Transactions are short, so much may change between
 * them: what is missing is looked up again before it counts as damage.
 */
#include "store/local/bytes.h"
#include "store/local/blob.h"
#include "store/local/scrub.h"
#include "store/local/verify.h"
#include "base/hash.h"
#include "base/timeval.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define ROWS_PER_TXN 1000u
#define BYTES_PER_TXN (4u << 20)
#define BLOBS_PER_TXN 64u
#define ROWS_TO_COUNT 10000u
#define CRCS_AT_ONCE 1024u
#define ALIGNMENT 4096u /* of what O_DIRECT reads */

/* ---- the index ---------------------------------------------------------- */

static bool
is_whole(struct slice value)
{
	enum record_kind kind = value.n > 1 ? (enum record_kind)value.p[1] : 0;
	struct record_object o;
	struct record_reader r;

	if (kind != RECORD_OBJECT)
		return record_open(value, kind, &r, NULL) == 0;
	return record_object_decode(value, &o) == 0 &&
	       (!o.is_inline || crc32c(0, o.data.p, o.data.n) == o.inline_crc);
}

/* Its name as it can be read, cut where it is too long. */
static void
tell_row(struct local *ls, enum local_table t, struct slice key)
{
	char text[DAMAGE_ROW_MAX];
	int n = snprintf(text, sizeof(text), "index table %s, row ",
			 local_table_name(t));

	for (size_t i = 0; i < key.n && (size_t)n < sizeof(text) - 5; i++) {
		unsigned char c = (unsigned char)key.p[i];

		n += snprintf(
		    text + n, sizeof(text) - (size_t)n,
		    c > ' ' && c < 0x7f && c != '\\' ? "%c" : "\\x%02x", c);
	}
	damage_found_row(ls, text);
}

/* Where the last transaction of a table ended. */
struct row_place {
	char key[512];
	size_t n; /* 0: nowhere yet */
};

static int
first_row(MDB_cursor *c, const struct row_place *p, MDB_val *k, MDB_val *v)
{
	char key[sizeof(p->key)];
	int rc;

	if (p->n == 0)
		return mdb_cursor_get(c, k, v, MDB_FIRST);
	memcpy(key, p->key, p->n);
	*k = (MDB_val){ p->n, key };
	rc = mdb_cursor_get(c, k, v, MDB_SET_RANGE);
	if (rc == 0 && k->mv_size == p->n &&
	    memcmp(k->mv_data, p->key, p->n) == 0)
		rc = mdb_cursor_get(c, k, v, MDB_NEXT);
	return rc;
}

/* Some rows of a table; LMDB code, MDB_NOTFOUND at its end. */
static int
walk_rows(struct scrub *s, enum local_table t, struct row_place *p,
	  uint64_t *bytes)
{
	struct local *ls = s->ls;
	MDB_cursor *c;
	MDB_val k, v;
	MDB_txn *txn;
	int rc = local_read_begin(ls, &txn);

	*bytes = 0;
	if (rc != 0)
		return rc;
	rc = mdb_cursor_open(txn, ls->dbi[t], &c);
	if (rc != 0) {
		local_read_end(ls, txn);
		return rc;
	}
	rc = first_row(c, p, &k, &v);
	for (size_t n = 0; rc == 0; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
		struct slice key = slice_mem(k.mv_data, k.mv_size);

		if (!is_whole(slice_mem(v.mv_data, v.mv_size)))
			tell_row(ls, t, key);
		p->n = key.n < sizeof(p->key) ? key.n : sizeof(p->key);
		memcpy(p->key, key.p, p->n);
		*bytes += k.mv_size + v.mv_size;
		if (++n == ROWS_PER_TXN || *bytes > BYTES_PER_TXN)
			break;
	}
	mdb_cursor_close(c);
	local_read_end(ls, txn);
	return rc;
}

bool
scrub_walk_index(struct scrub *s)
{
	int64_t since = time_mono_us();

	for (enum local_table t = 0; t < TABLE_COUNT; t++) {
		struct row_place p = { .n = 0 };
		uint64_t bytes;
		int rc;

		do {
			rc = walk_rows(s, t, &p, &bytes);
			if (!scrub_pace(s, bytes))
				return false;
		} while (rc == 0);
		if (rc == MDB_NOTFOUND)
			continue;
		local_error("scrub", rc);
		tell_row(s->ls, t, SLICE("and all behind"));
	}
	damage_settle(s->ls, DAMAGE_ROW_ID, DAMAGE_ROW_ID, since);
	return true;
}

/* ---- blobs of the index ------------------------------------------------- */

struct listed_blob {
	uint64_t id;
	uint64_t size;
	bool referred; /* else it waits to be unlinked */
};

/* Blobs from id @from on, at most @max; their rows are the index's matter, and
 * so are names that no blob has. */
static int
list_blobs(struct local *ls, uint64_t from, struct listed_blob *out, size_t max,
	   size_t *n)
{
	uint8_t key[8];
	MDB_val k = { 8, key }, v;
	MDB_cursor *c;
	MDB_txn *txn;
	int rc = local_read_begin(ls, &txn);

	*n = 0;
	if (rc != 0)
		return rc;
	be_put(key, from, 8);
	rc = mdb_cursor_open(txn, ls->dbi[TABLE_BLOB], &c);
	if (rc == 0) {
		rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
		while (rc == 0 && *n < max) {
			struct blob_row row = { 0, 0 };
			uint64_t id = k.mv_size == 8 ? be_get(k.mv_data, 8)
						     : DAMAGE_ROW_ID;

			if (gc_blob_decode(slice_mem(v.mv_data, v.mv_size),
					   &row) != 0)
				row.refs = 0;
			if (id != DAMAGE_ROW_ID)
				out[(*n)++] =
				    (struct listed_blob){ id, row.size,
							  row.refs > 0 };
			rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
		}
		mdb_cursor_close(c);
	}
	local_read_end(ls, txn);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

uint64_t
scrub_count_bytes(struct scrub *s)
{
	struct listed_blob *v = calloc(ROWS_TO_COUNT, sizeof(*v));
	uint64_t sum = 0, from = 0;
	size_t n = v ? ROWS_TO_COUNT : 0;

	while (n == ROWS_TO_COUNT) {
		if (list_blobs(s->ls, from, v, n, &n) != 0)
			break;
		for (size_t i = 0; i < n; i++)
			sum += v[i].referred ? v[i].size : 0;
		from = n ? v[n - 1].id + 1 : from;
	}
	free(v);
	return sum;
}

static bool
still_there(struct local *ls, uint64_t id)
{
	struct blob_row row = { 0, 0 };
	MDB_txn *txn;
	int rc = local_read_begin(ls, &txn);

	if (rc != 0)
		return false;
	rc = gc_blob_get(ls, txn, id, &row);
	local_read_end(ls, txn);
	return rc == 0 && row.refs > 0;
}

/* ---- one blob ----------------------------------------------------------- */

struct blob_walk {
	struct scrub *s;
	const struct listed_blob *blob;
	int fd;
	bool direct;
	bool skipped;	/* there were no means to look at it */
	char *buffer;	/* of a block, aligned */
	uint32_t *crcs; /* of the blocks from @first on */
	uint64_t first;
	size_t n;
};

/* Past the page cache: what the disk has is read, and nothing in demand has to
 * make room. Some file systems cannot. */
static int
open_direct(struct blob_walk *w)
{
	char name[BLOB_NAME_MAX];
	int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC;

	blob_file_name(w->blob->id, name);
	w->direct = true;
	w->fd = openat(w->s->ls->blobs.root, name, flags | O_DIRECT);
	if (w->fd < 0 && errno == EINVAL) {
		w->direct = false;
		w->fd = openat(w->s->ls->blobs.root, name, flags);
	}
	return w->fd;
}

static void
found(const struct blob_walk *w, enum damage what, uint64_t block)
{
	if (still_there(w->s->ls, w->blob->id))
		damage_found(w->s->ls, what, w->blob->id, block);
}

static int
load_crcs(struct blob_walk *w, uint64_t block, uint64_t blocks)
{
	uint64_t left = blocks - block;
	MDB_txn *txn;
	int rc;

	if (w->n && block >= w->first && block - w->first < w->n)
		return 0;
	rc = local_read_begin(w->s->ls, &txn);
	if (rc != 0)
		return rc;
	w->first = block;
	w->n = left < CRCS_AT_ONCE ? (size_t)left : CRCS_AT_ONCE;
	rc = gc_blob_crcs(w->s->ls, txn, w->blob->id, block, w->n, w->crcs);
	local_read_end(w->s->ls, txn);
	if (rc != 0)
		w->n = 0;
	return rc;
}

static enum damage
compare(struct blob_walk *w, uint64_t block)
{
	uint32_t want = w->crcs[block - w->first];
	enum damage what = verify_block(w->fd, w->blob->size, block, want,
					w->buffer, BLOB_BLOCK_BYTES);

	if (what != DAMAGE_UNREADABLE || !w->direct || errno != EINVAL)
		return what;
	/* It took the flag, and does not read with it. */
	w->direct = false;
	(void)fcntl(w->fd, F_SETFL, 0);
	return verify_block(w->fd, w->blob->size, block, want, w->buffer,
			    BLOB_BLOCK_BYTES);
}

static bool
walk_block(struct blob_walk *w, uint64_t block, uint64_t blocks)
{
	int rc = load_crcs(w, block, blocks);
	enum damage what = DAMAGE_CHECKSUM;
	bool no_means = rc != 0 && rc != MDB_NOTFOUND && rc != MDB_CORRUPTED;

	w->skipped |= no_means;
	if (rc == 0)
		what = compare(w, block);
	if (no_means)
		local_error("scrub", rc);
	else if (what != DAMAGE_NONE)
		found(w, what, block);
	return scrub_pace(w->s, blob_block_n(w->blob->size, block));
}

/* A file that cannot be opened. */
static bool
walk_closed(struct blob_walk *w)
{
	bool means = errno != EMFILE && errno != ENFILE && errno != ENOMEM;

	w->skipped = !means;
	if (means)
		found(w, errno == ENOENT ? DAMAGE_MISSING : DAMAGE_UNREADABLE,
		      0);
	else
		local_io_error("scrub");
	if (w->fd >= 0)
		close(w->fd);
	return scrub_pace(w->s, 0);
}

/* False: the pass is to end here. */
static bool
walk_blob(struct blob_walk *w)
{
	uint64_t size = w->blob->size;
	uint64_t blocks = blob_blocks(size);
	struct stat st;
	bool go_on = true;

	w->n = 0;
	if (open_direct(w) < 0 || fstat(w->fd, &st) != 0)
		return walk_closed(w);
	for (uint64_t b = 0; go_on && b < blocks; b++)
		go_on = walk_block(w, b, blocks);
	if ((uint64_t)st.st_size > size)
		found(w, DAMAGE_LONG, blocks ? blocks - 1 : 0);
	if (!w->direct)
		posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED);
	close(w->fd);
	return go_on;
}

/* ---- all blobs ---------------------------------------------------------- */

static bool
walk_listed(struct blob_walk *w, const struct listed_blob *v, size_t n,
	    uint64_t *from)
{
	for (size_t i = 0; i < n; i++) {
		int64_t since = time_mono_us();

		w->blob = &v[i];
		w->skipped = false;
		if (v[i].referred && !walk_blob(w))
			return false;
		if (!w->skipped)
			damage_settle(w->s->ls, *from, v[i].id, since);
		*from = v[i].id + 1;
		scrub_advance(w->s, *from);
	}
	return true;
}

bool
scrub_walk_blobs(struct scrub *s, uint64_t from)
{
	int64_t since = time_mono_us();
	struct blob_walk w = { .s = s,
			       .buffer =
				   aligned_alloc(ALIGNMENT, BLOB_BLOCK_BYTES),
			       .crcs = calloc(CRCS_AT_ONCE, sizeof(*w.crcs)) };
	struct listed_blob v[BLOBS_PER_TXN];
	bool go_on = w.buffer && w.crcs;
	size_t n = 1;

	while (go_on && n) {
		int rc = list_blobs(s->ls, from, v, BLOBS_PER_TXN, &n);

		if (rc != 0)
			local_error("scrub", rc);
		if (n == 0)
			since = time_mono_us();
		go_on =
		    rc == 0 && walk_listed(&w, v, n, &from) && scrub_pace(s, 0);
	}
	if (go_on)
		damage_settle(s->ls, from, DAMAGE_ROW_ID - 1, since);
	free(w.buffer);
	free(w.crcs);
	return go_on;
}
