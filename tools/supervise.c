/*
 * The supervisor: one poll() over a signalfd and the pipes of the children.
 * All waiting happens there, so a signal is never late and no pipe runs full.
 *
 * Children get a process group of their own: Ctrl-C reaches only this
 * process, which then stops them in order.
 */
#include "tools/supervise.h"
#include "base/timeval.h"
#include "tools/service_log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define SERVICES_MAX 8
#define BACKOFF_FIRST_MS 200
#define BACKOFF_LAST_MS 10000
#define STEADY_US (30 * US_PER_S) /* ran that long: no longer failing */
#define TICK_MS 50

struct child {
	const struct service *service;
	pid_t pid; /* 0: does not run */
	int pipe;  /* -1: closed */
	struct service_log log;
	int64_t started_us;
	int64_t restart_us; /* when it does not run and is to start again */
	int backoff_ms;
};

struct supervisor {
	const char *log_dir;
	int signals;
	sigset_t before;
	struct child children[SERVICES_MAX];
	size_t n;
	bool settled;
	bool stopping;
	bool stop_wanted;
	bool hurry;
	bool failed;
	int status;
};

struct supervisor *
supervisor_new(const char *log_dir)
{
	struct supervisor *s = calloc(1, sizeof(*s));
	sigset_t set;

	if (!s)
		return NULL;
	s->log_dir = log_dir;
	s->status = EXIT_FAILURE;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, &s->before);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signals < 0) {
		free(s);
		return NULL;
	}
	return s;
}

void
supervisor_settle(struct supervisor *s)
{
	s->settled = true;
	for (size_t i = 0; i < s->n; i++)
		s->children[i].log.show_errors = true;
}

int
supervisor_status(const struct supervisor *s)
{
	return s->status;
}

pid_t
supervisor_pid(const struct supervisor *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->children[i].service->name, name) == 0)
			return s->children[i].pid;
	return 0;
}

/* ---- starting ------------------------------------------------------------ */

static void
run_child(const struct supervisor *s, const struct service *service,
	  pid_t parent, int out)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setpgid(0, 0);
	/* Whatever kills the supervisor ends its services as well. */
	prctl(PR_SET_PDEATHSIG, service->stop_signal);
	if (getppid() != parent)
		_exit(EX_TEMPFAIL);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &s->before, NULL);
	if (null >= 0 && dup2(null, 0) >= 0 && dup2(out, 1) >= 0 &&
	    dup2(out, 2) >= 0)
		service->exec(service->ctx);
	dprintf(2, "cannot be executed: %s\n", strerror(errno));
	_exit(EX_UNAVAILABLE);
}

static int
start_child(struct supervisor *s, struct child *c)
{
	pid_t parent = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	fflush(stdout);
	c->pid = fork();
	if (c->pid == 0)
		run_child(s, c->service, parent, ends[1]);
	close(ends[1]);
	if (c->pid < 0) {
		c->pid = 0;
		close(ends[0]);
		return -1;
	}
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
		abort(); /* a fresh pipe takes the flag */
	if (c->pipe >= 0)
		close(c->pipe);
	c->pipe = ends[0];
	c->started_us = time_mono_us();
	c->restart_us = 0;
	return 0;
}

int
supervisor_start(struct supervisor *s, const struct service *service)
{
	struct child *c = &s->children[s->n];

	if (s->n == SERVICES_MAX) {
		errno = ENOSPC;
		return -1;
	}
	*c = (struct child){ .service = service,
			     .pipe = -1,
			     .backoff_ms = BACKOFF_FIRST_MS };
	if (service_log_open(&c->log, s->log_dir, service->name) != 0)
		return -1;
	c->log.show_errors = s->settled;
	s->n++;
	return start_child(s, c);
}

/* ---- watching ------------------------------------------------------------ */

