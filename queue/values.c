/*
 * Arguments of statements and values of their results, all as text but for
 * bytes.
 */
#include "queue/pg.h"
#include "base/encode.h"
#include "base/timeval.h"

static void
add(struct pg_args *a, const char *value, size_t length, int format)
{
	if (a->n == PG_ARGS_MAX)
		abort();
	a->value[a->n] = value;
	a->length[a->n] = (int)length;
	a->format[a->n] = format;
	a->n++;
}

void
pg_text(struct pg_args *a, const char *s)
{
	add(a, s, 0, 0);
}

void
pg_bytes(struct pg_args *a, struct slice s)
{
	add(a, s.p ? s.p : "", s.n, 1);
}

void
pg_int(struct pg_args *a, int64_t v)
{
	char *text = a->number[a->n % PG_ARGS_MAX];

	snprintf(text, sizeof(a->number[0]), "%lld", (long long)v);
	add(a, text, 0, 0);
}

void
pg_bool(struct pg_args *a, bool v)
{
	add(a, v ? "t" : "f", 0, 0);
}

void
pg_time(struct pg_args *a, int64_t us)
{
	char *text = a->number[a->n % PG_ARGS_MAX];
	bool minus = us < 0;
	uint64_t v = minus ? -(uint64_t)us : (uint64_t)us;

	snprintf(text, sizeof(a->number[0]), "%s%llu.%06llu", minus ? "-" : "",
		 (unsigned long long)(v / US_PER_S),
		 (unsigned long long)(v % US_PER_S));
	add(a, text, 0, 0);
}

const char *
pg_get(const PGresult *res, int row, int col, struct arena *a)
{
	if (PQgetisnull(res, row, col))
		return NULL;
	return arena_cstr(a, slice_mem(PQgetvalue(res, row, col),
				       (size_t)PQgetlength(res, row, col)));
}

int64_t
pg_get_int(const PGresult *res, int row, int col, int64_t null)
{
	return PQgetisnull(res, row, col)
		   ? null
		   : strtoll(PQgetvalue(res, row, col), NULL, 10);
}

double
pg_get_real(const PGresult *res, int row, int col, double null)
{
	return PQgetisnull(res, row, col)
		   ? null
		   : strtod(PQgetvalue(res, row, col), NULL);
}

void
pg_get_uuid(const PGresult *res, int row, int col, char out[UUID_TEXT_MAX])
{
	snprintf(out, UUID_TEXT_MAX, "%s", PQgetvalue(res, row, col));
}

/* ---- arrays -------------------------------------------------------------- */

static void
next_element(struct buf *b)
{
	buf_putc(b, b->n ? ',' : '{');
}

void
pg_array_text(struct buf *b, const char *s)
{
	next_element(b);
	if (!s) {
		buf_puts(b, "NULL");
		return;
	}
	buf_putc(b, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_putc(b, '\\');
		buf_putc(b, *s);
	}
	buf_putc(b, '"');
}

void
pg_array_texts(struct buf *b, const char *const *list)
{
	for (size_t i = 0; list && list[i]; i++)
		pg_array_text(b, list[i]);
}

void
pg_array_bytes(struct buf *b, struct slice s)
{
	char *to;

	next_element(b);
	buf_puts(b, "\"\\\\x");
	to = buf_reserve(b, 2 * s.n + 1);
	if (to) {
		hex_encode(s.p, s.n, to);
		b->n += 2 * s.n;
	}
	buf_putc(b, '"');
}

void
pg_array_int(struct buf *b, int64_t v)
{
	next_element(b);
	buf_printf(b, "%lld", (long long)v);
}

void
pg_array(struct pg_args *a, struct buf *b)
{
	buf_puts(b, b->n ? "}" : "{}");
	pg_text(a, buf_ok(b) ? b->p : "");
}
