/*
 * A page that is looked at, before pages are counted: how many entries it has.
 */
#include "tests/bench/load.h"

static uint64_t
occurrences(struct slice text, struct slice word)
{
	uint64_t n = 0;
	ptrdiff_t at;

	while ((at = slice_find(text, word)) >= 0) {
		n++;
		text = slice_from(text, (size_t)at + word.n);
	}
	return n;
}

int
load_list_once(const struct load_conf *conf, const struct load_plan *plan,
	       uint64_t *entries)
{
	struct load_conn *c = calloc(1, sizeof(*c));
	struct buf page = BUF_INIT;
	int rc = -1;

	if (!c || load_conn_open(c, conf, plan->block, true) != 0) {
		perror("bench-load: no connection");
	} else {
		enum load_step s;

		load_conn_begin(c, &plan->v[0], &page);
		s = load_conn_step(c);
		if (s == STEP_DONE && c->status == 200 && buf_ok(&page))
			rc = 0;
		else
			load_conn_tell(c, s);
		load_conn_close(c);
	}
	*entries = occurrences(buf_slice(&page), SLICE("<Contents>")) +
		   occurrences(buf_slice(&page), SLICE("<CommonPrefixes>"));
	free(c);
	buf_release(&page);
	return rc;
}
