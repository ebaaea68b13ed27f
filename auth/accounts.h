/*
 * accounts.h - the S3 accounts of this gateway and their keys.
 *
 * An account has a canonical id, a display name, a name for the operator's
 * commands, and access keys. All but root stand in one file, DATA/accounts
 * (0600), in which secret keys are encrypted (AES-256-GCM) under keys derived
 * from REELGATE_MASTER_KEY; a change is durable before it is in effect, and
 * in effect when its function returns. Root comes from the settings and is
 * never written.
 * Threads: any, for all but open and close.
 */
#ifndef AUTH_ACCOUNTS_H
#define AUTH_ACCOUNTS_H

#include "auth/auth.h"

#define ACCOUNT_NAME_MAX 65 /* bytes, with NUL */
#define ACCOUNT_ID_MAX 65
#define ACCOUNT_DISPLAY_MAX 65
#define ACCOUNT_NUMBER_MAX 13
#define ACCOUNTS_ROOT "root" /* the name of root */

/* Bounds of the registry, so that file and answers are bounded too. */
#define ACCOUNTS_LIMIT 10000
#define ACCOUNTS_KEYS_LIMIT 20000

struct accounts;

struct accounts_conf {
	const char *path;	/* of the file; its folder exists */
	const char *master_key; /* REELGATE_MASTER_KEY, not empty */
	const char *root_id;
	const char *root_access_key; /* "": root has no key */
	const char *root_secret_key;
};

/*
 * accounts_open - reads the file; there need not be one. NULL with one line
 * for the operator in err, what to do included: unreadable, damaged, written
 * under another master key.
 */
struct accounts *accounts_open(const struct accounts_conf *conf, char err[512]);
void accounts_close(struct accounts *a); /* NULL is fine; secrets are wiped */

/* ---- for requests ----------------------------------------------------- */

/* The lookup of struct auth_keys, with a struct accounts as ctx. */
int accounts_lookup(void *accounts, struct slice access_key,
		    struct auth_key *out);
/* The display name of an account by its id; the id itself when there is no
 * such account (any more). */
void accounts_display_name(struct accounts *a, struct slice id,
			   char out[ACCOUNT_DISPLAY_MAX]);
/*
 * account_number - the 12 digits that stand for an account where AWS has its
 * account number (x-amz-expected-bucket-owner): an id of exactly 12 digits is
 * its own number; of any other it is the first 8 bytes of its SHA-256, as a
 * big-endian number, modulo 10^12.
 */
void account_number(struct slice id, char out[ACCOUNT_NUMBER_MAX]);

/* ---- for the operator ------------------------------------------------- */

/* What is wanted; an empty slice: made up (id and keys at random, the display
 * name from the name). Access key and secret are given both or neither. */
struct account_spec {
	struct slice name;	   /* 1..64 of A-Za-z0-9._@- */
	struct slice id;	   /* 1..64 of A-Za-z0-9_- */
	struct slice display_name; /* at most 64 bytes of UTF-8, no controls */
	struct slice access_key;   /* 3..128 of A-Za-z0-9._- */
	struct slice secret_key;   /* 8..127 printable ASCII characters */
};

/* What was made: wipe it. */
struct account_made {
	char id[ACCOUNT_ID_MAX];
	char number[ACCOUNT_NUMBER_MAX];
	char display_name[ACCOUNT_DISPLAY_MAX];
	char access_key[ACCESS_KEY_MAX];
	char secret_key[SECRET_KEY_MAX];
};

/* All return 0, or -1 with one line in err and nothing changed. Names, ids,
 * numbers and access keys are unique, root's included. */
int MUST_CHECK accounts_add(struct accounts *a, const struct account_spec *spec,
			    struct account_made *out, char err[512]);
int MUST_CHECK accounts_remove(struct accounts *a, struct slice name,
			       char err[512]);
/* Another key for spec->name; spec->id and display_name are not looked at. */
int MUST_CHECK accounts_add_key(struct accounts *a,
				const struct account_spec *spec,
				struct account_made *out, char err[512]);
int MUST_CHECK accounts_remove_key(struct accounts *a, struct slice name,
				   struct slice access_key, char err[512]);

struct account_key_view {
	struct slice access_key;
	int64_t created_us; /* 0: from the settings */
};
struct account_view {
	struct slice name;
	struct slice id;
	struct slice display_name;
	char number[ACCOUNT_NUMBER_MAX];
	int64_t created_us; /* 0: root */
	struct account_key_view *keys;
	size_t n_keys;
};
/* Root first, then by name; memory of @arena. -1 on memory shortage. */
int MUST_CHECK accounts_list(struct accounts *a, struct arena *arena,
			     struct account_view **out, size_t *n);

#endif
