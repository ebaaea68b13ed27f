/*
 * The bare HTTP server: libmicrohttpd with a thread per connection and the
 * memory and stacks that the gateway gives it (gateway/http/server.c), which
 * answers every GET with the same bytes.
 */
#include "tests/bench/limit.h"

#include <microhttpd.h>
#include <signal.h>

#define CONNECTIONS 1024u
#define CONNECTION_MEMORY 32768u
#define STACK_BYTES (256u * 1024)

/* An answer in the first call would close the connection. */
static enum MHD_Result
on_request(void *cls, struct MHD_Connection *c, const char *url,
	   const char *method, const char *version, const char *upload,
	   size_t *upload_n, void **con_cls)
{
	(void)url;
	(void)method;
	(void)version;
	(void)upload;
	*upload_n = 0;
	if (!*con_cls) {
		*con_cls = cls;
		return MHD_YES;
	}
	return MHD_queue_response(c, MHD_HTTP_OK, cls);
}

int
limit_mhd(const struct limit_conf *conf, struct bench_result *out)
{
	struct MHD_Response *answer;
	struct MHD_Daemon *d;
	char *data = bench_data(conf->size);
	sigset_t stop;
	int got;

	(void)out;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
	answer = data ? MHD_create_response_from_buffer(conf->size, data,
							MHD_RESPMEM_MUST_FREE)
		      : NULL;
	d = answer ? MHD_start_daemon(
			 MHD_USE_THREAD_PER_CONNECTION |
			     MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC,
			 0, NULL, NULL, on_request, answer,
			 MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
			 MHD_OPTION_CONNECTION_MEMORY_LIMIT,
			 (size_t)CONNECTION_MEMORY,
			 MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES,
			 MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END)
		   : NULL;
	if (!d) {
		fprintf(stderr, "bench-limit: no HTTP server\n");
		return -1;
	}
	printf("%u\n", MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port);
	fflush(stdout);
	sigwait(&stop, &got);
	MHD_stop_daemon(d);
	MHD_destroy_response(answer);
	exit(EXIT_SUCCESS);
}
