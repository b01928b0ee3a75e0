/* Lines of a log: ours, Docker's, or what a crash left of them. The first byte tells where the input is
 * cut into two lines, since the decoder remembers how the last one ended. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "state/logrecord.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of its own for each line, so that a step past its end is seen. */
static bool decode(struct log_decoder *d, const uint8_t *data, size_t size)
{
	auto_free char *line = xmemdup(data, size);
	struct log_record rec = { 0 };

	if (!log_decode(d, line, size, &rec))
		return false;
	assert(rec.text >= line && rec.text + rec.len <= line + size);
	assert(!rec.attrs || (rec.attrs >= line && rec.attrs + rec.attrs_len <= line + size));
	assert(rec.stream == STREAM_STDOUT || rec.stream == STREAM_STDERR);
	return true;
}

/* What is remembered of one line must not change what the next one means. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log_decoder both = { 0 }, fresh = { 0 };
	size_t cut = size ? data[0] % size : 0;

	(void)decode(&both, data, cut);
	assert(decode(&both, data + cut, size - cut) == decode(&fresh, data + cut, size - cut));
	assert(decode(&both, data + cut, size - cut) == decode(&fresh, data + cut, size - cut));
	return 0;
}
