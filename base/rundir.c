/*
 * Where run/ is and what stands in it.
 */
#include "base/rundir.h"
#include "base/hash.h"
#include "base/io.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/* 107 bytes less "/run/" and the longest name, PostgreSQL's .s.PGSQL.5432. */
#define DATA_SOCKET_MAX 88

void
rundir_path(const char *data_dir, const char *name, char *out, size_t size)
{
	char hash[SHA256_HEX_MAX];

	if (strlen(data_dir) <= DATA_SOCKET_MAX) {
		snprintf(out, size, "%s/run/%s", data_dir, name);
		return;
	}
	sha256_hex(data_dir, strlen(data_dir), hash);
	snprintf(out, size, "/tmp/reelgate-%.16s/%s", hash, name);
}

int
rundir_make(const char *data_dir, char err[512])
{
	char path[PATH_MAX];
	struct stat run, data;

	rundir_path(data_dir, "", path, sizeof(path));
	path[strlen(path) - 1] = '\0'; /* lstat() of "run/" follows a link */
	if (io_mkdirs(path, 0750) != 0 || lstat(path, &run) != 0 ||
	    stat(data_dir, &data) != 0) {
		snprintf(err, 512, "cannot use %.300s: %s", path,
			 strerror(errno));
		return -1;
	}
	if (S_ISDIR(run.st_mode) &&
	    (run.st_uid == geteuid() || run.st_uid == data.st_uid))
		return 0;
	snprintf(err, 512, "%.300s belongs to somebody else", path);
	return -1;
}

int
rundir_endpoint(const char *data_dir, const char *name, char *out, size_t size)
{
	struct buf text = BUF_MAX(4096);
	struct slice rest, line;
	char path[PATH_MAX];
	size_t n = strlen(name);
	int rc = -1;

	rundir_path(data_dir, "endpoints", path, sizeof(path));
	if (io_read_file(path, &text) == 0) {
		rest = buf_slice(&text);
		while (rc != 0 && slice_cut(&rest, '\n', &line)) {
			if (!slice_starts(line, slice_str(name)) ||
			    line.n <= n + 1 || line.p[n] != '=')
				continue;
			line = slice_from(line, n + 1);
			if (line.n < size) {
				memcpy(out, line.p, line.n);
				out[line.n] = '\0';
				rc = 0;
			}
		}
	}
	buf_release(&text);
	return rc;
}
