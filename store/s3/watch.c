/*
 * How the endpoint is: a thread asks for one bucket now and then, and says in
 * one line what is wrong and what is to be done, once for each trouble. A HEAD
 * is cheap but its failure has no words; so then the bucket is listed.
 */
#include "base/log.h"
#include "base/timeval.h"
#include "store/s3/remote.h"
#include "store/s3/s3.h"

#include <pthread.h>
#include <stdatomic.h>

#define WELL_US (30 * US_PER_S)
#define TROUBLE_US (5 * US_PER_S)
#define ASK_MS 15000

enum s3_trouble {
	TROUBLE_NONE,
	TROUBLE_NOT_ASKED,
	TROUBLE_NO_ANSWER,
	TROUBLE_CERTIFICATE,
	TROUBLE_ERRORS,
	TROUBLE_KEY,
	TROUBLE_SECRET,
	TROUBLE_TOKEN,
	TROUBLE_CLOCK,
	TROUBLE_REGION,
	TROUBLE_DENIED,
	TROUBLE_BUCKET
};

static const struct {
	const char *what; /* as store_info() tells it */
	const char *todo;
} troubles[] = {
	[TROUBLE_NOT_ASKED] = { "the S3 was not asked yet", "" },
	[TROUBLE_NO_ANSWER] = { "the S3 does not answer",
				"check S3_ENDPOINT (http or https, name, port) "
				"and the network; requests get 503 until it "
				"does" },
	[TROUBLE_CERTIFICATE] = { "the S3's certificate is not believed",
				  "name its authority's in S3_CA_FILE, and "
				  "spell S3_ENDPOINT as the certificate "
				  "does" },
	[TROUBLE_ERRORS] = { "the S3 answers with errors",
			     "look into its own log; is there an S3 at "
			     "S3_ENDPOINT?" },
	[TROUBLE_KEY] = { "the S3 does not know the access key",
			  "check AWS_ACCESS_KEY_ID" },
	[TROUBLE_SECRET] = { "the S3 refuses the signature",
			     "check AWS_SECRET_ACCESS_KEY" },
	[TROUBLE_TOKEN] = { "the S3 refuses the session token",
			    "it has expired or is another pair's: set "
			    "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
			    "AWS_SESSION_TOKEN anew and start anew" },
	[TROUBLE_CLOCK] = { "the S3's clock and this machine's differ by more "
			    "than 15 minutes",
			    "set this machine's clock" },
	[TROUBLE_REGION] = { "the bucket is in another region",
			     "check AWS_REGION" },
	[TROUBLE_DENIED] = { "the S3 denies access to the bucket",
			     "give the pair the permissions of "
			     "docs/remote.md" },
	[TROUBLE_BUCKET] = { "the bucket is not there",
			     "make it, or check AWS_S3_BUCKET: it is not made "
			     "by itself" },
};

struct s3_watch {
	struct s3_store *s;
	char *bucket;
	char *endpoint;
	_Atomic(int) trouble;
	char reason[S3_REASON_MAX]; /* of the trouble, in others' words */
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t wake;
	bool stop;
};

/* ---- asking ------------------------------------------------------------- */

static enum s3_trouble
trouble_of(const struct s3_call *call, const struct http_client_answer *answer,
	   char reason[S3_REASON_MAX])
{
	static const struct {
		const char *code;
		enum s3_trouble trouble;
	} by_code[] = {
		{ "InvalidAccessKeyId", TROUBLE_KEY },
		{ "SignatureDoesNotMatch", TROUBLE_SECRET },
		{ "ExpiredToken", TROUBLE_TOKEN },
		{ "InvalidToken", TROUBLE_TOKEN },
		{ "TokenRefreshRequired", TROUBLE_TOKEN },
		{ "RequestTimeTooSkewed", TROUBLE_CLOCK },
		{ "AuthorizationHeaderMalformed", TROUBLE_REGION },
		{ "PermanentRedirect", TROUBLE_REGION },
		{ "NoSuchBucket", TROUBLE_BUCKET },
	};
	struct s3_failure f;

	if (answer->status / 100 == 2)
		return TROUBLE_NONE;
	s3_judge(call, HTTP_CLIENT_OK, answer, &f);
	s3_failure_reason(answer, &f, reason);
	if (answer->status == 0)
		return answer->untrusted ? TROUBLE_CERTIFICATE
					 : TROUBLE_NO_ANSWER;
	for (size_t i = 0; i < ARRAY_LEN(by_code); i++)
		if (strcmp(f.code, by_code[i].code) == 0)
			return by_code[i].trouble;
	return answer->status == 403   ? TROUBLE_DENIED
	       : answer->status == 404 ? TROUBLE_BUCKET
	       : answer->status == 301 ? TROUBLE_REGION
				       : TROUBLE_ERRORS;
}

