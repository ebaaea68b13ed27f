/*
 * The configuration table read from its sources. Each type has one parser;
 * each source is a loop over names.
 */
#include "base/conf.h"
#include "base/credentials.h"
#include "base/hash.h"
#include "base/ini.h"
#include "base/io.h"
#include "base/random.h"
#include "base/rundir.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

enum conf_type {
	TYPE_STR,
	TYPE_SECRET,
	TYPE_PATH,
	TYPE_ADDR,
	TYPE_CHOICE,
	TYPE_SIZE,
	TYPE_UINT,
	TYPE_BOOL
};

static const struct row {
	const char *name;
	const char *fallback;
	const char *help;
	enum conf_type type;
	size_t offset;
	uint64_t min;
	uint64_t max;
} rows[] = {
#define CONF(field, name, type, def, min, max, help)                        \
	{                                                                   \
		name, def, help, TYPE_##type, offsetof(struct conf, field), \
		min,  max                                                   \
	},
#include "base/conf.def"
#undef CONF
};

static const struct {
	const char *alias;
	const char *name;
} aliases[] = {
	{ "MINIO_ROOT_USER", "REELGATE_ROOT_USER" },
	{ "MINIO_ROOT_PASSWORD", "REELGATE_ROOT_PASSWORD" },
};

static const struct row *
find_row(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		if (slice_eq_str(name, aliases[i].alias))
			name = slice_str(aliases[i].name);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (slice_eq_str(name, rows[i].name))
			return &rows[i];
	return NULL;
}

static bool
is_text(enum conf_type type)
{
	return type <= TYPE_CHOICE;
}

/* An empty variable means "unset" where the empty text has no meaning. */
static bool
may_be_empty(enum conf_type type)
{
	return type <= TYPE_PATH;
}

int
conf_parse_size(struct slice s, uint64_t *out)
{
	uint64_t unit = 1;

	if (s.n) {
		switch (s.p[s.n - 1]) {
		case 'K':
		case 'k':
			unit = 1ull << 10;
			break;
		case 'M':
		case 'm':
			unit = 1ull << 20;
			break;
		case 'G':
		case 'g':
			unit = 1ull << 30;
			break;
		default:
			break;
		}
	}
	if (unit > 1)
		s.n--;
	return slice_u64(s, out) != 0 || __builtin_mul_overflow(*out, unit, out)
		   ? -1
		   : 0;
}

/* help of a CHOICE row starts with "a|b|c:". */
static bool
is_choice(const struct row *row, struct slice value)
{
	struct slice words = slice_str(row->help), word;

	words.n = (size_t)slice_chr(words, ':');
	while (slice_cut(&words, '|', &word))
		if (slice_eq(word, value))
			return true;
	return false;
}

static int
set_number(const struct row *row, void *field, struct slice value, char *err)
{
	uint64_t v;
	int rc = row->type == TYPE_SIZE ? conf_parse_size(value, &v)
					: slice_u64(value, &v);

	if (rc != 0 || v < row->min || v > row->max) {
		snprintf(err, CONF_ERROR_MAX,
			 "%s: \"%.*s\" is not a number from %llu to %llu%s",
			 row->name, SLICE_ARG(value),
			 (unsigned long long)row->min,
			 (unsigned long long)row->max,
			 row->type == TYPE_SIZE ? " (K, M, G allowed)" : "");
		return -1;
	}
	*(uint64_t *)field = v;
	return 0;
}

static int
set_bool(const struct row *row, void *field, struct slice value, char *err)
{
	bool on = slice_eq_str(value, "true") || slice_eq_str(value, "1");

	if (!on && !slice_eq_str(value, "false") && !slice_eq_str(value, "0")) {
		snprintf(err, CONF_ERROR_MAX,
			 "%s: \"%.*s\" is neither true nor false", row->name,
			 SLICE_ARG(value));
		return -1;
	}
	*(bool *)field = on;
	return 0;
}

static int
set_text(const struct row *row, void *field, struct slice value, char *err)
{
	char host[256], **text = field, *copy;
	uint16_t port;

	if (value.n && value.n < row->min) {
		snprintf(err, CONF_ERROR_MAX, "%s: at least %llu characters",
			 row->name, (unsigned long long)row->min);
		return -1;
	}
	copy = strndup(value.p, value.n);
	if (!copy) {
		snprintf(err, CONF_ERROR_MAX, "out of memory");
		return -1;
	}
	if (row->type == TYPE_ADDR &&
	    conf_split_addr(copy, host, sizeof(host), &port) != 0) {
		snprintf(err, CONF_ERROR_MAX,
			 "%s: \"%s\" is not an address like 127.0.0.1:9000",
			 row->name, copy);
		free(copy);
		return -1;
	}
	if (row->type == TYPE_CHOICE && !is_choice(row, value)) {
		snprintf(err, CONF_ERROR_MAX, "%s: \"%s\" is none of %.*s",
			 row->name, copy,
			 (int)slice_chr(slice_str(row->help), ':'), row->help);
		free(copy);
		return -1;
	}
	free(*text);
	*text = copy;
	return 0;
}

