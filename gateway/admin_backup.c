/*
 * backup: the index goes into the peer's file, the blobs it names are held
 * back until the peer is gone.
 */
#include "gateway/admin_command.h"
#include "base/json_write.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>

/* Until the peer is gone, or the gateway ends. */
static void
wait_for_peer(const struct admin_command *c)
{
	struct pollfd p[2] = { { .fd = c->fd, .events = POLLIN },
			       { .fd = c->stop, .events = POLLIN } };

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
}

/*
 * The peer copies the blobs itself, with its own rights. What holds them back
 * is its connection: however it ends, they are let go.
 */
int
admin_backup(struct admin_command *c)
{
	struct store_info info;
	enum s3_error err;

	if (c->passed < 0) {
		snprintf(c->err, sizeof(c->err),
			 "a backup needs a file for the index");
		return -1;
	}
	log_info("backup_begun", "the index is being copied");
	err = store_backup_begin(store_journal(c->store), c->passed);
	if (err != S3_OK) {
		snprintf(c->err, sizeof(c->err), "the index was not copied: %s",
			 err == S3_ERR_INSUFFICIENT_STORAGE
			     ? "the disk of the backup is full"
			     : "see the gateway's log");
		return -1;
	}
	if (store_info(c->store, &info) == S3_OK) {
		json_put_str(c->answer, "deployment", info.deployment_id);
		json_put_str(c->answer, "epoch", info.epoch);
	}
	json_put_bool(c->answer, "journal", store_is_remote(c->store));
	if (admin_answer_early(c) == 0)
		wait_for_peer(c);
	store_backup_end(store_journal(c->store));
	log_info("backup_ended", "blobs are no longer held");
	return 0;
}
