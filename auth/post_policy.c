/*
 * The policy document of a form: {"expiration": ..., "conditions": [...]}.
 * Its conditions must hold one by one, and every field must be named by one:
 * what the signer did not foresee is refused.
 */
#include "auth/post_policy.h"
#include "auth/post_form.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/timeval.h"

struct evaluation {
	const struct auth_form *form;
	struct arena *a;
	struct s3_detail *detail;
	struct auth_form_range *range;
	bool *covered; /* per field: a condition names it */
	bool bucket_covered;
};

/* ---- refusals ------------------------------------------------------------ */

static enum s3_error
refuse(struct evaluation *e, enum s3_error err, const char *begin,
       struct slice what)
{
	e->detail->message =
	    arena_printf(e->a, "%s%.*s", begin, SLICE_ARG(what)).p;
	return err;
}

static enum s3_error
invalid(struct evaluation *e, const char *why)
{
	return refuse(e, S3_ERR_INVALID_POLICY_DOCUMENT,
		      "Invalid Policy: ", slice_str(why));
}

static enum s3_error
denied(struct evaluation *e, const char *why, struct slice what)
{
	return refuse(
	    e, S3_ERR_ACCESS_DENIED,
	    arena_printf(e->a, "Invalid according to Policy: %s", why).p, what);
}

/* ["eq", "$name", "value"], whatever form it was written in. */
static enum s3_error
condition_failed(struct evaluation *e, const char *operator, struct slice name,
		 struct slice value)
{
	struct buf b = BUF_INIT;
	enum s3_error err;

	buf_putc(&b, '[');
	buf_json_str(&b, slice_str(operator));
	buf_puts(&b, ", \"$");
	buf_json_escape(&b, name);
	buf_puts(&b, "\", ");
	buf_json_str(&b, value);
	buf_putc(&b, ']');
	err = denied(e, "Policy Condition failed: ", buf_slice(&b));
	if (!buf_ok(&b))
		err = S3_ERR_SERVICE_UNAVAILABLE;
	buf_release(&b);
	return err;
}

/* ---- one condition ------------------------------------------------------- */

/* Marks the field as named. false: the form has none. */
static bool
take_field(struct evaluation *e, struct slice name, struct slice *value)
{
	const struct auth_header *field = form_field_find(e->form, name);

	if (field) {
		e->covered[field - e->form->fields] = true;
		*value = field->value;
	}
	if (!slice_ieq_str(name, "bucket"))
		return field != NULL;
	/* The bucket that counts is the one addressed. */
	e->bucket_covered = true;
	*value = e->form->bucket;
	return true;
}

/* A Content-Type with commas is a list, and each item must begin so. */
static bool
starts_with(struct slice name, struct slice value, struct slice prefix)
{
	struct slice rest = value, item;

	if (!slice_ieq_str(name, "Content-Type"))
		return slice_starts(value, prefix);
	while (slice_cut(&rest, ',', &item))
		if (!slice_starts(slice_trim(item), prefix))
			return false;
	return true;
}

static enum s3_error
check_match(struct evaluation *e, bool prefix, struct slice name,
	    struct slice want)
{
	struct slice value = SLICE_EMPTY;

	if (take_field(e, name, &value) &&
	    (prefix ? starts_with(name, value, want) : slice_eq(value, want)))
		return S3_OK;
	return condition_failed(e, prefix ? "starts-with" : "eq", name, want);
}

/* {"name": "value"} */
static enum s3_error
check_simple(struct evaluation *e, const cJSON *item)
{
	const cJSON *member = item->child;

	if (!member || member->next)
		return invalid(e, "Invalid Simple-Condition: Simple-Conditions "
				  "must have exactly one property specified.");
	if (!cJSON_IsString(member))
		return invalid(e, "Invalid Simple-Condition: value must be a "
				  "string.");
	return check_match(e, false, slice_str(member->string),
			   slice_str(member->valuestring));
}

static int
read_size(const cJSON *v, uint64_t *out)
{
	if (cJSON_IsString(v))
		return slice_u64(slice_str(v->valuestring), out);
	if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0) ||
	    v->valuedouble > 9007199254740992.0 ||
	    v->valuedouble != (double)(uint64_t)v->valuedouble)
		return -1;
	*out = (uint64_t)v->valuedouble;
	return 0;
}

/* Of several ranges all must hold. */
static enum s3_error
take_range(struct evaluation *e, const cJSON *low, const cJSON *high)
{
	uint64_t min, max;

	if (read_size(low, &min) != 0 || read_size(high, &max) != 0)
		return invalid(e, "Invalid content-length-range: numbers of "
				  "bytes expected.");
	if (min > e->range->min)
		e->range->min = min;
	if (max < e->range->max)
		e->range->max = max;
	return S3_OK;
}

/* ["eq", "$name", "value"], ["starts-with", ...], ["content-length-range",
 * min, max] */
