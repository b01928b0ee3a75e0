/* A control message: anybody who can open the socket can send one. */
#include <assert.h>
#include <stdint.h>

#include "base/fd.h"
#include "state/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_wire struct wire_msg m = { .fd = FD_NONE };

	if (wire_decode(data, size, &m) < 0)
		return 0;
	assert(m.op);
	for (size_t i = 0; m.words[i]; i++)
		assert(i < WIRE_WORDS);
	assert(m.blob_len <= size);
	(void)wire_flag(&m, "stream");
	(void)wire_int(&m, "signal", 0);
	return 0;
}
