/*
 * blob.h - what the two files about blobs share: ids.c hands out
 * ids and directories, blob.c writes files. All fields but those of an
 * open file are guarded by blob_space.mu.
 */
#ifndef STORE_LOCAL_BLOB_H
#define STORE_LOCAL_BLOB_H

#include "store/local/local.h"

#define LEASE_IDS 4096u /* ids of one lease, files of one directory */
#define BLOB_NAME_MAX 64

/* A directory with files in flight, or the current one. */
struct blob_dir {
	struct blob_dir *next;
	uint64_t no; /* id / LEASE_IDS */
	int fd;
	unsigned users;
	uint64_t changes, synced; /* of its entries; those on disk */
	bool syncing;
	bool failed; /* an fsync failed: its dirty state is lost for good */
};

struct blob_file {
	struct local *ls;
	struct blob_file *next; /* in flight */
	struct blob_dir *dir;
	uint64_t id;
	uint64_t size;
	uint64_t written_back;	    /* what the disk was asked to begin with */
	struct blob_stream *stream; /* of a large one, or NULL */
	uint64_t entry;		    /* its number among dir->changes */
	int fd;
	uint32_t crc; /* of the block being filled */
	struct buf crcs;
};

/* "<hi>/<mid>" of directory @no, and "<hi>/<mid>/<id>", below blobs/f. */
void blob_dir_name(uint64_t no, char out[BLOB_NAME_MAX]);
void blob_file_name(uint64_t id, char out[BLOB_NAME_MAX]);
/* Gives f an id and a place among the files in flight. */
enum s3_error blob_space_enter(struct local *ls, struct blob_file *f);
/* Takes it out again; its fate is settled. */
void blob_space_leave(struct local *ls, struct blob_file *f);

#endif
