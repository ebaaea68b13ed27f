/*
 * power_node.h - the inside of the modelled disk, for the files that make it.
 *
 * A file is its durable bytes and a list of changes that came since; a change
 * with a promise of its own (O_DSYNC) stays in the list behind older ones that
 * have none, so that no older one overwrites it. A folder is the same with
 * names. Files live as long as the disk: a name that was taken away may come
 * back.
 */
#ifndef TESTS_CRASH_POWER_NODE_H
#define TESTS_CRASH_POWER_NODE_H

#include "tests/crash/power_disk.h"
#include "base/buf.h"

#define POWER_FDS 4096
#define POWER_NODES_MAX 65536

struct change { /* of bytes, or only of the size */
	bool promised;
	bool is_size;
	bool shrinks;
	uint64_t at; /* or the size */
	size_t n;
	char *p;
};

struct node;
struct name_change {
	uint64_t no;
	char *name;
	struct node *node; /* NULL: taken away */
	char *old;	   /* of a rename */
};

struct name {
	char *name;
	struct node *node;
};

struct names {
	struct name *v;
	size_t n;
};

struct node {
	bool is_folder;
	bool is_file; /* and not of the index */
	bool is_mapped;
	uint64_t named; /* number of the change that gave it its name */
	struct buf bytes;
	struct change *changes;
	size_t n_changes;
	struct names now, durable;
	struct name_change *renames;
	size_t n_renames;
};

struct power_disk {
	enum power_lie lie;
	struct node *nodes[POWER_NODES_MAX];
	size_t n_nodes;
	struct {
		struct node *node;
		bool dsync;
	} fds[POWER_FDS];
	uint64_t changes;      /* of names, so far */
	uint64_t journal;      /* up to here names are durable, as on ext4 */
	struct node *late[64]; /* to be synced after the next commit */
	size_t n_late;
	bool committed; /* the index was, a moment ago */
	bool deaf;	/* see POWER_NO_FIRST_COMMIT */
};

_Noreturn void power_broken(const char *what);
struct node *power_new_node(struct power_disk *d, bool is_folder);
struct node *power_find(const struct names *in, const char *name, size_t n);
void power_apply_name(struct names *to, const struct name_change *c);
void power_apply(struct buf *b, const struct change *c);
void power_release_names(struct names *n);

#endif
