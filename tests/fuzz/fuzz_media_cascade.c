/*
 * The XML of cascades: what is accepted keeps its bounds, and may be asked
 * about a picture.
 */
#include "processor/media/vision/cascade.h"
#include "tests/fuzz/fuzz.h"

enum { W = 48, H = 40 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cascade_room *room;
	struct cascade *c = cascade_read(slice_mem(data, size));
	struct cascade_box box[4];
	uint8_t picture[W * H];
	size_t n;

	if (!c)
		return 0;
	REQUIRE(c->w >= 3 && c->w <= CASCADE_SIDE_MAX);
	REQUIRE(c->h >= 3 && c->h <= CASCADE_SIDE_MAX);
	REQUIRE(c->n_stages > 0 && c->n_stages <= CASCADE_STAGES_MAX);
	for (int i = 0; i < c->n_stages; i++) {
		const struct cascade_stage *s = &c->stages[i];

		REQUIRE(s->first < s->end && s->end <= CASCADE_WEAK_MAX);
		for (int k = s->first; k < s->end; k++) {
			struct cascade_cell cell = c->weak[k].cell;

			REQUIRE(cell.x + 3 * cell.w <= c->w);
			REQUIRE(cell.y + 3 * cell.h <= c->h);
		}
	}
	if (!room)
		room = cascade_room_new();
	if (!room)
		abort();
	for (int i = 0; i < W * H; i++)
		picture[i] = (uint8_t)(i * 2654435761u >> 24);
	n = cascade_find(c, room, picture, W, H, box, 4);
	REQUIRE(n <= 4);
	for (size_t i = 0; i < n; i++)
		REQUIRE(box[i].w > 0 && box[i].h > 0 && box[i].x < 1);
	free(c);
	return 0;
}
