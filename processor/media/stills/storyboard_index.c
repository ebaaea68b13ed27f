/*
 * Files are named by their plain names: they lie beside the index.
 */
#include "processor/media/stills/storyboard_index.h"

#include <math.h>

/* hh:mm:ss.mmm */
static void
put_stamp(struct buf *b, double seconds)
{
	int64_t ms = llround(seconds * 1000);

	buf_printf(b, "%02d:%02d:%02d.%03d", (int)(ms / 3600000),
		   (int)(ms / 60000 % 60), (int)(ms / 1000 % 60),
		   (int)(ms % 1000));
}

static void
put_vtt(struct buf *b, const struct storyboard *sb, double end)
{
	const struct sprites *s = &sb->sprites;

	buf_puts(b, "WEBVTT\n");
	for (int i = 0; i < s->n; i++) {
		struct sprite at = sprites_place(s, i);

		buf_putc(b, '\n');
		put_stamp(b, i * sb->interval);
		buf_puts(b, " --> ");
		put_stamp(b, fmin((i + 1) * sb->interval, end));
		buf_printf(b, "\n" STORYBOARD "-%d.jpg#xywh=%d,%d,%d,%d\n",
			   at.sheet + 1, at.x, at.y, s->tile.w, s->tile.h);
	}
}

static void
put_sprites(struct buf *b, const struct sprites *s)
{
	char name[OUTPUT_NAME_MAX];

	json_open_array(b, "sprites");
	for (int i = 0; i < sprites_sheets(s); i++) {
		struct picture_size size = sprites_size(s, i);

		snprintf(name, sizeof(name), STORYBOARD "-%d.jpg", i + 1);
		json_open_object(b, NULL);
		json_put_str(b, "file", name);
		json_put_int(b, "width", size.w);
		json_put_int(b, "height", size.h);
		json_close_object(b);
	}
	json_close_array(b);
}

/* What the analysis document tells, too. */
static void
put_facts(struct buf *b, const struct storyboard *sb)
{
	json_put_num(b, "interval", sb->interval);
	json_put_int(b, "tile_width", sb->sprites.tile.w);
	json_put_int(b, "tile_height", sb->sprites.tile.h);
	json_put_int(b, "columns", SPRITE_SIDE);
	json_put_int(b, "rows", SPRITE_SIDE);
	put_sprites(b, &sb->sprites);
}

static void
put_json(struct buf *b, const struct storyboard *sb, double end)
{
	json_open_object(b, NULL);
	json_put_num(b, "duration", round_to(end, 3));
	put_facts(b, sb);
	json_open_array(b, "tiles");
	for (int i = 0; i < sb->sprites.n; i++) {
		struct sprite at = sprites_place(&sb->sprites, i);

		json_open_object(b, NULL);
		json_put_num(b, "start", round_to(i * sb->interval, 3));
		json_put_int(b, "sprite", at.sheet);
		json_put_int(b, "x", at.x);
		json_put_int(b, "y", at.y);
		json_close_object(b);
	}
	json_close_array(b);
	json_close_object(b);
}

static int
write_text(struct job *job, struct outputs *out, const char *name,
	   const struct buf *text)
{
	struct output *o = output_named(out, name);

	if (!buf_ok(text))
		return job_fail(job, MEDIA_LIMIT, "out of memory");
	if (output_write(job, o, text->p, text->n) != 0)
		return -1;
	output_keep(o, STORYBOARD);
	return 0;
}

int
storyboard_index(const struct storyboard *sb, struct job *job,
		 struct outputs *out, double end, struct buf *json)
{
	struct buf text = BUF_INIT;
	int rc;

	put_vtt(&text, sb, end);
	rc = write_text(job, out, STORYBOARD ".vtt", &text);
	buf_clear(&text);
	put_json(&text, sb, end);
	if (rc == 0)
		rc = write_text(job, out, STORYBOARD ".json", &text);
	buf_release(&text);
	json_open_object(json, "storyboard");
	json_put_str(json, "vtt", STORYBOARD ".vtt");
	json_put_str(json, "json", STORYBOARD ".json");
	json_put_int(json, "tiles", sb->sprites.n);
	put_facts(json, sb);
	json_close_object(json);
	return rc;
}
