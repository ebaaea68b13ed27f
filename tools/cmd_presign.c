/*
 * reelgate presign - a URL that lets anybody do one request for a while, or
 * the fields of a form that lets anybody upload, as the SDKs make them. Needs
 * no running server: what signs is the root key pair.
 */
#include "tools/command.h"
#include "auth/post_policy.h"
#include "base/encode.h"
#include "base/json_write.h"
#include "base/rundir.h"
#include "base/timeval.h"

#define FORM_ARENA_MAX (1u << 20)

/* What is asked for. */
struct wish {
	const char *method;
	struct slice bucket;
	struct slice key; /* empty: the bucket itself */
	struct slice query;
	struct slice content_type;
	uint64_t size_max;
	uint64_t expires_s;
	bool form;
};

static int
parse_s3_url(const char *text, struct wish *w)
{
	struct slice s = slice_str(text);

	if (!slice_starts(s, SLICE("s3://")))
		return -1;
	w->key = slice_from(s, 5);
	return slice_cut(&w->key, '/', &w->bucket) && w->bucket.n ? 0 : -1;
}

/* What the URL begins with: the public name, else where the gateway listens. In
 * direct mode the public name is the other S3's, to which root is nobody. */
static void
endpoint(const struct conf *c, char *out, size_t size)
{
	struct slice all = slice_str(c->s3_public_url), first;

	if (strcmp(c->s3_mode, "direct") != 0 && slice_cut(&all, ',', &first) &&
	    first.n)
		snprintf(out, size, "%.*s", SLICE_ARG(slice_trim(first)));
	else if (rundir_endpoint(c->data, "S3_ENDPOINT", out, size) != 0)
		snprintf(out, size, "http://%s", c->s3_listen);
	for (size_t n = strlen(out); n && out[n - 1] == '/'; n--)
		out[n - 1] = '\0';
}

static int
print_url(const struct wish *w, const struct auth_signer *signer,
	  const char *base)
{
	struct auth_header headers[2] = {
		{ SLICE("host"), slice_str(strstr(base, "://") + 3) },
		{ SLICE("content-type"), w->content_type },
	};
	struct auth_request req = { .method = slice_str(w->method),
				    .raw_query = w->query,
				    .headers = headers,
				    .n_headers = w->content_type.n ? 2 : 1 };
	struct buf path = BUF_INIT, query = BUF_INIT;
	int status = EX_OK;

	buf_putc(&path, '/');
	uri_encode(&path, w->bucket, false);
	if (w->key.n)
		buf_putc(&path, '/');
	uri_encode(&path, w->key, true);
	req.raw_path = buf_slice(&path);
	if (buf_ok(&path) && auth_presign(&req, signer, (uint32_t)w->expires_s,
					  time_now_us(), &query) == 0)
		printf("%s%s?%s\n", base, path.p, query.p);
	else
		status = complain(EX_USAGE, "cannot sign that: is a %% in "
					    "--query not followed by two "
					    "hex digits?");
	buf_release(&path);
	buf_release(&query);
	return status;
}

/* {"url": ..., "fields": {...}}, as boto3 and the JavaScript SDK have it. */
static int
print_form(const struct wish *w, const struct auth_signer *signer,
	   const char *base)
{
	const struct auth_form_grant grant = {
		.bucket = w->bucket,
		.key = w->key,
		.content_type = w->content_type,
		.size_max = w->size_max,
	};
	struct auth_form_fields form;
	struct buf url = BUF_INIT, json = BUF_INIT;
	struct arena a;
	int status = EX_SOFTWARE;

	arena_init(&a, FORM_ARENA_MAX);
	buf_printf(&url, "%s/", base);
	uri_encode(&url, w->bucket, false);
	if (auth_form_sign(&grant, signer, (uint32_t)w->expires_s,
			   time_now_us(), &a, &form) == 0) {
		json_open_object(&json, NULL);
		json_put_slice(&json, "url", buf_slice(&url));
		json_open_object(&json, "fields");
		for (size_t i = 0; i < form.n; i++)
			json_put_slice(&json, form.fields[i].name.p,
				       form.fields[i].value);
		json_close_object(&json);
		json_close_object(&json);
	}
	if (json.n && buf_ok(&url) && buf_ok(&json)) {
		printf("%s\n", json.p);
		status = EX_OK;
	} else {
		complain(status, "cannot sign the form");
	}
	buf_release(&url);
	buf_release(&json);
	arena_release(&a);
	return status;
}

