/*
 * Room on the disk: marks below which requests are refused before their body,
 * and a ballast that is given up so that deletes can still be committed.
 *
 * The free bytes are read at most once a second; what was announced since, and
 * what is announced now, counts as used. Nothing is refused by an old reading.
 * Index and blobs may lie on two file systems: the scarcer one decides.
 */
#include "store/local/local.h"
#include "base/io.h"
#include "base/log.h"
#include "base/timeval.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#define BALLAST "ballast"
#define BALLAST_MAX (256ull << 20)
#define BALLAST_MIN (1ull << 20) /* less is not worth a file */
#define MIB(n) ((n) >> 20)

/* ---- the reading ------------------------------------------------------ */

/* Says once what changed and what to do; the lock is held. */
static void
note_state(struct space *s, enum store_space now, uint64_t left)
{
	static const struct {
		const char *soft, *hard;
	} says[] = {
		[false] = { "uploads and copies are refused (507) until "
			    "objects are deleted or the disk grows",
			    "only reading, listing and deleting go on. Delete "
			    "objects, or give the disk more room" },
		[true] = { "objects lie elsewhere, so all goes on; below a "
			   "quarter of that nothing can be changed",
			   "only reading and listing go on, since no event of "
			   "a change could be kept. Give the disk more room" },
	};

	if (now == s->state)
		return;
	s->state = now;
	switch (now) {
	case STORE_SPACE_OK:
		log_info("space_ok", "%" PRIu64 " MiB are free: all goes on",
			 MIB(left));
		break;
	case STORE_SPACE_SOFT:
		log_warn("space_soft",
			 "%" PRIu64 " MiB are free, less than the %" PRIu64
			 " MiB kept: %s",
			 MIB(left), MIB(s->disks[s->scarce].soft),
			 says[s->is_journal].soft);
		break;
	case STORE_SPACE_HARD:
		log_error("space_hard", "%" PRIu64 " MiB are free: %s",
			  MIB(left), says[s->is_journal].hard);
		break;
	}
}

/* Reads anew what each file system has left. The ballast is nobody's room:
 * while it is missing its size is taken off. */
static void
look(struct space *s)
{
	uint64_t missing = s->ballast_there ? 0 : s->ballast;
	enum store_space worst = STORE_SPACE_OK;

	s->read_us = time_mono_us();
	s->spent = 0;
	s->scarce = 0;
	for (size_t i = 0; i < ARRAY_LEN(s->disks); i++) {
		struct space_disk *d = &s->disks[i];
		uint64_t left = io_free_bytes(d->fd);
		enum store_space is;

		if (d->with_ballast)
			left -= left < missing ? left : missing;
		d->left = left;
		is = left < d->hard   ? STORE_SPACE_HARD
		     : left < d->soft ? STORE_SPACE_SOFT
				      : STORE_SPACE_OK;
		if (is > worst || (is == worst && left < s->disks[0].left)) {
			worst = is;
			s->scarce = i;
		}
	}
	note_state(s, worst, s->disks[s->scarce].left);
}

static void
look_if_old(struct space *s)
{
	if (time_mono_us() - s->read_us > US_PER_S)
		look(s);
}

/* Would the soft mark still be kept with @size bytes more? */
static bool
fits(const struct space *s, uint64_t size)
{
	for (size_t i = 0; i < ARRAY_LEN(s->disks); i++) {
		const struct space_disk *d = &s->disks[i];
		uint64_t need;

		if (__builtin_add_overflow(d->soft, s->reserved, &need) ||
		    __builtin_add_overflow(need, s->spent, &need) ||
		    __builtin_add_overflow(need, size, &need) || d->left < need)
			return false;
	}
	return true;
}

/* ---- requests --------------------------------------------------------- */

enum s3_error
space_reserve(struct local *ls, uint64_t size)
{
	struct space *s = &ls->space;
	enum s3_error err = S3_OK;

	pthread_mutex_lock(&s->mu);
	look_if_old(s);
	if (!fits(s, size))
		look(s);
	if (fits(s, size))
		s->reserved += size;
	else
		err = S3_ERR_INSUFFICIENT_STORAGE;
	pthread_mutex_unlock(&s->mu);
	return err;
}

void
space_unreserve(struct local *ls, uint64_t size)
{
	struct space *s = &ls->space;

	pthread_mutex_lock(&s->mu);
	s->reserved -= size;
	s->spent += size;
	pthread_mutex_unlock(&s->mu);
}

enum s3_error
space_admit(struct local *ls)
{
	struct space *s = &ls->space;
	enum s3_error err = S3_OK;

	pthread_mutex_lock(&s->mu);
	look_if_old(s);
	if (s->state == STORE_SPACE_HARD)
		look(s);
	if (s->state == STORE_SPACE_HARD)
		err = S3_ERR_INSUFFICIENT_STORAGE;
	pthread_mutex_unlock(&s->mu);
	return err;
}

