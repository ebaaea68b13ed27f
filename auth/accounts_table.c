/*
 * Two sorted arrays. Accounts are few and change seldom, requests look keys
 * up all the time: arrays are copied for a change and searched by halving.
 */
#include "auth/accounts_table.h"

#include <stddef.h>

struct accounts_table *
accounts_table_new(size_t accounts, size_t keys)
{
	struct accounts_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->accounts = calloc(accounts + 1, sizeof(*t->accounts));
	t->keys = calloc(keys + 1, sizeof(*t->keys));
	if (t->accounts && t->keys)
		return t;
	accounts_table_free(t);
	return NULL;
}

struct accounts_table *
accounts_table_copy(const struct accounts_table *t)
{
	struct accounts_table *copy =
	    accounts_table_new(t->n_accounts + 1, t->n_keys + 1);

	if (!copy)
		return NULL;
	memcpy(copy->accounts, t->accounts,
	       t->n_accounts * sizeof(*t->accounts));
	memcpy(copy->keys, t->keys, t->n_keys * sizeof(*t->keys));
	copy->n_accounts = t->n_accounts;
	copy->n_keys = t->n_keys;
	return copy;
}

void
accounts_table_free(struct accounts_table *t)
{
	if (!t)
		return;
	if (t->keys)
		secret_wipe(t->keys, t->n_keys * sizeof(*t->keys));
	free(t->keys);
	free(t->accounts);
	free(t);
}

/*
 * The first of n rows that is not before @name; rows begin with their name.
 * Answers its index, and whether it is @name.
 */
static size_t
search(const void *rows, size_t n, size_t size, struct slice name, bool *found)
{
	size_t low = 0, high = n;

	*found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const char *row = (const char *)rows + mid * size;
		int order = slice_cmp(slice_str(row), name);

		if (order == 0)
			*found = true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static size_t
search_accounts(const struct accounts_table *t, struct slice name, bool *found)
{
	_Static_assert(offsetof(struct account, name) == 0, "searched by name");
	return search(t->accounts, t->n_accounts, sizeof(*t->accounts), name,
		      found);
}

static size_t
search_keys(const struct accounts_table *t, struct slice key, bool *found)
{
	_Static_assert(offsetof(struct account_key, access_key) == 0,
		       "searched by access key");
	return search(t->keys, t->n_keys, sizeof(*t->keys), key, found);
}

struct account *
accounts_table_find(const struct accounts_table *t, struct slice name)
{
	bool found;
	size_t i = search_accounts(t, name, &found);

	return found ? &t->accounts[i] : NULL;
}

struct account_key *
accounts_table_find_key(const struct accounts_table *t, struct slice access_key)
{
	bool found;
	size_t i = search_keys(t, access_key, &found);

	return found ? &t->keys[i] : NULL;
}

struct account *
accounts_table_find_id(const struct accounts_table *t, struct slice id)
{
	for (size_t i = 0; i < t->n_accounts; i++)
		if (slice_eq_str(id, t->accounts[i].id))
			return &t->accounts[i];
	return NULL;
}

void
accounts_table_insert(struct accounts_table *t, const struct account *a)
{
	bool found;
	size_t i = search_accounts(t, slice_str(a->name), &found);

	memmove(&t->accounts[i + 1], &t->accounts[i],
		(t->n_accounts++ - i) * sizeof(*a));
	t->accounts[i] = *a;
}

void
accounts_table_insert_key(struct accounts_table *t, const struct account_key *k)
{
	bool found;
	size_t i = search_keys(t, slice_str(k->access_key), &found);

	memmove(&t->keys[i + 1], &t->keys[i], (t->n_keys++ - i) * sizeof(*k));
	t->keys[i] = *k;
}

void
accounts_table_remove_key(struct accounts_table *t, struct account_key *k)
{
	size_t i = (size_t)(k - t->keys);

	memmove(k, k + 1, (--t->n_keys - i) * sizeof(*k));
	secret_wipe(&t->keys[t->n_keys], sizeof(*k));
}

void
accounts_table_remove(struct accounts_table *t, struct account *a)
{
	size_t i = (size_t)(a - t->accounts);

	for (size_t k = t->n_keys; k-- > 0;)
		if (strcmp(t->keys[k].account, a->name) == 0)
			accounts_table_remove_key(t, &t->keys[k]);
	memmove(a, a + 1, (--t->n_accounts - i) * sizeof(*a));
}
