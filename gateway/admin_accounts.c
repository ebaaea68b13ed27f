/*
 * The operator's commands on accounts. A user that owns buckets is not
 * removed, since nobody could reach them any more.
 */
#include "gateway/admin_command.h"
#include "base/hash.h"
#include "base/json_write.h"
#include "base/log.h"

#define NAMED_BUCKETS 5

static void
read_spec(const struct admin_command *c, struct account_spec *out)
{
	*out = (struct account_spec){
		.name = admin_argument(c, "name"),
		.id = admin_argument(c, "id"),
		.display_name = admin_argument(c, "display_name"),
		.access_key = admin_argument(c, "access_key"),
		.secret_key = admin_argument(c, "secret_key"),
	};
}

/* ---- making -------------------------------------------------------------- */

static int
make(struct admin_command *c,
     int (*how)(struct accounts *, const struct account_spec *,
		struct account_made *, char[512]),
     const char *event)
{
	struct account_spec spec;
	struct account_made made;
	int rc;

	read_spec(c, &spec);
	rc = how(c->accounts, &spec, &made, c->err);
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

int
admin_user_add(struct admin_command *c)
{
	return make(c, accounts_add, "user_added");
}

int
admin_key_add(struct admin_command *c)
{
	return make(c, accounts_add_key, "key_added");
}

/* ---- listing ------------------------------------------------------------- */

static void
put_user(struct buf *b, const struct account_view *v)
{
	json_open_object(b, NULL);
	json_put_slice(b, "name", v->name);
	json_put_slice(b, "id", v->id);
	json_put_str(b, "number", v->number);
	json_put_slice(b, "display_name", v->display_name);
	json_put_time(b, "created", v->created_us);
	json_open_array(b, "keys");
	for (size_t i = 0; i < v->n_keys; i++) {
		json_open_object(b, NULL);
		json_put_slice(b, "access_key", v->keys[i].access_key);
		json_put_time(b, "created", v->keys[i].created_us);
		json_close_object(b);
	}
	json_close_array(b);
	json_close_object(b);
}

int
admin_user_list(struct admin_command *c)
{
	struct slice only = admin_argument(c, "name");
	struct account_view *v;
	size_t n, shown = 0;

	if (accounts_list(c->accounts, &c->arena, &v, &n) != 0) {
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
find_id(struct admin_command *c, struct slice name, struct slice *id)
{
	struct account_view *v;
	size_t n;

	if (accounts_list(c->accounts, &c->arena, &v, &n) != 0)
		return -1;
	*id = SLICE_EMPTY;
	for (size_t i = 0; i < n; i++)
		if (slice_eq(v[i].name, name))
			*id = v[i].id;
	return 0;
}

/* Its buckets would be out of everybody's reach. */
static int
check_no_buckets(struct admin_command *c, struct slice name)
{
	struct buf names = BUF_MAX(sizeof(c->err) / 2);
	struct store_bucket *v = NULL;
	struct slice id;
	size_t n = 0;

	if (find_id(c, name, &id) != 0 ||
	    (id.n &&
	     store_bucket_list(c->store, id, &c->arena, &v, &n) != S3_OK)) {
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

int
admin_user_remove(struct admin_command *c)
{
	struct slice name = admin_argument(c, "name");

	if (!slice_eq_str(name, ACCOUNTS_ROOT) &&
	    check_no_buckets(c, name) != 0)
		return -1;
	if (accounts_remove(c->accounts, name, c->err) != 0)
		return -1;
	log_info("user_removed", "user %.*s", SLICE_ARG(name));
	return 0;
}

int
admin_key_remove(struct admin_command *c)
{
	struct slice name = admin_argument(c, "name");
	struct slice access_key = admin_argument(c, "access_key");

	if (accounts_remove_key(c->accounts, name, access_key, c->err) != 0)
		return -1;
	log_info("key_removed", "user %.*s, access key %.*s", SLICE_ARG(name),
		 SLICE_ARG(access_key));
	return 0;
}
