/*
 * The published SigV4 signing suite (awslabs/aws-c-auth): per case a signed
 * request and the canonical request, string to sign and signature it must
 * give, by header and by query. Read from tests/vectors, or another folder of
 * that form in $REELGATE_VECTORS. S3 never normalises paths, so the cases that
 * do are left out.
 */
#include "auth/sigv4.h"
#include "base/io.h"
#include "base/json.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define HEADERS_MAX 32

struct vector {
	struct arena a;
	char dir[512];
	cJSON *context;
	struct auth_header headers[HEADERS_MAX];
	struct auth_request req;
	struct slice body;
};

static struct slice
read_text(struct vector *v, const char *kind, const char *name)
{
	char path[768];
	struct buf b = BUF_INIT;
	struct slice s;

	snprintf(path, sizeof(path), "%s/%s%s", v->dir, kind, name);
	if (io_read_file(path, &b) != 0)
		fail_msg("cannot read %s", path);
	s = arena_copy(&v->a, buf_slice(&b));
	buf_release(&b);
	return s;
}

static bool
is_folded(struct slice line)
{
	return line.n && (line.p[0] == ' ' || line.p[0] == '\t');
}

/* "METHOD target HTTP/1.1", header lines (folded ones joined), body. */
static void
parse_request(struct vector *v, struct slice text)
{
	struct slice line, target, name;
	struct auth_header *last = NULL;

	slice_cut(&text, '\n', &line);
	slice_cut(&line, ' ', &v->req.method);
	assert_true(slice_ends(line, SLICE(" HTTP/1.1")));
	target = slice_head(line, line.n - strlen(" HTTP/1.1"));
	slice_cut(&target, '?', &v->req.raw_path);
	v->req.raw_query = target.p ? target : SLICE_EMPTY;
	v->req.headers = v->headers;
	while (slice_cut(&text, '\n', &line) && line.n) {
		if (is_folded(line) && last) {
			last->value = arena_printf(&v->a, "%.*s %.*s",
						   SLICE_ARG(last->value),
						   SLICE_ARG(slice_trim(line)));
			continue;
		}
		assert_true(v->req.n_headers < HEADERS_MAX);
		slice_cut(&line, ':', &name);
		last = &v->headers[v->req.n_headers++];
		*last = (struct auth_header){ name, line };
	}
	v->body = text.p ? text : SLICE_EMPTY;
}

/* What stands in Authorization behind "name=", up to the comma. */
static struct slice
component(const struct auth_header *authorization, const char *name)
{
	ptrdiff_t at = slice_find(authorization->value, slice_str(name));
	struct slice rest, value;

	assert_true(at >= 0);
	rest = slice_from(authorization->value, (size_t)at + strlen(name));
	slice_cut(&rest, ',', &value);
	return value;
}

static void
assert_text(const struct vector *v, struct slice got, struct slice want)
{
	if (!slice_eq(got, want))
		fail_msg("%s\n--- got\n%.*s\n--- want\n%.*s", v->dir,
			 SLICE_ARG(got), SLICE_ARG(want));
}

static void
check(struct vector *v, const char *kind)
{
	const cJSON *creds =
	    cJSON_GetObjectItemCaseSensitive(v->context, "credentials");
	struct sigv4_scope scope = {
		.date = SLICE("20150830"),
		.region = slice_str(json_str(v->context, "region")),
		.service = slice_str(json_str(v->context, "service")),
	};
	const struct auth_header *authorization;
	char hash[SHA256_HEX_MAX], signature[SHA256_HEX_MAX];
	uint8_t key[SHA256_BYTES];
	struct sigv4_query query;
	struct sigv4_form form = { .req = &v->req, .query = &query };
	struct slice canonical, text;

	parse_request(v, read_text(v, kind, "-signed-request.txt"));
	assert_int_equal(sigv4_query_parse(v->req.raw_query, &v->a, &query), 0);
	authorization = sigv4_header_find(&v->req, "authorization");
	form.signed_headers =
	    authorization
		? component(authorization, "SignedHeaders=")
		: sigv4_query_find(&query, "X-Amz-SignedHeaders")->value;
	sha256_hex(v->body.p, v->body.n, hash);
	form.payload_hash = slice_str(hash);
	assert_int_equal(sigv4_canonical_request(&form, &v->a, &canonical), 0);
	assert_text(v, canonical, read_text(v, kind, "-canonical-request.txt"));
	text = sigv4_string_to_sign(SLICE("20150830T123600Z"),
				    sigv4_scope_text(&scope, &v->a), canonical,
				    &v->a);
	assert_text(v, text, read_text(v, kind, "-string-to-sign.txt"));
	sigv4_derive_key(slice_str(json_str(creds, "secret_access_key")),
			 &scope, key);
	sigv4_signature(key, text, signature);
	assert_text(v, slice_str(signature),
		    read_text(v, kind, "-signature.txt"));
}

static void
run_vector(const char *base, const char *name, const char *kind)
{
	struct vector v = { 0 };

	arena_init(&v.a, 1 << 20);
	snprintf(v.dir, sizeof(v.dir), "%s/%s", base, name);
	v.context = json_parse(read_text(&v, "", "context.json"));
	assert_non_null(v.context);
	/* A session token added after signing is not S3's way. */
	if (strcmp(kind, "query") != 0 ||
	    !json_bool(v.context, "omit_session_token", false))
		check(&v, kind);
	cJSON_Delete(v.context);
	arena_release(&v.a);
}

static void
run_all(const char *kind)
{
	const char *env = getenv("REELGATE_VECTORS");
	char base[256];
	size_t n = 0;
	DIR *dir;

	snprintf(base, sizeof(base), "%s/aws-sigv4",
		 env ? env : "tests/vectors");
	dir = opendir(base);
	if (!dir)
		fail_msg("no vectors in %s", base);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		struct slice name = slice_str(e->d_name);

		if (slice_chr(name, '.') >= 0 ||
		    slice_eq_str(name, "LICENSE") ||
		    slice_ends(name, SLICE("-normalized")))
			continue;
		run_vector(base, e->d_name, kind);
		n++;
	}
	closedir(dir);
	assert_true(n >= 25);
}

static void
test_canonical_header_vectors_give_their_signatures(void **state)
{
	(void)state;
	run_all("header");
}

static void
test_canonical_query_vectors_give_their_signatures(void **state)
{
	(void)state;
	run_all("query");
}

static int
setup(void **state)
{
	(void)state;
	return hash_setup();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_canonical_header_vectors_give_their_signatures),
		cmocka_unit_test(
		    test_canonical_query_vectors_give_their_signatures),
	};

	return cmocka_run_group_tests_name("auth_vectors", tests, setup, NULL);
}
