/*
 * store.h - objects: the only public header of the store.
 *
 * A store holds buckets, objects and the outbox of their events. Backends
 * fill a table of functions (struct store_ops); callers use the store_*()
 * wrappers below, which validate once for all backends. A NULL slot answers
 * S3_ERR_NOT_IMPLEMENTED.
 *   local  LMDB index + files on this machine's disk (store_open_local)
 *   s3     another S3 endpoint over HTTP             (store_open_s3)
 *
 * Durability: a commit that returned S3_OK is on disk - bytes, index record
 * and event - before it returns. Visibility: nothing of a put can be seen
 * before its commit, everything after.
 * Errors: enum s3_error; NULL pointers for optional arguments are said so.
 * Threads: any thread may call any function on one store; a struct store_put
 * or store_read belongs to one thread at a time.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/s3_error.h"
#include "base/signer.h"

#define STORE_KEY_MAX 1024u /* bytes of UTF-8, NUL refused */
#define STORE_BUCKET_MAX 63u
#define STORE_ETAG_MAX 48 /* md5 hex, "-10000" and NUL */
/* With the NUL. Ours are 26 characters, AWS's 32, others' may be longer. */
#define STORE_VERSION_ID_MAX 129
#define STORE_PUT_BYTES_MAX 5368709120ull /* one PutObject, 5 GiB */
#define STORE_UPLOAD_ID_MAX 513		  /* with the NUL */
#define STORE_PARTS_MAX 10000u
#define STORE_OBJECT_BYTES_MAX (STORE_PARTS_MAX * STORE_PUT_BYTES_MAX)
#define STORE_PART_BYTES_MIN 5242880ull /* all but the last, 5 MiB */
#define STORE_EVENT_ID_MAX 33		/* 16 random bytes in hex and NUL */

struct store;

/* One header kept with an object, name in lower case: "content-type",
 * "x-amz-meta-user-id", "cache-control", ... */
struct store_header {
	struct slice name;
	struct slice value;
};

struct store_headers {
	const struct store_header *v;
	size_t n;
};

/* The value, or the empty slice. */
struct slice store_headers_get(const struct store_headers *h, const char *name);

enum store_versioning {
	STORE_UNVERSIONED, /* never enabled: every version id is "null" */
	STORE_VERSIONING_ENABLED,
	STORE_VERSIONING_SUSPENDED
};

struct store_bucket {
	struct slice name;
	struct slice owner; /* account id */
	struct slice region;
	int64_t created_us;
	enum store_versioning versioning;
};

/* Documents kept with a bucket, for the gateway to read: bytes to the store,
 * at most STORE_CONFIG_BYTES_MAX each. Deleted with the bucket. */
enum store_config {
	STORE_CONFIG_CORS,
	STORE_CONFIG_TAGGING,
	STORE_CONFIG_NOTIFICATION,
	STORE_CONFIG_COUNT
};
#define STORE_CONFIG_BYTES_MAX 65536u

/* Which version of which object. */
struct store_ref {
	struct slice bucket;
	struct slice key;
	struct slice version_id; /* empty: the current one; else "null" or an
				    id as given out */
};
#define STORE_REF(bucket, key) \
	((struct store_ref){ (bucket), (key), { "", 0 } })

/* An object's record. Slices live in the arena of the call that filled it. */
struct store_object {
	struct slice key;
	uint64_t size;
	int64_t mtime_us;
	char etag[STORE_ETAG_MAX];	       /* without quotes */
	char version_id[STORE_VERSION_ID_MAX]; /* "null" when unversioned */
	uint64_t seq;	/* outbox sequence of the event that made it, 0: none */
	char epoch[40]; /* epoch UUID of seq */
	bool is_latest; /* a remote store knows it in lists, and of a version
			   that was not named */
	bool is_delete_marker; /* size, ETag, headers, tags are empty then */
	uint32_t n_parts;      /* of a multipart upload, else 0 */
	struct slice storage_class; /* empty: STANDARD */
	struct store_headers headers;
	struct store_headers tags;
	uint16_t checksum_alg;	 /* enum hash_alg, 0: none */
	bool checksum_composite; /* over the checksums of n_parts parts */
	uint8_t checksum[32];	 /* hash_size(checksum_alg) bytes */
};

/* Conditions of RFC 9110 §13 on the current object. Empty slices: none. */
struct store_cond {
	struct slice if_match; /* ETag list as sent, quoted or bare, or * */
	struct slice if_none_match;	/* likewise */
	int64_t if_modified_since_us;	/* INT64_MIN: none */
	int64_t if_unmodified_since_us; /* INT64_MIN: none */
};
#define STORE_COND_NONE                             \
	{                                           \
		.if_modified_since_us = INT64_MIN,  \
		.if_unmodified_since_us = INT64_MIN \
	}

