/*
 * s3_error.h - the vocabulary of failures, from the table s3_error.def.
 * Store, auth and operations return enum s3_error; what a failure is about
 * (Key, ArgumentName, ...) travels in a struct s3_detail. Threads: any.
 */
#ifndef BASE_S3_ERROR_H
#define BASE_S3_ERROR_H

#include "base/slice.h"

enum s3_error {
	S3_OK,
#define S3_ERROR(name, code, status, message) S3_ERR_##name,
#include "base/s3_error.def"
#undef S3_ERROR
	S3_ERR_COUNT
};

struct s3_error_info {
	const char *code;    /* "NoSuchKey" */
	unsigned status;     /* HTTP status */
	const char *message; /* as AWS sends it */
};

/* Never NULL; S3_OK answers {"OK", 200, ""}. */
const struct s3_error_info *s3_error_info(enum s3_error err);
/* The row with that Code (an upstream's answer), else INTERNAL_ERROR. */
enum s3_error s3_error_by_code(struct slice code);

/*
 * What a failure is about: extra elements of the <Error> document in order,
 * and a message that replaces the table's. Strings are owned by whoever fills
 * it in (the request's arena) and outlive the answer.
 */
#define S3_DETAIL_MAX 8
struct s3_detail {
	const char *message; /* NULL: the table's */
	size_t n;
	struct {
		const char *name;
		struct slice value;
	} extra[S3_DETAIL_MAX];
};

/* Adds an element; silently full past S3_DETAIL_MAX. d may be NULL. */
void s3_detail_add(struct s3_detail *d, const char *name, struct slice value);

#endif
