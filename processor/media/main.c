/*
 * reelgate-media: one process, one job. Read the request, open what will be
 * written, lock the doors, and only then look at the input.
 */
#include "processor/media/job.h"
#include "processor/media/input/input.h"
#include "processor/media/kinds.h"
#include "processor/media/opening.h"
#include "processor/media/sandbox.h"
#include "processor/media/selftest.h"
#include "processor/media/warmup.h"

#include "base/log.h"
#include "version.h"

#include <errno.h>
#include <unistd.h>

#define OUTPUT_MIN (64ll << 20)

#ifdef __SANITIZE_ADDRESS__
/* The leak checker wants ptrace, which the sandbox forbids. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static const char usage[] =
    "usage: reelgate-media [--self-test | --version | --help]\n"
    "\n"
    "Analyses or cuts one media file inside a sandbox. It is started by\n"
    "reelgate-processor: request on descriptor 0, input on 3, output\n"
    "directory on 4, results on 5 (processor/media_protocol.h).\n"
    "\n"
    "  --self-test   close the sandbox and print what this kernel enforces\n"
    "  --version     print the version\n"
    "  --help        print this\n";

/* Highest descriptor + 1 that can be in use. */
static int
lock_files(const struct job *job, const struct outputs *out)
{
	int top = MEDIA_FD_RESULT;

	for (size_t i = 0; i < job->req.n_extents; i++)
		if (job->req.extents[i].fd > top)
			top = job->req.extents[i].fd;
	for (size_t i = 0; i < out->n; i++)
		if (out->list[i].fd > top)
			top = out->list[i].fd;
	return top + 1;
}

static int
lock_down(struct job *job, const struct outputs *out)
{
	const struct request *req = &job->req;
	struct sandbox_limits limits = {
		.memory_bytes = req->memory_bytes,
		.cpu_s = (int64_t)(req->deadline_s * req->threads) + 5,
		.file_bytes = OUTPUT_MIN + 4 * req->size,
		.files = lock_files(job, out),
		.threads = req->threads,
	};
	struct sandbox_report report;
	const char *failed;

	if (opening_begin() != 0)
		return job_fail(job, MEDIA_INTERNAL, "the clock: %s",
				strerror(errno));
	if (sandbox_lock(&limits, &report, &failed) == 0)
		return 0;
	return job_fail(job, MEDIA_INTERNAL, "the sandbox: %s: %s", failed,
			strerror(errno));
}

static int
run(struct job *job)
{
	struct outputs out = { 0 };
	int rc = job_read_request(job);

	close(MEDIA_FD_REQUEST);
	if (rc == 0 && warm_up() != 0)
		rc = job_fail(job, MEDIA_INTERNAL, "no decoder works");
	if (rc == 0)
		rc = input_check(job);
	if (rc == 0 && job->req.kind->name_outputs)
		rc = job->req.kind->name_outputs(job, &out);
	if (rc == 0)
		rc = outputs_create(job, &out);
	if (rc == 0)
		rc = lock_down(job, &out);
	if (rc == 0)
		rc = job->req.kind->run(job, &out);
	if (rc != 0)
		job_send_error(job);
	outputs_close(&out);
	job_release(job);
	return 0;
}

static int
print(const char *text)
{
	return write(1, text, strlen(text)) < 0 ? 1 : 0;
}

int
main(int argc, char **argv)
{
	struct job job = { 0 };

	if (argc > 2 || (argc == 2 && strcmp(argv[1], "--help") != 0 &&
			 strcmp(argv[1], "--version") != 0 &&
			 strcmp(argv[1], "--self-test") != 0)) {
		fputs(usage, stderr);
		return 2;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return print(usage);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return print("reelgate-media " REELGATE_VERSION "\n");
	log_setup("reelgate-media");
	return argc == 2 ? selftest_run() : run(&job);
}
