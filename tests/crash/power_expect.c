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

int
power_expect_mark(struct power_expect *e, struct slice mark, bool *acked)
{
	struct slice what, worker;
	struct power_op op;
	uint64_t w;

	if (!slice_cut(&mark, ' ', &what) || !slice_cut(&mark, '\n', &worker) ||
	    slice_u64(worker, &w) != 0 || w >= POWER_WORKERS ||
	    parse(mark, &op) != 0)
		return -1;
	*acked = slice_eq_str(what, "ack");
	if (!*acked) {
		e->flying[w] = op;
		return 0;
	}
	e->flying[w].n = 0;
	e->acks++;
	for (size_t i = 0; i < op.n; i++) {
		struct power_item *it = item_of(e, op.v[i].name);

		it->state = op.v[i].state;
		it->events += op.v[i].events;
	}
	return 0;
}

void
power_expect_release(struct power_expect *e)
{
	free(e->v);
	*e = (struct power_expect){ 0 };
}
