/*
 * lease.h - the local protocol by which a processor gets at an object without
 * a copy: a unix socket DATA/run/lease.sock of the gateway.
 *
 * Request: one JSON line  {"bucket":"b","key":"k","extents_max":N}\n  (UTF-8
 * keys, base64 in "key_b64" otherwise; at most LEASE_EXTENTS_MAX extents are
 * sent in any case). Answer: one JSON line
 *   {"size":N,"etag":"..","version_id":"..","extents":[{"offset":0,"size":N}]}
 * or {"error":"NoSuchKey"}; "EntityTooLarge": the object lies in more extents,
 * read it over HTTP; "BadDigest": a block of it is damaged. All bytes are
 * compared with their checksums first, as far as 3 s suffice. The descriptors
 * of the extents travel with the line's bytes by SCM_RIGHTS, read-only, in
 * order, at most LEASE_MESSAGE_FDS in one message; so the line may come in
 * several. An open descriptor survives deletion, so the lease ends when the
 * descriptors are closed. Peers must have the gateway's own uid or be root
 * (SO_PEERCRED). A connection that ends before its first byte asked whether a
 * gateway is there, and gets no answer. Both ends: gateway/lease.c serves,
 * processor/lease_client.c asks.
 */
#ifndef GATEWAY_LEASE_H
#define GATEWAY_LEASE_H

#include "store/store.h"

#define LEASE_EXTENTS_MAX 1024u
#define LEASE_MESSAGE_FDS 128u

struct lease_server;
/* NULL with one line in err (512 bytes) when the socket cannot be made. */
struct lease_server *lease_start(struct store *s, const char *socket_path,
				 char err[512]);
void lease_stop(struct lease_server *l); /* NULL is fine */

#endif
