/*
 * The admin server: one thread, one command at a time. A command is a row of
 * the table and a function that fills the answer or says what is wrong.
 */
#include "gateway/admin.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/timeval.h"
#include "base/unix_socket.h"

#include <unistd.h>

#define LINE_MAX_BYTES 8192
#define PEER_TIMEOUT_MS 5000
#define ARENA_MAX (64u << 20) /* every account there may be */
#define NAMED_BUCKETS 5

struct admin_server {
	struct store *store;
	struct accounts *accounts;
	struct unix_server *server;
};

struct command {
	struct admin_server *server;
	const cJSON *request;
	struct buf *answer; /* inside the document's braces */
	struct arena arena;
	char err[512];
};

static struct slice
argument(const struct command *c, const char *name)
{
	return slice_str(json_str(c->request, name));
}

static void
read_spec(const struct command *c, struct account_spec *out)
{
	*out = (struct account_spec){
		.name = argument(c, "name"),
		.id = argument(c, "id"),
		.display_name = argument(c, "display_name"),
		.access_key = argument(c, "access_key"),
		.secret_key = argument(c, "secret_key"),
	};
}

/* ---- making -------------------------------------------------------------- */

static int
make(struct command *c,
     int (*how)(struct accounts *, const struct account_spec *,
		struct account_made *, char[512]),
     const char *event)
{
	struct account_spec spec;
	struct account_made made;
	int rc;

	read_spec(c, &spec);
	rc = how(c->server->accounts, &spec, &made, c->err);
	if (rc == 0) {
		log_info(event, "user %.*s, account %s, access key %s",
			 SLICE_ARG(spec.name), made.id, made.access_key);
		json_put_slice(c->answer, "name", spec.name);
		json_put_str(c->answer, "id", made.id);
		json_put_str(c->answer, "number", made.number);
		json_put_str(c->answer, "display_name", made.display_name);
		json_put_str(c->answer, "access_key", made.access_key);
		json_put_str(c->answer, "secret_key", made.secret_key);
	}
	secret_wipe(&made, sizeof(made));
	return rc;
}

static int
user_add(struct command *c)
{
	return make(c, accounts_add, "user_added");
}

static int
key_add(struct command *c)
{
	return make(c, accounts_add_key, "key_added");
}

/* ---- listing ------------------------------------------------------------- */

static void
put_created(struct buf *b, int64_t us)
{
	char text[TIME_TEXT_MAX];

	if (us)
		time_format_iso(us, text);
	json_put_str(b, "created", us ? text : NULL);
}

static void
put_user(struct buf *b, const struct account_view *v)
{
	json_open_object(b, NULL);
	json_put_slice(b, "name", v->name);
	json_put_slice(b, "id", v->id);
	json_put_str(b, "number", v->number);
	json_put_slice(b, "display_name", v->display_name);
	put_created(b, v->created_us);
	json_open_array(b, "keys");
	for (size_t i = 0; i < v->n_keys; i++) {
		json_open_object(b, NULL);
		json_put_slice(b, "access_key", v->keys[i].access_key);
		put_created(b, v->keys[i].created_us);
		json_close_object(b);
	}
	json_close_array(b);
	json_close_object(b);
}

static int
user_list(struct command *c)
{
	struct slice only = argument(c, "name");
	struct account_view *v;
	size_t n, shown = 0;

	if (accounts_list(c->server->accounts, &c->arena, &v, &n) != 0) {
		snprintf(c->err, sizeof(c->err), "out of memory");
		return -1;
	}
	json_open_array(c->answer, "users");
	for (size_t i = 0; i < n; i++) {
		if (only.n && !slice_eq(only, v[i].name))
			continue;
		put_user(c->answer, &v[i]);
		shown++;
	}
	json_close_array(c->answer);
	if (shown || !only.n)
		return 0;
	snprintf(c->err, sizeof(c->err), "\"%.*s\": there is no such user",
		 (int)slice_head(only, 128).n, only.p);
	return -1;
}

/* ---- removing ------------------------------------------------------------ */

static int
find_id(struct command *c, struct slice name, struct slice *id)
{
	struct account_view *v;
	size_t n;

	if (accounts_list(c->server->accounts, &c->arena, &v, &n) != 0)
		return -1;
	*id = SLICE_EMPTY;
	for (size_t i = 0; i < n; i++)
		if (slice_eq(v[i].name, name))
			*id = v[i].id;
	return 0;
}

