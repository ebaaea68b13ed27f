/*
 * Admission of uploads. An honest refusal comes early, before a byte is sent:
 * the client is told when to try again.
 */
#include "gateway/api/limits.h"
#include "base/timeval.h"
#include "gateway/api/call.h"

#define FRESH_US US_PER_S
#define RETRY_JOBS_S 30
#define RETRY_DISK_S 60

void
limits_init(struct api_limits *l)
{
	pthread_mutex_init(&l->mu, NULL);
}

void
limits_release(struct api_limits *l)
{
	pthread_mutex_destroy(&l->mu);
}

static bool
must_read(struct api_limits *l, uint64_t *made)
{
	int64_t now = time_mono_us();
	bool must;

	pthread_mutex_lock(&l->mu);
	must = l->read_us == 0 || (!l->reading && now - l->read_us > FRESH_US);
	l->reading |= must;
	*made = l->made;
	pthread_mutex_unlock(&l->mu);
	return must;
}

/* False when answered. */
static bool
read_load(struct api_call *c)
{
	struct api_limits *l = &c->api->limits;
	uint64_t bound = c->api->conf.conf->queue_depth_max + 1;
	struct queue_load load;
	enum queue_error err;
	uint64_t made;

	if (!must_read(l, &made))
		return true;
	err = queue_load_get(c->api->conf.queue, bound, &load);
	pthread_mutex_lock(&l->mu);
	l->reading = false;
	if (!err) {
		l->read_us = time_mono_us();
		l->announced = load.reserved;
		l->made_before = made;
		l->waiting = load.waiting;
	}
	pthread_mutex_unlock(&l->mu);
	return api_queue_ok(c, err, NULL, NULL);
}

/* 0, or the status to refuse with. */
static unsigned
hold(struct api_limits *l, uint64_t bytes, uint64_t spare, const char **why)
{
	unsigned status = 0;
	uint64_t others;

	*why = NULL;
	pthread_mutex_lock(&l->mu);
	if (__builtin_add_overflow(l->announced,
				   l->made - l->made_before + l->held, &others))
		others = UINT64_MAX;
	if (bytes > spare) {
		status = 507;
		*why = "Not enough disk space for this file";
	} else if (others > spare - bytes) {
		status = 503;
		*why = "The disk space left is promised to other uploads";
	} else {
		l->held += bytes;
	}
	pthread_mutex_unlock(&l->mu);
	return status;
}

static bool
too_many_jobs(struct api_call *c)
{
	struct api_limits *l = &c->api->limits;
	uint64_t max = c->api->conf.conf->queue_depth_max, waiting;

	pthread_mutex_lock(&l->mu);
	waiting = l->waiting;
	pthread_mutex_unlock(&l->mu);
	return max && waiting > max;
}

bool
limits_admit(struct api_call *c, uint64_t bytes)
{
	struct store_info info;
	unsigned status;
	const char *why;

	if (!read_load(c))
		return false;
	if (too_many_jobs(c)) {
		api_fail_for(c, 503, RETRY_JOBS_S,
			     "Too many videos are waiting to be processed");
		return false;
	}
	if (store_info(c->api->conf.store, &info) != S3_OK) {
		api_unavailable(c, "The object store is not available");
		return false;
	}
	status = hold(&c->api->limits, bytes, info.spare_bytes, &why);
	if (status)
		api_fail_for(c, status, RETRY_DISK_S, why);
	return status == 0;
}

void
limits_settle(struct api_call *c, uint64_t bytes, bool made)
{
	struct api_limits *l = &c->api->limits;

	pthread_mutex_lock(&l->mu);
	l->held -= bytes;
	if (made)
		l->made += bytes;
	pthread_mutex_unlock(&l->mu);
}
