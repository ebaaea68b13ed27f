/*
 * What a cut leaves of the modelled disk, written to a real folder; and
 * whether a real folder is what was recorded.
 */
#include "tests/crash/power_node.h"
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512u
#define GARBAGE 0xa5

/* ---- a cut ----------------------------------------------------------------
 */

struct cut {
	const struct power_disk *d;
	enum power_outcome o;
	uint64_t seed;
	char fill;     /* of what was never written */
	unsigned bias; /* of 8: how much is kept */
};

static uint32_t
rnd(struct cut *c, uint32_t below)
{
	c->seed ^= c->seed << 13;
	c->seed ^= c->seed >> 7;
	c->seed ^= c->seed << 17;
	return (uint32_t)((c->seed >> 20) % below);
}

static bool
kept(struct cut *c)
{
	return rnd(c, 8) < c->bias;
}

/* A file of the disk after the cut, as it is being written. */
struct out {
	int fd;
	uint64_t size;
};

static void
write_at(struct out *f, const char *p, size_t n, uint64_t at)
{
	if (n && io_pwrite_all(f->fd, p, n, (off_t)at) != 0)
		power_broken(strerror(errno));
	f->size = f->size > at + n ? f->size : at + n;
}

/* What was never written is zeros, or what the disk had there before. */
static void
grow(struct cut *c, struct out *f, uint64_t size)
{
	char piece[SECTOR];

	memset(piece, c->fill, sizeof(piece));
	while (c->fill && f->size < size)
		write_at(f, piece,
			 size - f->size < SECTOR ? size - f->size : SECTOR,
			 f->size);
	if (f->size < size && ftruncate(f->fd, (off_t)size) != 0)
		power_broken(strerror(errno));
	f->size = f->size > size ? f->size : size;
}

static void
keep(struct cut *c, struct out *f, const struct change *w)
{
	if (w->is_size && w->shrinks && w->at < f->size) {
		if (ftruncate(f->fd, (off_t)w->at) != 0)
			power_broken(strerror(errno));
		f->size = w->at;
	} else if (w->is_size) {
		grow(c, f, w->at);
	} else {
		write_at(f, w->p, w->n, w->at);
	}
}

static void
tear(struct cut *c, struct out *f, const struct change *w)
{
	size_t n;

	for (size_t at = 0; at < w->n; at += n) {
		n = SECTOR - (w->at + at) % SECTOR;
		n = n < w->n - at ? n : w->n - at;
		if (!kept(c))
			continue;
		grow(c, f, w->at + at);
		write_at(f, w->p + at, n, w->at + at);
	}
	if (rnd(c, 2))
		grow(c, f, w->at + w->n);
}

/* What is left of one change that nobody promised. */
static void
leave(struct cut *c, struct out *f, const struct change *w)
{
	switch (c->o) {
	case POWER_KEEP:
	case POWER_BYTES:
		keep(c, f, w);
		return;
	case POWER_SIZES:
		if (!w->is_size || !w->shrinks)
			grow(c, f, w->at + w->n);
		return;
	case POWER_TORN:
		if (!w->is_size && rnd(c, 3) > 0)
			tear(c, f, w);
		else if (kept(c))
			keep(c, f, w);
		return;
	default:
		return;
	}
}

static bool
name_stays(struct cut *c, const struct name_change *n)
{
	switch (c->o) {
	case POWER_KEEP:
	case POWER_NAMES:
	case POWER_SIZES:
		return true;
	case POWER_JOURNAL:
		return n->no <= c->d->journal;
	case POWER_TORN:
		return kept(c);
	default:
		return false;
	}
}

static void
cut_file(struct cut *c, const struct node *n, const char *path)
{
	struct out f = { .fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
				    0640) };

	if (f.fd < 0)
		power_broken(strerror(errno));
	write_at(&f, n->bytes.p, n->bytes.n, 0);
	for (size_t i = 0; i < n->n_changes; i++)
		if (n->changes[i].promised)
			keep(c, &f, &n->changes[i]);
		else
			leave(c, &f, &n->changes[i]);
	if (n->is_mapped && c->o == POWER_TORN) {
		uint64_t size = f.size;

		c->fill = rnd(c, 2) ? (char)GARBAGE : 0;
		keep(c, &f,
		     &(struct change){ .is_size = true, .shrinks = true });
		grow(c, &f, size);
	}
	if (close(f.fd) != 0)
		power_broken(strerror(errno));
}

