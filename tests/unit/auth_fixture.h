/*
 * auth_fixture.h - AWS's example key and day, and a request that is built,
 * signed, spoiled and verified.
 */
#ifndef TESTS_AUTH_FIXTURE_H
#define TESTS_AUTH_FIXTURE_H

#include "auth/auth.h"
#include "base/timeval.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define NOW_US 1369353600000000LL /* 20130524T000000Z */
#define EMPTY_SHA256 \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define AKID "AKIAIOSFODNN7EXAMPLE"
#define HEADERS_MAX 12

static const struct auth_signer signer = {
	.access_key = { AKID, sizeof(AKID) - 1 },
	.secret_key = { "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", 40 },
	.region = { "us-east-1", 9 },
	.service = "s3",
};

static inline int
lookup(void *ctx, struct slice access_key, struct auth_key *out)
{
	(void)ctx;
	if (!slice_eq(access_key, signer.access_key))
		return -1;
	*out = (struct auth_key){ .account_id = "111122223333",
				  .display_name = "example" };
	memcpy(out->secret, signer.secret_key.p, signer.secret_key.n);
	return 0;
}
static const struct auth_keys keys = { lookup, NULL };

/* A request under construction, and what the verifier said about it. */
struct fixture {
	struct arena a;
	struct auth_header headers[HEADERS_MAX];
	struct auth_request req;
	struct auth_policy policy;
	struct auth_identity id;
	struct s3_detail detail;
	enum s3_error err;
};

static inline struct fixture *
start(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	arena_init(&f->a, 1 << 20);
	f->req = (struct auth_request){ .method = SLICE("GET"),
					.raw_path = SLICE("/bucket/a%20b"),
					.raw_query = SLICE_EMPTY,
					.headers = f->headers,
					.n_headers = 1 };
	f->headers[0] =
	    (struct auth_header){ SLICE("Host"), SLICE("localhost:9000") };
	f->policy = (struct auth_policy){ .service = "s3", .now_us = NOW_US };
	return f;
}

static inline void
finish(struct fixture *f)
{
	arena_release(&f->a);
	free(f);
}

static inline void
add(struct fixture *f, const char *name, struct slice value)
{
	assert_true(f->req.n_headers < HEADERS_MAX);
	f->headers[f->req.n_headers++] =
	    (struct auth_header){ slice_str(name), value };
}

static inline void
sign_with(struct fixture *f, const struct auth_signer *s, const char *hash,
	  int64_t now_us)
{
	struct buf out = BUF_INIT;
	struct slice text, line, name;

	assert_int_equal(auth_sign(&f->req, s, slice_str(hash), now_us, &out),
			 0);
	text = arena_copy(&f->a, buf_slice(&out));
	while (slice_cut(&text, '\n', &line) && line.n) {
		line.n--; /* CR */
		slice_cut(&line, ':', &name);
		f->headers[f->req.n_headers++] =
		    (struct auth_header){ name, slice_trim(line) };
	}
	buf_release(&out);
}

static inline struct fixture *
signed_request(void)
{
	struct fixture *f = start();

	sign_with(f, &signer, EMPTY_SHA256, NOW_US);
	return f;
}

static inline void
presign(struct fixture *f, int64_t now_us)
{
	struct buf out = BUF_INIT;

	assert_int_equal(auth_presign(&f->req, &signer, 3600, now_us, &out), 0);
	f->req.raw_query = arena_copy(&f->a, buf_slice(&out));
	buf_release(&out);
}

static inline struct fixture *
presigned_request(void)
{
	struct fixture *f = start();

	presign(f, NOW_US);
	return f;
}

/* @text with its first @from replaced by @to. */
static inline struct slice
replaced(struct fixture *f, struct slice text, const char *from, const char *to)
{
	ptrdiff_t at = slice_find(text, slice_str(from));

	assert_true(at >= 0);
	return arena_printf(
	    &f->a, "%.*s%s%.*s", (int)at, text.p, to,
	    SLICE_ARG(slice_from(text, (size_t)at + strlen(from))));
}

static inline struct auth_header *
header(struct fixture *f, const char *name)
{
	for (size_t i = 0; i < f->req.n_headers; i++)
		if (slice_ieq_str(f->headers[i].name, name))
			return &f->headers[i];
	fail_msg("no header %s", name);
	return NULL;
}

static inline void
change(struct fixture *f, const char *name, const char *from, const char *to)
{
	struct auth_header *h = header(f, name);

	h->value = replaced(f, h->value, from, to);
}

static inline void
drop(struct fixture *f, const char *name)
{
	struct auth_header *h = header(f, name);

	*h = f->headers[--f->req.n_headers];
}

static inline void
verify(struct fixture *f)
{
	f->detail = (struct s3_detail){ 0 };
	f->err =
	    auth_verify(&f->req, &keys, &f->policy, &f->a, &f->id, &f->detail);
}

static inline const char *
message(const struct fixture *f)
{
	return f->detail.message ? f->detail.message
				 : s3_error_info(f->err)->message;
}

static inline void
assert_error(struct fixture *f, enum s3_error err, const char *text)
{
	verify(f);
	assert_string_equal(s3_error_info(f->err)->code,
			    s3_error_info(err)->code);
	assert_string_equal(message(f), text);
	assert_int_equal(f->id.kind, AUTH_ANONYMOUS); /* nothing written */
}

static inline void
assert_extra(const struct fixture *f, const char *name, const char *value)
{
	for (size_t i = 0; i < f->detail.n; i++) {
		if (strcmp(f->detail.extra[i].name, name) != 0)
			continue;
		assert_int_equal(f->detail.extra[i].value.n, strlen(value));
		assert_memory_equal(f->detail.extra[i].value.p, value,
				    strlen(value));
		return;
	}
	fail_msg("no element %s", name);
}

static inline int
auth_setup(void **state)
{
	(void)state;
	return hash_setup();
}

#endif
