/*
 * reelgate gateway, reelgate processor: become the sibling program, with all
 * arguments, --help included.
 */
#include "tools/command.h"
#include "tools/program.h"

#include <errno.h>

static int
become(const char *name, char **argv)
{
	struct program p;
	char err[512], *argv0 = strdup(name);

	if (!argv0)
		return complain(EX_OSERR, "out of memory");
	if (program_open(&p, name, err) != 0) {
		free(argv0);
		return complain(EX_UNAVAILABLE, "%s", err);
	}
	argv[0] = argv0;
	program_exec(&p, argv);
	free(argv0);
	program_close(&p);
	return complain(EX_UNAVAILABLE, "cannot execute %s: %s", p.path,
			strerror(errno));
}

int
cmd_gateway(int argc, char **argv)
{
	(void)argc;
	return become("reelgate-gateway", argv);
}

int
cmd_processor(int argc, char **argv)
{
	(void)argc;
	return become("reelgate-processor", argv);
}