/*
 * Who changes something, and what the gateway adds to its event; the store
 * adds seq, event id, time, key, size, ETag and version. Event names are AWS's
 * without the "s3:" prefix: "ObjectCreated:Put", "ObjectTagging:Put". Of a
 * removal the store chooses the name: "ObjectRemoved:Delete", or
 * "ObjectRemoved:DeleteMarkerCreated".
 */
struct store_note {
	/* Whose bucket it was when the request was admitted. NO_SUCH_BUCKET
	 * when it was deleted and made anew by somebody else meanwhile, which
	 * the writer alone can tell. Empty: not asked. */
	struct slice bucket_owner;
	struct slice event_name;
	struct slice principal_id;
	struct slice source_ip;
	struct slice request_id;
};

/* A row of the outbox. Of a removal size, etag and content_type are empty; a
 * delete marker has, as on AWS, the ETag of nothing. */
struct store_event {
	uint64_t seq;		     /* gapless from 1, in commit order */
	char id[STORE_EVENT_ID_MAX]; /* random, unique for ever */
	int64_t time_us;
	struct slice event_name;
	struct slice bucket;
	struct slice bucket_owner;
	struct slice key;
	uint64_t size;
	struct slice etag;
	struct slice version_id; /* "null" when unversioned */
	struct slice content_type;
	struct slice principal_id;
	struct slice source_ip;
	struct slice request_id;
};

/* Of a put's bytes, as their sender says before they come. */
struct store_digests {
	const uint8_t *checksum; /* of the checksum_alg beside; NULL: behind */
	const uint8_t *sha256;	 /* signed for all of them; NULL: not */
};

struct store_put_req {
	struct slice bucket;
	struct slice key;
	uint64_t size; /* bytes announced, UINT64_MAX when unknown */
	uint64_t
	    size_max; /* ENTITY_TOO_LARGE past it; 0: STORE_PUT_BYTES_MAX */
	/* enum hash_alg of the checksum that the commit will bring, 0: not
	 * known. A remote backend announces it before the bytes. */
	uint16_t checksum_alg;
	const struct store_digests *digests; /* NULL: none are known yet */
	struct slice storage_class;	     /* empty: STANDARD */
	struct store_headers headers;
	struct store_headers tags;
	struct store_cond cond; /* checked now and again inside the commit */
};

struct store_put_final {
	struct slice etag;     /* hex MD5 of the bytes; may be empty where
				  store_put_needs_md5() says so */
	uint16_t checksum_alg; /* enum hash_alg, 0: none */
	uint8_t checksum[32];
	struct store_note note;
};

struct store_put;
struct store_read;

/*
 * @start_after may be any bytes. A common prefix is listed when it is itself
 * beyond start_after, as a key is.
 */
struct store_list_req {
	struct slice bucket;
	struct slice prefix;
	struct slice delimiter; /* any length; empty: none */
	struct slice
	    start_after;      /* keys and common prefixes beyond this only */
	bool start_is_prefix; /* start_after is a common prefix: skip all
				 keys below it */
	uint32_t max_keys;    /* 0..1000 */
};

/* A page: keys and prefixes merged in byte order in `entries`. */
struct store_list_entry {
	bool is_prefix;
	struct slice name;	    /* key or common prefix */
	struct store_object object; /* without headers and tags; empty for a
				       prefix */
};

struct store_list_page {
	struct store_list_entry *entries;
	size_t n;
	bool truncated;
	struct slice next;   /* continue with start_after = next ... */
	bool next_is_prefix; /* ... and start_is_prefix = next_is_prefix */
};

/*
 * All versions, newest first below each key. @key_marker and @version_marker
 * are where the page before ended: versions beyond it only; an empty
 * version_marker: keys beyond key_marker only. @marker_is_prefix as
 * start_is_prefix above.
 */
struct store_versions_req {
	struct slice bucket;
	struct slice prefix;
	struct slice delimiter;
	struct slice key_marker;
	struct slice version_marker;
	bool marker_is_prefix;
	uint32_t max_keys; /* 0..1000 */
};

struct store_versions_page {
	struct store_list_entry *entries;
	size_t n;
	bool truncated;
	struct slice next_key;	   /* of the last entry: key or common prefix */
	struct slice next_version; /* empty when that was a prefix */
};

/* What a removal did. */
struct store_removed {
	bool existed;	/* something was deleted or hidden */
	bool is_marker; /* a delete marker was made, or the version deleted
			   was one */
	char version_id[STORE_VERSION_ID_MAX]; /* made or deleted; "" when none
						  was named and the bucket is
						  unversioned */
};

/* One of many removals; err and removed are filled in. */
struct store_removal {
	struct slice key;
	struct slice version_id; /* empty: the current one */
	struct store_cond cond;
	enum s3_error err;
	struct store_removed removed;
};

/*
 * A copy: bytes are shared, never moved. The source is the version that
 * store_get() described, by @source_seq and @source_etag and with
 * @source_size: when the name stands for another one by the time of the
 * commit, OPERATION_ABORTED, and the caller looks again. (The local backend
 * knows it again by the first, a remote one by the second.)
 * What the new object shall carry is given in full.
 */
