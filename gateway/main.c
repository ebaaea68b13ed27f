/*
 * reelgate-gateway: both HTTP ports on one store. Starts everything in order,
 * waits for SIGTERM or SIGINT, stops in the opposite order. What prevents the
 * start is said in one line and ends with status 78 (EX_CONFIG).
 */
#include "base/conf.h"
#include "base/credentials.h"
#include "base/io.h"
#include "base/log.h"
#include "base/options.h"
#include "base/rundir.h"
#include "base/service.h"
#include "gateway/admin.h"
#include "gateway/api/api.h"
#include "gateway/backend.h"
#include "gateway/lease.h"
#include "gateway/reconcile.h"
#include "gateway/s3/app.h"
#include "gateway/s3/default_bucket.h"
#include "version.h"

#include <errno.h>
#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>

#define DRAIN_MS 30000
#define API_DRAIN_MS 5000
#define DATABASE_CONNECTIONS 16
/* on both ports: sockets, blobs, one more; and of one that is turned away */
#define CONNECTION_FILES 8
/* index, database, lingering sockets, a lease, the same in flight */
#define OTHER_FILES (512 + 2 * LEASE_EXTENTS_MAX)
#define ERR_MAX 512

struct gateway {
	struct conf conf;
	char endpoints[PATH_MAX];
	struct backend backend;
	struct s3_world *world;
	struct queue *queue;
	char deployment[40];
	struct sighting_conf sighting;
	struct relay *relay;
	struct reconciler *reconciler;
	struct lease_server *lease;
	struct migration *migration;
	struct admin_server *admin;
	struct http_server *s3;
	struct api *api;
};

struct options {
	const char *config;
	const char *data;
	const char *s3_listen;
	const char *api_listen;
};

static int
parse_options(int argc, char **argv, struct options *o)
{
	const struct option options[] = {
		OPTIONS_COMMON(o->config, o->data),
		{ "--s3-listen", "ADDR:PORT", &o->s3_listen, NULL,
		  "S3 address, 127.0.0.1:9000; port 0: a free one" },
		{ "--api-listen", "ADDR:PORT", &o->api_listen, NULL,
		  "video API address, 127.0.0.1:9001" },
	};
	const struct command_line line = {
		.usage = "reelgate-gateway [--config FILE] [--data DIR] "
			 "[--s3-listen ADDR:PORT] [--api-listen ADDR:PORT]",
		.about = "Serves S3 and the video API. The addresses in use "
			 "stand in\nDATA/run/endpoints. Settings: see "
			 "docs/configuration.md.\n",
		.version = "reelgate-gateway " REELGATE_VERSION,
		.options = options,
		.n_options = ARRAY_LEN(options),
	};
	int n;

	return options_parse(&line, argc, argv, &n);
}

static int
load_conf(struct conf *c, const struct options *o, char err[ERR_MAX])
{
	char dir[PATH_MAX];

	if (conf_data_dir(o->config, o->data, dir, sizeof(dir), err) != 0)
		return -1;
	if (io_mkdirs(dir, 0750) != 0) {
		snprintf(err, ERR_MAX,
			 "cannot make the data directory %.300s: "
			 "%s",
			 dir, strerror(errno));
		return -1;
	}
	if (credentials_create(dir, err) != 0 ||
	    conf_load(c, o->config, o->data, err) != 0)
		return -1;
	if (o->s3_listen && conf_set(c, "REELGATE_S3_LISTEN",
				     slice_str(o->s3_listen), err) != 0)
		return -1;
	if (o->api_listen && conf_set(c, "REELGATE_API_LISTEN",
				      slice_str(o->api_listen), err) != 0)
		return -1;
	return 0;
}

/* Where the ports are, for programs that took port 0. A full disk has no room
 * for it, but objects to read and to delete. */
