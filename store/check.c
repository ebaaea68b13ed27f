/*
 * Limits and names: Amazon S3 User Guide, "Bucket naming rules" and "Naming
 * Amazon S3 objects".
 */
#include "store/check.h"

#define HEADERS_MAX 32768u /* all names and values of an object */
#define HEADERS_COUNT_MAX 512u

/* ---- names ------------------------------------------------------------ */

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Four groups of digits: formatted as an IPv4 address. */
static bool
looks_like_ipv4(struct slice name)
{
	struct slice group;
	uint64_t v;
	size_t n = 0;

	while (slice_cut(&name, '.', &group)) {
		if (group.n > 3 || slice_u64(group, &v) != 0)
			return false;
		n++;
	}
	return n == 4;
}

bool
store_bucket_name_valid(struct slice name)
{
	static const char *const prefixes[] = { "xn--", "sthree-",
						"amzn-s3-demo-" };
	static const char *const suffixes[] = { "-s3alias", "--ol-s3", ".mrap",
						"--x-s3", "--table-s3" };

	if (name.n < 3 || name.n > STORE_BUCKET_MAX || !is_alnum(name.p[0]) ||
	    !is_alnum(name.p[name.n - 1]))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!is_alnum(name.p[i]) && name.p[i] != '.' &&
		    name.p[i] != '-')
			return false;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (slice_starts(name, slice_str(prefixes[i])))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (slice_ends(name, slice_str(suffixes[i])))
			return false;
	return slice_find(name, SLICE("..")) < 0 && !looks_like_ipv4(name);
}

enum s3_error
check_key(struct slice key)
{
	if (key.n > STORE_KEY_MAX)
		return S3_ERR_KEY_TOO_LONG;
	if (key.n == 0 || slice_chr(key, '\0') >= 0)
		return S3_ERR_INVALID_ARGUMENT;
	return S3_OK;
}

enum s3_error
check_object(struct slice bucket, struct slice key)
{
	return store_bucket_name_valid(bucket) ? check_key(key)
					       : S3_ERR_NO_SUCH_BUCKET;
}

enum s3_error
check_headers(const struct store_headers *h)
{
	size_t n = 0;

	if (h->n > HEADERS_COUNT_MAX)
		return S3_ERR_METADATA_TOO_LARGE;
	for (size_t i = 0; i < h->n; i++) {
		if (h->v[i].name.n > HEADERS_MAX ||
		    h->v[i].value.n > HEADERS_MAX)
			return S3_ERR_METADATA_TOO_LARGE;
		n += h->v[i].name.n + h->v[i].value.n;
		if (n > HEADERS_MAX)
			return S3_ERR_METADATA_TOO_LARGE;
	}
	return S3_OK;
}
