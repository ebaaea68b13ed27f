/*
 * The model of the recorded program: keys, their versions and uploads, the
 * bytes of their contents, and the marks that tell of them.
 */
#include "tests/crash/power_see.h"
#include "tests/crash/power_work.h"

const char *const bucket_names[BUCKETS] = { "plain", "kept", "paused" };
const struct store_note note = { .event_name = { "Test", 4 },
				 .principal_id = { "driver", 6 },
				 .source_ip = { "127.0.0.1", 9 },
				 .request_id = { "R", 1 } };

/* ---- what is told ---------------------------------------------------------
 */

static void
state_of_key(struct buf *b, const struct key *k)
{
	for (const struct version *v = k->v; v < k->v + k->n; v++)
		if (v->marker) {
			buf_printf(b, "%s marker;", v->id);
		} else {
			buf_printf(b, "%s %s %llu %s ", v->id, v->etag,
				   (unsigned long long)v->size, v->md5);
			if (v->tag)
				buf_printf(b, "%u", v->tag);
			buf_putc(b, ';');
		}
}

static void
state_of_upload(struct buf *b, const struct key *k)
{
	if (!k->upload[0])
		return;
	buf_printf(b, "%s ", k->upload);
	for (size_t i = 0; i < k->n_parts; i++)
		buf_printf(b, "%zu:%s:%llu,", i + 1, k->parts[i].md5,
			   (unsigned long long)k->parts[i].size);
	buf_putc(b, ';');
}

struct key *
touch(struct op *op, struct key *k, unsigned events)
{
	op->is[op->n] = k;
	op->next[op->n] = *k;
	op->events[op->n] = events;
	return &op->next[op->n++];
}

static void
send(struct buf *b)
{
	CHECK(buf_ok(b));
	if (power_mark)
		power_mark(b->p, b->n);
	buf_release(b);
}

static void
tell(const struct op *op, const char *what)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s %u\n", what, op->w->no);
	for (size_t i = 0; i < op->n; i++) {
		const struct key *k = &op->next[i];
		const char *bucket = bucket_names[k->bucket];

		buf_printf(&b, "%u\tk/%s/%s\t", op->events[i], bucket, k->name);
		state_of_key(&b, k);
		buf_printf(&b, "\n0\tu/%s/%s\t", bucket, k->name);
		state_of_upload(&b, k);
		buf_putc(&b, '\n');
	}
	send(&b);
}

bool
can_be_seen(const struct op *op)
{
	bool seen = false;

	for (size_t i = 0; i < op->n; i++) {
		struct buf is = BUF_INIT, next = BUF_INIT;

		state_of_key(&is, op->is[i]);
		state_of_key(&next, &op->next[i]);
		seen |= !slice_eq(buf_slice(&is), buf_slice(&next));
		buf_release(&is);
		buf_release(&next);
	}
	return seen;
}

void
tell_begin(const struct op *op)
{
	tell(op, "begin");
}

void
tell_ack(struct op *op)
{
	write_late_events(op->w->s);
	tell(op, "ack");
	for (size_t i = 0; i < op->n; i++)
		*op->is[i] = op->next[i];
	op->n = 0;
}

void
tell_item(unsigned worker, const char *what, const char *item,
	  const char *state)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s %u\n0\t%s\t%s\n", what, worker, item, state);
	send(&b);
}

/* ---- contents -------------------------------------------------------------
 */

uint32_t
rnd(struct worker *w, uint32_t below)
{
	w->seed = w->seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)(w->seed >> 4) * below) >> 28);
}

static _Atomic unsigned last;

unsigned
unique(void)
{
	return ++last;
}

void
unique_from(unsigned n)
{
	last = n;
}

void
fill(char *p, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525u + 1013904223u;
		p[i] = (char)(seed >> 24);
	}
}

char *
make_part(struct part *p, size_t size)
{
	char *bytes = malloc(size + 1);

	CHECK(bytes);
	*p = (struct part){ .size = size, .seed = unique() };
	fill(bytes, size, p->seed);
	power_md5(bytes, size, p->md5);
	return bytes;
}

struct slice
bucket_of(const struct key *k)
{
	return slice_str(bucket_names[k->bucket]);
}

/* ---- what becomes of a key's versions -------------------------------------
 */

void
drop_version(struct key *k, size_t i)
{
	k->n--;
	memmove(k->v + i, k->v + i + 1, (k->n - i) * sizeof(*k->v));
}

struct version *
new_version(struct key *k)
{
	bool kept = k->bucket == 1;

	for (size_t i = 0; !kept && i < k->n; i++)
		if (strcmp(k->v[i].id, "null") == 0)
			drop_version(k, i--);
	CHECK(k->n < VERSIONS);
	memmove(k->v + 1, k->v, k->n++ * sizeof(*k->v));
	k->v[0] = (struct version){ 0 };
	snprintf(k->v[0].id, sizeof(k->v[0].id), "%s", kept ? "?" : "null");
	return &k->v[0];
}

unsigned
remove_top(struct key *k)
{
	bool there = k->n > 0;

	if (k->bucket == 0) {
		k->n = 0;
		return there;
	}
	new_version(k)->marker = true;
	return 1;
}
