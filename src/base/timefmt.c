#include "base/timefmt.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"

static int64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t time_now(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t time_monotonic(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* The calendar is computed here and not asked of the C library: gmtime(3) and strptime(3) load time
 * zones and locales, which a monitor would keep in memory for all its life.
 *
 * Days are counted in years that begin in March, so that the leap day comes last, and in eras of 400
 * years, after which the calendar repeats (146097 days). Day 0 of era 0 is 0000-03-01. */
#define ERA_DAYS   146097
#define EPOCH_DAYS 719468 /* from 0000-03-01 to 1970-01-01 */

struct date {
	int year, month, day;
};

static struct date date_from_days(int64_t days)
{
	int64_t z = days + EPOCH_DAYS, era = (z >= 0 ? z : z - ERA_DAYS + 1) / ERA_DAYS;
	int day = (int)(z - era * ERA_DAYS);                                      /* 0 .. 146096 */
	int year = (day - day / 1460 + day / 36524 - day / (ERA_DAYS - 1)) / 365; /* 0 .. 399 */
	int of_year = day - (365 * year + year / 4 - year / 100);                 /* 0 .. 365 */
	int month = (5 * of_year + 2) / 153;                                      /* 0: March */

	return (struct date){
		.year = (int)(year + era * 400) + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = of_year - (153 * month + 2) / 5 + 1,
	};
}

static int64_t days_from_date(struct date d)
{
	int year = d.year - (d.month <= 2), era = (year >= 0 ? year : year - 399) / 400;
	int of_era = year - era * 400;
	int of_year = (153 * (d.month + (d.month > 2 ? -3 : 9)) + 2) / 5 + d.day - 1;

	return (int64_t)era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
		EPOCH_DAYS;
}

static bool date_valid(struct date d)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (d.year % 4 == 0 && d.year % 100 != 0) || d.year % 400 == 0;

	return d.month >= 1 && d.month <= 12 && d.day >= 1 &&
		d.day <= days[d.month - 1] + (leap && d.month == 2);
}

static char *put_digits(char *to, unsigned value, int digits)
{
	for (int i = digits - 1; i >= 0; i--, value /= 10)
		to[i] = (char)('0' + value % 10);
	return to + digits;
}

/* Writes up to the seconds; returns the end. */
static char *format_seconds(int64_t ns, char ret[TIME_TEXT])
{
	int64_t sec = ns / NSEC_PER_SEC - (ns % NSEC_PER_SEC < 0);
	int64_t days = sec / 86400 - (sec % 86400 < 0);
	unsigned rest = (unsigned)(sec - days * 86400);
	struct date d = date_from_days(days);
	char *to = put_digits(ret, (unsigned)d.year, 4);

	*to++ = '-';
	to = put_digits(to, (unsigned)d.month, 2);
	*to++ = '-';
	to = put_digits(to, (unsigned)d.day, 2);
	*to++ = 'T';
	to = put_digits(to, rest / 3600, 2);
	*to++ = ':';
	to = put_digits(to, rest / 60 % 60, 2);
	*to++ = ':';
	return put_digits(to, rest % 60, 2);
}

static long fraction(int64_t ns)
{
	long f = (long)(ns % NSEC_PER_SEC);

	return f < 0 ? f + (long)NSEC_PER_SEC : f;
}

char *time_rfc3339_fixed(int64_t ns, char ret[TIME_TEXT])
{
	char *to = format_seconds(ns, ret);

	*to++ = '.';
	to = put_digits(to, (unsigned)fraction(ns), 9);
	*to++ = 'Z';
	*to = '\0';
	return ret;
}

char *time_rfc3339_known(int64_t ns, char ret[TIME_TEXT])
{
	char *end = time_rfc3339_fixed(ns, ret) + strlen(ret) - 2; /* the last digit before Z */

	while (*end == '0')
		end--;
	if (*end == '.')
		end--;
	end[1] = 'Z';
	end[2] = '\0';
	return ret;
}

char *time_rfc3339(int64_t ns, char ret[TIME_TEXT])
{
	static const char never[] = "0001-01-01T00:00:00Z";

	return ns == 0 ? memcpy(ret, never, sizeof(never)) : time_rfc3339_known(ns, ret);
}

/* ".digits" at *s, up to nine of them; more are cut, as Go does. */
static int parse_fraction(const char **s, int64_t *ret)
{
	int64_t scale = NSEC_PER_SEC / 10, v = 0;
	const char *p = *s + 1;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++, scale /= 10)
		v += (*p - '0') * scale;
	*s = p;
	*ret = v;
	return 0;
}

/* Exactly so many digits at *s, then the character after (0: none is asked for). */
static int parse_digits(const char **s, int digits, char after, int *ret)
{
	const char *p = *s;
	int v = 0;

	for (; digits > 0; digits--, p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		v = v * 10 + (*p - '0');
	}
	if (after && *p++ != after)
		return -EINVAL;
	*s = p;
	*ret = v;
	return 0;
}

