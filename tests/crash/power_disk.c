/*
 * The modelled disk: records change it, syncs make changes durable.
 */
#include "tests/crash/power_node.h"

#include <errno.h>
#include <fcntl.h>

const char *const power_outcome_names[POWER_OUTCOMES] = {
	"drop", "keep", "names", "bytes", "sizes", "journal", "torn"
};

_Noreturn void
power_broken(const char *what)
{
	fprintf(stderr, "power_disk: %s\n", what);
	abort();
}

static void *
grown(void *p, size_t n, size_t size)
{
	if (n & (n - 1))
		return p;
	p = realloc(p, (n ? 2 * n : 1) * size);
	if (!p)
		power_broken("no memory");
	return p;
}

static char *
text(const char *p, size_t n)
{
	char *s = strndup(p, n);

	if (!s)
		power_broken("no memory");
	return s;
}

/* ---- names ----------------------------------------------------------------
 */

struct node *
power_find(const struct names *in, const char *name, size_t n)
{
	for (size_t i = 0; i < in->n; i++)
		if (strlen(in->v[i].name) == n &&
		    memcmp(in->v[i].name, name, n) == 0)
			return in->v[i].node;
	return NULL;
}

/* @node NULL takes the name away. */
static void
set(struct names *in, const char *name, struct node *node)
{
	size_t i = 0;

	while (i < in->n && strcmp(in->v[i].name, name) != 0)
		i++;
	if (i < in->n && node) {
		in->v[i].node = node;
	} else if (i < in->n) {
		free(in->v[i].name);
		in->v[i] = in->v[--in->n];
	} else if (node) {
		in->v = grown(in->v, in->n, sizeof(*in->v));
		in->v[in->n++] =
		    (struct name){ text(name, strlen(name)), node };
	}
}

void
power_apply_name(struct names *to, const struct name_change *c)
{
	if (c->old)
		set(to, c->old, NULL);
	set(to, c->name, c->node);
}

void
power_release_names(struct names *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->v[i].name);
	free(n->v);
	*n = (struct names){ 0 };
}

struct node *
power_new_node(struct power_disk *d, bool is_folder)
{
	struct node *n = calloc(1, sizeof(*n));

	if (!n || d->n_nodes == POWER_NODES_MAX)
		power_broken("too many files");
	n->is_folder = is_folder;
	d->nodes[d->n_nodes++] = n;
	return n;
}

/* The folder in which @path stands, and where its last name begins. */
static struct node *
folder_of(const struct power_disk *d, const char *path, size_t *last)
{
	struct node *at = d->nodes[0];
	const char *slash;

	for (*last = 0; (slash = strchr(path + *last, '/'));
	     *last = (size_t)(slash - path) + 1) {
		at = power_find(&at->now, path + *last,
				(size_t)(slash - path) - *last);
		if (!at || !at->is_folder)
			power_broken("a folder that was never made");
	}
	return at;
}

static struct node *
look_up(const struct power_disk *d, const char *path)
{
	size_t last;
	struct node *in;

	if (!*path)
		return d->nodes[0];
	in = folder_of(d, path, &last);
	return power_find(&in->now, path + last, strlen(path + last));
}

static void
rename_in(struct power_disk *d, const char *path, struct node *node,
	  const char *old)
{
	size_t last, old_last = 0;
	struct node *in = folder_of(d, path, &last);
	struct name_change c = { .no = ++d->changes, .node = node };

	if (old && folder_of(d, old, &old_last) != in)
		power_broken("a rename from folder to folder");
	c.name = text(path + last, strlen(path + last));
	c.old = old ? text(old + old_last, strlen(old + old_last)) : NULL;
	if (node)
		node->named = c.no;
	power_apply_name(&in->now, &c);
	in->renames = grown(in->renames, in->n_renames, sizeof(*in->renames));
	in->renames[in->n_renames++] = c;
}

/* ---- bytes ----------------------------------------------------------------
 */

static void
resize(struct buf *b, uint64_t size)
{
	if (size > b->n) {
		size_t more = size - b->n;
		char *p = buf_reserve(b, more);

		if (!p)
			power_broken("no memory");
		memset(p, 0, more);
	}
	b->n = size;
}

void
power_apply(struct buf *b, const struct change *c)
{
	uint64_t end = c->at + c->n;

	if (b->n < end || c->shrinks)
		resize(b, end);
	if (c->n)
		memcpy(b->p + c->at, c->p, c->n);
}

static void
add_change(struct node *f, struct change c)
{
	f->changes = grown(f->changes, f->n_changes, sizeof(*f->changes));
	f->changes[f->n_changes++] = c;
}

/* All changes of the node are durable now. */
static void
settle(struct node *f)
{
	for (size_t i = 0; i < f->n_changes; i++) {
		power_apply(&f->bytes, &f->changes[i]);
		free(f->changes[i].p);
	}
	f->n_changes = 0;
	for (size_t i = 0; i < f->n_renames; i++) {
		power_apply_name(&f->durable, &f->renames[i]);
		free(f->renames[i].name);
		free(f->renames[i].old);
	}
	f->n_renames = 0;
}

