/*
 * What the requests to an endpoint share: connections, a clock, and a bucket
 * of tokens that keeps many requests from repeating themselves together when
 * the endpoint is in trouble.
 */
#include "store/s3/remote.h"
#include "base/log.h"
#include "base/timeval.h"

#define TOKENS_MAX 100
#define TOKENS_PER_S 10

static char *
copy_or(const char *s, const char *otherwise)
{
	return strdup(s && s[0] ? s : otherwise);
}

struct s3_remote *
s3_remote_open(const struct store_s3_conf *conf, char err[512])
{
	struct s3_remote *r = calloc(1, sizeof(*r));
	struct s3_address at;
	const char *problem;

	snprintf(err, 512, "out of memory");
	if (!r)
		return NULL;
	pthread_mutex_init(&r->mu, NULL);
	time_cond_init(&r->wake);
	r->signer = conf->signer;
	r->style = conf->style;
	r->tokens = TOKENS_MAX;
	r->region = copy_or(conf->region, "us-east-1");
	if (conf->ca_file && conf->ca_file[0])
		r->ca_file = strdup(conf->ca_file);
	if (!r->region || (conf->ca_file && conf->ca_file[0] && !r->ca_file))
		goto fail;
	r->endpoint = copy_or(conf->endpoint, "");
	if (!r->endpoint)
		goto fail;
	at = (struct s3_address){ r->endpoint, r->region, r->style };
	problem = s3_address_problem(&at);
	if (!problem)
		return r;
	snprintf(err, 512, "S3_ENDPOINT: \"%.300s\" is %s", r->endpoint,
		 problem);
fail:
	s3_remote_close(r);
	return NULL;
}

void
s3_remote_stop(struct s3_remote *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->mu);
	r->stop = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->mu);
}

void
s3_remote_close(struct s3_remote *r)
{
	if (!r)
		return;
	while (r->n_idle)
		http_client_free(r->idle[--r->n_idle]);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->mu);
	free(r->endpoint);
	free(r->region);
	free(r->ca_file);
	free(r);
}

enum s3_habit
s3_remote_sums(struct s3_remote *r, bool named)
{
	enum s3_habit habit;

	pthread_mutex_lock(&r->mu);
	habit = r->sums[named];
	pthread_mutex_unlock(&r->mu);
	return habit;
}

void
s3_remote_sums_seen(struct s3_remote *r, bool named, bool told)
{
	pthread_mutex_lock(&r->mu);
	r->sums[named] = told ? S3_DOES : S3_DOES_NOT;
	pthread_mutex_unlock(&r->mu);
}

bool
s3_remote_is_https(const struct s3_remote *r)
{
	return !slice_starts(slice_str(r->endpoint), SLICE("http://"));
}

/* The client used last comes first: its connection is the freshest. */
struct http_client *
s3_slot_take(struct s3_remote *r, int64_t max_us)
{
	int64_t until_us = time_mono_us() + max_us;
	struct http_client *c = NULL;
	bool mine;

	pthread_mutex_lock(&r->mu);
	while (r->n_busy == S3_SLOTS && !r->stop &&
	       time_cond_wait(&r->wake, &r->mu, until_us))
		continue;
	mine = r->n_busy < S3_SLOTS && !r->stop;
	if (mine) {
		r->n_busy++;
		if (r->n_idle)
			c = r->idle[--r->n_idle];
	}
	pthread_mutex_unlock(&r->mu);
	if (mine && !c) {
		c = http_client_new();
		if (!c)
			s3_slot_give(r, NULL);
	}
	return c;
}

void
s3_slot_give(struct s3_remote *r, struct http_client *c)
{
	pthread_mutex_lock(&r->mu);
	r->n_busy--;
	if (c && r->n_idle < S3_IDLE_MAX) {
		r->idle[r->n_idle++] = c;
		c = NULL;
	}
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->mu);
	http_client_free(c);
}

bool
s3_token_take(struct s3_remote *r)
{
	int64_t now = time_mono_us(), fresh;
	bool any;

	pthread_mutex_lock(&r->mu);
	fresh = (now - r->tokens_us) * TOKENS_PER_S / US_PER_S;
	if (fresh > 0) {
		r->tokens_us = now;
		r->tokens = fresh < TOKENS_MAX - r->tokens ? r->tokens + fresh
							   : TOKENS_MAX;
	}
	any = r->tokens > 0 && !r->stop;
	r->tokens -= any;
	pthread_mutex_unlock(&r->mu);
	return any;
}

bool
s3_remote_sleep(struct s3_remote *r, int64_t us)
{
	int64_t until_us = time_mono_us() + us;
	bool stop;

	pthread_mutex_lock(&r->mu);
	while (!r->stop && time_mono_us() < until_us)
		time_cond_wait(&r->wake, &r->mu, until_us);
	stop = r->stop;
	/* The signal may have been for who waits for a slot. */
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->mu);
	return !stop;
}

int64_t
s3_remote_ahead(struct s3_remote *r)
{
	int64_t offset;

	pthread_mutex_lock(&r->mu);
	offset = r->clock_offset_us;
	pthread_mutex_unlock(&r->mu);
	return offset;
}

int64_t
s3_remote_now(struct s3_remote *r)
{
	return time_now_us() + s3_remote_ahead(r);
}

void
s3_remote_adopt_time(struct s3_remote *r, int64_t theirs_us)
{
	int64_t offset = theirs_us - time_now_us(), before, change;

	pthread_mutex_lock(&r->mu);
	before = r->clock_offset_us;
	r->clock_offset_us = offset;
	pthread_mutex_unlock(&r->mu);
	change = offset < before ? before - offset : offset - before;
	if (change > 60 * US_PER_S)
		log_warn("s3_clock",
			 "the S3's clock is %lld s %s this machine's: "
			 "set this machine's clock; what goes there is signed "
			 "by the S3's meanwhile",
			 (offset < 0 ? -offset : offset) / US_PER_S,
			 offset < 0 ? "behind" : "ahead of");
}