struct store_copy_req {
	struct store_ref source;
	uint64_t source_seq;
	struct slice source_etag;
	uint64_t source_size;
	struct slice bucket;
	struct slice key;
	uint64_t size_max; /* as of a put */
	struct slice storage_class;
	struct store_headers headers;
	struct store_headers tags;
	struct store_cond cond; /* on the target */
	/* keep_checksum: the source's. Else these, of the whole bytes; a
	 * remote store needs no digest (store_is_remote()). */
	bool keep_checksum;
	uint16_t checksum_alg;
	uint8_t checksum[32];
	struct store_note note;
	/* RenameObject: the source is removed in the same commit, with the
	 * event "ObjectRemoved:Delete". Both in one bucket. */
	bool rename;
};

/* ---- multipart uploads ---- */

struct store_upload_req {
	struct slice bucket;
	struct slice key;
	struct slice initiator; /* account id */
	struct slice storage_class;
	struct store_headers headers;
	struct store_headers tags;
	uint16_t checksum_alg;	 /* enum hash_alg; 0: none named, the object
				    gets its parts' common CRC */
	bool checksum_composite; /* else full object */
};

struct store_upload {
	struct slice key;
	char id[STORE_UPLOAD_ID_MAX];
	int64_t initiated_us;
	struct slice initiator;
	struct slice storage_class;
	/* Neither in lists, nor of a remote backend: it tells no time of
	 * beginning either but in lists, and the owner of the bucket as the
	 * initiator. */
	struct store_headers headers;
	struct store_headers tags;
	uint16_t checksum_alg;
	bool checksum_composite;
};

/* Which part of which upload. */
struct store_part_ref {
	struct slice bucket;
	struct slice key;
	struct slice upload_id;
	uint32_t number; /* 1..STORE_PARTS_MAX */
	/* Of a part to be put: as in store_put_req, the upload's or none. */
	uint16_t checksum_alg;
	const struct store_digests *digests;
};

/* A part, of an upload or of the object it became (then the numbers are
 * 1..n_parts in order). */
struct store_part {
	uint32_t number;
	uint64_t offset; /* in the object; 0 in an upload */
	uint64_t size;
	int64_t mtime_us;      /* 0 in an object */
	char etag[33];	       /* hex MD5; "" in an object */
	uint16_t checksum_alg; /* 0: none */
	uint8_t checksum[32];
};

/* A part whose bytes are a range of an object, shared as in a copy. */
struct store_part_copy_req {
	struct store_part_ref part;
	struct store_ref source;
	uint64_t source_seq; /* as in store_copy_req */
	struct slice source_etag;
	uint64_t source_size;
	uint64_t offset;
	uint64_t size;
	uint64_t size_max;
	/* hex MD5 of the range, and its checksum: not of a remote store */
	struct slice etag;
	uint16_t checksum_alg;
	uint8_t checksum[32];
};

struct store_uploads_req {
	struct slice bucket;
	struct slice prefix;
	struct slice delimiter;
	struct slice key_marker;
	struct slice upload_marker; /* only with key_marker: uploads of that
				       key beyond this id; empty: keys beyond
				       key_marker only */
	bool marker_is_prefix;
	uint32_t max_uploads; /* 0..1000 */
};

struct store_uploads_entry {
	bool is_prefix;
	struct slice name;
	struct store_upload upload;
};

/* In order of key, then of initiation. */
struct store_uploads_page {
	struct store_uploads_entry *entries;
	size_t n;
	bool truncated;
	struct slice next_key;	  /* of the last entry, truncated or not */
	struct slice next_upload; /* empty when the last was a prefix */
};

/* One <Part> of CompleteMultipartUpload. */
struct store_complete_part {
	uint32_t number;
	struct slice etag;     /* bare */
	uint16_t checksum_alg; /* 0: not said */
	uint8_t checksum[32];
};

struct store_complete_req {
	struct slice bucket;
	struct slice key;
	struct slice upload_id;
	const struct store_complete_part *parts; /* ascending numbers */
	size_t n_parts;
	uint64_t size;	   /* x-amz-mp-object-size; UINT64_MAX: not said */
	uint64_t size_max; /* of the whole; 0: no limit but S3's */
	struct store_cond cond;
	/* x-amz-checksum-*: what the whole must have; 0: not said */
	uint16_t checksum_alg;
	uint8_t checksum[32];
	struct store_note note;
};

/* Of a completion: the object, or what was wrong. */
struct store_complete_result {
	struct store_object object; /* without key, headers, tags */
	struct store_part bad;	    /* INVALID_PART: number as asked;
				       ENTITY_TOO_SMALL, BAD_DIGEST of a part:
				       the part as it is */
	uint64_t size;		    /* of the parts together */
};

