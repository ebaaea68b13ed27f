/*
 * PutObjectAcl. ACLs are off, as in a bucket whose ObjectOwnership is
 * BucketOwnerEnforced: what asks for the ACL that every object has is
 * accepted - clients that copy an object set the source's on the copy -, all
 * else is refused.
 */
#include "base/xml_read.h"
#include "gateway/s3/op/ops.h"

#define GRANT "AccessControlPolicy/AccessControlList/Grant"

struct policy {
	struct slice owner;
	unsigned grants;
	unsigned full; /* FULL_CONTROL */
	unsigned own;  /* IDs that are the owner's */
	unsigned ids;
};

static int
on_id(void *ctx, struct slice text)
{
	struct policy *p = ctx;

	p->ids++;
	p->own += slice_eq(slice_trim(text), p->owner);
	return 0;
}

static int
on_grant(void *ctx)
{
	struct policy *p = ctx;

	p->grants++;
	return 0;
}

static int
on_permission(void *ctx, struct slice text)
{
	struct policy *p = ctx;

	p->full += slice_eq_str(slice_trim(text), "FULL_CONTROL");
	return 0;
}

/* The owner, and nobody else, has full control. */
static enum s3_error
check_policy(struct s3_request *rq)
{
	static const struct xml_rule rules[] = {
		{ "AccessControlPolicy/Owner/ID", NULL, on_id },
		{ GRANT, on_grant, NULL },
		{ GRANT "/Grantee/ID", NULL, on_id },
		{ GRANT "/Permission", NULL, on_permission },
	};
	struct policy p = { .owner = rq->record.owner };

	if (xml_read(buf_slice(&rq->body), rules, ARRAY_LEN(rules), &p) != 0)
		return S3_ERR_MALFORMED_ACL_ERROR;
	return p.grants == 1 && p.full == 1 && p.ids == 2 && p.own == 2
		   ? S3_OK
		   : S3_ERR_ACCESS_CONTROL_LIST_NOT_SUPPORTED;
}

enum s3_error
op_put_object_acl(struct s3_request *rq)
{
	bool canned = s3_header_or_hoisted(rq, "x-amz-acl").p != NULL;
	struct store_object o;
	struct store_ref ref;
	enum s3_error err = s3_ref(rq, &ref);

	if (err == S3_OK)
		err = s3_describe(rq, &ref, &o);
	if (err == S3_OK)
		err = s3_check_acl(rq);
	if (err == S3_OK && !canned && rq->body.n == 0)
		err = s3_fail(rq, S3_ERR_MISSING_SECURITY_HEADER, NULL,
			      "MissingHeaderName", SLICE("x-amz-acl"));
	if (err == S3_OK && rq->body.n)
		err = check_policy(rq);
	if (err != S3_OK)
		return err;
	http_answer(rq->http, 200, SLICE_EMPTY);
	return S3_OK;
}
