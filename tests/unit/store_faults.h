/*
 * store_faults.h - failing and full disks for the tests of the store: the
 * calls that write are interposed (this program's definitions come before
 * libc's, for the store and for liblmdb) and fail by a plan; a script runs in
 * a child once for each call that the plan lets fail, and its journal, which
 * the parent shares, is compared with the store as the next start finds it.
 */
#ifndef TESTS_STORE_FAULTS_H
#define TESTS_STORE_FAULTS_H

#include "tests/unit/store_multipart.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define EXIT_REFUSED 10 /* did not open, and said so */
#define EXIT_WRONG 11
#define EXIT_PANIC 70

/* ---- the calls -------------------------------------------------------- */

enum call {
	PWRITE = 1,
	WRITEV = 2,
	FDATASYNC = 4,
	FSYNC = 8,
	CREATE = 16, /* openat(O_CREAT), mkdirat, mkdir */
	UNLINK = 32,
};

struct plan {
	unsigned calls;
	int error;  /* errno; 0: half of the bytes are written */
	bool lasts; /* until healed */
	long at;    /* the first of these calls that fails; 0: none does */
};

#define FDS 256
#define DIRS 64

static struct plan plan;
static atomic_long seen;
static atomic_bool healed, hit;
static atomic_bool created[FDS]; /* blob files */
/* Directories with an entry that is not on disk. */
static pthread_mutex_t dirty_mu = PTHREAD_MUTEX_INITIALIZER;
static struct stat dirty[DIRS];
static size_t dirty_n;

static bool
fails(enum call call)
{
	long n;

	if (!plan.at || !(plan.calls & call) || healed)
		return false;
	n = atomic_fetch_add(&seen, 1) + 1;
	if (n < plan.at || (n > plan.at && !plan.lasts))
		return false;
	hit = true;
	errno = plan.error;
	return true;
}

static void
note_entry(int at, const char *name)
{
	char dir[256];
	const char *slash = strrchr(name, '/');
	struct stat st;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - name + 1) : 1,
		 slash ? name : ".");
	if (fstatat(at, dir, &st, 0) != 0)
		abort();
	pthread_mutex_lock(&dirty_mu);
	if (dirty_n == DIRS)
		abort();
	dirty[dirty_n++] = st;
	pthread_mutex_unlock(&dirty_mu);
}

static void
note_sync(int fd)
{
	struct stat st;
	size_t n = 0;

	if (fstat(fd, &st) != 0)
		abort();
	pthread_mutex_lock(&dirty_mu);
	for (size_t i = 0; i < dirty_n; i++)
		if (dirty[i].st_dev != st.st_dev ||
		    dirty[i].st_ino != st.st_ino)
			dirty[n++] = dirty[i];
	dirty_n = n;
	pthread_mutex_unlock(&dirty_mu);
}

/* Other names for the compiler, whose headers define some of them inline. */
ssize_t fault_pwrite(int fd, const void *p, size_t n,
		     off_t at) __asm__("pwrite");
ssize_t fault_writev(int fd, const struct iovec *v, int n) __asm__("writev");
int fault_fdatasync(int fd) __asm__("fdatasync");
int fault_fsync(int fd) __asm__("fsync");
int fault_openat(int at, const char *name, int flags, ...) __asm__("openat");
int fault_mkdirat(int at, const char *name, mode_t mode) __asm__("mkdirat");
int fault_mkdir(const char *name, mode_t mode) __asm__("mkdir");
int fault_unlinkat(int at, const char *name, int flags) __asm__("unlinkat");

ssize_t
fault_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (fails(PWRITE)) {
		if (plan.error)
			return -1;
		n = (n + 1) / 2;
	}
	return syscall(SYS_pwrite64, fd, p, n, at);
}

ssize_t
fault_writev(int fd, const struct iovec *v, int n)
{
	if (fails(WRITEV)) {
		if (plan.error)
			return -1;
		n = (n + 1) / 2;
	}
	return syscall(SYS_writev, fd, v, n);
}