/* A place where bytes of an object lie, for readers outside the process. */
struct store_extent {
	int fd;		 /* owned by the lease */
	uint64_t offset; /* of the first byte in fd */
	uint64_t size;
};

/*
 * What a store still takes. SOFT: no new bytes (puts, parts, copies, new
 * uploads); HARD: reading, listing and removing alone. All else answers
 * INSUFFICIENT_STORAGE.
 */
enum store_space { STORE_SPACE_OK, STORE_SPACE_SOFT, STORE_SPACE_HARD };
/* "ok", "soft", "hard" */
const char *store_space_name(enum store_space s);

/* An epoch that ended when a new one was begun: its events are those of the
 * outbox up to last_seq, from the end of the one before on. */
struct store_past {
	char epoch[40];
	uint64_t last_seq;
};

#define STORE_UNKNOWN UINT64_MAX

struct store_info {
	char deployment_id[40]; /* UUID made with the store */
	char epoch[40];		/* UUID, new after a restore */
	/* Those before it, oldest first; they live as long as the store. */
	const struct store_past *pasts;
	size_t n_pasts;
	uint64_t objects; /* versions, without delete markers */
	uint64_t bytes;	  /* of them */
	uint64_t buckets; /* all three STORE_UNKNOWN of a remote backend */
	uint64_t last_seq;
	uint64_t acked_seq;
	/* Of the file system, the fuller one where index and blobs have one
	 * each; without the ballast. */
	uint64_t free_bytes;
	/* Of them those above the soft mark: what new objects may take.
	 * UINT64_MAX: the backend does not know. */
	uint64_t spare_bytes;
	enum store_space space;
	int64_t lag_us; /* how long the oldest commit has been waited for */
	/* Why objects cannot be reached now, a few words; NULL: they can. */
	const char *trouble;
};

struct store_ops {
	enum s3_error (*bucket_create)(struct store *, struct slice name,
				       struct slice owner, struct slice region);
	enum s3_error (*bucket_head)(struct store *, struct slice name,
				     struct arena *, struct store_bucket *out);
	enum s3_error (*bucket_delete)(struct store *, struct slice name);
	enum s3_error (*bucket_list)(struct store *, struct slice owner,
				     struct arena *, struct store_bucket **out,
				     size_t *n);
	enum s3_error (*bucket_versioning)(struct store *, struct slice name,
					   enum store_versioning);
	enum s3_error (*config_get)(struct store *, struct slice bucket,
				    enum store_config, struct arena *,
				    struct slice *out);
	enum s3_error (*config_put)(struct store *, struct slice bucket,
				    enum store_config, struct slice document);
	/* Of what others change. NULL: nobody else does. */
	uint64_t (*config_version)(struct store *);
	enum s3_error (*put_begin)(struct store *, const struct store_put_req *,
				   struct store_put **out);
	enum s3_error (*put_write)(struct store_put *, const void *, size_t);
	enum s3_error (*put_commit)(struct store_put *,
				    const struct store_put_final *,
				    struct store_object *out);
	void (*put_abort)(struct store_put *);
	enum s3_error (*get)(struct store *, const struct store_ref *,
			     const struct store_cond *, struct arena *,
			     struct store_object *out,
			     struct store_read **read);
	enum s3_error (*get_parts)(struct store *, const struct store_ref *,
				   uint32_t after, uint32_t max, struct arena *,
				   struct store_part **out, size_t *n);
	void (*read_want)(struct store_read *, uint64_t offset, uint64_t n);
	enum s3_error (*read_at)(struct store_read *, uint64_t offset, void *p,
				 size_t n);
	enum s3_error (*read_verify)(struct store_read *, uint64_t offset,
				     uint64_t n);
	bool (*read_is_verified)(struct store_read *, uint64_t offset,
				 uint64_t n);
	const char *(*read_memory)(struct store_read *);
	enum s3_error (*read_extents)(struct store_read *,
				      struct store_extent *out, size_t max,
				      size_t *n);
	void (*read_close)(struct store_read *);
	enum s3_error (*remove)(struct store *, struct slice bucket,
				struct store_removal *, size_t n,
				const struct store_note *);
	enum s3_error (*tags_put)(struct store *, const struct store_ref *,
				  const struct store_headers *tags,
				  const struct store_note *,
				  struct store_object *out);
	enum s3_error (*copy)(struct store *, const struct store_copy_req *,
			      struct store_object *out);
	enum s3_error (*list)(struct store *, const struct store_list_req *,
			      struct arena *, struct store_list_page *out);
	enum s3_error (*list_versions)(struct store *,
				       const struct store_versions_req *,
				       struct arena *,
				       struct store_versions_page *out);
	enum s3_error (*upload_create)(struct store *,
				       const struct store_upload_req *,
				       char id[STORE_UPLOAD_ID_MAX]);
	enum s3_error (*upload_get)(struct store *, struct slice bucket,
				    struct slice key, struct slice id,
				    struct arena *, struct store_upload *out);
	enum s3_error (*upload_list)(struct store *,
				     const struct store_uploads_req *,
				     struct arena *,
				     struct store_uploads_page *out);
	enum s3_error (*upload_abort)(struct store *, struct slice bucket,
				      struct slice key, struct slice id);
	enum s3_error (*part_begin)(struct store *,
				    const struct store_part_ref *,
				    uint64_t size, struct store_put **out);
	enum s3_error (*part_copy)(struct store *,
				   const struct store_part_copy_req *,
				   struct store_part *out);
	enum s3_error (*part_list)(struct store *, struct slice bucket,
				   struct slice key, struct slice id,
				   uint32_t after, uint32_t max, struct arena *,
				   struct store_part **out, size_t *n);
	enum s3_error (*upload_complete)(struct store *,
					 const struct store_complete_req *,
					 struct store_complete_result *out);
	enum s3_error (*events)(struct store *, uint64_t after, size_t max,
				struct arena *, struct store_event **out,
				size_t *n);
	enum s3_error (*events_wait)(struct store *, uint64_t after,
				     int timeout_ms);
	enum s3_error (*events_ack)(struct store *, uint64_t seq);
	enum s3_error (*info)(struct store *, struct store_info *out);
	void (*halt)(struct store *); /* NULL: nothing is waited for */
	void (*close)(struct store *);
};

