/*
 * A bucket's address. AWS wants the bucket in the host ("Virtual hosting of
 * buckets", Amazon S3 User Guide); a certificate for *.host does not hold for
 * a name with a dot, so such a bucket stays in the path. Other endpoints seldom
 * have a DNS name for each bucket.
 */
#include "store/s3_address.h"

#define AWS SLICE(".amazonaws.com")

static const char *const schemes[] = { "https://", "http://" };

/* The host of the endpoint; empty when it is no plain URL. */
static struct slice
endpoint_host(struct slice endpoint)
{
	struct slice host = SLICE_EMPTY;

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (slice_starts(endpoint, slice_str(schemes[i])))
			host = slice_from(endpoint, strlen(schemes[i]));
	if (slice_ends(host, SLICE("/")))
		host.n--;
	for (size_t i = 0; i < host.n; i++)
		if (host.p[i] <= ' ' || strchr("/?#@\\", host.p[i]) ||
		    (unsigned char)host.p[i] >= 0x7f)
			return SLICE_EMPTY;
	return host;
}

enum store_s3_style
s3_address_style(const char *word)
{
	return strcmp(word, "path") == 0      ? STORE_S3_STYLE_PATH
	       : strcmp(word, "virtual") == 0 ? STORE_S3_STYLE_HOST
					      : STORE_S3_STYLE_AUTO;
}

const char *
s3_address_problem(const struct s3_address *at)
{
	struct slice endpoint = slice_str(at->endpoint);

	if (endpoint.n && endpoint_host(endpoint).n == 0)
		return "not a URL like https://s3.example.org";
	return NULL;
}

static bool
is_aws(struct slice host)
{
	return slice_ends(host, AWS) ||
	       slice_ends(host, SLICE(".amazonaws.com.cn"));
}

static void
put_aws_host(struct buf *out, const char *region)
{
	if (!*region)
		region = "us-east-1";
	buf_printf(out, "s3.%s.amazonaws.com%s", region,
		   slice_starts(slice_str(region), SLICE("cn-")) ? ".cn" : "");
}

void
s3_address_endpoint(const char *named, const char *region, char *out,
		    size_t size)
{
	struct buf host = BUF_INIT;

	put_aws_host(&host, region);
	snprintf(out, size, "%s%s", *named ? "" : "https://",
		 *named		 ? named
		 : buf_ok(&host) ? host.p
				 : "");
	buf_release(&host);
}

/* "s3.amazonaws.com" or "s3.<region>.amazonaws.com[.cn]", but not endpoints of
 * a VPC and the like. */
bool
s3_address_is_regional(const char *endpoint)
{
	const struct slice before = SLICE("https://s3."),
			   url = slice_str(endpoint);
	ptrdiff_t at = slice_find(url, AWS);
	struct slice tail;

	if (url.n == 0)
		return true;
	if (at < 0 || !slice_starts(url, slice_head(before, before.n - 1)))
		return false;
	tail = slice_from(url, (size_t)at + AWS.n);
	if (slice_starts(tail, SLICE(".cn")))
		tail = slice_from(tail, 3);
	if (tail.n && !slice_eq_str(tail, "/"))
		return false;
	return (size_t)at + 1 == before.n ||
	       slice_chr(
		   slice_head(slice_from(url, before.n), (size_t)at - before.n),
		   '.') < 0;
}

bool
s3_address_put(const struct s3_address *at, struct slice bucket,
	       struct buf *out)
{
	struct slice endpoint = slice_str(at->endpoint);
	struct slice host = endpoint_host(endpoint);
	bool aws = endpoint.n == 0 || is_aws(host);
	/* of another region AWS has another host */
	bool made = endpoint.n == 0 ||
		    (*at->region && s3_address_is_regional(at->endpoint));
	bool in_host = at->style == STORE_S3_STYLE_HOST ||
		       (at->style == STORE_S3_STYLE_AUTO && aws);

	if (s3_address_problem(at))
		return false;
	in_host = in_host && bucket.n && slice_chr(bucket, '.') < 0;
	buf_put(out, made
			 ? SLICE("https://")
			 : slice_head(endpoint, (size_t)(host.p - endpoint.p)));
	if (in_host) {
		buf_put(out, bucket);
		buf_putc(out, '.');
	}
	if (made)
		put_aws_host(out, at->region);
	else
		buf_put(out, host);
	return in_host;
}