static void
drain_pipe(struct child *c)
{
	char p[8192];
	ssize_t n;

	while (c->pipe >= 0 && (n = read(c->pipe, p, sizeof(p))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return; /* nothing more now */
		service_log_feed(&c->log, p, (size_t)n);
	}
	if (c->pipe >= 0)
		close(c->pipe);
	c->pipe = -1;
}

static void
describe_end(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(out, size, "signal %d, %s", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(out, size, "status %d", WEXITSTATUS(status));
}

/* A service ended by itself: start it again soon, or give up. */
static void
on_death(struct supervisor *s, struct child *c, int status)
{
	bool config = WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG;
	char how[64];

	describe_end(status, how, sizeof(how));
	if (!s->settled || config) {
		if (c->log.last_error[0])
			fprintf(stderr, "reelgate: %s: %s\n", c->service->name,
				c->log.last_error);
		else
			fprintf(stderr, "reelgate: %s ended (%s); see %s\n",
				c->service->name, how, c->log.path);
		s->failed = true;
		if (config)
			s->status = EX_CONFIG;
		return;
	}
	if (time_mono_us() - c->started_us > STEADY_US)
		c->backoff_ms = BACKOFF_FIRST_MS;
	fprintf(stderr,
		"reelgate: %s ended (%s), it is started again in %.1f s\n",
		c->service->name, how, c->backoff_ms / 1000.0);
	c->restart_us = time_mono_us() + c->backoff_ms * 1000LL;
	c->backoff_ms *= 2;
	if (c->backoff_ms > BACKOFF_LAST_MS)
		c->backoff_ms = BACKOFF_LAST_MS;
}

static void
reap(struct supervisor *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct child *c = &s->children[i];
		int status;

		if (!c->pid || waitpid(c->pid, &status, WNOHANG) != c->pid)
			continue;
		c->pid = 0;
		drain_pipe(c);
		service_log_flush(&c->log);
		if (!s->stopping)
			on_death(s, c, status);
	}
}

static void
restart_due(struct supervisor *s)
{
	int64_t now = time_mono_us();

	for (size_t i = 0; i < s->n && !s->stopping; i++) {
		struct child *c = &s->children[i];

		if (!c->pid && c->restart_us && c->restart_us <= now &&
		    start_child(s, c) != 0)
			c->restart_us = now + BACKOFF_LAST_MS * 1000LL;
	}
}

static void
take_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue; /* reap() looks at every child */
		s->hurry = s->stop_wanted;
		s->stop_wanted = true;
	}
}

/* The shorter of timeout_ms and the time until a service is started again. */
static int
wait_ms(const struct supervisor *s, int timeout_ms)
{
	int64_t now = time_mono_us();

	for (size_t i = 0; i < s->n; i++) {
		int64_t due = s->children[i].restart_us;
		int ms = due > now ? (int)((due - now) / 1000) + 1 : 0;

		if (due && (timeout_ms < 0 || ms < timeout_ms))
			timeout_ms = ms;
	}
	return timeout_ms;
}

/* One turn: waits at most timeout_ms (-1: for ever) for anything to happen,
 * or for a service to be due, and handles it. */
static void
turn(struct supervisor *s, int timeout_ms)
{
	struct pollfd fds[SERVICES_MAX + 1];

	fds[0] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
	for (size_t i = 0; i < s->n; i++)
		fds[i + 1] = (struct pollfd){ .fd = s->children[i].pipe,
					      .events = POLLIN };
	if (poll(fds, s->n + 1, wait_ms(s, timeout_ms)) < 0 && errno != EINTR)
		abort(); /* only a wrong argument does that */
	take_signals(s);
	for (size_t i = 0; i < s->n; i++)
		drain_pipe(&s->children[i]);
	reap(s);
	restart_due(s);
}

/* How long a turn may wait: a condition is looked at often. */
static int
patience(bool looking, bool for_ever, int64_t end_us)
{
	int64_t left_ms = (end_us - time_mono_us()) / 1000 + 1;

	if (for_ever)
		return looking ? TICK_MS : -1;
	if (left_ms < 0)
		left_ms = 0;
	return looking && left_ms > TICK_MS ? TICK_MS : (int)left_ms;
}

enum supervise_end
supervisor_run(struct supervisor *s, bool (*until)(void *ctx), void *ctx,
	       int timeout_ms)
{
	int64_t end_us = time_mono_us() + timeout_ms * 1000LL;

	for (;;) {
		turn(s, patience(until != NULL, timeout_ms < 0, end_us));
		if (s->failed)
			return SUPERVISE_FAILED;
		if (s->stop_wanted)
			return SUPERVISE_STOP;
		if (until && until(ctx))
			return SUPERVISE_DONE;
		if (timeout_ms >= 0 && time_mono_us() >= end_us)
			return SUPERVISE_TIMEOUT;
	}
}

/* ---- stopping ------------------------------------------------------------ */

static void
stop_child(struct supervisor *s, struct child *c)
{
	int64_t end_us = time_mono_us() + c->service->stop_ms * 1000LL;

	if (c->pid)
		kill(c->pid, c->service->stop_signal);
	while (c->pid && !s->hurry && time_mono_us() < end_us)
		turn(s, TICK_MS);
	if (c->pid) {
		fprintf(stderr, "reelgate: %s does not end, it is killed\n",
			c->service->name);
		kill(c->pid, c->service->kill_signal);
	}
	end_us = time_mono_us() + 5 * US_PER_S;
	while (c->pid && time_mono_us() < end_us)
		turn(s, TICK_MS);
	if (c->pid) {
		kill(c->pid, SIGKILL);
		while (c->pid)
			turn(s, TICK_MS);
	}
	service_log_close(&c->log);
	if (c->pipe >= 0)
		close(c->pipe);
}

void
supervisor_stop(struct supervisor *s)
{
	s->stopping = true;
	for (size_t i = 0; i < s->n; i++)
		s->children[i].restart_us = 0;
	for (; s->n; s->n--)
		stop_child(s, &s->children[s->n - 1]);
}

void
supervisor_free(struct supervisor *s)
{
	if (!s)
		return;
	supervisor_stop(s);
	close(s->signals);
	sigprocmask(SIG_SETMASK, &s->before, NULL);
	free(s);
}