/* A backend's own structs begin with these; the wrappers fill them in. */
struct store {
	const struct store_ops *ops;
	_Atomic uint64_t config_version; /* see store_config_version() */
};
struct store_put {
	struct store *store;
	uint64_t size; /* announced, UINT64_MAX when unknown */
	uint64_t size_max;
	uint64_t written; /* bytes accepted so far */
	bool without_md5;
	bool compares_sha256;
};
struct store_read {
	struct store *store;
};

/* ---- opening ---------------------------------------------------------- */

struct store_local_conf {
	const char *data_dir;	  /* index/ and blobs/ are made below it */
	uint64_t inline_max;	  /* bytes */
	uint64_t map_size;	  /* bytes of address space */
	uint64_t min_free_bytes;  /* the soft mark; the hard one is a quarter */
	bool min_free_is_default; /* then at most 5 % of the file system */
	bool is_journal; /* of another S3: what it says about room is other */
	unsigned max_readers;	    /* LMDB reader slots; 0: 1024 */
	int64_t upload_age_max_ms;  /* older uploads are aborted; 0: never */
	uint64_t scrub_bytes_per_s; /* of the passes that begin by themselves;
				       0: none do (care.h) */
	int64_t scrub_interval_ms;  /* from the end of one to the next */
	/* For tests; 0 is the default. */
	uint64_t stream_min;	    /* blobs past the page cache: from 8 MiB */
	int64_t gc_delay_ms;	    /* replaced bytes stay: 15 minutes */
	int64_t event_retention_ms; /* delivered events stay: 7 days */
	int64_t completed_keep_ms;  /* completions are known: 7 days */
};

/*
 * store_open_local - opens or creates; takes an exclusive lock, reclaims the
 * orphans of a crash.
 * Returns the store or NULL with one line for the user in err (512 bytes):
 * not writable, in use by another process, unknown format version.
 */
struct store *store_open_local(const struct store_local_conf *conf,
			       char err[512]);
/*
 * store_open_s3 - another S3 endpoint as the store: AWS, an S3 cluster,
 * another Reelgate. Returns NULL with one line in err; nothing is asked from
 * the endpoint yet.
 */
struct store_s3_conf {
	const char *endpoint; /* http://127.0.0.1:9000; "": AWS of the region */
	const char *region;   /* "": us-east-1 */
	/* How a bucket is named. Left to us: in the host at AWS, in the path
	 * elsewhere, and there too when its name has a dot. */
	enum store_s3_style {
		STORE_S3_STYLE_AUTO,
		STORE_S3_STYLE_PATH,
		STORE_S3_STYLE_HOST
	} style;
	const char *ca_file; /* PEM, for https; NULL or "": the system's */
	/* auth's, handed in because siblings do not include each other; what
	 * it points to outlives the store */
	struct signer signer;
	/* A local store that keeps outbox and intents, owned from then on;
	 * NULL: no events, no notification documents. */
	struct store *journal;
	/* Account id of buckets of which the journal knows no other owner. */
	const char *owner;
	/* Who that is where the journal is served by itself: buckets of this
	 * owner, from before a migration, are @owner's. NULL: nobody. */
	const char *journal_owner;
	/* The bucket that is asked for now and then, for store_info.trouble;
	 * NULL: none. */
	const char *watch;
};
struct store *store_open_s3(const struct store_s3_conf *conf, char err[512]);
/* The local store that keeps what is kept here: @s itself, or the journal of a
 * remote one, NULL without one. Never to be closed by itself. */
struct store *store_journal(struct store *s);
/* The bytes lie at another endpoint, which copies them itself and computes
 * what a copy's digests are: those of a request need not be there. */
