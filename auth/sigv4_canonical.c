/*
 * The canonical request of SigV4 as S3 wants it: the path is decoded once and
 * encoded again but never normalised ("//", "." and ".." are legal in keys),
 * the query is sorted after encoding, headers are trimmed and joined.
 */
#include "auth/sigv4.h"
#include "base/encode.h"

#define RAW_QUERY_MAX 32768
#define REQUEST_BYTES 1000 /* room at first: most canonical requests fit */

static int
canonical_path(struct buf *b, struct slice raw)
{
	struct buf decoded = BUF_INIT;
	int rc;

	if (slice_chr(raw, '%') < 0) {
		uri_encode(b, raw, true);
		return 0;
	}
	rc = uri_decode(&decoded, raw, false);
	if (rc == 0)
		uri_encode(b, buf_slice(&decoded), true);
	buf_release(&decoded);
	return rc;
}

/* ---- query -------------------------------------------------------------- */

static int
decode_part(struct slice raw, struct arena *a, struct slice *decoded,
	    struct slice *encoded)
{
	struct buf b = BUF_INIT;
	int rc = uri_decode(&b, raw, true);

	if (rc == 0) {
		*decoded = arena_copy(a, buf_slice(&b));
		buf_clear(&b);
		uri_encode(&b, *decoded, false);
		*encoded = arena_copy(a, buf_slice(&b));
		rc = buf_ok(&b) && !a->err ? 0 : -1;
	}
	buf_release(&b);
	return rc;
}

static int
compare_params(const void *va, const void *vb)
{
	const struct sigv4_param *a = va, *b = vb;
	int c = slice_cmp(a->name_encoded, b->name_encoded);

	return c ? c : slice_cmp(a->value_encoded, b->value_encoded);
}

int
sigv4_query_parse(struct slice raw, struct arena *a, struct sigv4_query *out)
{
	struct slice rest = raw, item, name;
	size_t n = 1;

	*out = (struct sigv4_query){ 0 };
	if (raw.n == 0)
		return 0;
	if (raw.n > RAW_QUERY_MAX)
		return -1;
	for (size_t i = 0; i < raw.n; i++)
		n += raw.p[i] == '&';
	out->params = arena_array(a, n, sizeof(*out->params));
	if (!out->params)
		return -1;
	while (slice_cut(&rest, '&', &item)) {
		struct sigv4_param *p = &out->params[out->n];

		if (item.n == 0)
			continue;
		slice_cut(&item, '=', &name);
		if (decode_part(name, a, &p->name, &p->name_encoded) != 0 ||
		    decode_part(item, a, &p->value, &p->value_encoded) != 0)
			return -1;
		out->n++;
	}
	if (out->n)
		qsort(out->params, out->n, sizeof(*out->params),
		      compare_params);
	return 0;
}

const struct sigv4_param *
sigv4_query_find(const struct sigv4_query *q, const char *name)
{
	for (size_t i = 0; i < q->n; i++)
		if (slice_eq_str(q->params[i].name, name))
			return &q->params[i];
	return NULL;
}

void
sigv4_query_put(struct buf *b, const struct sigv4_query *q)
{
	bool first = true;

	for (size_t i = 0; i < q->n; i++) {
		const struct sigv4_param *p = &q->params[i];

		if (slice_eq_str(p->name, "X-Amz-Signature"))
			continue;
		if (!first)
			buf_putc(b, '&');
		buf_put(b, p->name_encoded);
		buf_putc(b, '=');
		buf_put(b, p->value_encoded);
		first = false;
	}
}

/* ---- headers ------------------------------------------------------------ */

const struct auth_header *
sigv4_header_find(const struct auth_request *req, const char *name)
{
	struct slice wanted = slice_str(name);

	for (size_t i = 0; i < req->n_headers; i++)
		if (slice_ieq(req->headers[i].name, wanted))
			return &req->headers[i];
	return NULL;
}

static int
compare_slices(const void *a, const void *b)
{
	return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

struct slice
sigv4_header_names(const struct auth_request *req, struct arena *a)
{
	struct slice *names = arena_array(a, req->n_headers, sizeof(*names));
	struct buf b = BUF_INIT;

	if (!names)
		return SLICE_EMPTY;
	for (size_t i = 0; i < req->n_headers; i++) {
		char *name = arena_cstr(a, req->headers[i].name);

		if (!name)
			return SLICE_EMPTY;
		names[i] = slice_mem(name, req->headers[i].name.n);
		for (; *name; name++)
			if (*name >= 'A' && *name <= 'Z')
				*name = (char)(*name - 'A' + 'a');
	}
	qsort(names, req->n_headers, sizeof(*names), compare_slices);
	for (size_t i = 0; i < req->n_headers; i++) {
		if (i && slice_eq(names[i], names[i - 1]))
			continue;
		if (b.n)
			buf_putc(&b, ';');
		buf_put(&b, names[i]);
	}
	return arena_take_buf(a, &b);
}

/* Trimmed, each run of blanks inside as one space. */
static void
put_value(struct buf *b, struct slice value)
{
	size_t from = 0;

	value = slice_trim(value);
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] != ' ' && value.p[i] != '\t')
			continue;
		/* The word before, and nothing between two blanks. */
		if (i > from) {
			buf_add(b, value.p + from, i - from);
			buf_putc(b, ' ');
		}
		from = i + 1;
	}
	if (value.n > from)
		buf_add(b, value.p + from, value.n - from);
}

/* A signed header that is absent has an empty value: the signature decides. */
static void
put_header(struct buf *b, const struct sigv4_form *form, struct slice name)
{
	const struct auth_request *req = form->req;
	bool first = true;

	buf_put(b, name);
	buf_putc(b, ':');
	if (form->host.n && slice_eq_str(name, "host")) {
		buf_put(b, form->host);
		buf_putc(b, '\n');
		return;
	}
	for (size_t i = 0; i < req->n_headers; i++) {
		if (!slice_ieq(req->headers[i].name, name))
			continue;
		if (!first)
			buf_putc(b, ',');
		put_value(b, req->headers[i].value);
		first = false;
	}
	buf_putc(b, '\n');
}

int
sigv4_canonical_request(const struct sigv4_form *form, struct arena *a,
			struct slice *out)
{
	struct slice names = form->signed_headers, name;
	struct buf b = BUF_INIT;
	int rc;

	(void)buf_reserve(&b, REQUEST_BYTES);
	buf_put(&b, form->req->method);
	buf_putc(&b, '\n');
	rc = canonical_path(&b, form->req->raw_path);
	buf_putc(&b, '\n');
	sigv4_query_put(&b, form->query);
	buf_putc(&b, '\n');
	while (slice_cut(&names, ';', &name))
		put_header(&b, form, name);
	buf_putc(&b, '\n');
	buf_put(&b, form->signed_headers);
	buf_putc(&b, '\n');
	buf_put(&b, form->payload_hash);
	if (rc == 0) {
		*out = arena_copy(a, buf_slice(&b));
		if (!buf_ok(&b))
			a->err = true;
		rc = a->err ? -1 : 0;
	}
	buf_release(&b);
	return rc;
}
