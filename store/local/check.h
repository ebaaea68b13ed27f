/*
 * check.h - what the parts of the check (store_fsck) share: a store that
 * is open for reading alone, one snapshot of it, and where findings go.
 * Threads: one.
 */
#ifndef STORE_LOCAL_CHECK_H
#define STORE_LOCAL_CHECK_H

#include "store/local/damage.h"

struct check {
	const struct store_fsck_conf *conf;
	struct store_fsck_result *out;
	struct local ls; /* environment, tables, identity */
	MDB_txn *txn;
	struct local_state st;
	struct buf buckets; /* struct check_bucket, by id */
	struct buf groups;  /* struct check_group, by id */
	struct buf damaged; /* blobs whose objects are still to be named */
};

struct check_bucket {
	uint32_t id;
	struct slice name; /* in the map */
};

/* A pointer to a group of long keys, and the scope it stands in. */
struct check_group {
	uint64_t id;
	uint64_t parent; /* bucket id, or group id */
	bool in_group;
	bool used; /* it has members */
	struct slice head;
};

/* A finding about nothing in particular, or about an object. */
void check_found(struct check *c, const char *kind, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void check_found_at(struct check *c, const char *kind, struct slice bucket,
		    struct slice key, const char *version_id, const char *fmt,
		    ...) PRINTF_LIKE(6, 7);
/*
 * One about a blob, of which @block is damaged, or all of it: it is told when
 * check_owners() has found whose it is, once for each object. Blobs come in
 * order; behind the first DAMAGE_MAX they are told at once, without objects.
 */
#define CHECK_WHOLE_BLOB UINT64_MAX
void check_found_blob(struct check *c, uint64_t id, uint64_t block,
		      const char *fmt, ...) PRINTF_LIKE(4, 5);
void check_owners(struct check *c);
void check_progress(struct check *c, const char *what, uint64_t done,
		    uint64_t of);

/* Every row of every table: LMDB code, 0 also when rows are damaged. */
int check_index(struct check *c);
/* One row of table M or T. */
void check_object_row(struct check *c, bool in_group, struct slice key,
		      struct slice value);
/* Once all buckets are known. */
void check_buckets_end(struct check *c);
/* Gathers the pointers of M and T, and compares them with the groups. */
int check_groups_begin(struct check *c);
void check_groups_end(struct check *c);
/* Every blob has its file, every file its blob. 0 or -1 with errno. */
int check_blobs(struct check *c);

#endif
