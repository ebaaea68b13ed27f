/*
 * The asking end of gateway/lease.h. Whatever arrives is closed again unless
 * the answer is right as a whole.
 */
#include "processor/input.h"
#include "base/io.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/unix_socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX (128u << 10) /* 1,024 extents and more */
#define MESSAGE_FDS 253		/* the kernel's own limit */
#define TIMEOUT_S 10

void
input_init(struct input *in)
{
	*in = (struct input){ 0 };
}

void
input_release(struct input *in)
{
	for (size_t i = 0; i < in->n; i++)
		close(in->extents[i].fd);
	free(in->extents);
	in->extents = NULL;
	in->n = 0;
}

bool
input_gateway_answers(const char *socket_path)
{
	int fd = unix_connect(socket_path, TIMEOUT_S);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int
ask(int fd, const char *bucket, const char *key, size_t extents_max)
{
	struct buf line = BUF_INIT;
	int rc = -1;

	json_open_object(&line, NULL);
	json_put_str(&line, "bucket", bucket);
	json_put_str(&line, "key", key);
	json_put_u64(&line, "extents_max", extents_max);
	json_close_object(&line);
	buf_putc(&line, '\n');
	if (buf_ok(&line))
		rc = io_write_all(fd, line.p, line.n);
	buf_release(&line);
	return rc;
}

/* Descriptors are kept in the order of arrival; too many are an error. */
static int
keep_fds(struct input *in, size_t max, struct msghdr *msg)
{
	int rc = msg->msg_flags & MSG_CTRUNC ? -1 : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c;
	     c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (in->n < max)
				in->extents[in->n++].fd = fd;
			else
				rc = (close(fd), -1);
		}
	}
	return rc;
}

/* The line without its newline, and the descriptors beside it. */
static int
listen_for(struct input *in, size_t max, int fd, struct buf *line)
{
	union {
		char space[CMSG_SPACE(MESSAGE_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;

	for (;;) {
		struct iovec iov = { buf_reserve(line, 4096), 4096 };
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = control.space,
				      .msg_controllen = sizeof(control) };
		ssize_t n;

		if (!iov.iov_base)
			return -1;
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || keep_fds(in, max, &msg) != 0)
			return -1;
		line->n += (size_t)n;
		line->p[line->n] = '\0';
		if (line->p[line->n - 1] == '\n') {
			line->p[--line->n] = '\0';
			return 0;
		}
	}
}

static bool
json_u64(const cJSON *obj, const char *name, uint64_t *out)
{
	int64_t v;

	if (!json_int(obj, name, &v) || v < 0)
		return false;
	*out = (uint64_t)v;
	return true;
}

/* Offsets and sizes of the extents; their sum is the object's size. */
static int
take_extents(struct input *in, const cJSON *list)
{
	const cJSON *item;
	uint64_t sum = 0;
	size_t i = 0;

	if (!cJSON_IsArray(list))
		return -1;
	cJSON_ArrayForEach(item, list)
	{
		struct store_extent *e = &in->extents[i];

		if (i++ >= in->n || !json_u64(item, "offset", &e->offset) ||
		    !json_u64(item, "size", &e->size) ||
		    __builtin_add_overflow(sum, e->size, &sum))
			return -1;
	}
	return i == in->n && sum == in->size ? 0 : -1;
}

/* Checks the answer line against the n descriptors in in->extents; fills the
 * rest. */
static enum s3_error
parse_answer(struct input *in, struct slice line)
{
	cJSON *doc = json_parse(line);
	const char *error = json_str(doc, "error");
	const char *etag = json_str(doc, "etag");
	enum s3_error err = S3_ERR_SERVICE_UNAVAILABLE;

	if (error)
		err = s3_error_by_code(slice_str(error));
	else if (etag && strlen(etag) < sizeof(in->etag) &&
		 json_u64(doc, "size", &in->size) &&
		 take_extents(in, cJSON_GetObjectItemCaseSensitive(
				      doc, "extents")) == 0) {
		snprintf(in->etag, sizeof(in->etag), "%s", etag);
		err = S3_OK;
	}
	cJSON_Delete(doc);
	return err;
}

enum s3_error
input_lease(struct input *in, const char *socket_path, const char *bucket,
	    const char *key, size_t extents_max)
{
	struct buf line = BUF_MAX(ANSWER_MAX);
	int fd = unix_connect(socket_path, TIMEOUT_S);
	enum s3_error err = S3_ERR_SERVICE_UNAVAILABLE;

	if (fd < 0) {
		log_warn("lease", "no gateway at %s: %s", socket_path,
			 strerror(errno));
		return err;
	}
	in->extents = calloc(extents_max, sizeof(*in->extents));
	if (in->extents && ask(fd, bucket, key, extents_max) == 0 &&
	    listen_for(in, extents_max, fd, &line) == 0)
		err = parse_answer(in, buf_slice(&line));
	if (err == S3_ERR_SERVICE_UNAVAILABLE)
		log_warn("lease", "the gateway at %s gave no lease",
			 socket_path);
	if (err != S3_OK)
		input_release(in);
	buf_release(&line);
	close(fd);
	return err;
}
