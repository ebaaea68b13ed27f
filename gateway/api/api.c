/*
 * The video API as an application of the HTTP server: find the route, know
 * the caller, read the body, call the handler.
 *
 * A request with a body is admitted (route, caller, size) before the first
 * byte of it is read; one without is admitted at its end, because an answer
 * given earlier would close the connection.
 */
#include "gateway/api/call.h"
#include "base/log.h"
#include "gateway/api/cors.h"
#include "store/s3_address.h"

#define ARENA_MAX (16u << 20)

/* ---- routing ------------------------------------------------------------ */

/* "/a/{id}/b/{name}" against a raw path; the segments at the braces into
 * named, in their order. */
static bool
path_matches(const char *pattern, struct slice path,
	     struct slice named[API_NAMED_MAX])
{
	size_t n = 0;
	struct slice want = slice_str(pattern), w, p;
	bool more_w = slice_cut(&want, '/', &w);
	bool more_p = slice_cut(&path, '/', &p);

	while (more_w && more_p) {
		if (slice_starts(w, SLICE("{")))
			named[n++] = p;
		else if (!slice_eq(w, p))
			return false;
		more_w = slice_cut(&want, '/', &w);
		more_p = slice_cut(&path, '/', &p);
	}
	return more_w == more_p;
}

/* The row of the path, NULL when there is none. */
static const struct api_route *
find_path(struct slice path, struct slice named[API_NAMED_MAX])
{
	for (size_t i = 0; i < api_routes_n; i++)
		if (path_matches(api_routes[i].path, path, named))
			return &api_routes[i];
	return NULL;
}

/* Among the rows of that path, the one of the method; all methods' names are
 * collected for Allow. HEAD is GET without a body. */
static const struct api_route *
find_method(const struct api_route *row, struct slice method, char allow[64])
{
	const struct api_route *found = NULL;
	const char *path = row->path;
	int n = 0;

	if (slice_eq_str(method, "HEAD"))
		method = SLICE("GET");
	for (; row < api_routes + api_routes_n; row++) {
		if (strcmp(row->path, path) != 0)
			continue;
		n += snprintf(allow + n, 64 - (size_t)n, "%s%s%s",
			      n ? ", " : "", row->method,
			      strcmp(row->method, "GET") ? "" : ", HEAD");
		if (slice_eq_str(method, row->method))
			found = row;
	}
	return found;
}

static void
answer_method_not_allowed(struct api_call *c, const char *allow)
{
	struct buf b = BUF_INIT;

	json_open_object(&b, NULL);
	json_put_str(&b, "message", "Method not allowed");
	json_close_object(&b);
	http_set_headerf(c->http, "Allow", "%s, OPTIONS", allow);
	api_answer(c, 405, &b);
}

/* False when answered. */
static bool
route(struct api_call *c)
{
	const struct api_route *row = find_path(c->http->raw_path, c->named);
	char allow[64] = "";

	c->http->operation = "no-route";
	if (!row) {
		api_fail(c, 404, "Not found");
		return false;
	}
	c->route = find_method(row, c->http->method, allow);
	c->http->operation = c->route ? c->route->operation : row->operation;
	if (slice_eq_str(c->http->method, "OPTIONS"))
		api_cors_preflight(c, allow);
	else if (!c->route)
		answer_method_not_allowed(c, allow);
	return c->route != NULL;
}

/* ---- the request -------------------------------------------------------- */

static bool
fits(struct api_call *c)
{
	if (!c->body.err && (c->http->content_length <= API_BODY_MAX ||
			     c->http->content_length == HTTP_LENGTH_UNKNOWN))
		return true;
	api_fail(c, 413, "Request body too large");
	return false;
}

/* False when answered. */
static bool
admit(struct api_call *c)
{
	if (slice_starts(c->http->raw_path, SLICE("/api/")))
		api_cors_set(c);
	if (!route(c) || !api_identify(c))
		return false;
	if (c->route->body != API_STREAM)
		return fits(c);
	c->route->handler(c);
	return !http_answered(c->http);
}

/* False when answered. */
static bool
proven(struct api_call *c)
{
	return c->route->auth != API_WEBHOOK || api_webhook_proven(c);
}

static bool
parse_body(struct api_call *c)
{
	if (c->route->body != API_JSON)
		return true;
	c->in = json_parse(buf_slice(&c->body));
	if (cJSON_IsObject(c->in))
		return true;
	api_fail(c, 400, "Request body must be a JSON object");
	return false;
}

static void
on_begin(struct http_request *req)
{
	struct api_call *c = arena_alloc(&req->arena, sizeof(*c));

	if (!c) {
		http_answer(req, 500, SLICE_EMPTY);
		return;
	}
	c->api = req->app->ctx;
	c->http = req;
	c->body = (struct buf)BUF_MAX(API_BODY_MAX);
	arena_init(&c->arena, ARENA_MAX);
	req->app_state = c;
	if (req->has_body)
		admit(c);
}

static void
on_body(struct http_request *req, const void *p, size_t n)
{
	struct api_call *c = req->app_state;

	if (c->stream.data)
		c->stream.data(c, p, n);
	else
		buf_add(&c->body, p, n);
}

/* The client may ask for what it changed before the database has told. Who was
 * refused changed nothing: a stranger cannot have everybody read anew. */
static void
tell_own_change(struct api_call *c)
{
	if (!strcmp(c->route->method, "GET") || c->http->status >= 400)
		return;
	if (*c->user)
		live_change(c->api->live, c->user);
	else
		live_change_all(c->api->live);
}

