/*
 * CompleteMultipartUpload. The commit runs in a thread of its own, so that
 * the connection can be kept alive: when it takes longer than a second the
 * answer begins with 200 and white space, and a late failure is an <Error>
 * inside it, as AWS has it. A quick one is answered plainly.
 */
#include "base/timeval.h"
#include "gateway/s3/op/complete.h"
#include "gateway/s3/op/ops.h"

#include <pthread.h>
#include <time.h>

#define BEAT_S 1 /* between two signs of life */
#define STACK_BYTES 262144u
#define ATTEMPTS 3

struct completion {
	struct s3_request *rq;
	struct store_complete_req req;
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t ended;
	bool done; /* under mu; what follows is the thread's before */
	struct store_complete_result result;
	enum s3_error err;
	/* of the streamed answer */
	bool begun;
	bool rendered;
	struct buf xml;
	size_t sent;
};

/* Again when a part was replaced meanwhile. */
static enum s3_error
complete(struct completion *c)
{
	enum s3_error err = S3_ERR_OPERATION_ABORTED;

	for (int i = 0; i < ATTEMPTS && err == S3_ERR_OPERATION_ABORTED; i++)
		err = store_upload_complete(c->rq->world->store, &c->req,
					    &c->result);
	return err;
}

static void *
run(void *arg)
{
	struct completion *c = arg;
	enum s3_error err = complete(c);

	pthread_mutex_lock(&c->mu);
	c->err = err;
	c->done = true;
	pthread_cond_signal(&c->ended);
	pthread_mutex_unlock(&c->mu);
	return NULL;
}

/* Whether it has ended, after at most one beat. */
static bool
wait_beat(struct completion *c)
{
	int64_t until_us = time_mono_us() + BEAT_S * US_PER_S;
	bool done;

	pthread_mutex_lock(&c->mu);
	while (!c->done && time_cond_wait(&c->ended, &c->mu, until_us))
		continue;
	done = c->done;
	pthread_mutex_unlock(&c->mu);
	return done;
}

static int
start(struct completion *c)
{
	pthread_attr_t small;
	int rc;

	pthread_mutex_init(&c->mu, NULL);
	time_cond_init(&c->ended);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK_BYTES);
	rc = pthread_create(&c->thread, &small, run, c);
	pthread_attr_destroy(&small);
	return rc;
}

/* After the thread, which is waited for. */
static void
completion_free(void *ctx)
{
	struct completion *c = ctx;

	pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->ended);
	pthread_mutex_destroy(&c->mu);
	buf_release(&c->xml);
	free(c);
}

/* ---- the answer --------------------------------------------------------- */

static void
put_result(struct completion *c)
{
	struct s3_request *rq = c->rq;
	const struct store_object *o = &c->result.object;
	struct buf *xml = &c->xml;

	xml_open_ns(xml, "CompleteMultipartUploadResult", XML_NS_S3);
	xml_text(xml, "Location", s3_location(rq));
	xml_text(xml, "Bucket", rq->bucket);
	xml_text(xml, "Key", rq->key);
	buf_printf(xml, "<ETag>&quot;%s&quot;</ETag>", o->etag);
	s3_xml_checksum(rq, xml, o->checksum_alg, o->checksum,
			o->checksum_composite ? o->n_parts : 0);
	if (o->checksum_alg)
		xml_text(xml, "ChecksumType",
			 s3_checksum_type(o->checksum_composite));
	xml_close(xml, "CompleteMultipartUploadResult");
}

/* The document without its prolog, for the end of a long answer. */
static void
render(struct completion *c)
{
	enum s3_error err =
	    s3_complete_failed(c->rq, &c->req, &c->result, c->err);

	if (err == S3_OK)
		put_result(c);
	else
		s3_put_error(c->rq, err, &c->xml);
	c->rendered = true;
}

static ssize_t
next(void *ctx, void *p, size_t n)
{
	static const char prolog[] = XML_PROLOG;
	struct completion *c = ctx;

	if (!c->begun) {
		c->begun = true;
		memcpy(p, prolog, sizeof(prolog) - 1);
		return sizeof(prolog) - 1;
	}
	if (!c->rendered) {
		if (!wait_beat(c)) {
			memset(p, ' ', 1);
			return 1;
		}
		render(c);
		if (!buf_ok(&c->xml))
			return -1;
	}
	if (n > c->xml.n - c->sent)
		n = c->xml.n - c->sent;
	memcpy(p, c->xml.p + c->sent, n);
	c->sent += n;
	return (ssize_t)n;
}

static void
answer_later(struct completion *c)
{
	const struct http_stream stream = { next, completion_free, c };

	http_set_header(c->rq->http, "Content-Type", SLICE("application/xml"));
	http_answer_stream(c->rq->http, 200, &stream);
}

static enum s3_error
answer_now(struct completion *c)
{
	struct s3_request *rq = c->rq;
	enum s3_error err = s3_complete_failed(rq, &c->req, &c->result, c->err);

	if (err == S3_OK) {
		s3_set_made_version(rq, c->result.object.version_id);
		xml_prolog(&c->xml);
		put_result(c);
		err = s3_answer_xml(rq, &c->xml);
	}
	completion_free(c);
	return err;
}

/* One that is complete already is not found, but a repeat is answered as the
 * first time: the store knows. */
static enum s3_error
find_upload(struct s3_request *rq, struct store_upload *out)
{
	enum s3_error err =
	    store_upload_get(rq->world->store, rq->bucket, rq->key,
			     s3_param(rq, "uploadId"), &rq->http->arena, out);

	if (err != S3_ERR_NO_SUCH_UPLOAD)
		return err;
	*out = (struct store_upload){ 0 };
	return S3_OK;
}

enum s3_error
op_complete_multipart_upload(struct s3_request *rq)
{
	struct store_upload upload;
	struct completion *c;
	enum s3_error err = find_upload(rq, &upload);

	if (err != S3_OK)
		return err;
	c = calloc(1, sizeof(*c));
	if (!c)
		return S3_ERR_INTERNAL_ERROR;
	c->rq = rq;
	err = s3_complete_read(rq, &upload, &c->req);
	c->req.note = s3_note(rq, "ObjectCreated:CompleteMultipartUpload");
	if (err == S3_OK && start(c) != 0)
		err = S3_ERR_INTERNAL_ERROR;
	if (err != S3_OK) {
		free(c);
		return err;
	}
	if (wait_beat(c))
		return answer_now(c);
	answer_later(c);
	return S3_OK;
}
