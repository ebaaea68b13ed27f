/*
 * control.h - DATA/run/processor.sock: the video API asks for one job to be
 * run now (POST /api/jobs/process) and waits for its end.
 *
 * One JSON line each way per connection:
 *   {"op":"process_one"}
 *   {"hasJob":true,"jobId":"..","jobType":"..","result":{..}}
 *   {"hasJob":true,"jobId":"..","jobType":"..","error":".."}
 *   {"hasJob":false}
 *   {"error":"bad_request"|"busy"|"unavailable"}
 * Peers must have our uid or be root. At most CONTROL_PEERS_MAX wait at once.
 */
#ifndef PROCESSOR_CONTROL_H
#define PROCESSOR_CONTROL_H

#include "processor/worker.h"

#define CONTROL_PEERS_MAX 64

struct control;
/* NULL with one line in err when the socket cannot be made. */
struct control *control_start(struct worker *w, const char *socket_path,
			      char err[512]);
/* Takes no more peers and waits for those it has: call after worker_stop(),
 * which ends what they wait for. NULL is fine. */
void control_stop(struct control *c);

#endif
