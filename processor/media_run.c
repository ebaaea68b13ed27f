/*
 * One loop over what can happen: a frame, a line, the exit, a stop, a
 * deadline. A worker that has to go gets SIGTERM, and SIGKILL 2 s later.
 */
#include "processor/media_run.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/timeval.h"
#include "processor/media_spawn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MIN_S 60
#define DEADLINE_PACE 3
#define TERM_GRACE_US (2 * US_PER_S)
#define LAST_WORD_GRACE_US (5 * US_PER_S) /* to exit after the last frame */
#define READ_BYTES 16384
#define LOG_LINE_MAX 500u
#define LOG_BYTES_MAX (32u << 10) /* of one worker */

struct watch {
	const struct media_job *job;
	struct media_child child;
	struct frames *frames;
	int64_t started_us;
	int64_t deadline_us;
	bool doomed; /* SIGTERM sent; `end` says why */
	bool killed; /* SIGKILL sent */
	enum media_end end;
	struct buf line;
	size_t logged;
	char *chunk; /* READ_BYTES */
};

unsigned
media_deadline_s(unsigned cap_s, unsigned pace, double duration)
{
	double s = duration * (pace ? pace : DEADLINE_PACE);

	if (!(s > DEADLINE_MIN_S))
		s = DEADLINE_MIN_S;
	return s < cap_s ? (unsigned)s : cap_s;
}

const char *
media_end_name(enum media_end end)
{
	static const char *const names[] = {
		[MEDIA_DONE] = "done",
		[MEDIA_REFUSED] = "refused",
		[MEDIA_STOPPED] = "stopped",
		[MEDIA_TIMEOUT] = "timeout",
		[MEDIA_POLICY] = "worker_policy",
		[MEDIA_LIMITS] = "worker_limits",
		[MEDIA_CRASH] = "worker_crash",
		[MEDIA_PROTOCOL] = "worker_protocol",
		[MEDIA_NO_START] = "worker_start",
	};

	return names[end];
}

enum media_end
media_classify(int code, int status, const struct frames *f)
{
	if (code != CLD_EXITED) {
		switch (status) {
		case SIGSYS:
			return MEDIA_POLICY;
		case SIGKILL:
		case SIGXCPU:
		case SIGXFSZ:
			return MEDIA_LIMITS;
		default:
			return MEDIA_CRASH;
		}
	}
	if (status == 127 && !frames_ended(f))
		return MEDIA_NO_START;
	if (status != 0)
		return MEDIA_CRASH;
	if (f->seen[FRAME_RESULT])
		return MEDIA_DONE;
	return f->seen[FRAME_ERROR] ? MEDIA_REFUSED : MEDIA_PROTOCOL;
}

/* Of two members of a name the first is read: ours. */
static void
put_members(struct buf *b, const char *object)
{
	struct slice inner = slice_str(object);

	if (inner.n <= 2)
		return;
	buf_putc(b, ',');
	buf_put(b, slice_mem(inner.p + 1, inner.n - 2));
}

static char *
request_text(const struct media_job *job)
{
	struct buf b = BUF_MAX(MEDIA_REQUEST_MAX);

	json_open_object(&b, NULL);
	json_put_str(&b, "job", job->kind);
	json_put_u64(&b, "size", job->input->size);
	json_open_array(&b, "extents");
	for (size_t i = 0; i < job->input->n; i++) {
		const struct store_extent *e = &job->input->extents[i];

		json_open_object(&b, NULL);
		json_put_int(&b, "fd",
			     i ? MEDIA_FD_RESULT + (int)i : MEDIA_FD_INPUT);
		json_put_u64(&b, "offset", e->offset);
		json_put_u64(&b, "size", e->size);
		json_close_object(&b);
	}
	json_close_array(&b);
	json_put_u64(&b, "threads", job->threads);
	json_put_u64(&b, "memory_bytes", job->memory_bytes);
	json_put_u64(&b, "deadline_s", job->cap_s);
	put_members(&b, job->members);
	json_close_object(&b);
	return buf_steal(&b);
}

/* The first reason counts. */
static void
doom(struct watch *w, enum media_end why)
{
	if (w->doomed)
		return;
	w->doomed = true;
	w->end = why;
	w->deadline_us = time_mono_us() + TERM_GRACE_US;
	pidfd_send_signal(w->child.pidfd, SIGTERM, NULL, 0);
}

static void
log_line(struct watch *w)
{
	if (w->line.n && w->logged < LOG_BYTES_MAX) {
		w->logged += w->line.n;
		log_info("media_log", "%s %s: %.*s%s", w->job->kind, w->job->id,
			 SLICE_ARG(buf_slice(&w->line)),
			 w->logged < LOG_BYTES_MAX ? "" : " (no more of it)");
	}
	buf_clear(&w->line);
}

