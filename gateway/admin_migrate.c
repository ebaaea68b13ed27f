/*
 * migrate start|status|stop: the migration of the running gateway.
 */
#include "gateway/admin_command.h"
#include "base/json_write.h"

static int
refuse(struct admin_command *c, const char *why)
{
	snprintf(c->err, sizeof(c->err), "%s", why);
	return -1;
}

int
admin_migrate_start(struct admin_command *c)
{
	const cJSON *r = c->request;
	const char *to = json_str(r, "to");
	struct migration_ask ask = {
		.endpoint = json_str(r, "endpoint"),
		.region = json_str(r, "region"),
		.access_key = json_str(r, "access_key"),
		.secret_key = json_str(r, "secret_key"),
		.session_token = json_str(r, "session_token"),
		.addressing_style = json_str(r, "addressing_style"),
		.ca_file = json_str(r, "ca_file"),
		.bucket = admin_argument(c, "bucket"),
		.prefix = admin_argument(c, "prefix"),
		.dry_run = json_bool(r, "dry_run", false),
		.verify_only = json_bool(r, "verify_only", false),
		.remove_extra = json_bool(r, "remove_extra", false),
		.restart = json_bool(r, "restart", false),
		.remove_source = json_bool(r, "remove_source", false),
	};
	int64_t rate = 0;

	if (!to || !ask.endpoint || !ask.region || !ask.access_key ||
	    !ask.secret_key || !ask.session_token || !ask.addressing_style ||
	    !ask.ca_file)
		return refuse(c, "where to, and all of the other S3, are "
				 "needed");
	if (json_int(r, "rate", &rate) && rate < 0)
		return refuse(c, "no such rate");
	ask.to_s3 = strcmp(to, "s3") == 0;
	ask.rate = (uint64_t)rate;
	return migration_start(c->conf->migration, &ask, c->err);
}

int
admin_migrate_stop(struct admin_command *c)
{
	migration_stop(c->conf->migration);
	return 0;
}

int
admin_migrate_status(struct admin_command *c)
{
	static const char *const names[] = {
#define X(name) [MIGRATE_##name] = #name,
		MIGRATE_COUNTS(X)
#undef X
	};
	struct migrate_status st;
	struct buf *b = c->answer;
	bool switched;

	migration_status(c->conf->migration, &st, &switched);
	json_put_str(b, "phase", migrate_phase_name(st.phase));
	json_put_bool(b, "running", migrate_is_running(st.phase));
	json_put_bool(b, "switched", switched);
	json_put_bool(b, "settled", st.settled);
	json_put_u64(b, "pass", st.pass);
	for (size_t i = 0; i < MIGRATE_COUNT; i++)
		json_put_u64(b, names[i], st.count[i]);
	json_open_array(b, "notes");
	for (size_t i = 0; i < st.n_notes; i++)
		json_put_str(b, NULL, st.notes[i]);
	json_close_array(b);
	if (st.phase == MIGRATE_FAILED)
		json_put_str(b, "reason", st.err);
	return 0;
}
