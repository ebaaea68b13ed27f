/*
 * api.h - the video application on port 9001: uploads, videos, clips, the job
 * endpoint, health and metrics. User reference: docs/video-api.md.
 */
#ifndef GATEWAY_API_H
#define GATEWAY_API_H

#include "base/conf.h"
#include "gateway/reconcile.h"
#include "gateway/relay.h"
#include "queue/queue.h"
#include "store/store.h"

struct api;

/* All are the caller's and outlive the API. */
struct api_conf {
	const struct conf *conf;
	struct store *store;
	struct slice account; /* root's, which the API acts as */
	struct queue *queue;
	const struct sighting_conf *sighting;
	struct relay *relay;	       /* for health and metrics; may be NULL */
	struct reconciler *reconciler; /* for metrics; NULL: none */
	const char *s3_address;	       /* of the S3 port, "127.0.0.1:9000" */
};

/* Serves conf->api_listen. NULL with one line for the user in err. */
struct api *api_start(const struct api_conf *conf, char err[512]);
/* The address in use, "127.0.0.1:9001". */
const char *api_address(const struct api *api);
/* As http_server_drain(); requests that wait for a job end with 503. */
void api_drain(struct api *api, int timeout_ms);
void api_stop(struct api *api); /* NULL is fine, also for drain */

#endif