static void
take_log(struct watch *w, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\n' || w->line.n >= LOG_LINE_MAX)
			log_line(w);
		if (s.p[i] != '\n')
			buf_putc(&w->line, s.p[i]);
	}
}

static void
take_results(struct watch *w, struct slice s)
{
	struct frames *f = w->frames;
	bool told = f->duration >= 0, ended = frames_ended(f);

	if (w->doomed)
		return;
	if (frames_feed(f, s.p, s.n) != 0) {
		doom(w, MEDIA_PROTOCOL);
		return;
	}
	*w->job->percent = f->percent;
	if (!told && f->duration >= 0)
		w->deadline_us =
		    w->started_us +
		    US_PER_S * (int64_t)media_deadline_s(
				   w->job->cap_s, w->job->pace, f->duration);
	if (!ended && frames_ended(f))
		w->deadline_us = time_mono_us() + LAST_WORD_GRACE_US;
}

/* Reads what is there; closes the descriptor at its end. At most one pipe's
 * worth a turn, so that a flood cannot hold off the deadline. */
static void
drain(struct watch *w, int *fd, void (*take)(struct watch *, struct slice))
{
	for (int turn = 0; *fd >= 0 && turn < 64; turn++) {
		ssize_t n = read(*fd, w->chunk, READ_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close(*fd);
			*fd = -1;
			return;
		}
		take(w, slice_mem(w->chunk, (size_t)n));
	}
}

static void
check_time(struct watch *w)
{
	if (*w->job->stop)
		doom(w, MEDIA_STOPPED);
	if (time_mono_us() < w->deadline_us)
		return;
	if (!w->doomed) {
		doom(w, MEDIA_TIMEOUT);
	} else if (!w->killed) {
		w->killed = true;
		w->deadline_us = INT64_MAX;
		pidfd_send_signal(w->child.pidfd, SIGKILL, NULL, 0);
	}
}

static int
poll_ms(const struct watch *w)
{
	int64_t left = (w->deadline_us - time_mono_us()) / 1000 + 1;

	return left < 0 ? 0 : left > 1000 ? 1000 : (int)left;
}

/* Until the process has ended; what it left in the pipes is read after. */
static void
watch_child(struct watch *w)
{
	struct pollfd p[4] = { { .events = POLLIN },
			       { .events = POLLIN },
			       { .events = POLLIN },
			       { .events = POLLIN } };

	do {
		check_time(w);
		p[0].fd = w->child.pidfd;
		p[1].fd = w->child.results;
		p[2].fd = w->child.log;
		p[3].fd = w->doomed ? -1 : w->job->stop_fd;
		if (poll(p, ARRAY_LEN(p), poll_ms(w)) < 0)
			continue;
		if (p[1].revents)
			drain(w, &w->child.results, take_results);
		if (p[2].revents)
			drain(w, &w->child.log, take_log);
	} while (!p[0].revents);
	drain(w, &w->child.results, take_results);
	drain(w, &w->child.log, take_log);
	log_line(w);
}

enum media_end
media_run(const struct media_job *job, struct frames *f)
{
	struct watch w = { .job = job, .frames = f, .end = MEDIA_NO_START };
	char *request = request_text(job);
	siginfo_t info = { 0 };

	frames_init(f);
	w.chunk = malloc(READ_BYTES);
	w.line.max = LOG_LINE_MAX + 1;
	w.started_us = time_mono_us();
	w.deadline_us = w.started_us +
			US_PER_S * (int64_t)media_deadline_s(job->cap_s, 0, -1);
	if (!request || !w.chunk ||
	    media_spawn(&w.child, job->program, slice_str(request), job->input,
			job->out_dir) != 0) {
		log_error("media_start", "cannot start a worker: %s",
			  strerror(errno));
		goto out;
	}
	watch_child(&w);
	while (waitid(P_PIDFD, (id_t)w.child.pidfd, &info, WEXITED) != 0 &&
	       errno == EINTR)
		;
	media_child_close(&w.child);
	if (!w.doomed)
		w.end = media_classify(info.si_code, info.si_status, f);
	if (w.end > MEDIA_STOPPED)
		log_warn("media_end", "%s %s: %s (%s %d)", job->kind, job->id,
			 media_end_name(w.end),
			 info.si_code == CLD_EXITED ? "exit" : "signal",
			 info.si_status);
	else
		log_debug("media_end", "%s %s: %s", job->kind, job->id,
			  media_end_name(w.end));
out:
	buf_release(&w.line);
	free(w.chunk);
	free(request);
	return w.end;
}
