/* Points in time as clients write them; what was understood reads the same when written again. */
#include <assert.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/timefmt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	char again[TIME_TEXT];
	int64_t ns, back;

	if (time_parse(text, &ns) < 0)
		return 0;
	if (ns >=
		INT64_MIN / NSEC_PER_SEC * NSEC_PER_SEC) { /* the first second of all is cut off */
		assert(time_parse(time_rfc3339_fixed(ns, again), &back) == 0 && back == ns);
		assert(ns == 0 || (time_parse(time_rfc3339(ns, again), &back) == 0 && back == ns));
	}
	return 0;
}
