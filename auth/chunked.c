/*
 * The aws-chunked decoder: a state machine over lines and counted data, so
 * that any split of the input gives the same result. Payload goes to the sink
 * while it is hashed; each chunk's signature is checked at its end. Until
 * auth_chunked_finish() answered S3_OK nothing of it may become visible.
 *
 *   <hex size>[;chunk-signature=<64 hex>] CRLF <data> CRLF   each chunk
 *   0[;chunk-signature=<64 hex>] CRLF                        the last
 *   [<trailer name>:<value> CRLF]                            if announced
 *   [x-amz-trailer-signature:<64 hex> CRLF]                  if signed
 *   CRLF
 * A lone LF is taken for CRLF: one common client ends trailer lines so, and
 * puts an empty line before the trailer's signature.
 */
#include "auth/sigv4.h"
#include "base/encode.h"

#define INNER_CHUNK_MIN 8192u /* all but the last */
#define LINE_MAX_BYTES 1024u
#define TRAILER_VALUE_MAX 256u

enum state { CHUNK_HEAD, CHUNK_DATA, CHUNK_END, TRAILER, LAST_LINE, DONE };

struct auth_chunked {
	struct auth_chunked_conf conf;
	char trailer_name[64];
	bool is_signed;
	bool has_trailer; /* the trailer part of the framing, maybe empty */
	enum state state;
	char line[LINE_MAX_BYTES]; /* a line that is not whole yet */
	size_t line_n;
	uint64_t left;	/* bytes of this chunk still to come */
	uint64_t total; /* bytes of all chunk heads so far */
	uint64_t chunk_size;
	uint64_t chunk_no; /* counts from 1 */
	struct hash hash;  /* of this chunk */
	char sent[SHA256_HEX_MAX];
	struct signer_chain chain;
	char value[TRAILER_VALUE_MAX];
	size_t value_n;
};

/* Where an error says what it is about. */
struct report {
	struct s3_detail *detail;
	struct arena *a;
};

/* ---- signatures --------------------------------------------------------- */

/* What was sent against what the chain has come to. */
static enum s3_error
check_signature(const struct auth_chunked *c)
{
	uint8_t a[SHA256_BYTES], b[SHA256_BYTES];

	if (hex_decode(slice_str(c->sent), a, sizeof(a)) != 0 ||
	    hex_decode(slice_str(c->chain.previous), b, sizeof(b)) != 0 ||
	    !bytes_equal(a, b, sizeof(a)))
		return S3_ERR_SIGNATURE_DOES_NOT_MATCH;
	return S3_OK;
}

/* ---- errors ------------------------------------------------------------- */

static enum s3_error
broken(const struct report *r)
{
	if (r->detail)
		r->detail->message = "The request body terminated unexpectedly";
	return S3_ERR_INCOMPLETE_BODY;
}

static enum s3_error
wrong_length(const struct auth_chunked *c, const struct report *r)
{
	s3_detail_add(r->detail, "NumberBytesExpected",
		      arena_printf(r->a, "%llu",
				   (unsigned long long)c->conf.decoded_length));
	s3_detail_add(r->detail, "NumberBytesProvided",
		      arena_printf(r->a, "%llu", (unsigned long long)c->total));
	return S3_ERR_INCOMPLETE_BODY;
}

static enum s3_error
chunk_too_small(const struct auth_chunked *c, const struct report *r)
{
	s3_detail_add(
	    r->detail, "Chunk",
	    arena_printf(r->a, "%llu", (unsigned long long)c->chunk_no + 1));
	s3_detail_add(
	    r->detail, "BadChunkSize",
	    arena_printf(r->a, "%llu", (unsigned long long)c->chunk_size));
	return S3_ERR_INVALID_CHUNK_SIZE;
}

/* ---- the parts of the framing ------------------------------------------- */

