/*
 * store_upstream.h - an upstream for the s3 backend under test: a real
 * gateway with a data directory of its own, ended with the test.
 *
 * The program is found in REELGATE_BIN, or beside the tests' folder; one that
 * REELGATE_TEST_UPSTREAM names takes its place (tests/README.md). With
 * REELGATE_TEST_TLS it is reached by https, through tests/lib/tls_front.py.
 */
#ifndef TESTS_STORE_UPSTREAM_H
#define TESTS_STORE_UPSTREAM_H

#include "auth/auth.h"
#include "base/rundir.h"
#include "base/timeval.h"
#include "store/store.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define UPSTREAM_KEY "UPSTREAMKEY"
#define UPSTREAM_SECRET "secret-of-the-upstream"

static const struct auth_signer upstream_signer = {
	.access_key = { UPSTREAM_KEY, sizeof(UPSTREAM_KEY) - 1 },
	.secret_key = { UPSTREAM_SECRET, sizeof(UPSTREAM_SECRET) - 1 },
	.region = { "us-east-1", 9 },
	.service = "s3",
};

struct upstream {
	pid_t pid;
	char dir[160];
	char url[128];
	char ca_file[160]; /* "": no TLS */
	FILE *front;	   /* NULL: none; ends when it is closed */
};

static inline void
upstream_program(char path[PATH_MAX])
{
	const char *other = getenv("REELGATE_TEST_UPSTREAM");
	const char *bin = getenv("REELGATE_BIN");
	char self[PATH_MAX / 2] = "";
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (other) {
		snprintf(path, PATH_MAX, "%s", other);
		return;
	}
	if (bin) {
		snprintf(path, PATH_MAX, "%s/reelgate-gateway", bin);
		return;
	}
	self[n > 0 ? n : 0] = '\0';
	for (int i = 0; i < 2 && strrchr(self, '/'); i++)
		*strrchr(self, '/') = '\0';
	snprintf(path, PATH_MAX, "%s/bin/reelgate-gateway", self);
}

static inline void
upstream_run(const struct upstream *u, const char *program)
{
	char log[200];
	int fd;

	/* It does not outlive a test that crashes. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(log, sizeof(log), "%s.log", u->dir);
	fd = open(log, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	if (fd >= 0)
		dup2(fd, STDERR_FILENO);
	setenv("AWS_ACCESS_KEY_ID", UPSTREAM_KEY, 1);
	setenv("AWS_SECRET_ACCESS_KEY", UPSTREAM_SECRET, 1);
	setenv("AWS_REGION", "us-east-1", 1);
	setenv("REELGATE_BACKEND", "local", 1);
	setenv("REELGATE_MIN_FREE_BYTES", "0", 1);
	setenv("REELGATE_INDEX_MAP_SIZE", "1G", 1);
	unsetenv("DATABASE_URL");
	execl(program, program, "--data", u->dir, "--s3-listen", "127.0.0.1:0",
	      "--api-listen", "127.0.0.1:0", (char *)NULL);
	_exit(127);
}

/* Its line is "URL FILE"; it ends with the pipe that it reads from. */
static inline int
upstream_hide(struct upstream *u)
{
	char command[400], line[320] = "";
	FILE *f;

	snprintf(command, sizeof(command),
		 "exec /usr/bin/python3 tests/lib/tls_front.py %s >%s.front",
		 u->url, u->dir);
	u->front = popen(command, "we");
	snprintf(command, sizeof(command), "%s.front", u->dir);
	for (int i = 0; u->front && i < 6000 && !strchr(line, '\n'); i++) {
		f = fopen(command, "re");
		if (f && !fgets(line, sizeof(line), f))
			line[0] = '\0';
		if (f)
			fclose(f);
		usleep(5000);
	}
	return sscanf(line, "%127s %159s", u->url, u->ca_file) == 2 ? 0 : -1;
}

/* Below @dir; 0 once it listens. */
static inline int
upstream_start(struct upstream *u, const char *dir)
{
	char program[PATH_MAX];
	int status;

	upstream_program(program);
	snprintf(u->dir, sizeof(u->dir), "%s/upstream", dir);
	u->pid = fork();
	if (u->pid == 0)
		upstream_run(u, program);
	for (int i = 0; u->pid > 0 && i < 6000; i++) {
		if (rundir_endpoint(u->dir, "S3_ENDPOINT", u->url,
				    sizeof(u->url)) == 0)
			return getenv("REELGATE_TEST_TLS") ? upstream_hide(u)
							   : 0;
		if (waitpid(u->pid, &status, WNOHANG) == u->pid)
			break;
		usleep(5000);
	}
	fprintf(stderr, "%s did not start: see %s.log\n", program, u->dir);
	return -1;
}

static inline void
upstream_stop(struct upstream *u)
{
	if (u->pid > 0) {
		kill(u->pid, SIGKILL);
		waitpid(u->pid, NULL, 0);
	}
	u->pid = 0;
	if (u->front)
		pclose(u->front);
	u->front = NULL;
}

#endif
