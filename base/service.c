/*
 * Signals are never handled, only waited for: no code of ours runs inside a
 * handler.
 */
#include "base/service.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/options.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

static const char *program;
static sigset_t signals;

int
service_begin(const char *name)
{
	program = name;
	umask(027);
	log_setup(name);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	return hash_setup() == 0 ? GO_ON : EX_CONFIG;
}

void
service_wait(void)
{
	int sig;

	sigwait(&signals, &sig);
	log_info("stopping", "%s", strsignal(sig));
}

bool
service_hurried(void)
{
	const struct timespec now = { 0 };

	return sigtimedwait(&signals, NULL, &now) > 0;
}

int
service_refused(const char *err)
{
	fprintf(stderr, "%s: %s\n", program, err);
	return EX_CONFIG;
}
