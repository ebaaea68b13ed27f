/*
 * post.h - the fields of a form upload and its answer: private to PostObject
 * (post_object.c, post_fields.c, post_answer.c).
 */
#ifndef GATEWAY_S3_POST_H
#define GATEWAY_S3_POST_H

#include "auth/post_policy.h"
#include "gateway/http/form.h"
#include "gateway/s3/s3.h"

struct post {
	struct form *form;
	struct slice boundary;
	struct auth_header *fields; /* each name once, expanded */
	size_t n_fields;
	struct auth_form_range range;
	uint64_t size; /* bytes of the file so far */
};

/*
 * post_take_fields - copies the form's fields: those of one name become one,
 * joined by commas, and ${filename} is replaced, but for the fields of the
 * signature. MAX_POST_PRE_DATA_LENGTH_EXCEEDED: they grow past all measure.
 */
enum s3_error MUST_CHECK post_take_fields(struct s3_request *rq);
/* The field of that name in any case; .p is NULL when absent. */
struct slice post_field(const struct post *post, const char *name);
/* Puts the fields that stand for headers in the place of the request's. */
enum s3_error MUST_CHECK post_fields_to_headers(struct s3_request *rq);

/* success_action_redirect, redirect, success_action_status; else 204. */
void post_answer(struct s3_request *rq, const char *etag);

#endif
