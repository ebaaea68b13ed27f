/*
 * GetObject and HeadObject: a version, conditions, one range or part, and the
 * shortest way of the bytes: small ones from memory, verified ones of one file
 * by sendfile, others through a copy that verifies each block on its way.
 */
#include "gateway/s3/op/ops.h"
#include "base/timeval.h"
#include "gateway/s3/range.h"

#include <fcntl.h>

#define COPY_MAX 65536u /* up to here one read is cheaper than a descriptor */
/* Verified before the answer begins: up to the first bound all of it, else
 * this much, so that the first byte of a large object need not wait. */
#define AHEAD_MAX (8u << 20)
#define AHEAD_OF_LARGE (1u << 20)
/* What takes longer is verified while it is sent: the page cache may have let
 * go of the verified bytes by then. */
#define SENDFILE_MAX (128u << 20)
#define TRIES 4 /* of an object that is replaced while it is looked at */

struct get {
	struct store_ref ref;
	struct store_object object;
	struct store_read *read;
	enum s3_extent extent;
	uint32_t part_number; /* 0: not asked for */
	struct store_part *part;
	uint64_t offset;
	uint64_t n;
	const char *memory; /* the object's bytes, when the read holds them */
	struct buf copy;    /* of few bytes */
};

/* ?partNumber=N; 0: none. */
static enum s3_error
read_part_number(struct s3_request *rq, uint32_t *out)
{
	struct slice v = s3_param(rq, "partNumber");
	uint64_t n;

	*out = 0;
	if (!v.p)
		return S3_OK;
	if (slice_u64(v, &n) != 0 || n < 1 || n > STORE_PARTS_MAX)
		return s3_bad_argument(rq,
				       "Part number must be an integer between "
				       "1 and 10000, inclusive",
				       "partNumber", v);
	if (http_header_has(rq->http, "Range"))
		return s3_failf(rq, S3_ERR_INVALID_REQUEST,
				"Cannot specify both Range header and "
				"partNumber query parameter");
	*out = (uint32_t)n;
	return S3_OK;
}

static enum s3_error
read_request(struct s3_request *rq, struct get *g)
{
	enum s3_error err = s3_ref(rq, &g->ref);

	if (err == S3_OK)
		err = read_part_number(rq, &g->part_number);
	if (err == S3_OK)
		err = s3_check_overrides(rq);
	return err == S3_OK ? s3_refuse_key(rq) : err;
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
	uint64_t offset, n;

	if (!range.p || !if_range_holds(rq, &g->object))
		return S3_OK;
	switch (range_parse(range, g->object.size, &offset, &n)) {
	case RANGE_WHOLE:
		return S3_OK;
	case RANGE_PART:
		g->extent = S3_RANGE;
		g->offset = offset;
		g->n = n;
		return S3_OK;
	case RANGE_UNSATISFIABLE:
		break;
	}
	http_set_headerf(rq->http, "Content-Range", "bytes */%llu",
			 (unsigned long long)g->object.size);
	s3_detail_add(&rq->detail, "RangeRequested", range);
	return s3_fail(rq, S3_ERR_INVALID_RANGE, NULL, "ActualObjectSize",
		       s3_number(rq, g->object.size));
}

/* An object that was put at once is its own first part. */
static enum s3_error
choose_part(struct s3_request *rq, struct get *g)
{
	/* The same version, if another has come on top meanwhile. */
	const struct store_ref seen = { rq->bucket, rq->key,
					slice_str(g->object.version_id) };
	uint32_t last = g->object.n_parts ? g->object.n_parts : 1;
	enum s3_error err;
	size_t count;

	if (g->part_number > last) {
		s3_detail_add(&rq->detail, "PartNumberRequested",
			      s3_number(rq, g->part_number));
		return s3_fail(rq, S3_ERR_INVALID_PART_NUMBER, NULL,
			       "ActualPartCount", s3_number(rq, last));
	}
	g->extent = S3_PART;
	if (g->object.n_parts == 0)
		return S3_OK;
	err = store_get_parts(rq->world->store, &seen, g->part_number - 1, 1,
			      &rq->http->arena, &g->part, &count);
	if (err != S3_OK)
		return err;
	/* Replaced by another object since it was looked at. */
	if (count != 1 || g->part->offset > g->object.size ||
	    g->part->size > g->object.size - g->part->offset)
		return S3_ERR_OPERATION_ABORTED;
	g->offset = g->part->offset;
	g->n = g->part->size;
	return S3_OK;
}

static enum s3_error
choose_extent(struct s3_request *rq, struct get *g)
{
	g->extent = S3_WHOLE;
	g->n = g->object.size;
	return g->part_number ? choose_part(rq, g) : choose_range(rq, g);
}

