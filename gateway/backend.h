/*
 * backend.h - the store that the gateway serves, as the settings have it: on
 * this machine's disk, or in another S3 with its journal here.
 */
#ifndef GATEWAY_BACKEND_H
#define GATEWAY_BACKEND_H

#include "auth/auth.h"
#include "base/conf.h"
#include "base/hash.h"
#include "store/store.h"

struct backend {
	struct store *store;
	struct auth_signer signer; /* of requests to the other S3 */
	/* Root's account: as stable as what holds the objects, so of one other
	 * S3 the same at each gateway before it. */
	char root_id[SHA256_HEX_MAX];
};

/* @conf outlives it. 0, or -1 with one line for the user in err. Always end
 * with backend_close(). */
int MUST_CHECK backend_open(struct backend *b, const struct conf *conf,
			    char err[512]);
/* Root's account id where this local store is served by itself. 0 or -1. */
int MUST_CHECK backend_root_of_local(struct store *local,
				     char out[SHA256_HEX_MAX], char err[512]);
void backend_close(struct backend *b);

#endif
