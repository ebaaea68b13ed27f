/*
 * Instants. Own digit parsing: strptime is locale-bound and lenient.
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

/* Splits into calendar fields; returns the microseconds of the second. */
static int
split(int64_t us, struct tm *tm)
{
	int64_t s = us / US_PER_S, rest = us % US_PER_S;
	time_t t;

	if (rest < 0) {
		rest += US_PER_S;
		s--;
	}
	t = (time_t)s;
	if (!gmtime_r(&t, tm))
		*tm = (struct tm){ .tm_mday = 1, .tm_year = 70 };
	return (int)rest;
}

void
time_format_amz(int64_t us, char out[TIME_TEXT_MAX])
{
	struct tm tm;

	split(us, &tm);
	strftime(out, TIME_TEXT_MAX, "%Y%m%dT%H%M%SZ", &tm);
}

void
time_format_iso(int64_t us, char out[TIME_TEXT_MAX])
{
	struct tm tm;
	int rest = split(us, &tm);
	size_t n = strftime(out, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);

	snprintf(out + n, TIME_TEXT_MAX - n, ".%03dZ", rest / 1000);
}

void
time_format_http(int64_t us, char out[TIME_TEXT_MAX])
{
	struct tm tm;

	split(us, &tm);
	snprintf(out, TIME_TEXT_MAX, "%s, %02d %s %d %02d:%02d:%02d GMT",
		 day_names[tm.tm_wday], tm.tm_mday, month_names[tm.tm_mon],
		 tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

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

/* Range-checks the fields by a round trip through the calendar. */
static int
join(int y, int mon, int d, int h, int min, int sec, int64_t *us)
{
	struct tm tm = { .tm_year = y - 1900,
			 .tm_mon = mon - 1,
			 .tm_mday = d,
			 .tm_hour = h,
			 .tm_min = min,
			 .tm_sec = sec };
	struct tm back;
	time_t t = timegm(&tm);

	if (!gmtime_r(&t, &back) || back.tm_year != y - 1900 ||
	    back.tm_mon != mon - 1 || back.tm_mday != d || back.tm_hour != h ||
	    back.tm_min != min || back.tm_sec != sec)
		return -1;
	*us = (int64_t)t * US_PER_S;
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
