/*
 * The clock of the process counts all of its threads and stands still while
 * others have the processor. It cannot be stopped behind the system call
 * filter; when it strikes late, nobody listens.
 */
#include "processor/media/opening.h"
#include "processor/media_protocol.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>
#include <unistd.h>

#define OPENING_CPU_S 4

#define FRAME                                              \
	"{\"type\":\"error\",\"code\":\"limit_exceeded\"," \
	"\"message\":\"the header takes too long to read\"}"

static volatile sig_atomic_t opening;

/* No frame is under way: the first is sent when the header was read. */
static void
strike(int sig)
{
	static const struct {
		unsigned char size[4];
		char text[sizeof(FRAME) - 1];
	} frame = { { 0, 0, 0, sizeof(FRAME) - 1 }, FRAME };

	(void)sig;
	if (!opening)
		return;
	(void)!write(MEDIA_FD_RESULT, &frame, sizeof(frame));
	_exit(0);
}

int
opening_begin(void)
{
	struct sigaction action = { .sa_handler = strike,
				    .sa_flags = SA_RESTART };
	struct itimerval once = { .it_value.tv_sec = OPENING_CPU_S };

	if (sigaction(SIGPROF, &action, NULL) != 0)
		return -1;
	opening = true;
	return setitimer(ITIMER_PROF, &once, NULL);
}

void
opening_end(void)
{
	opening = false;
}
