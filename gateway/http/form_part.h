/*
 * form_part.h - the headers of one part of a form, and parameters of header
 * values: private to form*.c.
 */
#ifndef GATEWAY_HTTP_FORM_PART_H
#define GATEWAY_HTTP_FORM_PART_H

#include "gateway/http/form.h"

/*
 * form_param - takes the next "; name=value" off *rest; the value is a token
 * or a quoted-string, whose escapes \" and \\ are undone into the arena.
 * 1: one was taken, 0: the end, -1: no parameter, or no memory.
 */
int form_param(struct slice *rest, struct arena *a, struct slice *name,
	       struct slice *value);

struct form_part {
	struct slice name;
	struct slice filename; /* last component */
	struct slice type;     /* Content-Type; empty: none */
};
/*
 * form_part_parse - reads header lines, each ended by CRLF. -1 unless there is
 * one Content-Disposition: form-data with a name.
 */
int MUST_CHECK form_part_parse(struct slice lines, struct arena *a,
			       struct form_part *out);

#endif