static int
write_endpoints(const struct gateway *g, char err[ERR_MAX])
{
	struct buf b = BUF_INIT;
	int rc = 0;

	buf_printf(&b, "S3_ENDPOINT=http://%s\nAPI_ENDPOINT=http://%s\n",
		   http_server_address(g->s3), api_address(g->api));
	if (!buf_ok(&b) ||
	    io_write_file(g->endpoints, buf_slice(&b), 0640) != 0) {
		bool full = errno == ENOSPC || errno == EDQUOT;

		snprintf(err, ERR_MAX, "cannot write %.300s: %s", g->endpoints,
			 strerror(errno));
		unlink(g->endpoints); /* an old one names other ports */
		if (full)
			log_warn("no_endpoints", "%s", err);
		else
			rc = -1;
	}
	buf_release(&b);
	return rc;
}

/* The usual soft limit of 1024 is for programs that call select(). Out of
 * descriptors, the gateway could neither accept nor store. */
static int
allow_files(struct gateway *g, char err[ERR_MAX])
{
	const rlim_t want =
	    CONNECTION_FILES * (rlim_t)g->conf.max_connections + OTHER_FILES;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		snprintf(err, ERR_MAX, "cannot read the limit of open files");
		return -1;
	}
	if (limit.rlim_cur >= want)
		return 0;
	limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < want)
		log_warn("few_files",
			 "%llu open files are allowed, %llu may be needed",
			 (unsigned long long)limit.rlim_cur,
			 (unsigned long long)want);
	return 0;
}

static int
open_store(struct gateway *g, char err[ERR_MAX])
{
	return backend_open(&g->backend, &g->conf, err);
}

static int
open_world(struct gateway *g, char err[ERR_MAX])
{
	struct store *store = g->backend.store;

	g->world = s3_world_new(&g->conf, store, g->backend.root_id, err);
	if (!g->world)
		return -1;
	return s3_make_default_bucket(&g->conf, store,
				      s3_world_account(g->world), err);
}

/* Without a database S3 serves alone: the conninfo then names a folder in
 * which none listens. */
static int
open_queue(struct gateway *g, char err[ERR_MAX])
{
	struct buf nowhere = BUF_INIT;
	const char *url = g->conf.database_url;

	buf_printf(&nowhere, "host='%s/run'", g->conf.data);
	if (!*url)
		log_warn("no_database", "DATABASE_URL is unset: the video API "
					"answers 503");
	if (buf_ok(&nowhere))
		g->queue = queue_open(*url ? url : nowhere.p,
				      DATABASE_CONNECTIONS, "reelgate-gateway");
	buf_release(&nowhere);
	if (g->queue)
		return 0;
	snprintf(err, ERR_MAX, "out of memory");
	return -1;
}

/* Objects that are looked at, by whichever part of the gateway. */
static int
make_sighting(struct gateway *g, char err[ERR_MAX])
{
	struct store_info info;

	if (store_info(g->backend.store, &info) != S3_OK) {
		snprintf(err, ERR_MAX, "the store does not answer");
		return -1;
	}
	snprintf(g->deployment, sizeof(g->deployment), "%s",
		 info.deployment_id);
	g->sighting = (struct sighting_conf){
		.store = g->backend.store,
		.queue = g->queue,
		.deployment = g->deployment,
		.bucket = g->conf.aws_s3_bucket,
		.max_bytes = g->conf.max_upload_bytes,
		.remote = conf_is_remote(&g->conf),
		.account = s3_world_account(g->world),
	};
	return 0;
}

/* Only with another S3, where there is somewhere to tell of what is found. */
static int
start_reconciler(struct gateway *g, char err[ERR_MAX])
{
	if (!g->sighting.remote || !g->conf.reconcile_s ||
	    !*g->conf.database_url)
		return 0;
	g->reconciler =
	    reconciler_start(&g->sighting, (unsigned)g->conf.reconcile_s, err);
	return g->reconciler ? 0 : -1;
}

static int
start_relay_and_lease(struct gateway *g, char err[ERR_MAX])
{
	const struct relay_conf relay = { .store = g->backend.store,
					  .queue = g->queue,
					  .sighting = g->sighting.remote
							  ? &g->sighting
							  : NULL,
					  .region = g->conf.aws_region,
					  .bucket = g->conf.aws_s3_bucket };
	char path[PATH_MAX];

	g->relay = relay_start(&relay, err);
	if (!g->relay)
		return -1;
	rundir_path(g->conf.data, "lease.sock", path, sizeof(path));
	g->lease = lease_start(g->backend.store, path, err);
	return g->lease ? 0 : -1;
}

