/*
 * Operations that need a large object first: CompleteMultipartUpload and
 * CopyObject. Only these are timed, not what leads up to them. Parts are
 * copies of one object (UploadPartCopy), or uploads with --upload-parts.
 */
#include "tests/bench/load.h"

#define UNSIGNED SLICE("UNSIGNED-PAYLOAD")

struct large {
	const struct load_conf *conf;
	struct load_conn conn;
	const char *block;
	struct buf path, source, answer;
};

/* The text of the first such element as it stands in the document. */
static struct slice
element(struct slice xml, const char *open)
{
	ptrdiff_t at = slice_find(xml, slice_str(open));

	if (at < 0)
		return SLICE_EMPTY;
	xml = slice_from(xml, (size_t)at + strlen(open));
	at = slice_chr(xml, '<');
	return slice_head(xml, at < 0 ? 0 : (size_t)at);
}

/* One request on the kept connection; 0 when the answer is 200 and holds
 * @wanted. The body is @body, or form->body_n bytes of the block. */
static int
talk(struct large *l, struct load_request_form *form, struct slice body,
     const char *wanted)
{
	struct buf head = BUF_INIT;
	struct load_request r = { .op = LOAD_PUT };
	int rc = -1;

	if (body.n)
		form->body_n = body.n;
	form->payload_hash = UNSIGNED;
	buf_clear(&l->answer);
	if (load_request_build(l->conf, form, &head) == 0) {
		r.head = buf_slice(&head);
		r.body_n = form->body_n;
		l->conn.block = body.n ? body.p : l->block;
		load_conn_begin(&l->conn, &r, &l->answer);
		if (load_conn_step(&l->conn) == STEP_DONE &&
		    l->conn.status == 200 &&
		    slice_find(buf_slice(&l->answer), slice_str(wanted)) >= 0)
			rc = 0;
	}
	if (rc != 0)
		fprintf(stderr, "bench-load: %s %.*s: status %d%s\n%.*s\n",
			form->method, SLICE_ARG(form->path), l->conn.status,
			l->conn.status ? "" : ", connection lost",
			SLICE_ARG(buf_slice(&l->answer)));
	buf_release(&head);
	return rc;
}

/* The object that parts are copied from. */
static int
put_source(struct large *l)
{
	struct load_request_form form = { .method = "PUT",
					  .body_n = l->conf->size };

	load_object_path(l->conf, 0, &l->source);
	form.path = buf_slice(&l->source);
	return talk(l, &form, SLICE_EMPTY, "");
}

static int
put_parts(struct large *l, struct slice path, struct slice upload,
	  struct buf *document)
{
	struct buf query = BUF_INIT;
	int rc = 0;

	for (uint64_t i = 1; rc == 0 && i <= l->conf->parts; i++) {
		struct load_request_form form = { .method = "PUT",
						  .path = path };

		buf_clear(&query);
		buf_printf(&query, "partNumber=%llu&uploadId=%.*s",
			   (unsigned long long)i, SLICE_ARG(upload));
		form.query = buf_slice(&query);
		if (l->conf->upload_parts)
			form.body_n = l->conf->size;
		else
			form.copy_source = buf_slice(&l->source);
		rc = talk(l, &form, SLICE_EMPTY, "");
		buf_printf(
		    document,
		    "<Part><PartNumber>%llu</PartNumber><ETag>%.*s"
		    "</ETag></Part>",
		    (unsigned long long)i,
		    SLICE_ARG(l->conf->upload_parts
				  ? slice_str(l->conn.etag)
				  : element(buf_slice(&l->answer), "<ETag>")));
	}
	buf_release(&query);
	return rc;
}

/* A whole upload to path; *ns: its completion alone. */
static int
upload(struct large *l, struct slice path, uint64_t *ns)
{
	struct load_request_form form = { .method = "POST",
					  .path = path,
					  .query = SLICE("uploads=") };
	struct buf document = BUF_INIT, query = BUF_INIT;
	uint64_t from;
	int rc = talk(l, &form, SLICE_EMPTY, "<UploadId>");

	if (rc == 0) {
		buf_puts(&query, "uploadId=");
		buf_put(&query, element(buf_slice(&l->answer), "<UploadId>"));
		buf_puts(&document, "<CompleteMultipartUpload>");
		rc = put_parts(l, path, slice_from(buf_slice(&query), 9),
			       &document);
		buf_puts(&document, "</CompleteMultipartUpload>");
	}
	if (rc == 0 && buf_ok(&document) && buf_ok(&query)) {
		form = (struct load_request_form){ .method = "POST",
						   .path = path,
						   .query = buf_slice(&query) };
		from = bench_now_ns();
		rc = talk(l, &form, buf_slice(&document),
			  "<CompleteMultipartUploadResult");
		*ns = bench_now_ns() - from;
	}
	buf_release(&document);
	buf_release(&query);
	return rc;
}

static int
copy(struct large *l, struct slice path, struct slice source, uint64_t *ns)
{
	struct load_request_form form = { .method = "PUT",
					  .path = path,
					  .copy_source = source };
	uint64_t from = bench_now_ns();
	int rc = talk(l, &form, SLICE_EMPTY, "<CopyObjectResult");

	*ns = bench_now_ns() - from;
	return rc;
}

static int
measure(struct large *l, struct bench_result *out)
{
	struct buf object = BUF_INIT;
	uint64_t ns = 0, sum = 0;
	int rc = l->conf->upload_parts ? 0 : put_source(l);

	load_object_path(l->conf, 1, &object);
	if (rc == 0 && l->conf->op == LOAD_COPY)
		rc = upload(l, buf_slice(&object), &ns);
	for (uint64_t i = 0; rc == 0 && i < l->conf->count; i++) {
		load_object_path(l->conf, 2 + i, &l->path);
		if (l->conf->op == LOAD_COPY)
			rc = copy(l, buf_slice(&l->path), buf_slice(&object),
				  &ns);
		else
			rc = upload(l, buf_slice(&l->path), &ns);
		if (rc != 0)
			break;
		bench_stats_add(&out->stats, ns);
		sum += ns;
	}
	out->seconds = (double)(sum ? sum : 1) / 1e9;
	buf_release(&object);
	return rc;
}

int
load_large(const struct load_conf *conf, const char *block,
	   struct bench_result *out)
{
	struct large *l = calloc(1, sizeof(*l));
	int rc = -1;

	if (!l)
		return -1;
	l->conf = conf;
	l->block = block;
	if (load_conn_open(&l->conn, conf, block, true) == 0)
		rc = measure(l, out);
	else
		perror("bench-load: no connection");
	load_conn_close(&l->conn);
	buf_release(&l->path);
	buf_release(&l->source);
	buf_release(&l->answer);
	free(l);
	return rc;
}