/* ---- records --------------------------------------------------------------
 */

struct power_disk *
power_disk_new(enum power_lie lie)
{
	struct power_disk *d = calloc(1, sizeof(*d));

	if (!d)
		power_broken("no memory");
	d->lie = lie;
	power_new_node(d, true);
	return d;
}

void
power_disk_free(struct power_disk *d)
{
	for (size_t i = 0; i < d->n_nodes; i++) {
		struct node *n = d->nodes[i];

		settle(n);
		power_release_names(&n->now);
		power_release_names(&n->durable);
		buf_release(&n->bytes);
		free(n->changes);
		free(n->renames);
		free(n);
	}
	free(d);
}

static void
sync_node(struct power_disk *d, struct node *n)
{
	settle(n);
	if (!n->is_folder && n->named > d->journal)
		d->journal = n->named;
	if (n->is_folder)
		d->journal = d->changes;
}

static void
sync_late(struct power_disk *d)
{
	for (size_t i = 0; i < d->n_late; i++)
		sync_node(d, d->late[i]);
	d->n_late = 0;
}

static void
begin_open(struct power_disk *d, const struct power_record *r, const char *path)
{
	struct node *n;

	if (r->at) {
		n = power_new_node(d, false);
		n->is_file = strncmp(path, "index/", 6) != 0;
		rename_in(d, path, n, NULL);
	}
	n = look_up(d, path);
	if (!n)
		power_broken("a file that was never made");
	if ((r->arg & O_TRUNC) && !r->at)
		add_change(n,
			   (struct change){ .is_size = true, .shrinks = true });
	d->fds[r->fd].node = n;
	d->fds[r->fd].dsync = (r->arg & O_DSYNC) != 0;
}

void
power_disk_begin(struct power_disk *d, const struct power_record *r,
		 const char *data)
{
	char *a = text(data, r->first), *b = text(data + r->first, r->second);
	struct change c = { .at = r->at };

	if (d->committed)
		sync_late(d);
	d->committed = false;
	switch (r->kind) {
	case POWER_OPEN:
		begin_open(d, r, a);
		break;
	case POWER_DUP:
		d->fds[r->arg] = d->fds[r->fd];
		break;
	case POWER_CLOSE:
		d->fds[r->fd].node = NULL;
		break;
	case POWER_WRITE:
		c.n = r->first;
		c.p = malloc(c.n);
		if (!c.p)
			power_broken("no memory");
		memcpy(c.p, data, c.n);
		add_change(d->fds[r->fd].node, c);
		break;
	case POWER_TRUNCATE:
	case POWER_EXTEND:
		c.is_size = true;
		c.shrinks = r->kind == POWER_TRUNCATE;
		add_change(d->fds[r->fd].node, c);
		break;
	case POWER_RENAME:
		rename_in(d, b, look_up(d, a), a);
		break;
	case POWER_LINK:
		rename_in(d, b, look_up(d, a), NULL);
		break;
	case POWER_UNLINK:
		rename_in(d, a, NULL, NULL);
		break;
	case POWER_MKDIR:
		rename_in(d, a, power_new_node(d, true), NULL);
		break;
	case POWER_MAPPED:
		d->fds[r->fd].node->is_mapped = true;
		break;
	default:
		break;
	}
	free(a);
	free(b);
}

bool
power_disk_promises(const struct power_disk *d, const struct power_record *r)
{
	return r->kind == POWER_SYNC || r->kind == POWER_SYNCFS ||
	       (r->kind == POWER_WRITE && d->fds[r->fd].dsync);
}

void
power_disk_end(struct power_disk *d, const struct power_record *r)
{
	struct node *n;

	if (r->kind == POWER_MARK)
		d->deaf = false;
	if (d->deaf || !power_disk_promises(d, r))
		return;
	n = d->fds[r->fd].node;
	if (r->kind == POWER_SYNCFS) {
		for (size_t i = 0; i < d->n_nodes; i++)
			sync_node(d, d->nodes[i]);
	} else if (r->kind == POWER_WRITE) {
		struct change *last = &n->changes[n->n_changes - 1];

		last->promised = true;
		d->committed = true;
		if (n->n_changes == 1)
			settle(n);
	} else if (n->is_folder) {
		if (d->lie != POWER_NO_FOLDER_SYNC)
			sync_node(d, n);
	} else if (n->is_file && d->lie == POWER_NO_FILE_SYNC) {
		return;
	} else if (n->is_file && d->lie == POWER_COMMIT_FIRST) {
		if (d->n_late == ARRAY_LEN(d->late))
			power_broken("too many syncs before a commit");
		d->late[d->n_late++] = n;
	} else {
		sync_node(d, n);
	}
}

void
power_disk_kill(struct power_disk *d)
{
	memset(d->fds, 0, sizeof(d->fds));
	d->deaf = d->lie == POWER_NO_FIRST_COMMIT;
}
