/* The marks of a trace, put together into what must be there. */
#include "tests/crash/power_check.h"

static struct power_item *
item_of(struct power_expect *e, struct slice name)
{
	for (size_t i = 0; i < e->n; i++)
		if (slice_eq(e->v[i].name, name))
			return &e->v[i];
	if ((e->n & (e->n + 1)) == 0) {
		e->v = realloc(e->v, (2 * e->n + 1) * sizeof(*e->v));
		if (!e->v)
			abort();
	}
	e->v[e->n] = (struct power_item){ .name = name };
	return &e->v[e->n++];
}

bool
power_matches(struct slice want, struct slice got)
{
	size_t i = 0, k = 0;

	while (i < want.n) {
		if (want.p[i] == '?') {
			while (k < got.n && !strchr(" ;", got.p[k]))
				k++;
			i++;
		} else if (k == got.n || want.p[i++] != got.p[k++]) {
			return false;
		}
	}
	return k == got.n;
}

const struct power_item *
power_acknowledged(const struct power_expect *e, struct slice name)
{
	static const struct power_item none = { .state = { "", 0 } };

	for (size_t i = 0; i < e->n; i++)
		if (slice_eq(e->v[i].name, name))
			return &e->v[i];
	return &none;
}

static int
parse(struct slice mark, struct power_op *op)
{
	struct slice line, field;

	op->n = 0;
	while (slice_cut(&mark, '\n', &line)) {
		struct power_item *it = &op->v[op->n];
		uint64_t events;

		if (!line.n)
			continue;
		if (op->n++ == POWER_OP_ITEMS ||
		    !slice_cut(&line, '\t', &field) ||
		    slice_u64(field, &events) != 0 ||
		    !slice_cut(&line, '\t', &it->name) ||
		    !slice_cut(&line, '\t', &it->state))
			return -1;
		it->events = (unsigned)events;
	}
	return 0;
}

static void
acknowledge(struct power_expect *e, const struct power_item *v)
{
	struct power_item *it = item_of(e, v->name);

	it->state = v->state;
	it->events += v->events;
}

/*
 * A process that came after one that was killed saw the outcome of what was
 * going on; who has seen it may tell others, so it stays from now on.
 */
static int
decide(struct power_expect *e, struct slice lines)
{
	struct power_expect seen = { 0 };
	struct slice line, field;

	while (slice_cut(&lines, '\n', &line)) {
		if (!line.n)
			continue;
		if (!slice_cut(&line, '\t', &field) ||
		    !slice_cut(&line, '\t', &field))
			return -1;
		item_of(&seen, field)->state = line;
	}
	for (size_t w = 0; w < POWER_WORKERS; w++) {
		struct power_op *op = &e->flying[w];
		size_t old = 0, new = 0;

		for (size_t i = 0; i < op->n; i++) {
			struct slice name = op->v[i].name;
			struct slice is =
			    power_acknowledged(&seen, name)->state;

			old += slice_eq(power_acknowledged(e, name)->state, is);
			new += power_matches(op->v[i].state, is);
			op->v[i].state = is;
		}
		for (size_t i = 0; old != op->n && new == op->n &&i < op->n;
		     i++)
			acknowledge(e, &op->v[i]);
		op->n = 0;
	}
	power_expect_release(&seen);
	return 0;
}

int
power_expect_mark(struct power_expect *e, struct slice mark)
{
	struct slice what, worker;
	struct power_op op;
	uint64_t w;

	if (!slice_cut(&mark, ' ', &what) || !slice_cut(&mark, '\n', &worker) ||
	    slice_u64(worker, &w) != 0 || w >= POWER_WORKERS)
		return -1;
	if (slice_eq_str(what, "seen"))
		return decide(e, mark);
	if (parse(mark, &op) != 0)
		return -1;
	if (slice_eq_str(what, "begin")) {
		e->flying[w] = op;
		return 0;
	}
	e->flying[w].n = 0;
	for (size_t i = 0; i < op.n; i++)
		acknowledge(e, &op.v[i]);
	return 0;
}

void
power_expect_release(struct power_expect *e)
{
	free(e->v);
	*e = (struct power_expect){ 0 };
}
