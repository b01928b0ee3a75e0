#include "core/caps.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/capability.h>

#include "base/alloc.h"
#include "base/str.h"

uint64_t caps_all(void)
{
	cap_value_t n = cap_max_bits();

	return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* The number of "CAP_X", or -1. */
static int cap_number(const char *name)
{
	cap_value_t v;

	if (cap_from_name(name, &v) < 0 || v < 0 || v > 63)
		return -1;
	return v;
}

static int normalise(char **name, const char *field, struct err *err)
{
	auto_free char *full = NULL;

	if (strcasecmp(*name, "ALL") == 0 || strcasecmp(*name, "CAP_ALL") == 0) {
		free(*name);
		*name = xstrdup("ALL");
		return 0;
	}
	full = strncasecmp(*name, "CAP_", 4) == 0 ? xstrdup(*name) : xasprintf("CAP_%s", *name);
	for (char *p = full; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	/* libcap also takes numbers; Docker's API does not */
	if (isdigit((unsigned char)full[4]) || cap_number(full) < 0)
		return err_set(err, ERR_INVALID, EINVAL, "invalid %s: unknown capability: \"%s\"",
			field, *name);
	free(*name);
	*name = take_ptr(&full);
	return 0;
}

int caps_normalise(char **list, const char *field, struct err *err)
{
	for (; list && *list; list++) {
		int r = normalise(list, field, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static uint64_t caps_of(char *const *names)
{
	uint64_t set = 0;

	for (; names && *names; names++) {
		int n = cap_number(*names);

		if (n >= 0)
			set |= UINT64_C(1) << n;
	}
	return set;
}

uint64_t caps_effective(char *const *add, char *const *drop, bool privileged)
{
	bool add_all = strv_has(add, "ALL"), drop_all = strv_has(drop, "ALL");

	if (privileged)
		return caps_all();
	if (add_all)
		return caps_all() & ~caps_of(drop);
	if (drop_all)
		return caps_of(add) & caps_all();
	return ((CAPS_DEFAULT & ~caps_of(drop)) | caps_of(add)) & caps_all();
}