static int
start_admin(struct gateway *g, char err[ERR_MAX])
{
	const struct admin_conf conf = {
		.store = g->backend.store,
		.accounts = s3_world_accounts(g->world),
		.queue = g->queue,
		.relay = g->relay,
		.migration =
		    migration_new(g->backend.store, &g->conf, g->queue),
		.region = g->conf.aws_region,
		.bucket = g->conf.aws_s3_bucket,
	};
	char path[PATH_MAX];

	g->migration = conf.migration;
	if (!g->migration) {
		snprintf(err, ERR_MAX, "out of memory");
		return -1;
	}
	rundir_path(g->conf.data, "admin.sock", path, sizeof(path));
	g->admin = admin_start(&conf, path, err);
	return g->admin ? 0 : -1;
}

static int
start_s3(struct gateway *g, char err[ERR_MAX])
{
	const struct http_server_conf s3 = {
		.listen = g->conf.s3_listen,
		.max_connections = (unsigned)g->conf.max_connections,
		.connection_memory =
		    conf_is_remote(&g->conf) ? HTTP_MEMORY_LARGE : HTTP_MEMORY,
		.app = s3_world_app(g->world),
	};

	g->s3 = http_server_start(&s3, err);
	return g->s3 ? 0 : -1;
}

static int
start_api(struct gateway *g, char err[ERR_MAX])
{
	const struct api_conf api = { .conf = &g->conf,
				      .store = g->backend.store,
				      .account = s3_world_account(g->world),
				      .queue = g->queue,
				      .sighting = &g->sighting,
				      .relay = g->relay,
				      .reconciler = g->reconciler,
				      .s3_address =
					  http_server_address(g->s3) };

	g->api = api_start(&api, err);
	return g->api ? 0 : -1;
}

static int
gateway_start(struct gateway *g, char err[ERR_MAX])
{
	static int (*const steps[])(struct gateway *, char[ERR_MAX]) = {
		allow_files,	  open_store,	 open_world,
		open_queue,	  make_sighting, start_relay_and_lease,
		start_reconciler, start_admin,	 start_s3,
		start_api,
	};

	log_set_level_name(g->conf.log_level); /* before any thread */
	if (rundir_make(g->conf.data, err) != 0)
		return -1;
	rundir_path(g->conf.data, "endpoints", g->endpoints,
		    sizeof(g->endpoints));
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (steps[i](g, err) != 0)
			return -1;
	return write_endpoints(g, err);
}

/* Requests first, then what they stand on. */
static void
gateway_stop(struct gateway *g)
{
	if (g->api)
		unlink(g->endpoints);
	api_drain(g->api, API_DRAIN_MS);
	http_server_drain(g->s3, DRAIN_MS);
	store_halt(g->backend.store); /* who waits for another S3 still */
	api_stop(g->api);
	http_server_stop(g->s3);
	admin_stop(g->admin);
	migration_free(g->migration);
	lease_stop(g->lease);
	reconciler_stop(g->reconciler);
	relay_stop(g->relay);
	queue_close(g->queue);
	s3_world_free(g->world);
	backend_close(&g->backend);
}

int
main(int argc, char **argv)
{
	static struct gateway g; /* off the stack */
	struct options o = { 0 };
	char err[ERR_MAX] = "";
	int status = parse_options(argc, argv, &o);
	bool started;

	if (status == GO_ON)
		status = service_begin("reelgate-gateway");
	if (status != GO_ON)
		return status;
	started =
	    load_conf(&g.conf, &o, err) == 0 && gateway_start(&g, err) == 0;
	if (started) {
		log_info("ready", "S3 on http://%s, video API on http://%s",
			 http_server_address(g.s3), api_address(g.api));
		service_wait();
	}
	gateway_stop(&g);
	conf_release(&g.conf);
	return started ? EX_OK : service_refused(err);
}