static struct names
cut_names(struct cut *c, const struct node *folder)
{
	struct names left = { 0 };

	for (size_t i = 0; i < folder->durable.n; i++)
		power_apply_name(
		    &left,
		    &(struct name_change){ .name = folder->durable.v[i].name,
					   .node = folder->durable.v[i].node });
	for (size_t i = 0; i < folder->n_renames; i++)
		if (name_stays(c, &folder->renames[i]))
			power_apply_name(&left, &folder->renames[i]);
	return left;
}

/* As deep as the store's folders, which is four. */
static void
cut_folder(struct cut *c, const struct node *folder, const char *path)
{
	struct names left = cut_names(c, folder);
	char name[PATH_MAX];

	if (mkdir(path, 0750) != 0)
		power_broken(strerror(errno));
	for (size_t i = 0; i < left.n; i++) {
		snprintf(name, sizeof(name), "%s/%s", path, left.v[i].name);
		if (left.v[i].node->is_folder)
			cut_folder(c, left.v[i].node, name);
		else
			cut_file(c, left.v[i].node, name);
	}
	power_release_names(&left);
}

void
power_disk_cut(const struct power_disk *d, enum power_outcome o, uint64_t seed,
	       const char *path)
{
	struct cut c = { .d = d,
			 .o = o,
			 .seed = seed * 0x9e3779b97f4a7c15u | 1 };

	for (int i = 0; i < 8; i++)
		(void)rnd(&c, 2);
	c.bias = 1 + rnd(&c, 7);
	c.fill = rnd(&c, 4) == 0 ? (char)GARBAGE : 0;
	cut_folder(&c, d->nodes[0], path);
}

/* ---- what a cut left, as a disk -------------------------------------------
 */

static void
load_folder(struct power_disk *d, struct node *folder, const char *path,
	    bool in_index)
{
	char name[PATH_MAX];
	struct dirent *e;
	struct stat st;
	DIR *dir = opendir(path);

	while (dir && (e = readdir(dir))) {
		struct name_change c = { .name = e->d_name };

		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		if (lstat(name, &st) != 0)
			power_broken(strerror(errno));
		c.node = power_new_node(d, S_ISDIR(st.st_mode));
		power_apply_name(&folder->now, &c);
		power_apply_name(&folder->durable, &c);
		c.node->bytes.max = 1u << 30;
		c.node->is_file = !c.node->is_folder && !in_index;
		if (c.node->is_folder)
			load_folder(d, c.node, name,
				    strcmp(e->d_name, "index") == 0);
		else if (io_read_file(name, &c.node->bytes) != 0)
			power_broken(strerror(errno));
	}
	if (dir)
		closedir(dir);
}

struct power_disk *
power_disk_load(enum power_lie lie, const char *path)
{
	struct power_disk *d = power_disk_new(lie);

	load_folder(d, d->nodes[0], path, false);
	return d;
}

/* ---- was everything recorded? ---------------------------------------------
 */

static int
compare_file(const struct node *f, const char *path, char err[512])
{
	struct buf want = BUF_INIT, got = BUF_MAX(1u << 30);
	int rc = io_read_file(path, &got);

	buf_add(&want, f->bytes.p, f->bytes.n);
	for (size_t i = 0; i < f->n_changes; i++)
		power_apply(&want, &f->changes[i]);
	if (rc != 0 || want.n != got.n ||
	    (!f->is_mapped && want.n && memcmp(want.p, got.p, want.n) != 0)) {
		snprintf(err, 512, "%.400s is not what was recorded", path);
		rc = -1;
	}
	buf_release(&want);
	buf_release(&got);
	return rc;
}

static int
compare_folder(const struct node *folder, const char *path, char err[512])
{
	char name[PATH_MAX];
	struct dirent *e;
	size_t n = 0;
	DIR *dir = opendir(path);
	int rc = dir ? 0 : -1;

	while (rc == 0 && (e = readdir(dir))) {
		const struct node *node;

		if (e->d_name[0] == '.')
			continue;
		n++;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		node = power_find(&folder->now, e->d_name, strlen(e->d_name));
		if (!node) {
			snprintf(err, 512, "%.400s was not recorded", name);
			rc = -1;
		} else if (node->is_folder) {
			rc = compare_folder(node, name, err);
		} else {
			rc = compare_file(node, name, err);
		}
	}
	if (dir)
		closedir(dir);
	if (rc == 0 && n != folder->now.n) {
		snprintf(err, 512, "%.400s has %zu names, recorded were %zu",
			 path, n, folder->now.n);
		rc = -1;
	}
	return rc;
}

int
power_disk_compare(const struct power_disk *d, const char *path, char err[512])
{
	return compare_folder(d->nodes[0], path, err);
}
