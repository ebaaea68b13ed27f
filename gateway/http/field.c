/*
 * What may stand in a header field. Asked for both directions: of what a
 * client sends, and of what is to be sent to one.
 */
#include "gateway/http/http.h"

bool
http_is_token(struct slice s)
{
	static const char other[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		      (c >= 'A' && c <= 'Z') || (c && strchr(other, c))))
			return false;
	}
	return s.n > 0;
}

bool
http_is_value(struct slice v)
{
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}
