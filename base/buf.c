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
buf_add(struct buf *b, const void *p, size_t n)
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
buf_put(struct buf *b, struct slice s)
{
	buf_add(b, s.p, s.n);
}

void
buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_putc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	char *at;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0) {
		b->err = true;
		return;
	}
	at = buf_reserve(b, (size_t)n);
	if (!at)
		return;
	vsnprintf(at, (size_t)n + 1, fmt, ap);
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
	for (size_t i = 0; i < s.n;) {
		unsigned char c = (unsigned char)s.p[i];
		size_t n = slice_utf8(s, i);

		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20 || c == 0x7f || n == 0)
			buf_printf(b, "\\u%04x", c);
		else
			buf_add(b, s.p + i, n);
		i += n ? n : 1;
	}
}

void
buf_json_str(struct buf *b, struct slice s)
{
	buf_putc(b, '"');
	buf_json_escape(b, s);
	buf_putc(b, '"');
}
