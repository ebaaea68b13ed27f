/*
 * Keys from a file that changes and from an issuer that rotates them, answers
 * nonsense or goes away: what was good stays in force.
 */
#include "auth/jwks_source.h"
#include "base/timeval.h"
#include "tests/unit/http_script.h"
#include "tests/unit/jwk_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define WAIT_US (10 * US_PER_S)

static EVP_PKEY *old_key, *new_key;
static struct buf old_set, new_set;

/* ---- URLs --------------------------------------------------------------- */

static void
test_url_allowed_is_https_or_this_machine(void **state)
{
	static const struct {
		const char *url;
		bool allowed;
	} urls[] = {
		{ "https://issuer.example/jwks.json", true },
		{ "https://issuer.example:8443/a?b=c", true },
		{ "http://127.0.0.1:8000/keys", true },
		{ "http://127.9.9.9/keys", true },
		{ "http://localhost/keys", true },
		{ "http://LOCALHOST:1", true },
		{ "http://[::1]:8000/keys", true },
		{ "http://issuer.example/keys", false },
		{ "http://10.0.0.1/keys", false },
		{ "http://127.0.0.1.example/keys", false },
		{ "http://localhost.example/keys", false },
		{ "http://127.0.0.1@issuer.example/", false },
		{ "http://127.0.0.1\\@issuer.example/", false },
		{ "http://[::2]/", false },
		{ "http://[::1", false },
		{ "http://", false },
		{ "http:///keys", false },
		{ "https://", false },
		{ "https:///keys", false },
		{ "https://user:pw@issuer.example/", false },
		{ "https://issuer.example/a b", false },
		{ "https://issuer.example/\n", false },
		{ "https://issuer.example/#x", false },
		{ "file:///etc/passwd", false },
		{ "ftp://issuer.example/", false },
		{ "HTTPS//issuer.example", false },
		{ "issuer.example/jwks", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++)
		if (jwks_url_allowed(slice_str(urls[i].url)) != urls[i].allowed)
			fail_msg("%s", urls[i].url);
}

/* ---- what is in force --------------------------------------------------- */

static enum jwks_answer
ask(struct jwks_source *s, EVP_PKEY *key, const char *kid)
{
	struct buf sig = BUF_INIT;
	enum jwks_answer answer;

	jwk_sign_raw(&sig, key, SLICE("a.b"));
	answer = jwks_verify(jwks_source_keys(s), JWK_ES256, kid, SLICE("a.b"),
			     buf_slice(&sig));
	buf_release(&sig);
	return answer;
}

static void
wait_good(struct jwks_source *s, EVP_PKEY *key, const char *kid)
{
	int64_t until = time_mono_us() + WAIT_US;

	while (ask(s, key, kid) != JWKS_GOOD) {
		if (time_mono_us() > until)
			fail_msg("the key %s did not come", kid);
		usleep(2000);
	}
}

/* ---- files -------------------------------------------------------------- */

static void
write_file(const char *path, const struct buf *text)
{
	assert_int_equal(io_write_file(path, buf_slice(text), 0600), 0);
}

static void
test_file_is_read_again_when_it_changes(void **state)
{
	char dir[] = "/tmp/jwks-XXXXXX", path[64], err[512];
	const struct jwks_source_conf conf = { .file = path, .url = "" };
	struct buf garbage = BUF_INIT;
	struct jwks_source *s;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/jwks.json", dir);
	assert_null(jwks_source_start(&conf, err));
	assert_non_null(strstr(err, path));
	buf_puts(&garbage, "{\"keys\":");
	write_file(path, &garbage);
	assert_null(jwks_source_start(&conf, err));
	assert_non_null(strstr(err, "no JWK Set"));

	write_file(path, &old_set);
	s = jwks_source_start(&conf, err);
	assert_non_null(s);
	assert_int_equal(ask(s, old_key, "old"), JWKS_GOOD);
	assert_int_equal(ask(s, new_key, "new"), JWKS_UNKNOWN);
	write_file(path, &new_set);
	wait_good(s, new_key, "new");
	assert_int_equal(ask(s, old_key, "old"), JWKS_UNKNOWN);

	/* half written, then gone: longer than it takes to look */
	write_file(path, &garbage);
	usleep(1500 * 1000);
	assert_int_equal(ask(s, new_key, "new"), JWKS_GOOD);
	assert_int_equal(unlink(path), 0);
	usleep(1500 * 1000);
	assert_int_equal(ask(s, new_key, "new"), JWKS_GOOD);
	write_file(path, &old_set);
	wait_good(s, old_key, "old");
	jwks_source_stop(s);
	buf_release(&garbage);
	unlink(path);
	rmdir(dir);
}

static void
test_start_needs_one_good_source(void **state)
{
	static const struct jwks_source_conf bad[] = {
		{ .file = "/nowhere/jwks.json", .url = "" },
		{ .file = "/dev/null", .url = "" },
		{ .file = "/tmp", .url = "" },
		{ .file = "", .url = "http://issuer.example/jwks.json" },
		{ .file = "/etc/passwd", .url = "https://issuer.example/" },
	};
	char err[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err[0] = '\0';
		assert_null(jwks_source_start(&bad[i], err));
		assert_true(strlen(err) > 10);
	}
	jwks_source_stop(NULL);
}

/* ---- URLs that answer --------------------------------------------------- */

static struct buf
answer(unsigned status, struct slice body)
{
	struct buf b = BUF_INIT;

	buf_printf(&b,
		   "HTTP/1.1 %u X\r\nContent-Type: application/json\r\n"
		   "Content-Length: %zu\r\n\r\n",
		   status, body.n);
	buf_put(&b, body);
	assert_true(buf_ok(&b));
	return b;
}

struct issuer {
	struct http_script script;
	struct buf texts[HTTP_SCRIPT_MAX];
	const char *answers[HTTP_SCRIPT_MAX];
	size_t n;
	struct jwks_source *source;
};

static void
add(struct issuer *i, struct buf text)
{
	i->texts[i->n] = text;
	i->answers[i->n++] = text.p;
}

static void
start(struct issuer *i, unsigned refresh_s)
{
	char url[64], err[512] = "";
	const struct jwks_source_conf conf = { .file = "",
					       .url = url,
					       .refresh_s = refresh_s };

	assert_int_equal(http_script_start(&i->script, i->answers, i->n), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/jwks", i->script.port);
	i->source = jwks_source_start(&conf, err);
	assert_string_equal(err, "");
	assert_non_null(i->source);
}

static void
stop(struct issuer *i)
{
	jwks_source_stop(i->source);
	http_script_stop(&i->script);
	for (size_t k = 0; k < i->n; k++)
		buf_release(&i->texts[k]);
}

static void
test_url_rotated_keys_come_with_the_next_fetch(void **state)
{
	struct issuer i = { 0 };

	(void)state;
	add(&i, answer(200, buf_slice(&old_set)));
	add(&i, answer(200, buf_slice(&new_set)));
	start(&i, 1);
	wait_good(i.source, old_key, "old");
	while (ask(i.source, old_key, "old") == JWKS_GOOD)
		usleep(2000); /* nobody asks for an unknown key */
	assert_int_equal(ask(i.source, new_key, "new"), JWKS_GOOD);
	stop(&i);
}

static void
test_url_unknown_key_is_fetched_for_once(void **state)
{
	struct issuer i = { 0 };

	(void)state;
	add(&i, answer(200, buf_slice(&old_set)));
	add(&i, answer(200, buf_slice(&new_set)));
	add(&i, answer(200, buf_slice(&old_set)));
	start(&i, 86400);
	wait_good(i.source, old_key, "old");
	wait_good(i.source, new_key, "new"); /* asks again and again */
	for (int k = 0; k < 100; k++) {
		assert_int_equal(ask(i.source, old_key, "old"), JWKS_UNKNOWN);
		usleep(5000);
	}
	assert_int_equal(i.script.served, 2);
	stop(&i);
}

static void
test_url_bad_answers_leave_the_keys(void **state)
{
	struct issuer i = { 0 };

	(void)state;
	add(&i, answer(200, buf_slice(&old_set)));
	add(&i, answer(200, SLICE("<html>down</html>")));
	add(&i, answer(500, buf_slice(&new_set)));
	add(&i, answer(200, buf_slice(&new_set)));
	start(&i, 1);
	wait_good(i.source, old_key, "old");
	while (i.script.served < 3) {
		assert_int_equal(ask(i.source, old_key, "old"), JWKS_GOOD);
		usleep(5000);
	}
	wait_good(i.source, new_key, "new");
	stop(&i);
}

static void
test_url_broken_answers_are_tried_again(void **state)
{
	struct issuer i = { 0 };
	struct buf cut = BUF_INIT, huge = BUF_INIT;

	(void)state;
	buf_puts(&cut, "!HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{");
	buf_printf(&huge, "!HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n",
		   JWKS_TEXT_MAX + 1);
	while (huge.n <= JWKS_TEXT_MAX + 100)
		buf_puts(&huge, "                                ");
	add(&i, cut);
	add(&i, huge);
	add(&i, answer(200, buf_slice(&old_set)));
	start(&i, 1);
	assert_int_equal(ask(i.source, old_key, "old"), JWKS_EMPTY);
	wait_good(i.source, old_key, "old");
	stop(&i);
}

static int
setup(void **state)
{
	(void)state;
	old_key = EVP_EC_gen("P-256");
	new_key = EVP_EC_gen("P-256");
	old_set = jwk_set(old_key, ",\"kid\":\"old\"");
	new_set = jwk_set(new_key, ",\"kid\":\"new\"");
	return hash_setup();
}

static int
teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(old_key);
	EVP_PKEY_free(new_key);
	buf_release(&old_set);
	buf_release(&new_set);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_url_allowed_is_https_or_this_machine),
		cmocka_unit_test(test_file_is_read_again_when_it_changes),
		cmocka_unit_test(test_start_needs_one_good_source),
		cmocka_unit_test(
		    test_url_rotated_keys_come_with_the_next_fetch),
		cmocka_unit_test(test_url_unknown_key_is_fetched_for_once),
		cmocka_unit_test(test_url_bad_answers_leave_the_keys),
		cmocka_unit_test(test_url_broken_answers_are_tried_again),
	};

	return cmocka_run_group_tests_name("auth_jwks_source", tests, setup,
					   teardown);
}
