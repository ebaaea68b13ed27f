/*
 * credentials.h - DATA/credentials: the secrets Reelgate makes for itself at
 * its first start, read by conf_load(). Threads: any.
 */
#ifndef BASE_CREDENTIALS_H
#define BASE_CREDENTIALS_H

#include "base/slice.h"

/*
 * credentials_create - makes DATA/credentials (0600) when absent, with a
 * fresh root pair, JWT secret, job token and webhook secret. An existing file
 * is left alone. Call before conf_load(). 0, or -1 with one line in err.
 */
int MUST_CHECK credentials_create(const char *data_dir, char err[512]);
/* DATA/credentials into out (PATH_MAX bytes). */
void credentials_path(const char *data_dir, char *out, size_t size);

#endif
