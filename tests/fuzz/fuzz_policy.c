/*
 * The policy of a form: the input is the document. No document allows a form
 * with a field that it does not name.
 */
#include "auth/post_form.h"
#include "base/buf.h"
#include "base/encode.h"
#include "tests/fuzz/fuzz.h"

static enum s3_error
check(struct slice policy, const struct auth_header *fields, size_t n)
{
	const struct auth_form form = { fields, n, SLICE("bucket") };
	struct auth_form_range range = { 0, UINT64_MAX };
	struct s3_detail detail = { 0 };
	enum s3_error err;
	struct arena a;

	arena_init(&a, 1 << 20);
	err = form_policy_check(&form, policy, 0, &a, &range, &detail);
	REQUIRE(err == S3_OK || err == S3_ERR_ACCESS_DENIED ||
		err == S3_ERR_INVALID_POLICY_DOCUMENT);
	REQUIRE(err == S3_OK || detail.message);
	arena_release(&a);
	return err;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct auth_header fields[] = {
		{ SLICE("key"), SLICE("u/a.txt") },
		{ SLICE("Content-Type"), SLICE("image/png,image/gif") },
		/* No input can name it: it is not UTF-8. */
		{ SLICE("x-\xff"), SLICE("x") },
	};
	struct buf policy = BUF_INIT;

	base64_encode(&policy, data, size);
	if (buf_ok(&policy)) {
		(void)check(buf_slice(&policy), fields, 0);
		(void)check(buf_slice(&policy), fields, 2);
		REQUIRE(check(buf_slice(&policy), fields, 3) != S3_OK);
	}
	buf_release(&policy);
	return 0;
}
