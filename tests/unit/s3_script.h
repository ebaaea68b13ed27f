/*
 * s3_script.h - the s3 backend in front of a scripted endpoint (http_script.h),
 * one at a time.
 */
#ifndef TESTS_UNIT_S3_SCRIPT_H
#define TESTS_UNIT_S3_SCRIPT_H

#include "store/store.h"
#include "tests/unit/http_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct http_script script;

static inline int
script_sign_nothing(const void *ctx, const struct signer_request *req,
		    struct signer_chain *chain, struct buf *out)
{
	(void)ctx, (void)req, (void)chain, (void)out;
	return 0;
}

/* Starts the script, as @conf's endpoint, whose name is in @endpoint. What
 * has no signer signs nothing. */
static inline void
script_begin(struct store_s3_conf *conf, char endpoint[64],
	     const char *const *answers, size_t n)
{
	assert_int_equal(http_script_start(&script, answers, n), 0);
	snprintf(endpoint, 64, "http://127.0.0.1:%u", script.port);
	conf->endpoint = endpoint;
	if (!conf->signer.sign)
		conf->signer.sign = script_sign_nothing;
}

/* The same, and the store. */
static inline struct store *
script_open(struct store_s3_conf conf, const char *const *answers, size_t n)
{
	char endpoint[64], err[512] = "";
	struct store *s;

	script_begin(&conf, endpoint, answers, n);
	s = store_open_s3(&conf, err);
	if (!s)
		fail_msg("%s", err);
	return s;
}

/* So many requests came. */
static inline void
script_end(size_t requests)
{
	size_t served = script.served;

	http_script_stop(&script);
	assert_int_equal(served, requests);
}

/* Whether the request, head and body, has it. */
static inline bool
asked(size_t i, const char *text)
{
	return slice_find(buf_slice(&script.request[i]), slice_str(text)) >= 0;
}

#endif
