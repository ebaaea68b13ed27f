/*
 * Failing and full disks: every system call that writes fails once, each in
 * turn, in a child that puts, copies, renames, tags and deletes, whole or in
 * parts; other plans let them all fail until the disk is "healed". What was
 * acknowledged stays, what was refused did not happen, the next request works
 * again, no file is left over. The process may end only with status 70, after
 * a write of LMDB's meta page.
 *
 * The calls are interposed: this program's definitions come before libc's,
 * for the store and for liblmdb.
 */
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

/* ---- the child -------------------------------------------------------- */

#define KEYS 4u
#define NOTHING 0

enum what { PUT, UPLOAD, REMOVE, COPY, RENAME, PART_COPY, TAGS };

struct op {
	enum what what;
	unsigned key;
	unsigned from; /* of a copy */
};

/* The disk is well again from the operation @healed_at on. */
struct script {
	const struct op *ops;
	int n;
	int healed_at;
};

static const struct op writes[] = {
	{ UPLOAD, 0, 0 }, { PUT, 1, 0 },    { PUT, 2, 0 },    { UPLOAD, 3, 0 },
	{ REMOVE, 0, 0 }, { PUT, 1, 0 },    { UPLOAD, 2, 0 }, { PUT, 3, 0 },
	{ PUT, 0, 0 },	  { REMOVE, 1, 0 }, { PUT, 2, 0 },    { PUT, 3, 0 },
	{ UPLOAD, 0, 0 }, { PUT, 1, 0 },
};

/* Of a blob, inline bytes, and a set of extents. */
static const struct op copies[] = {
	{ PUT, 0, 0 },	{ PART_COPY, 1, 0 }, { PUT, 2, 0 },
	{ COPY, 3, 2 }, { PART_COPY, 0, 2 }, { RENAME, 2, 1 },
	{ TAGS, 2, 0 }, { COPY, 1, 2 },	     { REMOVE, 2, 0 },
	{ COPY, 0, 1 }, { TAGS, 3, 0 },	     { RENAME, 3, 1 },
};

static const struct script scripts[] = {
	{ writes, ARRAY_LEN(writes), 9 },
	{ copies, ARRAY_LEN(copies), 8 },
};

/* Shared with the parent. What lies at a key: the number of the operation that
 * wrote its bytes, from 1, and how often it was tagged. */
struct held {
	int body; /* or NOTHING */
	int tags;
};

struct journal {
	struct held held[KEYS], pending[KEYS];
	bool is_pending[KEYS];
	bool bucket;
	bool hit;
	int refused;
	int line; /* where it went wrong */
};

#define EXPECT(j, cond)                       \
	do {                                  \
		if (!(cond)) {                \
			(j)->line = __LINE__; \
			_exit(EXIT_WRONG);    \
		}                             \
	} while (0)

static struct slice
key_of(unsigned k)
{
	static const char names[KEYS][4] = { "k/0", "k/1", "k/2", "k/3" };

	return slice_str(names[k]);
}

static size_t
size_of(int body)
{
	static const size_t sizes[] = { 100, 5000, 70000 };

	/* One is large enough for its room to be allocated at once. */
	return body == 7 ? 1100000 : sizes[body % 3];
}

static bool
has_bytes(struct store_read *r, struct held h)
{
	size_t n = size_of(h.body);
	char *want = fixture_bytes(n, (uint32_t)h.body), *got = malloc(n);
	bool same = got && store_read_at(r, 0, got, n) == S3_OK &&
		    memcmp(want, got, n) == 0;

	free(want);
	free(got);
	return same;
}

static bool
shows(struct fixture *f, unsigned k, struct held h)
{
	struct slice tags = SLICE_EMPTY;
	struct store_object o;
	struct store_read *r;
	enum s3_error err =
	    store_get(f->s, &STORE_REF(BUCKET, key_of(k)), NULL, &f->a, &o, &r);
	bool same;

	if (err == S3_ERR_NO_SUCH_KEY)
		return h.body == NOTHING;
	if (err != S3_OK)
		return false;
	if (h.tags)
		tags = arena_printf(&f->a, "%d", h.tags);
	same = h.body != NOTHING && o.size == size_of(h.body) &&
	       slice_eq(store_headers_get(&o.tags, "t"), tags) &&
	       has_bytes(r, h);
	store_read_close(r);
	return same;
}

