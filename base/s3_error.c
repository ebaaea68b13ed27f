/*
 * Lookup in the error table.
 */
#include "base/s3_error.h"

static const struct s3_error_info table[S3_ERR_COUNT] = {
	[S3_OK] = { "OK", 200, "" },
#define S3_ERROR(name, code, status, message) \
	[S3_ERR_##name] = { code, status, message },
#include "base/s3_error.def"
#undef S3_ERROR
};

const struct s3_error_info *
s3_error_info(enum s3_error err)
{
	return &table[err < S3_ERR_COUNT ? err : S3_ERR_INTERNAL_ERROR];
}

enum s3_error
s3_error_by_code(struct slice code)
{
	for (int i = S3_OK + 1; i < S3_ERR_COUNT; i++)
		if (slice_eq_str(code, table[i].code))
			return (enum s3_error)i;
	return S3_ERR_INTERNAL_ERROR;
}

void
s3_detail_add(struct s3_detail *d, const char *name, struct slice value)
{
	if (!d || d->n == S3_DETAIL_MAX)
		return;
	d->extra[d->n].name = name;
	d->extra[d->n].value = value;
	d->n++;
}
