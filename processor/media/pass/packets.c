/*
 * Counting packets as they pass. Nothing grows: the curve keeps its number of
 * points and becomes coarser.
 */
#include "processor/media/pass/packets.h"
#include "processor/media/job.h"

#include <math.h>

void
packets_init(struct packets *p)
{
	*p = (struct packets){ .step = 1 };
}

/* ---- groups of pictures ------------------------------------------------- */

static void
end_group(struct gops *g, double time)
{
	if (g->n == 0)
		return;
	g->open += g->leads;
	g->min = g->min && g->min < g->frames ? g->min : g->frames;
	g->max = g->max > g->frames ? g->max : g->frames;
	g->sum += g->frames;
	g->longest = fmax(g->longest, time - g->start);
}

static void
add_picture(struct gops *g, const AVPacket *packet, double time)
{
	if (packet->flags & AV_PKT_FLAG_KEY) {
		end_group(g, time);
		g->n++;
		g->frames = 0;
		g->key = packet->pts;
		g->start = time;
		g->leads = false;
	} else if (packet->pts != AV_NOPTS_VALUE && g->key != AV_NOPTS_VALUE &&
		   packet->pts < g->key) {
		g->leads = true;
	}
	g->frames++;
}

/* ---- the curve ---------------------------------------------------------- */

static void
widen(struct packets *p)
{
	for (int k = 0; k < 2; k++) {
		double *v = p->points[k];

		for (size_t i = 0; i < BIT_RATE_POINTS / 2; i++)
			v[i] = v[2 * i] + v[2 * i + 1];
		for (size_t i = BIT_RATE_POINTS / 2; i < BIT_RATE_POINTS; i++)
			v[i] = 0;
	}
	p->n_points = (p->n_points + 1) / 2;
	p->step *= 2;
}

static void
add_bytes(struct packets *p, int which, double time, int size)
{
	size_t at;

	while (time >= p->step * BIT_RATE_POINTS)
		widen(p);
	at = (size_t)(time / p->step);
	p->points[which][at] += size;
	p->n_points = at + 1 > p->n_points ? at + 1 : p->n_points;
}

void
packets_add(struct packets *p, const struct source *src, const AVStream *st,
	    const AVPacket *packet)
{
	int which = st != src->video;
	double time = source_time(
	    src, st, packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts);

	if (isnan(time))
		time = p->last;
	time = fmin(fmax(time, 0), SOURCE_SECONDS_MAX);
	p->last = time;
	p->n[which]++;
	p->bytes[which] += packet->size;
	add_bytes(p, which, time, packet->size);
	if (!which)
		add_picture(&p->gops, packet, time);
}

/* ---- the document ------------------------------------------------------- */

static void
write_gops(struct buf *b, const struct gops *g)
{
	/* The last group was cut off by the end: it counts when alone. */
	struct gops all = *g;

	if (g->n == 1)
		end_group(&all, NAN);
	json_open_object(b, "gop");
	json_put_int(b, "count", g->n);
	json_put_int(b, "min", all.min);
	json_put_num(
	    b, "mean",
	    round_to((double)all.sum / (double)(g->n > 1 ? g->n - 1 : 1), 2));
	json_put_int(b, "max", all.max);
	json_put_num(b, "max_seconds",
		     all.longest > 0 ? round_to(all.longest, 3) : NAN);
	json_put_int(b, "open", g->n == 1 ? all.open : g->open + g->leads);
	json_close_object(b);
}

static void
write_stream(struct buf *b, const char *name, const struct packets *p,
	     int which)
{
	json_open_object(b, name);
	json_put_int(b, "count", p->n[which]);
	json_put_int(b, "bytes", p->bytes[which]);
	if (!which && p->gops.n)
		write_gops(b, &p->gops);
	json_close_object(b);
}

static void
write_curve(struct buf *b, const char *name, const struct packets *p, int which)
{
	json_open_array(b, name);
	for (size_t i = 0; i < p->n_points; i++)
		json_put_num(b, NULL, round(p->points[which][i] * 8 / p->step));
	json_close_array(b);
}

void
packets_write(struct buf *b, const struct packets *p, const struct source *src)
{
	static const char *const names[] = { "video", "audio" };
	const AVStream *const streams[] = { src->video, src->audio };

	json_open_object(b, "packets");
	for (int k = 0; k < 2; k++)
		if (streams[k])
			write_stream(b, names[k], p, k);
	json_open_object(b, "bit_rate");
	json_put_num(b, "step", p->step);
	for (int k = 0; k < 2; k++)
		if (streams[k])
			write_curve(b, names[k], p, k);
	json_close_object(b);
	json_close_object(b);
}
