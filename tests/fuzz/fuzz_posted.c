/*
 * Notifications of another S3: whatever comes in, at most so many events, each
 * with the texts that its kind promises; what it says of an object, said again
 * in the plain form of EventBridge, is read as the same.
 */
#include "base/json_write.h"
#include "gateway/api/posted.h"
#include "tests/fuzz/fuzz.h"

static void
check_again(const struct posted_event *e, struct arena *a)
{
	struct buf b = BUF_INIT;
	struct posted again;
	cJSON *doc;

	json_open_object(&b, NULL);
	json_put_str(&b, "detail-type", "Object Created");
	json_open_object(&b, "detail");
	json_open_object(&b, "bucket");
	json_put_str(&b, "name", e->bucket);
	json_close_object(&b);
	json_open_object(&b, "object");
	json_put_str(&b, "key", e->key);
	json_close_object(&b);
	json_close_object(&b);
	json_close_object(&b);
	REQUIRE(buf_ok(&b));
	doc = json_parse(buf_slice(&b));
	REQUIRE(doc && !posted_read(doc, a, &again) && again.n == 1);
	REQUIRE(again.events[0].kind == POSTED_CREATED);
	REQUIRE(!strcmp(again.events[0].key, e->key));
	REQUIRE(!strcmp(again.events[0].bucket, e->bucket));
	cJSON_Delete(doc);
	buf_release(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cJSON *doc = json_parse(slice_mem(data, size));
	struct posted posted;
	const char *why;
	struct arena a;

	if (!cJSON_IsObject(doc)) {
		cJSON_Delete(doc);
		return 0;
	}
	arena_init(&a, 16 << 20);
	why = posted_read(doc, &a, &posted);
	REQUIRE(!a.err && posted.n <= POSTED_MAX);
	for (size_t i = 0; !why && i < posted.n; i++) {
		const struct posted_event *e = &posted.events[i];

		if (e->kind != POSTED_CREATED && e->kind != POSTED_REMOVED)
			continue;
		REQUIRE(e->name && *e->bucket && *e->key);
		REQUIRE(slice_is_text(slice_str(e->key)));
		check_again(e, &a);
	}
	arena_release(&a);
	cJSON_Delete(doc);
	return 0;
}
