/*
 * GetObject and HeadObject: conditions, one range, and the shortest way of
 * the bytes: small ones from memory, one file by sendfile, several extents
 * through a copy.
 */
#include "gateway/s3/ops.h"
#include "base/timeval.h"
#include "gateway/s3/range.h"

#include <fcntl.h>

#define COPY_MAX 65536u /* up to here one read is cheaper than a descriptor */

struct get {
	struct store_object object;
	struct store_read *read;
	enum range_kind range;
	uint64_t offset;
	uint64_t n;
};

/* Sub-parameters that only make sense with versions, or not at all. */
static enum s3_error
check_params(struct s3_request *rq)
{
	struct slice version = s3_param(rq, "versionId");

	if (version.p && !slice_eq_str(version, "null"))
		return s3_bad_argument(rq, "Invalid version id specified",
				       "versionId", version);
	return s3_check_overrides(rq);
}

/* RFC 9110 §13.1.5: a part only of the representation the client has. */
static bool
if_range_holds(const struct s3_request *rq, const struct store_object *o)
{
	struct slice v = http_header_get(rq->http, "If-Range");
	char date[TIME_TEXT_MAX], etag[STORE_ETAG_MAX + 2];

	time_format_http(o->mtime_us, date);
	snprintf(etag, sizeof(etag), "\"%s\"", o->etag);
	return !v.p || slice_eq_str(v, etag) || slice_eq_str(v, date);
}

static enum s3_error
choose_range(struct s3_request *rq, struct get *g)
{
	struct slice range = http_header_get(rq->http, "Range");

	g->n = g->object.size;
	if (!range.p || !if_range_holds(rq, &g->object))
		return S3_OK;
	g->range = range_parse(range, g->object.size, &g->offset, &g->n);
	if (g->range == RANGE_WHOLE) {
		g->offset = 0;
		g->n = g->object.size;
	}
	if (g->range != RANGE_UNSATISFIABLE)
		return S3_OK;
	http_set_headerf(rq->http, "Content-Range", "bytes */%llu",
			 (unsigned long long)g->object.size);
	s3_detail_add(&rq->detail, "RangeRequested", range);
	return s3_fail(rq, S3_ERR_INVALID_RANGE, NULL, "ActualObjectSize",
		       arena_printf(&rq->http->arena, "%llu",
				    (unsigned long long)g->object.size));
}

static enum s3_error
answer_copy(struct s3_request *rq, struct get *g, unsigned status)
{
	struct buf b = BUF_INIT;
	char *p = buf_reserve(&b, (size_t)g->n);
	enum s3_error err = S3_ERR_INTERNAL_ERROR;

	if (p)
		err = store_read_at(g->read, g->offset, p, (size_t)g->n);
	if (err != S3_OK) {
		buf_release(&b);
		return err;
	}
	b.n = (size_t)g->n;
	http_answer_buf(rq->http, status, &b);
	return S3_OK;
}

/* A range of an object, read while it is sent. */
struct part {
	struct store_read *read;
	uint64_t offset;
};

static int
part_read(void *ctx, uint64_t offset, void *p, size_t n)
{
	struct part *part = ctx;

	return store_read_at(part->read, part->offset + offset, p, n) == S3_OK
		   ? 0
		   : -1;
}

static void
part_close(void *ctx)
{
	struct part *part = ctx;

	store_read_close(part->read);
	free(part);
}

static enum s3_error
answer_source(struct s3_request *rq, struct get *g, unsigned status)
{
	struct http_source source = { part_read, part_close, NULL };
	struct part *part = malloc(sizeof(*part));

	if (!part)
		return S3_ERR_INTERNAL_ERROR;
	*part = (struct part){ g->read, g->offset };
	g->read = NULL;
	source.ctx = part;
	http_answer_source(rq->http, status, g->n, &source);
	return S3_OK;
}

static enum s3_error
answer_bytes(struct s3_request *rq, struct get *g, unsigned status)
{
	struct store_extent extent;
	size_t count = 0;
	int fd;

	if (g->n <= COPY_MAX)
		return answer_copy(rq, g, status);
	if (store_read_extents(g->read, &extent, 1, &count) == S3_OK &&
	    count == 1) {
		fd = fcntl(extent.fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return S3_ERR_INTERNAL_ERROR;
		http_answer_fd(rq->http, status, fd, extent.offset + g->offset,
			       g->n);
		return S3_OK;
	}
	return answer_source(rq, g, status);
}

static enum s3_error
answer(struct s3_request *rq, struct get *g, bool is_head)
{
	unsigned status = g->range == RANGE_PART ? 206 : 200;

	s3_set_object_headers(rq, &g->object, status == 200);
	if (status == 206)
		http_set_headerf(rq->http, "Content-Range",
				 "bytes %llu-%llu/%llu",
				 (unsigned long long)g->offset,
				 (unsigned long long)(g->offset + g->n - 1),
				 (unsigned long long)g->object.size);
	if (!is_head)
		return answer_bytes(rq, g, status);
	http_answer_head(rq->http, status, g->n);
	return S3_OK;
}

enum s3_error
op_get_object(struct s3_request *rq)
{
	bool is_head = slice_eq_str(rq->http->method, "HEAD");
	struct get g = { 0 };
	struct store_cond cond;
	enum s3_error err = check_params(rq);

	if (err != S3_OK)
		return err;
	s3_read_conditions(rq, &cond);
	err =
	    store_get(rq->world->store, &STORE_REF(rq->bucket, rq->key), &cond,
		      &rq->http->arena, &g.object, is_head ? NULL : &g.read);
	if (err == S3_OK)
		err = choose_range(rq, &g);
	if (err == S3_OK) {
		err = answer(rq, &g, is_head);
	} else if (err == S3_ERR_NOT_MODIFIED) {
		s3_set_object_headers(rq, &g.object, false);
		http_answer_head(rq->http, 304, g.object.size);
		err = S3_OK;
	} else {
		err = s3_condition_failed(rq, err);
	}
	store_read_close(g.read);
	return err;
}
