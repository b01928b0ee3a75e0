/* base/timefmt.h - points in time as nanoseconds since 1970 (UTC); 0 means "never". Durations are
 * nanoseconds, too. */
#pragma once

#include <stdint.h>

#define NSEC_PER_SEC  INT64_C(1000000000)
#define NSEC_PER_MSEC INT64_C(1000000)

int64_t time_now(void);       /* CLOCK_REALTIME */
int64_t time_monotonic(void); /* CLOCK_MONOTONIC */

#define TIME_TEXT 40
/* RFC3339 with nanoseconds, trailing zeros of the fraction cut, as Go's RFC3339Nano; 0 gives
 * "0001-01-01T00:00:00Z". */
char *time_rfc3339(int64_t ns, char ret[TIME_TEXT]);
/* The same of a time that is known: 0 gives "1970-01-01T00:00:00Z". */
char *time_rfc3339_known(int64_t ns, char ret[TIME_TEXT]);
/* The same with all nine digits, as `docker logs -t` shows them. */
char *time_rfc3339_fixed(int64_t ns, char ret[TIME_TEXT]);
/* "sec", "sec.frac" (up to nine digits) or RFC3339 with Z or an offset. 0 or -EINVAL. */
int time_parse(const char *s, int64_t *ret);

#define DURATION_TEXT 32
/* As Go prints durations: "1h30m0s", "1.5s", "500ms", "0s". Not negative. */
char *duration_print(int64_t ns, char ret[DURATION_TEXT]);
/* "1h30m", "500ms", "1.5s", "0", as Go writes durations; none is negative. 0 or -EINVAL. */
int duration_parse(const char *s, int64_t *ret);
