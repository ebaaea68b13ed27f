/*
 * reelgate presign - a URL that lets anybody do one request on one object for
 * a while, as the SDKs make it. Needs no running server: what signs is the
 * root key pair.
 */
#include "tools/command.h"
#include "auth/auth.h"
#include "base/encode.h"
#include "base/rundir.h"
#include "base/timeval.h"

struct target {
	struct slice bucket;
	struct slice key;
};

static int
parse_s3_url(const char *text, struct target *t)
{
	struct slice s = slice_str(text);

	if (!slice_starts(s, SLICE("s3://")))
		return -1;
	t->key = slice_from(s, 5);
	return slice_cut(&t->key, '/', &t->bucket) && t->bucket.n && t->key.n
		   ? 0
		   : -1;
}

/* What the URL begins with: the public name, else where the gateway listens. */
static void
endpoint(const struct conf *c, char *out, size_t size)
{
	struct slice all = slice_str(c->s3_public_url), first;

	if (slice_cut(&all, ',', &first) && first.n)
		snprintf(out, size, "%.*s", SLICE_ARG(slice_trim(first)));
	else if (rundir_endpoint(c->data, "S3_ENDPOINT", out, size) != 0)
		snprintf(out, size, "http://%s", c->s3_listen);
	for (size_t n = strlen(out); n && out[n - 1] == '/'; n--)
		out[n - 1] = '\0';
}

static int
presign(const struct conf *c, const char *method, const struct target *t,
	const char *content_type, uint32_t expires_s)
{
	struct auth_header headers[2];
	struct auth_signer signer = {
		.access_key = slice_str(conf_root_access_key(c)),
		.secret_key = slice_str(conf_root_secret_key(c)),
		.region = slice_str(c->aws_region),
		.service = "s3",
	};
	struct auth_request req = { .method = slice_str(method),
				    .raw_query = SLICE_EMPTY,
				    .headers = headers };
	struct buf path = BUF_INIT, query = BUF_INIT;
	char base[512];
	const char *host;
	int status = EX_SOFTWARE;

	endpoint(c, base, sizeof(base));
	host = strstr(base, "://");
	if (!host)
		return complain(EX_CONFIG, "S3_PUBLIC_URL is no URL: %s", base);
	headers[req.n_headers++] =
	    (struct auth_header){ SLICE("host"), slice_str(host + 3) };
	if (content_type)
		headers[req.n_headers++] =
		    (struct auth_header){ SLICE("content-type"),
					  slice_str(content_type) };
	buf_putc(&path, '/');
	uri_encode(&path, t->bucket, false);
	buf_putc(&path, '/');
	uri_encode(&path, t->key, true);
	req.raw_path = buf_slice(&path);
	if (buf_ok(&path) && auth_presign(&req, &signer, expires_s,
					  time_now_us(), &query) == 0) {
		printf("%s%s?%s\n", base, path.p, query.p);
		status = EX_OK;
	} else {
		complain(status, "cannot sign the URL");
	}
	buf_release(&path);
	buf_release(&query);
	return status;
}

static bool
is_method(const char *word)
{
	static const char *const methods[] = { "GET", "PUT", "HEAD", "DELETE" };

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (strcmp(word, methods[i]) == 0)
			return true;
	return false;
}

int
cmd_presign(int argc, char **argv)
{
	const char *config = NULL, *data = NULL, *expires = "1h", *type = NULL;
	const struct option options[] = {
		OPTIONS_COMMON(config, data),
		{ "--expires", "TIME", &expires, NULL,
		  "life: 90s, 1h (default), 7d (most)" },
		{ "--content-type", "TYPE", &type, NULL,
		  "must be sent with the PUT" },
	};
	const struct command_line line = {
		.usage =
		    "reelgate presign METHOD s3://BUCKET/KEY [--expires TIME]",
		.about = "Prints a presigned URL; METHOD is GET, PUT, HEAD or "
			 "DELETE.\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 2,
		.args_max = 2,
	};
	struct conf c = { 0 };
	struct target t;
	uint64_t expires_s;
	int n, status = options_parse(&line, argc, argv, &n);

	if (status != GO_ON)
		return status;
	if (!is_method(argv[1]))
		return complain(EX_USAGE,
				"%s: no method of GET, PUT, HEAD, "
				"DELETE",
				argv[1]);
	if (parse_s3_url(argv[2], &t) != 0)
		return complain(EX_USAGE, "%s: not of the form s3://BUCKET/KEY",
				argv[2]);
	if (parse_duration(expires, &expires_s) != 0 || expires_s == 0 ||
	    expires_s > AUTH_EXPIRES_MAX)
		return complain(EX_USAGE,
				"--expires %s: not a time from 1s to "
				"7d",
				expires);
	status = settings_load(&c, config, data);
	if (status == GO_ON && !conf_root_access_key(&c)[0])
		status = complain(EX_CONFIG,
				  "no key pair: %s holds no "
				  "credentials, run reelgate up "
				  "once, or name its --data",
				  c.data);
	if (status == GO_ON)
		status = presign(&c, argv[1], &t, type, (uint32_t)expires_s);
	conf_release(&c);
	return status;
}