/* Its buckets would be out of everybody's reach. */
static int
check_no_buckets(struct command *c, struct slice name)
{
	struct buf names = BUF_MAX(sizeof(c->err) / 2);
	struct store_bucket *v = NULL;
	struct slice id;
	size_t n = 0;

	if (find_id(c, name, &id) != 0 ||
	    (id.n && store_bucket_list(c->server->store, id, &c->arena, &v,
				       &n) != S3_OK)) {
		snprintf(c->err, sizeof(c->err),
			 "cannot read which buckets the user has");
		return -1;
	}
	for (size_t i = 0; i < n && i < NAMED_BUCKETS; i++)
		buf_printf(&names, "%s%.*s", i ? ", " : "",
			   SLICE_ARG(v[i].name));
	if (n > 0)
		snprintf(c->err, sizeof(c->err),
			 "\"%.*s\" owns %zu bucket%s (%s%s): delete them first",
			 SLICE_ARG(name), n, n == 1 ? "" : "s",
			 names.p ? names.p : "",
			 n > NAMED_BUCKETS ? ", ..." : "");
	buf_release(&names);
	return n > 0 ? -1 : 0;
}

static int
user_remove(struct command *c)
{
	struct slice name = argument(c, "name");

	if (!slice_eq_str(name, ACCOUNTS_ROOT) &&
	    check_no_buckets(c, name) != 0)
		return -1;
	if (accounts_remove(c->server->accounts, name, c->err) != 0)
		return -1;
	log_info("user_removed", "user %.*s", SLICE_ARG(name));
	return 0;
}

static int
key_remove(struct command *c)
{
	struct slice name = argument(c, "name");
	struct slice access_key = argument(c, "access_key");

	if (accounts_remove_key(c->server->accounts, name, access_key,
				c->err) != 0)
		return -1;
	log_info("key_removed", "user %.*s, access key %.*s", SLICE_ARG(name),
		 SLICE_ARG(access_key));
	return 0;
}

/* ---- one peer ------------------------------------------------------------ */

static int
run(struct command *c)
{
	static const struct {
		const char *name;
		int (*run)(struct command *c);
	} commands[] = {
		{ "user add", user_add },	{ "user list", user_list },
		{ "user remove", user_remove }, { "key add", key_add },
		{ "key remove", key_remove },
	};
	struct slice name = argument(c, "command");

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (slice_eq_str(name, commands[i].name))
			return commands[i].run(c);
	snprintf(c->err, sizeof(c->err), "no such command");
	return -1;
}

/* The answer to one line, newline included. */
static void
answer(struct admin_server *a, struct slice line, struct buf *out)
{
	cJSON *request = json_parse(line);
	struct command c = { .server = a, .request = request, .answer = out };

	arena_init(&c.arena, ARENA_MAX);
	json_open_object(out, NULL);
	if (run(&c) != 0) {
		buf_clear(out);
		json_open_object(out, NULL);
		json_put_str(out, "error", c.err);
	}
	json_close_object(out);
	buf_putc(out, '\n');
	json_wipe(request, "secret_key");
	cJSON_Delete(request);
	arena_release(&c.arena);
}

static void
serve_peer(void *ctx, int fd, int stop)
{
	struct buf line = BUF_MAX(LINE_MAX_BYTES), out = BUF_INIT;

	buf_reserve(&out, 4096); /* a secret is not to be moved about */
	unix_set_timeout(fd, PEER_TIMEOUT_MS / 1000);
	if (unix_read_line(fd, stop, PEER_TIMEOUT_MS, &line) == 0) {
		answer(ctx, buf_slice(&line), &out);
		if (!buf_ok(&out) || unix_send(fd, buf_slice(&out)) != 0)
			log_warn("admin_answer",
				 "a command could not be answered");
	}
	secret_release(&out);
	secret_release(&line);
	close(fd);
}

/* ---- the server ---------------------------------------------------------- */

struct admin_server *
admin_start(struct store *s, struct accounts *accounts, const char *socket_path,
	    char err[512])
{
	struct admin_server *a = malloc(sizeof(*a));

	if (!a) {
		snprintf(err, 512, "out of memory");
		return NULL;
	}
	*a = (struct admin_server){ .store = s, .accounts = accounts };
	a->server = unix_server_start(socket_path, "admin", serve_peer, a, err);
	if (a->server)
		return a;
	free(a);
	return NULL;
}

void
admin_stop(struct admin_server *a)
{
	if (!a)
		return;
	unix_server_stop(a->server);
	free(a);
}
