/*
 * Changes of the registry. Each copies the table, alters the copy, writes it
 * to the disk, and only then lets it take the old one's place: memory is never
 * ahead of the disk, and a change that failed changed nothing.
 */
#include "auth/accounts_table.h"
#include "base/credentials.h"
#include "base/encode.h"
#include "base/random.h"
#include "base/timeval.h"

/* Between the two the change has change_lock and a copy to alter. */
static struct accounts_table *
change_begin(struct accounts *a, char err[512])
{
	struct accounts_table *copy;

	pthread_mutex_lock(&a->change_lock);
	copy = accounts_table_copy(a->table);
	if (!copy)
		snprintf(err, 512, "out of memory");
	return copy;
}

static int
change_end(struct accounts *a, struct accounts_table *copy, int rc,
	   char err[512])
{
	struct accounts_table *old = copy;

	if (rc == 0)
		rc = accounts_file_write(a->path, &a->secrets, copy, err);
	if (rc == 0) {
		pthread_rwlock_wrlock(&a->lock);
		old = a->table;
		a->table = copy;
		pthread_rwlock_unlock(&a->lock);
	}
	pthread_mutex_unlock(&a->change_lock);
	accounts_table_free(old);
	return rc;
}

/* In one line, whatever was typed. */
static int
refuse(char err[512], const char *why, struct slice what)
{
	snprintf(err, 512, "\"%.*s\": %s", (int)slice_head(what, 128).n, what.p,
		 why);
	for (char *c = err; *c; c++)
		if ((unsigned char)*c < ' ' || *c == '\x7f')
			*c = '?';
	return -1;
}

/* The account of that name, if it is one that can be changed. */
static struct account *
find_user(const struct accounts_table *t, struct slice name, char err[512])
{
	struct account *found = accounts_table_find(t, name);

	if (slice_eq_str(name, ACCOUNTS_ROOT))
		refuse(err, "root comes from the settings (docs/accounts.md)",
		       name);
	else if (!found)
		refuse(err, "there is no such user", name);
	return found;
}

static bool
is_number_taken(const struct accounts *a, const struct accounts_table *t,
		const char *number)
{
	char other[ACCOUNT_NUMBER_MAX];

	account_number(slice_str(a->root.id), other);
	if (strcmp(number, other) == 0)
		return true;
	for (size_t i = 0; i < t->n_accounts; i++) {
		account_number(slice_str(t->accounts[i].id), other);
		if (strcmp(number, other) == 0)
			return true;
	}
	return false;
}

static void
new_id(char out[ACCOUNT_ID_MAX])
{
	uint8_t r[(ACCOUNT_ID_MAX - 1) / 2];

	random_bytes(r, sizeof(r));
	hex_encode(r, sizeof(r), out);
}

/* The account that the specification asks for, into the table. */
static int
insert_account(const struct accounts *a, struct accounts_table *t,
	       const struct account_spec *spec, struct account_made *out,
	       char err[512])
{
	struct slice display =
	    spec->display_name.n ? spec->display_name : spec->name;
	struct account account = { .created_us = time_now_us() };
	const char *fault = account_name_fault(spec->name);

	if (fault)
		return refuse(err, fault, spec->name);
	if (slice_eq_str(spec->name, ACCOUNTS_ROOT) ||
	    accounts_table_find(t, spec->name))
		return refuse(err, "there is a user of that name", spec->name);
	fault = spec->id.n ? account_id_fault(spec->id) : NULL;
	if (fault)
		return refuse(err, fault, spec->id);
	fault = account_display_fault(display);
	if (fault)
		return refuse(err, fault, display);
	if (t->n_accounts == ACCOUNTS_LIMIT)
		return refuse(err, "there are too many users", spec->name);
	snprintf(account.name, sizeof(account.name), "%.*s",
		 SLICE_ARG(spec->name));
	snprintf(account.display_name, sizeof(account.display_name), "%.*s",
		 SLICE_ARG(display));
	if (spec->id.n)
		snprintf(account.id, sizeof(account.id), "%.*s",
			 SLICE_ARG(spec->id));
	else
		new_id(account.id);
	account_number(slice_str(account.id), out->number);
	if (is_number_taken(a, t, out->number))
		return refuse(err, "that id, or its account number, is taken",
			      slice_str(account.id));
	memcpy(out->id, account.id, sizeof(out->id));
	memcpy(out->display_name, account.display_name,
	       sizeof(out->display_name));
	accounts_table_insert(t, &account);
	return 0;
}

