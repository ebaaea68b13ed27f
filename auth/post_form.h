/*
 * post_form.h - private to auth/: the two halves of auth_form_verify().
 */
#ifndef AUTH_POST_FORM_H
#define AUTH_POST_FORM_H

#include "auth/post_policy.h"

/* The field of that name in any case, or NULL. */
const struct auth_header *form_field_find(const struct auth_form *form,
					  struct slice name);
/*
 * form_policy_check - evaluates the base64 policy against the fields.
 * INVALID_POLICY_DOCUMENT, ACCESS_DENIED.
 */
enum s3_error MUST_CHECK form_policy_check(const struct auth_form *form,
					   struct slice policy, int64_t now_us,
					   struct arena *a,
					   struct auth_form_range *range,
					   struct s3_detail *detail);

#endif
