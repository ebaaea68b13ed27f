/*
 * Two levels of folders with 4,096 files each at most.
 */
#include "store/local/blob_walk.h"
#include "store/local/bytes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct walk {
	blob_visit *f;
	void *ctx;
	uint64_t no; /* of the folder being read; UINT64_MAX: no blob's */
};

typedef int entry(struct walk *w, int dir, const char *name);

static int
each_entry(int at, const char *name, struct walk *w, entry *f)
{
	struct dirent *e;
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d;

	if (fd < 0)
		return -1;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -1;
	}
	while (rc == 0) {
		errno = 0;
		e = readdir(d);
		if (!e) {
			rc = errno ? -1 : 0;
			break;
		}
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = f(w, dirfd(d), e->d_name);
	}
	closedir(d);
	return rc;
}

/* Exactly @digits of hexadecimal, in lower case. */
static bool
parse_hex(const char *name, size_t digits, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < digits; i++) {
		const char *all = "0123456789abcdef";
		const char *p = name[i] ? strchr(all, name[i]) : NULL;

		if (!p)
			return false;
		*out = *out << 4 | (uint64_t)(p - all);
	}
	return name[digits] == '\0';
}

static int
visit_file(struct walk *w, int dir, const char *name)
{
	uint64_t id = 0;
	bool is_blob = parse_hex(name, 16, &id) && w->no == id / LEASE_IDS;

	return w->f(w->ctx, dir, name, is_blob, id);
}

static int
visit_middle(struct walk *w, int dir, const char *name)
{
	uint64_t high = w->no, middle;
	int rc;

	if (high == UINT64_MAX || !parse_hex(name, 3, &middle))
		return w->f(w->ctx, dir, name, false, 0);
	w->no = high << 12 | middle;
	rc = each_entry(dir, name, w, visit_file);
	w->no = high;
	return rc;
}

static int
visit_top(struct walk *w, int dir, const char *name)
{
	if (!parse_hex(name, 10, &w->no))
		return w->f(w->ctx, dir, name, false, 0);
	return each_entry(dir, name, w, visit_middle);
}

int
blob_walk(int root, blob_visit *f, void *ctx)
{
	struct walk w = { .f = f, .ctx = ctx };

	return each_entry(root, ".", &w, visit_top);
}

/* ---- rows --------------------------------------------------------------- */

int
blob_next(struct local *ls, MDB_txn *txn, uint64_t *id, struct blob_row *row)
{
	uint8_t from[8];
	MDB_val k = { 8, from }, v;
	MDB_cursor *c;
	int rc = mdb_cursor_open(txn, ls->dbi[TABLE_BLOB], &c);

	if (rc != 0)
		return rc;
	be_put(from, *id, 8);
	rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
	mdb_cursor_close(c);
	if (rc != 0)
		return rc;
	if (k.mv_size != 8)
		return MDB_BAD_VALSIZE;
	*id = be_get(k.mv_data, 8);
	if (*id == UINT64_MAX)
		return MDB_BAD_VALSIZE; /* nothing comes behind it */
	return gc_blob_decode(slice_mem(v.mv_data, v.mv_size), row);
}
