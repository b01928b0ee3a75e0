/* The body of a create request: read, checked, completed and written. */
#include <assert.h>
#include <stdint.h>

#include "base/alloc.h"
#include "base/str.h"
#include "core/container_create.h"
#include "json/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *body = xstrndup((const char *)data, size);
	auto_create_request struct create_request q = { 0 };
	auto_json json_object *written = NULL;
	auto_buf struct buf out = { 0 };
	const struct image image = { .id = (char[]){ "sha256:0" } };
	struct err err = { 0 };

	if (create_request_read(body, 47, &q, &err) < 0 ||
		create_request_settle(&q, NULL, NULL, 47, &err) < 0) {
		assert(err.sys > 0 && err.msg[0]); /* every refusal explains itself */
		return 0;
	}
	create_request_write(&out, &q, "0123456789abcdef", "name", 1, &image);
	assert(json_parse(out.data, out.len, &written, &err) == 0);
	return 0;
}
