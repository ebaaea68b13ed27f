/*
 * The request in, the frames out, the first failure in between. The request
 * comes from the broker, but is checked like any input: one worker's mistake
 * must not turn into reads outside its extents.
 */
#include "processor/media/job.h"
#include "base/io.h"
#include "base/json.h"
#include "base/timeval.h"
#include "processor/media/kinds.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

#include <libavutil/error.h>

#define PROGRESS_US (US_PER_S / 2)
/* Far beyond any file, and small enough that sums cannot overflow. */
#define BYTES_MAX (1ll << 50)

static const char *const code_names[] = {
	[MEDIA_OK] = "ok",
	[MEDIA_UNSUPPORTED] = "unsupported_media",
	[MEDIA_CORRUPT] = "corrupt_media",
	[MEDIA_LIMIT] = "limit_exceeded",
	[MEDIA_INTERNAL] = "internal",
};

int
job_fail(struct job *job, enum media_code code, const char *fmt, ...)
{
	va_list ap;

	if (job->code != MEDIA_OK)
		return -1;
	job->code = code;
	va_start(ap, fmt);
	vsnprintf(job->message, sizeof(job->message), fmt, ap);
	va_end(ap);
	return -1;
}

int
job_fail_av(struct job *job, int averror, const char *what)
{
	static const struct {
		int error;
		enum media_code code;
	} table[] = {
		{ AVERROR(ENOMEM), MEDIA_LIMIT },
		{ AVERROR(EFBIG), MEDIA_LIMIT },
		{ AVERROR(ENOSPC), MEDIA_LIMIT },
		/* libav's word for many a damage */
		{ AVERROR(EIO), MEDIA_CORRUPT },
		{ AVERROR(EINVAL), MEDIA_CORRUPT },
		{ AVERROR(EPERM), MEDIA_CORRUPT }, /* by some decoders */
		{ AVERROR_INVALIDDATA, MEDIA_CORRUPT },
		{ AVERROR_EOF, MEDIA_CORRUPT },
		{ AVERROR(ENOSYS), MEDIA_UNSUPPORTED },
		{ AVERROR_PATCHWELCOME, MEDIA_UNSUPPORTED },
		{ AVERROR_DECODER_NOT_FOUND, MEDIA_UNSUPPORTED },
	};
	char text[AV_ERROR_MAX_STRING_SIZE];

	if (job_late(job))
		return job_fail(job, MEDIA_LIMIT, "%s: out of time", what);
	if (job->read_failed)
		return job_fail(job, MEDIA_INTERNAL,
				"the input cannot be read");
	av_make_error_string(text, sizeof(text), averror);
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].error == averror)
			return job_fail(job, table[i].code, "%s: %s", what,
					text);
	return job_fail(job, MEDIA_INTERNAL, "%s: %s", what, text);
}

bool
job_late(const struct job *job)
{
	return time_mono_us() > job->deadline_us;
}

/* ---- the request -------------------------------------------------------- */

static bool
read_positive(const cJSON *obj, const char *name, int64_t max, int64_t *out)
{
	return json_int(obj, name, out) && *out >= 1 && *out <= max;
}

/* The input is 3; 0..2 and 4, 5 have other meanings. */
static bool
fd_is_input(int64_t fd)
{
	return fd == MEDIA_FD_INPUT ||
	       (fd > MEDIA_FD_RESULT &&
		fd < MEDIA_FD_RESULT + MEDIA_EXTENTS_MAX);
}

static int
read_extents(struct request *req, const cJSON *list)
{
	int n = cJSON_GetArraySize(list);
	int64_t total = 0;
	const cJSON *item;

	/* An empty object has none. */
	if (n > MEDIA_EXTENTS_MAX)
		return -1;
	req->extents = calloc((size_t)n + 1, sizeof(*req->extents));
	if (!req->extents)
		return -1;
	cJSON_ArrayForEach(item, list)
	{
		struct extent *e = &req->extents[req->n_extents++];
		int64_t fd;

		if (!json_int(item, "fd", &fd) || !fd_is_input(fd) ||
		    !json_int(item, "offset", &e->offset) || e->offset < 0 ||
		    e->offset > BYTES_MAX ||
		    !json_int(item, "size", &e->size) || e->size < 0 ||
		    e->size > BYTES_MAX)
			return -1;
		e->start = total;
		total += e->size;
		e->fd = (int)fd;
	}
	return total == req->size ? 0 : -1;
}

