/*
 * damage.h - the list of damage that readers and the scrubber met: one
 * item per block, or per row of the index. It holds what was found and not
 * been seen whole since; the scrubber's state file keeps it.
 * Threads: any; the list has a lock of its own.
 */
#ifndef STORE_LOCAL_DAMAGE_H
#define STORE_LOCAL_DAMAGE_H

#include "base/json.h"
#include "store/care.h"
#include "store/local/local.h"

#define DAMAGE_MAX 1000u /* items; more are counted only */
#define DAMAGE_ROW_MAX 160
#define DAMAGE_ROW_ID UINT64_MAX /* no blob has it: of rows */

struct damage_item {
	enum damage what;
	uint64_t blob_id; /* or DAMAGE_ROW_ID */
	uint64_t block;
	int64_t found_us;
	int64_t seen_us; /* monotonic, 0: before the start */
	char row[DAMAGE_ROW_MAX];
};

void damages_init(struct damages *d);
void damages_release(struct damages *d);

/* @row: which one, for people, in less than DAMAGE_ROW_MAX bytes. */
void damage_found_row(struct local *ls, const char *row);
/* Strikes the items of blobs [first, last] that were not seen again since
 * @since_us: whole by now, or gone. Rows are of DAMAGE_ROW_ID. */
void damage_settle(struct local *ls, uint64_t first, uint64_t last,
		   int64_t since_us);
/* Stands one of blocks [first, last] of a blob there? */
bool damage_known(struct local *ls, uint64_t blob_id, uint64_t first,
		  uint64_t last);
size_t damage_count(struct local *ls);
/* A copy in order of blobs and blocks. -1: no memory. */
int MUST_CHECK damage_list(struct local *ls, struct arena *a,
			   struct damage_item **out, size_t *n);
const char *damage_text(enum damage what);

/* The array @name of a document, and back. */
void damage_encode(struct local *ls, struct buf *b, const char *name);
void damage_decode(struct local *ls, const cJSON *array);

/*
 * damage_owners - fills objects, n_objects and more_objects of out[], which
 * stand beside items[], from the records of all objects and open uploads, in
 * short transactions. INTERNAL_ERROR when that fails.  (owners.c)
 */
enum s3_error damage_owners(struct local *ls, const struct damage_item *items,
			    struct store_damage *out, size_t n,
			    struct arena *a);

#endif
