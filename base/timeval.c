/*
 * Instants. Own digit parsing and writing: strptime is locale-bound and
 * lenient, strftime too dear for what every request and every entry of a
 * listing needs.
 */
#include "base/timeval.h"

static const char *const day_names[] = { "Sun", "Mon", "Tue", "Wed",
					 "Thu", "Fri", "Sat" };
static const char *const month_names[] = { "Jan", "Feb", "Mar", "Apr",
					   "May", "Jun", "Jul", "Aug",
					   "Sep", "Oct", "Nov", "Dec" };

static int64_t
clock_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

int64_t
time_now_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

int64_t
time_mono_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

void
time_cond_init(pthread_cond_t *c)
{
	pthread_condattr_t mono;

	pthread_condattr_init(&mono);
	pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	pthread_cond_init(c, &mono);
	pthread_condattr_destroy(&mono);
}

bool
time_cond_wait(pthread_cond_t *c, pthread_mutex_t *mu, int64_t until_us)
{
	const struct timespec until = { .tv_sec = until_us / US_PER_S,
					.tv_nsec = until_us % US_PER_S * 1000 };

	if (until_us == INT64_MAX)
		return pthread_cond_wait(c, mu) == 0;
	return pthread_cond_timedwait(c, mu, &until) == 0;
}

/* ---- the calendar ------------------------------------------------------- */

struct date {
	int64_t y;
	int mon, d, h, min, sec; /* January is 1 */
	int weekday;		 /* Sunday is 0 */
	int ms;
};

/* Years that begin in March end with the day that leap years add, so a day's
 * number follows from its month by one line. Day 0 is 0000-03-01. */
#define DAYS_TO_1970 719468
#define DAYS_PER_ERA 146097 /* 400 years */

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static void
split(int64_t us, struct date *out)
{
	int64_t ms = floor_div(us, 1000);
	int64_t day = floor_div(ms, 86400000);
	int rest = (int)(ms - day * 86400000);
	int64_t era = floor_div(day + DAYS_TO_1970, DAYS_PER_ERA);
	int n = (int)(day + DAYS_TO_1970 - era * DAYS_PER_ERA), year, month;

	year = (n - n / 1460 + n / 36524 - n / 146096) / 365;
	n -= 365 * year + year / 4 - year / 100;
	month = (5 * n + 2) / 153; /* March is 0 */
	out->d = n - (153 * month + 2) / 5 + 1;
	out->mon = month < 10 ? month + 3 : month - 9;
	out->y = era * 400 + year + (out->mon <= 2);
	out->weekday = (int)(day + 4 - 7 * floor_div(day + 4, 7));
	out->ms = rest % 1000;
	rest /= 1000;
	out->sec = rest % 60;
	out->min = rest / 60 % 60;
	out->h = rest / 3600;
}

static int
days_in(int y, int mon)
{
	bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);

	if (mon == 2)
		return leap ? 29 : 28;
	return mon == 4 || mon == 6 || mon == 9 || mon == 11 ? 30 : 31;
}

/* Of a year from 0 to 9999; -1 when there is no such instant. */
static int
join(int y, int mon, int d, int h, int min, int sec, int64_t *us)
{
	int64_t year, day;

	if (mon < 1 || mon > 12 || d < 1 || d > days_in(y, mon) || h > 23 ||
	    min > 59 || sec > 59)
		return -1;
	year = mon > 2 ? y : y - 1;
	day = 365 * year + floor_div(year, 4) - floor_div(year, 100) +
	      floor_div(year, 400) +
	      (153 * (mon > 2 ? mon - 3 : mon + 9) + 2) / 5 + d - 1;
	*us = (((day - DAYS_TO_1970) * 24 + h) * 3600 + min * 60 + sec) *
	      US_PER_S;
	return 0;
}

/* ---- writing ------------------------------------------------------------ */

static char *
put_digits(char *to, int v, int n)
{
	for (int i = n; i-- > 0; v /= 10)
		to[i] = (char)('0' + v % 10);
	return to + n;
}

static char *
put_year(char *to, int64_t y)
{
	if (y >= 0 && y <= 9999)
		return put_digits(to, (int)y, 4);
	return to + snprintf(to, 12, "%lld", (long long)y);
}

static char *
put_name(char *to, const char name[4])
{
	memcpy(to, name, 3);
	return to + 3;
}

static char *
put_clock(char *to, const struct date *t)
{
	to = put_digits(to, t->h, 2);
	*to++ = ':';
	to = put_digits(to, t->min, 2);
	*to++ = ':';
	return put_digits(to, t->sec, 2);
}

