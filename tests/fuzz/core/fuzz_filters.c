/* The filters parameter, in both encodings. */
#include <assert.h>
#include <stdint.h>

#include "base/alloc.h"
#include "core/filters.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const keys[] = { "name", "label", "dangling", NULL };
	auto_free char *text = xstrndup((const char *)data, size);
	auto_filters struct filters *f = NULL;
	struct err err = { 0 };
	int yes;

	if (filters_parse(text, keys, &f, &err) < 0) {
		assert(err.sys > 0 && err.msg[0]);
		return 0;
	}
	(void)filters_match_pattern(f, "name", "/some_name.of-it");
	(void)filters_bool(f, "dangling", &yes, &err);
	return 0;
}