static size_t
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

/* ---- its operations --------------------------------------------------- */

static enum s3_error
write_body(struct fixture *f, const struct op *op, int body)
{
	char *p = fixture_bytes(size_of(body), (uint32_t)body);
	struct slice bytes = slice_mem(p, size_of(body));
	struct store_object o;
	enum s3_error err = op->what == UPLOAD
				? try_upload(f->s, key_of(op->key), bytes, &o)
				: fixture_put(f->s, key_of(op->key), bytes);

	free(p);
	return err;
}

static enum s3_error
copy(struct fixture *f, const struct op *op)
{
	struct store_copy_req req = {
		.source = STORE_REF(BUCKET, key_of(op->from)),
		.bucket = BUCKET,
		.key = key_of(op->key),
		.cond = STORE_COND_NONE,
		.note = fixture_note("ObjectCreated:Copy"),
		.rename = op->what == RENAME,
	};
	struct store_object o;
	enum s3_error err = store_get(f->s, &req.source, NULL, &f->a, &o, NULL);

	req.source_seq = o.seq;
	return err == S3_OK ? store_copy(f->s, &req, NULL) : err;
}

/* An upload of one part, which is all of another object. */
static enum s3_error
upload_copy(struct fixture *f, const struct op *op)
{
	struct store_part_copy_req req = {
		.part = { BUCKET, key_of(op->key), SLICE_EMPTY, 1 },
		.source = STORE_REF(BUCKET, key_of(op->from)),
	};
	struct store_upload_req up = { .bucket = BUCKET,
				       .key = key_of(op->key),
				       .initiator = OWNER };
	char id[STORE_UPLOAD_ID_MAX], md5[33] = "";
	struct store_complete_part named = { .number = 1 };
	struct store_complete_result res;
	struct store_complete_req done;
	struct store_object o;
	struct store_part part;
	enum s3_error err = store_get(f->s, &req.source, NULL, &f->a, &o, NULL);

	memset(md5, '0', 32);
	req.source_seq = o.seq;
	req.size = o.size;
	req.etag = named.etag = slice_str(md5);
	if (err == S3_OK)
		err = store_upload_create(f->s, &up, id);
	req.part.upload_id = slice_str(id);
	if (err == S3_OK)
		err = store_part_copy(f->s, &req, &part);
	if (err != S3_OK)
		return err;
	done = complete_req(id, &named, 1);
	done.key = key_of(op->key);
	return store_upload_complete(f->s, &done, &res);
}

static enum s3_error
tag(struct fixture *f, const struct op *op, int tags)
{
	struct store_header h = { SLICE("t"), arena_printf(&f->a, "%d", tags) };
	struct store_headers all = { &h, 1 };
	struct store_note note = fixture_note("ObjectTagging:Put");

	return store_tags_put(f->s, &STORE_REF(BUCKET, key_of(op->key)), &all,
			      &note, NULL);
}

static void
expect_change(struct journal *j, unsigned k, struct held h)
{
	j->pending[k] = h;
	j->is_pending[k] = true;
}

/* What operation @i will have made of the keys. */
static void
foresee(struct journal *j, const struct op *op, int i)
{
	struct held h = { .body = i + 1 };

	switch (op->what) {
	case PUT:
	case UPLOAD:
		break;
	case REMOVE:
		h.body = NOTHING;
		break;
	case TAGS:
		h = j->held[op->key];
		h.tags++;
		break;
	case RENAME:
		expect_change(j, op->from, (struct held){ NOTHING, 0 });
		h.body = j->held[op->from].body;
		break;
	default:
		h.body = j->held[op->from].body;
	}
	expect_change(j, op->key, h);
}