/* After a failure the kernel forgets what was dirty: so does the file. */
int
fault_fdatasync(int fd)
{
	if (fails(FDATASYNC)) {
		if (fd < FDS && created[fd] && ftruncate(fd, 0) != 0)
			abort();
		errno = plan.error;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int
fault_fsync(int fd)
{
	if (fails(FSYNC))
		return -1;
	note_sync(fd);
	return (int)syscall(SYS_fsync, fd);
}

int
fault_openat(int at, const char *name, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;
	int fd;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
		if (fails(CREATE))
			return -1;
	}
	fd = (int)syscall(SYS_openat, at, name, flags, mode);
	if (fd >= 0 && fd < FDS)
		created[fd] = (flags & O_CREAT) != 0;
	if (fd >= 0 && flags & O_CREAT)
		note_entry(at, name);
	return fd;
}

int
fault_mkdirat(int at, const char *name, mode_t mode)
{
	int rc;

	if (fails(CREATE))
		return -1;
	rc = (int)syscall(SYS_mkdirat, at, name, mode);
	if (rc == 0)
		note_entry(at, name);
	return rc;
}

int
fault_mkdir(const char *name, mode_t mode)
{
	return fault_mkdirat(AT_FDCWD, name, mode);
}

int
fault_unlinkat(int at, const char *name, int flags)
{
	if (fails(UNLINK))
		return -1;
	return (int)syscall(SYS_unlinkat, at, name, flags);
}

/* ---- the child and its parent ------------------------------------------- */

/* What every journal begins with; shared with the parent. */
struct outcome {
	bool hit;
	int refused;
	int line; /* where it went wrong */
};

#define EXPECT(j, cond)                           \
	do {                                      \
		if (!(cond)) {                    \
			(j)->out.line = __LINE__; \
			_exit(EXIT_WRONG);        \
		}                                 \
	} while (0)

struct trial {
	size_t journal_bytes; /* a struct outcome is its first member */
	/* In the child: opens the store, runs the script, exits. */
	void (*child)(struct fixture *f, void *journal, const void *script);
	/* In the parent: what the next start must find. @died: a commit may or
	 * may not have happened. */
	void (*check)(struct fixture *f, const void *journal, bool died);
};

/* Opens the store, or exits; for the child. */
static inline void
child_open(struct fixture *f, struct outcome *out)
{
	char err[512] = "";

	seen = 0;
	hit = false;
	dirty_n = 0;
	if (!freopen("/dev/null", "w", stderr))
		_exit(EXIT_WRONG);
	f->s = store_open_local(&f->conf, err);
	if (f->s)
		return;
	if (!hit || !err[0] || strchr(err, '\n')) {
		out->line = __LINE__;
		_exit(EXIT_WRONG);
	}
	out->hit = true;
	_exit(EXIT_REFUSED);
}

/* Ends the child when not even the bucket could be made. */
static inline void
child_refused(struct fixture *f, struct outcome *out)
{
	if (!hit) {
		out->line = __LINE__;
		_exit(EXIT_WRONG);
	}
	out->hit = true;
	store_close(f->s);
	_exit(EXIT_REFUSED);
}

/* One child under the plan, in a store of its own: its exit status. */
static inline int
trial_run(struct fixture *f, const struct trial *t, void *journal,
	  const void *script)
{
	int status;
	pid_t pid;

	memset(journal, 0, t->journal_bytes);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		t->child(f, journal, script);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	plan.at = 0;
	if (!WIFEXITED(status))
		fail_msg("ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* The plan with each of its calls as the one that fails, in turn. Answers how
 * often the process ended with EXIT_PANIC. */
static inline unsigned
trial_all(struct fixture *f, const struct trial *t, const struct plan *p,
	  const void *script)
{
	struct outcome *j = mmap(NULL, t->journal_bytes, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char home[sizeof(f->dir)];
	unsigned panics = 0, runs = 0;

	assert_ptr_not_equal(j, MAP_FAILED);
	snprintf(home, sizeof(home), "%s", f->dir);
	store_close(f->s);
	f->s = NULL;
	do {
		int status;

		snprintf(f->dir, sizeof(f->dir), "%.100s/%u", home, ++runs);
		plan = *p;
		plan.at = p->calls ? runs : 0;
		status = trial_run(f, t, j, script);
		if (status != 0 && status != EXIT_REFUSED &&
		    status != EXIT_PANIC)
			fail_msg("calls %x, error %d, at %u: status %d, line "
				 "%d",
				 p->calls, p->error, runs, status, j->line);
		panics += status == EXIT_PANIC;
		j->hit |= status == EXIT_PANIC;
		t->check(f, j, status == EXIT_PANIC);
		nftw(f->dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
	} while (j->hit);
	assert_true(runs > 2 || !p->calls); /* the plan met something */
	snprintf(f->dir, sizeof(f->dir), "%s", home);
	munmap(j, t->journal_bytes);
	return panics;
}

static inline size_t
blob_rows(struct fixture *f)
{
	struct local *ls = local_of(f->s);
	MDB_stat st = { 0 };
	MDB_txn *txn;

	if (local_read_begin(ls, &txn) != 0)
		return SIZE_MAX;
	if (mdb_stat(txn, ls->dbi[TABLE_BLOB], &st) != 0)
		st.ms_entries = SIZE_MAX;
	mdb_txn_abort(txn);
	return st.ms_entries;
}

/* How many events there are: numbered from 1, as many as the store says. */
static inline size_t
expect_events(struct fixture *f)
{
	struct store_info info;
	struct store_event *e;
	size_t n;

	assert_int_equal(store_info(f->s, &info), S3_OK);
	assert_int_equal(store_events(f->s, 0, 1000, &f->a, &e, &n), S3_OK);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(e[i].seq, i + 1);
	assert_int_equal(info.last_seq, n);
	return n;
}

/* ---- operations that scripts share --------------------------------------- */

/* Bytes that the number @body tells apart, whole or as an upload. */
static inline enum s3_error
fault_write(struct fixture *f, bool as_upload, struct slice key, int body,
	    size_t n)
{
	char *p = fixture_bytes(n, (uint32_t)body);
	struct slice bytes = slice_mem(p, n);
	struct store_object o;
	enum s3_error err = as_upload ? try_upload(f->s, key, bytes, &o)
				      : fixture_put(f->s, key, bytes);

	free(p);
	return err;
}

static inline enum s3_error
fault_copy(struct fixture *f, struct slice from, struct slice to, bool rename)
{
	struct store_copy_req req = {
		.source = STORE_REF(BUCKET, from),
		.bucket = BUCKET,
		.key = to,
		.cond = STORE_COND_NONE,
		.note = fixture_note("ObjectCreated:Copy"),
		.rename = rename,
	};
	struct store_object o;
	enum s3_error err = store_get(f->s, &req.source, NULL, &f->a, &o, NULL);

	req.source_seq = o.seq;
	return err == S3_OK ? store_copy(f->s, &req, NULL) : err;
}

/* How often it was tagged is its tag. */
static inline enum s3_error
fault_tag(struct fixture *f, struct slice key, int tags)
{
	struct store_header h = { SLICE("t"), arena_printf(&f->a, "%d", tags) };
	struct store_headers all = { &h, 1 };
	struct store_note note = fixture_note("ObjectTagging:Put");

	return store_tags_put(f->s, &STORE_REF(BUCKET, key), &all, &note, NULL);
}

/* An answer that fits what the disk said. */
static inline bool
refusal_fits(enum s3_error err)
{
	if (plan.error == ENOSPC && !(plan.calls & FSYNC))
		return err == S3_ERR_INSUFFICIENT_STORAGE;
	return plan.error != EMFILE || err == S3_ERR_SLOW_DOWN;
}

#endif
