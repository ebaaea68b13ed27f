/*
 * jwks_source.h - where the keys of user tokens come from: a file or an
 * issuer's URL, read by a thread of its own, never by a request.
 *
 * A file is looked at each second and read again when it changed. A URL is
 * fetched at the start, then each refresh_s seconds, and at once when a token
 * names an unknown key, but for that reason at most each 30 seconds. When a
 * reading fails, the keys of the one before stay in force, one line is
 * logged, and it is tried again after 1, 2, 4... seconds, 60 at most.
 * Threads: any, but for stop.
 */
#ifndef AUTH_JWKS_SOURCE_H
#define AUTH_JWKS_SOURCE_H

#include "auth/jwks.h"

struct jwks_source_conf { /* texts are copied */
	const char *file; /* "": none; exactly one of the two is given */
	const char *url;  /* https, or http of this machine itself */
	unsigned refresh_s;
};

struct jwks_source;
/* NULL with one line for the user in err: a URL that is not allowed, a file
 * that cannot be read or is no JWK Set. A URL's server may be away. */
struct jwks_source *jwks_source_start(const struct jwks_source_conf *conf,
				      char err[512]);
struct jwks *jwks_source_keys(struct jwks_source *s);
/* NULL is fine; a fetch in flight ends first, after 5 s at most. */
void jwks_source_stop(struct jwks_source *s);

/* "https://..." or "http://" to localhost, 127.0.0.0/8 or [::1], without
 * user name and fragment. */
bool jwks_url_allowed(struct slice url);

#endif
