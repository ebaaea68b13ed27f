/*
 * The thread that keeps a JWK Set up to date.
 *
 * Shared state: wanted, stopping; lock: s->lock. All else belongs to the
 * thread once it runs.
 */
#include "auth/jwks_source.h"
#include "base/hash.h"
#include "base/http_client.h"
#include "base/io.h"
#include "base/log.h"
#include "base/timeval.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#define FETCH_TIMEOUT_MS 5000
#define LOOK_US US_PER_S /* at a file */
#define UNKNOWN_GAP_US (30 * US_PER_S)
#define RETRY_MIN_S 1u
#define RETRY_MAX_S 60u
#define WHY_MAX 300

struct jwks_source {
	struct jwks *keys;
	char *file; /* one of the two is NULL */
	char *url;
	unsigned refresh_s;
	struct http_client *client;
	struct stat seen;	      /* the file when it was read last */
	uint8_t digest[SHA256_BYTES]; /* of the text in force */
	unsigned retry_s;	      /* 0: the last reading went well */
	int64_t next_us;	      /* monotonic */
	int64_t unknown_after_us;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool wanted; /* a token named an unknown key */
	bool stopping;
};

/* ---- URLs --------------------------------------------------------------- */

static bool
is_loopback(struct slice host)
{
	return slice_ieq_str(host, "localhost") ||
	       slice_eq_str(host, "[::1]") ||
	       (slice_starts(host, SLICE("127.")) &&
		strspn(host.p, "0123456789.") >= host.n);
}

bool
jwks_url_allowed(struct slice url)
{
	const struct slice https = SLICE("https://"), http = SLICE("http://");
	struct slice host;

	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~' || url.p[i] == '#' ||
		    url.p[i] == '@' || url.p[i] == '\\')
			return false;
	if (slice_starts(url, https))
		return url.n > https.n && url.p[https.n] != '/';
	if (!slice_starts(url, http))
		return false;
	host = slice_from(url, http.n);
	for (size_t i = 0; i < host.n; i++)
		if (strchr("/?", host.p[i]))
			host.n = i;
	if (slice_starts(host, SLICE("[")))
		host.n = (size_t)(slice_chr(host, ']') + 1);
	else if (slice_chr(host, ':') >= 0)
		host.n = (size_t)slice_chr(host, ':');
	return is_loopback(host);
}

/* ---- reading ------------------------------------------------------------ */

