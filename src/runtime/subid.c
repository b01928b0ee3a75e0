#include "runtime/subid.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

static int parse_u32(const char *s, uint32_t *ret)
{
	uint64_t n;

	if (str_to_u64(s, &n) < 0 || n > UINT32_MAX)
		return -1;
	*ret = (uint32_t)n;
	return 0;
}

/* "owner:start:count" */
static int parse_line(char *line, const char *name, uint32_t uid, struct subid_range *ret)
{
	char *start = strchr(line, ':'), *count = start ? strchr(start + 1, ':') : NULL;
	uint32_t owner;

	if (!count)
		return -1;
	*start++ = '\0';
	*count++ = '\0';
	if (!(name && str_eq(line, name)) && !(parse_u32(line, &owner) == 0 && owner == uid))
		return -1;
	if (parse_u32(start, &ret->start) < 0 || parse_u32(count, &ret->count) < 0)
		return -1;
	return ret->count && ret->start && ret->start <= UINT32_MAX - ret->count ? 0 : -1;
}

size_t subid_parse(
	const char *text, const char *name, uint32_t uid, struct subid_range ret[SUBID_MAX])
{
	size_t found = 0;

	while (*text && found < SUBID_MAX) {
		const char *end = strchrnul(text, '\n');
		auto_free char *line = xstrndup(text, (size_t)(end - text));

		if (parse_line(line, name, uid, &ret[found]) == 0)
			found++;
		text = *end ? end + 1 : end;
	}
	return found;
}
