/*
 * Glue between auth's signer, the s3 backend and plain files.
 */
#include "processor/objects.h"
#include "base/http_client.h"
#include "base/io.h"
#include "base/rundir.h"
#include "base/timeval.h"
#include "store/s3_address.h"

#define COPY_BYTES (1u << 20)
#define ANSWER_MS 3000

/* Where the S3 is now: 0, or -1 when no gateway runs here. */
static int
find_endpoint(const struct conf *c, char out[CONF_ENDPOINT_MAX])
{
	if (!c->s3_endpoint[0] && !conf_is_remote(c))
		return rundir_endpoint(c->data, "S3_ENDPOINT", out,
				       CONF_ENDPOINT_MAX);
	s3_address_endpoint(c->s3_endpoint, c->aws_region, out,
			    CONF_ENDPOINT_MAX);
	return 0;
}

int
objects_open(struct objects *o, const struct conf *c, char err[512])
{
	bool aws = c->aws_access_key_id[0] && c->aws_secret_access_key[0];
	struct store_s3_conf conf = { .signer = auth_signer_as(&o->signer),
				      .region = c->aws_region,
				      .style = s3_address_style(
					  c->s3_addressing_style),
				      .ca_file = c->s3_ca_file };
	char endpoint[CONF_ENDPOINT_MAX];

	*o = (struct objects){
		.signer = {
			.access_key = slice_str(aws ? c->aws_access_key_id
						: conf_root_access_key(c)),
			.secret_key = slice_str(aws ? c->aws_secret_access_key
						: conf_root_secret_key(c)),
			.region = slice_str(c->aws_region),
			.service = "s3",
			.session_token = slice_str(conf_session_token(c)),
		},
	};
	if (find_endpoint(c, endpoint) != 0) {
		snprintf(err, 512, "no gateway runs on %.300s", c->data);
		return -1;
	}
	conf.endpoint = endpoint;
	o->store = store_open_s3(&conf, err);
	return o->store ? 0 : -1;
}

bool
objects_answer(const struct conf *c)
{
	char endpoint[CONF_ENDPOINT_MAX];
	const struct http_client_call call = {
		.method = "HEAD",
		.url = endpoint,
		.ca_file = c->s3_ca_file[0] ? c->s3_ca_file : NULL,
		.timeout_ms = ANSWER_MS,
	};
	struct http_client_answer answer = { 0 };
	struct http_client *client = http_client_new();
	bool answers = false;

	/* Without a signature: what it answers does not matter, unless it is
	 * that it cannot. */
	if (client && find_endpoint(c, endpoint) == 0)
		answers =
		    http_client_run(client, &call, &answer) == HTTP_CLIENT_OK &&
		    answer.status < 500;
	http_client_answer_release(&answer);
	http_client_free(client);
	return answers;
}

void
objects_close(struct objects *o)
{
	store_close(o->store);
	o->store = NULL;
}

static enum s3_error
pump(struct store_put *put, int fd, uint64_t size)
{
	char *chunk = malloc(COPY_BYTES);
	enum s3_error err = S3_OK;

	if (!chunk)
		return S3_ERR_INTERNAL_ERROR;
	for (uint64_t at = 0; err == S3_OK && at < size;) {
		size_t n =
		    size - at < COPY_BYTES ? (size_t)(size - at) : COPY_BYTES;

		if (io_pread_all(fd, chunk, n, (off_t)at) != 0)
			err = S3_ERR_INTERNAL_ERROR;
		else
			err = store_put_write(put, chunk, n);
		at += n;
	}
	free(chunk);
	return err;
}

static enum s3_error
put_once(struct objects *o, const struct store_put_req *req, int fd)
{
	const struct store_put_final fin = { 0 };
	struct store_put *p = NULL;
	enum s3_error err = store_put_begin(o->store, req, &p);

	if (err != S3_OK)
		return err;
	err = pump(p, fd, req->size);
	if (err == S3_OK)
		return store_put_commit(p, &fin, NULL);
	store_put_abort(p);
	return err;
}