/* 1 to 15 hex digits: no overflow possible. */
static int
parse_hex(struct slice s, uint64_t *out)
{
	uint8_t bytes[8];
	char padded[17] = "0000000000000000";

	if (s.n == 0 || s.n > 15)
		return -1;
	memcpy(padded + 16 - s.n, s.p, s.n);
	if (hex_decode(slice_mem(padded, 16), bytes, sizeof(bytes)) != 0)
		return -1;
	*out = 0;
	for (size_t i = 0; i < sizeof(bytes); i++)
		*out = *out << 8 | bytes[i];
	return 0;
}

/* "<size>" or "<size>;chunk-signature=<64 hex>", nothing else. */
static int
parse_head(struct auth_chunked *c, struct slice line, uint64_t *size)
{
	const struct slice name = SLICE("chunk-signature=");
	struct slice digits;

	slice_cut(&line, ';', &digits);
	if (parse_hex(digits, size) != 0)
		return -1;
	if (!c->is_signed)
		return line.p ? -1 : 0;
	if (!line.p || !slice_starts(line, name) ||
	    line.n != name.n + SHA256_HEX_MAX - 1)
		return -1;
	memcpy(c->sent, line.p + name.n, SHA256_HEX_MAX - 1);
	return 0;
}

static enum s3_error
end_chunk(struct auth_chunked *c)
{
	uint8_t digest[HASH_BYTES_MAX];

	if (!c->is_signed)
		return S3_OK;
	hash_final(&c->hash, digest);
	hash_release(&c->hash);
	sigv4_sign_chunk(&c->chain, digest);
	return check_signature(c);
}

static enum s3_error
on_head(struct auth_chunked *c, struct slice line, const struct report *r)
{
	uint64_t size;

	if (parse_head(c, line, &size) != 0)
		return broken(r);
	if (size && c->chunk_no && c->chunk_size < INNER_CHUNK_MIN)
		return chunk_too_small(c, r);
	c->chunk_no++;
	c->chunk_size = c->left = size;
	if (__builtin_add_overflow(c->total, size, &c->total) ||
	    c->total > c->conf.decoded_length)
		return wrong_length(c, r);
	if (c->is_signed && hash_init(&c->hash, HASH_SHA256) != 0)
		return S3_ERR_SERVICE_UNAVAILABLE;
	if (size) {
		c->state = CHUNK_DATA;
		return S3_OK;
	}
	if (c->total != c->conf.decoded_length)
		return wrong_length(c, r);
	c->state = c->has_trailer ? TRAILER : LAST_LINE;
	return end_chunk(c);
}

/* The signature covers the trailer as "name:value\n". */
static enum s3_error
check_trailer_signature(struct auth_chunked *c)
{
	char text[sizeof(c->trailer_name) + TRAILER_VALUE_MAX + 2];
	uint8_t digest[SHA256_BYTES];
	int n = 0;

	if (c->trailer_name[0])
		n = snprintf(text, sizeof(text), "%s:%.*s\n", c->trailer_name,
			     (int)c->value_n, c->value);
	sha256(text, (size_t)n, digest);
	sigv4_sign_trailer(&c->chain, digest);
	c->state = LAST_LINE;
	return check_signature(c);
}

static bool
trailer_missing(const struct auth_chunked *c)
{
	return c->trailer_name[0] && !c->value_n;
}

static enum s3_error
on_trailer(struct auth_chunked *c, struct slice line)
{
	struct slice value = line, name;

	if (line.n == 0) {
		if (trailer_missing(c))
			return S3_ERR_MALFORMED_TRAILER;
		if (!c->is_signed)
			c->state = DONE;
		return S3_OK;
	}
	if (!slice_cut(&value, ':', &name) || !value.p)
		return S3_ERR_MALFORMED_TRAILER;
	value = slice_trim(value);
	if (c->is_signed && slice_ieq_str(name, "x-amz-trailer-signature")) {
		if (value.n != SHA256_HEX_MAX - 1 || trailer_missing(c))
			return S3_ERR_MALFORMED_TRAILER;
		memcpy(c->sent, value.p, value.n);
		return check_trailer_signature(c);
	}
	if (name.n == 0 || !slice_ieq_str(name, c->trailer_name) ||
	    c->value_n || value.n == 0 || value.n > sizeof(c->value) ||
	    memchr(value.p, '\0', value.n))
		return S3_ERR_MALFORMED_TRAILER;
	memcpy(c->value, value.p, value.n);
	c->value_n = value.n;
	return S3_OK;
}

