/*
 * The broker's side of the media worker without the queue: runs a worker over
 * file after file as reelgate-processor does, and checks what comes out as it
 * does. Its own life is what is tested: it must outlast every worker.
 *
 *   drive WORKER DIRECTORY SECONDS
 *
 * reads lines "analyze PATH" or "clips PATH", answers each with a line
 * "END CODE SECONDS CPU PEAK MESSAGE": how the worker ended, its error code or
 * "-", wall clock, processor time, the most KiB that any worker so far had in
 * memory. What it left in DIRECTORY is removed.
 */
#include "base/json_shape.h"
#include "base/log.h"
#include "base/timeval.h"
#include "processor/media_run.h"
#include "processor/outputs.h"
#include "processor/result.h"
#include "processor/workdir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLIPS "{\"clips\":[{\"id\":\"a\",\"start\":0.1,\"end\":0.4}]}"
#define MEMORY (2ull << 30)
#define OUTPUT_MAX (64u << 20)

static int program;
static unsigned seconds;
static const char *directory;

/* What job_analyze.c asks of a result before it believes a word. */
static const char *
check_analysis(const struct frames *f, int dir)
{
	struct result r;
	const char *why = "";

	if (result_check(f->result, &r, &why) != 0)
		return why;
	for (size_t i = 0; i < r.n_files; i++) {
		struct output o;

		if (output_open(dir, r.files[i].file,
				output_kind_of(r.files[i].file), OUTPUT_MAX, &o,
				&why) != 0)
			return why;
		output_close(&o);
	}
	return NULL;
}

/* And job_clips.c. */
static const char *
check_clips(const struct frames *f, int dir)
{
	static const char *const names[] = { "file", "thumbnail" };
	const cJSON *clip, *list = json_member(f->result, "clips");
	const char *why = "";

	cJSON_ArrayForEach(clip, list)
	{
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			const char *name = json_str(clip, names[i]);
			struct output o;

			if (!name)
				continue;
			if (output_open(dir, name, output_kind_of(name),
					OUTPUT_MAX, &o, &why) != 0)
				return why;
			output_close(&o);
		}
	}
	return NULL;
}

/* Of all workers so far. */
static double
cpu_seconds(long *peak)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	*peak = u.ru_maxrss;
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / US_PER_S;
}

static void
answer(const struct input *in, bool clips, int dir)
{
	static const _Atomic int go;
	_Atomic int percent = 0;
	const struct media_job job = {
		.program = program,
		.kind = clips ? "clips" : "analyze",
		.id = "drive",
		.members = clips ? CLIPS : NULL,
		.input = in,
		.out_dir = dir,
		.threads = 1,
		.memory_bytes = MEMORY,
		.cap_s = seconds,
		.stop = &go,
		.stop_fd = -1,
		.percent = &percent,
	};
	int64_t begun = time_mono_us();
	const char *bad = NULL, *code = "-";
	struct frames f;
	long peak;
	double cpu = cpu_seconds(&peak);
	enum media_end end = media_run(&job, &f);

	if (end == MEDIA_DONE)
		bad = clips ? check_clips(&f, dir) : check_analysis(&f, dir);
	if (end == MEDIA_REFUSED)
		code = frame_code_name(f.code);
	cpu = cpu_seconds(&peak) - cpu;
	printf("%s %s %.3f %.3f %ld %s\n",
	       bad ? "bad_output" : media_end_name(end), code,
	       (double)(time_mono_us() - begun) / US_PER_S, cpu, peak,
	       bad ? bad : f.message);
	frames_release(&f);
}

static int
drive(const char *path, bool clips)
{
	struct store_extent extent = { .fd = open(path, O_RDONLY | O_CLOEXEC) };
	struct input in = { .extents = &extent };
	struct stat st;
	int dir = -1;

	if (extent.fd >= 0 && fstat(extent.fd, &st) == 0 &&
	    mkdir(directory, 0700) == 0)
		dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	extent.size = in.size = (uint64_t)st.st_size;
	in.n = st.st_size > 0;
	answer(&in, clips, dir);
	close(dir);
	close(extent.fd);
	workdir_remove(directory);
	return fflush(stdout);
}

int
main(int argc, char **argv)
{
	char line[4200];
	uint64_t n;

	if (argc != 4 || slice_u64(slice_str(argv[3]), &n) != 0 || n > 3600) {
		fprintf(stderr, "usage: drive WORKER DIRECTORY SECONDS\n");
		return 2;
	}
	program = open(argv[1], O_PATH | O_CLOEXEC);
	directory = argv[2];
	seconds = (unsigned)n;
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_ERROR);
	while (program >= 0 && fgets(line, sizeof(line), stdin)) {
		char *path = strchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (!path || drive(path + 1, line[0] == 'c') != 0)
			return 1;
	}
	return program < 0;
}
