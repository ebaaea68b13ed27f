/*
 * conf.h - the configuration of all programs, from the table conf.def.
 *
 * Order, the later wins: defaults, DATA/credentials (generated secrets),
 * DATA/run/database (where `reelgate up` runs the private PostgreSQL), the
 * --config file, the environment, then command-line options (set by the
 * caller with conf_set()). One name per setting everywhere. An unknown key in
 * the file or a bad value is an error of one clear line, so that a typing
 * mistake never runs with a default.
 * Threads: filled before threads start, read-only after.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/slice.h"

#define CONF_ERROR_MAX 512

#define CONF_CTYPE_STR char *
#define CONF_CTYPE_SECRET char *
#define CONF_CTYPE_PATH char *
#define CONF_CTYPE_ADDR char *
#define CONF_CTYPE_CHOICE char *
#define CONF_CTYPE_SIZE uint64_t
#define CONF_CTYPE_UINT uint64_t
#define CONF_CTYPE_BOOL bool

struct conf {
	/* Strings are malloc'd and never NULL: unset is "". */
#define CONF(field, name, type, def, min, max, help) CONF_CTYPE_##type field;
#include "base/conf.def"
#undef CONF
};

/*
 * conf_load - all sources in order.
 * @file: path of --config, or NULL
 * @data: the --data option, or NULL: REELGATE_DATA of file or environment,
 *        else /var/lib/reelgate for root, else $XDG_DATA_HOME/reelgate
 *        ($HOME/.local/share/reelgate). c->data is set to the answer.
 * Returns 0, or -1 with one line for the user in err. Always end with
 * conf_release().
 */
int MUST_CHECK conf_load(struct conf *c, const char *file, const char *data,
			 char err[CONF_ERROR_MAX]);
void conf_release(struct conf *c);
/*
 * conf_file_to_env - the settings of a file as environment variables, for
 * programs that will not be able to read it. Variables that are set stay:
 * the environment wins. 0 or -1 + err.
 */
int MUST_CHECK conf_file_to_env(const char *file, char err[CONF_ERROR_MAX]);
/* Sets one key by NAME (an option or an environment block). 0 or -1 + err. */
int MUST_CHECK conf_set(struct conf *c, const char *name, struct slice value,
			char err[CONF_ERROR_MAX]);

/* The directory conf_load() would choose, without loading. 0 or -1 + err. */
int MUST_CHECK conf_data_dir(const char *file, const char *option, char *out,
			     size_t size, char err[CONF_ERROR_MAX]);

/* Are the objects kept by another S3? */
bool conf_is_remote(const struct conf *c);
/* The pair that clients of this gateway sign with (docs/configuration.md). */
const char *conf_root_access_key(const struct conf *c);
const char *conf_root_secret_key(const struct conf *c);
/* What goes with the AWS_ pair to another S3; "": nothing. */
const char *conf_session_token(const struct conf *c);
/* Room for the base URL of an S3. */
#define CONF_ENDPOINT_MAX 512
/* The first of S3_PUBLIC_URL, without a slash behind; empty when unset. */
struct slice conf_s3_public_url(const struct conf *c);
/* Has a SIZE the value of the table, wherever it came from? */
bool conf_size_is_default(const struct conf *c, const char *name);

/* Bytes of a number with an optional K, M or G (of 1024); 0 or -1. */
int MUST_CHECK conf_parse_size(struct slice s, uint64_t *out);
/* "host:port", "[v6]:port" or ":port" into parts; 0 or -1. */
int MUST_CHECK conf_split_addr(const char *addr, char *host, size_t host_n,
			       uint16_t *port);

#endif