/* The store sends bytes as they come, once; here they are still there. */
enum s3_error
objects_put_file(struct objects *o, const char *bucket, const char *key,
		 const char *content_type, int fd, uint64_t size)
{
	const struct store_header type = { SLICE("content-type"),
					   slice_str(content_type) };
	const struct store_put_req req = {
		.bucket = slice_str(bucket),
		.key = slice_str(key),
		.size = size,
		.headers = { &type, 1 },
		.cond = STORE_COND_NONE,
	};
	enum s3_error err = put_once(o, &req, fd);

	if (err == S3_ERR_SERVICE_UNAVAILABLE || err == S3_ERR_SLOW_DOWN)
		err = put_once(o, &req, fd);
	return err;
}

enum s3_error
objects_get_text(struct objects *o, const char *bucket, const char *key,
		 struct buf *out)
{
	struct store_read *read = NULL;
	struct store_object object;
	struct arena a;
	enum s3_error err;
	char *room;

	arena_init(&a, 256u << 10);
	err = store_get(o->store, &STORE_REF(slice_str(bucket), slice_str(key)),
			NULL, &a, &object, &read);
	if (err == S3_OK) {
		room = object.size <= out->max
			   ? buf_reserve(out, (size_t)object.size)
			   : NULL;
		err = room ? store_read_at(read, 0, room, (size_t)object.size)
			   : S3_ERR_ENTITY_TOO_LARGE;
	}
	if (err == S3_OK) {
		out->n += (size_t)object.size;
		out->p[out->n] = '\0';
	}
	store_read_close(read);
	arena_release(&a);
	return err;
}

/* Of another S3: S3_PUBLIC_URL is its name in direct mode alone, else the
 * gateway's, to which our pair is nobody. True: the bucket is in the host. */
static bool
put_base(const struct conf *c, const char *endpoint, const char *region,
	 const char *bucket, struct buf *out)
{
	struct slice named = strcmp(c->s3_mode, "direct") == 0
				 ? conf_s3_public_url(c)
				 : SLICE_EMPTY;
	char text[CONF_ENDPOINT_MAX];
	const struct s3_address at = { named.n ? text : endpoint, region,
				       s3_address_style(
					   c->s3_addressing_style) };

	snprintf(text, sizeof(text), "%.*s", SLICE_ARG(named));
	return s3_address_put(&at, slice_str(bucket), out);
}

static int
presign_there(const struct objects *o, const struct conf *c,
	      struct auth_url *url, uint32_t expires_s, struct buf *out)
{
	struct auth_signer signer = o->signer;
	int64_t now = time_now_us() + store_signed_ahead(o->store);
	char endpoint[CONF_ENDPOINT_MAX], region[STORE_REGION_MAX];
	struct buf base = BUF_INIT;
	int rc = -1;

	store_signed_region(o->store, slice_str(url->bucket), region);
	signer.region = slice_str(region);
	if (find_endpoint(c, endpoint) == 0) {
		if (put_base(c, endpoint, region, url->bucket, &base))
			url->bucket = NULL;
		url->base = buf_slice(&base);
		rc = buf_ok(&base)
			 ? auth_presign_url(url, &signer, expires_s, now, out)
			 : -1;
	}
	buf_release(&base);
	return rc;
}

int
objects_presign(const struct objects *o, const struct conf *c,
		const char *bucket, const char *key, uint32_t expires_s,
		struct buf *out)
{
	struct auth_url url = { .method = "GET",
				.base = conf_s3_public_url(c),
				.bucket = bucket,
				.key = key,
				.query = SLICE_EMPTY };
	char endpoint[CONF_ENDPOINT_MAX];

	if (conf_is_remote(c))
		return presign_there(o, c, &url, expires_s, out);
	if (url.base.n == 0) {
		if (find_endpoint(c, endpoint) != 0)
			return -1;
		url.base = slice_str(endpoint);
	}
	while (slice_ends(url.base, SLICE("/")))
		url.base.n--;
	return auth_presign_url(&url, &o->signer, expires_s, time_now_us(),
				out);
}
