/* A status record; what was read and is written again reads the same. */
#include <assert.h>
#include <stdint.h>

#include "base/alloc.h"
#include "state/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xstrndup((const char *)data, size);
	struct status st = { 0 }, again = { 0 };
	auto_buf struct buf out = { 0 }, out2 = { 0 };

	if (status_parse(text, &st) < 0)
		return 0;
	assert(st.state < RUN_STATE_COUNT);
	status_print(&out, &st);
	assert(status_parse(out.data, &again) == 0);
	status_print(&out2, &again);
	assert(str_eq(out.data, out2.data));
	return 0;
}
