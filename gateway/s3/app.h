/*
 * app.h - the S3 API as an application of the HTTP server.
 */
#ifndef GATEWAY_S3_APP_H
#define GATEWAY_S3_APP_H

#include "auth/accounts.h"
#include "base/conf.h"
#include "gateway/http/http.h"
#include "store/store.h"

struct s3_world;

/* conf and store outlive it. @root_id: root's account. NULL with one line for
 * the user in err. */
struct s3_world *s3_world_new(const struct conf *conf, struct store *store,
			      const char *root_id, char err[512]);
void s3_world_free(struct s3_world *w); /* NULL is fine */
/* To be given to http_server_start(); lives as long as the world. */
const struct http_app *s3_world_app(const struct s3_world *w);
/* The accounts that may sign requests; they end with the world. */
struct accounts *s3_world_accounts(const struct s3_world *w);
/* The account that owns the default bucket: root. */
struct slice s3_world_account(const struct s3_world *w);

#endif
