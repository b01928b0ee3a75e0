/* The options of HEALTHCHECK. */
#include <string.h>

#include "base/str.h"
#include "base/timefmt.h"
#include "dockerfile/instruction.h"

static int retries(struct df_health *h, const char *value, struct err *err)
{
	int64_t n;

	if (str_to_i64(value, &n) < 0 || n > INT32_MAX)
		return err_set(
			err, ERR_INVALID, EINVAL, "--retries: \"%.100s\" is not a number", value);
	if (n < 0)
		return err_set(
			err, ERR_INVALID, EINVAL, "--retries cannot be negative (%.20s)", value);
	h->retries = n;
	return 0;
}

int health_option(struct df_health *h, const char *name, const char *value, struct err *err)
{
	const struct {
		const char *name;
		int64_t *ns;
	} durations[] = {
		{ "interval", &h->interval },
		{ "timeout", &h->timeout },
		{ "start-period", &h->start_period },
		{ "start-interval", &h->start_interval },
	};
	int64_t ns;

	if (str_eq(name, "retries"))
		return *value ? retries(h, value, err) : 0;
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		if (!str_eq(durations[i].name, name) || !*value)
			continue;
		if (duration_parse(value, &ns) < 0)
			return err_set(err, ERR_INVALID, EINVAL,
				"time: invalid duration \"%.100s\"", value);
		if (ns && ns < NSEC_PER_MSEC)
			return err_set(err, ERR_INVALID, EINVAL,
				"Interval \"%s\" cannot be less than 1ms", name);
		*durations[i].ns = ns;
	}
	return 0;
}
