/*
 * Keys cut into LMDB-sized names; the layout and its proof sketch are in the
 * header.
 */
#include "store/local/key.h"
#include "store/local/bytes.h"

#include <assert.h>

#define END_OF_TEXT 0x00
#define KIND_RECORD 0x00
#define KIND_POINTER 0x01

struct key_scope
key_scope_bucket(uint32_t bucket_id)
{
	struct key_scope s = { .n = 4 };

	be_put(s.p, bucket_id, 4);
	return s;
}

struct key_scope
key_scope_group(uint64_t group_id)
{
	struct key_scope s = { .n = 8 };

	be_put(s.p, group_id, 8);
	return s;
}

void
key_lower_bound(struct key_encoded *out, const struct key_scope *s,
		struct slice text)
{
	assert(text.n <= KEY_CUT);
	memcpy(out->p, s->p, s->n);
	if (text.n)
		memcpy(out->p + s->n, text.p, text.n);
	out->n = s->n + text.n;
}

void
key_record(struct key_encoded *out, const struct key_scope *s,
	   struct slice text, uint64_t version)
{
	key_lower_bound(out, s, text);
	out->p[out->n++] = END_OF_TEXT;
	out->p[out->n++] = KIND_RECORD;
	be_put(out->p + out->n, ~version, 8);
	out->n += 8;
}

void
key_pointer(struct key_encoded *out, const struct key_scope *s,
	    struct slice head)
{
	assert(head.n == KEY_CUT);
	key_lower_bound(out, s, head);
	out->p[out->n++] = END_OF_TEXT;
	out->p[out->n++] = KIND_POINTER;
}

int
key_parse(struct slice name, const struct key_scope *s, struct key_part *out)
{
	struct slice rest, tail;
	ptrdiff_t end;

	if (!slice_starts(name, slice_mem(s->p, s->n)))
		return 1;
	rest = slice_from(name, s->n);
	end = slice_chr(rest, END_OF_TEXT);
	if (end < 0 || (size_t)end > KEY_CUT)
		return -1;
	out->text = slice_head(rest, (size_t)end);
	tail = slice_from(rest, (size_t)end + 1);
	if (tail.n == 1 && tail.p[0] == KIND_POINTER &&
	    out->text.n == KEY_CUT) {
		out->is_pointer = true;
		out->version = 0;
		return 0;
	}
	if (tail.n != KEY_TAIL_BYTES - 1 || tail.p[0] != KIND_RECORD)
		return -1;
	out->is_pointer = false;
	out->version = ~be_get(tail.p + 1, 8);
	return 0;
}

size_t
key_successor(struct slice prefix, char *out)
{
	size_t n = prefix.n;

	while (n && (uint8_t)prefix.p[n - 1] == 0xff)
		n--;
	if (n == 0)
		return 0;
	memcpy(out, prefix.p, n);
	out[n - 1] = (char)((uint8_t)out[n - 1] + 1);
	return n;
}
