/*
 * In which region a bucket is: the endpoint's own until an answer says
 * otherwise. It is signed for, and at AWS it stands in the host.
 */
#include "store/s3/remote.h"
#include "base/log.h"

static struct s3_bucket_region *
find_region(struct s3_remote *r, struct slice bucket)
{
	for (size_t i = 0; bucket.n && i < S3_REGIONS; i++)
		if (slice_eq_str(bucket, r->regions[i].bucket))
			return &r->regions[i];
	return NULL;
}

void
s3_region_of(struct s3_remote *r, struct slice bucket, char out[S3_REGION_MAX])
{
	const struct s3_bucket_region *known;

	pthread_mutex_lock(&r->mu);
	known = find_region(r, bucket);
	snprintf(out, S3_REGION_MAX, "%s", known ? known->region : r->region);
	pthread_mutex_unlock(&r->mu);
}

/* It becomes part of a host's name: letters, digits and '-' only. */
static bool
is_region(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') ||
		      (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '-'))
			return false;
	return s.n > 0 && s.n < S3_REGION_MAX;
}

bool
s3_region_learn(struct s3_remote *r, struct slice bucket, const char *used,
		struct slice region)
{
	struct s3_bucket_region *row;

	if (!is_region(region) || slice_eq_str(region, used) || bucket.n == 0 ||
	    bucket.n > STORE_BUCKET_MAX)
		return false;
	pthread_mutex_lock(&r->mu);
	row = find_region(r, bucket);
	if (!row) {
		row = &r->regions[r->next_region];
		r->next_region = (r->next_region + 1) % S3_REGIONS;
	}
	snprintf(row->bucket, sizeof(row->bucket), "%.*s", SLICE_ARG(bucket));
	snprintf(row->region, sizeof(row->region), "%.*s", SLICE_ARG(region));
	pthread_mutex_unlock(&r->mu);
	log_info("s3_region",
		 "bucket \"%.*s\" is in region %.*s, not in %s: what goes "
		 "there is signed for that",
		 SLICE_ARG(bucket), SLICE_ARG(region), used);
	return true;
}
