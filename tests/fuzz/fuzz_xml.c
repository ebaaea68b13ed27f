/*
 * Documents in request bodies: xml_read() by rules of the shapes that S3 has,
 * then the readers of <Tagging>, <CORSConfiguration> and
 * <CompleteMultipartUpload>. Rules see only whole texts within the bounds, and
 * never an end without a start. What a reader accepts keeps AWS's bounds, and
 * tags and CORS rules survive being written.
 */
#include "base/xml_read.h"
#include "gateway/s3/op/complete.h"
#include "gateway/s3/cors_rules.h"
#include "gateway/s3/tags.h"
#include "tests/fuzz/fuzz.h"

/* ---- shapes ------------------------------------------------------------- */

struct seen {
	int open;
};

static int
on_open(void *ctx)
{
	struct seen *s = ctx;

	s->open++;
	REQUIRE(s->open == 1); /* the path has one such level */
	return 0;
}

static int
on_close(void *ctx, struct slice text)
{
	struct seen *s = ctx;

	REQUIRE(text.n <= XML_TEXT_MAX);
	s->open--;
	return 0;
}

static int
on_text(void *ctx, struct slice text)
{
	const struct seen *s = ctx;

	REQUIRE(s->open == 1 && text.n <= XML_TEXT_MAX);
	REQUIRE(text.n == 0 || !memchr(text.p, '\0', text.n));
	return 0;
}

static const struct xml_rule delete_rules[] = {
	{ "Delete/Object", on_open, on_close },
	{ "Delete/Object/Key", NULL, on_text },
	{ "Delete/Object/VersionId", NULL, on_text },
};
static const struct xml_rule location_rules[] = {
	{ "CreateBucketConfiguration", on_open, on_close },
	{ "CreateBucketConfiguration/LocationConstraint", NULL, on_text },
	{ "CreateBucketConfiguration/Tags/Tag/Key", NULL, on_text },
};
static const struct xml_rule versioning_rules[] = {
	{ "VersioningConfiguration", on_open, on_close },
	{ "VersioningConfiguration/Status", NULL, on_text },
};

static void
check_shape(struct slice doc, const struct xml_rule *rules, size_t n)
{
	struct seen seen = { 0 };

	if (xml_read(doc, rules, n, &seen) == 0)
		REQUIRE(seen.open == 0);
}

/* ---- readers ------------------------------------------------------------ */

static void
check_tags(struct s3_request *rq, struct slice doc, enum tags_of of)
{
	struct store_headers tags, again;
	struct buf xml = BUF_INIT;

	if (tags_read_xml(rq, doc, of, &tags) != S3_OK)
		return;
	REQUIRE(tags.n <= (of == TAGS_OF_OBJECT ? 10 : 50));
	store_put_tagging(&xml, &tags);
	REQUIRE(tags_read_xml(rq, buf_slice(&xml), of, &again) == S3_OK);
	REQUIRE(again.n == tags.n);
	for (size_t i = 0; i < tags.n; i++) {
		REQUIRE(tags.v[i].name.n > 0);
		REQUIRE(slice_eq(again.v[i].name, tags.v[i].name));
		REQUIRE(slice_eq(again.v[i].value, tags.v[i].value));
	}
	buf_release(&xml);
}

static void
check_cors(struct arena *a, struct slice doc)
{
	struct cors_rule *rules, *again;
	struct buf first = BUF_INIT, second = BUF_INIT;
	const char *why;
	size_t n = 0;

	if (cors_rules_read(doc, a, &rules, &why) != S3_OK)
		return;
	for (const struct cors_rule *r = rules; r; r = r->next, n++)
		REQUIRE(r->methods && r->origins);
	REQUIRE(n > 0 && n <= CORS_RULES_MAX);
	cors_rules_write(rules, &first);
	REQUIRE(cors_rules_read(buf_slice(&first), a, &again, &why) == S3_OK);
	cors_rules_write(again, &second);
	REQUIRE(slice_eq(buf_slice(&first), buf_slice(&second)));
	/* The first rule allows what it names. */
	REQUIRE(cors_rules_find(rules, rules->origins->text,
				rules->methods->text, SLICE_EMPTY) == rules);
	buf_release(&first);
	buf_release(&second);
}

static void
check_complete(struct s3_request *rq, struct slice doc)
{
	static const struct store_upload upload = { .id = "upload" };
	struct store_complete_req req;

	buf_put(&rq->body, doc);
	if (s3_complete_read(rq, &upload, &req) == S3_OK) {
		REQUIRE(req.n_parts > 0 && req.n_parts <= STORE_PARTS_MAX);
		for (size_t i = 0; i < req.n_parts; i++)
			REQUIRE(req.parts[i].number >
				(i ? req.parts[i - 1].number : 0));
	}
	buf_release(&rq->body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char none[] = "";
	const struct conf conf = { .aws_s3_bucket = none };
	struct s3_world world = { .conf = &conf };
	struct http_request http = { 0 };
	struct s3_request rq = { .http = &http, .world = &world };
	struct slice doc = slice_mem(data, size);

	arena_init(&http.arena, 8 << 20);
	check_shape(doc, delete_rules, ARRAY_LEN(delete_rules));
	check_shape(doc, location_rules, ARRAY_LEN(location_rules));
	check_shape(doc, versioning_rules, ARRAY_LEN(versioning_rules));
	check_tags(&rq, doc, TAGS_OF_OBJECT);
	check_tags(&rq, doc, TAGS_OF_BUCKET);
	check_cors(&http.arena, doc);
	check_complete(&rq, doc);
	arena_release(&http.arena);
	return 0;
}