static enum s3_error
on_line(struct auth_chunked *c, struct slice line, const struct report *r)
{
	switch (c->state) {
	case CHUNK_HEAD:
		return on_head(c, line, r);
	case CHUNK_END:
		c->state = CHUNK_HEAD;
		return line.n ? broken(r) : end_chunk(c);
	case TRAILER:
		return on_trailer(c, line);
	case LAST_LINE:
		c->state = DONE;
		return line.n ? broken(r) : S3_OK;
	default: /* bytes behind the end */
		return broken(r);
	}
}

/* ---- the machine -------------------------------------------------------- */

/* Takes data of the current chunk off *in. */
static enum s3_error
take_data(struct auth_chunked *c, struct slice *in, auth_sink sink, void *ctx)
{
	struct slice data =
	    slice_head(*in, c->left < in->n ? (size_t)c->left : in->n);

	if (c->is_signed)
		hash_update(&c->hash, data.p, data.n);
	c->left -= data.n;
	*in = slice_from(*in, data.n);
	if (c->left == 0)
		c->state = CHUNK_END;
	return sink(ctx, data.p, data.n);
}

/* Takes up to the end of a line off *in; handles the line when it is whole. */
static enum s3_error
take_line(struct auth_chunked *c, struct slice *in, const struct report *r)
{
	ptrdiff_t lf = slice_chr(*in, '\n');
	struct slice part = lf < 0 ? *in : slice_head(*in, (size_t)lf);
	struct slice line;

	if (part.n > sizeof(c->line) - c->line_n)
		return c->state == TRAILER ? S3_ERR_MALFORMED_TRAILER
					   : broken(r);
	memcpy(c->line + c->line_n, part.p, part.n);
	c->line_n += part.n;
	*in = slice_from(*in, lf < 0 ? part.n : part.n + 1);
	if (lf < 0)
		return S3_OK;
	line = slice_mem(c->line, c->line_n);
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	c->line_n = 0;
	return on_line(c, line, r);
}

enum s3_error
auth_chunked_feed(struct auth_chunked *c, const void *in, size_t n,
		  auth_sink sink, void *ctx, struct s3_detail *detail,
		  struct arena *a)
{
	struct slice rest = slice_mem(in, n);
	struct report r = { detail, a };
	enum s3_error err = S3_OK;

	while (rest.n && err == S3_OK) {
		if (c->state == DONE)
			err = broken(&r);
		else if (c->state == CHUNK_DATA)
			err = take_data(c, &rest, sink, ctx);
		else
			err = take_line(c, &rest, &r);
	}
	return err;
}

enum s3_error
auth_chunked_finish(struct auth_chunked *c)
{
	return c->state == DONE ? S3_OK : S3_ERR_INCOMPLETE_BODY;
}

struct slice
auth_chunked_trailer(const struct auth_chunked *c)
{
	return slice_mem(c->value, c->value_n);
}

struct auth_chunked *
auth_chunked_new(const struct auth_chunked_conf *conf)
{
	struct auth_chunked *c = calloc(1, sizeof(*c));
	struct slice name = slice_trim(conf->trailer);

	if (!c || name.n >= sizeof(c->trailer_name)) {
		free(c);
		return NULL;
	}
	c->conf = *conf;
	c->is_signed = conf->id->payload != AUTH_PAYLOAD_UNSIGNED_TRAILER;
	c->has_trailer = conf->id->payload != AUTH_PAYLOAD_CHUNKS;
	sigv4_chain_of(conf->id, &c->chain);
	for (size_t i = 0; i < name.n; i++)
		c->trailer_name[i] = name.p[i] >= 'A' && name.p[i] <= 'Z'
					 ? (char)(name.p[i] - 'A' + 'a')
					 : name.p[i];
	return c;
}

void
auth_chunked_free(struct auth_chunked *c)
{
	if (!c)
		return;
	hash_release(&c->hash);
	free(c);
}