bool store_is_remote(const struct store *s);
/* The region that requests about a bucket are signed for: the one that the
 * endpoint told, else that of the settings. Nothing is asked; "" of a local
 * store. */
#define STORE_REGION_MAX 64 /* with its NUL */
void store_signed_region(struct store *s, struct slice bucket,
			 char out[STORE_REGION_MAX]);
/* How far ahead of this machine's clock they are signed, where those two
 * differ much; microseconds. */
int64_t store_signed_ahead(struct store *s);
/* Ends all waiting for another S3: calls under way fail soon, later ones at
 * once. For those that a store_close() has to come behind. NULL is fine. */
void store_halt(struct store *s);
/* Ends all work and closes; NULL is fine. No put or read may be open. */
void store_close(struct store *s);

/* ---- buckets ---------------------------------------------------------- */

/* AWS's naming rules; see "Bucket naming rules" (S3 User Guide). */
bool store_bucket_name_valid(struct slice name);
/* BUCKET_ALREADY_OWNED_BY_YOU, BUCKET_ALREADY_EXISTS, INVALID_BUCKET_NAME */
enum s3_error MUST_CHECK store_bucket_create(struct store *s, struct slice name,
					     struct slice owner,
					     struct slice region);
/* NO_SUCH_BUCKET */
enum s3_error MUST_CHECK store_bucket_head(struct store *s, struct slice name,
					   struct arena *a,
					   struct store_bucket *out);
/* NO_SUCH_BUCKET, BUCKET_NOT_EMPTY: any version or delete marker keeps a
 * bucket, an upload in progress does not. */
enum s3_error MUST_CHECK store_bucket_delete(struct store *s,
					     struct slice name);
/* In byte order of the name. @owner empty: all. */
enum s3_error MUST_CHECK store_bucket_list(struct store *s, struct slice owner,
					   struct arena *a,
					   struct store_bucket **out,
					   size_t *n);
/* Enabled or suspended; there is no way back to unversioned (AWS).
 * INVALID_ARGUMENT for STORE_UNVERSIONED, NO_SUCH_BUCKET. */
enum s3_error MUST_CHECK store_bucket_versioning(struct store *s,
						 struct slice name,
						 enum store_versioning v);
/* The document, in @a; empty (.n == 0): none. NO_SUCH_BUCKET */
enum s3_error MUST_CHECK store_config_get(struct store *s, struct slice bucket,
					  enum store_config which,
					  struct arena *a, struct slice *out);
/* Replaces it; an empty document deletes. NO_SUCH_BUCKET, INVALID_ARGUMENT
 * when it is too long. */
enum s3_error MUST_CHECK store_config_put(struct store *s, struct slice bucket,
					  enum store_config which,
					  struct slice document);
/* A number that is another one once a document was replaced, or a bucket made
 * or deleted, by this process: what is read after it is at least as new. Where
 * others may do so, too, it also becomes another one from time to time. */
uint64_t store_config_version(struct store *s);

/* ---- objects ---------------------------------------------------------- */

/*
 * store_put_begin - starts writing an object; nothing is visible yet.
 * End with exactly one of store_put_commit and store_put_abort.
 * Errors: NO_SUCH_BUCKET, KEY_TOO_LONG, INVALID_ARGUMENT (no key, or NUL in
 * it), METADATA_TOO_LARGE (headers over 32 KiB), PRECONDITION_FAILED,
 * NO_SUCH_KEY (If-Match on an absent key), ENTITY_TOO_LARGE,
 * INSUFFICIENT_STORAGE. A remote store may give those that depend on what is
 * there as late as in the commit; so may it of a part.
 */
enum s3_error MUST_CHECK store_put_begin(struct store *s,
					 const struct store_put_req *req,
					 struct store_put **out);
/* Errors: ENTITY_TOO_LARGE, INSUFFICIENT_STORAGE, INTERNAL_ERROR. Any error
 * is final: abort. */
enum s3_error MUST_CHECK store_put_write(struct store_put *put, const void *p,
					 size_t n);
/*
 * store_put_commit - durable, then visible, with its event, in one step.
 * Frees put in every case. @out: filled but for key, storage class, headers
 * and tags; may be NULL.
 * Errors: those of the conditions (decided inside the writer, so of N racing
 * If-None-Match: * exactly one wins), INCOMPLETE_BODY when fewer bytes came
 * than announced, INSUFFICIENT_STORAGE, INTERNAL_ERROR.
 */
enum s3_error MUST_CHECK store_put_commit(struct store_put *put,
					  const struct store_put_final *fin,
					  struct store_object *out);
void store_put_abort(struct store_put *put); /* NULL is fine */
/* What the caller need not do, since a remote backend does without, or leaves
 * it to the other S3: the MD5 for the commit; the SHA-256 that was announced,
 * of which the commit answers X_AMZ_CONTENT_SHA256_MISMATCH. */
