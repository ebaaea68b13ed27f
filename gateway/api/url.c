/*
 * Presigned URLs: of the S3 port, path style, signed with the root pair; in
 * direct mode of the other S3, as that wants it.
 */
#include "gateway/api/call.h"
#include "base/timeval.h"
#include "store/s3_address.h"

#define URL_STEP_US (1800 * US_PER_S)

/* A Host header as RFC 3986 §3.2.2 spells hosts: what is put into a URL. */
static bool
host_plain(struct slice host)
{
	for (size_t i = 0; i < host.n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
			    "YZ0123456789.-_:[]",
			    host.p[i]) ||
		    host.p[i] == '\0')
			return false;
	return host.n > 0 && host.n < 256;
}

static bool
is_wildcard(const char *host)
{
	return !strcmp(host, "0.0.0.0") || !strcmp(host, "::") ||
	       !strcmp(host, "[::]") || !*host;
}

/*
 * "http://host:port" of the S3 port as this client reaches it: the first of
 * S3_PUBLIC_URL; else the listen address; where that is a wildcard, the name
 * by which the client reached the API, with the S3 port.
 */
static void
put_base(const struct api_call *c, struct buf *out)
{
	struct slice named = conf_s3_public_url(c->api->conf.conf);
	struct slice host = http_header_get(c->http, "Host");
	char name[256], listen[256];
	uint16_t port;

	if (named.n) {
		buf_put(out, named);
		return;
	}
	if (conf_split_addr(c->api->conf.s3_address, listen, sizeof(listen),
			    &port) == 0 &&
	    is_wildcard(listen) && host_plain(host)) {
		/* The port of the Host header is the API's: cut it. */
		ptrdiff_t bracket = slice_chr(host, ']');
		ptrdiff_t colon =
		    slice_chr(slice_from(host, (size_t)(bracket + 1)), ':');

		if (colon >= 0)
			host.n = (size_t)(bracket + 1 + colon);
		snprintf(name, sizeof(name), "%.*s", SLICE_ARG(host));
		buf_printf(out, "http://%s:%u", name, port);
		return;
	}
	buf_printf(out, "http://%s", c->api->conf.s3_address);
}

/* Where the other S3 has the bucket; true: in the host. */
static bool
put_direct_base(const struct api_call *c, const char *bucket,
		const char *region, struct buf *out)
{
	const struct conf *conf = c->api->conf.conf;
	char named[CONF_ENDPOINT_MAX];
	struct s3_address at = { .endpoint = c->api->direct_to,
				 .region = region,
				 .style = s3_address_style(
				     conf->s3_addressing_style) };

	snprintf(named, sizeof(named), "%.*s",
		 SLICE_ARG(conf_s3_public_url(conf)));
	if (*named)
		at.endpoint = named;
	return s3_address_put(&at, slice_str(bucket), out);
}

void
api_presign(struct api_call *c, const struct api_presign *p, struct buf *out)
{
	struct auth_url url = { .method = p->method,
				.bucket = p->bucket,
				.key = p->key,
				.query = p->query,
				.headers = p->headers,
				.n_headers = p->n_headers };
	struct auth_signer signer = c->api->signer;
	char region[STORE_REGION_MAX];
	int64_t now = p->now_us;
	struct buf base = BUF_INIT;

	if (c->api->direct) {
		store_signed_region(c->api->conf.store, slice_str(p->bucket),
				    region);
		signer.region = slice_str(region);
		now += store_signed_ahead(c->api->conf.store);
		if (put_direct_base(c, p->bucket, region, &base))
			url.bucket = NULL;
	} else {
		put_base(c, &base);
	}
	url.base = buf_slice(&base);
	if (!buf_ok(&base) ||
	    auth_presign_url(&url, &signer, p->expires_s, now, out) != 0)
		out->err = true;
	buf_release(&base);
}

void
api_get_url(struct api_call *c, const char *bucket, const char *key,
	    uint32_t expires_s, struct buf *out)
{
	int64_t now = time_now_us();
	const struct api_presign get = { .method = "GET",
					 .bucket = bucket,
					 .key = key,
					 .query = SLICE_EMPTY,
					 .expires_s = expires_s,
					 .now_us = now - now % URL_STEP_US };

	api_presign(c, &get, out);
}

void
api_put_url(struct api_call *c, struct buf *b, const char *name,
	    const char *bucket, const char *key)
{
	struct buf url = BUF_INIT;

	if (!key) {
		json_put_null(b, name);
		return;
	}
	api_get_url(c, bucket, key, API_URL_S, &url);
	json_put_slice(b, name, buf_slice(&url));
	b->err |= url.err;
	buf_release(&url);
}