void
time_format_amz(int64_t us, char out[TIME_TEXT_MAX])
{
	struct date t;

	split(us, &t);
	out = put_year(out, t.y);
	out = put_digits(out, t.mon * 100 + t.d, 4);
	*out++ = 'T';
	out = put_digits(out, t.h * 10000 + t.min * 100 + t.sec, 6);
	memcpy(out, "Z", 2);
}

void
time_format_iso(int64_t us, char out[TIME_TEXT_MAX])
{
	struct date t;

	split(us, &t);
	out = put_year(out, t.y);
	*out++ = '-';
	out = put_digits(out, t.mon, 2);
	*out++ = '-';
	out = put_digits(out, t.d, 2);
	*out++ = 'T';
	out = put_clock(out, &t);
	*out++ = '.';
	out = put_digits(out, t.ms, 3);
	memcpy(out, "Z", 2);
}

void
time_format_http(int64_t us, char out[TIME_TEXT_MAX])
{
	struct date t;

	split(us, &t);
	out = put_name(out, day_names[t.weekday]);
	memcpy(out, ", ", 2);
	out = put_digits(out + 2, t.d, 2);
	*out++ = ' ';
	out = put_name(out, month_names[t.mon - 1]);
	*out++ = ' ';
	out = put_year(out, t.y);
	*out++ = ' ';
	out = put_clock(out, &t);
	memcpy(out, " GMT", 5);
}

/* ---- reading ------------------------------------------------------------ */

/* Takes exactly n digits at *s; -1 when they are not there. */
static int
digits(struct slice *s, size_t n, int *out)
{
	uint64_t v;

	if (s->n < n || slice_u64(slice_head(*s, n), &v) != 0)
		return -1;
	*out = (int)v;
	*s = slice_from(*s, n);
	return 0;
}

static int
literal(struct slice *s, struct slice text)
{
	if (!slice_starts(*s, text))
		return -1;
	*s = slice_from(*s, text.n);
	return 0;
}

int
time_parse_amz(struct slice s, int64_t *us)
{
	int y, mon, d, h, min, sec;

	if (digits(&s, 4, &y) || digits(&s, 2, &mon) || digits(&s, 2, &d) ||
	    literal(&s, SLICE("T")) || digits(&s, 2, &h) ||
	    digits(&s, 2, &min) || digits(&s, 2, &sec) ||
	    literal(&s, SLICE("Z")) || s.n)
		return -1;
	return join(y, mon, d, h, min, sec, us);
}

static int
month(struct slice *s, int *out)
{
	for (int i = 0; i < 12; i++) {
		if (literal(s, slice_str(month_names[i])) == 0) {
			*out = i + 1;
			return 0;
		}
	}
	return -1;
}

int
time_parse_http(struct slice s, int64_t *us)
{
	int y, mon, d, h, min, sec;

	/* "Fri, " - the day's name is redundant and not checked. */
	if (s.n < 5 || s.p[3] != ',')
		return -1;
	s = slice_from(s, 4);
	if (literal(&s, SLICE(" ")) || digits(&s, 2, &d) ||
	    literal(&s, SLICE(" ")) || month(&s, &mon) ||
	    literal(&s, SLICE(" ")) || digits(&s, 4, &y) ||
	    literal(&s, SLICE(" ")) || digits(&s, 2, &h) ||
	    literal(&s, SLICE(":")) || digits(&s, 2, &min) ||
	    literal(&s, SLICE(":")) || digits(&s, 2, &sec) ||
	    (literal(&s, SLICE(" GMT")) && literal(&s, SLICE(" +0000"))) || s.n)
		return -1;
	return join(y, mon, d, h, min, sec, us);
}

/* ".123456789": at most nine digits; what is beyond microseconds is cut. */
static int
fraction(struct slice *s, int *us)
{
	int unit = 100000;
	size_t n = 0;

	*us = 0;
	if (literal(s, SLICE(".")))
		return 0;
	for (; n < s->n && n < 9 && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
		*us += (s->p[n] - '0') * unit;
		unit /= 10;
	}
	*s = slice_from(*s, n);
	return n ? 0 : -1;
}

int
time_parse_iso(struct slice s, int64_t *us)
{
	int y, mon, d, h, min, sec, rest;

	if (digits(&s, 4, &y) || literal(&s, SLICE("-")) ||
	    digits(&s, 2, &mon) || literal(&s, SLICE("-")) ||
	    digits(&s, 2, &d) || literal(&s, SLICE("T")) || digits(&s, 2, &h) ||
	    literal(&s, SLICE(":")) || digits(&s, 2, &min) ||
	    literal(&s, SLICE(":")) || digits(&s, 2, &sec) ||
	    fraction(&s, &rest) || literal(&s, SLICE("Z")) || s.n ||
	    join(y, mon, d, h, min, sec, us) != 0)
		return -1;
	*us += rest;
	return 0;
}