static int
presign(const struct wish *w, const struct conf *c)
{
	const struct auth_signer signer = {
		.access_key = slice_str(conf_root_access_key(c)),
		.secret_key = slice_str(conf_root_secret_key(c)),
		.region = slice_str(c->aws_region),
		.service = "s3",
	};
	char base[512];

	if (!signer.access_key.n)
		return complain(EX_CONFIG,
				"no key pair: %s holds no credentials, run "
				"reelgate up once, or name its --data",
				c->data);
	endpoint(c, base, sizeof(base));
	return w->form ? print_form(w, &signer, base)
		       : print_url(w, &signer, base);
}

static bool
is_method(const char *word)
{
	static const char *const methods[] = { "GET", "PUT", "HEAD", "DELETE",
					       "POST" };

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (strcmp(word, methods[i]) == 0)
			return true;
	return false;
}

/* GO_ON, or EX_USAGE after one line. */
static int
parse_wish(char **argv, const char *expires, const char *size, struct wish *w)
{
	w->method = argv[1];
	if (!is_method(w->method))
		return complain(EX_USAGE,
				"%s: no method of GET, PUT, HEAD, DELETE, POST",
				w->method);
	if (parse_s3_url(argv[2], w) != 0)
		return complain(EX_USAGE, "%s: not of the form s3://BUCKET/KEY",
				argv[2]);
	if (parse_duration(expires, &w->expires_s) != 0 || w->expires_s == 0 ||
	    w->expires_s > AUTH_EXPIRES_MAX)
		return complain(EX_USAGE,
				"--expires %s: not a time from 1s to 7d",
				expires);
	if (size && (conf_parse_size(slice_str(size), &w->size_max) != 0 ||
		     w->size_max == 0))
		return complain(EX_USAGE,
				"--max-size %s: not a number of bytes, such as "
				"500M",
				size);
	if (w->form &&
	    (strcmp(w->method, "POST") != 0 || !w->key.n || w->query.n))
		return complain(EX_USAGE, "--form goes with POST and a key, "
					  "without --query");
	if (size && !w->form)
		return complain(EX_USAGE, "--max-size goes with --form: a URL "
					  "cannot bound a size");
	return GO_ON;
}

int
cmd_presign(int argc, char **argv)
{
	const char *config = NULL, *data = NULL, *expires = "1h", *type = NULL,
		   *query = NULL, *size = NULL;
	struct wish w = { 0 };
	const struct option options[] = {
		OPTIONS_COMMON(config, data),
		{ "--expires", "TIME", &expires, NULL,
		  "life: 90s, 1h (default), 7d (most)" },
		{ "--content-type", "TYPE", &type, NULL,
		  "must be sent with the upload" },
		{ "--query", "TEXT", &query, NULL,
		  "parameters: versionId=ID, 'partNumber=1&uploadId=ID'" },
		{ "--form", NULL, NULL, &w.form,
		  "with POST: print URL and fields of an upload form, JSON" },
		{ "--max-size", "SIZE", &size, NULL,
		  "of a form's file: bytes, or with K, M, G" },
	};
	const struct command_line line = {
		.usage = "reelgate presign METHOD s3://BUCKET[/KEY] [OPTIONS]",
		.about =
		    "Prints a presigned URL; METHOD is GET, PUT, HEAD, DELETE "
		    "or POST.\n"
		    "The root account signs, so its buckets alone can be "
		    "named; settings and\n"
		    "environment must name the key pair that the server "
		    "has.\n"
		    "A form's KEY may end in ${filename}.\n",
		.options = options,
		.n_options = ARRAY_LEN(options),
		.args_min = 2,
		.args_max = 2,
	};
	struct conf c = { 0 };
	int n, status = options_parse(&line, argc, argv, &n);

	if (status != GO_ON)
		return status;
	w.query = slice_str(query);
	w.content_type = slice_str(type);
	status = parse_wish(argv, expires, size, &w);
	if (status == GO_ON)
		status = settings_load(&c, config, data);
	if (status == GO_ON)
		status = presign(&w, &c);
	conf_release(&c);
	return status;
}
