/*
 * Conditional requests, in the order of RFC 9110 §13.2.2. HTTP dates have
 * whole seconds, so an object's time is compared without its fraction.
 */
#include "store/store.h"
#include "base/timeval.h"

/* @tag without quotes; *weak when it had W/. */
static struct slice
bare(struct slice tag, bool *weak)
{
	*weak = slice_starts(tag, SLICE("W/"));
	if (*weak)
		tag = slice_from(tag, 2);
	if (tag.n >= 2 && tag.p[0] == '"' && tag.p[tag.n - 1] == '"')
		tag = (struct slice){ tag.p + 1, tag.n - 2 };
	return tag;
}

/* Our ETags are strong: a weak one in the list equals them only in a weak
 * comparison (If-None-Match, RFC 9110 §8.8.3.2). */
static bool
list_has(struct slice list, const char *etag, bool weak_too)
{
	struct slice item;

	if (slice_eq_str(slice_trim(list), "*"))
		return true;
	while (slice_cut(&list, ',', &item)) {
		bool weak;
		struct slice tag = bare(slice_trim(item), &weak);

		if (slice_eq_str(tag, etag) && (weak_too || !weak))
			return true;
	}
	return false;
}

static int64_t
whole_seconds(int64_t us)
{
	return us - ((us % US_PER_S) + US_PER_S) % US_PER_S;
}

enum s3_error
store_cond_check(const struct store_cond *c, const struct store_object *o,
		 bool is_read)
{
	if (!c)
		return S3_OK;
	if (c->if_match.n) {
		if (!o)
			return S3_ERR_NO_SUCH_KEY;
		if (!list_has(c->if_match, o->etag, false))
			return S3_ERR_PRECONDITION_FAILED;
	} else if (o && c->if_unmodified_since_us != INT64_MIN &&
		   whole_seconds(o->mtime_us) > c->if_unmodified_since_us) {
		return S3_ERR_PRECONDITION_FAILED;
	}
	if (c->if_none_match.n) {
		if (o && list_has(c->if_none_match, o->etag, true))
			return is_read ? S3_ERR_NOT_MODIFIED
				       : S3_ERR_PRECONDITION_FAILED;
	} else if (is_read && o && c->if_modified_since_us != INT64_MIN &&
		   whole_seconds(o->mtime_us) <= c->if_modified_since_us) {
		return S3_ERR_NOT_MODIFIED;
	}
	return S3_OK;
}