static enum s3_error
perform(struct fixture *f, const struct journal *j, const struct op *op, int i)
{
	struct store_note note = fixture_note("ObjectRemoved:Delete");

	switch (op->what) {
	case PUT:
	case UPLOAD:
		return write_body(f, op, i + 1);
	case REMOVE:
		return store_remove(f->s, &STORE_REF(BUCKET, key_of(op->key)),
				    NULL, &note, NULL);
	case TAGS:
		return tag(f, op, j->pending[op->key].tags);
	case PART_COPY:
		return upload_copy(f, op);
	default:
		return copy(f, op);
	}
}

static void
operate(struct fixture *f, struct journal *j, const struct script *script,
	int i)
{
	const struct op *op = &script->ops[i];
	unsigned source = op->what == TAGS ? op->key : op->from;
	enum s3_error err;

	/* Its source was refused. */
	if (op->what > REMOVE && j->held[source].body == NOTHING)
		return;
	foresee(j, op, i);
	err = perform(f, j, op, i);
	for (unsigned k = 0; k < KEYS; k++) {
		if (err == S3_OK && j->is_pending[k])
			j->held[k] = j->pending[k];
		j->is_pending[k] = false;
	}
	if (err == S3_OK) {
		EXPECT(j, plan.at || dirty_n == 0);
	} else {
		j->refused++;
		EXPECT(j, plan.error != ENOSPC || plan.calls & FSYNC ||
			      err == S3_ERR_INSUFFICIENT_STORAGE);
		EXPECT(j, plan.error != EMFILE || err == S3_ERR_SLOW_DOWN);
	}
	EXPECT(j, i < script->healed_at || err == S3_OK);
	EXPECT(j, plan.lasts || j->refused <= 1);
	for (unsigned k = 0; k < KEYS; k++)
		EXPECT(j, shows(f, k, j->held[k]));
}

static void
child(struct fixture *f, struct journal *j, const struct script *script)
{
	char err[512] = "";

	seen = 0;
	hit = false;
	dirty_n = 0;
	if (!freopen("/dev/null", "w", stderr))
		_exit(EXIT_WRONG);
	f->s = store_open_local(&f->conf, err);
	if (!f->s) {
		EXPECT(j, hit && err[0] && !strchr(err, '\n'));
		j->hit = true;
		_exit(EXIT_REFUSED);
	}
	if (store_bucket_create(f->s, BUCKET, OWNER, SLICE("r")) != S3_OK) {
		EXPECT(j, hit);
		j->hit = true;
		store_close(f->s);
		_exit(EXIT_REFUSED);
	}
	j->bucket = true;
	for (int i = 0; i < script->n; i++) {
		healed = i >= script->healed_at;
		operate(f, j, script, i);
		j->hit = hit;
	}
	/* A file that could not be unlinked waits for the next start. */
	EXPECT(j, plan.calls & UNLINK || fixture_blobs(f) == blob_rows(f));
	healed = false;
	store_close(f->s);
	j->hit = hit;
	_exit(0);
}

/* ---- the parent ------------------------------------------------------- */

static void
check_after(struct fixture *f, const struct journal *j, bool died)
{
	uint64_t events = 0, present = 0;
	struct store_info info;
	struct store_event *e;
	size_t n;

	fixture_reopen(f);
	for (unsigned k = 0; j->bucket && k < KEYS; k++) {
		bool as_acknowledged = shows(f, k, j->held[k]);
		bool as_pending =
		    died && j->is_pending[k] && shows(f, k, j->pending[k]);

		if (!as_acknowledged && !as_pending)
			fail_msg("key %u is neither %d nor %d", k,
				 j->held[k].body, j->pending[k].body);
		present += !shows(f, k, (struct held){ NOTHING, 0 });
	}
	assert_int_equal(store_info(f->s, &info), S3_OK);
	assert_int_equal(info.objects, present);
	assert_int_equal(store_events(f->s, 0, 100, &f->a, &e, &n), S3_OK);
	for (events = 0; events < n; events++)
		assert_int_equal(e[events].seq, events + 1);
	assert_int_equal(info.last_seq, events);
	assert_int_equal(fixture_blobs(f), blob_rows(f));
	expect_sound(f);
	store_close(f->s);
	f->s = NULL;
	arena_release(&f->a);
}

