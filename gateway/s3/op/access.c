/*
 * ACLs, ownership and the public access block. Every bucket is as a new one
 * of AWS: ACLs are off (BucketOwnerEnforced), nothing is public. What asks for
 * just that is accepted, everything else is refused.
 */
#include "base/xml_read.h"
#include "gateway/s3/op/ops.h"

#define XSI "http://www.w3.org/2001/XMLSchema-instance"

/* The owner, and nobody else, has full control. */
enum s3_error
op_get_acl(struct s3_request *rq)
{
	struct slice owner = rq->record.owner;
	char name[ACCOUNT_DISPLAY_MAX];
	struct store_object o;
	struct store_ref ref;
	struct buf xml = BUF_INIT;
	enum s3_error err = s3_ref(rq, &ref);

	if (err == S3_OK && rq->key.n)
		err = s3_describe(rq, &ref, &o);
	if (err != S3_OK)
		return err;
	s3_display_name(rq, owner, name);
	xml_prolog(&xml);
	xml_open_ns(&xml, "AccessControlPolicy", XML_NS_S3);
	s3_xml_owner(rq, &xml, "Owner", owner);
	xml_open(&xml, "AccessControlList");
	xml_open(&xml, "Grant");
	buf_puts(&xml,
		 "<Grantee xmlns:xsi=\"" XSI "\" xsi:type=\"CanonicalUser\">");
	xml_text(&xml, "ID", owner);
	xml_text(&xml, "DisplayName", slice_str(name));
	xml_close(&xml, "Grantee");
	xml_text(&xml, "Permission", SLICE("FULL_CONTROL"));
	xml_close(&xml, "Grant");
	xml_close(&xml, "AccessControlList");
	xml_close(&xml, "AccessControlPolicy");
	return s3_answer_xml(rq, &xml);
}

enum s3_error
op_put_acl(struct s3_request *rq)
{
	(void)rq;
	return S3_ERR_ACCESS_CONTROL_LIST_NOT_SUPPORTED;
}

/* ---- ownership ---------------------------------------------------------- */

static const char *const ownerships[] = { "BucketOwnerEnforced",
					  "BucketOwnerPreferred",
					  "ObjectWriter" };

enum s3_error
op_get_ownership_controls(struct s3_request *rq)
{
	struct buf xml = BUF_INIT;

	xml_prolog(&xml);
	xml_open_ns(&xml, "OwnershipControls", XML_NS_S3);
	xml_open(&xml, "Rule");
	xml_text(&xml, "ObjectOwnership", slice_str(ownerships[0]));
	xml_close(&xml, "Rule");
	xml_close(&xml, "OwnershipControls");
	return s3_answer_xml(rq, &xml);
}

static int
on_ownership(void *ctx, struct slice text)
{
	int *chosen = ctx;

	if (*chosen >= 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(ownerships); i++)
		if (slice_eq_str(text, ownerships[i]))
			*chosen = (int)i;
	return *chosen < 0 ? -1 : 0;
}

enum s3_error
op_put_ownership_controls(struct s3_request *rq)
{
	static const struct xml_rule elements[] = {
		{ "OwnershipControls/Rule/ObjectOwnership", NULL,
		  on_ownership },
	};
	int chosen = -1;

	if (rq->body.n == 0)
		return S3_ERR_MISSING_REQUEST_BODY;
	if (xml_read_strict(buf_slice(&rq->body), elements, ARRAY_LEN(elements),
			    &chosen) != 0 ||
	    chosen < 0)
		return S3_ERR_MALFORMED_XML;
	if (chosen > 0)
		return s3_failf(rq, S3_ERR_NOT_IMPLEMENTED,
				"ObjectOwnership %s is not implemented.",
				ownerships[chosen]);
	http_answer(rq->http, 200, SLICE_EMPTY);
	return S3_OK;
}

/* ---- public access block ------------------------------------------------ */

static const char *const blocks[] = { "BlockPublicAcls", "IgnorePublicAcls",
				      "BlockPublicPolicy",
				      "RestrictPublicBuckets" };

enum s3_error
op_get_public_access_block(struct s3_request *rq)
{
	struct buf xml = BUF_INIT;

	xml_prolog(&xml);
	xml_open_ns(&xml, "PublicAccessBlockConfiguration", XML_NS_S3);
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
		xml_bool(&xml, blocks[i], true);
	xml_close(&xml, "PublicAccessBlockConfiguration");
	return s3_answer_xml(rq, &xml);
}

/* How many are on; -1: not a truth value. What is not said is off. */
static int
on_block(void *ctx, struct slice text)
{
	int *on = ctx;

	*on += slice_ieq_str(text, "true");
	return slice_ieq_str(text, "true") || slice_ieq_str(text, "false") ? 0
									   : -1;
}

enum s3_error
op_put_public_access_block(struct s3_request *rq)
{
#define ROOT "PublicAccessBlockConfiguration/"
	static const struct xml_rule elements[] = {
		{ ROOT "BlockPublicAcls", NULL, on_block },
		{ ROOT "IgnorePublicAcls", NULL, on_block },
		{ ROOT "BlockPublicPolicy", NULL, on_block },
		{ ROOT "RestrictPublicBuckets", NULL, on_block },
	};
#undef ROOT
	int on = 0;

	if (rq->body.n == 0)
		return S3_ERR_MISSING_REQUEST_BODY;
	if (xml_read_strict(buf_slice(&rq->body), elements, ARRAY_LEN(elements),
			    &on) != 0)
		return S3_ERR_MALFORMED_XML;
	if (on != (int)ARRAY_LEN(blocks))
		return s3_failf(rq, S3_ERR_NOT_IMPLEMENTED,
				"%s is not implemented: nothing here is public",
				"Lifting the public access block");
	http_answer(rq->http, 200, SLICE_EMPTY);
	return S3_OK;
}
