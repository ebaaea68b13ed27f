/*
 * admin.h - the operator's commands on a running gateway: a unix socket
 * DATA/run/admin.sock.
 *
 * Request: one JSON line {"command":"user add","name":..., ...}, answer: one
 * JSON line, {"error":"what is wrong"} or
 *   user add     name, [id], [display_name], [access_key, secret_key]
 *   key add      name, [access_key, secret_key]
 *                -> {"name","id","number","display_name","access_key",
 *                    "secret_key"}
 *   user remove  name               -> {}
 *   key remove   name, access_key   -> {}
 *   user list    -> {"users":[{"name","id","number","display_name","created",
 *                    "keys":[{"access_key","created"}]}]}; [name]: that one
 *   backup       and with it a descriptor of an empty file, for the index
 *                -> {"deployment","epoch"} once it is written; the
 *                   blobs it refers to stay until the peer closes
 *   scrub start  [rate: bytes/s, 0: unbounded] -> {}
 *   scrub stop   -> {}
 *   scrub status [objects: whose the damage is] -> {"running","in_index",
 *                "rate","started","finished","next","passes","bytes",
 *                "bytes_of","blobs","damage":[{"text","place","block","found",
 *                "objects":[{"bucket","key","version_id","upload_id"}],
 *                "more_objects"}],"damage_lost"}
 *   events tail    after, max, wait_ms -> {"events":[record],"after"}: those
 *                  of the outbox behind "after", or the newest when it is
 *                  absent; waits for some
 *   events status  -> {"deployment","epoch","state","last_seq","acked_seq",
 *                  "lag","kept_from","database":{..} or null}
 *   events replay  seq -> {"seq","aside"}: that event is applied anew;
 *                  [after] -> {"seen","aside","gone","after"}: those put
 *                  aside, some at a time; "seen" is 0 at the end
 *   events resync  -> {"buckets":[name]}: those whose rules make videos;
 *                  bucket, prefix, after -> {"seen","matched","made","after"}:
 *                  a page of objects; "after" is null at the end
 *   migrate start  to: s3 or local, endpoint, region, access_key, secret_key,
 *                  addressing_style, ca_file, [bucket, prefix, rate: bytes/s,
 *                  dry_run, verify_only, remove_extra, restart] -> {}
 *   migrate stop   -> {}
 *   migrate status -> {"phase","running","switched","settled","pass", each
 *                  count of gateway/migrate.h, "notes":[line]}, and "reason"
 *                  of one that has failed
 * Root's "created" is null. Secret keys are in the answer that makes them and
 * in no other. Peers must have the gateway's own uid or be root.
 * Each peer has a thread and one command, so a long one holds up no other.
 * Both ends: gateway/admin_*.c serve, tools/admin.c and tools/cmd_backup.c ask.
 */
#ifndef GATEWAY_ADMIN_H
#define GATEWAY_ADMIN_H

#include "auth/accounts.h"
#include "gateway/migration.h"
#include "gateway/relay.h"

struct admin_server;
/* What the commands work on; all of it outlives the server. */
struct admin_conf {
	struct store *store;
	struct accounts *accounts;
	struct queue *queue;
	struct relay *relay;
	struct migration *migration;
	const char *region;
	const char *bucket; /* the default bucket */
};
/* NULL with one line in err (512 bytes). */
struct admin_server *admin_start(const struct admin_conf *conf,
				 const char *socket_path, char err[512]);
void admin_stop(struct admin_server *a); /* NULL is fine */

#endif