static int
check_pair(const struct accounts *a, const struct accounts_table *t,
	   const struct account_spec *spec, char err[512])
{
	const char *fault;

	if (t->n_keys == ACCOUNTS_KEYS_LIMIT)
		return refuse(err, "there are too many keys", spec->name);
	if (!spec->access_key.n && !spec->secret_key.n)
		return 0;
	if (!spec->access_key.n || !spec->secret_key.n) {
		snprintf(err, 512,
			 "give both an access key and its secret key, or "
			 "neither");
		return -1;
	}
	fault = access_key_fault(spec->access_key);
	if (fault)
		return refuse(err, fault, spec->access_key);
	if (accounts_is_root_key(a, spec->access_key) ||
	    accounts_table_find_key(t, spec->access_key))
		return refuse(err, "that access key is taken",
			      spec->access_key);
	fault = secret_key_fault(spec->secret_key);
	if (fault)
		snprintf(err, 512, "%s", fault); /* without the secret */
	return fault ? -1 : 0;
}

static int
insert_key(const struct accounts *a, struct accounts_table *t,
	   const struct account_spec *spec, struct account_made *out,
	   char err[512])
{
	struct account_key k = { .created_us = time_now_us() };

	if (check_pair(a, t, spec, err) != 0)
		return -1;
	if (spec->access_key.n) {
		snprintf(k.access_key, sizeof(k.access_key), "%.*s",
			 SLICE_ARG(spec->access_key));
		snprintf(k.secret_key, sizeof(k.secret_key), "%.*s",
			 SLICE_ARG(spec->secret_key));
	} else {
		credentials_new_pair(k.access_key, k.secret_key);
	}
	snprintf(k.account, sizeof(k.account), "%.*s", SLICE_ARG(spec->name));
	memcpy(out->access_key, k.access_key, sizeof(out->access_key));
	memcpy(out->secret_key, k.secret_key, sizeof(out->secret_key));
	accounts_table_insert_key(t, &k);
	secret_wipe(&k, sizeof(k));
	return 0;
}

int
accounts_add(struct accounts *a, const struct account_spec *spec,
	     struct account_made *out, char err[512])
{
	struct accounts_table *t = change_begin(a, err);
	int rc = -1;

	*out = (struct account_made){ 0 };
	if (t && insert_account(a, t, spec, out, err) == 0)
		rc = insert_key(a, t, spec, out, err);
	return change_end(a, t, rc, err);
}

int
accounts_add_key(struct accounts *a, const struct account_spec *spec,
		 struct account_made *out, char err[512])
{
	struct accounts_table *t = change_begin(a, err);
	const struct account *account =
	    t ? find_user(t, spec->name, err) : NULL;
	int rc = -1;

	*out = (struct account_made){ 0 };
	if (account) {
		memcpy(out->id, account->id, sizeof(out->id));
		memcpy(out->display_name, account->display_name,
		       sizeof(out->display_name));
		account_number(slice_str(account->id), out->number);
		rc = insert_key(a, t, spec, out, err);
	}
	return change_end(a, t, rc, err);
}

int
accounts_remove(struct accounts *a, struct slice name, char err[512])
{
	struct accounts_table *t = change_begin(a, err);
	struct account *account = t ? find_user(t, name, err) : NULL;

	if (account)
		accounts_table_remove(t, account);
	return change_end(a, t, account ? 0 : -1, err);
}

int
accounts_remove_key(struct accounts *a, struct slice name,
		    struct slice access_key, char err[512])
{
	struct accounts_table *t = change_begin(a, err);
	const struct account *account = t ? find_user(t, name, err) : NULL;
	struct account_key *k = NULL;

	if (account) {
		k = accounts_table_find_key(t, access_key);
		if (k && strcmp(k->account, account->name) != 0)
			k = NULL;
		if (k)
			accounts_table_remove_key(t, k);
		else
			refuse(err, "that user has no such access key",
			       access_key);
	}
	return change_end(a, t, k ? 0 : -1, err);
}
