/*
 * s3_address.h - where a bucket of another S3 is: the one place that decides
 * between its name in the host and in the path, for requests of the s3 backend
 * and for URLs that are signed for others. Pure functions.
 */
#ifndef STORE_S3_ADDRESS_H
#define STORE_S3_ADDRESS_H

#include "store/store.h"

struct s3_address {
	const char *endpoint; /* scheme://host[:port][/]; "": AWS's */
	/* "": as the endpoint has it, else us-east-1. The host of an endpoint
	 * that stands for AWS in general is made of it. */
	const char *region;
	enum store_s3_style style;
};

/* "path", "virtual", or what leaves it to us. */
enum store_s3_style s3_address_style(const char *word);
/*
 * s3_address_endpoint - where an S3 is by its settings: as it was named, or AWS
 * in that region. The text is one and the same for one S3, so that it can be
 * compared. Cut short where @size is too small.
 */
void s3_address_endpoint(const char *named, const char *region, char *out,
			 size_t size);
/* It stands for AWS in general: another region has another one. */
bool s3_address_is_regional(const char *endpoint);
/* Of the settings: NULL, or what is wrong with the endpoint. */
const char *s3_address_problem(const struct s3_address *at);
/*
 * s3_address_put - appends "scheme://host[:port]" of a bucket, without a slash
 * behind. True: the bucket stands in the host; false: it begins the path. An
 * endpoint with a problem appends nothing. Memory shortage is out's.
 */
bool s3_address_put(const struct s3_address *at, struct slice bucket,
		    struct buf *out);

#endif
