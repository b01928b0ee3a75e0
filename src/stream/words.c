#include "base/timefmt.h"
#include "stream/stream.h"

const char *word_get(char *const *words, const char *key)
{
	int i = strv_find_key(words, key, strlen(key));
	const char *value = i < 0 ? NULL : words[i] + strlen(key) + 1;

	return str_empty(value) ? NULL : value;
}

bool word_flag(char *const *words, const char *key)
{
	const char *value = word_get(words, key);

	return value && str_eq(value, "1");
}

int word_time(char *const *words, const char *key, int64_t *ret, struct err *err)
{
	const char *value = word_get(words, key);

	*ret = 0;
	if (value && time_parse(value, ret) < 0)
		return err_set(
			err, ERR_INVALID, EINVAL, "invalid value for \"%s\": %s", key, value);
	return value != NULL;
}
