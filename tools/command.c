/*
 * What the commands share: complaints, settings, times.
 */
#include "tools/command.h"

#include <stdarg.h>

int
complain(int status, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("reelgate: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

int
settings_load(struct conf *c, const char *config, const char *data)
{
	char err[CONF_ERROR_MAX];

	if (conf_load(c, config, data, err) == 0)
		return GO_ON;
	return complain(EX_CONFIG, "%s", err);
}

int
settings_need_database(const struct conf *c)
{
	if (c->database_url[0])
		return GO_ON;
	return complain(EX_CONFIG,
			"no database: neither is DATABASE_URL set here, nor "
			"runs a reelgate up with one of its own on %s",
			c->data);
}

int
settings_data_dir(const char *config, const char *data, char *out, size_t size)
{
	char err[CONF_ERROR_MAX];

	if (conf_data_dir(config, data, out, size, err) == 0)
		return GO_ON;
	return complain(EX_CONFIG, "%s", err);
}

int
parse_duration(const char *text, uint64_t *seconds)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	struct slice number = slice_str(text);
	uint64_t factor = 1;

	for (size_t i = 0; number.n && i < ARRAY_LEN(units); i++) {
		if (number.p[number.n - 1] != units[i].unit)
			continue;
		factor = units[i].seconds;
		number.n--;
		break;
	}
	if (slice_u64(number, seconds) != 0 ||
	    __builtin_mul_overflow(*seconds, factor, seconds))
		return -1;
	return 0;
}
