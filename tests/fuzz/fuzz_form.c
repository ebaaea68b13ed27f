/*
 * The reader of forms: byte 0 chooses the split, the first line is the
 * Content-Type, the rest the body. Any split gives the result of no split;
 * bounds hold; a file's bytes are a part of the body.
 */
#include "base/buf.h"
#include "gateway/http/form.h"
#include "tests/fuzz/fuzz.h"

struct reading {
	struct arena a;
	struct form *form;
	struct buf log; /* fields and the file's bytes */
	enum s3_error err;
};

static enum s3_error
on_file(void *ctx)
{
	struct reading *r = ctx;
	size_t n;
	const struct form_field *f = form_fields(r->form, &n);
	struct slice filename = form_filename(r->form);

	REQUIRE(form_files(r->form) == 1);
	REQUIRE(slice_chr(filename, '/') < 0 && slice_chr(filename, '\\') < 0);
	for (size_t i = 0; i < n; i++) {
		REQUIRE(f[i].name.n > 0);
		buf_put(&r->log, f[i].name);
		buf_putc(&r->log, '=');
		buf_put(&r->log, f[i].value);
	}
	buf_put(&r->log, filename);
	return S3_OK;
}

static enum s3_error
on_data(void *ctx, const void *p, size_t n)
{
	struct reading *r = ctx;

	REQUIRE(n > 0);
	buf_add(&r->log, p, n);
	return S3_OK;
}

static void
read_form(struct reading *r, struct slice type, struct slice body, size_t step)
{
	const struct form_sink sink = { on_file, on_data, r };
	struct slice boundary;

	*r = (struct reading){ .err = S3_OK };
	arena_init(&r->a, 1 << 20);
	r->err = form_boundary(type, &r->a, &boundary);
	if (r->err != S3_OK)
		return;
	REQUIRE(boundary.n > 0 && boundary.n <= FORM_BOUNDARY_MAX);
	r->form = form_new(boundary, "file", &sink, &r->a);
	REQUIRE(r->form);
	while (body.n && r->err == S3_OK) {
		struct slice piece = slice_head(body, step);

		r->err = form_feed(r->form, piece.p, piece.n);
		body = slice_from(body, piece.n);
	}
	REQUIRE(form_pre_data(r->form) <= FORM_PRE_DATA_MAX);
	if (r->err == S3_OK)
		r->err = form_end(r->form);
}

static void
release(struct reading *r)
{
	buf_release(&r->log);
	arena_release(&r->a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reading whole, pieces;
	struct slice body, type;

	if (size < 2)
		return 0;
	body = slice_mem(data + 1, size - 1);
	slice_cut(&body, '\n', &type);
	read_form(&whole, type, body, body.n);
	read_form(&pieces, type, body, (size_t)data[0] % 97 + 1);
	REQUIRE(whole.err == pieces.err);
	REQUIRE(slice_eq(buf_slice(&whole.log), buf_slice(&pieces.log)));
	release(&whole);
	release(&pieces);
	return 0;
}
