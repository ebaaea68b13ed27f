/*
 * The API's description against its table of routes: the same paths, methods
 * and kinds of callers, in both directions.
 */
#include "gateway/api/call.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int
setup(void **state)
{
	cJSON *doc = json_parse(slice_str(api_openapi_text));

	*state = doc;
	return cJSON_IsObject(doc) ? 0 : -1;
}

static int
teardown(void **state)
{
	cJSON_Delete(*state);
	return 0;
}

static const cJSON *
member(const cJSON *obj, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(obj, name);
}

/* NULL when there is none. */
static const cJSON *
find_operation(const cJSON *doc, const struct api_route *r)
{
	char method[16] = "";

	for (size_t i = 0; r->method[i] && i < sizeof(method) - 1; i++)
		method[i] = (char)tolower((unsigned char)r->method[i]);
	return member(member(member(doc, "paths"), r->path), method);
}

static void
test_openapi_describes_every_route(void **state)
{
	for (size_t i = 0; i < api_routes_n; i++)
		if (!find_operation(*state, &api_routes[i]))
			fail_msg("%s %s is not described", api_routes[i].method,
				 api_routes[i].path);
}

static bool
is_route(const char *path, const char *method)
{
	for (size_t i = 0; i < api_routes_n; i++)
		if (!strcmp(api_routes[i].path, path) &&
		    slice_ieq_str(slice_str(api_routes[i].method), method))
			return true;
	return false;
}

static void
test_openapi_describes_nothing_else(void **state)
{
	const cJSON *path, *method;
	size_t n = 0;

	cJSON_ArrayForEach(path, member(*state, "paths"))
	{
		cJSON_ArrayForEach(method, path)
		{
			n++;
			if (!is_route(path->string, method->string))
				fail_msg("there is no %s %s", method->string,
					 path->string);
		}
	}
	assert_int_equal(n, api_routes_n);
}

/* What stands at "security" for each kind of caller; a cookie is good for
 * reading only. */
static const char *
expected_security(const struct api_route *r)
{
	switch (r->auth) {
	case API_PUBLIC:
		return "[]";
	case API_USER:
		return strcmp(r->method, "GET")
			   ? "[{\"user\":[]}]"
			   : "[{\"user\":[]},{\"userCookie\":[]}]";
	case API_JOB_TOKEN:
		return "[{\"jobToken\":[]}]";
	case API_EVENTS_TOKEN:
		return "[{\"eventsToken\":[]}]";
	case API_WEBHOOK:
		return "[{\"webhook\":[]}]";
	case API_METRICS:
		return "[{},{\"metricsToken\":[]}]";
	}
	return "";
}

static bool
takes_json(const cJSON *op)
{
	return member(member(member(op, "requestBody"), "content"),
		      "application/json") != NULL;
}

static void
test_openapi_names_the_caller_of_every_route(void **state)
{
	for (size_t i = 0; i < api_routes_n; i++) {
		const struct api_route *r = &api_routes[i];
		const cJSON *op = find_operation(*state, r);
		char *text = json_text(member(op, "security"));

		assert_non_null(text);
		assert_string_equal(text, expected_security(r));
		assert_int_equal(r->auth != API_PUBLIC,
				 !!member(member(op, "responses"), "401"));
		assert_int_equal(r->body == API_JSON, takes_json(op));
		cJSON_free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_openapi_describes_every_route),
		cmocka_unit_test(test_openapi_describes_nothing_else),
		cmocka_unit_test(test_openapi_names_the_caller_of_every_route),
	};

	return cmocka_run_group_tests_name("gateway_openapi", tests, setup,
					   teardown);
}