/* Beyond the soft mark; what was given back may be on disk by now. */
static uint64_t
spare(const struct space *s)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < ARRAY_LEN(s->disks); i++) {
		const struct space_disk *d = &s->disks[i];
		uint64_t used, rest = 0;

		if (!__builtin_add_overflow(d->soft, s->spent, &used) &&
		    used < d->left)
			rest = d->left - used;
		if (rest < least)
			least = rest;
	}
	return least;
}

void
space_info(struct local *ls, struct store_info *out)
{
	struct space *s = &ls->space;

	pthread_mutex_lock(&s->mu);
	look_if_old(s);
	out->space = s->state;
	out->free_bytes = s->disks[s->scarce].left;
	out->spare_bytes = spare(s);
	pthread_mutex_unlock(&s->mu);
}

/* ---- the ballast ------------------------------------------------------ */

static bool
ballast_found(struct local *ls)
{
	struct stat st;

	return ls->space.ballast &&
	       fstatat(ls->lock_fd, BALLAST, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == ls->space.ballast &&
	       (uint64_t)st.st_blocks * 512 >= ls->space.ballast;
}

static int
ballast_make(struct local *ls)
{
	int fd =
	    openat(ls->lock_fd, BALLAST,
		   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	int rc;

	if (fd < 0)
		return errno;
	rc = posix_fallocate(fd, 0, (off_t)ls->space.ballast);
	if (rc == 0 && fsync(fd) != 0)
		rc = errno;
	if (close(fd) != 0 && rc == 0)
		rc = errno;
	if (rc != 0)
		(void)unlinkat(ls->lock_fd, BALLAST, 0);
	return rc;
}

void
space_tend(struct local *ls)
{
	struct space *s = &ls->space;
	bool wanted;
	int rc;

	pthread_mutex_lock(&s->mu);
	look(s); /* its size is off already while it is missing */
	wanted = s->ballast && !s->ballast_there && s->state == STORE_SPACE_OK;
	pthread_mutex_unlock(&s->mu);
	if (!wanted)
		return;
	rc = ballast_make(ls);
	if (rc != 0) {
		log_warn("ballast_missing",
			 "the ballast of %" PRIu64 " MiB cannot be made: %s",
			 MIB(s->ballast), strerror(rc));
		return;
	}
	pthread_mutex_lock(&s->mu);
	s->ballast_there = true;
	look(s);
	pthread_mutex_unlock(&s->mu);
}

bool
space_drop_ballast(struct local *ls)
{
	struct space *s = &ls->space;
	bool dropped;

	dropped = unlinkat(ls->lock_fd, BALLAST, 0) == 0;
	/* Journalling file systems free the blocks with their next commit. */
	if (dropped && fsync(ls->lock_fd) != 0)
		log_warn("ballast_sync", "%s", strerror(errno));
	if (!dropped)
		return false;
	log_error("ballast_dropped",
		  "no room for a commit: the ballast was deleted so that "
		  "objects can still be deleted");
	if (s->open) {
		pthread_mutex_lock(&s->mu);
		s->ballast_there = false;
		look(s);
		pthread_mutex_unlock(&s->mu);
	}
	return true;
}

/* ---- opening and closing ---------------------------------------------- */

static void
set_marks(struct space_disk *d, const struct store_local_conf *conf, int fd)
{
	uint64_t share = io_total_bytes(fd) / 20;

	d->fd = fd;
	d->soft = conf->min_free_bytes;
	if (conf->min_free_is_default && share < d->soft)
		d->soft = share;
	d->hard = d->soft / 4;
}

static uint64_t
ballast_size(const struct space_disk *index)
{
	uint64_t size = io_total_bytes(index->fd) / 100;

	if (size > BALLAST_MAX)
		size = BALLAST_MAX;
	if (size > index->hard)
		size = index->hard;
	size -= size % BALLAST_MIN;
	return size;
}

static bool
same_disk(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev;
}

void
space_open(struct local *ls, const struct store_local_conf *conf)
{
	struct space *s = &ls->space;
	struct space_disk *index = &s->disks[0], *blobs = &s->disks[1];

	pthread_mutex_init(&s->mu, NULL);
	set_marks(index, conf, ls->lock_fd);
	set_marks(blobs, conf, ls->blobs.root);
	index->with_ballast = true;
	s->is_journal = conf->is_journal;
	blobs->with_ballast = same_disk(ls->lock_fd, ls->blobs.root);
	s->ballast = ballast_size(index);
	s->ballast_there = ballast_found(ls);
	/* One of another size, or that a crash left unfinished. */
	if (!s->ballast_there)
		(void)unlinkat(ls->lock_fd, BALLAST, 0);
	s->open = true;
	space_tend(ls);
}

void
space_close(struct local *ls)
{
	if (ls->space.open)
		pthread_mutex_destroy(&ls->space.mu);
	ls->space.open = false;
}
