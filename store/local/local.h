/*
 * local.h - what the files of the local backend share: the store itself, its
 * tables, the state row and the life cycle of its parts. Private to store/.
 *
 * Shared state and locks; no two are ever held at once:
 *   writer.mu   queue of operations, committed state, stop flag, waiters
 *   blobs.mu    directories, ids, files in flight
 *   space.mu    free bytes, announced bytes, the ballast
 *   keeper.mu   stop flag of the housekeeping thread, holds of backups,
 *               what it saw of readers
 *   reads.mu    list of open reads of many pieces
 *   verified.mu blocks found whole (verified.h)
 *   damages.mu  list of damage (damage.h)
 *   scrub.mu    what the scrubber does, and shall (scrub.h)
 * The LMDB write transaction belongs to the writer's thread.
 */
#ifndef STORE_LOCAL_H
#define STORE_LOCAL_H

#include "store/local/record.h"
#include "store/local/verified.h"
#include "store/local/writer.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

/* The tables, opened once at start; docs/store-format.md has their rows. */
#define LOCAL_TABLES(X)       \
	X(META, "meta")       \
	X(BUCKET, "bucket")   \
	X(CONFIG, "config")   \
	X(OBJECT, "M")        \
	X(GROUP, "T")         \
	X(BLOB, "blob")       \
	X(CRC, "crc")         \
	X(SET, "set")         \
	X(EXT, "ext")         \
	X(SETPART, "setpart") \
	X(UPLOAD, "upload")   \
	X(PART, "part")       \
	X(OUTBOX, "outbox")   \
	X(GC, "gc")           \
	X(INTENTS, "intents")

enum local_table {
#define X(name, text) TABLE_##name,
	LOCAL_TABLES(X)
#undef X
	    TABLE_COUNT
};

/* Epochs before the present one whose events may be in the outbox. */
#define LOCAL_PASTS_MAX 32u

struct blob_dir;
struct blob_file;
struct blob_space {
	pthread_mutex_t mu;
	pthread_cond_t changed;
	int root; /* descriptor of blobs/f */
	struct blob_dir *dirs;
	struct blob_dir *current; /* where new files go, or NULL */
	struct blob_file *flying; /* not yet settled, newest first */
	uint64_t next_id;
	uint64_t end_id; /* of the lease */
	bool leasing;
};

/* Of the index, and of the blobs: often one file system. */
struct space_disk {
	int fd;
	uint64_t soft; /* marks, in bytes that must be left */
	uint64_t hard;
	uint64_t left;	   /* as read last, without the ballast */
	bool with_ballast; /* it lies here */
};

struct space {
	pthread_mutex_t mu;
	struct space_disk disks[2];
	size_t scarce;	   /* the one that decided the state */
	uint64_t reserved; /* bytes announced and not on disk yet */
	uint64_t spent;	   /* bytes given back since the reading: on disk? */
	uint64_t ballast;  /* its size; 0: none is wanted */
	int64_t read_us;
	enum store_space state;
	bool ballast_there;
	bool is_journal;
	bool open;
};

struct keeper {
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t wake;
	bool started;
	bool stop;
	unsigned holds; /* backups: no blob is unlinked while there is one */
};

/* What was last seen of the readers of the index; keeper.mu. */
struct watch {
	uint64_t oldest; /* snapshot that is behind; UINT64_MAX: none */
	int64_t since_us;
	int64_t age_us;
	unsigned readers;
	bool told;
};

struct local_read;
struct open_reads {
	pthread_mutex_t mu;
	struct local_read *first;
	size_t barred; /* earlier snapshots come too late */
};

struct damage_item;
struct damages {
	pthread_mutex_t mu;
	struct damage_item *v;
	size_t n;
	uint64_t met;  /* since the start, by whoever read */
	uint64_t lost; /* found no room in the list */
	/* Told when there is something new, without the lock: the scrubber,
	 * which keeps the list. Set while nobody else is there. */
	void (*changed)(void *ctx);
	void *ctx;
};

