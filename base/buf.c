/*
 * The growing buffer. Growth doubles; every size is checked for overflow.
 */
#include "base/buf.h"

void
buf_release(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .max = b->max };
}

void
buf_clear(struct buf *b)
{
	b->n = 0;
	b->err = false;
	if (b->p)
		b->p[0] = '\0';
}

char *
buf_reserve(struct buf *b, size_t n)
{
	size_t need, cap;
	char *p;

	if (b->err)
		return NULL;
	if (__builtin_add_overflow(b->n, n, &need) || need == SIZE_MAX ||
	    (b->max && need > b->max)) {
		b->err = true;
		return NULL;
	}
	if (need + 1 > b->cap) {
		cap = b->cap ? b->cap : 64;
		while (cap < need + 1)
			cap = cap > SIZE_MAX / 2 ? need + 1 : cap * 2;
		if (b->max && cap > b->max)
			cap = b->max + 1;
		p = realloc(b->p, cap);
		if (!p) {
			b->err = true;
			return NULL;
		}
		b->p = p;
		b->cap = cap;
		p[b->n] = '\0';
	}
	return b->p + b->n;
}

void
buf_grow_add(struct buf *b, const void *p, size_t n)
{
	char *at = buf_reserve(b, n);

	if (!at)
		return;
	if (n)
		memcpy(at, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void
buf_u64(struct buf *b, uint64_t v)
{
	char text[20];
	size_t at = sizeof(text);

	do
		text[--at] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	buf_add(b, text + at, sizeof(text) - at);
}

/* Mostly it fits into the room there is; where not, it is printed again. */
void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	char *at = buf_reserve(b, 0);
	va_list again;
	size_t room;
	int n;

	if (!at)
		return;
	room = b->cap - b->n;
	va_copy(again, ap);
	n = vsnprintf(at, room, fmt, ap);
	if (n < 0) {
		b->err = true;
	} else if ((size_t)n >= room) {
		*at = '\0';
		at = buf_reserve(b, (size_t)n);
		if (at)
			vsnprintf(at, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	if (!b->err)
		b->n += (size_t)n;
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

char *
buf_steal(struct buf *b)
{
	char *p;

	buf_add(b, "", 0);
	if (b->err) {
		buf_release(b);
		return NULL;
	}
	p = b->p;
	*b = (struct buf){ .max = b->max };
	return p;
}

void
buf_json_escape(struct buf *b, struct slice s)
{
	size_t from = 0, n;

	for (size_t i = 0; i < s.n; i += n) {
		unsigned char c = (unsigned char)s.p[i];
		bool quoted = c == '"' || c == '\\';

		n = slice_utf8(s, i);
		if (n > 1 || (n == 1 && c >= 0x20 && c != 0x7f && !quoted))
			continue;
		n = 1;
		buf_add(b, s.p + from, i - from);
		buf_printf(b, quoted ? "\\%c" : "\\u%04x", c);
		from = i + 1;
	}
	if (s.n > from)
		buf_add(b, s.p + from, s.n - from);
}

void
buf_json_str(struct buf *b, struct slice s)
{
	buf_putc(b, '"');
	buf_json_escape(b, s);
	buf_putc(b, '"');
}
