/*
 * What names, ids and keys of accounts may look like. All of them pass
 * through command lines, XML and signatures unharmed.
 */
#include "auth/accounts_table.h"

static bool
is_of(struct slice s, size_t min, size_t max, const char *others)
{
	if (s.n < min || s.n > max)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || (c && strchr(others, c))))
			return false;
	}
	return true;
}

const char *
account_name_fault(struct slice name)
{
	return is_of(name, 1, ACCOUNT_NAME_MAX - 1, "._@-")
		   ? NULL
		   : "a name is 1 to 64 of A-Z a-z 0-9 . _ @ -";
}

const char *
account_id_fault(struct slice id)
{
	return is_of(id, 1, ACCOUNT_ID_MAX - 1, "_-")
		   ? NULL
		   : "an id is 1 to 64 of A-Z a-z 0-9 _ -";
}

/* Of the sequence that begins there: C0, DEL and C1 (U+0080 to U+009F). */
static bool
is_control(const char *utf8)
{
	unsigned char c = (unsigned char)utf8[0];

	return c < ' ' || c == 0x7f ||
	       (c == 0xc2 && (unsigned char)utf8[1] < 0xa0);
}

const char *
account_display_fault(struct slice s)
{
	size_t step;

	for (size_t i = 0; i < s.n; i += step) {
		step = slice_utf8(s, i);
		if (step == 0 || is_control(s.p + i))
			return "a display name is UTF-8 without control "
			       "characters";
	}
	return s.n >= 1 && s.n < ACCOUNT_DISPLAY_MAX
		   ? NULL
		   : "a display name has 1 to 64 bytes";
}

const char *
access_key_fault(struct slice access_key)
{
	return is_of(access_key, 3, ACCESS_KEY_MAX - 1, "._-")
		   ? NULL
		   : "an access key is 3 to 128 of A-Z a-z 0-9 . _ -";
}

const char *
secret_key_fault(struct slice s)
{
	bool printable = s.n >= 8 && s.n < SECRET_KEY_MAX;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			printable = false;
	return printable ? NULL
			 : "a secret key is 8 to 127 printable ASCII "
			   "characters";
}
