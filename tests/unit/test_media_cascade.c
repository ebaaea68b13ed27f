/*
 * Cascades: the reader on good and bad XML, windows on pictures with a spot,
 * the glance in which faces are looked for, what is kept of them.
 */
#include "tests/unit/media_feed.h"
#include "base/io.h"
#include "processor/media/vision/faces.h"

/* One stage of one pattern: the middle cell is brighter than all others. */
static const char good[] =
    "<?xml version=\"1.0\"?>\n<!-- a spot -->\n<opencv_storage>\n"
    "<cascade type_id=\"x\"><stageType>BOOST</stageType>"
    "<featureType>LBP</featureType><height>12</height><width>12</width>"
    "<stageParams><maxDepth>1</maxDepth></stageParams>"
    "<stageNum>1</stageNum><stages><!-- one --><_>"
    "<maxWeakCount>1</maxWeakCount><stageThreshold>0.</stageThreshold>"
    "<weakClassifiers><_><internalNodes>\n 0 -1 1 1 0 0 0 0 0 0\n"
    " 0</internalNodes><leafValues> 1. -1.0e+000</leafValues></_>"
    "</weakClassifiers></_></stages><features><_><rect>0 0 2 2</rect></_>"
    "<_><rect> 0 0 4 4</rect></_></features></cascade></opencv_storage>\n";

/* The document with @from replaced by @to. */
static struct cascade *
read_changed(const char *from, const char *to)
{
	struct buf doc = BUF_INIT;
	const char *at = strstr(good, from);
	struct cascade *c;

	assert_non_null(at);
	buf_add(&doc, good, (size_t)(at - good));
	buf_puts(&doc, to);
	buf_puts(&doc, at + strlen(from));
	assert_true(buf_ok(&doc));
	c = cascade_read(buf_slice(&doc));
	buf_release(&doc);
	return c;
}

static void
test_cascade_read_keeps_what_the_document_says(void **state)
{
	struct cascade *c = cascade_read(slice_str(good));

	(void)state;
	assert_non_null(c);
	assert_int_equal(c->w, 12);
	assert_int_equal(c->h, 12);
	assert_int_equal(c->n_stages, 1);
	assert_int_equal(c->stages[0].first, 0);
	assert_int_equal(c->stages[0].end, 1);
	assert_int_equal(c->weak[0].cell.w, 4);
	for (int i = 0; i < 256; i++)
		assert_true(c->weak[0].value[i] == (i == 0 ? 1.0f : -1.0f));
	free(c);
}

