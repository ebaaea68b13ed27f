/*
 * scrub start|stop|status: the scrubber of the local store (store/care.h).
 */
#include "gateway/admin_command.h"
#include "base/json_write.h"

static int
refused(struct admin_command *c, enum s3_error err)
{
	if (err == S3_OK)
		return 0;
	snprintf(c->err, sizeof(c->err), "%s",
		 err == S3_ERR_NOT_IMPLEMENTED
		     ? "objects are kept elsewhere: there is nothing to scrub"
		     : "the store could not be read: see the gateway's log");
	return -1;
}

int
admin_scrub_start(struct admin_command *c)
{
	uint64_t rate = UINT64_MAX;
	int64_t asked;

	if (json_int(c->request, "rate", &asked)) {
		if (asked < 0) {
			snprintf(c->err, sizeof(c->err), "no such rate");
			return -1;
		}
		rate = (uint64_t)asked;
	}
	return refused(c, store_scrub_start(store_journal(c->store), rate));
}

int
admin_scrub_stop(struct admin_command *c)
{
	return refused(c, store_scrub_stop(store_journal(c->store)));
}

static void
put_damage(struct buf *b, const struct store_damage *d)
{
	json_open_object(b, NULL);
	json_put_str(b, "text", d->text);
	json_put_str(b, "place", d->place);
	json_put_u64(b, "block", d->block);
	json_put_time(b, "found", d->found_us);
	json_open_array(b, "objects");
	for (size_t i = 0; i < d->n_objects; i++) {
		const struct store_damaged_object *o = &d->objects[i];

		json_open_object(b, NULL);
		json_put_slice(b, "bucket", o->bucket);
		json_put_slice(b, "key", o->key);
		json_put_str(b, "version_id", o->version_id);
		json_put_str(b, "upload_id", o->upload_id);
		json_close_object(b);
	}
	json_close_array(b);
	json_put_bool(b, "more_objects", d->more_objects);
	json_close_object(b);
}

int
admin_scrub_status(struct admin_command *c)
{
	bool objects = json_bool(c->request, "objects", false);
	struct store_scrub_status st;
	struct buf *b = c->answer;

	if (refused(c, store_scrub_status(store_journal(c->store), objects,
					  &c->arena, &st)))
		return -1;
	json_put_bool(b, "journal", store_is_remote(c->store));
	json_put_bool(b, "running", st.running);
	json_put_bool(b, "in_index", st.in_index);
	json_put_u64(b, "rate", st.rate);
	json_put_time(b, "started", st.started_us);
	json_put_time(b, "finished", st.finished_us);
	json_put_time(b, "next", st.next_us);
	json_put_u64(b, "passes", st.passes);
	json_put_u64(b, "bytes", st.bytes);
	json_put_u64(b, "bytes_of", st.bytes_of);
	json_put_u64(b, "blobs", st.blobs);
	json_open_array(b, "damage");
	for (size_t i = 0; i < st.n_damage; i++)
		put_damage(b, &st.damage[i]);
	json_close_array(b);
	json_put_u64(b, "damage_lost", st.damage_lost);
	return 0;
}
