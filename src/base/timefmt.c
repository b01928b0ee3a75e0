#include "base/timefmt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/* Writes up to the seconds; returns the length. */
static int format_seconds(int64_t ns, char ret[TIME_TEXT])
{
	time_t sec = (time_t)(ns / NSEC_PER_SEC);
	struct tm tm;

	if (ns % NSEC_PER_SEC < 0)
		sec--;
	(void)gmtime_r(&sec, &tm);
	return (int)strftime(ret, TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
}

static long fraction(int64_t ns)
{
	long f = (long)(ns % NSEC_PER_SEC);

	return f < 0 ? f + (long)NSEC_PER_SEC : f;
}

char *time_rfc3339_fixed(int64_t ns, char ret[TIME_TEXT])
{
	int n = format_seconds(ns, ret);

	(void)snprintf(ret + n, (size_t)(TIME_TEXT - n), ".%09ldZ", fraction(ns));
	return ret;
}

char *time_rfc3339(int64_t ns, char ret[TIME_TEXT])
{
	char *end;

	if (ns == 0)
		return strcpy(ret, "0001-01-01T00:00:00Z");
	(void)time_rfc3339_fixed(ns, ret);
	end = ret + strlen(ret) - 2; /* the last digit before Z */
	while (*end == '0')
		end--;
	if (*end == '.')
		end--;
	end[1] = 'Z';
	end[2] = '\0';
	return ret;
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

static int parse_rfc3339(const char *s, int64_t *ret)
{
	struct tm tm = { 0 };
	int64_t frac = 0, offset = 0, sec;
	char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	const char *p = end;

	if (!p)
		return -EINVAL;
	if (*p == '.' && parse_fraction(&p, &frac) < 0)
		return -EINVAL;
	if (*p == '+' || *p == '-') {
		unsigned h, m;
		int used = 0;

		if (sscanf(p + 1, "%2u:%2u%n", &h, &m, &used) != 2 || used != 5 || h > 23 || m > 59)
			return -EINVAL;
		offset = (int64_t)(h * 3600 + m * 60) * (*p == '-' ? -1 : 1);
		p += 6;
	} else if (*p == 'Z') {
		p++;
	}
	if (*p)
		return -EINVAL;
	sec = (int64_t)timegm(&tm) - offset;
	if (__builtin_mul_overflow(sec, NSEC_PER_SEC, &sec))
		return -EINVAL;
	*ret = sec + frac;
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