static int
set_row(struct conf *c, const struct row *row, struct slice value, char *err)
{
	void *field = (char *)c + row->offset;

	if (is_text(row->type))
		return set_text(row, field, value, err);
	if (row->type == TYPE_BOOL)
		return set_bool(row, field, value, err);
	return set_number(row, field, value, err);
}

int
conf_set(struct conf *c, const char *name, struct slice value,
	 char err[CONF_ERROR_MAX])
{
	const struct row *row = find_row(slice_str(name));

	if (!row) {
		snprintf(err, CONF_ERROR_MAX, "unknown setting \"%s\"", name);
		return -1;
	}
	return set_row(c, row, value, err);
}

bool
conf_size_is_default(const struct conf *c, const char *name)
{
	const struct row *row = find_row(slice_str(name));
	uint64_t v, fallback;

	if (!row || row->type != TYPE_SIZE ||
	    conf_parse_size(slice_str(row->fallback), &fallback) != 0)
		return false;
	memcpy(&v, (const char *)c + row->offset, sizeof(v));
	return v == fallback;
}

struct file {
	struct conf *c;
	const char *path;
	char *err;
};

static int
on_row(void *ctx, struct slice name, struct slice value)
{
	const struct file *f = ctx;
	const struct row *row = find_row(name);
	char why[CONF_ERROR_MAX];

	if (!row)
		snprintf(why, sizeof(why), "unknown setting \"%.*s\"",
			 (int)slice_head(name, 100).n, name.p);
	else if (set_row(f->c, row, value, why) == 0)
		return 0;
	snprintf(f->err, CONF_ERROR_MAX, "%.200s: %.250s", f->path, why);
	return -1;
}

static int
load_file(struct conf *c, const char *path, char *err)
{
	struct file f = { .c = c, .path = path, .err = err };

	return ini_read(path, on_row, &f, err, CONF_ERROR_MAX);
}

/* A key of the file, checked by setting it, then exported. */
static int
on_row_export(void *ctx, struct slice name, struct slice value)
{
	const struct file *f = ctx;
	char *name_z = strndup(name.p, name.n);
	char *value_z = strndup(value.p, value.n);
	int rc = on_row(ctx, name, value);

	if (rc == 0 &&
	    (!name_z || !value_z || setenv(name_z, value_z, 0) != 0)) {
		snprintf(f->err, CONF_ERROR_MAX, "out of memory");
		rc = -1;
	}
	if (value_z)
		secret_wipe(value_z, value.n);
	free(name_z);
	free(value_z);
	return rc;
}

static int
load_env(struct conf *c, char *err)
{
	const char *v;

	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		v = getenv(aliases[i].alias);
		if (v && *v && conf_set(c, aliases[i].name, slice_str(v), err))
			return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		v = getenv(rows[i].name);
		if (v && (*v || may_be_empty(rows[i].type)) &&
		    set_row(c, &rows[i], slice_str(v), err) != 0)
			return -1;
	}
	return 0;
}