/* One child under the plan, in a store of its own: its exit status. */
static int
run(struct fixture *f, struct journal *j, const struct script *script)
{
	int status;
	pid_t pid;

	*j = (struct journal){ 0 };
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(f, j, script);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	plan.at = 0;
	if (!WIFEXITED(status))
		fail_msg("ended by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* The plan with each of its calls as the one that fails, in turn. Answers how
 * often the process ended with EXIT_PANIC. */
static unsigned
run_script(struct fixture *f, const struct plan *p, const struct script *script)
{
	struct journal *j = mmap(NULL, sizeof(*j), PROT_READ | PROT_WRITE,
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
		status = run(f, j, script);
		if (status != 0 && status != EXIT_REFUSED &&
		    status != EXIT_PANIC)
			fail_msg("calls %x, error %d, at %u: status %d, line "
				 "%d",
				 p->calls, p->error, runs, status, j->line);
		panics += status == EXIT_PANIC;
		j->hit |= status == EXIT_PANIC;
		check_after(f, j, status == EXIT_PANIC);
		nftw(f->dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
	} while (j->hit);
	assert_true(runs > 2 || !p->calls); /* the plan met something */
	snprintf(f->dir, sizeof(f->dir), "%s", home);
	munmap(j, sizeof(*j));
	return panics;
}

static unsigned
run_all(struct fixture *f, const struct plan *p)
{
	unsigned panics = 0;

	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		panics += run_script(f, p, &scripts[i]);
	return panics;
}

static void
test_one_failure_costs_one_request(void **state)
{
	static const struct {
		struct plan plan;
		bool may_panic;
	} plans[] = {
		{ { .calls = PWRITE, .error = EIO }, true },
		{ { .calls = PWRITE, .error = ENOSPC }, true },
		{ { .calls = PWRITE, .error = 0 }, true },
		{ { .calls = WRITEV, .error = EIO }, false },
		{ { .calls = WRITEV, .error = ENOSPC }, false },
		{ { .calls = WRITEV, .error = 0 }, false },
		{ { .calls = FDATASYNC, .error = EIO }, false },
		{ { .calls = FDATASYNC, .error = ENOSPC }, false },
		{ { .calls = FSYNC, .error = EIO }, false },
		{ { .calls = CREATE, .error = ENOSPC }, false },
		{ { .calls = CREATE, .error = EMFILE }, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
		unsigned panics = run_all(*state, &plans[i].plan);

		assert_true((panics > 0) == plans[i].may_panic);
	}
}

static void
test_service_goes_on_when_the_disk_is_well_again(void **state)
{
	static const struct plan plans[] = {
		{ .calls = PWRITE | WRITEV | CREATE,
		  .error = ENOSPC,
		  .lasts = true },
		{ .calls =
		      PWRITE | WRITEV | FDATASYNC | FSYNC | CREATE | UNLINK,
		  .error = EIO,
		  .lasts = true },
	};

	for (size_t i = 0; i < ARRAY_LEN(plans); i++)
		(void)run_all(*state, &plans[i]);
}

/* POSIX makes no promise about a file whose directory was not synced. */
static void
test_each_new_entry_is_synced_before_the_answer(void **state)
{
	static const struct plan none = { .calls = 0 };

	(void)run_all(*state, &none);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_one_failure_costs_one_request),
		STORE_TEST(test_service_goes_on_when_the_disk_is_well_again),
		STORE_TEST(test_each_new_entry_is_synced_before_the_answer),
	};

	return cmocka_run_group_tests_name("store_faults", tests, NULL, NULL);
}
