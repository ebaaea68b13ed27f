/*
 * accounts_table.h - private to auth/: the accounts as two sorted arrays, the
 * file they stand in, and what the registry shares. A table is altered only
 * before others can see it.
 */
#ifndef AUTH_ACCOUNTS_TABLE_H
#define AUTH_ACCOUNTS_TABLE_H

#include "auth/accounts.h"
#include "auth/seal.h"

#include <pthread.h>

struct account {
	char name[ACCOUNT_NAME_MAX];
	char id[ACCOUNT_ID_MAX];
	char display_name[ACCOUNT_DISPLAY_MAX];
	int64_t created_us;
};

struct account_key {
	char access_key[ACCESS_KEY_MAX];
	char secret_key[SECRET_KEY_MAX];
	char account[ACCOUNT_NAME_MAX]; /* whose it is */
	int64_t created_us;
};

struct accounts_table {
	struct account *accounts; /* by name */
	size_t n_accounts;
	struct account_key *keys; /* by access key */
	size_t n_keys;
};

/* What accounts_file.c derives from the master key. */
struct accounts_secrets {
	uint8_t seal[SEAL_KEY_BYTES]; /* encrypts secret keys */
	uint8_t mac[SHA256_BYTES];    /* authenticates the file */
	char fingerprint[17];	      /* tells one master key from another */
};

/*
 * Shared state: table, under lock (requests read it, a change swaps it).
 * Changes take turns under change_lock, and write the file while requests go
 * on. Order: change_lock, then lock. The rest is read-only once opened.
 */
struct accounts {
	pthread_mutex_t change_lock;
	pthread_rwlock_t lock;
	struct accounts_table *table;
	struct accounts_secrets secrets;
	struct account root;
	struct account_key root_key;
	char *path;
};

/* ---- accounts.c --------------------------------------------------------- */

bool accounts_is_root_key(const struct accounts *a, struct slice access_key);

/* ---- accounts_table.c --------------------------------------------------- */

/* A copy with room for one more account and one more key; NULL: no memory. */
struct accounts_table *accounts_table_copy(const struct accounts_table *t);
/* Empty, with room for that many. */
struct accounts_table *accounts_table_new(size_t accounts, size_t keys);
void accounts_table_free(struct accounts_table *t); /* NULL is fine */

struct account *accounts_table_find(const struct accounts_table *t,
				    struct slice name);
struct account *accounts_table_find_id(const struct accounts_table *t,
				       struct slice id);
struct account_key *accounts_table_find_key(const struct accounts_table *t,
					    struct slice access_key);
/* There is room, and no such account or key yet. */
void accounts_table_insert(struct accounts_table *t, const struct account *a);
void accounts_table_insert_key(struct accounts_table *t,
			       const struct account_key *k);
/* The account and all its keys. */
void accounts_table_remove(struct accounts_table *t, struct account *a);
void accounts_table_remove_key(struct accounts_table *t, struct account_key *k);

/* ---- accounts_file.c ---------------------------------------------------- */

void accounts_secrets_derive(const char *master_key,
			     struct accounts_secrets *out);
/* NULL with one line in err; an empty table when there is no file. */
struct accounts_table *accounts_file_read(const char *path,
					  const struct accounts_secrets *s,
					  char err[512]);
int MUST_CHECK accounts_file_write(const char *path,
				   const struct accounts_secrets *s,
				   const struct accounts_table *t,
				   char err[512]);

/* ---- accounts_check.c: what may be in a table ---------------------------- */

/* NULL, or the words for what is wrong with it. */
const char *account_name_fault(struct slice name);
const char *account_id_fault(struct slice id);
const char *account_display_fault(struct slice display_name);
const char *access_key_fault(struct slice access_key);
const char *secret_key_fault(struct slice secret_key);

#endif
