/*
 * The median of the faces' middles, each with the weight of its area: it
 * stays with the one who fills the picture, and a box found by mistake does
 * not move it.
 */
#include "processor/clip_center.h"
#include "base/json_shape.h"

#define FACES_MAX 2000

struct face {
	double x, weight;
};

static int
by_place(const void *pa, const void *pb)
{
	const struct face *a = pa, *b = pb;

	return (a->x > b->x) - (a->x < b->x);
}

static bool
read_face(const cJSON *box, double start, double end, struct face *out)
{
	static const struct json_member members[] = {
		{ "time", JSON_NUMBER, true, 0, 86400 },
		{ "x", JSON_NUMBER, true, 0, 1 },
		{ "y", JSON_NUMBER, true, 0, 1 },
		{ "width", JSON_NUMBER, true, 0, 1 },
		{ "height", JSON_NUMBER, true, 0, 1 },
	};
	double t, x, w, h;

	if (!json_row_ok(box, members, ARRAY_LEN(members), false) ||
	    !json_num(box, "time", &t) || !json_num(box, "x", &x) ||
	    !json_num(box, "width", &w) || !json_num(box, "height", &h))
		return false;
	*out = (struct face){ .x = x + w / 2, .weight = w * h };
	return t >= start && t < end && out->weight > 0 && out->x <= 1;
}

static double
median(struct face *faces, size_t n)
{
	double half = 0, sum = 0;

	qsort(faces, n, sizeof(*faces), by_place);
	for (size_t i = 0; i < n; i++)
		half += faces[i].weight / 2;
	for (size_t i = 0; i < n; i++) {
		sum += faces[i].weight;
		if (sum >= half)
			return faces[i].x;
	}
	return 0.5;
}

double
clip_center_x(const cJSON *analysis, double start, double end)
{
	const cJSON *boxes =
	    json_member(json_member(analysis, "faces"), "boxes");
	struct face *faces = calloc(FACES_MAX, sizeof(*faces));
	const cJSON *box;
	double x = 0.5;
	size_t n = 0;

	if (!faces)
		return x;
	cJSON_ArrayForEach(box, boxes)
	{
		if (n < FACES_MAX && read_face(box, start, end, &faces[n]))
			n++;
	}
	if (n)
		x = median(faces, n);
	free(faces);
	return x;
}
