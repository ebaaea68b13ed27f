/*
 * webhook_result.h - the member "result" of a callback: private to
 * gateway/api.
 */
#ifndef GATEWAY_API_WEBHOOK_RESULT_H
#define GATEWAY_API_WEBHOOK_RESULT_H

#include "gateway/api/call.h"

/* @ok; when not, 400 "Invalid @what" is answered. */
bool webhook_right(struct api_call *c, bool ok, const char *what);
/* What is said of the job's video; texts in the call's arena. False when
 * answered. */
bool MUST_CHECK webhook_result_read(struct api_call *c, const char *job,
				    struct queue_outcome *out);

#endif
