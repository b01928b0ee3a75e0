#include "core/detach_keys.h"

#include <string.h>

#include "base/str.h"

#define KEYS_MAX 16 /* far more than anyone types */

static bool key_valid(const char *key)
{
	static const char prefix[] = "ctrl-";

	if (strlen(key) == 1)
		return true;
	if (!str_starts(key, prefix) || strlen(key) != sizeof(prefix))
		return false;
	key += sizeof(prefix) - 1;
	return (*key >= 'a' && *key <= 'z') || strchr("@[\\]^_", *key);
}

int detach_keys_check(const char *keys, struct err *err)
{
	auto_strv char **parts = strv_split(keys, ',');
	size_t n = 0;

	if (!*keys)
		return 0;
	for (; parts[n]; n++)
		if (!key_valid(parts[n]) || n == KEYS_MAX)
			return err_set(err, ERR_INVALID, EINVAL,
				"Invalid detach keys (%s) provided", keys);
	return 0;
}