static int
load_defaults(struct conf *c, char *err)
{
	*c = (struct conf){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (set_row(c, &rows[i], slice_str(rows[i].fallback), err) != 0)
			return -1;
	return 0;
}

static int
default_data_dir(char *out, size_t size, char *err)
{
	const char *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	if (geteuid() == 0)
		snprintf(out, size, "/var/lib/reelgate");
	else if (xdg && xdg[0] == '/')
		snprintf(out, size, "%s/reelgate", xdg);
	else if (home && home[0] == '/')
		snprintf(out, size, "%s/.local/share/reelgate", home);
	else {
		snprintf(err, CONF_ERROR_MAX,
			 "no data directory: HOME is not "
			 "set, give --data DIR");
		return -1;
	}
	return 0;
}

/* Makes a relative path absolute, so that a later chdir cannot move it. */
static int
make_absolute(const char *path, char *out, size_t size, char *err)
{
	char cwd[PATH_MAX];

	if (path[0] == '/') {
		snprintf(out, size, "%s", path);
		return 0;
	}
	if (!getcwd(cwd, sizeof(cwd)) ||
	    snprintf(out, size, "%s/%s", cwd, path) >= (int)size) {
		snprintf(err, CONF_ERROR_MAX,
			 "data directory %.300s: path too "
			 "long",
			 path);
		return -1;
	}
	return 0;
}

int
conf_data_dir(const char *file, const char *option, char *out, size_t size,
	      char err[CONF_ERROR_MAX])
{
	struct conf c;
	int rc = load_defaults(&c, err);

	if (rc == 0 && file)
		rc = load_file(&c, file, err);
	if (rc == 0)
		rc = load_env(&c, err);
	if (rc == 0) {
		if (option)
			rc = make_absolute(option, out, size, err);
		else if (c.data[0])
			rc = make_absolute(c.data, out, size, err);
		else
			rc = default_data_dir(out, size, err);
	}
	conf_release(&c);
	return rc;
}

/* What no setting shows by itself. */
static int
check_together(const struct conf *c, char *err)
{
	struct slice urls = slice_str(c->s3_public_url), url;

	if (!c->aws_access_key_id[0] != !c->aws_secret_access_key[0]) {
		snprintf(err, CONF_ERROR_MAX,
			 "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: set "
			 "both or neither");
		return -1;
	}
	for (const char *p = c->aws_session_token; *p; p++) {
		if (*p > ' ' && *p < 0x7f)
			continue;
		snprintf(err, CONF_ERROR_MAX,
			 "AWS_SESSION_TOKEN: a blank or a line break in it");
		return -1;
	}
	while (slice_cut(&urls, ',', &url)) {
		url = slice_trim(url);
		if (!url.n || slice_starts(url, SLICE("http://")) ||
		    slice_starts(url, SLICE("https://")))
			continue;
		snprintf(err, CONF_ERROR_MAX,
			 "S3_PUBLIC_URL: \"%.*s\" is no URL like "
			 "https://s3.example.org",
			 (int)slice_head(url, 200).n, url.p);
		return -1;
	}
	return 0;
}

int
conf_load(struct conf *c, const char *file, const char *data,
	  char err[CONF_ERROR_MAX])
{
	char dir[PATH_MAX], path[PATH_MAX + 16];

	err[0] = '\0';
	if (load_defaults(c, err) != 0 ||
	    conf_data_dir(file, data, dir, sizeof(dir), err) != 0)
		return -1;
	credentials_path(dir, path, sizeof(path));
	if (access(path, F_OK) == 0 && load_file(c, path, err) != 0)
		return -1;
	rundir_path(dir, "database", path, sizeof(path));
	if (access(path, R_OK) == 0 && load_file(c, path, err) != 0)
		return -1;
	if (file && load_file(c, file, err) != 0)
		return -1;
	if (load_env(c, err) != 0 || check_together(c, err) != 0)
		return -1;
	return conf_set(c, "REELGATE_DATA", slice_str(dir), err);
}

int
conf_file_to_env(const char *file, char err[CONF_ERROR_MAX])
{
	struct conf scratch;
	struct file f = { .c = &scratch, .path = file, .err = err };
	int rc = load_defaults(&scratch, err);

	if (rc == 0)
		rc = ini_read(file, on_row_export, &f, err, CONF_ERROR_MAX);
	conf_release(&scratch);
	return rc;
}

void
conf_release(struct conf *c)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char **text = (char **)(void *)((char *)c + rows[i].offset);

		if (!is_text(rows[i].type))
			continue;
		if (*text && rows[i].type == TYPE_SECRET)
			secret_wipe(*text, strlen(*text));
		free(*text);
		*text = NULL;
	}
}

bool
conf_is_remote(const struct conf *c)
{
	return strcmp(c->backend, "s3") == 0;
}

/*
 * With the local backend the AWS_ pair of the environment names this
 * gateway's root, and wins over the generated REELGATE_ROOT_ pair.
 */
static bool
aws_pair_is_root(const struct conf *c)
{
	return !conf_is_remote(c) && c->aws_access_key_id[0] &&
	       c->aws_secret_access_key[0];
}

const char *
conf_root_access_key(const struct conf *c)
{
	return aws_pair_is_root(c) ? c->aws_access_key_id : c->root_user;
}

const char *
conf_root_secret_key(const struct conf *c)
{
	return aws_pair_is_root(c) ? c->aws_secret_access_key
				   : c->root_password;
}

const char *
conf_session_token(const struct conf *c)
{
	return conf_is_remote(c) ? c->aws_session_token : "";
}

struct slice
conf_s3_public_url(const struct conf *c)
{
	struct slice list = slice_str(c->s3_public_url), first = SLICE_EMPTY;

	slice_cut(&list, ',', &first);
	first = slice_trim(first);
	while (slice_ends(first, SLICE("/")))
		first.n--;
	return first;
}

int
conf_split_addr(const char *addr, char *host, size_t host_n, uint16_t *port)
{
	struct slice s = slice_str(addr), h;
	const char *colon = strrchr(addr, ':');
	uint64_t v;

	if (!colon || slice_u64(slice_str(colon + 1), &v) != 0 || v > 65535)
		return -1;
	h = slice_head(s, (size_t)(colon - addr));
	if (h.n >= 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
		h = slice_mem(h.p + 1, h.n - 2);
	else if (slice_chr(h, ':') >= 0)
		return -1;
	if (h.n == 0)
		h = SLICE("0.0.0.0");
	if (h.n >= host_n)
		return -1;
	memcpy(host, h.p, h.n);
	host[h.n] = '\0';
	*port = (uint16_t)v;
	return 0;
}
