/*
 * rundir.h - DATA/run: sockets, and what running services say of themselves.
 *
 * The path of a unix socket has at most 107 bytes: below a data directory too
 * long for that, run/ is /tmp/reelgate-HASH instead, HASH made from its path.
 * Threads: any.
 */
#ifndef BASE_RUNDIR_H
#define BASE_RUNDIR_H

#include "base/slice.h"

/* DATA/run/NAME into out; the folder itself, with a slash, for "". */
void rundir_path(const char *data_dir, const char *name, char *out,
		 size_t size);
/*
 * Makes run/ of an existing data directory. It may lie in /tmp, where anybody
 * can be first, so it must belong to us or to whom the data belongs.
 * 0, or -1 with one line in err.
 */
int MUST_CHECK rundir_make(const char *data_dir, char err[512]);
/*
 * rundir_endpoint - the address a running gateway uses, from
 * DATA/run/endpoints:
 * @name: "S3_ENDPOINT" or "API_ENDPOINT"; out: "http://127.0.0.1:9000".
 * 0, or -1 when no gateway has written it.
 */
int MUST_CHECK rundir_endpoint(const char *data_dir, const char *name,
			       char *out, size_t size);

#endif