static enum s3_trouble
ask_with(struct s3_watch *w, struct s3_call *call)
{
	struct http_client_answer answer;
	enum s3_error err = s3_request_run(w->s->remote, call, &answer);
	enum s3_trouble t =
	    err == S3_OK ? TROUBLE_NONE : trouble_of(call, &answer, w->reason);

	http_client_answer_release(&answer);
	return t;
}

static enum s3_trouble
ask(struct s3_watch *w)
{
	struct s3_call call = {
		.method = "HEAD",
		.bucket = slice_str(w->bucket),
		.payload_hash = S3_EMPTY_SHA256,
		.quiet = true,
		.timeout_ms = ASK_MS,
	};
	enum s3_trouble t = ask_with(w, &call);

	if (t == TROUBLE_NONE || t == TROUBLE_NO_ANSWER)
		return t;
	call.method = "GET";
	call.query = SLICE("list-type=2&max-keys=1");
	call.answer_max = 64u << 10;
	return ask_with(w, &call);
}

/* ---- the thread --------------------------------------------------------- */

static void
tell(const struct s3_watch *w, enum s3_trouble before, enum s3_trouble now)
{
	if (now == before)
		return;
	/* who was told of the trouble shall see its end */
	if (now == TROUBLE_NONE)
		log_at(before == TROUBLE_NOT_ASKED ? LOG_INFO : LOG_WARN,
		       "s3_well", "bucket \"%s\" at %s answers", w->bucket,
		       w->endpoint);
	else
		log_warn("s3_trouble", "%s (bucket \"%s\" at %s; %s): %s",
			 troubles[now].what, w->bucket, w->endpoint, w->reason,
			 troubles[now].todo);
}

/* false when the store closes. */
static bool
pause_us(struct s3_watch *w, int64_t us)
{
	int64_t due = time_mono_us() + us;
	bool go_on;

	pthread_mutex_lock(&w->mu);
	while (!w->stop && time_cond_wait(&w->wake, &w->mu, due))
		continue;
	go_on = !w->stop;
	pthread_mutex_unlock(&w->mu);
	return go_on;
}

static void *
watch_main(void *arg)
{
	struct s3_watch *w = arg;
	enum s3_trouble before = TROUBLE_NOT_ASKED, now;

	pthread_setname_np(pthread_self(), "s3-watch");
	do {
		now = ask(w);
		tell(w, before, now);
		atomic_store(&w->trouble, (int)now);
		before = now;
	} while (pause_us(w, now == TROUBLE_NONE ? WELL_US : TROUBLE_US));
	return NULL;
}

const char *
s3_watch_trouble(struct s3_watch *w)
{
	return w ? troubles[atomic_load(&w->trouble)].what : NULL;
}

static void
release(struct s3_watch *w)
{
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->mu);
	free(w->bucket);
	free(w->endpoint);
	free(w);
}

struct s3_watch *
s3_watch_start(struct s3_store *s, const char *bucket, const char *endpoint)
{
	struct s3_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->s = s;
	w->bucket = strdup(bucket);
	w->endpoint = strdup(endpoint);
	atomic_store(&w->trouble, (int)TROUBLE_NOT_ASKED);
	pthread_mutex_init(&w->mu, NULL);
	time_cond_init(&w->wake);
	if (w->bucket && w->endpoint &&
	    pthread_create(&w->thread, NULL, watch_main, w) == 0)
		return w;
	release(w);
	return NULL;
}

void
s3_watch_stop(struct s3_watch *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->mu);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->mu);
	pthread_join(w->thread, NULL);
	release(w);
}