static enum s3_error
check_list(struct evaluation *e, const cJSON *item)
{
	const cJSON *v[3];
	struct slice operator, name;

	for (int i = 0; i < 3; i++)
		v[i] = cJSON_GetArrayItem(item, i);
	if (cJSON_GetArraySize(item) != 3 || !cJSON_IsString(v[0]))
		return invalid(e, "Invalid Condition: an operation and two "
				  "arguments expected.");
	operator= slice_str(v[0]->valuestring);
	if (slice_ieq_str(operator, "content-length-range"))
		return take_range(e, v[1], v[2]);
	if (!slice_ieq_str(operator, "eq") &&
	    !slice_ieq_str(operator, "starts-with"))
		return invalid(e, "Invalid Condition: unknown operation.");
	name = slice_str(cJSON_GetStringValue(v[1]));
	if (name.n < 2 || name.p[0] != '$' || !cJSON_IsString(v[2]))
		return invalid(e, "Invalid Condition: \"$name\" and a string "
				  "expected.");
	return check_match(e, !slice_ieq_str(operator, "eq"),
			   slice_from(name, 1), slice_str(v[2]->valuestring));
}

/* ---- the document -------------------------------------------------------- */

static enum s3_error
check_expiration(struct evaluation *e, const cJSON *doc, int64_t now_us)
{
	const char *text = json_str(doc, "expiration");
	int64_t at;

	if (!text)
		return invalid(e, "Policy missing expiration.");
	if (time_parse_iso(slice_str(text), &at) != 0)
		return invalid(
		    e,
		    arena_printf(e->a, "Invalid 'expiration' value: '%s'", text)
			.p);
	if (now_us >= at)
		return denied(e, "Policy expired.", SLICE_EMPTY);
	return S3_OK;
}

static enum s3_error
check_conditions(struct evaluation *e, const cJSON *doc)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(doc, "conditions");
	const cJSON *item;
	enum s3_error err = S3_OK;

	if (!cJSON_IsArray(list))
		return invalid(e, "Policy missing conditions.");
	for (item = list->child; item && err == S3_OK; item = item->next) {
		if (cJSON_IsObject(item))
			err = check_simple(e, item);
		else if (cJSON_IsArray(item))
			err = check_list(e, item);
		else
			err = invalid(e, "Invalid Condition: an object or a "
					 "list expected.");
	}
	return err;
}

static bool
needs_no_condition(struct slice name)
{
	return slice_ieq_str(name, "x-amz-signature") ||
	       slice_ieq_str(name, "policy") || slice_ieq_str(name, "file") ||
	       slice_ieq(slice_head(name, 9), SLICE("x-ignore-"));
}

static enum s3_error
check_coverage(struct evaluation *e)
{
	for (size_t i = 0; i < e->form->n; i++)
		if (!e->covered[i] &&
		    !needs_no_condition(e->form->fields[i].name))
			return denied(
			    e, "Extra input fields: ", e->form->fields[i].name);
	/* Else the policy would hold for every bucket of the account. */
	if (!e->bucket_covered)
		return denied(e, "Extra input fields: ", SLICE("bucket"));
	return S3_OK;
}

/*
 * AWS's documentation writes policies that are no strict JSON: "\$" and "\v"
 * in strings, a comma before a closing bracket. Rewrites them.
 */
static void
make_strict(struct slice text, struct buf *out)
{
	bool in_string = false;
	size_t comma = SIZE_MAX; /* a comma with only blanks behind it */

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (in_string && c == '\\' && i + 1 < text.n) {
			c = text.p[++i];
			if (c == 'v')
				buf_puts(out, "\\u000b");
			else if (c == '$')
				buf_putc(out, c);
			else
				buf_printf(out, "\\%c", c);
			continue;
		}
		if (c == '"')
			in_string = !in_string;
		if ((c == ']' || c == '}') && comma != SIZE_MAX && buf_ok(out))
			out->p[comma] = ' ';
		if (c == ',' && !in_string)
			comma = out->n;
		else if (!strchr(" \t\r\n", c) || c == '\0')
			comma = SIZE_MAX;
		buf_putc(out, c);
	}
}

/* The document, or NULL. */
static cJSON *
parse_policy(struct slice policy)
{
	struct buf raw = BUF_MAX(AUTH_POLICY_MAX), strict = BUF_INIT;
	cJSON *doc = NULL;

	if (policy.n <= AUTH_POLICY_MAX && base64_decode(&raw, policy) == 0) {
		make_strict(buf_slice(&raw), &strict);
		if (buf_ok(&strict))
			doc = json_parse(buf_slice(&strict));
	}
	buf_release(&raw);
	buf_release(&strict);
	return doc;
}

enum s3_error
form_policy_check(const struct auth_form *form, struct slice policy,
		  int64_t now_us, struct arena *a,
		  struct auth_form_range *range, struct s3_detail *detail)
{
	struct evaluation e = {
		.form = form,
		.a = a,
		.detail = detail,
		.range = range,
		.covered = arena_array(a, form->n + 1, sizeof(bool)),
	};
	cJSON *doc = parse_policy(policy);
	enum s3_error err;

	if (!e.covered)
		err = S3_ERR_SERVICE_UNAVAILABLE;
	else if (!cJSON_IsObject(doc))
		err = invalid(&e, "Invalid JSON.");
	else
		err = check_expiration(&e, doc, now_us);
	if (err == S3_OK)
		err = check_conditions(&e, doc);
	if (err == S3_OK)
		err = check_coverage(&e);
	cJSON_Delete(doc);
	return err;
}