static void
close_read(void *read)
{
	store_read_close(read);
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
send_source(struct s3_request *rq, struct get *g, unsigned status)
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

/* The first bytes verified, or all, before anything is said: damage that shows
 * here is a plain error. Small answers are read at once. */
static enum s3_error
prepare(struct get *g)
{
	uint64_t ahead = g->n <= AHEAD_MAX ? g->n : AHEAD_OF_LARGE;
	char *p;

	store_read_want(g->read, g->offset, g->n);
	g->memory = store_read_memory(g->read);
	if (g->memory)
		return S3_OK;
	if (g->n > COPY_MAX)
		return store_read_verify(g->read, g->offset, ahead);
	p = buf_reserve(&g->copy, (size_t)g->n);
	if (!p)
		return S3_ERR_INTERNAL_ERROR;
	g->copy.n = (size_t)g->n;
	return store_read_at(g->read, g->offset, p, (size_t)g->n);
}

/* The file, when all that is sent was verified by now. */
static bool
choose_file(struct get *g, struct store_extent *out)
{
	size_t count = 0;

	return g->n <= SENDFILE_MAX &&
	       store_read_is_verified(g->read, g->offset, g->n) &&
	       store_read_extents(g->read, out, 1, &count) == S3_OK &&
	       count == 1;
}

static enum s3_error
send_bytes(struct s3_request *rq, struct get *g, unsigned status)
{
	struct store_extent extent;
	int fd;

	if (g->memory) {
		http_answer_lent(rq->http, status,
				 slice_mem(g->memory + g->offset, (size_t)g->n),
				 close_read, g->read);
		g->read = NULL;
		return S3_OK;
	}
	if (g->n <= COPY_MAX) {
		http_answer_buf(rq->http, status, &g->copy);
		return S3_OK;
	}
	if (!choose_file(g, &extent))
		return send_source(rq, g, status);
	fd = fcntl(extent.fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return S3_ERR_INTERNAL_ERROR;
	http_answer_fd(rq->http, status, fd, extent.offset + g->offset, g->n);
	return S3_OK;
}

static enum s3_error
answer(struct s3_request *rq, struct get *g, bool is_head)
{
	/* No Content-Range can say that all of nothing is there. */
	unsigned status = g->extent == S3_WHOLE || g->n == 0 ? 200 : 206;
	enum s3_error err = is_head ? S3_OK : prepare(g);

	if (err != S3_OK)
		return err;
	s3_set_object_headers(rq, &g->object, g->extent, g->part);
	if (status == 206)
		http_set_headerf(rq->http, "Content-Range",
				 "bytes %llu-%llu/%llu",
				 (unsigned long long)g->offset,
				 (unsigned long long)(g->offset + g->n - 1),
				 (unsigned long long)g->object.size);
	if (!is_head)
		return send_bytes(rq, g, status);
	http_answer_head(rq->http, status, g->n);
	return S3_OK;
}

static enum s3_error
answer_failure(struct s3_request *rq, struct get *g, enum s3_error err)
{
	if (err != S3_ERR_NOT_MODIFIED)
		return s3_ref_failed(rq, &g->ref, &g->object,
				     s3_condition_failed(rq, err));
	s3_set_object_headers(rq, &g->object, S3_NOT_MODIFIED, NULL);
	http_answer_head(rq->http, 304, g->object.size);
	return S3_OK;
}

/* OPERATION_ABORTED: what was looked at is not there any more, and nothing was
 * answered. */
static enum s3_error
get_once(struct s3_request *rq, const struct get *asked)
{
	bool is_head = slice_eq_str(rq->http->method, "HEAD");
	struct get g = *asked;
	struct store_cond cond;
	enum s3_error err;

	s3_read_conditions(rq, &cond);
	err = store_get(rq->world->store, &g.ref, &cond, &rq->http->arena,
			&g.object, is_head ? NULL : &g.read);
	if (err != S3_OK)
		return answer_failure(rq, &g, err);
	err = choose_extent(rq, &g);
	if (err == S3_OK)
		err = answer(rq, &g, is_head);
	store_read_close(g.read);
	buf_release(&g.copy);
	return err;
}

enum s3_error
op_get_object(struct s3_request *rq)
{
	struct get g = { .copy = BUF_INIT };
	enum s3_error err = read_request(rq, &g);

	if (err != S3_OK)
		return err;
	err = S3_ERR_OPERATION_ABORTED;
	for (int i = 0; i < TRIES && err == S3_ERR_OPERATION_ABORTED; i++)
		err = get_once(rq, &g);
	return err == S3_ERR_OPERATION_ABORTED ? S3_ERR_SLOW_DOWN : err;
}
