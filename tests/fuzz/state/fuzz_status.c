/* A status record, its sum made right; what was read and is written again reads the same. */
#include <assert.h>
#include <stdint.h>

#include "base/alloc.h"
#include "state/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *lines = xstrndup((const char *)data, size);
	auto_free char *record = xasprintf("%s\n", lines);
	auto_free char *text = xasprintf("%ssum=%016llx\n", record,
		(unsigned long long)status_checksum(record, strlen(record)));
	struct status st = { 0 }, again = { 0 };
	auto_buf struct buf out = { 0 }, out2 = { 0 };

	if (status_parse(text, &st) < 0)
		return 0;
	assert(st.state < RUN_STATE_COUNT);
	status_print(&out, &st, 1);
	assert(status_parse(out.data, &again) == 0);
	status_print(&out2, &again, 1);
	assert(str_eq(out.data, out2.data));
	return 0;
}