/* Puts a text in force unless it is the one that is. */
static int
use_text(struct jwks_source *s, struct slice text, char why[WHY_MAX])
{
	uint8_t digest[SHA256_BYTES];
	size_t n;

	sha256(text.p, text.n, digest);
	if (memcmp(digest, s->digest, sizeof(digest)) == 0)
		return 0;
	if (jwks_load(s->keys, text, &n) != 0) {
		snprintf(why, WHY_MAX, "that is no JWK Set");
		return -1;
	}
	memcpy(s->digest, digest, sizeof(digest));
	log_info("jwks_loaded", "%zu keys for user tokens from %s", n,
		 s->file ? "JWKS_FILE" : "JWKS_URL");
	return 0;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int
read_file(struct jwks_source *s, char why[WHY_MAX])
{
	struct buf text = BUF_MAX(JWKS_TEXT_MAX);
	struct stat now;
	int rc = -1;

	if (stat(s->file, &now) != 0)
		snprintf(why, WHY_MAX, "%s", strerror(errno));
	else if (same_file(&now, &s->seen))
		rc = 0;
	else if (io_read_file(s->file, &text) != 0)
		snprintf(why, WHY_MAX, "%s", strerror(errno));
	else
		rc = use_text(s, buf_slice(&text), why);
	if (rc == 0)
		s->seen = now;
	buf_release(&text);
	return rc;
}

static int
fetch_url(struct jwks_source *s, char why[WHY_MAX])
{
	const struct http_client_call call = {
		.method = "GET",
		.url = s->url,
		.headers = SLICE("Accept: application/json\r\n"),
		.answer_max = JWKS_TEXT_MAX,
		.timeout_ms = FETCH_TIMEOUT_MS,
	};
	struct http_client_answer answer;
	int rc = -1;

	if (http_client_run(s->client, &call, &answer) != HTTP_CLIENT_OK)
		snprintf(why, WHY_MAX, "%s", answer.error);
	else if (answer.status != 200)
		snprintf(why, WHY_MAX, "status %u", answer.status);
	else
		rc = use_text(s, buf_slice(&answer.body), why);
	http_client_answer_release(&answer);
	return rc;
}

/* One line when the trouble begins and one when it ends. */
static void
refresh(struct jwks_source *s)
{
	const char *name = s->file ? "JWKS_FILE" : "JWKS_URL";
	char why[WHY_MAX] = "";
	int64_t now;

	if ((s->file ? read_file(s, why) : fetch_url(s, why)) == 0) {
		if (s->retry_s)
			log_info("jwks_available", "%s can be read again",
				 name);
		s->retry_s = 0;
	} else {
		if (!s->retry_s)
			log_warn("jwks_unavailable",
				 "%s: %s; the keys stay as they are", name,
				 why);
		s->retry_s = s->retry_s ? s->retry_s * 2 : RETRY_MIN_S;
		if (s->retry_s > RETRY_MAX_S)
			s->retry_s = RETRY_MAX_S;
	}
	now = time_mono_us();
	if (s->file)
		s->next_us = now + LOOK_US;
	else if (s->retry_s && s->retry_s < s->refresh_s)
		s->next_us = now + s->retry_s * US_PER_S;
	else
		s->next_us = now + s->refresh_s * US_PER_S;
}

/* ---- the thread --------------------------------------------------------- */

/* Called by requests. */
static void
on_unknown(void *ctx)
{
	struct jwks_source *s = ctx;

	pthread_mutex_lock(&s->lock);
	if (!s->wanted) {
		s->wanted = true;
		pthread_cond_signal(&s->wake);
	}
	pthread_mutex_unlock(&s->lock);
}

/* Until the next reading is due; false: end. */
static bool
wait_until_due(struct jwks_source *s)
{
	bool go_on;

	pthread_mutex_lock(&s->lock);
	while (!s->stopping) {
		int64_t until = s->next_us;

		if (s->url && s->wanted && s->unknown_after_us < until)
			until = s->unknown_after_us;
		if (time_mono_us() >= until)
			break;
		time_cond_wait(&s->wake, &s->lock, until);
	}
	if (s->wanted)
		s->unknown_after_us = time_mono_us() + UNKNOWN_GAP_US;
	s->wanted = false;
	go_on = !s->stopping;
	pthread_mutex_unlock(&s->lock);
	return go_on;
}

static void *
source_main(void *arg)
{
	struct jwks_source *s = arg;

	pthread_setname_np(pthread_self(), "jwks");
	while (wait_until_due(s))
		refresh(s);
	return NULL;
}

/* ---- life --------------------------------------------------------------- */

static void
source_free(struct jwks_source *s)
{
	http_client_free(s->client);
	jwks_free(s->keys);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s->file);
	free(s->url);
	free(s);
}

static struct jwks_source *
source_new(const struct jwks_source_conf *conf)
{
	struct jwks_source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	time_cond_init(&s->wake);
	s->refresh_s = conf->refresh_s;
	s->keys = jwks_new();
	if (*conf->file)
		s->file = strdup(conf->file);
	else
		s->url = strdup(conf->url);
	if (s->url)
		s->client = http_client_new();
	if (s->keys && (s->file || s->client)) {
		jwks_on_unknown(s->keys, on_unknown, s);
		return s;
	}
	source_free(s);
	return NULL;
}

struct jwks_source *
jwks_source_start(const struct jwks_source_conf *conf, char err[512])
{
	struct jwks_source *s;
	char why[WHY_MAX] = "";

	if (*conf->file && *conf->url) {
		snprintf(err, 512, "set JWKS_FILE or JWKS_URL, not both");
		return NULL;
	}
	if (*conf->url && !jwks_url_allowed(slice_str(conf->url))) {
		snprintf(err, 512,
			 "JWKS_URL must be https, or http of this machine: "
			 "who can answer for it can make tokens");
		return NULL;
	}
	s = source_new(conf);
	if (!s) {
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	if (s->file && read_file(s, why) != 0)
		snprintf(err, 512, "JWKS_FILE %.150s: %s", s->file, why);
	else if (pthread_create(&s->thread, NULL, source_main, s) != 0)
		snprintf(err, 512, "cannot start the thread of the keys");
	else
		return s;
	source_free(s);
	return NULL;
}

struct jwks *
jwks_source_keys(struct jwks_source *s)
{
	return s->keys;
}

void
jwks_source_stop(struct jwks_source *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	source_free(s);
}