static void
test_cascade_read_refuses_what_does_not_fit(void **state)
{
	static const char *const changes[][2] = {
		{ "BOOST", "TREE" },
		{ "LBP", "HAAR" },
		{ "<width>12", "<width>0" },
		{ "<width>12", "<width>65" },
		{ "<width>12", "<width>11" }, /* a cell sticks out */
		{ "<width>12", "<width>12.5" },
		{ "<width>12</width>", "" },
		{ "0 -1 1 1", "0 -1 2 1" }, /* no such cell */
		{ "0 -1 1 1", "0 -1 -1 1" },
		{ "0 -1 1 1", "1 -1 1 1" },   /* a deeper tree */
		{ "0 -1 1 1", "0 -1 1 1 0" }, /* one number too many */
		{ "0 -1 1 1", "0 -1 1" },     /* one too few */
		{ "0 -1 1 1", "0 -1 1 4294967296" },
		{ "0 -1 1 1", "0 -1 1 x" },
		{ "1. -1.0e+000", "1." },
		{ "1. -1.0e+000", "inf 1" },
		{ "1. -1.0e+000", "1e9 1" },
		{ "<stageThreshold>0.</stageThreshold>", "" },
		{ "<stageThreshold>0.", "<stageThreshold>nan" },
		{ "0 0 4 4", "0 0 5 4" },
		{ "0 0 4 4", "0 0 0 4" },
		{ "0 0 4 4", "1 0 4 4" },
		{ "0 0 4 4", "-1 0 4 4" },
		{ "</features>", "" },
		{ "<opencv_storage>", "<!DOCTYPE a><opencv_storage>" },
		{ "<leafValues> 1. -1.0e+000</leafValues>", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++)
		if (read_changed(changes[i][0], changes[i][1]))
			fail_msg("%s as %s", changes[i][0], changes[i][1]);
	assert_null(cascade_read(SLICE_EMPTY));
}

/* Cells whose sums would not fit into sixteen bits. */
static void
test_cascade_read_refuses_cells_that_are_too_large(void **state)
{
	struct buf doc = BUF_INIT;
	struct cascade *c;
	int sides[][2] = { { 16, 1 }, { 17, 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		int side = sides[i][0];

		buf_clear(&doc);
		buf_printf(&doc,
			   "<opencv_storage><cascade>"
			   "<stageType>BOOST</stageType>"
			   "<featureType>LBP</featureType>"
			   "<height>60</height><width>60</width><stages><_>"
			   "<stageThreshold>0</stageThreshold>"
			   "<weakClassifiers><_><internalNodes>"
			   "0 -1 0 1 0 0 0 0 0 0 0</internalNodes>"
			   "<leafValues>1 -1</leafValues></_>"
			   "</weakClassifiers></_></stages><features><_>"
			   "<rect>0 0 %d %d</rect></_></features></cascade>"
			   "</opencv_storage>",
			   side, side);
		c = cascade_read(buf_slice(&doc));
		assert_int_equal(c != NULL, sides[i][1]);
		free(c);
	}
	buf_release(&doc);
}

enum { W = 120, H = 90 };

/* A round spot of @level on grey. */
static void
draw_spot(uint8_t *picture, double cx, double cy, double radius, int level)
{
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++) {
			double dx = (x + 0.5 - cx) / radius;
			double dy = (y + 0.5 - cy) / radius;

			picture[y * W + x] =
			    (uint8_t)(100 + (level - 100) *
						exp(-(dx * dx + dy * dy)));
		}
}

static void
test_cascade_find_finds_one_place_at_any_size(void **state)
{
	static const double spots[][3] = {
		{ 60, 42, 4 }, { 20, 20, 4 }, { 61, 44, 8 }, { 70, 50, 12 }
	};
	struct cascade *c = cascade_read(slice_str(good));
	struct cascade_room *room = cascade_room_new();
	uint8_t *picture = malloc(W * H);
	struct cascade_box box[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(spots); i++) {
		double x = spots[i][0], y = spots[i][1], r = spots[i][2];

		draw_spot(picture, x, y, r, 220);
		assert_true(cascade_find(c, room, picture, W, H, box, 4) >= 1);
		/* It is in the middle cell. */
		assert_true(fabs((double)(box[0].x + box[0].w / 2) * W - x) <=
			    (double)box[0].w * W / 6);
		assert_true(fabs((double)(box[0].y + box[0].h / 2) * H - y) <=
			    (double)box[0].h * H / 6);
		draw_spot(picture, x, y, r, 10);
		assert_int_equal(cascade_find(c, room, picture, W, H, box, 4),
				 0);
	}
	free(picture);
	free(room);
	free(c);
}

static void
test_cascade_find_takes_any_shape_of_picture(void **state)
{
	static const int shapes[][2] = {
		{ 1, 1 },    { 12, 12 },  { 640, 13 },
		{ 13, 640 }, { 11, 640 }, { 640, 640 }
	};
	struct cascade *c = cascade_read(slice_str(good));
	struct cascade_room *room = cascade_room_new();
	uint8_t *picture = malloc(GLANCE_SIDE * GLANCE_SIDE);
	struct cascade_box box[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		int w = shapes[i][0], h = shapes[i][1];
		size_t n;

		for (int k = 0; k < w * h; k++)
			picture[k] = (uint8_t)((unsigned)k * 2654435761u >> 24);
		n = cascade_find(c, room, picture, w, h, box, 8);
		assert_true(n <= 8);
		for (size_t k = 0; k < n; k++) {
			assert_true(box[k].x >= 0 && box[k].y >= 0);
			assert_true(box[k].x + box[k].w <= 1.01f);
			assert_true(box[k].y + box[k].h <= 1.01f);
		}
	}
	free(picture);
	free(room);
	free(c);
}

/* The cascade of Debian's package, where it is installed, is one we read. */
static void
test_cascade_read_takes_the_installed_one(void **state)
{
	struct buf xml = BUF_MAX(CASCADE_BYTES_MAX);
	struct cascade *c;

	(void)state;
	if (io_read_file("/usr/share/opencv4/lbpcascades/"
			 "lbpcascade_frontalface_improved.xml",
			 &xml) != 0)
		skip();
	c = cascade_read(buf_slice(&xml));
	assert_non_null(c);
	assert_int_equal(c->w, 45);
	assert_int_equal(c->n_stages, 19);
	assert_int_equal(c->stages[18].end, 149);
	free(c);
	buf_release(&xml);
}

/* ---- glances ------------------------------------------------------------ */

/* A frame whose left upper quarter is bright. */
static AVFrame *
corner(int w, int h, enum AVPixelFormat format)
{
	AVFrame *f = av_frame_alloc();

	f->width = w;
	f->height = h;
	f->format = format;
	assert_int_equal(av_frame_get_buffer(f, 0), 0);
	for (int y = 0; y < h; y++)
		for (int x = 0; x < w; x++) {
			int v = x < w / 2 && y < h / 2 ? 200 : 50;

			if (format == AV_PIX_FMT_GRAY10)
				((uint16_t *)(void *)(f->data[0] +
						      y * f->linesize[0]))[x] =
				    (uint16_t)(v << 2 | 3);
			else
				f->data[0][y * f->linesize[0] + x] = (uint8_t)v;
		}
	return f;
}

/* Whether the bright corner is right, and below. */
static void
assert_corner(const struct glance *g, bool right, bool below)
{
	int x = g->w / 4, y = g->h / 4;

	for (int i = 0; i < 4; i++) {
		bool r = i & 1, b = i & 2;
		int v = g->y[(b ? g->h - 1 - y : y) * g->w +
			     (r ? g->w - 1 - x : x)];

		assert_int_equal(v, r == right && b == below ? 200 : 50);
	}
}

static void
test_glance_take_has_the_shape_of_the_shown_picture(void **state)
{
	static const struct {
		int w, h;
		AVRational sar;
		struct turn turn;
		int to_w, to_h;
		bool right, below;
	} cases[] = {
		{ 64, 36, { 1, 1 }, { 0, 0, 0 }, 64, 36, 0, 0 },
		{ 1280, 720, { 1, 1 }, { 0, 0, 0 }, 640, 360, 0, 0 },
		{ 1920, 1080, { 0, 1 }, { 1, 0, 1 }, 360, 640, 0, 1 },
		{ 1920, 1080, { 1, 1 }, { 0, 1, 1 }, 640, 360, 1, 1 },
		{ 3840, 2160, { 1, 1 }, { 1, 1, 0 }, 360, 640, 1, 0 },
		{ 720, 576, { 64, 45 }, { 0, 0, 0 }, 640, 360, 0, 0 },
		{ 854, 480, { 1, 1 }, { 0, 0, 0 }, 640, 360, 0, 0 },
		{ 320, 200, { 2, 1 }, { 0, 0, 0 }, 640, 200, 0, 0 },
		{ 4000, 16, { 1, 1 }, { 0, 0, 0 }, 640, 3, 0, 0 },
	};
	struct glance *g = malloc(sizeof(*g));

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (int deep = 0; deep < 2; deep++) {
			AVFrame *f =
			    corner(cases[i].w, cases[i].h,
				   deep ? AV_PIX_FMT_GRAY10 : AV_PIX_FMT_GRAY8);

			assert_true(
			    glance_take(g, f, cases[i].sar, cases[i].turn));
			assert_int_equal(g->w, cases[i].to_w);
			assert_int_equal(g->h, cases[i].to_h);
			if (g->h > 3)
				assert_corner(g, cases[i].right,
					      cases[i].below);
			av_frame_free(&f);
		}
	free(g);
}

/* ---- faces -------------------------------------------------------------- */

/* A spot for @seconds, one look in each, every picture another one. */
static cJSON *
look_for_spots(int seconds, struct analysis *a)
{
	struct glance *glance = calloc(1, sizeof(*glance));
	struct grid *grid = calloc(1, sizeof(*grid));
	struct video_frame f = { .grid = grid, .glance = glance };
	void *self = analyser_faces.start(NULL);
	struct job job = { 0 };
	cJSON *doc;

	glance->w = W;
	glance->h = H;
	draw_spot(glance->y, 60, 42, 4, 220);
	grid->w = grid->h = 1;
	for (int i = 0; i < seconds; i++) {
		grid->y[0] = i & 1 ? 200 : 20;
		f.time = i + 0.5;
		assert_int_equal(analyser_faces.on_video(self, &job, &f), 0);
		f.number++;
	}
	doc = feed_finish(&analyser_faces, self, a);
	free(glance);
	free(grid);
	return doc;
}

static void
test_faces_of_a_long_file_are_thinned_out(void **state)
{
	struct cascade *c = cascade_read(slice_str(good));
	struct analysis a = { 0 };

	(void)state;
	faces_use(c);
	cJSON_Delete(look_for_spots(2500, &a));
	assert_int_equal(a.found.n_faces, 2500);
	for (size_t i = 0; i < 2500; i++)
		assert_true(a.found.faces[i] == 1);
	/* Every second one. */
	assert_int_equal(a.found.n_face_boxes, 1250);
	for (size_t i = 0; i < 1250; i++)
		assert_true(a.found.face_boxes[i].time == 2.0 * i + 0.5);
	findings_release(&a.found);
	faces_use(NULL);
	free(c);
}

static void
test_faces_are_unknown_without_a_cascade(void **state)
{
	struct analysis a = { 0 };
	cJSON *doc = look_for_spots(3, &a);

	(void)state;
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(doc, "faces")));
	assert_int_equal(a.found.n_faces, 0);
	cJSON_Delete(doc);
	findings_release(&a.found);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_cascade_read_keeps_what_the_document_says),
		cmocka_unit_test(test_cascade_read_refuses_what_does_not_fit),
		cmocka_unit_test(
		    test_cascade_read_refuses_cells_that_are_too_large),
		cmocka_unit_test(test_cascade_find_finds_one_place_at_any_size),
		cmocka_unit_test(test_cascade_find_takes_any_shape_of_picture),
		cmocka_unit_test(test_cascade_read_takes_the_installed_one),
		cmocka_unit_test(test_faces_of_a_long_file_are_thinned_out),
		cmocka_unit_test(test_faces_are_unknown_without_a_cascade),
		cmocka_unit_test(
		    test_glance_take_has_the_shape_of_the_shown_picture),
	};

	return cmocka_run_group_tests_name("media_cascade", tests, NULL, NULL);
}
