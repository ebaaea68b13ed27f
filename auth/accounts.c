/*
 * The registry: opened, asked by requests, listed. accounts_change.c changes
 * it; what is shared and how stands in accounts_table.h.
 */
#include "auth/accounts_table.h"
#include "base/log.h"

/* ---- life cycle --------------------------------------------------------- */

static int
set_root(struct accounts *a, const struct accounts_conf *conf, char err[512])
{
	struct account_key *k = &a->root_key;

	if (strlen(conf->root_access_key) >= sizeof(k->access_key) ||
	    strlen(conf->root_secret_key) >= sizeof(k->secret_key)) {
		snprintf(err, 512,
			 "the key pair of root is too long: %d characters at "
			 "most, %d of the secret key",
			 ACCESS_KEY_MAX - 1, SECRET_KEY_MAX - 1);
		return -1;
	}
	snprintf(a->root.name, sizeof(a->root.name), ACCOUNTS_ROOT);
	snprintf(a->root.display_name, sizeof(a->root.display_name),
		 ACCOUNTS_ROOT);
	snprintf(a->root.id, sizeof(a->root.id), "%s", conf->root_id);
	snprintf(k->access_key, sizeof(k->access_key), "%s",
		 conf->root_access_key);
	snprintf(k->secret_key, sizeof(k->secret_key), "%s",
		 conf->root_secret_key);
	if (accounts_table_find_key(a->table, slice_str(k->access_key)))
		log_warn("key_shadowed",
			 "the access key %s of root is a user's too: it is "
			 "root's",
			 k->access_key);
	return 0;
}

/* Requests never stop coming: who changes something must not wait for that. */
static void
make_locks(struct accounts *a)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
	    &attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&a->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	pthread_mutex_init(&a->change_lock, NULL);
}

struct accounts *
accounts_open(const struct accounts_conf *conf, char err[512])
{
	struct accounts *a = calloc(1, sizeof(*a));

	snprintf(err, 512, "%s",
		 *conf->master_key ? "out of memory"
				   : "REELGATE_MASTER_KEY is empty: unset it, "
				     "or give at least 32 characters");
	if (!a || !*conf->master_key) {
		free(a);
		return NULL;
	}
	make_locks(a);
	accounts_secrets_derive(conf->master_key, &a->secrets);
	a->path = strdup(conf->path);
	if (a->path)
		a->table = accounts_file_read(a->path, &a->secrets, err);
	if (a->table && set_root(a, conf, err) == 0)
		return a;
	accounts_close(a);
	return NULL;
}

void
accounts_close(struct accounts *a)
{
	if (!a)
		return;
	accounts_table_free(a->table);
	pthread_mutex_destroy(&a->change_lock);
	pthread_rwlock_destroy(&a->lock);
	free(a->path);
	secret_wipe(a, sizeof(*a));
	free(a);
}

/* ---- for requests ------------------------------------------------------- */

bool
accounts_is_root_key(const struct accounts *a, struct slice access_key)
{
	return access_key.n && slice_eq_str(access_key, a->root_key.access_key);
}

static void
fill(const struct account *account, const struct account_key *k,
     struct auth_key *out)
{
	memcpy(out->secret, k->secret_key, sizeof(out->secret));
	memcpy(out->account_id, account->id, sizeof(out->account_id));
	memcpy(out->display_name, account->display_name,
	       sizeof(out->display_name));
}

int
accounts_lookup(void *accounts, struct slice access_key, struct auth_key *out)
{
	struct accounts *a = accounts;
	const struct account_key *k;

	if (accounts_is_root_key(a, access_key)) {
		fill(&a->root, &a->root_key, out);
		return 0;
	}
	pthread_rwlock_rdlock(&a->lock);
	k = accounts_table_find_key(a->table, access_key);
	if (k)
		fill(accounts_table_find(a->table, slice_str(k->account)), k,
		     out);
	pthread_rwlock_unlock(&a->lock);
	return k ? 0 : -1;
}

void
accounts_display_name(struct accounts *a, struct slice id,
		      char out[ACCOUNT_DISPLAY_MAX])
{
	const struct account *found;

	if (slice_eq_str(id, a->root.id)) {
		memcpy(out, a->root.display_name, ACCOUNT_DISPLAY_MAX);
		return;
	}
	pthread_rwlock_rdlock(&a->lock);
	found = accounts_table_find_id(a->table, id);
	if (found)
		memcpy(out, found->display_name, ACCOUNT_DISPLAY_MAX);
	else
		snprintf(out, ACCOUNT_DISPLAY_MAX, "%.*s", SLICE_ARG(id));
	pthread_rwlock_unlock(&a->lock);
}

void
account_number(struct slice id, char out[ACCOUNT_NUMBER_MAX])
{
	uint8_t digest[SHA256_BYTES];
	uint64_t v = 0;

	if (id.n != ACCOUNT_NUMBER_MAX - 1 || slice_u64(id, &v) != 0) {
		sha256(id.p, id.n, digest);
		for (int i = 0; i < 8; i++)
			v = v << 8 | digest[i];
	}
	snprintf(out, ACCOUNT_NUMBER_MAX, "%012llu",
		 (unsigned long long)(v % 1000000000000u));
}

/* ---- listing ------------------------------------------------------------ */

static void
view_account(const struct account *account, struct arena *arena,
	     struct account_view *out)
{
	*out = (struct account_view){
		.name = arena_copy(arena, slice_str(account->name)),
		.id = arena_copy(arena, slice_str(account->id)),
		.display_name =
		    arena_copy(arena, slice_str(account->display_name)),
		.created_us = account->created_us,
	};
	account_number(out->id, out->number);
}

/* The keys of each account lie together: counted, then filled in. */
static void
view_keys(const struct accounts_table *t, struct arena *arena,
	  struct account_view *views)
{
	struct account_key_view *all =
	    arena_array(arena, t->n_keys + 1, sizeof(*all));

	if (!all)
		return;
	for (size_t i = 0; i < t->n_keys; i++)
		views[accounts_table_find(t, slice_str(t->keys[i].account)) -
		      t->accounts]
		    .n_keys++;
	for (size_t i = 0; i < t->n_accounts; i++) {
		views[i].keys = all;
		all += views[i].n_keys;
		views[i].n_keys = 0;
	}
	for (size_t i = 0; i < t->n_keys; i++) {
		const struct account_key *k = &t->keys[i];
		struct account_view *v =
		    &views[accounts_table_find(t, slice_str(k->account)) -
			   t->accounts];

		v->keys[v->n_keys++] = (struct account_key_view){
			arena_copy(arena, slice_str(k->access_key)),
			k->created_us
		};
	}
}

int
accounts_list(struct accounts *a, struct arena *arena,
	      struct account_view **out, size_t *n)
{
	struct account_key_view *root_key;
	struct account_view *views;

	pthread_rwlock_rdlock(&a->lock);
	*n = a->table->n_accounts + 1;
	views = arena_array(arena, *n, sizeof(*views));
	if (views) {
		for (size_t i = 1; i < *n; i++)
			view_account(&a->table->accounts[i - 1], arena,
				     &views[i]);
		view_keys(a->table, arena, views + 1);
	}
	pthread_rwlock_unlock(&a->lock);
	root_key = arena_alloc(arena, sizeof(*root_key));
	if (views && root_key) {
		view_account(&a->root, arena, &views[0]);
		root_key->access_key =
		    arena_copy(arena, slice_str(a->root_key.access_key));
		views[0].keys = root_key;
		views[0].n_keys = root_key->access_key.n ? 1 : 0;
	}
	*out = views;
	return arena->err ? -1 : 0;
}