static inline bool
store_put_needs_md5(const struct store_put *put)
{
	return !put->without_md5;
}
static inline bool
store_put_compares_sha256(const struct store_put *put)
{
	return put->compares_sha256;
}

/*
 * store_get - a version's record and, when @read is not NULL, its bytes.
 * @cond: NULL for none. @read: owned by the caller, store_read_close().
 * A read stays whole while open, whatever happens to the key.
 * Errors: NO_SUCH_BUCKET, NO_SUCH_KEY, NO_SUCH_VERSION, INVALID_ARGUMENT (a
 * version id that none can be), PRECONDITION_FAILED, NOT_MODIFIED (with *out
 * filled in the last two cases). A delete marker: NO_SUCH_KEY when it is the
 * current version, METHOD_NOT_ALLOWED when asked for by id; out->
 * is_delete_marker, version_id and mtime_us (0: not known) are set in both
 * cases and in no other failure.
 */
enum s3_error MUST_CHECK store_get(struct store *s, const struct store_ref *ref,
				   const struct store_cond *cond,
				   struct arena *a, struct store_object *out,
				   struct store_read **read);
/* Parts after number @after, at most @max, of an object with n_parts; none
 * of any other. Errors as of store_get(). */
enum s3_error MUST_CHECK store_get_parts(struct store *s,
					 const struct store_ref *ref,
					 uint32_t after, uint32_t max,
					 struct arena *a,
					 struct store_part **out, size_t *n);
/* What will be read, so that a remote backend asks for these bytes in one
 * request; nothing is waited for. */
void store_read_want(struct store_read *r, uint64_t offset, uint64_t n);
/* Exactly n bytes at offset, as they were written, else INTERNAL_ERROR.
 * OPERATION_ABORTED where a remote store has another object by now, or none:
 * who looks again sees which. So does store_read_verify(). */
enum s3_error MUST_CHECK store_read_at(struct store_read *r, uint64_t offset,
				       void *p, size_t n);
/*
 * store_read_verify - compares the blocks that hold these bytes with their
 * checksums, but for those that were a moment ago (some 60 s). INTERNAL_ERROR
 * when one is damaged. S3_OK of a backend whose bytes are checked elsewhere.
 */
enum s3_error MUST_CHECK store_read_verify(struct store_read *r,
					   uint64_t offset, uint64_t n);
/* Nothing would be left to read for it. */
bool store_read_is_verified(struct store_read *r, uint64_t offset, uint64_t n);
/* All bytes of the object, verified, when they are in memory anyway: until the
 * read is closed. Else NULL. */
const char *store_read_memory(struct store_read *r);
/*
 * store_read_extents - where the bytes lie, in order. The fds belong to the
 * read: dup() to keep one. An inline object answers one extent in a sealed
 * memfd. What is read there is not verified: store_read_verify().
 * NOT_IMPLEMENTED for a remote backend; INTERNAL_ERROR when max is too small,
 * *n is their number then. Many extents open as many descriptors.
 */
enum s3_error MUST_CHECK store_read_extents(struct store_read *r,
					    struct store_extent *out,
					    size_t max, size_t *n);
void store_read_close(struct store_read *r); /* NULL is fine */

/*
 * store_remove - deletes one object or version as the bucket's versioning
 * has it: without a version id the object (unversioned), or a delete marker
 * is put on top (enabled), or the null version is replaced by a null marker
 * (suspended); with a version id that version for good.
 * What is not there is S3_OK with removed->existed false and no event (but a
 * marker is made all the same, with its event). @cond is decided on the
 * current version, or on the one named if it is there. @removed may be NULL.
 * Errors: NO_SUCH_BUCKET, PRECONDITION_FAILED, NO_SUCH_KEY (if_match of what
 * is not there), INVALID_ARGUMENT (version id).
 */
enum s3_error MUST_CHECK store_remove(struct store *s,
				      const struct store_ref *ref,
				      const struct store_cond *cond,
				      const struct store_note *note,
				      struct store_removed *removed);
/* Many of one bucket, at most 1,000, in order, in one durable commit: each
 * has its own outcome in v[i].err. Fails as a whole with NO_SUCH_BUCKET,
 * INTERNAL_ERROR, ... */
enum s3_error MUST_CHECK store_remove_many(struct store *s, struct slice bucket,
					   struct store_removal *v, size_t n,
					   const struct store_note *note);
/*
 * store_tags_put - replaces the tags of a version; modification time, ETag
 * and version stay. @out: the object as it is then, without key, headers and
 * tags; may be NULL. Errors as of store_get().
 */
enum s3_error MUST_CHECK store_tags_put(struct store *s,
					const struct store_ref *ref,
					const struct store_headers *tags,
					const struct store_note *note,
					struct store_object *out);
/*
 * store_copy - a new object (or version) that shares the source's bytes and
 * has its ETag and parts. Independent of the size. @out as of a put.
 * Errors: as of store_get() for the source, as of a put for the target,
 * ENTITY_TOO_LARGE, OPERATION_ABORTED (see store_copy_req).
 */