struct scrub;
struct local {
	struct store base; /* first */
	uint64_t inline_max;
	uint64_t stream_min; /* blobs from here on pass by the page cache */
	int64_t gc_delay_us;
	int64_t event_retention_us;
	int64_t completed_keep_us;
	int64_t upload_age_max_us; /* 0: no bound */
	int lock_fd;		   /* index/, locked */
	MDB_env *env;
	_Atomic(MDB_txn *) idle[8]; /* read transactions, reset */
	/* 0: an older store that was opened for reading has none. */
	MDB_dbi dbi[TABLE_COUNT];
	char deployment_id[40];
	char epoch[40];
	struct store_past pasts[LOCAL_PASTS_MAX];
	size_t n_pasts;
	struct writer writer;
	struct blob_space blobs;
	struct space space;
	struct keeper keeper;
	struct watch watch;
	struct open_reads reads;
	struct verified verified;
	struct damages damages;
	struct scrub *scrub;
};

static inline struct local *
local_of(struct store *s)
{
	return (struct local *)s;
}
/* NULL when @s is of another backend. open.c */
struct local *local_only(struct store *s);

/* Logs an LMDB failure and translates it: INSUFFICIENT_STORAGE, SLOW_DOWN or
 * INTERNAL_ERROR. */
enum s3_error local_error(const char *what, int mdb_rc);
/* The same for a system call on a blob: errno. */
enum s3_error local_io_error(const char *what);
/* Did a commit find no room? A full disk reaches LMDB as EIO, too. */
bool local_no_room(struct local *ls, int mdb_rc);
/* After MDB_PANIC the index cannot be repaired in place: ends the process,
 * whose next start opens it anew. */