/* "Z", "+hh:mm", "-hh:mm" or nothing, which is UTC too, up to the end of the text. */
static int parse_zone(const char *s, int64_t *ret)
{
	int h = 0, m = 0, sign = *s == '-' ? -1 : 1;

	if (*s == 'Z') {
		s++;
	} else if (*s) {
		if (*s != '+' && *s != '-')
			return -EINVAL;
		s++;
		if (parse_digits(&s, 2, ':', &h) < 0 || parse_digits(&s, 2, 0, &m) < 0 || h > 23 ||
			m > 59)
			return -EINVAL;
	}
	*ret = sign * (h * 3600 + m * 60);
	return *s ? -EINVAL : 0;
}

static int parse_rfc3339(const char *s, int64_t *ret)
{
	struct date d;
	int64_t frac = 0, offset, ns;
	int h, m, sec;

	if (parse_digits(&s, 4, '-', &d.year) < 0 || parse_digits(&s, 2, '-', &d.month) < 0 ||
		parse_digits(&s, 2, 'T', &d.day) < 0 || !date_valid(d))
		return -EINVAL;
	/* a leap second (60) counts as the next one's first */
	if (parse_digits(&s, 2, ':', &h) < 0 || parse_digits(&s, 2, ':', &m) < 0 ||
		parse_digits(&s, 2, 0, &sec) < 0 || h > 23 || m > 59 || sec > 60)
		return -EINVAL;
	if (*s == '.' && parse_fraction(&s, &frac) < 0)
		return -EINVAL;
	if (parse_zone(s, &offset) < 0)
		return -EINVAL;
	ns = days_from_date(d) * 86400 + h * 3600 + m * 60 + sec - offset;
	if (__builtin_mul_overflow(ns, NSEC_PER_SEC, &ns) || __builtin_add_overflow(ns, frac, &ns))
		return -EINVAL;
	*ret = ns;
	return 0;
}

int time_parse(const char *s, int64_t *ret)
{
	int64_t sec = 0, frac = 0;
	const char *p = s;
	int negative = *p == '-';

	p += negative;
	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(sec, INT64_C(10), &sec) ||
			__builtin_add_overflow(sec, (int64_t)(*p - '0'), &sec))
			return -EINVAL;
	if (*p == '-' && !negative)
		return parse_rfc3339(s, ret);
	if (*p == '.' && parse_fraction(&p, &frac) < 0)
		return -EINVAL;
	if (*p || __builtin_mul_overflow(sec, NSEC_PER_SEC, &sec) ||
		__builtin_add_overflow(sec, frac, &sec))
		return -EINVAL;
	*ret = negative ? -sec : sec;
	return 0;
}

/* Nanoseconds of the unit at s, whose length goes to *len; 0 if it is none. */
static double unit_ns(const char *s, size_t *len)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "ns", 1 },
		{ "us", 1e3 },
		{ "ms", 1e6 },
		{ "s", 1e9 },
		{ "m", 60e9 },
		{ "h", 3600e9 },
	};

	*len = strspn(s, "hmsnu");
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strlen(units[i].name) == *len && memcmp(units[i].name, s, *len) == 0)
			return units[i].ns;
	return 0;
}

int duration_parse(const char *s, int64_t *ret)
{
	double sum = 0;

	if (strcmp(s, "0") == 0) {
		*ret = 0;
		return 0;
	}
	do {
		size_t digits = strspn(s, "0123456789."), len;
		char *end;
		double n = strtod(s, &end), unit;

		if (!digits || end != s + digits)
			return -EINVAL;
		unit = unit_ns(end, &len);
		if (unit == 0)
			return -EINVAL;
		sum += n * unit;
		s = end + len;
	} while (*s);
	if (!(sum >= 0 && sum < 9e18))
		return -EINVAL;
	*ret = (int64_t)sum;
	return 0;
}

/* n / unit with the fraction's digits that are needed. Returns the end of the text. */
static char *print_unit(char *to, const char *end, int64_t n, int64_t unit, const char *name)
{
	int64_t rest = n % unit;

	to += snprintf(to, (size_t)(end - to), "%lld%s", (long long)(n / unit), rest ? "." : "");
	for (; rest; rest %= unit) {
		rest *= 10;
		*to++ = (char)('0' + rest / unit);
	}
	return to + snprintf(to, (size_t)(end - to), "%s", name);
}

char *duration_print(int64_t ns, char ret[DURATION_TEXT])
{
	const int64_t minute = 60 * NSEC_PER_SEC, hour = 60 * minute;
	const char *end = ret + DURATION_TEXT - 1; /* longer than any */
	char *to = ret;

	if (ns >= hour)
		to = print_unit(to, end, ns / hour, 1, "h");
	if (ns >= minute)
		to = print_unit(to, end, ns % hour / minute, 1, "m");
	if (ns == 0 || ns >= NSEC_PER_SEC)
		(void)print_unit(to, end, ns % minute, NSEC_PER_SEC, "s");
	else if (ns >= NSEC_PER_MSEC)
		(void)print_unit(to, end, ns, NSEC_PER_MSEC, "ms");
	else
		(void)print_unit(to, end, ns, 1000, "us");
	return ret;
}