enum s3_error MUST_CHECK store_copy(struct store *s,
				    const struct store_copy_req *req,
				    struct store_object *out);

/* A page in UTF-8 byte order. Errors: NO_SUCH_BUCKET. */
enum s3_error MUST_CHECK store_list(struct store *s,
				    const struct store_list_req *req,
				    struct arena *a,
				    struct store_list_page *out);
/* Errors: NO_SUCH_BUCKET, INVALID_ARGUMENT (version_marker). */
enum s3_error MUST_CHECK
store_list_versions(struct store *s, const struct store_versions_req *req,
		    struct arena *a, struct store_versions_page *out);

/* ---- multipart uploads ------------------------------------------------- */

/* NO_SUCH_UPLOAD from here on: no such id, of another key, aborted, or
 * completed. Errors: those of store_put_begin() but for conditions. */
enum s3_error MUST_CHECK store_upload_create(struct store *s,
					     const struct store_upload_req *req,
					     char id[STORE_UPLOAD_ID_MAX]);
enum s3_error MUST_CHECK store_upload_get(struct store *s, struct slice bucket,
					  struct slice key, struct slice id,
					  struct arena *a,
					  struct store_upload *out);
/* Errors: NO_SUCH_BUCKET, INVALID_ARGUMENT (upload_marker). */
enum s3_error MUST_CHECK store_upload_list(struct store *s,
					   const struct store_uploads_req *req,
					   struct arena *a,
					   struct store_uploads_page *out);
/* S3_OK as well for an upload completed in the last days. */
enum s3_error MUST_CHECK store_upload_abort(struct store *s,
					    struct slice bucket,
					    struct slice key, struct slice id);
/* A put whose commit makes the part, replacing one of that number; its note
 * is not used, its *out has size, ETag, mtime and checksum. */
enum s3_error MUST_CHECK store_part_begin(struct store *s,
					  const struct store_part_ref *part,
					  uint64_t size, uint64_t size_max,
					  struct store_put **out);
/* Errors: NO_SUCH_UPLOAD, those of store_get() for the source,
 * ENTITY_TOO_LARGE (also when the range lies in too many pieces),
 * INVALID_ARGUMENT (range beyond the source),
 * OPERATION_ABORTED. */
enum s3_error MUST_CHECK store_part_copy(struct store *s,
					 const struct store_part_copy_req *req,
					 struct store_part *out);
/* Parts after number @after, at most @max, in order. */
enum s3_error MUST_CHECK store_part_list(struct store *s, struct slice bucket,
					 struct slice key, struct slice id,
					 uint32_t after, uint32_t max,
					 struct arena *a,
					 struct store_part **out, size_t *n);
/*
 * store_upload_complete - the parts named become the object, all others are
 * dropped; no bytes move. ETag: MD5 of the parts' MD5s, "-", their number.
 * Checksum: as the upload's algorithm and type say. A repeat with the same
 * parts answers the same, for some days.
 * Errors: NO_SUCH_UPLOAD, INVALID_PART_ORDER, INVALID_PART, ENTITY_TOO_SMALL,
 * ENTITY_TOO_LARGE, INVALID_REQUEST (size differs), BAD_DIGEST (a part's
 * checksum: bad.number set; the whole's: 0), those of the conditions; *out says
 * which part.
 */
enum s3_error MUST_CHECK
store_upload_complete(struct store *s, const struct store_complete_req *req,
		      struct store_complete_result *out);

/* ---- the outbox ------------------------------------------------------- */

/* At most @max events with seq > @after, ascending. */
enum s3_error MUST_CHECK store_events(struct store *s, uint64_t after,
				      size_t max, struct arena *a,
				      struct store_event **out, size_t *n);
/* Blocks until an event with seq > @after is committed, or the time is up
 * (S3_OK in both cases), or the store closes (SERVICE_UNAVAILABLE). */
enum s3_error MUST_CHECK store_events_wait(struct store *s, uint64_t after,
					   int timeout_ms);
/* Records that everything up to @seq was delivered (rows are kept 7 days).
 * INVALID_ARGUMENT when @seq was never given out. */
enum s3_error MUST_CHECK store_events_ack(struct store *s, uint64_t seq);
enum s3_error MUST_CHECK store_info(struct store *s, struct store_info *out);

/* ---- shared by backends and gateway ----------------------------------- */

/* The whole <Tagging> document (PutObjectTagging, PutBucketTagging). */
void store_put_tagging(struct buf *xml, const struct store_headers *tags);
/* Evaluates @c against the current object (NULL: none) as RFC 9110 §13.2.2
 * orders it. @is_read: GET/HEAD (NOT_MODIFIED possible). */
enum s3_error store_cond_check(const struct store_cond *c,
			       const struct store_object *current,
			       bool is_read);

#endif
