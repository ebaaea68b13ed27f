/*
 * form.h - a streaming reader of multipart/form-data (RFC 7578, RFC 2046
 * §5.1) as AWS takes it in a POST upload: fields first, then one part with
 * the file, whose bytes are handed on as they come; what follows is ignored.
 * Any split of the input gives the same result. Lines end in CRLF only.
 *
 * Bounds: boundary 1..70 bytes; everything up to the first byte of the file,
 * boundaries and headers included, FORM_PRE_DATA_MAX bytes.
 * Memory: the arena given; nothing to free. Threads: one at a time.
 */
#ifndef GATEWAY_HTTP_FORM_H
#define GATEWAY_HTTP_FORM_H

#include "base/arena.h"
#include "base/s3_error.h"

#define FORM_BOUNDARY_MAX 70
#define FORM_PRE_DATA_MAX 20480u
#define FORM_FIELDS_MAX 512u

/* As sent; the name is never empty. */
struct form_field {
	struct slice name;
	struct slice value;
};

/* The file: file() once, when its headers are read, then data() per piece. An
 * error ends the reading and is answered by form_feed(). */
struct form_sink {
	enum s3_error (*file)(void *ctx);
	enum s3_error (*data)(void *ctx, const void *p, size_t n);
	void *ctx;
};

/* The boundary that "multipart/form-data; boundary=..." names.
 * PRECONDITION_FAILED: another type; MALFORMED_POST_REQUEST: no boundary, or
 * none that RFC 2046 allows. */
enum s3_error MUST_CHECK form_boundary(struct slice content_type,
				       struct arena *a, struct slice *out);

struct form;
/* NULL on memory shortage. @boundary and @file_name outlive the form.
 * @file_name: of the part that is the file, in any case. */
struct form *form_new(struct slice boundary, const char *file_name,
		      const struct form_sink *sink, struct arena *a);
/*
 * form_feed - reads the next bytes. Errors: MALFORMED_POST_REQUEST,
 * MAX_POST_PRE_DATA_LENGTH_EXCEEDED, INTERNAL_ERROR (memory), those of the
 * sink. After one nothing may be fed.
 */
enum s3_error MUST_CHECK form_feed(struct form *f, const void *p, size_t n);
/* After the last byte: MALFORMED_POST_REQUEST without the closing boundary. */
enum s3_error MUST_CHECK form_end(const struct form *f);

/* In order; all there are once file() was called. */
const struct form_field *form_fields(const struct form *f, size_t *n);
/* What stands behind the last slash or backslash of the name that the client
 * gave its file; empty when it gave none. */
struct slice form_filename(const struct form *f);
/* The Content-Type of the file's part; empty when it has none. */
struct slice form_file_type(const struct form *f);
/* Files so far. */
unsigned form_files(const struct form *f);
/* Bytes before the file's. */
uint64_t form_pre_data(const struct form *f);

#endif
