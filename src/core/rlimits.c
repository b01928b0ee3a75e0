#include "core/rlimits.h"

#include <stdint.h>

#include "base/str.h"
#include "core/config.h"
#include "core/words.h"

int rlimits_check(const struct jlist *ulimits, struct err *err)
{
	static const char *const known[] = { "core", "cpu", "data", "fsize", "locks", "memlock",
		"msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending",
		"stack", NULL };
	const struct ulimit *u = ulimits->items;

	for (size_t i = 0; i < ulimits->count; i++, u++) {
		if (str_empty(u->name) || !word_among(known, u->name))
			return err_set(err, ERR_INVALID, EINVAL, "invalid ulimit type: %s",
				u->name ? u->name : "");
		if (u->soft < -1 || u->hard < -1)
			return err_set(
				err, ERR_INVALID, EINVAL, "invalid ulimit value: %s", u->name);
		if (u->hard != -1 && (u->soft == -1 || u->soft > u->hard))
			return err_set(err, ERR_INVALID, EINVAL,
				"ulimit soft limit must be less than or equal to hard limit: %lld > %lld",
				(long long)u->soft, (long long)u->hard);
	}
	return 0;
}
