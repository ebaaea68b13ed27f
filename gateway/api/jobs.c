/*
 * POST /api/jobs/process: has a running processor claim and run one job, and
 * waits for its end.
 *
 * Protocol, over the unix socket DATA/run/processor.sock (the processor
 * listens, and takes its own uid and root as peers): one JSON line each way,
 * then the connection ends.
 *     gateway    {"op":"process_one"}
 *     processor  {"hasJob":false}
 *                {"hasJob":true,"jobId":"..","jobType":"..","result":..}
 *                {"hasJob":true,"jobId":"..","jobType":"..","error":".."}
 *                {"error":".."}   it cannot claim now (database away)
 * The answer comes when the job has ended, which may take as long as
 * REELGATE_MEDIA_TIMEOUT_S; a gateway that goes away does not stop the job.
 */
#include "gateway/api/call.h"
#include "base/io.h"
#include "base/rundir.h"
#include "base/timeval.h"
#include "base/unix_socket.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX (4u << 20)
#define SLICE_MS 500 /* how often a waiting request looks for the drain */
#define CONNECT_S 10
#define GRACE_S 60 /* beyond the longest job, for publishing */

/* A connected socket, or -1. */
static int
connect_processor(const struct conf *conf)
{
	char path[PATH_MAX];

	rundir_path(conf->data, "processor.sock", path, sizeof(path));
	return unix_connect(path, CONNECT_S);
}

/* One line without its newline; 0 or -1 (ended, late, drained, too long). */
static int
read_answer(struct api_call *c, int fd, struct buf *line)
{
	int64_t until =
	    time_mono_us() +
	    ((int64_t)c->api->conf.conf->media_timeout_s + GRACE_S) * US_PER_S;

	while (!atomic_load(&c->api->draining) && time_mono_us() < until) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		char *room = buf_reserve(line, 4096);
		ssize_t n;

		if (!room)
			return -1;
		if (poll(&p, 1, SLICE_MS) <= 0)
			continue;
		n = recv(fd, room, 4096, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		line->n += (size_t)n;
		room[n] = '\0';
		if (room[n - 1] == '\n') {
			line->p[--line->n] = '\0';
			return 0;
		}
	}
	return -1;
}

/* Copies a member as it came, where it is there. */
static void
copy_member(struct buf *b, const cJSON *from, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, name);
	char *text = item ? json_text(item) : NULL;

	if (item && !text)
		b->err = true;
	else if (item)
		json_put_raw(b, name, text);
	cJSON_free(text);
}

static void
answer_job(struct api_call *c, const cJSON *reply)
{
	bool has_job = json_bool(reply, "hasJob", false);
	const char *error = json_str(reply, "error");
	struct buf b = BUF_INIT;

	json_open_object(&b, NULL);
	if (!error)
		json_put_str(&b, "message",
			     has_job ? "Job processed" : "No jobs in queue");
	json_put_bool(&b, "hasJob", has_job);
	copy_member(&b, reply, "jobId");
	copy_member(&b, reply, "jobType");
	copy_member(&b, reply, "result");
	copy_member(&b, reply, "error");
	json_close_object(&b);
	if (error && !has_job) {
		http_set_headerf(c->http, "Retry-After", "%d", API_POLL_S);
		api_answer(c, 503, &b);
	} else {
		api_answer(c, 200, &b);
	}
}

void
api_jobs_process(struct api_call *c)
{
	static const char ask[] = "{\"op\":\"process_one\"}\n";
	struct buf line = BUF_MAX(ANSWER_MAX);
	cJSON *reply = NULL;
	int fd = connect_processor(c->api->conf.conf);

	if (fd < 0) {
		api_unavailable(c, "No processor is running");
		return;
	}
	if (send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) ==
		(ssize_t)sizeof(ask) - 1 &&
	    read_answer(c, fd, &line) == 0)
		reply = json_parse(buf_slice(&line));
	if (cJSON_IsObject(reply))
		answer_job(c, reply);
	else
		api_unavailable(c, "The processor did not answer");
	cJSON_Delete(reply);
	buf_release(&line);
	close(fd);
}