void local_exit_on_panic(int mdb_rc);
/* Writes the line that tells an operator why something did not open; -1. */
int local_fail(char err[512], const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- meta.c: the environment ------------------------------------------- */

/* Opens index/ with all tables, checks or writes format and identity, loads
 * the state into *st. 0, or -1 with a line in err. */
int local_meta_open(struct local *ls, const struct store_local_conf *conf,
		    struct local_state *st, char err[512]);
void local_meta_close(struct local *ls); /* after writer_stop() */
/*
 * For reading alone, by one thread: a store that nobody has open, locked while
 * it is; or one file of an index. Without LMDB's own lock file. ls->lock_fd is
 * -1 before.
 * 0, or with a line in err -1: it cannot be read, 1: it is damaged.
 */
int local_meta_open_readonly(struct local *ls, const char *data_dir,
			     struct local_state *st, char err[512]);
int local_meta_open_file(struct local *ls, const char *file,
			 struct local_state *st, char err[512]);
/* The same file for writing, by one thread alone. */
int local_meta_open_alone(struct local *ls, const char *file,
			  struct local_state *st, char err[512]);

/* ---- identity.c: the rows of table meta --------------------------------- */

/* LMDB codes. */
int local_state_store(struct local *ls, MDB_txn *txn,
		      const struct local_state *st);
int local_state_load(struct local *ls, MDB_txn *txn, struct local_state *st);
/* Writes deployment id, epoch and the epochs before it. */
int local_identity_store(struct local *ls, MDB_txn *txn);
/* The rows of a new store, with new ids. */
int local_identity_create(struct local *ls, MDB_txn *txn);
/* Compares the format with ours, then loads identity and state: 0, or -1 with
 * a line in err. MDB_NOTFOUND: there are no such rows. */
int local_identity_load(struct local *ls, MDB_txn *txn, struct local_state *st,
			char err[512]);

/* ---- rows.c ------------------------------------------------------------ */

const char *local_table_name(enum local_table t);
/* A read transaction; LMDB code. End with local_read_end(), which keeps some
 * for the next: a new one takes a slot of LMDB's table under a lock that all
 * processes share. */
int local_read_begin(struct local *ls, MDB_txn **txn);
void local_read_end(struct local *ls, MDB_txn *txn);
/* Plain rows. */
int local_row_get(struct local *ls, MDB_txn *txn, enum local_table t,
		  struct slice key, struct slice *value);
int local_row_put(struct local *ls, MDB_txn *txn, enum local_table t,
		  struct slice key, struct slice value);
/* Ends and stores a record, and releases it. */
int local_record_put(struct local *ls, MDB_txn *txn, enum local_table t,
		     struct slice key, struct buf *record);
int local_row_del(struct local *ls, MDB_txn *txn, enum local_table t,
		  struct slice key);

/* ---- bucket.c --------------------------------------------------------- */

struct local_bucket {
	uint32_t id;
	int64_t created_us;
	struct slice owner; /* in the transaction's map */
	struct slice region;
	enum store_versioning versioning;
};
/* S3_OK or NO_SUCH_BUCKET, INTERNAL_ERROR. */
enum s3_error local_bucket_find(struct local *ls, MDB_txn *txn,
				struct slice name, struct local_bucket *out);
enum s3_error local_bucket_create(struct store *s, struct slice name,
				  struct slice owner, struct slice region);
enum s3_error local_bucket_head(struct store *s, struct slice name,
				struct arena *a, struct store_bucket *out);
enum s3_error local_bucket_delete(struct store *s, struct slice name);
enum s3_error local_bucket_list(struct store *s, struct slice owner,
				struct arena *a, struct store_bucket **out,
				size_t *n);
enum s3_error local_bucket_versioning(struct store *s, struct slice name,
				      enum store_versioning v);

/* ---- config.c --------------------------------------------------------- */

enum s3_error local_config_get(struct store *s, struct slice bucket,
			       enum store_config which, struct arena *a,
			       struct slice *out);
enum s3_error local_config_put(struct store *s, struct slice bucket,
			       enum store_config which, struct slice document);
/* All of a bucket that goes. LMDB code. */
int config_drop(struct writer_txn *t, uint32_t bucket_id);

/* ---- damage.c --------------------------------------------------------- */

enum damage {
	DAMAGE_NONE,
	DAMAGE_BYTES,	   /* a block's bytes are not those that were written */
	DAMAGE_SHORT,	   /* the file ends before them */
	DAMAGE_LONG,	   /* the file goes on behind them */
	DAMAGE_UNREADABLE, /* the disk has an error in their place */
	DAMAGE_MISSING,	   /* there is no file */
	DAMAGE_CHECKSUM,   /* the index has lost the block's checksum */
	DAMAGE_ROW,	   /* a row of the index */
	DAMAGE_KINDS
};
/* Somebody met it: it is logged, counted and listed. Not of DAMAGE_ROW. */
void damage_found(struct local *ls, enum damage what, uint64_t blob_id,
		  uint64_t block);

/* ---- blob.c ----------------------------------------------------------- */

#define BLOB_BLOCK_BYTES (1u << 20) /* of one CRC */

/* Bytes of a block that begins inside a blob of @size: the last one is what is
 * left. */
static inline size_t
blob_block_n(uint64_t size, uint64_t block)
{
	uint64_t left = size - block * BLOB_BLOCK_BYTES;

	return left < BLOB_BLOCK_BYTES ? (size_t)left : BLOB_BLOCK_BYTES;
}
static inline uint64_t
blob_blocks(uint64_t size)
{
	return size / BLOB_BLOCK_BYTES + (size % BLOB_BLOCK_BYTES != 0);
}

int blob_space_open(struct local *ls, const char *data_dir, char err[512]);
/* Marks the ids in use as settled where they are; the writer still runs. */
void blob_space_close(struct local *ls);
enum s3_error blob_create(struct local *ls, struct blob_file **out);
/* Before the first byte: @size will come. A large blob passes by the page
 * cache. True when room for all was allocated: no reservation is needed. */
bool blob_expect(struct blob_file *f, uint64_t size);
enum s3_error blob_append(struct blob_file *f, const void *p, size_t n);
/* Bytes and directory entry on disk; the file takes no more. */
enum s3_error blob_sync(struct blob_file *f);
uint64_t blob_id(const struct blob_file *f);
/* Appends all of it as one extent. */
void blob_extent(const struct blob_file *f, struct buf *to);
/* CRC-32C of every whole MiB and of the rest, 4 bytes each; after sync. */
struct slice blob_crcs(const struct blob_file *f);

enum blob_fate {
	BLOB_COMMITTED,
	BLOB_DROPPED /* unlinked; where that fails, by the next start */
};
void blob_settle(struct blob_file *f, enum blob_fate fate); /* frees f */
/* A descriptor for reading, or -1 with errno. */
int blob_open(struct local *ls, uint64_t id);
/* Unlinks n blobs and syncs their directories; @gone: those where both worked.
 * An absent file is fine. */
void blob_unlink(struct local *ls, const uint64_t *ids, size_t n, bool *gone);

/* ---- space.c ---------------------------------------------------------- */

/* After blob_space_open(). */
void space_open(struct local *ls, const struct store_local_conf *conf);
void space_close(struct local *ls);
/*
 * May a request begin that brings bytes? @size: as announced, 0 when unknown.
 * INSUFFICIENT_STORAGE when less than the soft mark would be left.
 */
enum s3_error space_reserve(struct local *ls, uint64_t size);
void space_unreserve(struct local *ls, uint64_t size);
/* May one begin that changes records only? INSUFFICIENT_STORAGE below the
 * hard mark. */
enum s3_error space_admit(struct local *ls);
/* Fills in space, free_bytes and spare_bytes. */
void space_info(struct local *ls, struct store_info *out);
/* For the keeper: makes the ballast where there is room for it again. */
void space_tend(struct local *ls);
/* For a commit without room: true when there is more of it now. */
bool space_drop_ballast(struct local *ls);

/* ---- gc.c ------------------------------------------------------------- */

/* Inside a write transaction: one more or one less reference to a blob. The
 * last one puts it into table gc. LMDB codes. */
int gc_blob_add(struct local *ls, MDB_txn *txn, uint64_t id, uint64_t size,
		struct slice crcs);
int gc_blob_hold(struct local *ls, MDB_txn *txn, uint64_t id);
int gc_blob_release(struct local *ls, MDB_txn *txn, uint64_t id,
		    int64_t now_us);
/* Something else for the keeper to do from @due_us on: RECORD_DUE_*. */
int gc_due_put(struct local *ls, MDB_txn *txn, enum record_kind what,
	       int64_t due_us, uint64_t id);
/* What a row of table gc says: a kind of gc_due_put, and the transaction that
 * wrote it. MDB_CORRUPTED when it is damaged. */
int gc_due_decode(struct slice value, enum record_kind *what, uint64_t *since);
/* A row of a blob: references and size. */
struct blob_row {
	uint64_t refs;
	uint64_t size;
};
int gc_blob_decode(struct slice value, struct blob_row *out);
int gc_blob_get(struct local *ls, MDB_txn *txn, uint64_t id,
		struct blob_row *out);
#define CRCS_PER_ROW 1024u /* of table crc */
/* The CRC-32C of blocks [first, first + n) of a blob; MDB_NOTFOUND when it has
 * fewer, or is gone. */
int gc_blob_crcs(struct local *ls, MDB_txn *txn, uint64_t id, uint64_t first,
		 size_t n, uint32_t *out);
/* Deletes the rows of a blob without references. */
int gc_blob_forget(struct local *ls, MDB_txn *txn, uint64_t id);

/* ---- keeper.c --------------------------------------------------------- */

int keeper_start(struct local *ls);
void keeper_stop(struct local *ls);
/* watch.c: once a second, by the keeper. */
void watch_readers(struct local *ls);
/* From its return to keeper_release() no blob is unlinked that a snapshot
 * begun meanwhile refers to. Holds add up. */
void keeper_hold(struct local *ls);
void keeper_release(struct local *ls);

/* ---- scrub.c ---------------------------------------------------------- */

int scrub_start(struct local *ls, const struct store_local_conf *conf);
void scrub_end(struct local *ls); /* before the writer stops */

/* ---- read.c: reads that are open ------------------------------------- */

void reads_init(struct open_reads *o);
void reads_release(struct open_reads *o);
/*
 * For the keeper, whose read transaction is @snapshot: no read of many pieces
 * that began earlier is let in from now on. So of what was released by then,
 * it may unlink all that no read needs that is listed already.
 */
void reads_bar(struct open_reads *o, size_t snapshot);
/* Does an open read that began before transaction @released name the blob? */
bool reads_need(struct open_reads *o, uint64_t blob_id, uint64_t released);

/* ---- outbox.c --------------------------------------------------------- */

/* Appends an encoded event as the next of the state. LMDB code. */
int outbox_append(struct writer_txn *t, struct slice row);
/* Deletes rows past their retention. */
enum s3_error outbox_trim(struct local *ls);
/* Of a table whose rows are events under a number, which becomes their seq: at
 * most @max, and 1,000, beyond @after. */
enum s3_error local_event_rows(struct local *ls, enum local_table table,
			       uint64_t after, size_t max, struct arena *a,
			       struct store_event **out, size_t *n);
enum s3_error local_events(struct store *s, uint64_t after, size_t max,
			   struct arena *a, struct store_event **out,
			   size_t *n);
enum s3_error local_events_wait(struct store *s, uint64_t after,
				int timeout_ms);
enum s3_error local_events_ack(struct store *s, uint64_t seq);

/* ---- put.c, get.c, remove.c, list.c ----------------------------------- */

enum s3_error local_put_begin(struct store *s, const struct store_put_req *req,
			      struct store_put **out);
enum s3_error local_put_write(struct store_put *put, const void *p, size_t n);
enum s3_error local_put_commit(struct store_put *put,
			       const struct store_put_final *fin,
			       struct store_object *out);
void local_put_abort(struct store_put *put);
enum s3_error local_get(struct store *s, const struct store_ref *ref,
			const struct store_cond *cond, struct arena *a,
			struct store_object *out, struct store_read **read);
enum s3_error local_read_at(struct store_read *r, uint64_t offset, void *p,
			    size_t n);
enum s3_error local_read_verify(struct store_read *r, uint64_t offset,
				uint64_t n);
bool local_read_is_verified(struct store_read *r, uint64_t offset, uint64_t n);
const char *local_read_memory(struct store_read *r);
enum s3_error local_read_extents(struct store_read *r, struct store_extent *out,
				 size_t max, size_t *n);
void local_read_close(struct store_read *r);
enum s3_error local_remove(struct store *s, struct slice bucket,
			   struct store_removal *v, size_t n,
			   const struct store_note *note);
enum s3_error local_tags_put(struct store *s, const struct store_ref *ref,
			     const struct store_headers *tags,
			     const struct store_note *note,
			     struct store_object *out);
enum s3_error local_list(struct store *s, const struct store_list_req *req,
			 struct arena *a, struct store_list_page *out);
enum s3_error local_list_versions(struct store *s,
				  const struct store_versions_req *req,
				  struct arena *a,
				  struct store_versions_page *out);

/* ---- upload.c, part.c, complete.c, copy.c ------------------------------ */

enum s3_error local_upload_create(struct store *s,
				  const struct store_upload_req *req,
				  char id[STORE_UPLOAD_ID_MAX]);
enum s3_error local_upload_get(struct store *s, struct slice bucket,
			       struct slice key, struct slice id,
			       struct arena *a, struct store_upload *out);
enum s3_error local_upload_list(struct store *s,
				const struct store_uploads_req *req,
				struct arena *a,
				struct store_uploads_page *out);
enum s3_error local_upload_abort(struct store *s, struct slice bucket,
				 struct slice key, struct slice id);
enum s3_error local_part_begin(struct store *s,
			       const struct store_part_ref *part, uint64_t size,
			       struct store_put **out);
enum s3_error local_part_list(struct store *s, struct slice bucket,
			      struct slice key, struct slice id, uint32_t after,
			      uint32_t max, struct arena *a,
			      struct store_part **out, size_t *n);
enum s3_error local_upload_complete(struct store *s,
				    const struct store_complete_req *req,
				    struct store_complete_result *out);
enum s3_error local_part_copy(struct store *s,
			      const struct store_part_copy_req *req,
			      struct store_part *out);
enum s3_error local_copy(struct store *s, const struct store_copy_req *req,
			 struct store_object *out);
enum s3_error local_get_parts(struct store *s, const struct store_ref *ref,
			      uint32_t after, uint32_t max, struct arena *a,
			      struct store_part **out, size_t *n);

#endif
