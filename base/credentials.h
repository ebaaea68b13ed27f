/*
 * credentials.h - DATA/credentials: the secrets Reelgate makes for itself at
 * its first start, read by conf_load(). Threads: any.
 */
#ifndef BASE_CREDENTIALS_H
#define BASE_CREDENTIALS_H

#include "base/slice.h"

#define CREDENTIALS_ACCESS_KEY_MAX 21 /* 20 characters and NUL */
#define CREDENTIALS_SECRET_KEY_MAX 41

/*
 * credentials_create - makes DATA/credentials (0600) when absent, with a
 * fresh root pair, JWT secret, job token, webhook secret and master key. An
 * existing file is left alone, but for a master key that an older release did
 * not make: it is added. Call before conf_load(). 0, or -1 with one line in
 * err.
 */
int MUST_CHECK credentials_create(const char *data_dir, char err[512]);
/* DATA/credentials into out (PATH_MAX bytes). */
void credentials_path(const char *data_dir, char *out, size_t size);
/* A fresh pair in AWS's form; wipe the secret when it is no longer needed. */
void credentials_new_pair(char access_key[CREDENTIALS_ACCESS_KEY_MAX],
			  char secret_key[CREDENTIALS_SECRET_KEY_MAX]);

#endif
