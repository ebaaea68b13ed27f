/*
 * webhook.h - messages to others: whom the settings name, and one signed POST
 * with what is to be made of its answer. Threads: webhooks_load() before any;
 * all else any.
 */
#ifndef PROCESSOR_WEBHOOK_H
#define PROCESSOR_WEBHOOK_H

#include "auth/webhook.h"
#include "base/conf.h"
#include "base/endpoints.h"
#include "processor/job.h"

struct webhooks {
	struct endpoints told;	       /* WEBHOOK_URL */
	struct endpoints external;     /* REELGATE_EXTERNAL_JOBS, by type */
	struct webhook_keys told_keys; /* WEBHOOK_URL_SECRET, WEBHOOK_SECRET */
	struct webhook_keys keys;      /* WEBHOOK_SECRET */
};

/* Views into @c. 0, or -1 with one line in err: a bad list or secret, or
 * nothing to sign with. */
int MUST_CHECK webhooks_load(struct webhooks *w, const struct conf *c,
			     char err[512]);
void webhooks_release(struct webhooks *w);
/*
 * The types that others run take the place of their rows, or are added as new
 * ones. -1 with one line in err for one that runs in the processor itself,
 * and when there are too many.
 */
int MUST_CHECK webhooks_types(const struct webhooks *w, struct job_type *types,
			      size_t *n, char err[512]);
/* Tells the database which events are to be delivered. */
enum queue_error MUST_CHECK webhooks_announce(const struct job_host *host);

struct webhook_answer {
	unsigned status; /* 0: there was none */
	int after_s;	 /* Retry-After, at most a day; -1: not said */
	char error[64];	 /* "http_500", "unreachable", "timeout", "" */
};
/*
 * webhook_post - one signed message, without redirects; 15 s. True for an
 * answer of 2xx, whatever its body.
 */
bool webhook_post(const struct webhook_keys *keys, struct slice url,
		  const char *id, struct slice body,
		  struct webhook_answer *out);

#endif
