/*
 * The worker's request: what is accepted keeps every bound that the code
 * behind it relies on.
 */
#include "processor/media/job.h"
#include "processor/media/outputs.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct job job = { 0 };
	int64_t total = 0;

	if (job_take_request(&job, slice_mem(data, size)) == 0) {
		const struct request *r = &job.req;

		REQUIRE(r->kind && r->n_extents <= MEDIA_EXTENTS_MAX);
		for (size_t i = 0; i < r->n_extents; i++) {
			const struct extent *e = &r->extents[i];

			REQUIRE(e->fd == MEDIA_FD_INPUT ||
				e->fd > MEDIA_FD_RESULT);
			REQUIRE(e->start == total && e->size >= 0);
			REQUIRE(e->offset >= 0);
			total += e->size;
		}
		REQUIRE(total == r->size);
		REQUIRE(r->threads >= 1 && r->threads <= 64);
		REQUIRE(r->deadline_s > 0 && r->deadline_s <= JOB_SECONDS_MAX);
		REQUIRE(r->memory_bytes > 0);
		REQUIRE(r->n_clips <= MEDIA_CLIPS_MAX);
		for (size_t i = 0; i < r->n_clips; i++) {
			const struct clip_request *c = &r->clips[i];

			REQUIRE(c->id[0] && !strpbrk(c->id, "/."));
			REQUIRE(c->start >= 0 && c->end > c->start);
		}
	}
	job_release(&job);
	return 0;
}
