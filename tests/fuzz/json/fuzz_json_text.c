/* Any JSON text; what is accepted and written again is accepted again, and the same. */
#include <assert.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/str.h"
#include "json/text.h"

static void print(struct buf *out, json_object *value)
{
	struct jsonw w = JSONW(out);

	json_write(&w, NULL, value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_json json_object *value = NULL, *again = NULL;
	auto_buf struct buf out = { 0 }, out2 = { 0 };
	struct err err = { 0 };

	if (json_parse((const char *)data, size, &value, &err) < 0) {
		assert(err.sys > 0 && err.msg[0]);
		return 0;
	}
	print(&out, value);
	assert(json_parse(out.data, out.len, &again, &err) == 0);
	print(&out2, again);
	assert(str_eq(out.data, out2.data));
	return 0;
}