static void
on_finish(struct http_request *req)
{
	struct api_call *c = req->app_state;

	if (!req->has_body && !admit(c))
		return;
	if (c->stream.finish)
		c->stream.finish(c);
	else if (fits(c) && proven(c) && parse_body(c))
		c->route->handler(c);
	tell_own_change(c);
}

static void
on_release(struct http_request *req)
{
	struct api_call *c = req->app_state;
	size_t row, class = req->status / 100;

	if (!c)
		return;
	row = c->route ? (size_t)(c->route - api_routes) : API_ROUTES_MAX;
	if (class < ARRAY_LEN(c->api->answers[0]))
		c->api->answers[row][class]++;
	if (c->stream.release)
		c->stream.release(c);
	cJSON_Delete(c->in);
	buf_release(&c->body);
	arena_release(&c->arena);
}

static void
on_refuse(struct http_request *req, unsigned status, const char *why)
{
	struct buf b = BUF_INIT;

	json_open_object(&b, NULL);
	json_put_str(&b, "error", why);
	json_close_object(&b);
	http_set_header(req, "Content-Type", SLICE("application/json"));
	if (status == 503)
		http_set_headerf(req, "Retry-After", "%d", API_POLL_S);
	http_answer_buf(req, status, &b);
}

/* ---- life --------------------------------------------------------------- */

static void
fill_signer(struct api *api, const struct conf *c)
{
	api->direct = strcmp(c->s3_mode, "direct") == 0;
	api->signer = (struct auth_signer){
		.access_key = slice_str(api->direct ? c->aws_access_key_id
						    : conf_root_access_key(c)),
		.secret_key = slice_str(api->direct ? c->aws_secret_access_key
						    : conf_root_secret_key(c)),
		.region = slice_str(c->aws_region),
		.service = "s3",
		.session_token =
		    slice_str(api->direct ? conf_session_token(c) : ""),
	};
	s3_address_endpoint(c->s3_endpoint, c->aws_region, api->direct_to,
			    sizeof(api->direct_to));
}

static void
fill(struct api *api, const struct api_conf *conf)
{
	const struct conf *c = conf->conf;

	api->conf = *conf;
	fill_signer(api, c);
	api->jwt = (struct auth_jwt_conf){ .secret = slice_str(c->jwt_secret),
					   .audience = c->jwt_audience,
					   .issuer = c->jwt_issuer };
	api->app = (struct http_app){ .name = "api",
				      .ctx = api,
				      .begin = on_begin,
				      .body = on_body,
				      .finish = on_finish,
				      .release = on_release,
				      .refuse = on_refuse };
}

/* The public keys of tokens, where they are configured. */
static int
start_keys(struct api *api, char err[512])
{
	const struct conf *c = api->conf.conf;
	const struct jwks_source_conf keys = {
		.file = c->jwks_file,
		.url = c->jwks_url,
		.refresh_s = (unsigned)c->jwks_refresh_s
	};

	if (!*keys.file && !*keys.url)
		return 0;
	api->keys = jwks_source_start(&keys, err);
	if (!api->keys)
		return -1;
	api->jwt.keys = jwks_source_keys(api->keys);
	return 0;
}

/* Streams leave half of the connections to others. */
static int
start_live(struct api *api, char err[512])
{
	const struct conf *c = api->conf.conf;
	unsigned half = (unsigned)c->max_connections / 2;
	const struct live_conf live = {
		.queue = api->conf.queue,
		.streams =
		    c->streams_max < half ? (unsigned)c->streams_max : half,
		.user_streams = (unsigned)c->user_streams_max,
	};

	api->live = live_start(&live);
	if (api->live)
		return 0;
	snprintf(err, 512, "video API: out of memory or threads");
	return -1;
}

static void
api_free(struct api *api)
{
	live_stop(api->live);
	jwks_source_stop(api->keys);
	limits_release(&api->limits);
	webhook_keys_wipe(&api->webhook_keys);
	free(api);
}

struct api *
api_start(const struct api_conf *conf, char err[512])
{
	struct api *api = calloc(1, sizeof(*api));
	struct http_server_conf server = {
		.listen = conf->conf->api_listen,
		.max_connections = (unsigned)conf->conf->max_connections,
		.connection_memory = HTTP_MEMORY,
	};
	struct store_info info;

	if (!strcmp(conf->conf->s3_mode, "direct") &&
	    !conf_is_remote(conf->conf)) {
		snprintf(err, 512,
			 "REELGATE_S3_MODE=direct is about another "
			 "S3: it needs REELGATE_BACKEND=s3");
		free(api);
		return NULL;
	}
	if (!api || store_info(conf->store, &info) != S3_OK) {
		snprintf(err, 512, "video API: %s",
			 api ? "the store does not answer" : "out of memory");
		free(api);
		return NULL;
	}
	snprintf(api->deployment_id, sizeof(api->deployment_id), "%s",
		 info.deployment_id);
	fill(api, conf);
	limits_init(&api->limits);
	server.app = &api->app;
	if (api_webhook_keys(api, err) == 0 && start_keys(api, err) == 0 &&
	    start_live(api, err) == 0)
		api->server = http_server_start(&server, err);
	if (api->server)
		return api;
	api_free(api);
	return NULL;
}

const char *
api_address(const struct api *api)
{
	return http_server_address(api->server);
}

void
api_drain(struct api *api, int timeout_ms)
{
	if (!api)
		return;
	atomic_store(&api->draining, true);
	live_drain(api->live);
	http_server_drain(api->server, timeout_ms);
}

void
api_stop(struct api *api)
{
	if (!api)
		return;
	http_server_stop(api->server);
	api_free(api);
}