static int
read_members(struct request *req, const cJSON *doc)
{
	const char *kind = json_str(doc, "job");
	int64_t threads;

	if (!kind || !json_int(doc, "size", &req->size) || req->size < 0 ||
	    req->size > BYTES_MAX ||
	    !read_positive(doc, "threads", 64, &threads) ||
	    !read_positive(doc, "memory_bytes", INT64_MAX,
			   &req->memory_bytes) ||
	    !json_num(doc, "deadline_s", &req->deadline_s) ||
	    req->deadline_s <= 0 || req->deadline_s > JOB_SECONDS_MAX ||
	    read_extents(req, cJSON_GetObjectItem(doc, "extents")) != 0)
		return -1;
	req->threads = (int)threads;
	req->kind = kind_named(kind);
	if (!req->kind)
		return -1;
	return req->kind->read ? req->kind->read(req, doc) : 0;
}

static int
read_to_end(int fd, struct buf *b)
{
	for (;;) {
		char *at = buf_reserve(b, 16384);
		ssize_t n = at ? read(fd, at, 16384) : -1;

		if (n < 0 && at && errno == EINTR)
			continue;
		if (n <= 0)
			return (int)n;
		b->n += (size_t)n;
		b->p[b->n] = '\0';
	}
}

int
job_take_request(struct job *job, struct slice text)
{
	cJSON *doc = json_parse(text);
	int rc = 0;

	if (!doc || read_members(&job->req, doc) != 0)
		rc = job_fail(job, MEDIA_INTERNAL, "the request is not valid");
	else
		job->deadline_us =
		    time_mono_us() + (int64_t)(job->req.deadline_s * US_PER_S);
	cJSON_Delete(doc);
	return rc;
}

int
job_read_request(struct job *job)
{
	struct buf text = BUF_MAX(MEDIA_REQUEST_MAX);
	int rc;

	job->deadline_us = INT64_MAX;
	if (read_to_end(MEDIA_FD_REQUEST, &text) == 0)
		rc = job_take_request(job, buf_slice(&text));
	else
		rc = job_fail(job, MEDIA_INTERNAL, "the request is too long");
	buf_release(&text);
	return rc;
}

void
job_release(struct job *job)
{
	free(job->req.extents);
	free(job->req.clips);
	free(job->req.times);
}

/* ---- the frames --------------------------------------------------------- */

/* A broker that is gone is noticed by PDEATHSIG; EPIPE needs no word here. */
static int
send_frame(struct slice text)
{
	unsigned char head[4] = { (unsigned char)(text.n >> 24),
				  (unsigned char)(text.n >> 16),
				  (unsigned char)(text.n >> 8),
				  (unsigned char)text.n };

	if (text.n > MEDIA_FRAME_MAX ||
	    io_write_all(MEDIA_FD_RESULT, head, sizeof(head)) != 0)
		return -1;
	return io_write_all(MEDIA_FD_RESULT, text.p, text.n);
}

static int
send_document(struct buf *b)
{
	int rc = buf_ok(b) ? send_frame(buf_slice(b)) : -1;

	buf_release(b);
	return rc;
}

static void
begin_frame(struct buf *b, const char *type)
{
	json_open_object(b, NULL);
	json_put_str(b, "type", type);
}

void
job_send_progress(struct job *job, double fraction)
{
	int64_t now = time_mono_us();
	struct buf b = BUF_INIT;

	if (now - job->progress_us < PROGRESS_US)
		return;
	job->progress_us = now;
	begin_frame(&b, "progress");
	json_put_int(&b, "percent",
		     (int64_t)(100 * fmin(fmax(fraction, 0), 1)));
	json_close_object(&b);
	(void)send_document(&b);
}

void
job_send_deadline(double duration)
{
	struct buf b = BUF_INIT;

	begin_frame(&b, "deadline");
	json_put_num(&b, "duration", round_to(duration, 6));
	json_close_object(&b);
	(void)send_document(&b);
}

void
job_begin_result(struct buf *b)
{
	b->max = MEDIA_FRAME_MAX;
	begin_frame(b, "result");
}

int
job_send_result(struct job *job, struct buf *result)
{
	json_close_object(result);
	/* libav takes an unreadable rest for the end of the file. */
	if (job->read_failed) {
		buf_release(result);
		return job_fail(job, MEDIA_INTERNAL,
				"the input cannot be read");
	}
	if (send_document(result) == 0)
		return 0;
	return job_fail(job, MEDIA_LIMIT, "the result is too large");
}

void
job_send_error(struct job *job)
{
	struct buf b = BUF_INIT;

	begin_frame(&b, "error");
	json_put_str(&b, "code", code_names[job->code]);
	json_put_str(&b, "message", job->message);
	json_close_object(&b);
	(void)send_document(&b);
}

double
round_to(double v, int decimals)
{
	double scale = pow(10, decimals);

	v = round(v * scale) / scale;
	return v == 0 ? 0 : v; /* no -0 */
}
